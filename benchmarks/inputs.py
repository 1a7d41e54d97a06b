"""The cases and their input: generated once, kept under the cache folder, read through before they are used.

What belongs here: how many meterpoints, days and files a case has. What does not: how readings look (`generate.py`).
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from meter_platform.sample.generate import generate
from meter_platform.sample.plan import FileLayout, SamplePlan
from meter_platform.settlement import days

_NEW_YEAR: Final = date(2021, 1, 1)
"""The platform's first partition, and a day without a clock change."""

_NEW_YEARS_EVE: Final = date(2021, 12, 31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One size of input.

    Attributes:
        name: on the command line.
        title: in the report.
        meterpoints: how many.
        first: the first reference date.
        last: the last one, included.
        files: how the readings are spread over files.
        skipped: contenders that do not run, and why.
        shuffled: the share of files whose rows are in no order.
        repeats: the most runs of each contender, where more would take too long.
    """

    name: str
    title: str
    meterpoints: int
    files: FileLayout
    first: date = _NEW_YEAR
    last: date = _NEW_YEAR
    skipped: Mapping[str, str] = field(default_factory=dict)
    shuffled: int = 1
    repeats: int | None = None

    @property
    def dates(self) -> list[date]:
        """Every reference date."""
        return list(days(self.first, self.last))

    @property
    def plan(self) -> SamplePlan:
        """What to generate; pretty-printed and unordered files are among them, as in any sample."""
        return SamplePlan(
            meterpoints=self.meterpoints, first=self.first, last=self.last, files=self.files, shuffled=self.shuffled
        )


_NO_PANDAS: Final = "it would hold 24 million rows several times over, and take ten times as long as at 2.4 million"
_TOO_LONG: Final = "with it the case would take half an hour"
_PLATFORM_AND_REFERENCE: Final = dict.fromkeys(
    ("floor", "duckdb alone", "polars", "pandas", "pandas to_sql"), _TOO_LONG
)

CASES: Final = {
    case.name: case
    for case in (
        Case(name="50-files", title="2.4 M readings in 50 files", meterpoints=50_000, files=50),
        Case(name="50000-files", title="2.4 M readings in 50,000 files", meterpoints=50_000, files="per_meterpoint"),
        Case(
            name="24-million",
            title="24 M readings in 50 files",
            meterpoints=500_000,
            files=50,
            skipped={"pandas": _NO_PANDAS, "pandas to_sql": _NO_PANDAS},
            repeats=1,
        ),
        Case(
            name="year",
            title="365 dates x 100 meterpoints, one ranged run",
            meterpoints=100,
            files="per_meterpoint",
            last=_NEW_YEARS_EVE,
        ),
        Case(
            name="48-million",
            title="48 M readings in 50 files: a day of 1,000,000 meterpoints",
            meterpoints=1_000_000,
            files=50,
            skipped=_PLATFORM_AND_REFERENCE,
            repeats=1,
        ),
        Case(
            name="large-year",
            title="365 dates x 5,000 meterpoints, one ranged run",
            meterpoints=5_000,
            files=50,
            last=_NEW_YEARS_EVE,
            # Of so many meterpoints in no order some seem to have one on the night of the clock change (`clock-changes.md`).
            shuffled=0,
            skipped=_PLATFORM_AND_REFERENCE,
            repeats=1,
        ),
    )
}

QUICK: Final = {
    case.name: case
    for case in (
        Case(name="50-files", title="24,000 readings in 50 files", meterpoints=500, files=50),
        Case(name="50000-files", title="24,000 readings in 500 files", meterpoints=500, files="per_meterpoint"),
        Case(
            name="24-million",
            title="240,000 readings in 50 files",
            meterpoints=5_000,
            files=50,
            skipped={"pandas": _NO_PANDAS, "pandas to_sql": _NO_PANDAS},
        ),
        Case(
            name="year",
            title="14 dates x 20 meterpoints, one ranged run",
            meterpoints=20,
            files="per_meterpoint",
            # The clocks go back on the 31st: the hour that occurs twice is in.
            first=date(2021, 10, 25),
            last=date(2021, 11, 7),
        ),
        Case(
            name="48-million",
            title="240,000 readings in 10 files",
            meterpoints=5_000,
            files=10,
            skipped=_PLATFORM_AND_REFERENCE,
        ),
        Case(
            name="large-year",
            title="7 dates x 50 meterpoints, one ranged run",
            meterpoints=50,
            files=10,
            last=date(2021, 1, 7),
            skipped=_PLATFORM_AND_REFERENCE,
        ),
    )
}
"""The same cases at a hundredth of the size: to see that everything works. Nothing can be concluded from their times."""


@dataclass(frozen=True, slots=True)
class Input:
    """Where a case's input is, and how much it is.

    Attributes:
        folder: holds `readings/*.json` and `reference.db`.
        files: reading files.
        readings: rows in all of them.
        kwh: their exact total, as text.
    """

    folder: Path
    files: int
    readings: int
    kwh: str

    @property
    def readings_folder(self) -> Path:
        """The reading files."""
        return self.folder / "readings"

    @property
    def reference_file(self) -> Path:
        """The reference database (SQLite)."""
        return self.folder / "reference.db"


def prepare(case: Case, cache: Path) -> Input:
    """Generates a case's input unless it is there, and reads it through so that no contender reads from disk."""
    folder = cache / "input" / f"{case.name}-{case.meterpoints}-{len(case.dates)}"
    summary_file = folder / "summary.json"
    if not summary_file.exists():
        summary = generate(case.plan, folder)
        text = json.dumps({"files": summary.files, "readings": summary.readings, "kwh": str(summary.kwh)})
        summary_file.write_text(text, encoding="utf-8")
    found = Input(folder=folder, **json.loads(summary_file.read_text(encoding="utf-8")))
    _warm(found)
    return found


def _warm(found: Input) -> None:
    with os.scandir(found.readings_folder) as entries:
        for entry in entries:
            Path(entry.path).read_bytes()
    found.reference_file.read_bytes()
