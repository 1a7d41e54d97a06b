"""Models that a dbt project builds from the platform's tables: which dates of them are not finished, and forgetting them.

A model notes in `raw_data.partition_versions` from what it was built, as every table does: dbt writes the note in the
transaction that replaces the dates (`transformations/macros/versions.sql`). So models are known by their notes, and whoever
asks needs neither dbt nor the project. What a note says of a model's text is compared with its newest note.

What belongs here: these questions, in SQL. What does not: models, dbt, and the platform's own tables (`finished.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final

import psycopg
from psycopg import sql

from meter_platform.warehouse.finished import GONE, MISSING, OLDER, OTHER_RULES, Unfinished
from meter_platform.warehouse.lineage import EVERY_TABLE, INPUTS

SCHEMA: Final = "analytics_models"

_NOT_MODELS: Final = [name.rpartition(".")[2] for name in EVERY_TABLE]

_QUESTION: Final = """
WITH stored AS (
  -- Dates of which every table of the platform was built; of others the models come when they are.
  SELECT reference_date FROM raw_data.partition_versions
  WHERE table_name = ANY(%(computed)s) GROUP BY 1 HAVING count(*) = cardinality(%(computed)s::text[])
), notes AS (
  SELECT reference_date, table_name, built_from, rules, version
  FROM raw_data.partition_versions WHERE table_name <> ALL(%(platform)s)
), models AS (
  SELECT DISTINCT ON (table_name) table_name, rules,
         to_regclass(format('%%I.%%I', %(schema)s::text, table_name)) IS NULL AS is_gone
  FROM notes ORDER BY table_name, version DESC
), inputs AS (
  SELECT reference_date, table_name, split_part(read, '=', 2)::bigint AS version,
         split_part(split_part(read, '=', 1), ':', -1) AS name, read LIKE 'month:%%' AS of_month
  FROM notes CROSS JOIN regexp_split_to_table(built_from, ' ') AS read WHERE read <> ''
), older AS (
  SELECT DISTINCT reference_date, table_name FROM inputs
  WHERE version <> coalesce((
    SELECT max(newer.version) FROM raw_data.partition_versions AS newer
    WHERE newer.table_name = inputs.name AND newer.reference_date BETWEEN
      CASE WHEN of_month THEN date_trunc('month', inputs.reference_date)::date ELSE inputs.reference_date END
      AND inputs.reference_date), 0)
)
SELECT stored.reference_date, models.table_name,
       CASE WHEN is_gone THEN %(gone)s::text WHEN notes.version IS NULL THEN %(missing)s
            WHEN notes.rules <> models.rules THEN %(other_rules)s WHEN older.table_name IS NOT NULL THEN %(older)s END AS why
FROM stored CROSS JOIN models
LEFT JOIN notes USING (reference_date, table_name)
LEFT JOIN older USING (reference_date, table_name)
ORDER BY 1, 2
"""


def with_models(connection: psycopg.Connection[Any], found: Sequence[Unfinished]) -> list[Unfinished]:
    """Every date that is not finished, its models included, in order.

    Args:
        connection: to the platform's database.
        found: what `finished.unfinished` found of the platform's own tables.
    """
    by_day = {each.day: each for each in found}
    for day, model, why in connection.execute(
        _QUESTION.encode(),
        {
            "computed": list(INPUTS),
            "platform": _NOT_MODELS,
            "schema": SCHEMA,
            "gone": GONE,
            "missing": MISSING,
            "other_rules": OTHER_RULES,
            "older": OLDER,
        },
    ):
        if why:
            known = by_day.get(day, Unfinished(day=day))
            by_day[day] = replace(known, tables={**known.tables, model: why})
    return [by_day[day] for day in sorted(by_day)]


def forget(connection: psycopg.Connection[Any], *, keep: Iterable[str]) -> None:
    """Takes no more note of models that the project has no longer; their tables stay until somebody drops them.

    Args:
        connection: in whose transaction.
        keep: the names of the project's models.
    """
    connection.execute(
        "DELETE FROM raw_data.partition_versions WHERE table_name <> ALL(%s) AND table_name <> ALL(%s)",
        (_NOT_MODELS, list(keep)),
    )


def rows_of(connection: psycopg.Connection[Any], model: str, days: Sequence[date]) -> Mapping[date, int]:
    """How many rows some dates of a model have, as it noted."""
    found = connection.execute(
        "SELECT reference_date, rows_stored FROM raw_data.partition_versions "
        "WHERE table_name = %s AND reference_date = ANY(%s)",
        (model, list(days)),
    )
    return dict(found.fetchall())


def dated_tables(connection: psycopg.Connection[Any]) -> list[tuple[str, str | None]]:
    """The tables of models that have reference dates, by name, and of each the column with its energy, if it has one."""
    return connection.execute(DATED_TABLES).fetchall()


DATED_TABLES: Final = sql.SQL(
    "SELECT relname, max(attname) FILTER (WHERE attname = 'total_consumption_kwh') "
    "FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid "
    "WHERE relnamespace = to_regnamespace({}) AND relkind = 'r' AND NOT attisdropped "
    "GROUP BY relname HAVING bool_or(attname = 'reference_date') ORDER BY relname"
).format(sql.Literal(SCHEMA))
"""The query of `dated_tables`."""
