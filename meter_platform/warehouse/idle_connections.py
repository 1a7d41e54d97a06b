"""ADBC connections that wait to be used, for opening one takes 50 ms, and 300 ms in a database of three years.

The driver learns all of Postgres's types anew each time, and the columns of every table with them.

What belongs here: keeping them between uses, and having the first opened before it is needed. What does not: how one is opened
(`database.py`).
"""

import atexit
import os
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adbc_driver_postgresql import dbapi


class IdleConnections:
    """Connections by URL, for any thread. A connection belongs to the process that opened it: it does not survive a fork.

    Closed before the interpreter ends, once there is one: by then its driver would be gone.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: dict[tuple[int, str], list[dbapi.Connection]] = defaultdict(list)
        self._coming: dict[tuple[int, str], Future[dbapi.Connection]] = {}
        self._closes_at_exit = False

    def open_ahead(self, url: str, open_connection: "Callable[[], dbapi.Connection]") -> None:
        """Begins to open a connection, unless there is one already. Whoever takes one waits for it."""
        key = os.getpid(), url
        with self._lock:
            if key in self._coming or self._waiting.get(key):
                return
            pool = ThreadPoolExecutor(1, thread_name_prefix="arrow-connection")
            self._coming[key] = pool.submit(open_connection)
            pool.shutdown(wait=False)
            self._close_at_exit()

    def take(self, url: str) -> "dbapi.Connection | None":
        """A waiting connection that still answers, which nobody else has from now on; `None` if there is none."""
        from adbc_driver_postgresql import dbapi  # noqa: PLC0415 - a heavy import that `status` does without

        with self._lock:
            coming = self._coming.pop((os.getpid(), url), None)
        if coming and coming.exception() is None:  # else whoever asked opens one now, and is told why that fails
            self.keep(url, coming.result())
        while (connection := self._pop(url)) is not None:
            try:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1")
                connection.commit()
            except dbapi.Error:
                connection.close()  # the server was restarted since
            else:
                return connection
        return None

    def keep(self, url: str, connection: "dbapi.Connection") -> None:
        """Has a connection wait, whose session holds nothing."""
        with self._lock:
            self._close_at_exit()
            self._waiting[os.getpid(), url].append(connection)

    def close(self) -> None:
        """Closes what waits in this process."""
        with self._lock:
            mine = [key for key in self._waiting if key[0] == os.getpid()]
            connections = [connection for key in mine for connection in self._waiting.pop(key)]
            coming = [self._coming.pop(key) for key in [*self._coming] if key[0] == os.getpid()]
        connections += [future.result() for future in coming if future.exception() is None]
        for connection in connections:
            connection.close()

    def _close_at_exit(self) -> None:
        if not self._closes_at_exit:
            atexit.register(self.close)
            self._closes_at_exit = True

    def _pop(self, url: str) -> "dbapi.Connection | None":
        with self._lock:
            waiting = self._waiting.get((os.getpid(), url))
            return waiting.pop() if waiting else None
