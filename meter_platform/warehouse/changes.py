"""What was changed in place in a partition, kept until every table that is computed from it has followed.

A table that was computed from version 7 of a partition, which now has version 9 and was last replaced whole at version 5,
can follow by what the versions 8 and 9 changed. `partition_notes.noted` says which versions there are; here is what changed.

What belongs here: these notes. What does not: which rows change (`ingestion/merge.py`, `follow.py`), and what follows from
that for a computed table (`follow.py`).
"""

from collections.abc import Sequence
from datetime import date
from typing import Final

from psycopg import sql

from meter_platform.warehouse import lineage, table_statistics, tables
from meter_platform.warehouse.sessions import Session
from meter_platform.warehouse.tables import Table

LARGE_DATE: Final = 200_000
"""Stored readings of a date from which it pays to change it in place, and to follow what has changed. Smaller ones are
copied in milliseconds, and many of them are computed whole by one query."""

_NOTE: Final = """
INSERT INTO raw_data.changes_in_place
  (reference_date, change_id, table_name, version, meterpoint_id, interval_start, is_new, readings, consumption_kwh,
   register, serial, quality, export_kwh, actual_kwh, estimated_kwh)
SELECT {day}, nextval('raw_data.change_id'), {table}, version, meterpoint_id, interval_start, is_new, readings, kwh,
       register, serial, quality, export_kwh, actual_kwh, estimated_kwh
FROM raw_data.partition_versions, ({changed}) AS changed
WHERE reference_date = {day} AND table_name = {table}
"""

_FORGET: Final = """
DELETE FROM raw_data.changes_in_place AS change USING (
  SELECT reference_date, min(version) AS version FROM (
    SELECT reference_date, substring(built_from FROM {pattern})::bigint AS version
    FROM raw_data.partition_versions WHERE table_name = ANY({followers}::text[]) AND built_from ~ {pattern}
    UNION ALL
    SELECT reference_date, coalesce(recounted_version, 0)
    FROM raw_data.partition_versions WHERE table_name = {table} AND table_name = {readings}
  ) AS follower WHERE reference_date = ANY({days}::date[]) GROUP BY reference_date
) AS followed
WHERE change.table_name = {table} AND change.reference_date = followed.reference_date
  AND change.version <= followed.version
"""

_RECEIVED: Final = """
SELECT meterpoint_id, reference_date::timestamp AT TIME ZONE 'UTC' AS interval_start, {is_new} AS is_new,
       received_readings AS readings, total_consumption_kwh AS kwh,
       NULL::text AS register, NULL::text AS serial, NULL::text AS quality, export_consumption_kwh AS export_kwh,
       actual_consumption_kwh AS actual_kwh, estimated_consumption_kwh AS estimated_kwh
FROM analytics.meterpoint_completeness WHERE {condition}
"""


def note(writer: Session, table: str, day: date, changed: sql.Composable) -> None:
    """Notes what has changed in a date of a table, for the version that `partition_notes.noted` has just given it.

    Args:
        writer: in whose transaction it has changed.
        table: by name.
        day: the date.
        changed: a query for the rows that were taken out and put in: meterpoint_id, interval_start, is_new, readings,
            kwh and all others from register on, as in `raw_data.changes_in_place`. Of a half hour of a meterpoint of which
            one reading changes, those that stay are taken out and put in again: rules then see the half hour whole.
    """
    writer.execute(sql.SQL(_NOTE).format(table=sql.Literal(table), day=sql.Literal(day), changed=changed))
    table_statistics.analyse(writer, tables.CHANGES_IN_PLACE.identifier)


def rows_as_noted(table: Table, condition: sql.Composable, *, is_new: bool) -> sql.Composed | None:
    """The query for rows of a computed table as `note` takes them; `None` where nothing is computed from the table.

    Args:
        table: a computed one.
        condition: which rows.
        is_new: whether they were put in; else they are taken out.
    """
    if table is not tables.METERPOINT_COMPLETENESS:
        return None
    return sql.SQL(_RECEIVED).format(condition=condition, is_new=sql.Literal(is_new))


def forget(writer: Session, table: str, days: Sequence[date]) -> None:
    """Removes the notes on changes that every table computed from a table has followed.

    Changes of readings are kept until checks have recounted every reading, too.
    """
    followers = [name for name, inputs in lineage.INPUTS.items() if table in inputs]
    writer.execute(
        sql.SQL(_FORGET).format(
            table=sql.Literal(table),
            readings=sql.Literal(lineage.READINGS),
            followers=sql.Literal(followers),
            pattern=sql.Literal(rf"\m{table}=(\d+)"),
            days=sql.Literal(list(days)),
        )
    )
