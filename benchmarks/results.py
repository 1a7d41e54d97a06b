"""Raw measurements: what was measured, when and on which machine, kept as JSON so that cases can be run one at a time.

What belongs here: the record of a case, medians over its runs, reading and writing. What does not: goals and prose.
"""

import json
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final, Self

import psycopg

from benchmarks.job import Outcome
from meter_platform.embedded_postgres.configuration import measure as measure_machine

FILE_NAME: Final = "results.json"

_GIB: Final = 1024**3


@dataclass(frozen=True, slots=True)
class Spread:
    """A median, and the least and the most of the runs."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: list[float]) -> Self:
        """Of one value or more."""
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All runs of a case.

    Attributes:
        name: of the case.
        title: of the case, for people.
        measured_at: when its last run ended.
        machine: what it ran on.
        amount: how much input there was.
        outcomes: the runs of each contender or command.
        skipped: contenders that did not run, and why.
    """

    name: str
    title: str
    measured_at: datetime
    machine: dict[str, str]
    amount: dict[str, Any]
    outcomes: dict[str, list[Outcome]]
    skipped: dict[str, str]

    @classmethod
    def now(
        cls,
        name: str,
        *,
        title: str,
        amount: dict[str, Any],
        outcomes: dict[str, list[Outcome]],
        skipped: dict[str, str],
        url: str,
    ) -> Self:
        """Adds the time and the machine; `url` is of the server that was used."""
        return cls(
            name=name,
            title=title,
            measured_at=datetime.now(UTC),
            machine=_machine(url),
            amount=amount,
            outcomes=outcomes,
            skipped=skipped,
        )

    def spread(self, contender: str, figure: Callable[[Outcome], float | None]) -> Spread | None:
        """A figure over the runs of a contender; `None` where it has none."""
        values = [value for run in self.outcomes.get(contender, []) if (value := figure(run)) is not None]
        return Spread.of(values) if values else None

    def median(self, contender: str, figure: Callable[[Outcome], float | None]) -> float | None:
        """The median of a figure; `None` where there is none."""
        spread = self.spread(contender, figure)
        return spread.median if spread else None

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The record that `asdict` took apart."""
        outcomes = {name: [Outcome(**run) for run in runs] for name, runs in values["outcomes"].items()}
        measured_at = datetime.fromisoformat(values["measured_at"])
        return cls(**{**values, "outcomes": outcomes, "measured_at": measured_at})


def read(file: Path) -> dict[str, Measured]:
    """Every case that was measured so far."""
    if not file.exists():
        return {}
    return {name: Measured.from_json(values) for name, values in json.loads(file.read_text(encoding="utf-8")).items()}


def add(file: Path, measured: Measured) -> dict[str, Measured]:
    """Puts a case beside those that were measured before, in place of its own older record; returns all."""
    cases = read(file) | {measured.name: measured}
    text = json.dumps({name: asdict(case) for name, case in cases.items()}, default=str, indent=1)
    partial = file.with_suffix(".partial")
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(file)
    return cases


def _machine(url: str) -> dict[str, str]:
    machine = measure_machine(Path.cwd())
    with psycopg.connect(url) as connection:
        version = (connection.info.parameter_status("server_version") or "").split()[0]
    return {
        "cores": str(machine.cores),
        "memory": f"{machine.memory / _GIB:.0f} GiB",
        "Postgres": version,
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        # The benchmark itself keeps one or two cores busy: more than that was someone else.
        "load average at the end": f"{os.getloadavg()[0]:.1f}",
    }
