"""What a backup says of itself: one JSON file in its folder, written last.

What belongs here: its fields, reading and writing it, and comparing files with it. What does not: how they came about.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, get_args

from meter_platform.backup.contents import Contents
from meter_platform.backup.errors import BrokenBackupError
from meter_platform.settings import BackupKind

Kind = BackupKind
"""`dump`: each database written out by `pg_dump`. `base`: the files of the whole server, by `pg_basebackup`."""

MANIFEST: Final = "manifest.json"

_FORMAT: Final = 1
"""Of this file. A reader that does not know it refuses the backup rather than guess."""

_READ_BYTES: Final = 1024**2


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What is known of a backup.

    Attributes:
        kind: see `Kind`.
        taken_at: when it began (UTC).
        platform_version: of the platform that took it.
        schema_step: the step of `migrations/` that the platform's database was at; `None` where the login that took the
            backup cannot see it.
        server_version: of the server, such as `18.4`.
        databases: the name of each database, by the name of its folder in a dump.
        superuser: an account that can log in to the files of a whole server.
        contents: of a dump, for each database what was in every table, as the dump saw it.
        files: size in bytes and SHA-256 of each file, by its path in the backup.
    """

    kind: Kind
    taken_at: datetime
    platform_version: str
    schema_step: str | None
    server_version: str
    databases: Mapping[str, str] = field(default_factory=dict)
    superuser: str = ""
    contents: Mapping[str, Contents] = field(default_factory=dict)
    files: Mapping[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def server_major(self) -> int:
        """The major version that the files of a server are bound to."""
        return int(self.server_version.split(".")[0])

    @property
    def size_bytes(self) -> int:
        """Of all files together."""
        return sum(size for size, _ in self.files.values())

    def write(self, folder: Path) -> None:
        """Writes it into the folder of a backup."""
        document = {"format": _FORMAT, **asdict(self), "taken_at": self.taken_at.isoformat()}
        (folder / MANIFEST).write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Reads it from the folder of a backup.

        Raises:
            BrokenBackupError: it is absent, unreadable or of a version that is not known.
        """
        try:
            document: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            if document.pop("format") != _FORMAT or document["kind"] not in get_args(Kind):
                raise BrokenBackupError(
                    f"{folder} was made by a later version of the platform: restore it with that one."
                )
            return cls(
                **{
                    **document,
                    "taken_at": datetime.fromisoformat(document["taken_at"]),
                    "contents": {
                        name: {table: (rows, checksum) for table, (rows, checksum) in tables.items()}
                        for name, tables in document["contents"].items()
                    },
                    "files": {name: (size, digest) for name, (size, digest) in document["files"].items()},
                }
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BrokenBackupError(
                f"{folder} is no backup of the platform: its {MANIFEST} cannot be read ({type(error).__name__})."
            ) from error


def measured(folder: Path) -> dict[str, tuple[int, str]]:
    """Size and SHA-256 of every file below a folder, the manifest apart, by relative path. Reads all of them."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, _digest(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / MANIFEST
    }


def damage(folder: Path, manifest: Manifest) -> Iterator[str]:
    """What is wrong with the files of a backup, one line each; nothing where they are as they were."""
    found = measured(folder)
    for name in sorted({*manifest.files, *found}):
        if name not in found:
            yield f"{name} is missing"
        elif name not in manifest.files:
            yield f"{name} was added"
        elif found[name] != manifest.files[name]:
            yield f"{name} has changed"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()
