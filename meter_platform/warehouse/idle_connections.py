"""ADBC connections that wait to be used again: opening one takes 50 ms, for the driver learns all of Postgres's types anew.

What belongs here: keeping them between uses. What does not: opening them (`database.py`).
"""

import atexit
import os
from collections import defaultdict
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
        self._closes_at_exit = False

    def take(self, url: str) -> "dbapi.Connection | None":
        """A waiting connection that still answers, which nobody else has from now on; `None` if there is none."""
        from adbc_driver_postgresql import dbapi  # noqa: PLC0415 - a heavy import that `status` does without

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
            if not self._closes_at_exit:
                atexit.register(self.close)
                self._closes_at_exit = True
            self._waiting[os.getpid(), url].append(connection)

    def close(self) -> None:
        """Closes what waits in this process."""
        with self._lock:
            mine = [key for key in self._waiting if key[0] == os.getpid()]
            connections = [connection for key in mine for connection in self._waiting.pop(key)]
        for connection in connections:
            connection.close()

    def _pop(self, url: str) -> "dbapi.Connection | None":
        with self._lock:
            waiting = self._waiting.get((os.getpid(), url))
            return waiting.pop() if waiting else None
