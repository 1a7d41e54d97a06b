"""Waits for an advisory lock that another process holds: the log says so, the wait has a bound, the error names the holder.

What belongs here: waiting for a lock. What does not: which locks there are (`date_locks.py`, `ingestion/catalogue.py`).
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import sql

from meter_platform.errors import LockHeldError

if TYPE_CHECKING:
    from meter_platform.warehouse.sessions import Session

PATIENCE_SECONDS: Final = 600.0
"""How long a lock is waited for. Reading a year of files under one takes a minute or two. With the retries of a step the sum
is less than the hour that a run may take."""

_TELL_SECONDS: Final = 10.0
"""The time between two lines of the log that say that a wait goes on."""

_HOLDERS: Final = """
SELECT application_name, pid, extract(epoch FROM now() - backend_start)::int
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()
AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND (classid::bigint, objid::bigint) IN (SELECT class & {half}, object & {half} FROM ({keys}) AS keys (class, object))
ORDER BY backend_start LIMIT 1
"""


def wait_for(
    session: "Session",
    locking: sql.Composed,
    keys: sql.Composed,
    *,
    what: str,
    log: Callable[[str], None] | None = None,
    patience: float = PATIENCE_SECONDS,
) -> None:
    """Runs a statement that takes advisory locks, and waits for the processes that hold them.

    Args:
        session: the one that will hold the locks.
        locking: the statement, without a semicolon.
        keys: a query for the two halves of each lock's key, as bigint: to find its holder.
        what: is being waited for, as the subject of a sentence: "the files of this folder".
        log: called with a line that says who is waited for, every ten seconds.
        patience: how many seconds the wait may take.

    Raises:
        LockHeldError: naming the process that held a lock all the time.
    """
    began = time.monotonic()
    while True:
        left = patience - (time.monotonic() - began)
        try:
            with session.savepoint():
                session.execute(
                    sql.SQL("SET LOCAL lock_timeout = {}; {}; SET LOCAL lock_timeout TO DEFAULT").format(
                        sql.Literal(max(1, round(1000 * min(left, _TELL_SECONDS)))), locking
                    )
                )
        except psycopg.errors.LockNotAvailable as error:
            waited = time.monotonic() - began
            holder = _holder(session, keys)
            if waited >= patience:
                raise LockHeldError(
                    f"{what[0].upper()}{what[1:]} waited for {waited:.0f} seconds for {holder}, and does not wait any "
                    "longer: end that process if it hangs, or try again."
                ) from error
            if log:
                log(f"{what} waits for {holder}, since {waited:.0f} seconds")
        else:
            return


def _holder(session: "Session", keys: sql.Composed) -> str:
    found = session.fetch(sql.SQL(_HOLDERS).format(keys=keys, half=sql.Literal(0xFFFF_FFFF)))
    if not found:
        return "another process"
    name, pid, seconds = found[0]
    return f"{name or 'a process without a name'} (session {pid} of the server, open for {seconds} seconds)"
