"""Deletes readings that are older than a setting: whole reference dates, from every table, with their bookkeeping.

What belongs here: which dates and file versions go, and in which order. What does not: what follows for those who store and
count (`warehouse/pruned.py`), telling Dagster (`orchestration/retention.py`).

Each date goes in one transaction. What is left of it is a row that says so, and the catalogue's count of its rows in files
that are still there, so that no scan takes these for new.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from psycopg import sql

from meter_platform.errors import MeterPlatformError
from meter_platform.feeds.files import ReadingFolder
from meter_platform.ingestion import catalogue
from meter_platform.ingestion.erased import Erased
from meter_platform.settings import Settings
from meter_platform.warehouse import child_tables, date_locks, models, pruned, sessions, tables
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.sessions import Session

_READINGS: Final = tables.RAW_METER_READINGS
_KEPT: Final = (tables.SOURCE_FILE_DATES, tables.REJECTED_READINGS, tables.PRUNED_DATES)
"""Tables with reference dates whose rows go in a way of their own, or stay."""

OF_A_DATE: Final = tuple(
    table
    for table in tables.TABLES
    if "reference_date" in table.arrow_schema.names
    and not table.view
    and not table.natively_partitioned
    and table not in _KEPT
)
"""Tables of which a date's rows are deleted."""

_BATCH: Final = 500
"""File versions that are forgotten in one transaction."""

_OLD_DATES: Final = """
SELECT reference_date FROM raw_data.partition_versions WHERE reference_date < {before}
UNION SELECT reference_date FROM raw_data.source_file_dates WHERE reference_date < {before} AND rows_pruned < rows_accepted
UNION SELECT reference_date FROM raw_data.rejected_readings
WHERE reference_date < {before} AND source_file_id IN (SELECT source_file_id FROM raw_data.source_file_versions)
ORDER BY 1
"""

_DONE_FILES: Final = """
SELECT source_file_id, url, NOT EXISTS (
  SELECT FROM raw_data.source_file_versions AS newer
  WHERE newer.url = version.url AND newer.delivered_at > version.delivered_at)
FROM raw_data.source_file_versions AS version
WHERE seen_at < {before} AND NOT EXISTS (
  SELECT FROM raw_data.source_file_dates AS dates
  WHERE dates.source_file_id = version.source_file_id AND rows_pruned < rows_accepted)
ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class PrunedDate:
    """A date whose rows were deleted, or would be.

    Attributes:
        day: the date.
        readings: how many were stored.
    """

    day: date
    readings: int


def first_kept(settings: Settings) -> date | None:
    """The first reference date that is kept; `None` where all are."""
    if settings.keep_readings_days is None:
        return None
    return settings.local_today() - timedelta(days=settings.keep_readings_days)


def prune_readings(database: Database, settings: Settings, *, dry_run: bool = False) -> Iterator[PrunedDate]:
    """Deletes every reference date that is older than the setting; each is gone when it is handed over.

    Args:
        database: with the tables.
        settings: `keep_readings_days`; nothing is deleted where it is unset.
        dry_run: delete nothing.

    Raises:
        LockHeldError: another process writes a date all the time.
        PartitionBusyError: the table of readings was being read all the time.
    """
    before = first_kept(settings)
    if before is None:
        return
    with sessions.begin(database) as session:
        rows = session.fetch(sql.SQL(_OLD_DATES).format(before=sql.Literal(before)))
    for (day,) in rows:
        with sessions.begin(database) as writer:
            if not dry_run:
                for table in tables.ASSET_TABLES:
                    date_locks.lock_dates(writer, table, [day])
            found = PrunedDate(day, catalogue.stored_rows(writer, day))
            if not dry_run:
                _delete(writer, found)
                writer.commit()
        yield found


def _delete(writer: Session, found: PrunedDate) -> None:
    for table in OF_A_DATE:
        writer.execute(
            sql.SQL("DELETE FROM {} WHERE reference_date = {}").format(table.identifier, sql.Literal(found.day))
        )
    for table, _ in writer.fetch(models.DATED_TABLES):
        writer.execute(
            sql.SQL("DELETE FROM {} WHERE reference_date = {}").format(
                sql.Identifier(models.SCHEMA, table), sql.Literal(found.day)
            )
        )
    writer.execute(
        sql.SQL(
            "INSERT INTO {} (reference_date, pruned_at, readings) VALUES ({}, now(), {}) ON CONFLICT DO NOTHING"
        ).format(tables.PRUNED_DATES.identifier, sql.Literal(found.day), sql.Literal(found.readings))
    )
    for statement in pruned.account(days=[found.day]):
        writer.execute(statement)
    # Last, for the table of all dates is locked from here to the commit.
    if child := child_tables.attached_child(writer, _READINGS, found.day):
        child_tables.remove(writer, child)


def forget_files(database: Database, settings: Settings, folder: ReadingFolder, *, dry_run: bool = False) -> int:
    """Takes file versions out of the catalogue of which nothing is stored any more and that are not there any more.

    One that comes back is read like a new one, and its rows of pruned dates are counted again, and stored nowhere.

    Args:
        database: with the catalogue.
        settings: `keep_readings_days`; versions that were first seen later than that stay.
        folder: of the reading files. Where it cannot be listed nothing is forgotten.
        dry_run: forget nothing.

    Returns:
        How many were forgotten, or would be.
    """
    before = first_kept(settings)
    if before is None:
        return 0
    with sessions.begin(database) as ledger:
        catalogue.lock(ledger)
        rows = ledger.fetch(sql.SQL(_DONE_FILES).format(before=sql.Literal(before)))
        newest = {url for _, url, is_newest in rows if is_newest}
        erased = Erased.find(ledger, settings)
        try:
            there = {url for file in folder.walk() if (url := erased.name(file.url)) in newest}
        except MeterPlatformError:
            return 0
        gone = [number for number, url, is_newest in rows if not (is_newest and url in there)]
        for begin in range(0, 0 if dry_run else len(gone), _BATCH):
            for table in (tables.REJECTED_READINGS, tables.SOURCE_FILE_DATES, tables.SOURCE_FILE_VERSIONS):
                ledger.execute(
                    sql.SQL("DELETE FROM {} WHERE source_file_id = ANY({}::bigint[])").format(
                        table.identifier, sql.Literal(gone[begin : begin + _BATCH])
                    )
                )
            ledger.commit()
    return len(gone)
