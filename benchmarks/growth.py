"""How time grows with the size of a date, and with the number of dates in a range: the platform, the script, who does less.

What belongs here: the sizes, and the goal on Dagster's own share. What does not: growth with what is stored already
(`history.py`, `stored_dates.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from benchmarks import session
from benchmarks.curves import along
from benchmarks.goals import DUCKDB, PLATFORM, POLARS, REFERENCE, Found, Goal, around, more
from benchmarks.inputs import Case
from benchmarks.job import Outcome
from benchmarks.results import Measured
from benchmarks.session import Log
from benchmarks.workplace import Workplace

SIZES: Final = "sizes"
RANGES: Final = "ranges"
READINGS: Final = "readings"
DATES: Final = "dates"

_FIRST: Final = date(2021, 1, 1)
_HALF_HOURS: Final = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """A case of several sizes.

    Attributes:
        name: on the command line.
        title: in the report.
        unit: what is counted along the sizes.
        inputs: the input of each size.
        contenders: those that take part.
    """

    name: str
    title: str
    unit: str
    inputs: Mapping[int, Case]
    contenders: Sequence[str]


def _sizes(*meterpoints: int) -> Growth:
    inputs = {
        number * _HALF_HOURS: Case(name=f"{SIZES}-{number}", title="", meterpoints=number, files=min(50, number))
        for number in meterpoints
    }
    return Growth(
        name=SIZES,
        title="A date, by its readings",
        unit=READINGS,
        inputs=inputs,
        contenders=(PLATFORM, REFERENCE, DUCKDB, POLARS),
    )


def _ranges(*dates: int) -> Growth:
    inputs = {
        number: Case(
            name=f"{RANGES}-{number}",
            title="",
            meterpoints=100,
            files="per_meterpoint",
            last=_FIRST + timedelta(days=number - 1),
        )
        for number in dates
    }
    return Growth(
        name=RANGES,
        title="A range of 100 meterpoints, by its dates",
        unit=DATES,
        inputs=inputs,
        contenders=(PLATFORM, REFERENCE, DUCKDB, POLARS),
    )


CASES: Final = {case.name: case for case in (_sizes(500, 5_000, 20_000, 50_000), _ranges(2, 7, 30, 120, 365))}
QUICK: Final = {case.name: case for case in (_sizes(20, 100), _ranges(2, 4))}
"""To see that everything works."""


def goals(found: Found) -> Iterator[Goal]:
    """Dagster's own share does not grow with the range."""
    few, *_, most = (found.median(RANGES, along(PLATFORM, number, DATES), around) for number in CASES[RANGES].inputs)
    yield Goal(
        measure="Dagster's own share of a year's range: what its command takes outside of the run, less that of two dates",
        wanted="≤ 3 s",
        found=more(most, few),
        bound=3,
        unit="s",
        case=RANGES,
    )


def measure(growth: Growth, cache: Path, place: Workplace, *, repeats: int, log: Log) -> Measured:
    """Measures every size.

    Raises:
        ContenderFailedError: with the end of what it printed.
        WrongFiguresError: contenders disagree with each other or with the input.
    """
    outcomes: dict[str, list[Outcome]] = {}
    for size, case in growth.inputs.items():
        log(f"{growth.title}: {size:,} {growth.unit}")
        of_size = session.in_turn(case, growth.contenders, cache, place, repeats=repeats, log=log)
        outcomes |= {along(name, size, growth.unit): runs for name, runs in of_size.items()}
    return Measured.now(growth.name, title=growth.title, amount={}, outcomes=outcomes, skipped={}, url=place.url)
