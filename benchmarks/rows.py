"""How many rows a second the reader takes of each kind: plain ones, and those that are plain in all but one thing.

The reader alone: files are read, taken apart, validated and compared, and nothing is stored. Kinds take turns, so that
ratios hold on a machine that others use, too.

What belongs here: the kinds, and their goals. What does not: loads (`loads.py`).
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import chain
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Final
from zoneinfo import ZoneInfo

from benchmarks.command import CommandFailedError
from benchmarks.goals import Found, Goal, ratio
from benchmarks.job import Outcome
from benchmarks.results import Measured
from benchmarks.session import Log
from benchmarks.workplace import Workplace
from meter_platform.feeds.chunks import FileToRead
from meter_platform.feeds.files import ReadingFolder
from meter_platform.feeds.reading import read

NAME: Final = "rows"
TITLE: Final = "The reader alone, by the kind of rows"

ROWS: Final = 960_000
FEW_ROWS: Final = 9_600

PLAIN: Final = "plain rows"
OFFSETS: Final = "times with an offset"
EXTRA: Final = "an extra column"

_FILES: Final = 10
_DAY: Final = date(2021, 1, 4)
_HALF_HOURS: Final = 48
_OLD: Final = 1_600_000_000
"""When the files were written, so that nobody waits for one to grow."""
_WANTED: Final = 1_000_000
_TOWNS: Final = ("London", "Bath, Somerset", "Ynys Môn", "[none]")
_ESCAPED: Final = ("London", r"King\u2019s Lynn", r"Stratford\/Avon", r"the \"Wash\"")


@dataclass(frozen=True, slots=True)
class _Kind:
    """Rows of a kind.

    Attributes:
        row: the text of a row, of its time, its kWh, its meterpoint and its number.
        time: with a place for the hour and one for the minute.
        extra: the names of further columns.
    """

    row: Callable[[str, float, int, int], str]
    time: str = "2021-01-04 {:02}:{:02}:00"
    extra: tuple[str, ...] = ()


def _with_extra(value: Callable[[int], str]) -> _Kind:
    return _Kind(
        lambda time, kwh, meterpoint, number: f'["{time}",{kwh:.3f},"{meterpoint}",{value(number)}]', extra=("more",)
    )


def _plain(time: str, kwh: float, meterpoint: int, _: int) -> str:
    return f'["{time}",{kwh:.3f},"{meterpoint}"]'


_KINDS: Final[Mapping[str, _Kind]] = {
    PLAIN: _Kind(_plain),
    OFFSETS: _Kind(_plain, time="2021-01-04T{:02}:{:02}:00.000+00:00"),
    EXTRA: _with_extra(lambda number: f'"{"AAAE"[number % 4]}"'),
    "an extra column, another value in each row": _with_extra(lambda number: f'"event-{number * 7919:020}"'),
    "an extra column with commas, brackets and letters beyond ASCII": _with_extra(
        lambda number: f'"{_TOWNS[number % 4]}"'
    ),
    "an extra column with escapes": _with_extra(lambda number: f'"{_ESCAPED[number % 4]}"'),
    "ids with escapes": _Kind(lambda time, kwh, meterpoint, _: rf'["{time}",{kwh:.3f},"GB\/{meterpoint}"]'),
    "20 decimals, another value in each row": _Kind(
        lambda time, kwh, meterpoint, number: f'["{time}",{kwh:.3f}{number * 104_729:017},"{meterpoint}"]'
    ),
    "numbers with an exponent": _Kind(
        lambda time, kwh, meterpoint, _: f'["{time}",{kwh * 1000:.0f}e-3,"{meterpoint}"]'
    ),
}


def goals(found: Found) -> Iterator[Goal]:
    """Rows that are plain in all but one thing are read in bulk, too."""
    for kind in (OFFSETS, EXTRA):
        yield Goal(
            measure=f"the reader alone, {kind}",
            wanted=f"≥ {_WANTED:,} rows/s",
            found=ratio(found.cases[NAME].amount["rows"] if NAME in found.cases else None, found.median(NAME, kind)),
            bound=_WANTED,
            at_least=True,
            unit="rows/s",
            case=NAME,
        )


def measure(place: Workplace, *, repeats: int, log: Log, rows: int = ROWS) -> Measured:
    """Measures every kind.

    Raises:
        CommandFailedError: some row is not accepted.
    """
    log(f"{TITLE}: preparing the input")
    folders = {kind: _write(place.scratch / NAME / str(number), kind, rows) for number, kind in enumerate(_KINDS)}
    outcomes: dict[str, list[Outcome]] = {kind: [] for kind in _KINDS}
    for number in range(repeats):
        for kind, runs in outcomes.items():
            runs.append(_run(folders[kind], rows))
        rates = (f"{rows / runs[-1].seconds:,.0f}" for runs in outcomes.values())
        log(f"  {number + 1} of {repeats}, rows a second: {', '.join(rates)}")
    shutil.rmtree(place.scratch / NAME)
    plain = median(run.seconds for run in outcomes[PLAIN])
    for runs in outcomes.values():
        seconds = median(run.seconds for run in runs)
        runs[0].note = f"{rows / seconds:,.0f} rows a second, {seconds / plain:.2f} x the time of plain rows"
    return Measured.now(
        NAME, title=TITLE, amount={"rows": rows, "files": _FILES}, outcomes=outcomes, skipped={}, url=place.url
    )


def _write(folder: Path, kind: str, rows: int) -> Path:
    """Writes the files of a kind, each with some meterpoints of its own."""
    made = _KINDS[kind]
    columns = ",".join(f'"{name}"' for name in ("interval_start", "consumption_delta", "meterpoint_id", *made.extra))
    times = [made.time.format(number // 2, 30 * (number % 2)) for number in range(_HALF_HOURS)]
    meterpoints = rows // _FILES // _HALF_HOURS
    folder.mkdir(parents=True)
    for file in range(_FILES):
        numbers = range(file * meterpoints * _HALF_HOURS, (file + 1) * meterpoints * _HALF_HOURS)
        listed = ", ".join(
            made.row(
                times[number % _HALF_HOURS],
                0.05 + number * 7 % 1500 / 1000,
                1_200_000_000 + number // _HALF_HOURS,
                number,
            )
            for number in numbers
        )
        path = folder / f"{file}.json"
        path.write_text(f'{{"columns":[{columns}],"data":[{listed}]}}', encoding="utf-8")
        os.utime(path, (_OLD, _OLD))
    return folder


def _run(folder: Path, rows: int) -> Outcome:
    """Reads the files of a folder once."""
    source = ReadingFolder(str(folder))
    files = [FileToRead(file, number, _DAY) for number, file in enumerate(source.list(), start=1)]
    began, processor = perf_counter(), process_time()
    batches = read(source, files, zone=ZoneInfo("Europe/London"), first_date=_DAY, last_date=_DAY)
    accepted = sum(table.num_rows for table in chain.from_iterable(batch.readings for batch in batches))
    took = Outcome(seconds=perf_counter() - began, phases={"processor": process_time() - processor})
    if accepted != rows:
        raise CommandFailedError(f"{rows - accepted:,} of {rows:,} rows were not accepted")
    return took
