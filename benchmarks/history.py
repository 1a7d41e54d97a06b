"""How long a tick of the sensor and the run of a date take, against the number of files that are known already.

What belongs here: what is measured on histories of several lengths. What does not: making them (`known_files.py`).

Each history is the one before, made longer. A tick is one evaluation of the sensor in a process that is warm, as the code
server is; its memory is what it adds to that process.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from benchmarks.command import ROOT
from benchmarks.curves import along
from benchmarks.goals import MB, Figure, Found, Goal, more, peak, ratio
from benchmarks.job import Outcome
from benchmarks.known_files import forget, lengthen
from benchmarks.new_dates import run_new_dates
from benchmarks.results import Measured
from benchmarks.session import Log
from benchmarks.workplace import Workplace, environment
from meter_platform.sample.plan import SamplePlan

if TYPE_CHECKING:
    from meter_platform.warehouse.database import Database

NAME: Final = "history"
TITLE: Final = "Known files: a tick of the sensor, and the run of a date"

UNIT: Final = "known files"
KNOWN: Final = (0, 100_000, 1_000_000)
QUIET_TICK, NEW_TICK, RUN = "a tick with nothing new", "a tick with new files", "a run of 6,000 readings"

_METERPOINTS: Final = 125
_COLUMNS: Final = '["meterpoint_id","interval_start","consumption_delta"]'
NEW_FILE: Final = f'{{"columns":{_COLUMNS},"data":[["m","2021-12-31 12:00:00",0.1]]}}'


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Attributes:
        known: numbers of files that are known, in order.
        per_folder: files of one date.
        new: files that come between two ticks.
    """

    known: Sequence[int] = KNOWN
    per_folder: int = 5_000
    new: int = 1_000


QUICK: Final = Size(known=(0, 300, 1_000), per_folder=100, new=10)
"""To see that everything works."""


def goals(found: Found) -> Iterator[Goal]:
    """Time and memory do not grow with what is known."""
    least, most = KNOWN[0], KNOWN[-1]
    files = f"{most:,} known files in dated folders"

    def of(what: str, known: int, figure: Figure | None = None) -> float | None:
        return found.median(NAME, along(what, known, UNIT), figure)

    yield Goal(
        measure=f"tick with nothing new, {files}",
        wanted="≤ 1 s",
        found=of(QUIET_TICK, most),
        bound=1,
        unit="s",
        case=NAME,
    )
    yield Goal(
        measure=f"tick with nothing new, {files}: what it adds to the process's memory",
        wanted="≤ 200 MB",
        found=ratio(of(QUIET_TICK, most, peak), MB),
        bound=200,
        unit="MB",
        case=NAME,
    )
    yield Goal(
        measure=f"tick with 1,000 new files, {files}",
        wanted="≤ 1 s more than with none known",
        found=more(of(NEW_TICK, most), of(NEW_TICK, least)),
        bound=1,
        unit="s",
        case=NAME,
    )
    yield Goal(
        measure=f"a date of 6,000 readings, {files}, time inside the run",
        wanted="≤ 1.2 x that with none",
        found=ratio(of(RUN, most), of(RUN, least)),
        bound=1.2,
        case=NAME,
    )


def measure(place: Workplace, *, size: Size, repeats: int, log: Log) -> Measured:
    """Measures each history.

    Raises:
        CommandFailedError: with the end of what a run printed.
    """
    # Heavy, and a command that says what it can do does without.
    from meter_platform.warehouse.database import Database  # noqa: PLC0415 - see above

    readings, database = place.scratch / "history", Database(place.url)
    shutil.rmtree(readings, ignore_errors=True)
    readings.mkdir()
    place.clear()
    outcomes: dict[str, list[Outcome]] = {}
    days = iter(range(10_000))
    try:
        for known in size.known:
            log(f"{TITLE}: {known:,} known files")
            lengthen(readings, database, count=known, per_folder=size.per_folder)
            for what, outcome in _measured(place, database, readings, size, repeats, days):
                outcomes.setdefault(along(what, known, UNIT), []).append(outcome)
                log(f"  {what}: {outcome.seconds:.2f} s")
    finally:
        shutil.rmtree(readings, ignore_errors=True)
        place.clear()
    amount = {"new files": size.new, "files in a folder": size.per_folder}
    return Measured.now(NAME, title=TITLE, amount=amount, outcomes=outcomes, skipped={}, url=place.url)


def _measured(  # noqa: PLR0917 - each of another kind
    place: Workplace, database: "Database", readings: Path, size: Size, repeats: int, days: Iterator[int]
) -> Iterator[tuple[str, Outcome]]:
    variables = environment(place.home, READINGS_URL=str(readings), FIRST_REFERENCE_DATE="2021-01-01")
    with ticks(variables) as tick:
        tick()  # the first of a process imports what it needs
        for _ in range(repeats):
            yield QUIET_TICK, tick()
            folder = readings / f"new-{next(days)}"
            folder.mkdir()
            for number in range(size.new):
                (folder / f"{number}.json").write_text(NEW_FILE, encoding="utf-8")
            yield NEW_TICK, tick()
            shutil.rmtree(folder)
            forget(database, f"file://{folder}")
    for number in range(repeats + 1):
        day = date(2021, 1, 1) + timedelta(days=next(days))
        outcome = run_new_dates(place, readings, SamplePlan(meterpoints=_METERPOINTS, first=day, last=day))
        if number:  # before that the server reads its tables from disk
            yield RUN, outcome


@contextmanager
def ticks(variables: Mapping[str, str]) -> Iterator[Callable[[], Outcome]]:
    """A function that evaluates the sensor once, in a warm process.

    Args:
        variables: the environment of that process.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.tick"],
        env={**variables, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield lambda: _tick(process.stdin, process.stdout)
        process.communicate()


def _tick(asks: IO[str] | None, answers: IO[str] | None) -> Outcome:
    if asks is None or answers is None:
        raise RuntimeError("the process has no pipes")
    asks.write("\n")
    asks.flush()
    took = json.loads(answers.readline())
    return Outcome(seconds=took["seconds"], peak_rss=took["peak_rss"] - took["held_before"], note=took["said"])
