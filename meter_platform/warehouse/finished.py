"""Which reference dates are finished, and what is wrong with those that are not.

A date is finished when every table of it was built from the readings, the snapshot and the rules that it has now. Each
table's partition has a version, noted in the transaction that replaces it, with the versions that it was computed from
and a digest of the rules. So the question is one comparison a date, whatever is stored.

What belongs here: the question. What does not: the notes (`partition_notes.py`), what is computed from what (`lineage.py`),
asking for runs (`orchestration/automation/`), and heavy imports: `meter-platform status` asks, too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

import psycopg
from psycopg import sql

from meter_platform.settings import Settings
from meter_platform.warehouse import running_date
from meter_platform.warehouse.lineage import EVERY_TABLE, INPUTS, READINGS, REJECTED, SNAPSHOTS, rules_digest

MISSING: Final = "never built"
GONE: Final = "gone"
OLDER: Final = "older than their input"
OTHER_RULES: Final = "built by other rules"
EARLY: Final = "taken before the day had ended"

_NAMED: Final = 3
"""How many tables a line names; of further ones it says how many they are."""


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
  UNION ALL
  SELECT reference_date FROM raw_data.dates_put_away
""").format()
"""The dates that have a child table, whose name begins with the date's digits, or are put away. To be materialised before it is
filtered: else Postgres looks for digits in the name of every relation."""

_QUESTION: Final = """
WITH stored AS (
  SELECT reference_date, {versions}, {sources}, {rules}, {times},
         max(rows_stored) FILTER (WHERE table_name = {readings}) AS readings
  FROM raw_data.partition_versions GROUP BY reference_date HAVING bool_or(table_name <> {rejected})
), children AS MATERIALIZED ({children}), waiting AS (
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


def lost_dates(days: Iterable[date]) -> sql.Composed:
    """The query for those of the dates whose stored readings are gone, for somebody dropped their table."""
    return sql.SQL(
        "WITH children AS MATERIALIZED ({}) "
        "SELECT reference_date FROM raw_data.partition_versions WHERE table_name = {} AND rows_stored > 0 "
        "AND reference_date = ANY({}::date[]) AND reference_date NOT IN (SELECT reference_date FROM children "
        "WHERE reference_date IS NOT NULL) ORDER BY 1"
    ).format(_CHILDREN, sql.Literal(READINGS), sql.Literal(list(days)))


def missing_tables(connection: psycopg.Connection[Any]) -> list[str]:
    """The tables of the platform that the database lacks."""
    rows = connection.execute(
        "SELECT name FROM unnest(%s::text[]) WITH ORDINALITY AS wanted(name, n) WHERE to_regclass(name) IS NULL "
        "ORDER BY n",
        (list(EVERY_TABLE),),
    )
    return [name for (name,) in rows]
