"""A base backup: the files of a whole server, copied while it runs, from which its archive of changes leads to any moment.

What belongs here: taking one, verifying it, and removing what the archive no longer needs. What does not: the archiving
itself, which is the server's (`archive_command`), and bringing a copy to life (`recovery.py`).
"""

import re
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from meter_platform.backup.client import Client
from meter_platform.backup.errors import BackupError, BrokenBackupError
from meter_platform.backup.folder import Backup
from meter_platform.backup.manifest import Manifest, measured
from meter_platform.postgres import connecting

FILES: Final = "data"
"""The folder of the server's files in a backup."""

_FIRST_SEGMENT: Final = re.compile(r"^START WAL LOCATION: \S+ \(file ([0-9A-F]{24})\)", re.MULTILINE)


def take(place: Path, url: str, client: Client, now: datetime) -> Manifest:
    """Copies the files of a server, with the changes that were made meanwhile, and verifies each by its checksum.

    Args:
        place: an empty folder.
        url: of a database on the server; its login needs REPLICATION, and no right to any table.
        client: the programs to use.
        now: when it begins.

    Raises:
        BackupError, ServerUnavailableError: the server does not let its files be copied.
        BrokenBackupError: a file is not what the server sent.
    """
    with connecting.connect(url, application_name="meter_platform backup") as connection:
        server_version = str(connection.info.parameter_status("server_version")).split()[0]
        ((superuser, level),) = connection.execute(
            "SELECT rolname, current_setting('wal_level') FROM pg_roles WHERE oid = 10"
        ).fetchall()
    if level == "minimal":
        raise BackupError(
            "This server writes no log of changes that its files could be copied with (wal_level = minimal), as the "
            "embedded one does: take a dump (--kind dump)."
        )
    client.run(
        "pg_basebackup",
        f"--pgdata={place / FILES}",
        "--format=plain",
        "--wal-method=stream",
        "--checkpoint=fast",
        "--manifest-checksums=SHA256",
    )
    verify(place, client)
    return Manifest(
        kind="base",
        taken_at=now,
        platform_version=version("meter-platform"),
        schema_step=None,
        server_version=server_version,
        superuser=superuser,
        files=measured(place),
    )


def verify(place: Path, client: Client) -> None:
    """Compares every file with the checksum that the server sent, and reads the changes through.

    Raises:
        BrokenBackupError: they differ.
    """
    try:
        client.run("pg_verifybackup", place / FILES, connected=False)
    except BackupError as error:
        raise BrokenBackupError(f"{place} is not what the server sent. {error}") from error


def first_segment(place: Path) -> str:
    """The name of the first file of changes that restoring a backup needs.

    Raises:
        BrokenBackupError: the backup does not say.
    """
    try:
        label = (place / FILES / "backup_label").read_text(encoding="utf-8")
    except OSError as error:
        raise BrokenBackupError(f"{place} lacks its backup_label.") from error
    found = _FIRST_SEGMENT.search(label)
    if found is None:
        raise BrokenBackupError(f"The backup_label of {place} does not say where it begins.")
    return found[1]


def clean_archive(archive: Path, oldest: Backup, client: Client) -> None:
    """Removes the changes from an archive that are older than the oldest backup needs.

    Args:
        archive: the folder that the server's `archive_command` copies to.
        oldest: the oldest base backup that is kept.
        client: the programs to use.
    """
    client.run("pg_archivecleanup", archive, first_segment(oldest.path), connected=False)
