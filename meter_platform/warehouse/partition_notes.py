"""Notes on stored partitions: each has a version, from which versions it was computed, by which rules, or why it could not be.

What belongs here: writing these notes, in the transaction of what they are about, and reading versions. What does not: what
follows from them (`finished.py`, `follow.py`), and which rows were changed in place (`changes.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import psycopg
from psycopg import sql

from meter_platform.errors import DroppedTableError, MeterPlatformError, PermanentError
from meter_platform.warehouse.lineage import READINGS, REJECTED

_MOST_ERROR_CHARACTERS: Final = 500

ADOPT: Final = """
INSERT INTO raw_data.partition_versions
  (reference_date, table_name, version, rows_stored, built_from, rules, loaded_at, whole_version)
SELECT reference_date, table_name, number, rows, '', '', loaded_at, number
FROM (SELECT *, nextval('raw_data.partition_version') AS number FROM (
  SELECT reference_date, 'raw_meter_readings' AS table_name, sum(rows_stored)::bigint AS rows, max(loaded_at) AS loaded_at
  FROM raw_data.source_file_dates WHERE loaded_at IS NOT NULL GROUP BY reference_date
  UNION ALL
  SELECT reference_date, 'rejected_readings', 0, max(loaded_at) FROM raw_data.rejected_readings
  WHERE reference_date IS NOT NULL GROUP BY reference_date
  UNION ALL
  SELECT reference_date, 'raw_agreements', count(*), max(loaded_at) FROM raw_data.raw_agreements GROUP BY 1
  UNION ALL
  SELECT reference_date, 'raw_products', count(*), max(loaded_at) FROM raw_data.raw_products GROUP BY 1
  UNION ALL
  SELECT reference_date, 'raw_meterpoints', count(*), max(loaded_at) FROM raw_data.raw_meterpoints GROUP BY 1
) AS found) AS stored ON CONFLICT DO NOTHING
"""
"""Gives what was stored before anyone took notes its versions. What was computed from it gets none: nobody knows from
what, so that it counts as unfinished and is built once more."""


def versions(
    connection: psycopg.Connection[Any], tables: Iterable[str], days: Iterable[date]
) -> dict[str, dict[date, int]]:
    """The version that each date of some tables has now; a date that was never stored is absent.

    To be called before the tables are read. If a newer version is published between the two, the older one is noted, and the
    computed table counts as older than its input and is built again.
    """
    found: dict[str, dict[date, int]] = {table: {} for table in tables}
    for table, day, version in connection.execute(
        "SELECT table_name, reference_date, version FROM raw_data.partition_versions "
        "WHERE table_name = ANY(%s) AND reference_date = ANY(%s)",
        (list(found), list(days)),
    ):
        found[table][day] = version
    return found


def noted(
    table: str,
    rows_per_date: Mapping[date, int],
    *,
    loaded_at: datetime,
    sources: Mapping[date, str] | None = None,
    rules: str = "",
    in_place: bool = False,
) -> sql.Composed:
    """The statement that notes new partitions of a table. It belongs into the transaction that replaces them.

    Args:
        table: by name.
        rows_per_date: the dates that are replaced, and how many rows they have now.
        loaded_at: when storing them began.
        sources: what each was computed from, by `built_from`.
        rules: by `rules_digest`.
        in_place: only the rows were changed that `changes.note` notes in the same transaction; else every row was replaced,
            and older notes of changes are of no more use.
    """
    days = list(rows_per_date)
    return sql.SQL(
        "WITH mended AS (DELETE FROM raw_data.failed_partitions "
        "  WHERE table_name = {table} AND reference_date = ANY({days}::date[])), "
        "outdated AS (DELETE FROM raw_data.changes_in_place "
        "  WHERE table_name = {table} AND reference_date = ANY({days}::date[]) AND NOT {in_place}) "
        "INSERT INTO raw_data.partition_versions AS old "
        "(reference_date, table_name, version, rows_stored, built_from, rules, loaded_at, whole_version) "
        "SELECT day, {table}, number, rows, source, {rules}, {loaded_at}, number "
        "FROM (SELECT *, nextval('raw_data.partition_version') AS number "
        "      FROM unnest({days}::date[], {rows}::bigint[], {sources}::text[]) AS each(day, rows, source)) AS stored "
        "ON CONFLICT (reference_date, table_name) DO UPDATE SET version = excluded.version, "
        "rows_stored = excluded.rows_stored, built_from = excluded.built_from, rules = excluded.rules, "
        "loaded_at = excluded.loaded_at, "
        "whole_version = CASE WHEN {in_place} THEN old.whole_version ELSE excluded.whole_version END"
    ).format(
        table=sql.Literal(table),
        days=sql.Literal(days),
        rows=sql.Literal([rows_per_date[day] for day in days]),
        sources=sql.Literal([(sources or {}).get(day, "") for day in days]),
        rules=sql.Literal(rules),
        loaded_at=sql.Literal(loaded_at),
        in_place=sql.Literal(in_place),
    )


def note_rejected(days: Iterable[date], *, loaded_at: datetime) -> sql.Composed:
    """The statement that notes that the rejected rows of some dates have changed."""
    return noted(REJECTED, dict.fromkeys(days, 0), loaded_at=loaded_at)


def note_failure(
    connection: psycopg.Connection[Any],
    table: str,
    days: Iterable[date],
    error: BaseException,
    *,
    may_pass: bool,
    since: datetime,
) -> None:
    """Notes that dates of a table could not be stored.

    Args:
        connection: in whose transaction.
        table: by name.
        days: which were to be stored. Those that have been stored since `since` are left out.
        error: why. Of errors that are not the platform's own only the kind is kept: their text may quote anything.
        may_pass: whether trying again later may succeed.
        since: when storing them began.
    """
    text = str(error) if isinstance(error, MeterPlatformError) else type(error).__name__
    connection.execute(
        "INSERT INTO raw_data.failed_partitions (reference_date, table_name, error, may_pass, failed_at) "
        "SELECT day, %(table)s, %(error)s, %(may_pass)s, %(now)s FROM unnest(%(days)s::date[]) AS wanted(day) "
        "WHERE NOT EXISTS (SELECT FROM raw_data.partition_versions "
        "  WHERE (reference_date, table_name) = (day, %(table)s) AND loaded_at >= %(since)s) "
        "ON CONFLICT (reference_date, table_name) DO UPDATE "
        "SET error = excluded.error, may_pass = excluded.may_pass, failed_at = excluded.failed_at",
        {
            "table": table,
            "days": list(days),
            "error": text.replace("\0", "")[:_MOST_ERROR_CHARACTERS],
            "may_pass": may_pass,
            "now": datetime.now(UTC),
            "since": since,
        },
    )


def mended(table: str, days: Iterable[date]) -> sql.Composed:
    """The statement that removes the notes of failures for dates of a table, where nothing had to be stored."""
    return sql.SQL(
        "DELETE FROM raw_data.failed_partitions WHERE table_name = {} AND reference_date = ANY({}::date[])"
    ).format(sql.Literal(table), sql.Literal(list(days)))


def note_made(connection: psycopg.Connection[Any], made: Sequence[str]) -> None:
    """Takes note that tables were missing and have just been made, empty.

    Args:
        connection: in whose transaction they were made.
        made: by their qualified names.
    """
    if "raw_data.partition_versions" in made:
        connection.execute(ADOPT)
    if "raw_data.changes_in_place" in made:
        # What was in it nobody knows: whatever has not followed yet is computed whole.
        connection.execute("UPDATE raw_data.partition_versions SET whole_version = version")
    if not {"raw_data.source_file_versions", "raw_data.source_file_dates"}.isdisjoint(made):
        connection.execute("DELETE FROM raw_data.scanned_folders")  # of whose files nothing is known any more
    connection.execute(
        "DELETE FROM raw_data.partition_versions WHERE table_name = ANY(%s)",
        ([name.rpartition(".")[2] for name in made if not name.endswith(f".{READINGS}")],),
    )


def may_pass(error: BaseException) -> bool:
    """Whether what failed by this error may succeed later without anyone doing anything."""
    return isinstance(error, DroppedTableError) or not isinstance(
        error,
        PermanentError
        | psycopg.DataError
        | psycopg.IntegrityError
        | psycopg.ProgrammingError
        | psycopg.NotSupportedError,
    )
