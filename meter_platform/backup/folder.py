"""The folder of backups: each in a folder of its own, named after the moment when it began, whole or not there.

What belongs here: which backups there are, making the place for the next, and removing old ones. What does not: what is in a
backup (`dump.py`, `base.py`).

A backup is made under another name, written to disk, and renamed: what is found under its name is whole, however the
process that made it ended. Whoever makes or removes one holds a lock, which the programs that it runs inherit: where a
process was killed, the next waits for what is left of it, and clears away what it left behind.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from meter_platform.backup.errors import BackupBusyError, BackupError
from meter_platform.backup.manifest import Kind, Manifest

_NAME: Final = re.compile(r"(\d{8}T\d{6}Z)-(dump|base)")
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_PARTIAL: Final = ".partial-"
"""What the name of an unfinished backup begins with."""


@dataclass(frozen=True, slots=True, order=True)
class Backup:
    """A whole backup.

    Attributes:
        taken_at: when it began, to the second.
        kind: see `manifest.Kind`.
        path: its folder.
    """

    taken_at: datetime
    kind: Kind
    path: Path

    @property
    def manifest(self) -> Manifest:
        """What it says of itself."""
        return Manifest.read(self.path)


def backups(folder: Path) -> list[Backup]:
    """The whole backups in a folder, the oldest first."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        if (name := _NAME.fullmatch(path.name)) and path.is_dir():
            taken_at = datetime.strptime(name[1], _STAMP).replace(tzinfo=UTC)
            found.append(Backup(taken_at, "dump" if name[2] == "dump" else "base", path))
    return sorted(found)


def backup_at(path: Path) -> Backup:
    """The backup in a folder, whatever that is called by now.

    Raises:
        BackupError: there is no such folder.
        BrokenBackupError: it holds no backup.
    """
    if not path.is_dir():
        raise BackupError(f"There is no backup in {path}: `meter-platform restore --list` names those that there are.")
    manifest = Manifest.read(path)
    return Backup(manifest.taken_at, manifest.kind, path)


@contextmanager
def exclusively(folder: Path) -> Iterator[int]:
    """Holds the lock of a folder of backups, made if need be, and clears away what killed processes left in it.

    Yields:
        The lock's descriptor, for programs to inherit.

    Raises:
        BackupBusyError: another process holds it.
        BackupError: the folder cannot be made or written to.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BackupError(f"Backups cannot be kept in {folder}: {error.strerror}.") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupBusyError(f"Another process is making a backup in {folder}: wait for its end.") from None
        for leftover in folder.glob(f"{_PARTIAL}*"):
            shutil.rmtree(leftover)
        yield descriptor
    finally:
        os.close(descriptor)  # a copy of it that a program inherited stays locked


def make(folder: Path, kind: Kind, now: datetime, fill: Callable[[Path], Manifest]) -> Backup:
    """Makes a backup, for a caller that holds the lock.

    Args:
        folder: of backups.
        kind: of this one.
        now: when it begins.
        fill: writes it into the folder that it is given, sees that it can be read, and returns what is to be said of it.

    Raises:
        BackupError: there is one of that second already.
    """
    name = f"{now.astimezone(UTC):{_STAMP}}-{kind}"
    if (folder / name).exists():
        raise BackupError(f"{folder / name} is there already: wait a second.")
    partial = folder / f"{_PARTIAL}{name}"
    partial.mkdir(mode=0o700)
    try:
        fill(partial).write(partial)
        _sync(partial)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    partial.rename(folder / name)
    _sync_one(folder)
    return Backup(now.replace(microsecond=0), kind, folder / name)


def remove_old(folder: Path, kind: Kind, keep: int) -> list[Backup]:
    """Removes all but the newest backups of a kind, for a caller that holds the lock, and returns those removed."""
    old = [backup for backup in backups(folder) if backup.kind == kind][:-keep]
    for backup in old:
        # Renamed first: one that is half removed does not look whole.
        doomed = backup.path.rename(folder / f"{_PARTIAL}{backup.path.name}")
        shutil.rmtree(doomed)
    return old


def _sync(folder: Path) -> None:
    """Has the system write a folder with all that is in it to disk."""
    for path in (*folder.rglob("*"), folder):
        _sync_one(path)


def _sync_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
