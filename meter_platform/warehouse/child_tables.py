"""The tables that hold one reference date each of a natively partitioned table.

What belongs here: making a child, filling it from another, its key, and putting it in the place of the old one in a moment,
though others read the table. What does not: which rows there are (`ingestion/` says), the lock of a date (`date_locks.py`).
"""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import psycopg
from psycopg import sql

from meter_platform.errors import PartitionBusyError
from meter_platform.warehouse.left_out import LeftOut
from meter_platform.warehouse.sessions import Session
from meter_platform.warehouse.table_statistics import analyse, analyse_all
from meter_platform.warehouse.tables import PARTITIONS_SCHEMA, Table

_WAIT_SECONDS: Final = 0.15
"""How long publishing stands in the queue for a table's lock: as long as other readers wait behind it."""

_PAUSE_SECONDS: Final = 0.25
"""Between two tries, so that readers get through."""

_POLITE_SECONDS: Final = 15.0
"""How long it tries like that. Short reads that overlap without a gap would keep it out for as long as they go on."""

_LONGEST_WAIT_SECONDS: Final = 4.0
"""How long it stands in the queue at most, after that. Reads that end within this time cannot keep it out: those before
it end, those after it wait. Whoever reads with a lock timeout of 5 s, as typed SQL does, never notices."""

_PATIENCE_SECONDS: Final = 600.0
"""A query on the table may run this long before publishing gives up."""

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Child:
    """The table that holds, or will hold, one reference date of a natively partitioned table.

    Attributes:
        table: whose child it is.
        day: the reference date.
        name: of the child.
        left_out: the columns that it does not have yet; `None` where it has all.
    """

    table: Table
    day: date
    name: str
    left_out: LeftOut | None = field(default=None, compare=False)

    @property
    def identifier(self) -> sql.Identifier:
        """`"schema"."table"`, for SQL."""
        return sql.Identifier(PARTITIONS_SCHEMA, self.name)


def create_child(writer: Session, table: Table, day: date) -> Child:
    """Creates an empty table for a date, not yet part of its parent.

    It has no index, and where `wal_level` is minimal Postgres writes no log for rows that are copied into it within this
    transaction. The parent is not locked: otherwise writers of other dates would wait for this transaction to end.
    """
    child = Child(table, day, f"{_name_begins(table, day)}{time.time_ns():x}")
    _create(writer, child, ())
    return child


def create_narrow_child(
    writer: Session, table: Table, day: date, *, values: Mapping[str, Any] | None = None
) -> tuple[Child, LeftOut]:
    """The same without the columns that may have one value in every row; `complete` adds those that are left.

    Args:
        writer: the session.
        table: of delivered rows.
        day: the date.
        values: the columns that it is to be without, if that is known before it is filled.
    """
    name = f"{_name_begins(table, day)}{time.time_ns():x}"
    left_out = LeftOut(sql.Identifier(PARTITIONS_SCHEMA, name), table, values)
    child = Child(table, day, name, left_out)
    _create(writer, child, left_out.values)
    return child, left_out


def _create(writer: Session, child: Child, without: Collection[str]) -> None:
    # With this check Postgres attaches the child without reading its rows.
    its_date = sql.SQL("CHECK (reference_date = {})").format(sql.Literal(child.day))
    columns = child.table.definitions(its_date, packed=True, without=without)
    writer.execute(sql.SQL("CREATE TABLE {} ({})").format(child.identifier, columns))


def complete(writer: Session, child: Child) -> None:
    """Adds the columns that a child does not have yet."""
    if child.left_out and (statement := child.left_out.complete()):
        writer.execute(statement)


def _name_begins(table: Table, day: date) -> str:
    """How the name of a date's child begins; what follows tells it from the one whose place it takes."""
    return f"{table.name}_{day:%Y%m%d}_"


def attached_days(session: Session, table: Table) -> set[date]:
    """The dates of which a natively partitioned table has a child."""
    rows = session.fetch(
        sql.SQL(
            "SELECT substring(pg_get_expr(relpartbound, oid) FROM '\\d{{4}}-\\d\\d-\\d\\d')::date "
            "FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = {}::regclass"
        ).format(sql.Literal(table.identifier.as_string(None)))
    )
    return {day for (day,) in rows if day}


def attached_child(writer: Session, table: Table, day: date) -> Child | None:
    """The table that holds a date now; `None` for a date without rows that was never published.

    It is looked for by its name, in an index: to read what each child is for takes time in proportion to the stored dates.
    """
    begins = _name_begins(table, day)
    found = writer.fetch(
        sql.SQL(
            "SELECT child.relname FROM pg_class AS child JOIN pg_inherits ON child.oid = inhrelid "
            "WHERE inhparent = {}::regclass AND child.relname BETWEEN {} AND {} "
            "AND pg_get_expr(child.relpartbound, child.oid) = {}"
        ).format(
            sql.Literal(table.identifier.as_string(None)),
            sql.Literal(begins),
            sql.Literal(f"{begins}g"),  # hexadecimal digits follow
            sql.Literal(f"FOR VALUES IN ('{day}')"),
        )
    )
    return Child(table, day, found[0][0]) if found else None


def append(writer: Session, child: Child, source: sql.Composable, condition: sql.Composable) -> None:
    """Copies rows of another table into a child, with the columns that the child has.

    Args:
        writer: in whose transaction.
        child: gets the rows. What it is without has the same value in these rows.
        source: the other table.
        condition: which of its rows.
    """
    names = child.left_out.names if child.left_out else child.table.arrow_schema.names
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    writer.execute(
        sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} WHERE {}").format(
            child.identifier, columns, columns, source, condition
        )
    )


def append_date(writer: Session, child: Child, old: Child) -> None:
    """Copies all rows of the child that holds a date now into the one that will."""
    if child.left_out and (statement := child.left_out.admit_rows_of(old.identifier, writer.fetch)):
        writer.execute(statement)
    append(writer, child, old.identifier, sql.SQL("true"))


def add_key(writer: Session, child: Child) -> bool:
    """Indexes a child, which has all columns, by its table's key. False where the key occurs twice; it is then as it was."""
    key = sql.SQL(", ").join(map(sql.Identifier, child.table.key))
    try:
        with writer.savepoint():
            writer.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(child.identifier, key))
    except psycopg.errors.UniqueViolation:
        return False
    return True


def publish(writer: Session, new: Child, old: Child | None) -> None:
    """Attaches a new child in the place of the old one, which is dropped; visible once the transaction is committed.

    For the first 15 s readers of the table wait 0.15 s at most at a time. If the lock was not to be had by then, the log
    says so, and they may wait up to 4 s at a time.

    Args:
        writer: the session in whose transaction `new` was created and filled.
        new: the child with the date's new rows and its key.
        old: the child that holds the date now (`attached_child`), if any.

    Raises:
        PartitionBusyError: someone has been reading the table for 600 seconds without a pause.
    """
    analyse(writer, new.identifier)
    _patiently(writer, new, lambda: _put_in_place(writer, new, old))


def publish_all(writer: Session, children: Sequence[Child], *, rows: Mapping[date, int]) -> None:
    """Attaches new children of dates that have none yet; visible once the transaction is committed.

    Args:
        writer: the session in whose transaction the children were created and filled.
        children: with the dates' new rows and their keys.
        rows: how many each date has.

    Raises:
        PartitionBusyError: others changed the table's partitions for 600 seconds without a pause.
    """
    if not children:
        return
    analyse_all(writer, [(child.identifier, rows[child.day]) for child in children])
    # Others who change the table's partitions wait from here to the commit: what the first child waits for, the others have.
    _patiently(writer, children[0], lambda: _attach(writer, children))


def remove(writer: Session, old: Child) -> None:
    """Takes a date's child away, as patiently as `publish`; gone once the transaction is committed.

    Raises:
        PartitionBusyError: as `publish`.
    """
    _patiently(writer, old, lambda: _take_away(writer, old))


def _patiently(writer: Session, child: Child, change: Callable[[], None]) -> None:
    """Changes the table of all dates when its readers let one, and tries for ten minutes."""
    began = time.monotonic()
    wait = 1.0 if writer.impatient else _WAIT_SECONDS
    while True:
        try:
            with writer.savepoint():
                timeout = sql.Literal(f"{wait * 1000:.0f}ms")
                writer.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(timeout))
                change()
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            waited = time.monotonic() - began
            if waited > _PATIENCE_SECONDS:
                raise PartitionBusyError(
                    f"{child.table.qualified_name} of {child.day} was being read for {_PATIENCE_SECONDS / 60:.0f} minutes "
                    "without a pause, and could not be changed: end the long query, or try again."
                ) from error
            # Readers get through for longer than they were kept waiting.
            time.sleep(max(_PAUSE_SECONDS, 2 * wait if wait > _WAIT_SECONDS else 0))
            if writer.impatient or waited > _POLITE_SECONDS:
                if not writer.impatient:
                    writer.impatient = True
                    _LOG.warning(
                        "%s of %s: it has waited for %.0f s for readers of the table to pause; from now on "
                        "other readers may wait for it, up to %.0f s at a time.",
                        child.table.qualified_name,
                        child.day,
                        waited,
                        _LONGEST_WAIT_SECONDS,
                    )
                wait = min(max(1.0, 2 * wait), _LONGEST_WAIT_SECONDS)
        else:
            return


def _put_in_place(writer: Session, new: Child, old: Child | None) -> None:
    if old:
        _take_away(writer, old)
    _attach(writer, [new])


def _attach(writer: Session, children: Sequence[Child]) -> None:
    attach = sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES IN ({})")
    writer.execute(
        sql.SQL("; ").join(
            attach.format(child.table.identifier, child.identifier, sql.Literal(child.day)) for child in children
        )
    )


def _take_away(writer: Session, old: Child) -> None:
    writer.execute(sql.SQL("ALTER TABLE {} DETACH PARTITION {}").format(old.table.identifier, old.identifier))
    writer.execute(sql.SQL("DROP TABLE {}").format(old.identifier))
