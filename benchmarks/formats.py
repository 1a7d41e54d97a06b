"""The formats of feeds: the same readings in each, from the first byte read to rows that are validated.

What belongs here: files of every format, and the processor time that reading them takes. What does not: storing what was read,
which is the same whatever it came from.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.facts import WrongFiguresError
from benchmarks.goals import Found, Goal, ratio
from benchmarks.job import Outcome
from benchmarks.results import Measured
from benchmarks.session import Log
from benchmarks.workplace import Workplace
from meter_platform.feeds.chunks import FileToRead
from meter_platform.feeds.configured import read_feeds
from meter_platform.feeds.files import ReadingFolder
from meter_platform.feeds.reading import read
from meter_platform.settings import Settings

NAME: Final = "formats"
TITLE: Final = "The formats of feeds: reading and validating, processor time"

METERPOINTS: Final = 1_000
FEW_METERPOINTS: Final = 20
_FILES: Final = 50
_DAYS: Final = 50
_FIRST: Final = date(2021, 1, 2)
_LAST: Final = date(2021, 2, 28)
_HALF_HOUR: Final = timedelta(minutes=30)
_WITHIN: Final[Mapping[str, float]] = {"csv": 1, "csv_days": 1, "parquet": 1, "nem12": 1.5, "green_button": 5}
"""Times JSON's own time."""

_COLUMNS: Final = 'columns = { meterpoint = "id", time = "at", value = "kwh" }'

Home = tuple[str, Sequence[str]]
"""An id, and the kWh of each half hour as they are written."""


def goals(found: Found) -> Iterator[Goal]:
    """How much slower than JSON each may be."""
    for kind, bound in _WITHIN.items():
        yield Goal(
            measure=f"reading 2.4 million readings as `{kind}`",
            wanted=f"≤ {bound:g} x JSON",
            found=ratio(found.median(NAME, kind), found.median(NAME, "json")),
            bound=bound,
            case=NAME,
        )


def measure(place: Workplace, *, meterpoints: int, repeats: int, log: Log) -> Measured:
    """Measures each format in turn.

    Raises:
        WrongFiguresError: a format gives other readings than were written.
    """
    folder = place.scratch / NAME
    shutil.rmtree(folder, ignore_errors=True)
    outcomes: dict[str, list[Outcome]] = {}
    wanted = meterpoints * _DAYS * 48
    try:
        for kind in _WRITERS:
            log(f"{TITLE}: writing {kind}")
            _write(folder / kind, kind, meterpoints)
        for number in range(repeats):
            for kind in _WRITERS:
                began = time.process_time()
                readings = _read(folder / kind)
                seconds = time.process_time() - began
                if readings != wanted:
                    raise WrongFiguresError(f"{kind} has {readings:,} readings, not {wanted:,}")
                outcomes.setdefault(kind, []).append(Outcome(seconds=seconds))
                log(f"  {number + 1} of {repeats}: {kind} {seconds:.2f} s, {seconds / wanted * 1e6:.2f} us a reading")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    amount = {"readings": wanted, "files": min(_FILES, meterpoints)}
    return Measured.now(NAME, title=TITLE, amount=amount, outcomes=outcomes, skipped={}, url=place.url)


def _read(folder: Path) -> int:
    source = ReadingFolder(str(folder / "readings"), read_feeds(folder / "feeds.toml", Settings(home=folder)))
    files = [FileToRead(file, number, _LAST) for number, file in enumerate(source.list(), start=1)]
    batches = read(
        source,
        files,
        zone=ZoneInfo("Europe/London"),
        first_date=date(2021, 1, 1),
        last_date=_LAST,
        label_at_end=False,
        wait_for_growing=False,
    )
    return sum(table.num_rows for batch in batches for table in batch.readings)


def _write(folder: Path, kind: str, meterpoints: int) -> None:
    (folder / "readings").mkdir(parents=True)
    keys, suffix, content = _WRITERS[kind]
    paths = "{meterpoint}" if kind == "green_button" else "*"
    toml = [f'[feeds.{kind}]\nformat = "{kind}"\npaths = "{paths}.{suffix}"', 'zone = "UTC"', 'label = "start"', keys]
    (folder / "feeds.toml").write_text("\n".join(toml if kind != "nem12" else [toml[0]]), encoding="utf-8")
    # An answer with Green Button's XML is about one meter.
    files = meterpoints if kind == "green_button" else min(_FILES, meterpoints)
    for number in range(files):
        homes = [_home(each) for each in range(number, meterpoints, files)]
        (folder / "readings" / f"{number}.{suffix}").write_bytes(content(homes))


def _home(number: int) -> Home:
    return f"{number:08x}", [f"0.{(number * 7919 + at * 104_729) % 1000:03}" for at in range(_DAYS * 48)]


def _starts(first: datetime) -> list[datetime]:
    return [first + at * _HALF_HOUR for at in range(_DAYS * 48)]


_UTC_STARTS: Final = _starts(datetime(_FIRST.year, _FIRST.month, _FIRST.day, tzinfo=UTC))
_LABELS: Final = [f"{start:%Y-%m-%d %H:%M:%S}" for start in _UTC_STARTS]


def _as_json(homes: Sequence[Home]) -> bytes:
    rows = [f'["{at}", {kwh}, "{name}"]' for name, values in homes for at, kwh in zip(_LABELS, values, strict=True)]
    head = '{"columns": ["interval_start", "consumption_delta", "meterpoint_id"], "data": ['
    return f"{head}{', '.join(rows)}]}}".encode()


def _as_csv(homes: Sequence[Home]) -> bytes:
    rows = [f"{name},{at},{kwh}" for name, values in homes for at, kwh in zip(_LABELS, values, strict=True)]
    return ("id,at,kwh\n" + "\n".join(rows) + "\n").encode()


def _days(homes: Sequence[Home]) -> Iterator[tuple[str, date, str]]:
    for name, values in homes:
        for day in range(_DAYS):
            yield name, _FIRST + timedelta(days=day), ",".join(values[day * 48 : day * 48 + 48])


def _as_csv_days(homes: Sequence[Home]) -> bytes:
    head = "id,day," + ",".join(f"v{number}" for number in range(1, 49))
    return "\n".join([head, *(f"{name},{day},{values}" for name, day, values in _days(homes))]).encode()


def _as_nem12(homes: Sequence[Home]) -> bytes:
    lines, last = ["100,NEM12,202106010000,A,B"], ""
    for name, day, values in _days(homes):
        if name != last:
            lines.append(f"200,{name},E1,E1,E1,N1,S1,kWh,30,")
            last = name
        lines.append(f"300,{day:%Y%m%d},{values},A,,,20210301000000,")
    return "\n".join([*lines, "900"]).encode()


def _as_parquet(homes: Sequence[Home]) -> bytes:
    count = len(_UTC_STARTS)
    table = pa.table(
        {
            "id": pa.array([name for name, _ in homes for _ in range(count)], pa.string()),
            "at": pa.array(_UTC_STARTS * len(homes), pa.timestamp("us", "UTC")),
            "kwh": pa.array([Decimal(kwh) for _, values in homes for kwh in values], pa.decimal128(20, 9)),
        }
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue().to_pybytes())


def _as_green_button(homes: Sequence[Home]) -> bytes:
    ((_, values),) = homes
    found = "".join(
        f"<e:IntervalReading><e:timePeriod><e:duration>1800</e:duration><e:start>{int(start.timestamp())}</e:start>"
        f"</e:timePeriod><e:value>{kwh[2:].lstrip('0') or '0'}</e:value></e:IntervalReading>"
        for start, kwh in zip(_UTC_STARTS, values, strict=True)
    )
    kind = "<e:ReadingType><e:powerOfTenMultiplier>0</e:powerOfTenMultiplier><e:uom>72</e:uom></e:ReadingType>"
    return (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:e="http://naesb.org/espi">'
        f'<entry><link rel="self" href="t"/><content>{kind}</content></entry>'
        f"<entry><content><e:IntervalBlock>{found}</e:IntervalBlock></content></entry></feed>"
    ).encode()


_WRITERS: Final[Mapping[str, tuple[str, str, Callable[[Sequence[Home]], bytes]]]] = {
    "json": ("", "json", _as_json),
    "csv": (_COLUMNS, "csv", _as_csv),
    "csv_days": (
        'by = "count"\nvalues = 48\ncolumns = { meterpoint = "id", date = "day", first_value = "v1" }',
        "csv",
        _as_csv_days,
    ),
    "nem12": ("", "csv", _as_nem12),
    "parquet": (_COLUMNS, "parquet", _as_parquet),
    "green_button": ("", "xml", _as_green_button),
}
