"""Which reference dates are finished, and what is wrong with those that are not.

A date is finished when every table of it was built from the readings, the snapshot and the rules that it has now. Each
table's partition has a version, noted in the transaction that replaces it, with the versions that it was computed from
and a digest of the rules. So the question is one comparison a date, whatever is stored.

What belongs here: these notes, and the question. What does not: asking for runs (`orchestration/automation/`), and heavy
imports: `meter-platform status` asks, too.
"""

import ast
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

from meter_platform.errors import DroppedTableError, MeterPlatformError, PermanentError
from meter_platform.settings import Settings
from meter_platform.warehouse import running_date

READINGS: Final = "raw_meter_readings"
REJECTED: Final = "rejected_readings"
SNAPSHOTS: Final = ("raw_agreements", "raw_products", "raw_meterpoints")

INPUTS: Final[Mapping[str, tuple[str, ...]]] = {
    "active_agreements": ("raw_agreements", "raw_products"),
    "half_hourly_consumption": (READINGS, "active_agreements"),
    "meterpoint_completeness": (READINGS, REJECTED, "raw_meterpoints"),
    "daily_product_consumption": ("meterpoint_completeness", "active_agreements"),
    "unattributed_consumption": ("meterpoint_completeness", "raw_agreements", "active_agreements"),
}
"""What each computed table is computed from: the asset graph, without Dagster. A test compares it with the graph."""

RULES: Final[Mapping[str, tuple[str, ...]]] = {
    "active_agreements": ("agreements", "in_force"),
    "half_hourly_consumption": ("consumption", "agreements", "in_force", "days"),
    "meterpoint_completeness": ("completeness", "days"),
    "daily_product_consumption": ("consumption", "agreements", "in_force"),
    "unattributed_consumption": ("consumption", "agreements", "in_force"),
}
"""The modules of `meter_platform/rules/` that each computed table's rule is made of."""

RAW_TABLES: Final = (
    READINGS,
    *SNAPSHOTS,
    REJECTED,
    "superseded_readings",
    "redelivered_readings",
    "repeated_readings",
    "withdrawals",
    "withdrawn_readings",
    "source_file_versions",
    "source_file_dates",
    "source_files",
    "newest_file_versions",
    "scanned_folders",
    "partition_versions",
    "changes_in_place",
    "failed_partitions",
    "failing_checks",
    "deleted_files",
    "erased_meterpoints",
    "pruned_dates",
)
EVERY_TABLE: Final = (
    *(f"raw_data.{name}" for name in RAW_TABLES),
    *(f"analytics.{name}" for name in INPUTS),
    "operations.log",
)
"""The names of the tables in `tables.py`, which takes long to import. A test holds the two lists together."""

MISSING: Final = "never built"
GONE: Final = "gone"
OLDER: Final = "older than their input"
OTHER_RULES: Final = "built by other rules"
EARLY: Final = "taken before the day had ended"

_NAMED: Final = 3
"""How many tables a line names; of further ones it says how many they are."""

_MOST_ERROR_CHARACTERS: Final = 500


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a table could not be stored the last time it was tried.

    Attributes:
        error: in words.
        may_pass: whether the same may succeed later without anyone doing anything.
        failed_at: when.
    """

    error: str
    may_pass: bool
    failed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A reference date that is not finished, and why.

    Attributes:
        day: the date.
        begun: whether any table of it has been stored. Of one that has not been begun, only rows are known.
        waiting_rows: known rows of files that are still there, and were not loaded.
        tables: what is wrong with each table that has to be built again: `MISSING`, `GONE`, `OLDER`, `OTHER_RULES`,
            `EARLY`.
        failures: of the tables that could not be stored.
    """

    day: date
    begun: bool = True
    waiting_rows: int = 0
    tables: Mapping[str, str] = field(default_factory=dict)
    failures: Mapping[str, Failure] = field(default_factory=dict)

    @property
    def waits_for_input(self) -> bool:
        """Whether what failed will fail again until its input, or a setting, is another."""
        return bool(self.failures) and not any(failure.may_pass for failure in self.failures.values())

    def __str__(self) -> str:
        """What is wrong, in a line, without the date."""
        parts = []
        if self.waiting_rows:
            parts.append(f"{self.waiting_rows:,} rows wait to be loaded")
        for why in (GONE, MISSING, OLDER, OTHER_RULES, EARLY):
            if names := [name for name, found in self.tables.items() if found == why]:
                parts.append(f"{why}: {_named(names)}")  # noqa: PERF401 - clearer than a comprehension of two levels
        for name, failure in self.failures.items():
            comes = (
                "may pass, and is tried again" if failure.may_pass else "stays, until its input or a setting changes"
            )
            parts.append(f"{name} failed for a reason that {comes} ({failure.error})")
        return "; ".join(parts)


def _named(names: Sequence[str]) -> str:
    if len(names) <= _NAMED:
        return ", ".join(names)
    return f"{', '.join(names[: _NAMED - 1])} and {len(names) - _NAMED + 1} other tables"


def rules_digest(table: str, settings: Settings) -> str:
    """A digest of the rules that a table is computed by, and of the settings that they depend on.

    Comments, docstrings and layout do not change it. Empty for a table that is not computed.
    """
    modules = RULES.get(table, ())
    if not modules:
        return ""
    text = "\n".join([settings.timezone, *map(_rules_of, modules)])
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@cache
def _rules_of(module: str) -> str:
    """The code of a module of `rules/`, without comments and docstrings."""
    tree = ast.parse((Path(__file__).parents[1] / "rules" / f"{module}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


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


def built_from(table: str, read: Mapping[str, Mapping[date, int]], day: date) -> str:
    """What a date of a table was computed from, as it is noted.

    Args:
        table: by name.
        read: for each table that was read, the version of each date, asked before it was read.
        day: the date.
    """
    # A table that is not known to have been read gets "?", which equals no version: the date is built again.
    return " ".join(f"{name}={read[name].get(day, 0) if name in read else '?'}" for name in INPUTS.get(table, ()))


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


def unfinished(connection: psycopg.Connection[Any], settings: Settings) -> list[Unfinished]:
    """Every date that is not finished, in order; also those of which only rows are known that wait to be loaded.

    Takes time in proportion to the dates that are stored, some 15 ms for a thousand: no reading is looked at.
    """
    failures: dict[date, dict[str, Failure]] = {}
    for day, table, *failure in connection.execute(
        "SELECT reference_date, table_name, error, may_pass, failed_at FROM raw_data.failed_partitions ORDER BY 1, 2"
    ):
        failures.setdefault(day, {})[table] = Failure(*failure)
    found = {
        day: Unfinished(
            day=day,
            begun=begun,
            waiting_rows=waiting,
            tables={table: why for table, why in zip(_BUILT, reasons, strict=True) if why},
            failures=failures.get(day, {}),
        )
        for day, begun, waiting, reasons in connection.execute(_question(settings))
    }
    for day, failed in failures.items():
        found.setdefault(day, Unfinished(day=day, failures=failed))
    return [found[day] for day in sorted(found)]


_BUILT: Final = (READINGS, *SNAPSHOTS, *INPUTS)

_CHILDREN: Final = sql.SQL("""
  SELECT to_date(substring(relname FROM '_(\\d{{8}})_[0-9a-f]+$'), 'YYYYMMDD') AS reference_date
  FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
  WHERE inhparent = to_regclass('raw_data.raw_meter_readings')
""").format()
"""The dates that have a child table, whose name begins with the date's digits."""

_QUESTION: Final = """
WITH stored AS (
  SELECT reference_date, {versions}, {sources}, {rules}, {times},
         max(rows_stored) FILTER (WHERE table_name = {readings}) AS readings
  FROM raw_data.partition_versions GROUP BY reference_date HAVING bool_or(table_name <> {rejected})
), children AS ({children}), waiting AS (
  SELECT reference_date, sum(rows_accepted)::bigint AS rows
  FROM raw_data.source_file_dates AS dates JOIN raw_data.source_file_versions AS version USING (source_file_id)
  WHERE loaded_at IS NULL
    AND NOT EXISTS (SELECT FROM raw_data.deleted_files AS deleted
                    WHERE (deleted.reference_date, deleted.source_file_id) = (dates.reference_date, dates.source_file_id))
    AND NOT EXISTS (SELECT FROM raw_data.source_file_versions AS newer
                    WHERE newer.url = version.url AND newer.delivered_at > version.delivered_at)
  GROUP BY reference_date
), compared AS (
  SELECT reference_date, stored.reference_date IS NOT NULL AS begun, coalesce(waiting.rows, 0) AS waiting,
         CASE WHEN stored.reference_date IS NULL THEN array_fill(NULL::text, ARRAY[{count}])
              ELSE ARRAY[{reasons}] END AS reasons
  FROM stored FULL JOIN waiting USING (reference_date)
)
SELECT * FROM compared WHERE waiting > 0 OR num_nonnulls(VARIADIC reasons) > 0
"""


def _question(settings: Settings) -> sql.Composed:
    column = "max({what}) FILTER (WHERE table_name = {table}) AS {name}"

    def columns(what: str, tables: Iterable[str]) -> sql.Composed:
        return sql.SQL(", ").join(
            sql.SQL(column).format(
                what=sql.Identifier(what), table=sql.Literal(table), name=sql.Identifier(f"{what} {table}")
            )
            for table in tables
        )

    return sql.SQL(_QUESTION).format(
        children=_CHILDREN,
        versions=columns("version", (*_BUILT, REJECTED)),
        sources=columns("built_from", INPUTS),
        rules=columns("rules", INPUTS),
        times=columns("loaded_at", SNAPSHOTS),
        readings=sql.Literal(READINGS),
        rejected=sql.Literal(REJECTED),
        count=sql.Literal(len(_BUILT)),
        reasons=sql.SQL(", ").join(_reason(table, settings) for table in _BUILT),
    )


def _reason(table: str, settings: Settings) -> sql.Composed:
    """What is wrong with a table of a date, as an SQL expression; null where nothing is."""
    if table == READINGS:  # a date may have none
        return sql.SQL(
            "CASE WHEN readings > 0 AND stored.reference_date NOT IN (SELECT reference_date FROM children "
            "WHERE reference_date IS NOT NULL) THEN {} END"
        ).format(sql.Literal(GONE))
    missing = sql.SQL("WHEN {} IS NULL THEN {}").format(sql.Identifier(f"version {table}"), sql.Literal(MISSING))
    if table not in INPUTS:
        # Of the running date, and what is computed from it follows.
        return sql.SQL(
            "CASE {} WHEN {} AND {} < ((stored.reference_date + 1)::timestamp AT TIME ZONE {}) THEN {} END"
        ).format(
            missing,
            running_date.has_ended("stored.reference_date", settings.timezone),
            sql.Identifier(f"loaded_at {table}"),
            sql.Literal(settings.timezone),
            sql.Literal(EARLY),
        )
    present = sql.SQL(", ' ', ").join(
        sql.SQL("{}, coalesce({}, 0)").format(sql.Literal(f"{name}="), sql.Identifier(f"version {name}"))
        for name in INPUTS[table]
    )
    return sql.SQL("CASE {} WHEN {} <> {} THEN {} WHEN {} <> concat({}) THEN {} END").format(
        missing,
        sql.Identifier(f"rules {table}"),
        sql.Literal(rules_digest(table, settings)),
        sql.Literal(OTHER_RULES),
        sql.Identifier(f"built_from {table}"),
        present,
        sql.Literal(OLDER),
    )


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


def lost_dates(days: Iterable[date]) -> sql.Composed:
    """The query for those of the dates whose stored readings are gone, for somebody dropped their table."""
    return sql.SQL(
        "SELECT reference_date FROM raw_data.partition_versions WHERE table_name = {} AND rows_stored > 0 "
        "AND reference_date = ANY({}::date[]) AND reference_date NOT IN (SELECT reference_date FROM ({}) AS child "
        "WHERE reference_date IS NOT NULL) ORDER BY 1"
    ).format(sql.Literal(READINGS), sql.Literal(list(days)), _CHILDREN)


def missing_tables(connection: psycopg.Connection[Any]) -> list[str]:
    """The tables of the platform that the database lacks."""
    rows = connection.execute(
        "SELECT name FROM unnest(%s::text[]) WITH ORDINALITY AS wanted(name, n) WHERE to_regclass(name) IS NULL "
        "ORDER BY n",
        (list(EVERY_TABLE),),
    )
    return [name for (name,) in rows]


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
