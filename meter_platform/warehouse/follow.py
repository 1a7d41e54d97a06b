"""Lets a computed table follow what was changed in place in the tables that it is computed from.

What belongs here: whether a date of a table can follow, and the transaction in which it does. What does not: which rows
come of it (`rules/changes.py`), and computing them (`orchestration/`).

A date can follow where it is large, its table was built by the rules of today, and every input either is the version that
it was built from, or was changed in place alone since then. Otherwise it is computed whole.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

import pyarrow as pa
from psycopg import sql

from meter_platform.warehouse import changes, date_locks, lineage, partition_notes, sessions
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.partitions import StoreReport
from meter_platform.warehouse.sessions import Session
from meter_platform.warehouse.tables import Table
from meter_platform.warehouse.validation import validate

_VERSION: Final = re.compile(r"(\w+)=(\d+)")


@dataclass(frozen=True, slots=True)
class Since:
    """What has changed in the inputs of a date of a table since it was built.

    Attributes:
        day: the date.
        changed: each input with another version than it was built from: that version, and the one that it has now.
        built_from: what the table will be built from once it has followed.
        rules: that it was built by, and is now.
        rows_stored: how many rows it has.
        started: when this was found.
    """

    day: date
    changed: Mapping[str, tuple[int, int]]
    built_from: str
    rules: str
    rows_stored: int
    started: datetime


@dataclass(frozen=True, slots=True)
class Followed:
    """What comes of the changes.

    Attributes:
        rows: the new rows, all made from the changes that `Since` names.
        touched: a query for the rows that they take the place of: reference_date, meterpoint_id. `None`: all of the date.
    """

    rows: Iterable[pa.Table]
    touched: sql.Composable | None = None


def follow(
    database: Database,
    table: Table,
    days: Sequence[date],
    *,
    rules: str,
    compute: Callable[[Since], Followed],
) -> StoreReport:
    """Brings dates of a table up to date by what has changed, as far as that is possible.

    Args:
        database: with the tables.
        table: a computed one.
        days: the dates.
        rules: that it is computed by now, by `lineage.rules_digest`.
        compute: makes the new rows of a date. They are validated before they are stored.

    Returns:
        The dates that have followed. The others are as they were, and are to be computed whole.

    Raises:
        ContractViolationError: the new rows break the contract; the stored ones are as they were.
        LockHeldError: another process writes one of the dates all the time.
    """
    report = StoreReport()
    replaced = 0
    with sessions.begin(database) as writer:
        if not _since(writer, table, days, rules):
            return report
        date_locks.lock_dates(writer, table, days)
        for day, since in _since(writer, table, days, rules).items():
            followed = compute(since)
            rows = [validate(table, _stamped(part, since.started), unique=False) for part in followed.rows]
            # The notes on changes that the rows were made from are complete only if they still are now.
            if day in _since(writer, table, [day], rules):
                report.rows_per_date[day] = _put_in(writer, table, since, followed.touched, rows)
                replaced += sum(part.num_rows for part in rows)
                writer.commit()
    if report.rows_per_date:
        report.facts = {"dates_that_followed_changes": len(report.rows_per_date), "rows_computed_anew": replaced}
    return report


@dataclass(frozen=True, slots=True)
class _Note:
    """What is noted of a date of a table (`partition_notes.noted`)."""

    version: int
    whole_version: int | None
    built_from: str
    rules: str
    rows_stored: int


_NOTHING: Final = _Note(0, 0, "", "", 0)


def _since(writer: Session, table: Table, days: Sequence[date], rules: str) -> dict[date, Since]:
    """Of each date that can follow, what has changed."""
    inputs = lineage.INPUTS[table.name]
    notes = {
        (day, name): _Note(*note)
        for day, name, *note in writer.fetch(
            sql.SQL(
                "SELECT reference_date, table_name, version, whole_version, built_from, rules, rows_stored "
                "FROM raw_data.partition_versions WHERE table_name = ANY({}::text[]) AND reference_date = ANY({}::date[])"
            ).format(sql.Literal([table.name, *inputs, lineage.READINGS]), sql.Literal(list(days)))
        )
    }
    found = {}
    for day in days:
        own, readings = (notes.get((day, name), _NOTHING) for name in (table.name, lineage.READINGS))
        now = {name: notes.get((day, name), _NOTHING) for name in inputs}
        built = {name: int(number) for name, number in _VERSION.findall(own.built_from)}
        changed = {
            name: (built.get(name, -1), note.version) for name, note in now.items() if built.get(name) != note.version
        }
        in_place = changed and all(_covers(now[name], before) for name, (before, _) in changed.items())
        if in_place and own.rules == rules and readings.rows_stored >= changes.LARGE_DATE:
            source = lineage.built_from(table.name, {name: {day: note.version} for name, note in now.items()}, day)
            found[day] = Since(day, changed, source, rules, own.rows_stored, datetime.now(UTC))
    return found


def _covers(note: _Note, before: int) -> bool:
    """Whether the notes on changes say all that makes an earlier version of a partition the one of now."""
    return note.whole_version is not None and note.whole_version <= before < note.version


def _put_in(
    writer: Session, table: Table, since: Since, touched: sql.Composable | None, rows: Sequence[pa.Table]
) -> int:
    """Puts new rows in the place of those that were touched, and notes it; returns how many rows the date has then."""
    day = sql.Literal(since.day)
    condition = sql.SQL("reference_date = {}").format(day)
    if touched:
        writer.execute(sql.SQL("CREATE TEMP TABLE touched ON COMMIT DROP AS {}").format(touched))
        writer.execute(sql.SQL("ANALYZE touched"))
        condition += sql.SQL(
            " AND (reference_date, meterpoint_id) IN (SELECT reference_date, meterpoint_id FROM touched)"
        )
    if leaving := changes.rows_as_noted(table, condition, is_new=False):
        writer.execute(sql.SQL("CREATE TEMP TABLE changed ON COMMIT DROP AS {}").format(leaving))
    ((gone,),) = writer.fetch(
        sql.SQL("WITH gone AS (DELETE FROM {} WHERE {} RETURNING 1) SELECT count(*) FROM gone").format(
            table.identifier, condition
        )
    )
    for part in rows:
        writer.copy(table.identifier, part)
    stored: int = since.rows_stored - gone + sum(part.num_rows for part in rows)
    writer.execute(
        partition_notes.noted(
            table.name,
            {since.day: stored},
            loaded_at=since.started,
            sources={since.day: since.built_from},
            rules=since.rules,
            in_place=touched is not None,
        )
    )
    if coming := changes.rows_as_noted(table, condition, is_new=True):
        writer.execute(sql.SQL("INSERT INTO changed {}").format(coming))
        changes.note(writer, table.name, since.day, sql.SQL("SELECT * FROM changed"))
    # What readings changed is kept until checks have recounted them.
    for name in since.changed.keys() - {lineage.READINGS}:
        changes.forget(writer, name, [since.day])
    return stored


def _stamped(rows: pa.Table, started: datetime) -> pa.Table:
    """Adds `loaded_at`."""
    return rows.append_column("loaded_at", pa.array([started] * rows.num_rows, pa.timestamp("us", tz="UTC")))
