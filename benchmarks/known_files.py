"""A history of reading files: on disk, in dated folders, and known to the platform as files that it loaded long ago.

What belongs here: making a history longer. What does not: what is measured on it (`history.py`, `objects.py`). Known files
are empty: what was in them no longer matters to anyone, and to read a million would take an hour.
"""

import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from psycopg import sql

from meter_platform.feeds.files import ReadingFolder
from meter_platform.feeds.reading_rules import reading_rules
from meter_platform.ingestion import folders
from meter_platform.ingestion.erased import Erased
from meter_platform.ingestion.listed import ListedFiles
from meter_platform.ingestion.tree import Effort, Walk
from meter_platform.settings import Settings
from meter_platform.warehouse import sessions
from meter_platform.warehouse.database import Database

_FIRST: Final = date(2022, 1, 1)
"""Dates of the history; those that are loaded while something is measured are before it."""

_QUIET: Final = timedelta(days=3)
"""For how long nothing has happened in a known folder."""

_ENTER: Final = (
    """
    INSERT INTO raw_data.source_file_versions (
      source_file_id, url, fingerprint, stamp, size_bytes, delivered_at, first_interval, last_interval, rows_in_file,
      rows_rejected, rows_ambiguous, outcome, error, seen_at, modified_at, reading_rules)
    SELECT nextval('raw_data.source_file_id'), url, md5(url) || md5(stamp), stamp, size, modified_at,
           modified_at, modified_at, 48, 0, 0, 'read', NULL, {now}, modified_at, {rules}
    FROM {listed} AS listed
    WHERE NOT EXISTS (SELECT FROM raw_data.source_file_versions AS known WHERE known.url = listed.url)
    """,
    """
    INSERT INTO raw_data.source_file_dates (
      source_file_id, reference_date, rows_accepted, rows_stored, rows_redelivered, rows_replaced, loaded_at, rows_withdrawn,
      rows_pruned)
    SELECT source_file_id, substring(url FROM '/([^/]*)/[^/]*$')::date, 48, 48, 0, 0, {now}, 0, 0
    FROM raw_data.source_file_versions JOIN {listed} AS listed USING (url)
    ON CONFLICT DO NOTHING
    """,
)


def lengthen(folder: Path, database: Database, *, count: int, per_folder: int) -> None:
    """Makes a history longer.

    Args:
        folder: of the reading files.
        database: with the catalogue.
        count: how many files there are in the end.
        per_folder: files of one date.
    """
    for number in range(-(-count // per_folder)):
        dated = folder / f"{_FIRST + timedelta(days=number)}"
        if not dated.exists():
            dated.mkdir(parents=True)
            for file in range(min(per_folder, count - number * per_folder)):
                os.close(os.open(dated / f"{1_200_010_000_000 + file}.json", os.O_CREAT | os.O_WRONLY))
    enter(str(folder), database)


def forget(database: Database, url: str) -> None:
    """Takes files of a folder, of which nothing was loaded, out of the catalogue.

    Args:
        database: with the catalogue.
        url: of the folder.
    """
    with database.connect() as connection:
        for table in ("deleted_files", "source_file_dates", "source_file_versions"):
            connection.execute(
                sql.SQL(
                    "DELETE FROM {} WHERE source_file_id IN "
                    "(SELECT source_file_id FROM raw_data.source_file_versions WHERE starts_with(url, %s))"
                ).format(sql.Identifier("raw_data", table)),
                [f"{url}/"],
            )


def enter(folder: str, database: Database) -> None:
    """Notes all files as known and loaded, and their folders as quiet.

    Args:
        folder: path or URL; those in it are named by dates.
        database: with the catalogue.
    """
    settings, now = Settings(), datetime.now(UTC)
    with sessions.begin(database) as ledger:
        listed = ListedFiles(ledger)
        erased = Erased.find(ledger, settings)
        tree = Walk(ledger, ReadingFolder(folder), listed, erased, Effort(full=True), started=now, night=now).tree()
        parts = {
            "listed": listed.relation,
            "now": sql.Literal(now),
            "rules": sql.Literal(reading_rules(settings)),
        }
        for statement in _ENTER:
            ledger.execute(sql.SQL(statement).format(**parts))
        folders.save(ledger, [replace(found, changed_at=now - _QUIET) for found in tree.found], (), ())
        ledger.commit()
    with database.connect(autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE) raw_data.source_file_versions, raw_data.source_file_dates")
