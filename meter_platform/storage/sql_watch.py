"""Watches a query from outside it, and ends it: on time, on the server's memory, and on request.

What belongs here: what the server cannot do by itself, or what typed SQL might keep it from doing. What does not:
Postgres's own limits (`sql_guard.py` sets them).
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import psycopg

_LOOK_SECONDS: Final = 0.05
"""Between two looks: memory is filled at some gigabytes a second."""

_AGAIN_SECONDS: Final = 0.5
"""A request to cancel that arrives between two statements ends nothing: it is repeated."""


class Watch:
    """Over one query.

    Attributes:
        started: when, by `time.monotonic`.
        reason: why the query was ended, in words; `None` while it was not.
    """

    def __init__(self, *, seconds: float, server_bytes: int) -> None:
        """Begins to count.

        Args:
            seconds: until the query is ended.
            server_bytes: memory that the server's process may add, where it is a process of this machine.
        """
        self.started = time.monotonic()
        self.reason: str | None = None
        self._seconds, self._bytes = seconds, server_bytes
        self._asked, self._over = threading.Event(), threading.Event()

    def end(self, reason: str) -> None:
        """Asks for the query's end."""
        if self.reason is None:
            self.reason = reason
        self._asked.set()

    @contextmanager
    def over(self, connection: psycopg.Connection[Any]) -> Iterator[None]:
        """Watches what the connection does inside the block."""
        process = _local_process(connection)
        at_first = _private_bytes(process)
        if process is not None:
            _limit(process, self._bytes)
        watcher = threading.Thread(target=self._watch, args=(connection, process, at_first), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            self._over.set()
            watcher.join()

    def _watch(self, connection: psycopg.Connection[Any], process: Path | None, at_first: int) -> None:
        while not self._over.is_set():
            if time.monotonic() - self.started > self._seconds:
                self.end(f"it took longer than {self._seconds:g} s")
            elif _private_bytes(process) - at_first > self._bytes:
                self.end(f"it needed more than {self._bytes // 1024**2} MB of the server's memory")
            if self._asked.is_set():
                with suppress(psycopg.Error):
                    connection.cancel_safe(timeout=_AGAIN_SECONDS)
                self._over.wait(_AGAIN_SECONDS)
            else:
                self._asked.wait(_LOOK_SECONDS)


def _local_process(connection: psycopg.Connection[Any]) -> Path | None:
    """The `/proc` folder of the server's process, where it can be seen from here."""
    process = Path(f"/proc/{connection.info.backend_pid}")
    if sys.platform != "linux" or not connection.info.host.startswith("/"):
        return None
    try:
        command = (process / "cmdline").read_bytes()
    except OSError:
        return None
    # Another container's process of that number is another program.
    return process if command.startswith(b"postgres:") else None


def _private_bytes(process: Path | None) -> int:
    """Memory that is the process's own: what it shares with other processes of the server is not."""
    if process is None:
        return 0
    try:
        status = (process / "status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon:")), 0)


def _limit(process: Path, more: int) -> None:
    """Has the kernel refuse the process more memory, where this account may: faster than any watching.

    Postgres answers a refusal with an error and goes on. Its stack and its shared memory are not counted, so that the
    refusal can only meet what a query asks for.
    """
    import resource  # noqa: PLC0415 - Unix only

    if sys.platform != "linux":
        return
    with suppress(OSError, ValueError):
        status = (process / "status").read_text(encoding="ascii", errors="replace")
        data = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmData:"))
        most = data + more
        resource.prlimit(int(process.name), resource.RLIMIT_DATA, (most, most))
