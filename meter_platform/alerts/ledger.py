"""What has been told of which incident, by which channel, and what is due: one message when it begins, one when it is over.

What belongs here: the rules, as pure functions of what is known and of the time. What does not: sending (`delivery.py`),
finding incidents, and where the ledger is kept.

A message that could not be delivered is due again after pauses that grow, until it has been tried often enough. What
begins and ends before it could be told at all is told in one message, or, where nothing was tried, not at all.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from meter_platform.alerts.incident import Incident

SETTLED: Final = timedelta(minutes=5)
"""How long an incident has to be gone to be over: what comes and goes is one incident, and two messages."""

FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=1)

MOST_TRIES: Final = 72
"""How often one message is tried, within some three days: long enough for a weekend without a mail server."""

MOST_INCIDENTS: Final = 200
"""Incidents that are kept at the same time. Whoever has more has one problem, and has been told of it."""

_MOST_DOUBLINGS: Final = 16


@dataclass(slots=True)
class Delivery:
    """How far one channel has come with one incident.

    Attributes:
        told: whether the message that it has begun was delivered.
        done: whether nothing more is to be sent.
        tries: of the message that is due now, in vain.
        next: when it may be tried again.
    """

    told: bool = False
    done: bool = False
    tries: int = 0
    next: datetime | None = None


@dataclass(slots=True)
class Entry:
    """One incident, and what has been told of it.

    Attributes:
        incident: as it was found last.
        found_at: when it was found first.
        gone_at: since when it is not found any more; None while it is.
        deliveries: by channel.
    """

    incident: Incident
    found_at: datetime
    gone_at: datetime | None = None
    deliveries: dict[str, Delivery] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notice:
    """A message that is due about one incident.

    Attributes:
        incident: what it is about.
        over_since: None where it says that the incident has begun.
        found_at: when the incident was found first; with its key it names the incident among all that ever were.
    """

    incident: Incident
    found_at: datetime
    over_since: datetime | None = None


@dataclass(slots=True)
class Ledger:
    """Every incident that is open, or whose end has not been told everywhere, by key."""

    entries: dict[str, Entry] = field(default_factory=dict)

    def update(
        self, found: Iterable[Incident], now: datetime, *, channels: Collection[str], unknown: Collection[str] = ()
    ) -> None:
        """Takes note of what is wrong now.

        Args:
            found: every incident that there is.
            now: the time.
            channels: that there are now: what another one still had to tell is forgotten.
            unknown: kinds of incidents that could not be asked for: those that are open stay open.
        """
        present = {incident.key: incident for incident in found}
        for key, incident in present.items():
            if entry := self.entries.get(key):
                entry.incident, entry.gone_at = incident, None
                if any(delivery.done for delivery in entry.deliveries.values()):
                    # Its end has been told: it has begun again, and is told again by whoever told its end.
                    entry.found_at = now
                    entry.deliveries = {name: each for name, each in entry.deliveries.items() if not each.done}
            elif len(self.entries) < MOST_INCIDENTS:
                self.entries[key] = Entry(incident, found_at=now)
        for key, entry in list(self.entries.items()):
            entry.deliveries = {name: each for name, each in entry.deliveries.items() if name in channels}
            if key not in present and entry.incident.kind not in unknown and entry.gone_at is None:
                entry.gone_at = now
            if entry.gone_at and now - entry.gone_at >= SETTLED and self._nothing_left(entry):
                del self.entries[key]

    def due(self, channel: str, now: datetime) -> list[Notice]:
        """The messages that a channel is to send now: those that were tried least come first, then the oldest."""
        found = [
            (entry.deliveries.get(channel, Delivery()).tries, entry.found_at, key)
            for key, entry in self.entries.items()
            if self._is_due(entry, channel, now)
        ]
        entries = [self.entries[key] for _, _, key in sorted(found)]
        return [Notice(entry.incident, entry.found_at, entry.gone_at) for entry in entries]

    def delivered(self, channel: str, notice: Notice) -> None:
        """Takes note that a channel has handed a message over: what it could not before may be tried again at once."""
        self._settle(channel, notice)
        for entry in self.entries.values():
            if channel in entry.deliveries:
                entry.deliveries[channel].next = None

    def failed(self, channel: str, notice: Notice, now: datetime) -> bool:
        """Takes note that a channel could not hand a message over; returns whether it is given up."""
        delivery = self._delivery(channel, notice)
        delivery.tries += 1
        pause = min(FIRST_PAUSE * 2 ** min(delivery.tries - 1, _MOST_DOUBLINGS), LONGEST_PAUSE)
        delivery.next = now + pause
        if delivery.tries < MOST_TRIES:
            return False
        self._settle(channel, notice)
        return True

    def open(self) -> list[Entry]:
        """Incidents that are not over, the oldest first."""
        return sorted((entry for entry in self.entries.values() if not entry.gone_at), key=lambda e: e.found_at)

    def is_behind(self, channel: str) -> bool:
        """Whether there is a message that a channel has tried to hand over in vain, and goes on trying."""
        return any(entry.deliveries[channel].tries for entry in self.entries.values() if channel in entry.deliveries)

    def _delivery(self, channel: str, notice: Notice) -> Delivery:
        return self.entries[notice.incident.key].deliveries.setdefault(channel, Delivery())

    def _settle(self, channel: str, notice: Notice) -> None:
        """The message is out of the way: the next one, if any, says that the incident is over."""
        entry = self.entries[notice.incident.key]
        entry.deliveries[channel] = Delivery(told=True, done=notice.over_since is not None)
        if entry.gone_at and self._nothing_left(entry):
            del self.entries[notice.incident.key]

    @staticmethod
    def _is_due(entry: Entry, channel: str, now: datetime) -> bool:
        delivery = entry.deliveries.get(channel, Delivery())
        if channel == entry.incident.not_by or delivery.done or (delivery.next and now < delivery.next):
            return False
        if entry.gone_at is None:
            return not delivery.told and now - entry.found_at >= entry.incident.tell_after
        return now - entry.gone_at >= SETTLED and (delivery.told or delivery.tries > 0)

    @staticmethod
    def _nothing_left(entry: Entry) -> bool:
        """Whether no channel that has tried to tell of an incident has still to tell that it is over."""
        return all(delivery.done for delivery in entry.deliveries.values())
