"""Partitions to store in tests, and a look at what is stored: each load of a date has a number and a size of its own.

What belongs here: generations of rows, so that a reader can tell a whole one from a mixture. What does not: waiting,
killing, and what a test expects.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import psycopg
import pyarrow as pa

from meter_platform.warehouse import child_tables, date_locks, partitions, sessions, tables
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.left_out import with_particulars
from meter_platform.warehouse.validation import validate

DAY: Final = date(2021, 1, 1)
NEXT: Final = date(2021, 1, 2)
LOADED_AT: Final = datetime(2021, 1, 3, 8, 30, tzinfo=UTC)


def readings(generation: int, day: date = DAY) -> pa.Table:
    """Readings of a date: 1,000 and as many more as the generation's number, which each row carries."""
    count = 1_000 + generation
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    rows = pa.table(
        {
            "meterpoint_id": [f"m{number // 48:04}" for number in range(count)],
            "interval_start": pa.array(
                [start + timedelta(minutes=30) * (number % 48) for number in range(count)], pa.timestamp("us", tz="UTC")
            ),
            "reference_date": pa.array([day] * count, pa.date32()),
            "consumption_delta": pa.array([Decimal("0.186")]).take([0] * count),
            "source_file_id": pa.array([generation] * count, pa.int64()),
            "source_position": pa.array(range(1, count + 1), pa.int32()),
            "loaded_at": pa.array([LOADED_AT] * count, pa.timestamp("us", tz="UTC")),
        }
    )
    return with_particulars(rows)


def meterpoints(generation: int, day: date = DAY) -> pa.Table:
    """Meterpoints of a date: 100 and as many more as the generation's number, which is their region."""
    count = 100 + generation
    return pa.table(
        {
            "meterpoint_id": [f"m{number:04}" for number in range(count)],
            "reference_date": pa.array([day] * count, pa.date32()),
            "region": [str(generation)] * count,
            "loaded_at": pa.array([LOADED_AT] * count, pa.timestamp("us", tz="UTC")),
        }
    )


def store_readings(database: Database, generation: int, day: date = DAY) -> None:
    """Replaces a date of `raw_meter_readings` by the steps that a load takes."""
    with sessions.begin(database) as writer:
        date_locks.lock_dates(writer, tables.RAW_METER_READINGS, [day])
        child = filled_child(writer, generation, day)
        child_tables.publish(writer, child, child_tables.attached_child(writer, tables.RAW_METER_READINGS, day))
        writer.commit()


def filled_child(writer: sessions.Session, generation: int, day: date = DAY) -> child_tables.Child:
    """A date's new rows where nobody sees them yet, with their key."""
    child = child_tables.create_child(writer, tables.RAW_METER_READINGS, day)
    rows = validate(tables.RAW_METER_READINGS, readings(generation, day), unique=False)
    writer.copy_stream(child.identifier, rows.column_names, [rows], freeze=True)
    assert child_tables.add_key(writer, child)
    return child


def store_meterpoints(database: Database, generation: int, day: date = DAY) -> None:
    """Replaces a date of `raw_meterpoints`."""
    partitions.replace_rows(database, tables.RAW_METERPOINTS, [meterpoints(generation, day)], [day])


@dataclass(frozen=True, slots=True)
class Seen:
    """What a reader finds of a date in one look: how many rows, and of which generations."""

    rows: int
    generations: tuple[int, ...]

    def whole(self, *, size: int) -> bool:
        """Whether it is one generation, and all of it."""
        return len(self.generations) == 1 and self.rows == size + self.generations[0]


_LOOK_AT_READINGS: Final = """
SELECT count(*), array_agg(DISTINCT source_file_id) FROM raw_data.raw_meter_readings WHERE reference_date = %s
"""
_LOOK_AT_METERPOINTS: Final = """
SELECT count(*), array_agg(DISTINCT region::int) FROM raw_data.raw_meterpoints WHERE reference_date = %s
"""


def seen_readings(connection: psycopg.Connection[Any], day: date = DAY) -> Seen:
    """A look at a date's readings, through the parent."""
    return _seen(connection, _LOOK_AT_READINGS, day)


def seen_meterpoints(connection: psycopg.Connection[Any], day: date = DAY) -> Seen:
    """A look at a date's meterpoints."""
    return _seen(connection, _LOOK_AT_METERPOINTS, day)


def _seen(connection: psycopg.Connection[Any], query: str, day: date) -> Seen:
    row = connection.execute(query.encode(), [day]).fetchone()
    assert row is not None
    return Seen(row[0], tuple(row[1] or ()))


def children(database: Database) -> list[str]:
    """Every table in the schema of partitions, attached or not."""
    with database.connect() as connection:
        found = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'raw_data_partitions'::regnamespace AND relkind = 'r'"
        )
        return sorted(name for (name,) in found)
