"""Merges new deliveries of a date with those before: of a half hour that was delivered more than once, one value counts.

What belongs here: applying `rules.deliveries` to a child table that has more than one row for some keys, and keeping
the date's history and counts in step. What does not: the rule itself, and publishing the child.
"""

from datetime import date
from typing import Final

import ibis
import pyarrow as pa
from ibis.formats.pyarrow import PyArrowType
from psycopg import sql

from meter_platform.rules.deliveries import resolve
from meter_platform.settlement import INSTANT
from meter_platform.warehouse import tables
from meter_platform.warehouse.partitions import Child, Session


def _ibis_type(arrow_type: pa.DataType) -> str:
    return "timestamp('UTC')" if arrow_type == INSTANT else str(PyArrowType.to_ibis(arrow_type))


_READING: Final = tables.RAW_METER_READINGS.columns
"""What every table of delivered rows has."""

_DELIVERIES: Final = {
    # Decimals of any scale: a value is compared as it was delivered.
    **{column.name: "decimal" if column.is_energy else _ibis_type(column.arrow_type) for column in _READING},
    "replaced_at": "timestamp('UTC')",
    "counted": "boolean",
    "delivered_at": "timestamp('UTC')",
    "url": "string",
}
"""The columns of the temporary table `deliveries`, as Ibis types."""

# Nothing here is indexed: keys with more than one delivery are few, or else nearly all of them.
_COLLECT: Final = """
CREATE TEMP TABLE repeated ON COMMIT DROP AS
SELECT meterpoint_id, interval_start FROM {readings} GROUP BY meterpoint_id, interval_start HAVING count(*) > 1;

CREATE TEMP TABLE deliveries ON COMMIT DROP AS
SELECT delivery.*, version.delivered_at, version.url
FROM (
  SELECT {columns}, NULL::timestamptz AS replaced_at, false AS counted FROM {readings}
  UNION ALL
  SELECT {columns}, replaced_at, false FROM raw_data.superseded_readings WHERE reference_date = {day}
  UNION ALL
  SELECT {columns}, NULL, true FROM raw_data.redelivered_readings WHERE reference_date = {day}
) AS delivery
JOIN repeated USING (meterpoint_id, interval_start)
JOIN raw_data.source_file_versions AS version USING (source_file_id)
"""
"""All that decides about half hours which a child has more than once; repeats in between do not."""

_RESOLVE: Final = """
ANALYZE deliveries;

CREATE TEMP TABLE resolved ON COMMIT DROP AS {resolve};

DELETE FROM {readings} AS reading USING repeated
WHERE reference_date = {day}
  AND (reading.meterpoint_id, reading.interval_start) = (repeated.meterpoint_id, repeated.interval_start);

DELETE FROM raw_data.superseded_readings AS old USING repeated
WHERE reference_date = {day}
  AND (old.meterpoint_id, old.interval_start) = (repeated.meterpoint_id, repeated.interval_start);

DELETE FROM raw_data.redelivered_readings AS old USING repeated
WHERE reference_date = {day}
  AND (old.meterpoint_id, old.interval_start) = (repeated.meterpoint_id, repeated.interval_start);

INSERT INTO {readings} ({columns}) SELECT {columns} FROM resolved WHERE outcome = 'stored';

INSERT INTO raw_data.superseded_readings ({columns}, replaced_by_source_file_id, replaced_at)
SELECT {columns}, replaced_by_source_file_id, coalesce(replaced_at, {now}) FROM resolved WHERE outcome = 'superseded';

INSERT INTO raw_data.redelivered_readings ({columns}) SELECT {columns} FROM resolved WHERE outcome = 'redelivered';

INSERT INTO raw_data.repeated_readings ({columns}) SELECT {columns} FROM resolved WHERE outcome = 'repeated';

WITH stored AS (
       SELECT source_file_id, count(*) AS rows FROM {readings} WHERE reference_date = {day} GROUP BY source_file_id),
     replaced AS (
       SELECT source_file_id, count(*) AS rows FROM raw_data.superseded_readings
       WHERE reference_date = {day} GROUP BY source_file_id),
     repeats AS (
       SELECT source_file_id,
              count(*) FILTER (WHERE outcome IN ('redelivered', 'repeated')) - count(*) FILTER (WHERE counted) AS rows
       FROM resolved GROUP BY source_file_id)
UPDATE raw_data.source_file_dates AS dates
SET rows_stored = coalesce(stored.rows, 0),
    rows_replaced = coalesce(replaced.rows, 0),
    rows_redelivered = dates.rows_redelivered + coalesce(repeats.rows, 0)
FROM raw_data.source_file_dates AS same
LEFT JOIN stored USING (source_file_id)
LEFT JOIN replaced USING (source_file_id)
LEFT JOIN repeats USING (source_file_id)
WHERE (dates.reference_date, dates.source_file_id) = (same.reference_date, same.source_file_id)
  AND same.reference_date = {day} AND same.loaded_at IS NOT NULL;

DROP TABLE repeated, deliveries, resolved
"""
"""Puts every row of `deliveries`, which has all that matters of the half hours `repeated`, where it belongs."""


def resolve_repeats(writer: Session, child: Child, *, now: sql.Composable) -> None:
    """Leaves one row for each half hour of a child, and the others where they belong.

    Args:
        writer: the transaction that fills the child.
        child: a date's readings, old and new, without a key. Every file they came from is in the catalogue, and the
            date is marked as loaded for each.
        now: when the load began, as an SQL literal.
    """
    run(writer, _COLLECT, readings=child.identifier, day=sql.Literal(child.day))
    resolve_deliveries(writer, child.identifier, child.day, now=now)


def resolve_deliveries(writer: Session, readings: sql.Identifier, day: date, *, now: sql.Composable) -> None:
    """Applies the rule to the temporary tables `repeated` and `deliveries`, and drops them.

    Args:
        writer: the transaction that made them.
        readings: the table with the date's readings.
        day: the date.
        now: when that began, as an SQL literal.
    """
    rule = resolve(ibis.table(_DELIVERIES, name="deliveries"))
    query = sql.SQL(str(ibis.to_sql(rule, dialect="postgres")))
    run(writer, _RESOLVE, readings=readings, day=sql.Literal(day), now=now, resolve=query)


def run(writer: Session, script: str, **parts: sql.Composable) -> None:
    """Runs the statements of a script, with `{columns}` and the given parts filled in."""
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in _READING)
    filled = sql.SQL(script).format(columns=columns, **parts)
    for statement in filled.as_string(None).split(";\n"):
        writer.execute(sql.SQL(statement))
