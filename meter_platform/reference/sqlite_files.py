"""Opens a SQLite database of somebody else so that nothing is left beside it.

What belongs here: which file to open and how, and whether it was written meanwhile. What does not: what is in it
(`database.py`).

A database in WAL mode keeps what was written last in a file with `-wal` behind its name, and its readers make that file,
and one with `-shm`, where they are missing. They would then belong to the reader, and the owner could not write any more.
So such a database is never opened as SQLite would. Without a `-wal` file it is complete: it is read as a file that nobody
changes, and afterwards it is checked that nobody did. With one, a copy of both files is read.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from meter_platform.errors import SourceUnavailableError

_HEADER_BYTES: Final = 100
_MAGIC: Final = b"SQLite format 3\0"
_VERSIONS: Final = slice(18, 20)
"""Where the header has the versions of the format for writers and for readers: both are 2 in WAL mode."""
_WAL_VERSIONS: Final = b"\x02\x02"

_COPY_SECONDS: Final = 5.0
"""How long copying is tried while the database is being written; after that the step is retried later."""

_STILL_SECONDS: Final = 0.05
"""A file system's clock ticks in some milliseconds: what was written just now may be written again in the same tick."""

_PAUSE_SECONDS: Final = 0.02
"""The time between two tries."""

_State = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """How to open a database.

    Attributes:
        path: the file, or a copy of it.
        immutable: nobody writes it, so that SQLite need neither lock it nor make files beside it.
        in_wal_mode: it is in WAL mode, which errors have to say.
    """

    path: Path
    immutable: bool
    in_wal_mode: bool


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """Says how to open a database; the caller closes it before the block ends.

    Args:
        path: of a file that is there.

    Raises:
        SourceUnavailableError: it was written while it was read, or goes on being written, or its `-wal` file cannot
            be read.
    """
    path = path.resolve()  # what SQLite keeps beside a database is beside the file, not beside a link to it
    if not _is_in_wal_mode(path):
        yield Opened(path, immutable=False, in_wal_mode=False)
        return
    if _size(_wal(path)):
        with tempfile.TemporaryDirectory(prefix="meter-platform-") as folder:
            yield Opened(_copy(path, Path(folder)), immutable=False, in_wal_mode=True)
        return
    before = _state(path)
    yield Opened(path, immutable=True, in_wal_mode=True)
    if _state(path) != before:
        raise SourceUnavailableError(
            f"The reference database {path}, which is in WAL mode, was written while it was read: is it in the middle of "
            "its refresh?"
        )


def _is_in_wal_mode(path: Path) -> bool:
    try:
        header = _header(path)
    except OSError:
        return False  # SQLite says what is wrong
    return header.startswith(_MAGIC) and header[_VERSIONS] == _WAL_VERSIONS


def _copy(path: Path, folder: Path) -> Path:
    """A copy of a database and of its `-wal` file, taken while nobody wrote either."""
    copy = folder / "reference.db"
    deadline = time.monotonic() + _COPY_SECONDS
    while True:
        before = _state(path), _state(_wal(path))
        newest = max(file.stat().st_mtime for file in (path, _wal(path)) if file.exists())
        if abs(time.time() - newest) > _STILL_SECONDS:
            _wal(copy).unlink(missing_ok=True)
            try:
                shutil.copyfile(path, copy)
                if _size(_wal(path)):
                    shutil.copyfile(_wal(path), _wal(copy))
            except FileNotFoundError:
                pass  # its owner has closed it meanwhile
            except OSError as error:
                raise SourceUnavailableError(
                    f"The reference database {path} is in WAL mode, and a copy of it and of its -wal file cannot be made "
                    f"({error.strerror}): let the platform's account read both, or have its owner close it."
                ) from None
            if (_state(path), _state(_wal(path))) == before:
                return copy
        if time.monotonic() > deadline:
            raise SourceUnavailableError(
                f"The reference database {path}, which is in WAL mode, is being written all the time: is it in the middle "
                "of its refresh?"
            )
        time.sleep(_PAUSE_SECONDS)


def _wal(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _header(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEADER_BYTES)


def _state(path: Path) -> _State:
    """Values of which one changes whenever the file does: its size, its time, the counters in a database's header."""
    try:
        found = path.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns, _header(path)
    except FileNotFoundError:
        return ()
    except PermissionError:
        return ("unreadable",)
