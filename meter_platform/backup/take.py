"""Takes a backup, as settings say: which kind, where to, and how many are kept.

What belongs here: the order of things. What does not: each of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from meter_platform.backup import base, dump, folder
from meter_platform.backup.client import Client
from meter_platform.backup.errors import BackupError
from meter_platform.backup.folder import Backup
from meter_platform.backup.manifest import Kind, Manifest
from meter_platform.postgres import connecting
from meter_platform.settings import Settings
from meter_platform.warehouse import operations
from meter_platform.warehouse.database import Database, dagster_url, data_url

_FOLDER: Final = "backups"
"""Below the home, unless a setting names another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A backup that was taken.

    Attributes:
        backup: where it is.
        manifest: what it says of itself.
        removed: old ones that were removed after it.
        kept: how many of its kind there are now.
    """

    backup: Backup
    manifest: Manifest
    removed: int
    kept: int


def folder_of(settings: Settings) -> Path:
    """Where backups are kept."""
    return settings.backup_folder or settings.home / _FOLDER


def kind_of(settings: Settings) -> Kind:
    """Which kind is taken unless one is asked for: of the embedded server a dump, of a given one its files."""
    return settings.backup_kind or ("base" if settings.postgres_url else "dump")


def client_for(settings: Settings, url: str, *, keep_open: tuple[int, ...] = ()) -> Client:
    """The client programs for a server: none that are older than it is, for those refuse it."""
    with connecting.connect(url) as connection:
        major = connection.info.server_version // 10_000
    return Client(url, settings.pg_bin, major, keep_open)


def take(
    settings: Settings,
    *,
    kind: Kind | None = None,
    into: Path | None = None,
    keep: int | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Taken:
    """Takes a backup, then removes old ones of its kind; the outcome is noted in the operations log.

    Args:
        settings: of the platform: its server, and what is not said otherwise.
        kind: `Settings.backup_kind` unless given.
        into: the folder of backups; `Settings.backup_folder` unless given.
        keep: how many of this kind stay; `Settings.backup_keep` unless given.
        clock: says what time it is.

    Raises:
        BackupError, BrokenBackupError, BackupBusyError: see `folder`, `dump` and `base`.
        ServerUnavailableError, ServerSetupError: there is no server to be had, or no program for it.
    """
    kind, into, keep = kind or kind_of(settings), into or folder_of(settings), keep or settings.backup_keep
    url = data_url(settings)
    with operations.noted(Database(url), "backup", clock=clock) as outcome, folder.exclusively(into) as lock:
        client = client_for(settings, url, keep_open=(lock,))
        now = clock()

        def fill(place: Path) -> Manifest:
            if kind == "base":
                return base.take(place, url, client, now)
            return dump.take(place, {dump.DAGSTER: dagster_url(settings), dump.DATA: url}, client, now)

        made = folder.make(into, kind, now, fill)
        removed = folder.remove_old(into, kind, keep)
        kept = [backup for backup in folder.backups(into) if backup.kind == kind]
        if kind == "base" and settings.backup_wal:
            _clean_archive(settings.backup_wal, kept[0], client)
        manifest = made.manifest
        outcome.size_bytes = manifest.size_bytes
        outcome.detail = f"{kind} of Postgres {manifest.server_version}; {len(kept)} kept, {len(removed)} removed"
    return Taken(backup=made, manifest=manifest, removed=len(removed), kept=len(kept))


def _clean_archive(archive: Path, oldest: Backup, client: Client) -> None:
    if not archive.is_dir():
        raise BackupError(
            f"METER_PLATFORM_BACKUP_WAL={archive} is no folder: name the one that the server's archive_command copies to."
        )
    base.clean_archive(archive, oldest, client)
