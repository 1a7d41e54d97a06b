"""The server's process behind a session of typed SQL, where it is a process of this machine.

What belongs here: its memory, the kernel's limits on it, and signals to it. What does not: when a limit is reached and
what is sent then (`watch.py`).
"""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import psycopg

from meter_platform.embedded_postgres import processes

_PROC: Final = Path("/proc")


class ServerProcess:
    """A process of Postgres on this machine.

    Attributes:
        pid: its number.
    """

    def __init__(self, pid: int) -> None:
        """Holds the process by a descriptor, so that no signal reaches another process that gets its number later."""
        self.pid = pid
        self._held = os.pidfd_open(pid) if sys.platform == "linux" and hasattr(os, "pidfd_open") else None

    @classmethod
    def of(cls, connection: psycopg.Connection[Any]) -> "ServerProcess | None":
        """The process that serves the session; `None` where it is not known to be a process of this machine."""
        if not connection.info.host.startswith("/"):
            return None
        row = connection.execute("SELECT current_setting('cluster_name'), session_user").fetchone()
        name, user = row or ("", "")
        try:
            found = cls(connection.info.backend_pid)
        except OSError:
            return None
        # In another container's server a process has another number here, and this number is another program's: what
        # the title says must be what the session says of itself.
        title = f"postgres: {name}: {user} " if name else f"postgres: {user} "
        if processes.command(found.pid).startswith(title):
            return found
        found.close()
        return None

    def close(self) -> None:
        """Lets go of it."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def send(self, number: signal.Signals) -> None:
        """Sends a signal, where this account may and the process still lives."""
        with suppress(OSError):
            if self._held is not None and hasattr(signal, "pidfd_send_signal"):
                signal.pidfd_send_signal(self._held, number)
            elif sys.platform != "linux":
                os.kill(self.pid, number)

    @property
    def computes(self) -> bool:
        """Whether it runs code of its own now, and does not wait for the system or for anyone; true if unknown."""
        try:
            # Behind the name, which is in parentheses and may hold any.
            return (_PROC / str(self.pid) / "stat").read_bytes().rpartition(b")")[2].split()[0] == b"R"
        except OSError:
            return True

    @property
    def private_bytes(self) -> int:
        """Memory that is the process's own; what it shares with other processes of the server is not. 0 if unknown."""
        return self._status("RssAnon:")

    def limit_memory(self, more: int) -> None:
        """Has the kernel refuse the process more memory than it has and `more` bytes: faster than any watching.

        Postgres answers a refusal with an error and goes on. Its stack and its shared memory are not counted, so that
        the refusal can only meet what a query asks for.
        """
        self._limit("RLIMIT_DATA", self._status("VmData:") + more)

    def limit_processor(self, seconds: int) -> None:
        """Has the kernel kill the process once it has used the processor for so long, whoever still watches it."""
        self._limit("RLIMIT_CPU", seconds)

    def bound_log(self, most: int) -> None:
        """Empties the log that the process writes to, once it is longer than `most` bytes.

        A process that is refused memory describes itself there, at some twenty kilobytes a time, and no setting keeps
        it from doing so.
        """
        # What it has open, whatever its path leads to by now. The server appends, so that it goes on at the beginning.
        log = _PROC / str(self.pid) / "fd" / "2"
        with suppress(OSError):
            if log.is_file() and log.stat().st_size > most:
                os.truncate(log, 0)

    def _limit(self, name: str, most: int) -> None:
        if sys.platform != "linux":
            return
        import resource  # noqa: PLC0415 - Unix only

        # Not ours to limit: another account's, or limited below that already.
        with suppress(OSError, ValueError):
            resource.prlimit(self.pid, getattr(resource, name), (most, most))

    def _status(self, line: str) -> int:
        try:
            text = (_PROC / str(self.pid) / "status").read_text(encoding="ascii", errors="replace")
        except OSError:
            return 0
        return next((int(found.split()[1]) * 1024 for found in text.splitlines() if found.startswith(line)), 0)
