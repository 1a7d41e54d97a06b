"""Takes back what a file version delivered, and undoes that.

What belongs here: moving rows between the tables of what was delivered, date by date, so that everything is as if the
rows had never come. What does not: the rule that says what counts then (`rules/deliveries.py`), and rebuilding
analytics (the command does that).

No file is read again, for those of overwritten versions are gone: all rows that were ever loaded are on record. Each date
changes in a transaction of its own. A withdrawal that was interrupted is completed by running it again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

from psycopg import sql

from meter_platform.errors import WithdrawalError
from meter_platform.ingestion import merge
from meter_platform.lake.lake import Lake
from meter_platform.lake.take_out import take_out
from meter_platform.warehouse import child_tables, date_locks, sessions, tables
from meter_platform.warehouse.child_tables import Child
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.sessions import Session

VERSION: Final = "version"
LEFT_OVER: Final = "left_over"

_READINGS: Final = tables.RAW_METER_READINGS
_DATES: Final = tables.SOURCE_FILE_DATES.identifier
_WITHDRAWALS: Final = tables.WITHDRAWALS.identifier

_FIND: Final = f"""
CREATE TEMP TABLE moved ON COMMIT DROP AS
SELECT delivery.* FROM ({merge.DELIVERED}) AS delivery WHERE source_file_id = ANY({{versions}}::bigint[])
"""  # noqa: S608 - text of this module

_UNLESS_SAID: Final = f"""
DELETE FROM moved USING ({merge.DELIVERED}) AS said
WHERE said.source_file_id = {{newest}}
  AND (said.meterpoint_id, said.interval_start, said.register)
    = (moved.meterpoint_id, moved.interval_start, moved.register)
"""  # noqa: S608 - text of this module

_TAKE_OUT: Final = f"""
ANALYZE moved;

CREATE TEMP TABLE repeated ON COMMIT DROP AS SELECT DISTINCT meterpoint_id, interval_start FROM moved;

ANALYZE repeated;

CREATE TEMP TABLE deliveries ON COMMIT DROP AS
SELECT delivery.*, version.delivered_at, version.url
FROM ({merge.DELIVERED_AGAIN}) AS delivery
JOIN raw_data.source_file_versions AS version USING (source_file_id)
WHERE (source_file_id, source_position) NOT IN (SELECT source_file_id, source_position FROM moved);

DELETE FROM raw_data.repeated_readings AS old USING repeated
WHERE reference_date = {{day}}
  AND (old.meterpoint_id, old.interval_start) = (repeated.meterpoint_id, repeated.interval_start);

INSERT INTO raw_data.withdrawn_readings ({{columns}}, withdrawal_id) SELECT {{columns}}, {{withdrawal}} FROM moved;

WITH files AS (
       SELECT source_file_id, count(*) AS rows, count(*) FILTER (WHERE held_as = 'repeat') AS repeats FROM moved GROUP BY 1)
UPDATE raw_data.source_file_dates AS dates
SET rows_withdrawn = dates.rows_withdrawn + files.rows, rows_redelivered = dates.rows_redelivered - files.repeats
FROM files WHERE dates.reference_date = {{day}} AND dates.source_file_id = files.source_file_id
"""  # noqa: S608 - text of this module

_FIND_WITHDRAWN: Final = """
CREATE TEMP TABLE moved ON COMMIT DROP AS
SELECT {columns}, NULL::timestamptz AS replaced_at, NULL::text AS held_as
FROM raw_data.withdrawn_readings WHERE reference_date = {day} AND withdrawal_id = ANY({withdrawals}::bigint[])
"""

_PUT_BACK: Final = f"""
ANALYZE moved;

CREATE TEMP TABLE repeated ON COMMIT DROP AS SELECT DISTINCT meterpoint_id, interval_start FROM moved;

ANALYZE repeated;

CREATE TEMP TABLE deliveries ON COMMIT DROP AS
SELECT delivery.*, version.delivered_at, version.url
FROM ({merge.DELIVERED_AGAIN} UNION ALL SELECT * FROM moved) AS delivery
JOIN raw_data.source_file_versions AS version USING (source_file_id);

DELETE FROM raw_data.repeated_readings AS old USING repeated
WHERE reference_date = {{day}}
  AND (old.meterpoint_id, old.interval_start) = (repeated.meterpoint_id, repeated.interval_start);

DELETE FROM raw_data.withdrawn_readings WHERE reference_date = {{day}} AND withdrawal_id = ANY({{withdrawals}}::bigint[]);

WITH files AS (SELECT source_file_id, count(*) AS rows FROM moved GROUP BY 1)
UPDATE raw_data.source_file_dates AS dates SET rows_withdrawn = dates.rows_withdrawn - files.rows
FROM files WHERE dates.reference_date = {{day}} AND dates.source_file_id = files.source_file_id
"""  # noqa: S608 - text of this module


@dataclass(slots=True)
class Moved:
    """What a withdrawal, or undoing one, has changed.

    Attributes:
        dates: whose readings are others now than their analytics were computed from, or were when this was begun.
        rows_per_date: rows that were taken back, or put back, of each date that was loaded.
        waiting: rows of dates that had not been loaded.
        kwh: energy of the rows of `rows_per_date`.
    """

    dates: list[date] = field(default_factory=list)
    rows_per_date: dict[date, int] = field(default_factory=dict)
    waiting: int = 0
    kwh: Decimal = Decimal(0)

    @property
    def rows(self) -> int:
        """Rows in all."""
        return sum(self.rows_per_date.values()) + self.waiting


@dataclass(frozen=True, slots=True)
class _Version:
    source_file_id: int
    url: str
    delivered_at: datetime
    withdrawn: bool


def withdraw(database: Database, number: int, *, left_over: bool = False, lake: Lake | None = None) -> Moved:
    """Takes back all rows of a file version, or what overwritten versions of its file say and the newest does not.

    Args:
        database: with the tables.
        number: of the file version: `raw_data.source_files`.
        left_over: of the overwritten versions of its file, the half hours that the newest one has no accepted row of.
        lake: has the readings of dates that are put away.

    Raises:
        WithdrawalError: there is no such version, or the newest one has not been loaded.
        PermanentError: see `take_out`.
    """
    started = datetime.now(UTC)
    moved = Moved()
    readings = {"readings": _READINGS.identifier}
    with sessions.begin(database) as writer:
        named, versions = _versions(writer, number)
        standing = sorted((v for v in versions if not v.withdrawn), key=lambda version: version.delivered_at)
        newest = standing[-1] if standing else named
        taken = [version.source_file_id for version in standing[:-1]] if left_over else [number]
        dates = _dates_of(writer, taken)
        date_locks.lock_dates(writer, _READINGS, dates)
        take_out(writer, dates, lake)
        if left_over:
            _refuse_waiting(writer, newest.source_file_id, dates)
        what = LEFT_OVER if left_over else VERSION
        withdrawal = _begun(writer, [named], what) or _begin(writer, number, what, started)
        for day in dates:
            merge.run(writer, _FIND, day=sql.Literal(day), versions=sql.Literal(taken), **readings)
            if left_over:
                merge.run(
                    writer, _UNLESS_SAID, day=sql.Literal(day), newest=sql.Literal(newest.source_file_id), **readings
                )
            rows = _note(writer, day, moved)
            if rows:
                merge.run(writer, _TAKE_OUT, day=sql.Literal(day), withdrawal=sql.Literal(withdrawal[-1]), **readings)
                merge.resolve_in_place(writer, _READINGS.identifier, day, now=started)
            writer.execute(sql.SQL("DROP TABLE moved"))
            if not left_over:
                waiting = _withdraw_waiting(writer, number, day, started)
                moved.waiting += waiting
                rows += waiting
            writer.execute(
                sql.SQL("UPDATE {} SET rows_withdrawn = rows_withdrawn + {} WHERE withdrawal_id = {}").format(
                    _WITHDRAWALS, sql.Literal(rows), sql.Literal(withdrawal[-1])
                )
            )
            writer.commit()
        # Those of a withdrawal that was interrupted, too: nobody knows what was built since.
        moved.dates = _dates_withdrawn(writer, withdrawal)
    return moved


def undo(database: Database, number: int, *, left_over: bool = False, lake: Lake | None = None) -> Moved:
    """Puts back what `withdraw` took.

    Args:
        database: with the tables.
        number: as it was given to `withdraw`; for left-overs any version of the file.
        left_over: as it was given to `withdraw`.
        lake: as it was given to `withdraw`.

    Raises:
        WithdrawalError: nothing is withdrawn that could be put back.
        PermanentError: see `take_out`.
    """
    started = datetime.now(UTC)
    moved = Moved()
    with sessions.begin(database) as writer:
        named, versions = _versions(writer, number)
        what = LEFT_OVER if left_over else VERSION
        withdrawals = _begun(writer, versions if left_over else [named], what)
        if not withdrawals:
            raise WithdrawalError(
                f"Nothing to undo: source file {number} is not withdrawn"
                f"{', nor is what overwritten versions of it alone say' if left_over else ''}."
            )
        taken = [version.source_file_id for version in versions] if left_over else [number]
        dates = _dates_of(writer, taken)
        date_locks.lock_dates(writer, _READINGS, dates)
        take_out(writer, dates, lake)
        _hand_over(writer, withdrawals)
        parts = {"withdrawals": sql.Literal(withdrawals), "readings": _READINGS.identifier}
        for day in dates:
            if not left_over:
                moved.waiting += _let_wait(writer, number, day)
            merge.run(writer, _FIND_WITHDRAWN, day=sql.Literal(day), **parts)
            if _note(writer, day, moved):
                ensure_child(writer, day)
                merge.run(writer, _PUT_BACK, day=sql.Literal(day), **parts)
                merge.resolve_in_place(writer, _READINGS.identifier, day, now=started)
            writer.execute(sql.SQL("DROP TABLE moved"))
            writer.commit()
        writer.execute(
            sql.SQL("UPDATE {} SET undone_at = {} WHERE withdrawal_id = ANY({}::bigint[])").format(
                _WITHDRAWALS, sql.Literal(started), sql.Literal(withdrawals)
            )
        )
        writer.commit()
    moved.dates = list(moved.rows_per_date)
    return moved


def _versions(session: Session, number: int) -> tuple[_Version, list[_Version]]:
    """A file version, and all of its file that could be read."""
    found = session.fetch(
        sql.SQL(
            "SELECT source_file_id, url, delivered_at, source_file_id IN "
            "(SELECT source_file_id FROM {} WHERE what = {} AND undone_at IS NULL) FROM {} "
            "WHERE outcome = 'read' AND url = (SELECT url FROM {} WHERE source_file_id = {})"
        ).format(
            _WITHDRAWALS,
            sql.Literal(VERSION),
            tables.SOURCE_FILE_VERSIONS.identifier,
            tables.SOURCE_FILE_VERSIONS.identifier,
            sql.Literal(number),
        )
    )
    versions = [_Version(*row) for row in found]
    named = next((version for version in versions if version.source_file_id == number), None)
    if named is None:
        raise WithdrawalError(
            f"There is no source file {number} that rows were read of: raw_data.source_files has the numbers."
        )
    return named, versions


def _dates_of(session: Session, versions: Sequence[int]) -> list[date]:
    rows = session.fetch(
        sql.SQL("SELECT DISTINCT reference_date FROM {} WHERE source_file_id = ANY({}::bigint[]) ORDER BY 1").format(
            _DATES, sql.Literal(list(versions))
        )
    )
    return [day for (day,) in rows]


def _refuse_waiting(session: Session, newest: int, dates: Sequence[date]) -> None:
    """What the newest version says of a date is known once that was loaded."""
    rows = session.fetch(
        sql.SQL(
            "SELECT reference_date FROM {} WHERE source_file_id = {} AND loaded_at IS NULL "
            "AND reference_date = ANY({}::date[]) ORDER BY 1"
        ).format(_DATES, sql.Literal(newest), sql.Literal(list(dates)))
    )
    if rows:
        raise WithdrawalError(
            f"Source file {newest}, the newest version of the file, has rows of {rows[0][0]} that have not been loaded: "
            f"meter-platform run --reference-date {rows[0][0]} loads them."
        )


def _begun(session: Session, versions: Sequence[_Version], what: str) -> list[int]:
    """The withdrawals that hold, or that were interrupted."""
    rows = session.fetch(
        sql.SQL(
            "SELECT withdrawal_id FROM {} WHERE undone_at IS NULL AND what = {} AND source_file_id = ANY({}::bigint[]) "
            "ORDER BY 1"
        ).format(_WITHDRAWALS, sql.Literal(what), sql.Literal([version.source_file_id for version in versions]))
    )
    return [number for (number,) in rows]


def _begin(writer: Session, number: int, what: str, started: datetime) -> list[int]:
    """Puts a withdrawal on record before the first row moves."""
    rows = writer.fetch(
        sql.SQL(
            "INSERT INTO {} (withdrawal_id, source_file_id, what, rows_withdrawn, withdrawn_at) "
            "VALUES (nextval('raw_data.withdrawal_id'), {}, {}, 0, {}) RETURNING withdrawal_id"
        ).format(_WITHDRAWALS, sql.Literal(number), sql.Literal(what), sql.Literal(started))
    )
    writer.commit()
    return [rows[0][0]]


def _note(session: Session, day: date, moved: Moved) -> int:
    """Counts what is about to move."""
    ((rows, kwh),) = session.fetch(sql.SQL("SELECT count(*), coalesce(sum(consumption_delta), 0) FROM moved"))
    if rows:
        moved.rows_per_date[day] = rows
        moved.kwh += kwh
    return int(rows)


def _withdraw_waiting(writer: Session, number: int, day: date, started: datetime) -> int:
    """Rows of a date that was not loaded are not to be loaded: none of them has been read into a table."""
    rows = writer.fetch(
        sql.SQL(
            "UPDATE {} SET loaded_at = {}, rows_withdrawn = rows_accepted "
            "WHERE source_file_id = {} AND reference_date = {} AND loaded_at IS NULL RETURNING rows_accepted"
        ).format(_DATES, sql.Literal(started), sql.Literal(number), sql.Literal(day))
    )
    return sum(count for (count,) in rows)


def _let_wait(writer: Session, number: int, day: date) -> int:
    """Rows of a date that was not loaded wait again to be."""
    rows = writer.fetch(
        sql.SQL(
            "UPDATE {} AS dates SET loaded_at = NULL, rows_withdrawn = 0 "
            "WHERE source_file_id = {} AND reference_date = {} AND rows_withdrawn = rows_accepted AND NOT EXISTS ("
            "SELECT FROM {} AS row WHERE (row.reference_date, row.source_file_id) "
            "= (dates.reference_date, dates.source_file_id)) RETURNING rows_accepted"
        ).format(_DATES, sql.Literal(number), sql.Literal(day), tables.WITHDRAWN_READINGS.identifier)
    )
    return sum(count for (count,) in rows)


def _dates_withdrawn(session: Session, withdrawals: Sequence[int]) -> list[date]:
    rows = session.fetch(
        sql.SQL("SELECT DISTINCT reference_date FROM {} WHERE withdrawal_id = ANY({}::bigint[]) ORDER BY 1").format(
            tables.WITHDRAWN_READINGS.identifier, sql.Literal(list(withdrawals))
        )
    )
    return [day for (day,) in rows]


def _hand_over(writer: Session, withdrawals: Sequence[int]) -> None:
    """Rows whose version is withdrawn as a whole, too, stay withdrawn by that."""
    writer.execute(
        sql.SQL(
            "UPDATE {} AS row SET withdrawal_id = other.withdrawal_id FROM {} AS other "
            "WHERE row.withdrawal_id = ANY({ids}::bigint[]) AND other.withdrawal_id <> ALL({ids}::bigint[]) "
            "AND other.what = {version} AND other.undone_at IS NULL AND other.source_file_id = row.source_file_id"
        ).format(
            tables.WITHDRAWN_READINGS.identifier,
            _WITHDRAWALS,
            ids=sql.Literal(list(withdrawals)),
            version=sql.Literal(VERSION),
        )
    )


def ensure_child(writer: Session, day: date) -> Child:
    """The table with the readings of a date, made where there is none."""
    child = child_tables.attached_child(writer, _READINGS, day)
    if child is None:
        child = child_tables.create_child(writer, _READINGS, day)
        child_tables.add_key(writer, child)
        child_tables.publish(writer, child, None)
    return child
