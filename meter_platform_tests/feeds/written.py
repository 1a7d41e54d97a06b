"""The same readings as suppliers of every format would write them: in their own units, labels, zones and orders.

What belongs here: writing. What does not: which readings, and what should come of them.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

Readings = Mapping[tuple[str, datetime], Decimal]
"""kWh by meterpoint and start (UTC)."""

HALF_HOUR: Final = timedelta(minutes=30)
LONDON: Final = ZoneInfo("Europe/London")
NEW_YORK: Final = ZoneInfo("America/New_York")
MARKET_TIME: Final = ZoneInfo("Etc/GMT-10")


@dataclass(frozen=True)
class Written:
    """Files of a feed.

    Attributes:
        toml: the feed.
        files: content by name.
    """

    toml: str
    files: dict[str, bytes]


def as_json(readings: Readings, folder: str, *, falling: bool) -> Written:
    """MWh, ends, naive times of London."""
    rows = [
        [_local(start + HALF_HOUR, LONDON), meterpoint, kwh / 1000]
        for meterpoint, start, kwh in _rows(readings, falling)
    ]
    data = ", ".join(f'["{time}", "{meterpoint}", {value:f}]' for time, meterpoint, value in rows)
    text = f'{{"columns": ["interval_start", "meterpoint_id", "consumption_delta"], "data": [{data}]}}'
    return Written(_toml(folder, "json", "a.json", 'unit = "MWh"', 'label = "end"'), {"a.json": text.encode()})


def as_csv(readings: Readings, folder: str, *, falling: bool) -> Written:
    """Quarters in kW with a decimal comma, starts, naive times of New York."""
    lines = []
    for meterpoint, start, kwh in _rows(readings, falling):
        # The average powers of its quarters: three quarters of the energy in the first, one in the second.
        parts = [kwh * 3, kwh]
        quarters = [(start + number * timedelta(minutes=15), value) for number, value in enumerate(parts)]
        for at, value in reversed(quarters) if falling else quarters:
            lines.append(f"{_local(at, NEW_YORK, '%d/%m/%Y %H:%M')};'{meterpoint};{value:f}".replace(".", ","))
    text = "at;id;kW\r\n" + "\r\n".join(lines)
    keys = (
        'unit = "kW"\ninterval_minutes = 15\nseparator = ";"\ndecimal = ","\nzone = "America/New_York"\nlabel = "start"',
        'time_format = "%d/%m/%Y %H:%M"\nclean_ids = ["apostrophe"]\nencoding = "utf-16"',
        'columns = { meterpoint = "id", time = "at", value = "kW" }',
    )
    return Written(_toml(folder, "csv", "a.csv", *keys), {"a.csv": text.encode("utf-16")})


def as_csv_days(readings: Readings, folder: str, *, falling: bool) -> Written:
    """Wh, counted in days of London."""
    lines = [",".join(["mpan", "day", *(f"Wh_{number}" for number in range(1, 51))])]
    for (meterpoint, day), values in _by_day(readings, LONDON, falling):
        lines.append(",".join([meterpoint, day.isoformat(), *(_wh(values.get(number)) for number in range(1, 51))]))
    keys = (
        'by = "count"\nvalues = 50\nunit = "Wh"',
        'columns = { meterpoint = "mpan", date = "day", first_value = "Wh_1" }',
    )
    return Written(_toml(folder, "csv_days", "a.csv", *keys), {"a.csv": "\n".join(lines).encode()})


def as_nem12(readings: Readings, folder: str, *, falling: bool) -> Written:
    """Wh in market time, a channel for each meterpoint."""
    lines, last = ["100,NEM12,202106010000,A,B"], None
    for (meterpoint, day), values in _by_day(readings, MARKET_TIME, falling):
        if meterpoint != last:
            lines.append(f"200,{meterpoint},E1,E1,E1,N1,S1,WH,30,")
            last = meterpoint
        said = ",".join(_wh(values.get(number)) for number in range(1, 49))
        lines.append(f"300,{day:%Y%m%d},{said},A,,,20211231000000,")
    return Written(_toml(folder, "nem12", "a.csv"), {"a.csv": "\n".join([*lines, "900"]).encode()})


def as_green_button(readings: Readings, folder: str, *, falling: bool) -> Written:
    """Thousandths of Wh, by the second, a file for each meterpoint."""
    files: dict[str, bytes] = {}
    for meterpoint in {meterpoint for meterpoint, _ in readings}:
        found = "".join(
            f"<e:IntervalReading><e:timePeriod><e:duration>1800</e:duration><e:start>{int(start.timestamp())}</e:start>"
            f"</e:timePeriod><e:value>{kwh * 10**6:.0f}</e:value></e:IntervalReading>"
            for each, start, kwh in _rows(readings, falling)
            if each == meterpoint
        )
        kind = "<e:ReadingType><e:powerOfTenMultiplier>-3</e:powerOfTenMultiplier><e:uom>72</e:uom></e:ReadingType>"
        text = (
            '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:e="http://naesb.org/espi">'
            f'<entry><link rel="self" href="t"/><content>{kind}</content></entry>'
            f"<entry><content><e:IntervalBlock>{found}</e:IntervalBlock></content></entry></feed>"
        )
        files[f"{meterpoint}.xml"] = text.encode()
    return Written(_toml(folder, "green_button", "{meterpoint}.xml"), files)


def as_parquet(readings: Readings, folder: str, *, falling: bool) -> Written:
    """Decimals and instants."""
    rows = _rows(readings, falling)
    table = pa.table(
        {
            "id": pa.array([row[0] for row in rows], pa.string()),
            "at": pa.array([row[1] for row in rows], pa.timestamp("us", "UTC")),
            "kwh": pa.array([row[2] for row in rows], pa.decimal128(20, 9)),
        }
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    keys = 'columns = { meterpoint = "id", time = "at", value = "kwh" }'
    return Written(_toml(folder, "parquet", "a.parquet", keys), {"a.parquet": bytes(sink.getvalue().to_pybytes())})


def as_octopus(readings: Readings, folder: str, *, falling: bool) -> Written:
    """Pages with offsets of London."""
    pages: dict[str, list[str]] = {}
    for meterpoint, start, kwh in _rows(readings, falling):
        times = f'"interval_start": "{_aware(start)}", "interval_end": "{_aware(start + HALF_HOUR)}"'
        pages.setdefault(meterpoint, []).append(f'{{"consumption": {kwh:f}, {times}}}')
    files = {
        f"{meterpoint}.json": f'{{"count": {len(page)}, "results": [{", ".join(page)}]}}'.encode()
        for meterpoint, page in pages.items()
    }
    return Written(_toml(folder, "octopus", "{meterpoint}.json"), files)


def as_n3rgy(readings: Readings, folder: str, *, falling: bool) -> Written:
    """Ends in UTC."""
    values: dict[str, list[str]] = {}
    for meterpoint, start, kwh in _rows(readings, falling):
        values.setdefault(meterpoint, []).append(
            f'{{"value": {kwh:f}, "timestamp": {json.dumps(_local(start + HALF_HOUR, UTC, "%Y-%m-%d %H:%M"))}}}'
        )
    files = {
        f"{meterpoint}.json": f'{{"resource": "electricity", "values": [{", ".join(found)}]}}'.encode()
        for meterpoint, found in values.items()
    }
    return Written(_toml(folder, "n3rgy", "{meterpoint}.json"), files)


Writer = Callable[..., Written]
FORMATS: Final[dict[str, Writer]] = {
    "json": as_json,
    "csv": as_csv,
    "csv_days": as_csv_days,
    "nem12": as_nem12,
    "green_button": as_green_button,
    "parquet": as_parquet,
    "octopus": as_octopus,
    "n3rgy": as_n3rgy,
}


def _toml(folder: str, kind: str, name: str, *keys: str) -> str:
    return "\n".join([f"[feeds.{folder}]", f'format = "{kind}"', f'paths = "{folder}/{name}"', *keys, ""])


def _rows(readings: Readings, falling: bool) -> list[tuple[str, datetime, Decimal]]:  # noqa: FBT001 - said by every caller
    found = sorted((meterpoint, start, kwh) for (meterpoint, start), kwh in readings.items())
    return found[::-1] if falling else found


def _by_day(
    readings: Readings,
    zone: ZoneInfo,
    falling: bool,  # noqa: FBT001 - said by every caller
) -> list[tuple[tuple[str, date], dict[int, Decimal]]]:
    """The readings of each meterpoint and local day, by the number of the half hour in it."""
    days: dict[tuple[str, date], dict[int, Decimal]] = {}
    for (meterpoint, start), kwh in readings.items():
        day = start.astimezone(zone).date()
        begins = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
        days.setdefault((meterpoint, day), {})[(start - begins) // HALF_HOUR + 1] = kwh
    return sorted(days.items(), reverse=falling)


def _wh(kwh: Decimal | None) -> str:
    return "" if kwh is None else f"{kwh * 1000:f}"


def _local(at: datetime, zone: tzinfo, written_as: str = "%Y-%m-%d %H:%M:%S") -> str:
    return at.astimezone(zone).strftime(written_as)


def _aware(at: datetime) -> str:
    return at.astimezone(LONDON).isoformat()
