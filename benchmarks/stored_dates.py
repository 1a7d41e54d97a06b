"""How long the run of a date takes, against the number of dates that are stored already.

What belongs here: histories of stored dates, of a few meterpoints each, and what is measured on them. What does not: known
files (`history.py`), large dates.

Each history is the one before, made longer by the platform's own ranged runs: tables, partitions, notes and Dagster's
events are those that years leave behind.
"""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from benchmarks.curves import along
from benchmarks.goals import Found, Goal, ratio, whole_command
from benchmarks.job import Outcome
from benchmarks.new_dates import run_new_dates
from benchmarks.results import Measured
from benchmarks.session import Log
from benchmarks.workplace import Workplace
from meter_platform.sample.plan import SamplePlan

NAME: Final = "dates"
TITLE: Final = "Stored dates: the run of a date of 6,000 readings"

UNIT: Final = "stored dates"
STORED: Final = (0, 365, 1_095)
RUN: Final = "a run of 6,000 readings"

_FIRST: Final = date(2021, 1, 1)
_MEASURED: Final = date(2024, 1, 1)
"""From here on are the dates that are measured, after the whole history."""

_METERPOINTS: Final = 125
_LONGEST_RANGE: Final = 365


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Attributes:
        stored: numbers of dates that are stored, in order.
        meterpoints: of each stored date.
    """

    stored: Sequence[int] = STORED
    meterpoints: int = 10


QUICK: Final = Size(stored=(0, 5, 14), meterpoints=2)
"""To see that everything works."""


def goals(found: Found) -> Iterator[Goal]:
    """A date costs what the first one cost."""
    least, most = STORED[0], STORED[-1]
    for measure, figure in (("time inside the run", None), ("whole command", whole_command)):
        yield Goal(
            measure=f"a date with {most:,} stored dates, {measure}",
            wanted="≤ 1.1 x the first date",
            found=ratio(
                found.median(NAME, along(RUN, most, UNIT), figure), found.median(NAME, along(RUN, least, UNIT), figure)
            ),
            bound=1.1,
            case=NAME,
        )


def measure(place: Workplace, *, size: Size, repeats: int, log: Log) -> Measured:
    """Measures each history.

    Raises:
        CommandFailedError: with the end of what a run printed.
    """
    readings = place.scratch / "dates"
    shutil.rmtree(readings, ignore_errors=True)
    readings.mkdir()
    outcomes: dict[str, list[Outcome]] = {}
    place.clear()
    try:
        # The first run reads programs and tables from disk. It is taken away again, so that nothing is stored.
        _run(place, readings, _MEASURED, _MEASURED, _METERPOINTS)
        place.clear()
        shutil.rmtree(readings)
        readings.mkdir()
        measured = _MEASURED
        before = 0
        for stored in size.stored:
            log(f"{TITLE}: {stored:,} stored dates")
            while before < stored:
                longer = min(stored, before + _LONGEST_RANGE)
                first, last = _FIRST + timedelta(days=before), _FIRST + timedelta(days=longer - 1)
                _run(place, readings, first, last, size.meterpoints)
                before = longer
            for _ in range(repeats):
                outcome = _run(place, readings, measured, measured, _METERPOINTS)
                outcomes.setdefault(along(RUN, stored, UNIT), []).append(outcome)
                log(f"  {outcome.seconds:.2f} s, whole command {outcome.command_seconds:.2f} s")
                measured += timedelta(days=1)
    finally:
        shutil.rmtree(readings, ignore_errors=True)
        place.clear()
    amount = {"meterpoints of each stored date": size.meterpoints}
    return Measured.now(NAME, title=TITLE, amount=amount, outcomes=outcomes, skipped={}, url=place.url)


def _run(place: Workplace, readings: Path, first: date, last: date, meterpoints: int) -> Outcome:
    return run_new_dates(place, readings, SamplePlan(meterpoints=meterpoints, first=first, last=last, files=1))
