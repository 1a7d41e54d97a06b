"""A signal ends a run within seconds, whatever it is doing.

What belongs here: what a signal does to the process of a run. What does not: Dagster's own handling of it, which raises
an error at the next line of Python.

Dagster's handling is not enough: a step that has retries takes an interrupt for a reason to try again, and a step may be
in the middle of a statement that takes minutes, or in a library that does not return to Python. So a thread is told of
the signal the moment it arrives. It ends the statements of this process at once, and the process after a grace. The run
itself asks `check` at the end of each step and try. Everything that was stored is a whole transaction, and what was not is
rolled back by the server.
"""

import contextlib
import multiprocessing
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

import dagster as dg
import psycopg

from meter_platform.postgres.session_name import session_name

GRACE_SECONDS: Final = 8.0
"""Seconds for an orderly end: most take less than one."""

_REPORT_SECONDS: Final = 5.0
"""Seconds for putting on record that the process was ended."""

_AGAIN_SECONDS: Final = 0.5
"""Between two attempts to end the statements of this process."""

_ARROW_CALL: Final = "_blocking_call"
"""The function by which ADBC calls its driver; a test checks that the installed version has it."""

_REPEAT_SECONDS: Final = 2.0
"""After which a signal is given again to a run that has not obeyed it."""

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

_CANCEL: Final = """
SELECT pg_cancel_backend(pid) FROM pg_stat_activity
WHERE application_name = ANY(%s) AND datname <> current_database() AND usename = current_user AND state = 'active'
"""


class Interruption:
    """Watches for signals while a run is under way.

    Args:
        url: libpq URL of Dagster's database: statements in it are not ended, for they say how the run ended.
        report: puts on record that the process is ended by a signal of this name, where it does not end by itself.
        grace: how long that may take, in seconds.
    """

    def __init__(self, url: str, report: Callable[[str], None], *, grace: float = GRACE_SECONDS) -> None:
        self._url = url
        self._report = report
        self._grace = grace
        self._over = threading.Event()
        self._received = threading.Event()
        self._raised = False
        self._restored = contextlib.ExitStack()
        self._told, self._tell = socket.socketpair()
        self._watches = False

    def watch(self) -> None:
        """Begins. Only the main thread can, and only where nobody else is told of signals; otherwise nothing happens."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._tell.setblocking(False)  # noqa: FBT003 - the standard library's signature
        before = signal.set_wakeup_fd(self._tell.fileno(), warn_on_full_buffer=False)
        if before != -1:
            signal.set_wakeup_fd(before)
            return
        self._watches = True
        self._restored.enter_context(_arrow_leaves_signals_alone())
        threading.Thread(target=self._wait, name="signals of the run", daemon=True).start()

    def check(self) -> None:
        """Ends the run where a signal has come; once, so that the run can still say how it ended.

        Raises:
            DagsterExecutionInterruptedError: a signal has come.
        """
        if self._raised or not self._watches or threading.current_thread() is not threading.main_thread():
            return
        # A signal that the thread has not been told of yet waits in the socket.
        if self._received.is_set() or select.select([self._told], [], [], 0)[0]:
            self._raised = True
            raise dg.DagsterExecutionInterruptedError

    def stop(self) -> None:
        """The run has ended: signals are what they were."""
        self._over.set()
        if self._watches and threading.current_thread() is threading.main_thread():
            signal.set_wakeup_fd(-1)
        self._watches = False
        self._restored.close()
        with contextlib.suppress(OSError):
            self._told.shutdown(socket.SHUT_RDWR)
        self._told.close()
        self._tell.close()

    def _wait(self) -> None:
        number = 0
        with contextlib.suppress(OSError):
            while number not in _SIGNALS:
                waiting = self._told.recv(1, socket.MSG_PEEK)
                if not waiting:
                    return
                number = waiting[0]
                if number in _SIGNALS:
                    self._received.set()
                self._told.recv(1)
        if number:
            self._end(signal.Signals(number))

    def _end(self, received: signal.Signals) -> None:
        began = repeated = time.monotonic()
        while time.monotonic() - began < self._grace:
            end_statements(self._url)
            if self._over.wait(_AGAIN_SECONDS):
                return
            # The error that Dagster raises is lost where it meets a callback that swallows exceptions.
            if not self._raised and time.monotonic() - repeated > _REPEAT_SECONDS:
                repeated = time.monotonic()
                os.kill(os.getpid(), received)
        # A server that does not answer must not keep the process from ending.
        reporting = threading.Thread(target=self._report, args=[received.name], daemon=True)
        reporting.start()
        reporting.join(_REPORT_SECONDS)
        end_statements(self._url)
        for child in multiprocessing.active_children():
            child.kill()
        sys.stderr.write(f"Error: the run was ended by {received.name}. What it had stored is whole: start it again.\n")
        sys.stderr.flush()
        os._exit(128 + received)


@contextlib.contextmanager
def _arrow_leaves_signals_alone() -> Iterator[None]:
    """Keeps ADBC from taking Ctrl-C for itself while it waits for Postgres.

    ADBC ends its statement on Ctrl-C and raises an error as any other, which Dagster tries again. The function that is
    replaced is private: where a version of ADBC does not have it, nothing is replaced.
    """
    from adbc_driver_manager import _reader, dbapi  # noqa: PLC0415 - a heavy import that a daemon does without

    modules = [dbapi, _reader]
    before = [(module, vars(module).get(_ARROW_CALL)) for module in modules]
    for module, call in before:
        if call is not None:
            setattr(module, _ARROW_CALL, lambda function, arguments, named, _: function(*arguments, **named))
    try:
        yield
    finally:
        for module, call in before:
            if call is not None:
                setattr(module, _ARROW_CALL, call)


def end_statements(url: str) -> None:
    """Ends what this process, and the processes of its steps, have Postgres do, apart from the database of `url`."""
    processes = [os.getpid(), *(child.pid for child in multiprocessing.active_children())]
    with contextlib.suppress(psycopg.Error), psycopg.connect(url, autocommit=True, connect_timeout=2) as connection:
        connection.execute(_CANCEL, [[session_name(pid) for pid in processes]])
