"""How much of the processor's time a file may take, and how reading stops in the middle of one.

What belongs here: the allowance, and the checkpoint that every loop over a file's content calls. What does not: the loops.

Reading is made to take time in proportion to a file's size. Should there be a file for which it does not, it costs its
allowance and is quarantined, and the others load.
"""

import threading
import time
from types import TracebackType
from typing import Final

from meter_platform.errors import InternalError
from meter_platform.stages import leave_if_unwanted

SECONDS: Final = 60.0
"""Seconds that any file may take: a thousand times what a small one takes."""

SECONDS_PER_MIB: Final = 2.0
"""Seconds more for each MiB: a hundred times what good rows take, six times what the slowest rows do."""

_MIB: Final = 1 << 20
_local = threading.local()


class AllowanceSpentError(InternalError):
    """A file has taken longer than it may. Caught where files are read, as a reason to quarantine it."""


class Allowance:
    """What one thread may still spend on a file: a context for the thread's work on it, entered as often as it likes.

    The processor's time counts, not the clock's: a busy machine, a slow disk or a waiting consumer is no file's fault.

    Args:
        size: the file's, in bytes.
    """

    def __init__(self, size: int) -> None:
        self.seconds = SECONDS + SECONDS_PER_MIB * size / _MIB
        self._spent = 0.0
        self._since = 0.0

    def __enter__(self) -> None:
        self._since = time.thread_time()
        _local.current = self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _local.current = None
        self._spent += time.thread_time() - self._since

    def check(self) -> None:
        """Raises AllowanceSpentError once nothing is left."""
        if self._spent + time.thread_time() - self._since > self.seconds:
            raise AllowanceSpentError


def checkpoint() -> None:
    """Called by every loop over a file's content, several times a second.

    Raises:
        AllowanceSpentError: the file has taken longer than it may.
        UnwantedError: the work of this thread is not wanted any more, such as after SIGTERM.
    """
    leave_if_unwanted()
    current: Allowance | None = getattr(_local, "current", None)
    if current:
        current.check()
