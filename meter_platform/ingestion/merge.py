"""Merges new deliveries of a date with those before: of a half hour that was delivered more than once, one value counts.

What belongs here: applying `rules.deliveries` to the half hours of which there is something new, in a new child table or
in the one that everybody reads, and keeping the date's history, counts and notes in step. What does not: the rule itself,
which of the two ways a load takes, and publishing a child.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Final

import ibis
import pyarrow as pa
from ibis.formats.pyarrow import PyArrowType
from psycopg import sql

from meter_platform.ingestion import catalogue
from meter_platform.rules.deliveries import resolve
from meter_platform.settlement import INSTANT
from meter_platform.warehouse import changes, partition_notes, tables
from meter_platform.warehouse.child_tables import Child
from meter_platform.warehouse.sessions import Session


def _ibis_type(arrow_type: pa.DataType) -> str:
    return "timestamp('UTC')" if arrow_type == INSTANT else str(PyArrowType.to_ibis(arrow_type))


_READING: Final = tables.RAW_METER_READINGS.columns
"""What every table of delivered rows has."""

_DELIVERIES: Final = {
    # Decimals of any scale: a value is compared as it was delivered.
    **{column.name: "decimal" if column.is_energy else _ibis_type(column.arrow_type) for column in _READING},
    "replaced_at": "timestamp('UTC')",
    "held_as": "string",
    "delivered_at": "timestamp('UTC')",
    "url": "string",
}
"""The columns of the temporary table `deliveries`, as Ibis types. `held_as` says which table has the row so far: "stored",
"superseded" or "repeat"; null where none has."""

_READINGS: Final = ("{readings}", "NULL::timestamptz", "stored")
_SUPERSEDED: Final = ("raw_data.superseded_readings", "replaced_at", "superseded")
_REDELIVERED: Final = ("raw_data.redelivered_readings", "NULL", "repeat")
_REPEATED: Final = ("raw_data.repeated_readings", "NULL", "repeat")
"""Tables of delivered rows: when a row was replaced, and what it is held as. `readings` is the table with the date's
readings: its own, or the one with all dates."""


def _rows_of(*places: tuple[str, str, str], joined: str = "") -> str:
    # Joined one by one: of all at once Postgres would read every row.
    return " UNION ALL ".join(
        f"SELECT {{columns}}, {replaced_at} AS replaced_at, '{held_as}' AS held_as "  # noqa: S608 - text of this module
        f"FROM {table} {joined} WHERE reference_date = {{day}}"
        for table, replaced_at, held_as in places
    )


_OF_HALF_HOURS: Final = "JOIN repeated USING (meterpoint_id, interval_start)"

DELIVERED: Final = _rows_of(_READINGS, _SUPERSEDED, _REDELIVERED, _REPEATED)
"""Every row of a date that was loaded and is not withdrawn."""

DELIVERED_AGAIN: Final = _rows_of(_READINGS, _SUPERSEDED, _REDELIVERED, _REPEATED, joined=_OF_HALF_HOURS)
"""The same of the half hours in the temporary table `repeated`."""

_DECIDING: Final = _rows_of(_READINGS, _SUPERSEDED, _REDELIVERED, joined=_OF_HALF_HOURS)
"""All rows that decide about these half hours; repeats in between do not."""

# Nothing here is indexed: keys with more than one delivery are few, or else nearly all of them.
_COLLECT_REPEATS: Final = f"""
CREATE TEMP TABLE repeated ON COMMIT DROP AS
SELECT meterpoint_id, interval_start FROM (
  SELECT meterpoint_id, interval_start FROM {{readings}}
  GROUP BY meterpoint_id, interval_start, register HAVING count(*) > 1) AS of_a_register
GROUP BY meterpoint_id, interval_start;

ANALYZE repeated;

CREATE TEMP TABLE deliveries ON COMMIT DROP AS
SELECT delivery.*, version.delivered_at, version.url
FROM ({_DECIDING}) AS delivery
JOIN raw_data.source_file_versions AS version USING (source_file_id)
"""  # noqa: S608 - text of this module
"""All that decides about half hours of which a child has a register more than once: delivered twice, or by two meters."""

_COLLECT_NEW: Final = f"""
ANALYZE {{new}};

CREATE TEMP TABLE repeated ON COMMIT DROP AS
SELECT meterpoint_id, interval_start FROM {{new}}
JOIN {{readings}} AS stored USING (meterpoint_id, interval_start)
UNION
SELECT meterpoint_id, interval_start FROM {{new}} GROUP BY meterpoint_id, interval_start HAVING count(*) > 1;

ANALYZE repeated;

CREATE TEMP TABLE deliveries ON COMMIT DROP AS
SELECT delivery.*, version.delivered_at, version.url
FROM ({_DECIDING} UNION ALL SELECT {{columns}}, NULL, NULL FROM {{new}} {_OF_HALF_HOURS}) AS delivery
JOIN raw_data.source_file_versions AS version USING (source_file_id)
"""  # noqa: S608 - text of this module
"""All that decides about half hours of which there are new rows and others."""

_ADD_OTHERS: Final = """
INSERT INTO resolved ({columns}, outcome)
SELECT {columns}, 'stored' FROM {new} AS new WHERE NOT EXISTS (
  SELECT FROM repeated
  WHERE (repeated.meterpoint_id, repeated.interval_start) = (new.meterpoint_id, new.interval_start))
"""
"""New rows of half hours that nothing else was delivered of: there is nothing to decide."""

_DECIDE: Final = """
ANALYZE deliveries;

CREATE TEMP TABLE resolved ON COMMIT DROP AS {resolve}
"""

_MOVE: Final = """
ANALYZE resolved;

CREATE TEMP TABLE taken ({definitions}) ON COMMIT DROP;

WITH gone AS (
  DELETE FROM {readings} AS reading USING repeated
  WHERE reference_date = {day}
    AND (reading.meterpoint_id, reading.interval_start) = (repeated.meterpoint_id, repeated.interval_start)
    AND NOT EXISTS (
      SELECT FROM resolved AS kept WHERE outcome = 'stored' AND held_as = 'stored'
      AND (kept.source_file_id, kept.source_position) = (reading.source_file_id, reading.source_position))
  RETURNING reading.*)
INSERT INTO taken ({columns}) SELECT {columns} FROM gone;

DELETE FROM raw_data.superseded_readings AS old USING repeated
WHERE reference_date = {day}
  AND (old.meterpoint_id, old.interval_start) = (repeated.meterpoint_id, repeated.interval_start);

DELETE FROM raw_data.redelivered_readings AS old USING repeated
WHERE reference_date = {day}
  AND (old.meterpoint_id, old.interval_start) = (repeated.meterpoint_id, repeated.interval_start);

INSERT INTO {readings} ({columns})
SELECT {columns} FROM resolved WHERE outcome = 'stored' AND held_as IS DISTINCT FROM 'stored'
ORDER BY meterpoint_id, interval_start;

INSERT INTO raw_data.superseded_readings ({columns}, replaced_by_source_file_id, replaced_at)
SELECT {columns}, replaced_by_source_file_id, coalesce(replaced_at, {now}) FROM resolved WHERE outcome = 'superseded';

INSERT INTO raw_data.redelivered_readings ({columns}) SELECT {columns} FROM resolved WHERE outcome = 'redelivered';

INSERT INTO raw_data.repeated_readings ({columns}) SELECT {columns} FROM resolved WHERE outcome = 'repeated';

WITH taken_out AS (SELECT source_file_id, count(*) AS rows FROM taken GROUP BY source_file_id),
     fates AS (
       SELECT source_file_id,
              count(*) FILTER (WHERE outcome = 'stored' AND held_as IS DISTINCT FROM 'stored') AS put_in,
              count(*) FILTER (WHERE outcome IN ('redelivered', 'repeated')) - count(*) FILTER (WHERE held_as = 'repeat')
                AS repeats
       FROM resolved GROUP BY source_file_id),
     replaced AS (
       SELECT source_file_id, count(*) AS rows FROM raw_data.superseded_readings
       WHERE reference_date = {day} GROUP BY source_file_id)
UPDATE raw_data.source_file_dates AS dates
SET rows_stored = dates.rows_stored - coalesce(taken_out.rows, 0) + coalesce(fates.put_in, 0),
    rows_replaced = coalesce(replaced.rows, 0),
    rows_redelivered = dates.rows_redelivered + coalesce(fates.repeats, 0)
FROM raw_data.source_file_dates AS same
LEFT JOIN taken_out USING (source_file_id)
LEFT JOIN fates USING (source_file_id)
LEFT JOIN replaced USING (source_file_id)
WHERE (dates.reference_date, dates.source_file_id) = (same.reference_date, same.source_file_id)
  AND same.reference_date = {day} AND same.loaded_at IS NOT NULL
"""
"""Puts every row of `resolved`, which has all that matters of the half hours `repeated`, where it belongs. Rows that are
there already stay where they are, so that what changes in place is no more than what is new."""

_CHANGED: Final = """
SELECT meterpoint_id, interval_start, is_new, 1 AS readings, consumption_delta AS kwh, register, serial, quality,
       NULL::numeric AS export_kwh, NULL::numeric AS actual_kwh, NULL::numeric AS estimated_kwh
FROM (
  SELECT meterpoint_id, interval_start, false AS is_new, consumption_delta, register, serial, quality FROM taken
  UNION ALL
  SELECT meterpoint_id, interval_start, true, consumption_delta, register, serial, quality FROM resolved
  WHERE outcome = 'stored' AND held_as IS DISTINCT FROM 'stored'
  UNION ALL
  SELECT meterpoint_id, interval_start, is_new, consumption_delta, register, serial, quality
  FROM resolved CROSS JOIN (VALUES (false), (true)) AS out_and_in(is_new)
  WHERE outcome = 'stored' AND held_as = 'stored' AND (meterpoint_id, interval_start) IN (
    SELECT meterpoint_id, interval_start FROM taken
    UNION ALL
    SELECT meterpoint_id, interval_start FROM resolved
    WHERE outcome = 'stored' AND held_as IS DISTINCT FROM 'stored')) AS changed
"""
"""The readings that were taken out and put in, as `changes.note` takes them."""

_DROP: Final = "DROP TABLE repeated, deliveries, resolved, taken"


def resolve_repeats(writer: Session, child: Child, *, now: datetime) -> None:
    """Leaves one row for each half hour of a child, and the others where they belong.

    Args:
        writer: the transaction that fills the child.
        child: a date's readings, old and new, without a key. Every file they came from is in the catalogue, and the
            date is marked as loaded and stored for each.
        now: when the load began.
    """
    with _rough_statistics(writer):
        run(writer, _COLLECT_REPEATS, readings=child.identifier, day=sql.Literal(child.day))
        _decide(writer)
        _move(writer, child.identifier, child.day, now)
    run(writer, _DROP)


def add_in_place(writer: Session, new: Child, stored: Child, *, now: datetime) -> None:
    """Puts new rows of a date into the table that has its readings, and takes out those that they replace.

    Args:
        writer: the transaction.
        new: the new rows. Every file they came from is in the catalogue, and the date is marked as loaded for each,
            with none of these rows stored.
        stored: the date's readings, with their key.
        now: when the load began.
    """
    with _rough_statistics(writer):
        run(writer, _COLLECT_NEW, readings=stored.identifier, day=sql.Literal(stored.day), new=new.identifier)
        _decide(writer)
        run(writer, _ADD_OTHERS, new=new.identifier)
        _move(writer, stored.identifier, stored.day, now)
    _note(writer, stored.day, now)


def resolve_in_place(writer: Session, readings: sql.Identifier, day: date, *, now: datetime) -> None:
    """Applies the rule to the temporary tables `repeated` and `deliveries`, drops them, and notes what has changed.

    Args:
        writer: the transaction that made the tables: all deliveries that decide about the half hours in `repeated`.
        readings: the table with the date's readings.
        day: the date.
        now: when that began.
    """
    with _rough_statistics(writer):
        _decide(writer)
        _move(writer, readings, day, now)
    _note(writer, day, now)


@contextmanager
def _rough_statistics(writer: Session) -> Iterator[None]:
    """Has the server look at a tenth as many rows of the temporary tables: each serves few joins, all by their keys."""
    writer.execute(sql.SQL("SET LOCAL default_statistics_target = 10"))
    yield
    writer.execute(sql.SQL("SET LOCAL default_statistics_target TO DEFAULT"))


def _decide(writer: Session) -> None:
    """Makes the table `resolved`: what becomes of each row of `deliveries`."""
    rule = resolve(ibis.table(_DELIVERIES, name="deliveries"))
    run(writer, _DECIDE, resolve=sql.SQL(str(ibis.to_sql(rule, dialect="postgres"))))


def _move(writer: Session, readings: sql.Identifier, day: date, now: datetime) -> None:
    """Puts each row of `resolved` where it belongs."""
    run(
        writer,
        _MOVE,
        readings=readings,
        day=sql.Literal(day),
        now=sql.Literal(now),
        definitions=tables.RAW_METER_READINGS.definitions(checked=False),
    )


def _note(writer: Session, day: date, now: datetime) -> None:
    """Notes what was moved in the table that everybody reads: from there on the date's analytics are known to be older."""
    stored = {day: catalogue.stored_rows(writer, day)}
    writer.execute(partition_notes.noted(tables.RAW_METER_READINGS.name, stored, loaded_at=now, in_place=True))
    changes.note(writer, tables.RAW_METER_READINGS.name, day, sql.SQL(_CHANGED))
    run(writer, _DROP)


def run(writer: Session, script: str, **parts: sql.Composable) -> None:
    """Runs the statements of a script, with `{columns}` and the given parts filled in."""
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in _READING)
    filled = sql.SQL(script).format(columns=columns, **parts)
    for statement in filled.as_string(None).split(";\n"):
        writer.execute(sql.SQL(statement))
