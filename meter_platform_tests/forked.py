"""Functions in processes of their own, forked from one that has imported what takes long to import.

What belongs here: starting such a process, sending it signals, and telling what it printed and how it ended. What does not:
what it does.
"""

import multiprocessing
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

SECONDS: Final = 300
"""What a process may take before a test gives up: far more than it takes on a loaded machine."""

IMPORTED: Final = (
    "meter_platform.orchestration.run",
    "meter_platform.orchestration.composition",
    "meter_platform.receive.server",
    "meter_platform.reference.database",
    "meter_platform.status",
    "sqlalchemy.dialects.sqlite",
    "pytest",
)
"""What takes each process some seconds of the processor's time. Nothing of it reads a setting while it is imported."""


class Forked:
    """A function's process. It has nothing to read, and files for what it prints.

    Args:
        function: of a module's top level.
        arguments: that can be pickled.
    """

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._printed, self._told = (Path(self._folder.name, name) for name in ("stdout", "stderr"))
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([*IMPORTED])
        self._process = context.Process(target=_call, args=(self._printed, self._told, function, arguments))
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def printed(self) -> str:
        """What it has printed so far."""
        return self._printed.read_text() if self._printed.exists() else ""

    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.is_alive()

    def send_signal(self, number: signal.Signals) -> None:
        """Sends it a signal, unless it has ended."""
        if self.is_alive():
            os.kill(self.pid, number)

    def wait(self) -> "subprocess.CompletedProcess[str]":
        """Waits for its end; what it printed is there for this once."""
        self._process.join(SECONDS)
        code = self._process.exitcode
        told = self._told.read_text() if self._told.exists() else ""  # it may have been killed before it began
        done = subprocess.CompletedProcess(self.pid, code or 0, self.printed, told)
        self.close()
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), SECONDS, done.stdout, done.stderr)
        return done

    def close(self) -> None:
        """Kills it if it has not ended, and forgets what it printed."""
        self._process.kill()
        self._process.join()
        self._folder.cleanup()


def run_forked(function: Callable[..., object], *arguments: object) -> "subprocess.CompletedProcess[str]":
    """Calls a function in a process of its own, and waits for its end."""
    return Forked(function, *arguments).wait()


def _call(printed: Path, told: Path, function: Callable[..., object], arguments: tuple[object, ...]) -> None:
    for path, descriptor in ((Path(os.devnull), 0), (printed, 1), (told, 2)):
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    function(*arguments)
