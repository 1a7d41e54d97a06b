"""A folder that suppliers deliver into, and what the database makes of it, both in the oracle's terms.

What belongs here: writing, spoiling, moving and touching real files, running and interrupting loads, and reading the raw
tables back.
What does not: what should be stored (`oracle.py`).
"""

import dataclasses
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest
from psycopg import sql

from meter_platform.feeds.configured import feeds_of
from meter_platform.feeds.files import ReadingFolder
from meter_platform.ingestion import catalogue, merge
from meter_platform.ingestion.load import ReadingsLoad
from meter_platform.ingestion.publish import InPlace
from meter_platform.ingestion.scan import Scan, ScanReport, record
from meter_platform.settings import Settings
from meter_platform.warehouse import sessions
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.partitions import StoreReport
from meter_platform.warehouse.tables import SCANNED_FOLDERS, TABLES
from meter_platform_tests.ingestion import oracle
from meter_platform_tests.ingestion.oracle import SAYING, FileOnDisk, Particulars, Row

OLD: Final = 1_635_000_000_000_000
"""A modification time in microseconds, 2021-10-23: far from the seconds in which a file may still be written."""

DAMAGES: Final = {
    "truncated": b'{"columns": ["meterpoint_id", "interval_start", "consumption_delta"], "data": [["a", "2021-10-30 1',
    "empty": b"",
    "not_json": b"meterpoint_id,interval_start,consumption_delta\na,2021-10-30 12:00:00,0.1\n",
    "missing_column": b'{"columns": ["meterpoint_id", "interval_start"], "data": [["a", "2021-10-30 12:00:00"]]}',
    "not_a_document": b'[["a", "2021-10-30 12:00:00", 0.1]]',
}
"""Content that is no document, by its reason code."""


FEEDS: Final = f"""[feeds.saying]
format = "json"
paths = "{SAYING}*.json"
columns = {{ register = "register", quality = "quality", serial = "serial", revised_at = "revised_at" }}

[feeds.usual]
format = "json"
paths = "**/*.json"
"""
"""A configuration in which the folder of the oracle's has a feed of its own."""


def document(rows: Sequence[Row], *, indent: int | None = None, says: bool = False) -> bytes:
    """A document in the usual layout, on one line or on many, with columns for particulars or without."""
    between, inner = (",", "") if indent is None else (",\n" + " " * indent, "\n" + " " * indent)
    data = between.join(row.text(says=says) for row in rows)
    particulars = list(Particulars._fields) if says else []
    columns = json.dumps(["meterpoint_id", "interval_start", "consumption_delta", *particulars], indent=indent)
    return f'{{"columns": {columns}, "data": [{inner}{data}{inner}]}}'.encode()


@dataclass
class DeliveryFolder:
    """A real folder, and the same as the oracle knows it. Every change gets a write number of its own."""

    path: Path
    files: dict[str, FileOnDisk] = field(default_factory=dict)
    _writes: count = field(default_factory=lambda: count(1))

    def url(self, name: str) -> str:
        return f"file://{self.path / name}"

    def write(self, name: str, rows: Sequence[Row], *, modified: int = OLD, indent: int | None = None) -> None:
        """Delivers a file, or another version of it."""
        says = name.startswith(SAYING)
        content = document(rows, indent=indent, says=says)
        self._put(name, FileOnDisk(content, tuple(rows), None, modified, next(self._writes), says))

    def damage(self, name: str, reason: str, *, modified: int = OLD) -> None:
        """Delivers a file that is no document."""
        self._put(name, FileOnDisk(DAMAGES[reason], None, reason, modified, next(self._writes)))

    def touch(self, name: str, *, modified: int) -> None:
        """Changes a file's modification time and nothing else."""
        os.utime(self.path / name, ns=(modified * 1000, modified * 1000))
        self.files[self.url(name)] = replace(self.files[self.url(name)], modified=modified, write=next(self._writes))

    def copy(self, name: str, to: str, *, modified: int) -> None:
        """Delivers a file's content under another name."""
        self._put(to, replace(self.files[self.url(name)], modified=modified, write=next(self._writes)))

    def rename(self, name: str, to: str) -> None:
        """Moves a file to where another may be."""
        if name == to:
            return  # nothing happens to it
        (self.path / to).parent.mkdir(exist_ok=True)
        (self.path / name).rename(self.path / to)
        self.files[self.url(to)] = replace(self.files.pop(self.url(name)), write=next(self._writes))

    def delete(self, name: str) -> None:
        (self.path / name).unlink()
        del self.files[self.url(name)]

    def clear(self) -> None:
        for entry in self.path.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        self.files.clear()

    @property
    def names(self) -> list[str]:
        return [url.removeprefix(self.url("")).lstrip("/") for url in sorted(self.files)]

    def _put(self, name: str, file: FileOnDisk) -> None:
        path = self.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(file.content)
        os.utime(path, ns=(file.modified * 1000 + 789, file.modified * 1000 + 789))
        self.files[self.url(name)] = file


def load(
    database: Database, settings: Settings, path: Path, dates: Sequence[date], *, in_place: InPlace | None = None
) -> StoreReport:
    """Loads dates from a folder, as a run does; `in_place` says which dates change in place."""
    folder = ReadingFolder(str(path), feeds_of(settings))
    return ReadingsLoad(settings, folder, log=lambda _: None, in_place=in_place or InPlace()).store(database, dates)


def scan(database: Database, settings: Settings, path: Path, *, most: int | None = None) -> ScanReport:
    """Scans a folder, as the sensor does: learns what is in new files, and loads nothing."""
    left = iter(range(most)) if most is not None else count()
    with sessions.begin(database) as ledger:
        assert catalogue.try_lock(ledger)
        found = Scan(ledger, settings, ReadingFolder(str(path), feeds_of(settings)), started=datetime.now(UTC))
        for _ in found.batches(wait_for_growing=False, stop=lambda: next(left, None) is None):
            pass
        scanned = found.result()
        record(ledger, scanned)
    return scanned.report


@contextmanager
def interrupted_at_the_second_date(module: ModuleType = merge, name: str = "resolve_in_place") -> Iterator[None]:
    """Whatever changes dates is interrupted inside, as a signal does it: one date has changed, the next has not.

    Args:
        module: that has a function which is called once for each date; by default one that changes stored readings.
        name: of the function.
    """
    of_a_date, calls = getattr(module, name), count(1)

    def until_the_second(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as the function
        if next(calls) == 2:
            raise KeyboardInterrupt
        return of_a_date(*arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, until_the_second)
        with pytest.raises(KeyboardInterrupt):
            yield


def stored_tables(database: Database) -> oracle.Tables:
    """What the raw tables hold."""
    with database.connect() as connection:

        def rows(query: str) -> list[tuple[Any, ...]]:
            return connection.execute(query.encode()).fetchall()

        versions = rows(
            "SELECT source_file_id, url, row_number() OVER (PARTITION BY url ORDER BY delivered_at), rows_in_file, "
            "rows_stored, rows_rejected, rows_redelivered, rows_replaced, rows_withdrawn, rows_pending, error, rows_ambiguous "
            "FROM raw_data.source_files"
        )
        names = {number: (url, version) for number, url, version, *_ in versions}
        reading = (
            "SELECT meterpoint_id, interval_start, reference_date, consumption_delta, source_file_id, source_position, "
            "register, quality, serial, revised_at"
        )
        tables = oracle.Tables(
            stored=_distinct(_reading(row, names) for row in rows(f"{reading} FROM raw_data.raw_meter_readings")),
            superseded=_distinct(
                (_reading(row, names), names[row[-1]])
                for row in rows(f"{reading}, replaced_by_source_file_id FROM raw_data.superseded_readings")
            ),
            redelivered=_distinct(
                _reading(row, names) for row in rows(f"{reading} FROM raw_data.redelivered_readings")
            ),
            rejected=_distinct(
                (names[number], oracle.Rejected(*row))
                for number, *row in rows(
                    "SELECT source_file_id, source_position, reference_date, meterpoint_id, raw_text, reason "
                    "FROM raw_data.rejected_readings"
                )
            ),
            counts={names[number]: oracle.Counts(*counts) for number, _, _, *counts, _, _ in versions},
            malformed={names[row[0]]: row[-2] and row[-2].partition(":")[0] for row in versions},
            ambiguous={names[row[0]]: row[-1] for row in versions},
        )
    for name, counts in tables.counts.items():
        parts = dataclasses.astuple(counts)
        assert parts[0] == sum(parts[1:]), f"the rows of {name} are not accounted for: {counts}"
    return tables


def everything(database: Database) -> dict[str, list[str]]:
    """Every row of every raw table as text, load times included; but not when scans looked into folders."""
    select = sql.SQL("SELECT t::text FROM {} AS t")
    with database.connect() as connection:
        return {
            table.name: sorted(text for (text,) in connection.execute(select.format(table.identifier)))
            for table in TABLES
            if table.schema == "raw_data" and table is not SCANNED_FOLDERS
        }


def _reading(row: Sequence[Any], names: dict[int, oracle.Name]) -> oracle.Stored:
    meterpoint, start, day, value, number, position = row[:6]
    assert isinstance(value, Decimal)
    return meterpoint, start, day, value, names[number], position, Particulars(*row[6:10])


def _distinct(rows: Iterable[Any]) -> set[Any]:
    listed = list(rows)
    distinct = set(listed)
    assert len(distinct) == len(listed), "a row is stored twice"
    return distinct
