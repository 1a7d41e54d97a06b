"""Watches a query from outside it, and ends it: on time, on the server's memory, and on request.

What belongs here: limits that the server cannot keep by itself, or that typed SQL might prevent it from keeping. What does
not: Postgres's own limits (`guard.py` sets them), the process (`process.py`).

Postgres obeys a request to cancel only where its code checks for one, and some of its functions never do: `position` in a
long text, the distance of two paths. Meanwhile such a query keeps the lock of every table it has named. So the watch uses
firmer and firmer means, until the statement has ended or its process has.
"""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg

from meter_platform.typed_sql.process import ServerProcess

_LOOK_SECONDS: Final = 0.05
"""The time between two measurements of memory, which a query may fill at some gigabytes a second."""

_AGAIN_SECONDS: Final = 0.5
"""How often a request to cancel is repeated: one that arrives between two statements ends nothing."""

_LOG_BYTES: Final = 64 * 1024**2
"""The size of the embedded server's log beyond which it is emptied. As a rule whoever asks for the server has trimmed it long
before and kept its end; while nothing but the app runs, nobody does."""

_INTERRUPT: Final = signal.SIGFPE
"""What Postgres answers, at whatever instruction it is, with an error that ends the statement (`FloatExceptionHandler`).

Postgres's handler leaves the function and releases the locks. Only this statement ends; every other session goes on. It is
sent to a process that has been computing for seconds without a check for requests, which is inside one function, in a
transaction that only reads.
"""


class Watch:
    """Watches one query.

    Attributes:
        started: when it began, in seconds of `time.monotonic`.
        reason: why the query was ended, in words; `None` while it was not.
        note: what a person should know of how it ends, where it does not end at once; empty otherwise.
    """

    def __init__(
        self,
        *,
        seconds: float,
        server_bytes: int,
        step_seconds: float,
        terminate: Callable[[int], None],
        ours: bool,
    ) -> None:
        """Begins to count.

        Args:
            seconds: until the query is ended.
            server_bytes: memory that the server's process may add, where it is a process of this machine.
            step_seconds: how long a way of ending it gets before a firmer one follows.
            terminate: has the server end the session of this process, through another session.
            ours: the server is the embedded one, whose processes may be ended by force.
        """
        self.started = time.monotonic()
        self.reason: str | None = None
        self.note = ""
        self._seconds, self._bytes, self._step, self._ours = seconds, server_bytes, step_seconds, ours
        self._terminate = terminate
        self._asked, self._over = threading.Event(), threading.Event()
        self._asked_at = 0.0

    def end(self, reason: str) -> None:
        """Asks for the query's end, for a reason in words; the first reason is kept."""
        if self.reason is None:
            self.reason = reason
            self._asked_at = time.monotonic()
        self._asked.set()

    @contextmanager
    def over(self, connection: psycopg.Connection[Any]) -> Iterator[None]:
        """Watches what the connection does inside the block."""
        process = ServerProcess.of(connection)
        at_first = 0
        if process is not None:
            at_first = process.private_bytes
            process.limit_memory(self._bytes)
            if self._ours:
                process.bound_log(_LOG_BYTES)
                # If this program dies, the kernel still ends the query.
                process.limit_processor(math.ceil(self._seconds + 4 * self._step))
        watcher = threading.Thread(target=self._watch, args=(connection, process, at_first), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            self._over.set()
            watcher.join()
            if process is not None:
                process.close()

    def _watch(self, connection: psycopg.Connection[Any], process: ServerProcess | None, at_first: int) -> None:
        steps = self._steps(connection.info.backend_pid, process)
        while not self._over.is_set():
            if time.monotonic() - self.started > self._seconds:
                self.end(f"it took longer than {self._seconds:g} s")
            elif process is not None and process.private_bytes - at_first > self._bytes:
                self.end(f"it needed more than {self._bytes // 1024**2} MB of the server's memory")
            if not self._asked.is_set():
                self._asked.wait(_LOOK_SECONDS)
                continue
            due = [step for step in steps if time.monotonic() - self._asked_at > step[0]]
            if due and due[-1][1]():
                del steps[: len(due)]
            else:
                with suppress(psycopg.Error):
                    connection.cancel_safe(timeout=_AGAIN_SECONDS)
            self._over.wait(min(_AGAIN_SECONDS, self._step))

    def _steps(self, pid: int, process: ServerProcess | None) -> list[tuple[float, Callable[[], bool]]]:
        """What follows a request to cancel that is not obeyed: how many seconds later, and what to do.

        What is done returns whether it is done; if not, it is tried again.
        """

        def terminate() -> bool:
            self.note = "The server does not look at the request to end it, and is asked again."
            self._terminate(pid)
            return True

        def interrupt() -> bool:
            assert process is not None  # noqa: S101 - see below
            if not process.computes:
                return False  # it waits for the system, and may obey when it goes on
            self.note = "It did not look at any request to end, and was interrupted inside a function of Postgres."
            process.send(_INTERRUPT)
            return True

        def kill() -> bool:
            assert process is not None  # noqa: S101 - see below
            self.note = "Nothing else ended it, and its server process was killed. Postgres restarts within seconds."
            process.send(signal.SIGKILL)
            return True

        def give_up() -> bool:
            self.note = (
                f"The server's process {pid} looks at no request to end. Until its function returns it keeps the "
                "tables of the query from being loaded; whoever runs the server can end it there."
            )
            return True

        if process is not None and self._ours:
            return [(self._step, terminate), (2 * self._step, interrupt), (3 * self._step, kill)]
        return [(self._step, terminate), (2 * self._step, give_up)]
