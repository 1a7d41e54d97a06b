"""The lock that a run holds in Postgres as long as its process lives.

What belongs here: taking the lock, keeping it, and asking who holds one. What does not: Dagster, and what becomes of a
run without a process (`dead_runs.py`).

The lock belongs to a session of its own. A process that ends in whatever way (killed, out of memory, its machine
rebooted) loses its sessions, and Postgres the lock at once. The reverse does not hold: a live process loses the lock when
the server is restarted. It takes it again within a second, and whoever asks for dead runs waits longer than that.
"""

import select
import socket
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg

from meter_platform.errors import ServerUnavailableError, first_line
from meter_platform.postgres.connecting import connect_once
from meter_platform.postgres.refusals import translated

_SEED: Final = 0x72756E73  # "runs": keeps the locks of runs apart from all others
_KEY: Final = f"hashtextextended(%s, {_SEED})"

_HELD: Final = f"""
SELECT run_id FROM unnest(%s::text[]) AS run_id
WHERE EXISTS (
    SELECT FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (classid::bigint << 32 | objid::bigint) = hashtextextended(run_id, {_SEED})
)
"""  # noqa: S608 - a constant

PATIENCE_SECONDS: Final = 5.0
"""How long a run is without a holder before it counts as dead: ten times what a live one needs to take its lock again."""

_AGAIN_SECONDS: Final = 0.5
"""Between two tries to take a lock that was lost, and between two queries for who holds one."""

_TAKE_SECONDS: Final = 30.0
"""For the first try: a server that has just crashed takes no sessions while it recovers."""

_SESSION: Final = (
    "-c idle_session_timeout=0 -c statement_timeout=0 -c lock_timeout=0"
    # Where a machine disappears without closing its sessions, the server notices in half a minute, not in two hours.
    " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=4"
)
_CONNECTION: Final[dict[str, Any]] = {
    "autocommit": True,
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "options": _SESSION,
}


class RunLock:
    """Holds a run's lock from a thread of its own, which sleeps until the server ends its session.

    Args:
        url: libpq URL of the database that Dagster keeps its runs in.
        run_id: Dagster's name of the run.
    """

    def __init__(self, url: str, run_id: str) -> None:
        self._url = url
        self._run_id = run_id
        self._held = threading.Event()
        self._released = threading.Event()
        self._wake, self._woken = socket.socketpair()
        self._why = ""
        self._thread = threading.Thread(target=self._hold, name=f"lock of run {run_id[:8]}", daemon=True)

    def take(self) -> None:
        """Returns once the lock is held.

        Raises:
            ServerUnavailableError: it cannot be had, for the server takes no session.
        """
        self._thread.start()
        if not self._held.wait(_TAKE_SECONDS):
            self.release()
            raise ServerUnavailableError(
                f"The run could not take its lock in Postgres within {_TAKE_SECONDS:.0f} seconds, and without it would be "
                f"taken for dead. {self._why or 'Another process holds it.'}"
            )

    def release(self) -> None:
        """Gives the lock back; returns when the session has ended."""
        self._released.set()
        with suppress(OSError):  # the thread has ended
            self._wake.send(b"x")
        if self._thread.is_alive():
            self._thread.join(timeout=_TAKE_SECONDS)
        self._wake.close()

    def _hold(self) -> None:
        with self._woken:
            self._hold_on()

    def _hold_on(self) -> None:
        while not self._released.is_set():
            try:
                with connect_once(self._url, **_CONNECTION) as connection:
                    while not self._released.is_set() and not _try_lock(connection, self._run_id):
                        self._released.wait(_AGAIN_SECONDS)
                    self._held.set()
                    while not self._released.is_set():
                        select.select([connection.fileno(), self._woken.fileno()], [], [])
                        connection.execute("SELECT")  # raises where it was the session's end that woke us
            except psycopg.Error as error:
                self._why = str(translated(error) or first_line(error))
                self._released.wait(_AGAIN_SECONDS)


def without_holder(url: str, run_ids: Collection[str], *, patience: float = PATIENCE_SECONDS) -> set[str]:
    """Those runs whose locks nobody has held for a while.

    All queries are made in one session. That the session lives shows that the server was up all the time, so that the
    process of a live run could have taken its lock again.

    Args:
        url: libpq URL of the database that Dagster keeps its runs in.
        run_ids: the runs to ask about.
        patience: how long a run is without a holder to be returned, in seconds. Where all are held, nothing is waited
            for.

    Returns:
        Nothing where the server ended the session: then nobody can tell.
    """
    missing = set(run_ids)
    with suppress(psycopg.OperationalError), connect_once(url, **_CONNECTION) as connection:
        deadline = time.monotonic() + patience
        while missing:
            held = connection.execute(_HELD, [list(missing)]).fetchall()
            missing -= {run_id for (run_id,) in held}
            if time.monotonic() >= deadline:
                return missing
            if missing:
                time.sleep(_AGAIN_SECONDS)
    return set()


@contextmanager
def alone(url: str) -> Iterator[bool]:
    """Whether no other process is ending dead runs now: two would end the same run twice."""
    with connect_once(url, **_CONNECTION) as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", [_SEED]).fetchone()  # ends with the session
        yield row == (True,)


def _try_lock(connection: psycopg.Connection[Any], run_id: str) -> bool:
    row = connection.execute(f"SELECT pg_try_advisory_lock({_KEY})".encode(), [run_id]).fetchone()
    return row == (True,)
