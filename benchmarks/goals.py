"""What the benchmark must show, and whether it does.

What belongs here: each goal's figure, computed from the medians of raw measurements, and its bound. What does not: how
they are shown.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from benchmarks import commands, history, late
from benchmarks.job import Outcome
from benchmarks.results import Measured

State = Literal["met", "missed", "not measured"]
Figure = Callable[[Outcome], float | None]

_MB: Final = 1_000_000


PLATFORM: Final = "platform"
REFERENCE: Final = "reference"
FLOOR: Final = "floor"
PANDAS: Final = "pandas"
PANDAS_TO_SQL: Final = "pandas to_sql"

_WAYS_OF_PANDAS: Final = {PANDAS: "CSV text into COPY", PANDAS_TO_SQL: "`to_sql`"}
"""The public solutions go either way; a bound holds for both."""

_LARGE: Final = "50-files"
_TINY: Final = "50000-files"
_TEN_TIMES: Final = "24-million"
_YEAR: Final = "year"
_CORRECTION: Final = "correction"
_LATE_FILE: Final = "late-file"
_COMMANDS: Final = {commands.RUN: 8.0, commands.MATERIALIZE: 12.0, commands.HELP: 0.3, commands.STATUS: 1.5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A goal and what was found.

    Attributes:
        measure: what is measured, and on which input.
        wanted: the bound, for people.
        found: the figure; `None` where its cases were not measured.
        bound: what the figure is held to.
        at_least: the figure has to reach the bound, not to stay within it.
        unit: of the figure: `x`, `s` or `MB`.
        case: whose profile explains a miss.
    """

    measure: str
    wanted: str
    found: float | None
    bound: float
    at_least: bool = False
    unit: str = "x"
    case: str

    @property
    def state(self) -> State:
        """Whether the goal is met."""
        if self.found is None:
            return "not measured"
        return "met" if (self.found >= self.bound if self.at_least else self.found <= self.bound) else "missed"


def inside(run: Outcome) -> float:
    """Seconds of the whole job, without the start of a process."""
    return run.seconds


def raw_load(run: Outcome) -> float | None:
    """Seconds until the readings are stored and indexed."""
    return run.raw_seconds


def whole_command(run: Outcome) -> float | None:
    """Seconds of the whole command."""
    return run.command_seconds


def peak(run: Outcome) -> float | None:
    """Bytes that the process held at most."""
    return run.peak_rss or None


def around(run: Outcome) -> float | None:
    """Seconds of a command that are not inside the run."""
    return None if run.command_seconds is None else run.command_seconds - run.seconds


def ratio(above: float | None, below: float | None) -> float | None:
    """One figure in terms of another, where there are both."""
    return None if above is None or not below else above / below


def goals(cases: Mapping[str, Measured]) -> Iterator[Goal]:
    """Every goal, in the order of the report."""

    def found(case: str, contender: str, figure: Figure = inside) -> float | None:
        return cases[case].median(contender, figure) if case in cases else None

    def per_reading(case: str) -> float | None:
        return ratio(found(case, PLATFORM), cases[case].amount["readings"]) if case in cases else None

    def faster_than_pandas(case: str, measure: str, bound: int) -> Iterator[Goal]:
        for name, how in _WAYS_OF_PANDAS.items():
            yield Goal(
                measure=measure,
                wanted=f"≥ {bound} x faster than pandas, {how}",
                found=ratio(found(case, name), found(case, PLATFORM)),
                bound=bound,
                at_least=True,
                case=case,
            )

    yield Goal(
        measure="2.4 M in 50 files, time inside the run",
        wanted="≤ 1.25 x reference",
        found=ratio(found(_LARGE, PLATFORM), found(_LARGE, REFERENCE)),
        bound=1.25,
        case=_LARGE,
    )
    yield from faster_than_pandas(_LARGE, "2.4 M in 50 files, time inside the run", 8)
    yield Goal(
        measure="raw load alone, 2.4 M in 50 files",
        wanted="≤ 1.6 x floor",
        found=ratio(found(_LARGE, PLATFORM, raw_load), found(_LARGE, FLOOR, raw_load)),
        bound=1.6,
        case=_LARGE,
    )
    yield from faster_than_pandas(_TINY, "2.4 M in 50,000 files, time inside the run", 12)
    yield Goal(
        measure="2.4 M in 50,000 files, time inside the run",
        wanted="≤ 2 x the 50-file case",
        found=ratio(found(_TINY, PLATFORM), found(_LARGE, PLATFORM)),
        bound=2,
        case=_TINY,
    )
    yield Goal(
        measure="24 M in 50 files, time per reading",
        wanted="≤ 1.15 x that at 2.4 M",
        found=ratio(per_reading(_TEN_TIMES), per_reading(_LARGE)),
        bound=1.15,
        case=_TEN_TIMES,
    )
    yield Goal(
        measure="24 M in 50 files, peak RSS of the platform's process",
        wanted="≤ 800 MB",
        found=ratio(found(_TEN_TIMES, PLATFORM, peak), _MB),
        bound=800,
        unit="MB",
        case=_TEN_TIMES,
    )
    yield Goal(
        measure="24 M in 50 files, peak RSS of the platform's process",
        wanted="≤ 1.2 x that at 2.4 M",
        found=ratio(found(_TEN_TIMES, PLATFORM, peak), found(_LARGE, PLATFORM, peak)),
        bound=1.2,
        case=_TEN_TIMES,
    )
    yield Goal(
        measure="365 dates x 100 meterpoints, one ranged run, whole command",
        wanted="≤ 60 s, all tables",
        found=found(_YEAR, PLATFORM, whole_command),
        bound=60,
        unit="s",
        case=_YEAR,
    )
    yield Goal(
        measure="`dagster asset materialize`, 2.4 M in 50 files, whole command less the time inside the run",
        wanted="≤ 5 s",
        found=found(_LARGE, PLATFORM, around),
        bound=5,
        unit="s",
        case=_LARGE,
    )
    yield Goal(
        measure="one corrected reading in a date of 48 M, all tables right, inside the run",
        wanted="≤ 10 s",
        found=found(_CORRECTION, late.LATE),
        bound=10,
        unit="s",
        case=_CORRECTION,
    )
    yield Goal(
        measure="a late file of 1 % of the meterpoints in a date of 24 M, inside the run",
        wanted="≤ 0.1 x the first load",
        found=ratio(found(_LATE_FILE, late.LATE), found(_LATE_FILE, late.FIRST_LOAD)),
        bound=0.1,
        case=_LATE_FILE,
    )
    yield from _of_history(found)
    for command, seconds in _COMMANDS.items():
        yield Goal(
            measure=f"`{command}`, on the sample, warm",
            wanted=f"< {seconds:g} s",
            found=found(commands.NAME, command),
            bound=seconds,
            unit="s",
            case=commands.NAME,
        )


def _of_history(found: Callable[..., float | None]) -> Iterator[Goal]:
    """Time and memory with a million known files."""
    least, most = history.KNOWN[0], history.KNOWN[-1]
    files = f"{most:,} known files in dated folders"

    def of(what: str, known: int, figure: Figure = inside) -> float | None:
        return found(history.NAME, history.contender(what, known), figure)

    with_many, with_none = of(history.NEW_TICK, most), of(history.NEW_TICK, least)
    yield Goal(
        measure=f"tick with nothing new, {files}",
        wanted="≤ 1 s",
        found=of(history.QUIET_TICK, most),
        bound=1,
        unit="s",
        case=history.NAME,
    )
    yield Goal(
        measure=f"tick with nothing new, {files}: what it adds to the process's memory",
        wanted="≤ 200 MB",
        found=ratio(of(history.QUIET_TICK, most, peak), _MB),
        bound=200,
        unit="MB",
        case=history.NAME,
    )
    yield Goal(
        measure=f"tick with 1,000 new files, {files}",
        wanted="≤ 1 s more than with none known",
        found=None if with_many is None or with_none is None else with_many - with_none,
        bound=1,
        unit="s",
        case=history.NAME,
    )
    yield Goal(
        measure=f"a date of 6,000 readings, {files}, time inside the run",
        wanted="≤ 1.2 x that with none",
        found=ratio(of(history.RUN, most), of(history.RUN, least)),
        bound=1.2,
        case=history.NAME,
    )
