"""What a goal is, and the figures that goals are made of.

What belongs here: a goal, its bound, its state, and figures of single runs. What does not: which goals there are (each case's
module has its own), how they are shown (`report.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from benchmarks.job import Outcome
from benchmarks.results import Measured

State = Literal["met", "missed", "not measured"]
Figure = Callable[[Outcome], float | None]

MB: Final = 1_000_000

PLATFORM: Final = "platform"
REFERENCE: Final = "reference"
FLOOR: Final = "floor"
PANDAS: Final = "pandas"
PANDAS_TO_SQL: Final = "pandas to_sql"
DUCKDB: Final = "duckdb alone"
POLARS: Final = "polars"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A goal and what was found.

    Attributes:
        measure: what is measured, and on which input.
        wanted: the bound, for people.
        found: the figure; `None` where its cases were not measured.
        bound: what the figure is held to.
        at_least: the figure has to reach the bound, not to stay within it.
        unit: of the figure: `x`, `s`, `MB`, or what is counted.
        case: whose profile and whose paragraph in `notes.md` explain a miss.
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


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured, as goals ask for it.

    Attributes:
        cases: every case that was measured, by its name.
    """

    cases: Mapping[str, Measured]

    def median(self, case: str, contender: str, figure: Figure | None = None) -> float | None:
        """The median of a figure, the seconds of the whole job without one; `None` where nothing was measured."""
        return self.cases[case].median(contender, figure or inside) if case in self.cases else None

    def per_reading(self, case: str) -> float | None:
        """Seconds of the platform's whole job for each reading."""
        return ratio(self.median(case, PLATFORM), self.amount(case, "readings"))

    def amount(self, case: str, of: str) -> float | None:
        """How much input a case had; `None` where nothing was measured."""
        return self.cases[case].amount[of] if case in self.cases else None


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


def requests(run: Outcome) -> float | None:
    """How often an object store was asked."""
    return run.requests


def on_disk(run: Outcome) -> float | None:
    """Bytes that the readings take on the server's disk, with their key."""
    return run.stored_bytes


def around(run: Outcome) -> float | None:
    """Seconds of a command that are not inside the run."""
    return None if run.command_seconds is None else run.command_seconds - run.seconds


def ratio(above: float | None, below: float | None) -> float | None:
    """One figure in terms of another, where there are both."""
    return None if above is None or not below else above / below


def more(figure: float | None, than: float | None) -> float | None:
    """By how much one figure is more than another, where there are both."""
    return None if figure is None or than is None else figure - than
