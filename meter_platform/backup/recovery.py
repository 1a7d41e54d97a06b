"""Brings the files of a whole server back, as they were at any moment since the backup: point-in-time recovery.

What belongs here: laying the files out, with what the server needs to know to play its changes back. What does not:
starting a server for good (that is its operator's), and dumps (`restore.py`).
"""

import shlex
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from meter_platform.backup import base, manifest
from meter_platform.backup.errors import BackupError, BrokenBackupError
from meter_platform.backup.folder import Backup

LAST_READ: Final = "postgresql.auto.conf"
"""The file of settings that is read after every other, so that what stands at its end wins."""


def lay_out(backup: Backup, into: Path, *, archive: Path | None, until: datetime | None = None) -> None:
    """Copies the files of a server into a new folder, ready to be started.

    On its first start the server plays back the changes of the archive, up to a moment or to their end, and then takes
    writes. It refuses to start where the archive ends before that moment.

    Args:
        backup: of a whole server.
        into: a folder that is empty, or not there.
        archive: the folder that the server's `archive_command` copied to; without it the server is as it was when the
            backup ended.
        until: the moment, with its zone.

    Raises:
        BackupError: the folder is not empty, or the moment cannot be reached from this backup.
        BrokenBackupError: the files have changed since the backup was taken.
    """
    if backup.kind != "base":
        raise BackupError(f"{backup.path} is a dump, of one moment: restore it without --to and --until.")
    if until and until.tzinfo is None:
        raise BackupError(f"{until} has no zone: write it as 2026-01-31T12:00:00+00:00.")
    if until and archive is None:
        raise BackupError(
            "Without an archive of changes (METER_PLATFORM_BACKUP_WAL) a backup leads to its own end only."
        )
    if until and until <= backup.taken_at:
        raise BackupError(f"{backup.path} begins after {until}: take an earlier backup.")
    if archive and not archive.is_dir():
        raise BackupError(f"There is no archive of changes in {archive}.")
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise BackupError(f"{into} is not empty, and nothing is overwritten: name a folder that is not there yet.")
    if damage := list(manifest.damage(backup.path, backup.manifest)):
        raise BrokenBackupError(f"{backup.path} is not as it was when it was taken: {damage[0]}.")
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    into.chmod(0o700)
    shutil.copytree(backup.path / base.FILES, into, symlinks=True, dirs_exist_ok=True)
    with (into / LAST_READ).open("a", encoding="utf-8") as file:
        file.write("\n".join(["", "# Written by `meter-platform restore`.", *_settings(archive, until), ""]))
    if archive:
        (into / "recovery.signal").touch()


def _settings(archive: Path | None, until: datetime | None) -> list[str]:
    """Every setting of a recovery, also those that are not wanted: the server may have been recovered before."""
    command = f"cp {shlex.quote(str(archive)).replace('%', '%%')}/%f %p" if archive else ""
    moment = until.astimezone(UTC).isoformat(sep=" ") if until else ""
    return [
        f"restore_command = {_quoted(command)}",
        "recovery_target_timeline = 'latest'",
        f"recovery_target_time = {_quoted(moment)}",
        "recovery_target_action = 'promote'",
    ]


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
