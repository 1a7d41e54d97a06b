"""A folder for what an engine keeps on disk while it works: it never outlives the machine's next run.

What belongs here: making it, removing it, and removing those that killed processes have left.
"""

import shutil
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

_LOCK: Final = "in-use.lock"
"""A file in each folder that is locked as long as its process lives, in whichever container."""


class Scratch:
    """A folder of this process, empty at first.

    Args:
        folder: in which it is made, among those of other processes.

    Attributes:
        path: of the folder.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # One process at a time: a folder whose lock is not taken yet is no folder that was left behind.
        with FileLock(folder / "folders.lock"):
            for other in folder.iterdir():
                if other.is_dir():
                    _remove_if_left(other)
            self.path = Path(tempfile.mkdtemp(dir=folder))
            lock = FileLock(self.path / _LOCK)
            lock.acquire()
        self._end = weakref.finalize(self, _remove, self.path, lock)

    def remove(self) -> None:
        """Removes the folder; at the end of the process at the latest this happens by itself."""
        self._end()


def _remove_if_left(folder: Path) -> None:
    with suppress(Timeout), FileLock(folder / _LOCK).acquire(timeout=0):
        shutil.rmtree(folder, ignore_errors=True)


def _remove(folder: Path, lock: FileLock) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    lock.release()
