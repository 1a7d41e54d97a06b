"""What comes late for a date that is loaded: one corrected reading, and a file with a hundredth of the meterpoints.

Each round is a first load and then what comes late, both by Dagster's own command; the late run is of the tables that the
sensor asks for: all but the snapshot of the reference database. At the end everything is computed whole: a late run whose
figures are others has no time.

What belongs here: these two cases. What does not: contenders, for nobody else follows a change.
"""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from benchmarks import facts
from benchmarks.goals import PLATFORM, Found, Goal, ratio
from benchmarks.inputs import Case, Input, prepare
from benchmarks.job import Outcome
from benchmarks.results import Measured
from benchmarks.session import Log, job_of, run_contender
from benchmarks.workplace import Workplace

FIRST_LOAD: Final = "first load"
LATE: Final = "late run"
_CORRECTION: Final = "correction"
_LATE_FILE: Final = "late-file"
CORRECTED: Final = "late.json"
"""The name of the file with the corrected reading."""

FOLLOWING: Final = ",".join(
    [
        "raw_meter_readings",
        "rejected_readings",
        "superseded_readings",
        "half_hourly_consumption",
        "meterpoint_completeness",
        "daily_product_consumption",
        "unattributed_consumption",
    ]
)
"""The assets that the sensor asks for where readings come late, as a selection."""


@dataclass(frozen=True, slots=True)
class LateCase:
    """A first load, and what comes after it.

    Attributes:
        case: what there is at first, and who does not run.
        hold_back: takes files out of the folder that will come late.
        deliver: puts into the folder what comes late.
    """

    case: Case
    hold_back: Callable[[Path], list[Path]]
    deliver: Callable[[Path, Input], None]


def goals(found: Found) -> Iterator[Goal]:
    """A late run costs in proportion to what is new."""
    yield Goal(
        measure="one corrected reading in a date of 48 M, all tables right, inside the run",
        wanted="≤ 10 s",
        found=found.median(_CORRECTION, LATE),
        bound=10,
        unit="s",
        case=_CORRECTION,
    )
    yield Goal(
        measure="a late file of 1 % of the meterpoints in a date of 24 M, inside the run",
        wanted="≤ 0.1 x the first load",
        found=ratio(found.median(_LATE_FILE, LATE), found.median(_LATE_FILE, FIRST_LOAD)),
        bound=0.1,
        case=_LATE_FILE,
    )


def measure(late: LateCase, cache: Path, place: Workplace, *, repeats: int, log: Log) -> Measured:
    """Measures a case.

    Raises:
        ContenderFailedError: with the end of what a command printed.
        WrongFiguresError: what followed is not what is computed whole.
    """
    case = late.case
    log(f"{case.title}: preparing the input")
    found = prepare(case, cache)
    outcomes: dict[str, list[Outcome]] = {FIRST_LOAD: [], LATE: []}
    repeats = min(repeats, case.repeats or repeats)
    for number in range(repeats):
        place.clear()
        folder = linked_folder(found, place)
        job = replace(job_of(case, found, place), readings=folder)
        held_back = late.hold_back(folder)
        outcomes[FIRST_LOAD].append(run_contender(PLATFORM, job))
        for file in held_back:
            _link(found.readings_folder / file.name, file)
        late.deliver(folder, found)
        outcomes[LATE].append(run_contender(PLATFORM, replace(job, selection=FOLLOWING)))
        log(
            f"  {number + 1} of {repeats}: "
            + ", ".join(f"{name} {runs[-1].seconds:.2f} s" for name, runs in outcomes.items())
        )
        if not number:
            _compare(outcomes[LATE][-1], run_contender(PLATFORM, job), found)
    place.clear()
    return Measured.now(
        case.name,
        title=case.title,
        amount={"readings": found.readings, "files": found.files, "dates": len(case.dates)},
        outcomes=outcomes,
        skipped=dict(case.skipped),
        url=place.url,
    )


def _compare(late: Outcome, whole: Outcome, found: Input) -> None:
    kwh = late.facts["readings_kwh"]
    facts.compare({LATE: late.facts, "computed whole": whole.facts}, readings=found.readings, kwh=kwh)


def linked_folder(found: Input, place: Workplace) -> Path:
    """A folder with the same files, to which others can be added."""
    folder = place.scratch / "late"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for file in found.readings_folder.iterdir():
        _link(file, folder / file.name)
    return folder


def _link(file: Path, place: Path) -> None:
    """The same file in another place; a copy of it where that is on another disk."""
    try:
        os.link(file, place)
    except OSError:
        shutil.copy2(file, place)


def _nothing(_: Path) -> list[Path]:
    return []


def _one_file(folder: Path) -> list[Path]:
    file = min(folder.iterdir())
    file.unlink()
    return [file]


def corrected_reading(folder: Path, found: Input) -> None:
    """Puts a file with one corrected reading of the first date into a folder, delivered after all others."""
    with closing(sqlite3.connect(found.reference_file)) as source:
        ((meterpoint,),) = source.execute("SELECT min(meterpoint_id) FROM meterpoint")
    columns = ["interval_start", "consumption_delta", "meterpoint_id"]
    document = {"columns": columns, "data": [["2021-01-01 12:00:00", 7.125, meterpoint]]}
    delivered = max(file.stat().st_mtime for file in folder.iterdir()) + 1
    (folder / CORRECTED).write_text(json.dumps(document), encoding="utf-8")
    os.utime(folder / CORRECTED, (delivered, delivered))


def _file_of_others(_: Path, __: Input) -> None:
    """The file that was held back is all."""


def _cases(correction: Case, late_file: Case) -> dict[str, LateCase]:
    return {
        correction.name: LateCase(correction, _nothing, corrected_reading),
        late_file.name: LateCase(late_file, _one_file, _file_of_others),
    }


CASES: Final = _cases(
    Case(name=_CORRECTION, title="One corrected reading in a date of 48 M", meterpoints=1_000_000, files=50, repeats=1),
    Case(
        name=_LATE_FILE,
        title="A late file of 1 % of the meterpoints in a date of 24 M",
        meterpoints=500_000,
        files=100,
        repeats=1,
    ),
)

QUICK: Final = _cases(
    Case(name=_CORRECTION, title="One corrected reading in a date of 240,000", meterpoints=5_000, files=10),
    Case(
        name=_LATE_FILE,
        title="A late file of 1 % of the meterpoints in a date of 240,000",
        meterpoints=5_000,
        files=100,
    ),
)
"""The same at a small size: enough rows to change in place. Nothing can be concluded from their times."""
