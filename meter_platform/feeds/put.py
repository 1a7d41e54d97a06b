"""Puts files onto a local disk so that they are there whole or not at all, and stay.

What belongs here: writing, syncing, renaming. What does not: what is in a file, and what it is called.
"""

import os
from pathlib import Path
from typing import Final

_PART: Final = ".part"


def write_whole(folder: Path, name: str, content: bytes) -> None:
    """Puts a file there that is whole from the first moment on; once it has returned it survives whatever comes.

    Args:
        folder: made where it is not there.
        name: of a file that is not there yet. Until it is whole it is hidden, so that no scan looks at it.
        content: of the file.

    Raises:
        OSError: it is not there.
    """
    make_folder(folder)
    hidden = folder / f".{name}{_PART}"
    try:
        with hidden.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        hidden.rename(folder / name)
        sync_folder(folder)
    except OSError:
        hidden.unlink(missing_ok=True)
        raise


def make_folder(folder: Path) -> None:
    """Makes a folder, and those that it is in; they survive a failure of the machine."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in missing:
        sync_folder(each.parent)


def sync_folder(folder: Path) -> None:
    """Makes sure that the names in a folder survive a failure of the machine."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
