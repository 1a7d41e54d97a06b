"""The lock of a reference date of a table, which every writer of the date takes.

What belongs here: taking the locks, asking who has them, and what is to be asked once they are had. What does not: how long one
is waited for (`waiting.py`).
"""

from collections.abc import Callable, Iterable
from datetime import date

from psycopg import sql

from meter_platform.warehouse import pruned
from meter_platform.warehouse.sessions import Session
from meter_platform.warehouse.tables import Table
from meter_platform.warehouse.waiting import wait_for


def lock_dates(
    writer: Session, table: Table, dates: Iterable[date], *, log: Callable[[str], None] | None = None
) -> None:
    """Takes the lock of each of these dates of the table, and waits for whoever has one; held until the session ends.

    Dates are locked in order, so that two writers with dates in common wait and never block each other.

    Raises:
        LockHeldError: another process has had one of them for 600 seconds.
    """
    numbers = sorted(day.toordinal() for day in dates)
    name, every = sql.Literal(table.qualified_name), sql.Literal(numbers)
    wait_for(
        writer,
        sql.SQL(
            "SELECT pg_advisory_lock(hashtext({}), day) FROM unnest({}::int[]) WITH ORDINALITY AS d(day, n) ORDER BY n"
        ).format(name, every),
        sql.SQL("SELECT hashtext({})::bigint, day::bigint FROM unnest({}::int[]) AS day").format(name, every),
        what=f"the load of {table.qualified_name}",
        log=log,
    )


def refuse_pruned(writer: Session, dates: Iterable[date]) -> None:
    """Refuses to store dates that were pruned.

    Args:
        writer: that has their locks: a date that is pruned at this moment is known by then.
        dates: that are to be stored.

    Raises:
        PermanentError: one of them was.
    """
    if found := writer.fetch(pruned.among(dates)):
        raise pruned.refusal(found[0][0])


def locked_dates(session: Session, table: Table) -> list[date]:
    """The dates of a table whose lock some process has, or waits for."""
    rows = session.fetch(
        sql.SQL(
            "SELECT DISTINCT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
            "AND classid::bigint = hashtext({})::bigint & 4294967295"
        ).format(sql.Literal(table.qualified_name))
    )
    return [date.fromordinal(number) for (number,) in rows]
