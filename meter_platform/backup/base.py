"""A base backup: the files of a whole server, copied while it runs, from which its archive of changes leads to any moment.

What belongs here: taking one, verifying it, and removing what the archive no longer needs. What does not: the archiving
itself, which is the server's (`archive_command`), and bringing a copy to life (`recovery.py`).
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from meter_platform.backup.client import Client
from meter_platform.backup.errors import BackupError, BrokenBackupError
from meter_platform.backup.folder import Backup
from meter_platform.backup.manifest import Manifest, measured
from meter_platform.postgres import connecting

FILES: Final = "data"
"""The folder of the server's files in a backup."""

_SENT: Final = "backup_manifest"
_UNSENT: Final = (f"{FILES}/{_SENT}", f"{FILES}/pg_wal/")
"""What is not on the server's list of its files: the list, and the changes that were made meanwhile."""

_MOST_SHOWN: Final = 5

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
    files = measured(place)
    verify(place, client, files)
    return Manifest(
        kind="base",
        taken_at=now,
        platform_version=version("meter-platform"),
        schema_step=None,
        server_version=server_version,
        superuser=superuser,
        files=files,
    )


def verify(place: Path, client: Client, found: Mapping[str, tuple[int, str]] | None = None) -> None:
    """Compares every file with the checksum that the server sent, and reads the changes through, as `pg_verifybackup` does.

    (That of the wheel crashes, and a file need not be read twice.)

    Args:
        place: the folder of the backup.
        client: the programs to use.
        found: size and SHA-256 of each file, where they are known; else every file is read.

    Raises:
        BrokenBackupError: they differ.
    """
    found = measured(place) if found is None else found
    said = _sent(place / FILES / _SENT)
    files = {f"{FILES}/{_path(entry)}": (entry["Size"], entry["Checksum"]) for entry in said["Files"]}
    differing = [name for name, wanted in files.items() if found.get(name) != wanted]
    unsent = [name for name in found if name not in files and not name.startswith(_UNSENT)]
    if wrong := sorted([*differing, *unsent]):
        raise BrokenBackupError(f"{place} is not what the server sent: {', '.join(wrong[:_MOST_SHOWN])}.")
    try:
        for part in said["WAL-Ranges"]:
            client.run(
                "pg_waldump",
                "--quiet",
                f"--path={place / FILES / 'pg_wal'}",
                f"--timeline={part['Timeline']}",
                f"--start={part['Start-LSN']}",
                f"--end={part['End-LSN']}",
                connected=False,
            )
    except BackupError as error:
        raise BrokenBackupError(f"The changes in {place} are not whole. {error}") from error


def _sent(path: Path) -> dict[str, Any]:
    """The server's own list of the files, which ends with a line that has the checksum of those before it."""
    try:
        text = path.read_bytes()
        said: dict[str, Any] = json.loads(text)
        listed = text[: text.rindex(b"\n", 0, -1) + 1]
        if hashlib.sha256(listed).hexdigest() != said["Manifest-Checksum"]:
            raise BrokenBackupError(f"{path} has changed.")
    except (OSError, ValueError, KeyError) as error:
        raise BrokenBackupError(f"{path} cannot be read ({type(error).__name__}).") from error
    return said


def _path(entry: Mapping[str, Any]) -> str:
    return str(entry["Path"]) if "Path" in entry else os.fsdecode(bytes.fromhex(entry["Encoded-Path"]))


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
