"""The lake: how fast a date is written and replaced, what a reading takes, and whether the thousandth date costs more.

What belongs here: readings as Arrow, written into a lake in a folder by a process of their own for each figure. What does not:
the way from files to readings (`loads.py`), and stores beyond this machine.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.command import CommandFailedError
from benchmarks.goals import MB, Figure, Found, Goal, ratio
from benchmarks.job import Outcome
from benchmarks.memory import own_peak
from benchmarks.results import Measured
from benchmarks.session import Log
from benchmarks.workplace import Workplace
from meter_platform.lake.delta import LakeTable
from meter_platform.lake.stores import LakeStore
from meter_platform.warehouse.tables import RAW_METER_READINGS

NAME: Final = "lake"
TITLE: Final = "The lake: dates of readings as Delta tables in a folder"

WRITE: Final = "write a date"
REPLACE: Final = "replace it"
FIRST: Final = "a date of 480,000 readings, the first"
LAST: Final = "a date of 480,000 readings, after 1,000 others"

_DAY: Final = date(2021, 1, 4)
_HALF_HOURS: Final = 48
_TOGETHER: Final = 1_000
"""Meterpoints whose readings are made at a time."""

_HOMES: Final = 10_000
"""Meterpoints of the dates that are compared."""

_FEW: Final = 100
"""Meterpoints of the dates between them: only their number matters."""

_SAMPLES: Final = 5
"""Dates of which the median is taken."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Attributes:
        meterpoints: of the large date.
        dates: that are stored before the last small ones are measured.
    """

    meterpoints: int = 100_000
    dates: int = 1_000


QUICK: Final = Size(meterpoints=2_000, dates=20)
"""To see that everything works."""


def goals(found: Found) -> Iterator[Goal]:
    """A million readings take 12 MB at most, and a date costs what the first one cost."""
    yield Goal(
        measure="a million readings in the lake, with ids and exact decimals",
        wanted="≤ 12 MB",
        found=found.median(NAME, WRITE, _megabytes_per_million(found)),
        bound=12,
        unit="MB",
        case=NAME,
    )
    yield Goal(
        measure="a date of 480,000 readings in a lake of 1,000 dates, against the first",
        wanted="≤ 1.2 x",
        found=ratio(found.median(NAME, LAST), found.median(NAME, FIRST)),
        bound=1.2,
        case=NAME,
    )


def measure(place: Workplace, *, size: Size, repeats: int, log: Log) -> Measured:
    """Measures the large date, and one among few and among many.

    Raises:
        CommandFailedError: a process fails.
    """
    outcomes: dict[str, list[Outcome]] = {name: [] for name in (WRITE, REPLACE, FIRST, LAST)}
    rows = size.meterpoints * _HALF_HOURS
    for number in range(repeats):
        folder = place.scratch / NAME / str(number)
        outcomes[WRITE].append(_in_a_process(folder / "large", "large", 1, size.meterpoints))
        outcomes[REPLACE].append(_in_a_process(folder / "large", "large", 2, size.meterpoints))
        outcomes[FIRST].append(_in_a_process(folder / "many", "some", 0))
        _in_a_process(folder / "many", "more", size.dates)
        outcomes[LAST].append(_in_a_process(folder / "many", "some", size.dates + _SAMPLES))
        shutil.rmtree(folder)
        said = ", ".join(f"{name} {runs[-1].seconds:.2f} s" for name, runs in outcomes.items())
        log(f"  {number + 1} of {repeats}: {said}")
    for name in (WRITE, REPLACE):
        outcomes[name][0].note = f"{rows / median(run.seconds for run in outcomes[name]):,.0f} rows a second"
    return Measured.now(
        NAME,
        title=TITLE,
        amount={"rows": rows, "dates": size.dates},
        outcomes=outcomes,
        skipped={},
        url=place.url,
    )


def _megabytes_per_million(found: Found) -> Figure:
    def figure(run: Outcome) -> float:
        rows = int(found.cases[NAME].amount["rows"])
        return float(run.facts["bytes"]) / MB / rows * 1_000_000

    return figure


def _in_a_process(folder: Path, what: str, *numbers: int) -> Outcome:
    command = [sys.executable, "-m", __name__, str(folder), what, *map(str, numbers)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    if done.returncode:
        raise CommandFailedError(done.stderr[-2_000:])
    said = json.loads(done.stdout)
    return Outcome(seconds=said["seconds"], peak_rss=said["peak_rss"], facts={"bytes": str(said["bytes"])})


def _readings(day: date, meterpoints: int) -> Iterator[pa.Table]:
    """Readings of a day in the order of their key, with three decimals as homes have them."""
    chance = np.random.default_rng(1)
    begin = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000
    starts = begin + np.arange(_HALF_HOURS) * 1_800_000_000
    wanted = RAW_METER_READINGS.arrow_schema
    for first in range(0, meterpoints, _TOGETHER):
        numbers = np.arange(first, min(first + _TOGETHER, meterpoints))
        count = len(numbers) * _HALF_HOURS
        watt_hours = pa.array(chance.gamma(1.2, 150, count).astype(np.int64)).cast(pa.decimal128(19, 0))
        columns = {
            "meterpoint_id": pa.array([f"1{number:012}" for number in numbers]).take(
                pa.array(np.repeat(np.arange(len(numbers)), _HALF_HOURS))
            ),
            "interval_start": pa.array(np.tile(starts, len(numbers))).cast(wanted.field("interval_start").type),
            "reference_date": pa.repeat(pa.scalar(day, pa.date32()), count),
            "consumption_delta": pc.multiply(watt_hours, pa.scalar(Decimal("0.001"), pa.decimal128(4, 3))),
            "source_file_id": pa.array(np.full(count, first // _TOGETHER)),
            "source_position": pa.array(chance.permutation(count).astype(np.int32) + 1),
            "loaded_at": pa.array(np.full(count, begin)).cast(wanted.field("loaded_at").type),
            # As most feeds leave them.
            "register": pa.repeat("import", count),
            "quality": pa.repeat("unknown", count),
            "serial": pa.repeat("", count),
            "revised_at": pa.nulls(count),
        }
        yield pa.table([columns[field.name].cast(field.type) for field in wanted], schema=wanted)


def _main(folder: str, what: str, numbers: Sequence[int]) -> None:
    """Writes, and prints what it took as JSON."""
    table = LakeTable(LakeStore(folder), RAW_METER_READINGS)
    took = []

    def write(day: date, version: int, meterpoints: int) -> None:
        made = list(_readings(day, meterpoints)) if meterpoints <= _HOMES else None
        began = perf_counter()
        table.replace({day: version}, lambda: iter(made) if made else _readings(day, meterpoints))
        took.append(perf_counter() - began)

    if what == "large":
        write(_DAY, numbers[0], numbers[1])
    elif what == "some":
        write(_DAY - timedelta(days=1), 0, _FEW)  # what a process does once is not the date's
        took.clear()
        os.sync()  # nor is what the machine still has to write of dates before
        for number in range(_SAMPLES):
            write(_DAY + timedelta(days=numbers[0] + number), 1, _HOMES)
    else:
        for number in range(numbers[0]):
            write(_DAY + timedelta(days=_SAMPLES + number), 1, _FEW)
    snapshot = table.snapshot()
    said = {
        "seconds": median(took),
        "peak_rss": own_peak(),
        "bytes": sum(Path(file).stat().st_size for file in snapshot.files.get(_DAY, ())),
    }
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], [int(number) for number in sys.argv[3:]])
