"""When a date is asked for again that was not finished by the run that was to do so.

What belongs here: which dates, and when, as a pure function of what is known. What does not: finding out what is known,
and runs (`sensors.py`).

A date that failed for a reason that may pass (a locked database, a server that restarts) is asked for again after pauses
that grow to an hour, for as long as it takes. One that failed by its input waits until the input is another. One that is
not finished for no reason on record (a run that was killed, a table that somebody dropped, other rules) is asked for at
once, and a few times more with the same pauses, but not for ever: it may be what ends the process each time.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from meter_platform.warehouse.finished import Unfinished

FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=1)

MOST_TRIES: Final = 10
"""How often a date is asked for again that is not finished for no reason on record: within five hours."""

_MOST_DOUBLINGS: Final = 16
"""Of the first pause: after so many it is longer than the longest, and larger powers of two cost time."""


@dataclass(frozen=True, slots=True)
class Tries:
    """How often a date was asked for, as the sensor's cursor keeps it.

    Attributes:
        count: how often again, after the first time.
        next: when it may be asked for again, in ISO form.
        sources: a digest of what it was asked for with, besides its files: settings, and the reference database's file.
    """

    count: int
    next: str
    sources: str

    @classmethod
    def after(cls, count: int, now: datetime, sources: str) -> "Tries":
        """What to remember of a date that has just been asked for again for the `count`th time."""
        pause = min(FIRST_PAUSE * 2 ** min(count, _MOST_DOUBLINGS), LONGEST_PAUSE)
        return cls(count, (now + pause).isoformat(), sources)

    def as_json(self) -> dict[str, Any]:
        """For the cursor."""
        return asdict(self)


@dataclass(slots=True)
class Decision:
    """What to do about dates that are not finished.

    Attributes:
        ask: those to ask for now.
        tries: what to remember of each.
        under_way: those of runs that are queued or under way.
        pausing: those that are asked for later.
        waiting: those that wait for other input.
        given_up: those that were asked for so often that nobody asks any more.
    """

    ask: list[date] = field(default_factory=list)
    tries: dict[date, Tries] = field(default_factory=dict)
    under_way: list[date] = field(default_factory=list)
    pausing: list[date] = field(default_factory=list)
    waiting: list[date] = field(default_factory=list)
    given_up: list[date] = field(default_factory=list)

    def postpone(self, days: Iterable[date], tries: Mapping[date, Tries]) -> None:
        """Leaves dates that were to be asked for to the next tick.

        Args:
            days: the dates.
            tries: what the cursor remembered of dates before this tick.
        """
        for day in days:
            self.ask.remove(day)
            self.tries.pop(day)
            if day in tries:
                self.tries[day] = tries[day]


def decide(
    days: Iterable[date],
    wrong: Mapping[date, Unfinished],
    tries: Mapping[date, Tries],
    under_way: Collection[date],
    *,
    now: datetime,
    sources: str,
) -> Decision:
    """Which dates to ask for again.

    Args:
        days: that are not finished, or have rows that wait, and brought nothing new since they were asked for.
        wrong: what is known to be wrong with dates.
        tries: what the cursor remembers.
        under_way: dates of runs that are queued or under way.
        now: the time.
        sources: see `Tries`.
    """
    decision = Decision()
    for day in days:
        state = wrong.get(day)
        before = tries.get(day)
        others = before is not None and before.sources != sources
        if day in under_way:
            decision.under_way.append(day)
        elif state and state.waits_for_input and not others:
            decision.waiting.append(day)
            # Where the sensor did not ask for it itself, it failed with what there is now, as far as anyone knows.
            before = before or Tries.after(0, now, sources)
        elif before is None or others:
            decision.ask.append(day)
            before = Tries.after(0, now, sources)
        elif before.count >= MOST_TRIES and not (state and state.failures):
            decision.given_up.append(day)
        elif now >= datetime.fromisoformat(before.next):
            decision.ask.append(day)
            before = Tries.after(before.count + 1, now, sources)
        else:
            decision.pausing.append(day)
        if before:
            decision.tries[day] = before
    return decision
