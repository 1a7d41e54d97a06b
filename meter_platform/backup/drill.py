"""The restore drill: a backup is restored on a scratch server, and it is proved that everything is there.

What belongs here: what is compared with what. What does not: the checks of accounting, which the caller hands in, for they
are the platform's checks (`orchestration/checks/`).

A dump is compared with what was in the databases when it was taken, row for row by checksums. The files of a server are
compared by checksum with what the server sent, and then with the database of today: every date that has not been
loaded again since is the same in both. A backup of an earlier version is taken to this one on the scratch server. Of
readings in the lake alone a backup has the notes: the caller's checks ask the lake.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import psycopg

from meter_platform.backup import contents, dump, folder, restore, scratch
from meter_platform.backup.client import Client
from meter_platform.backup.errors import BackupError, BrokenBackupError
from meter_platform.backup.folder import Backup
from meter_platform.backup.take import folder_of
from meter_platform.embedded_postgres import names
from meter_platform.postgres import connecting
from meter_platform.postgres.urls import database_url
from meter_platform.settings import Settings
from meter_platform.warehouse import lineage, operations, put_away
from meter_platform.warehouse.database import Database, data_url
from meter_platform.warehouse.reader import KEEP_CHILDREN

Accounts = Callable[[psycopg.Connection[Any]], list[str]]
"""Asks a database whether its accounts add up, and says what does not."""

_VERSIONS: Final = """
SELECT table_name, reference_date, version FROM raw_data.partition_versions WHERE rows_stored > 0
  AND NOT (table_name = 'raw_meter_readings' AND reference_date IN (SELECT reference_date FROM raw_data.dates_put_away))"""
"""Of readings that are in the lake alone a backup has none."""

_MOST_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """What a drill has shown.

    Attributes:
        backup: the one that was restored.
        tables: how many tables, or dates of tables, were compared and found equal.
        rows: how many rows they have.
        changed: dates of tables that have been loaded again since, and could not be compared.
        put_away: reference dates whose readings are in the lake alone, in order.
    """

    backup: Backup
    tables: int
    rows: int
    changed: int = 0
    put_away: Sequence[date] = ()

    def __str__(self) -> str:
        """What was shown, in a line."""
        since = f" ({self.changed:,} have changed since)" if self.changed else ""
        what = "tables" if self.backup.kind == "dump" else "dates of tables"
        away = f"; the lake has the readings of {put_away.span(self.put_away)}" if self.put_away else ""
        return (
            f"{self.backup.path.name} restores: {self.rows:,} rows of {self.tables:,} {what} compared and equal{since}, "
            f"and the accounts add up{away}"
        )


def drill(settings: Settings, accounts: Accounts, *, backup: Backup | None = None) -> Proved:
    """Restores a backup on a scratch server, compares, and removes the server; the outcome is noted in the operations log.

    Args:
        settings: of the platform.
        accounts: the checks of accounting.
        backup: which; the newest unless given.

    Raises:
        BackupError: there is none.
        BrokenBackupError: it does not restore to what it was taken of.
    """
    live = data_url(settings)
    with operations.noted(Database(live), "restore_drill") as outcome:
        chosen = backup or _newest(settings)
        proved = _of_dump(settings, chosen, accounts) if chosen.kind == "dump" else _of_base(settings, chosen, accounts)
        outcome.detail, outcome.size_bytes = str(proved), chosen.manifest.size_bytes
    return proved


def _newest(settings: Settings) -> Backup:
    place = folder_of(settings)
    if not (found := folder.backups(place)):
        raise BackupError(f"There is no backup in {place}: take one (`meter-platform backup`).")
    return found[-1]


def _of_dump(settings: Settings, backup: Backup, accounts: Accounts) -> Proved:
    with scratch.empty(settings.pg_bin) as url:
        urls = {dump.DAGSTER: database_url(url, names.DAGSTER_DATABASE), dump.DATA: url}
        restored = restore.restore(backup, urls, Client(url, settings.pg_bin))
        Database(url).create_tables(may_migrate=True)
        away = _add_up(url, accounts)
    return Proved(backup=backup, tables=restored.tables, rows=restored.rows, put_away=away)


def _of_base(settings: Settings, backup: Backup, accounts: Accounts) -> Proved:
    live = data_url(settings)
    with connecting.connect(live) as connection:
        database = connection.info.dbname
    with scratch.recovered(backup, archive=settings.backup_wal, database=database, pg_bin=settings.pg_bin) as url:
        Database(url).create_tables(may_migrate=True)
        compared, rows, changed = _compare_dates(live, url)
        away = _add_up(url, accounts)
    return Proved(backup=backup, tables=compared, rows=rows, changed=changed, put_away=away)


def _compare_dates(live: str, restored: str) -> tuple[int, int, int]:
    """Compares the dates of tables that are of one version in two databases.

    Returns:
        How many dates of tables were equal, how many rows they have, and how many are of another version by now.

    Raises:
        BrokenBackupError: some differ.
    """
    schemas = {name.partition(".")[2]: name for name in lineage.EVERY_TABLE}
    with ExitStack() as stack:
        now, then = (stack.enter_context(connecting.connect(url)) for url in (live, restored))
        now.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ  # of one moment, whatever is loaded meanwhile
        now.execute(KEEP_CHILDREN)
        versions = [
            {(table, day): version for table, day, version in connection.execute(_VERSIONS)}
            for connection in (now, then)
        ]
        same = [place for place, version in versions[1].items() if versions[0].get(place) == version]
        rows, wrong = 0, []
        for table in sorted({table for table, _ in same}):
            days = [day for name, day in same if name == table]
            wanted = contents.contents_of_dates(now, schemas[table], days)
            found = contents.contents_of_dates(then, schemas[table], days)
            wrong += [f"{table} of {day}" for day in days if wanted.get(day) != found.get(day)]
            rows += sum(count for count, _ in found.values())
    if wrong:
        raise BrokenBackupError(f"What was restored is not what is stored: {', '.join(wrong[:_MOST_SHOWN])}.")
    return len(same), rows, len(versions[1]) - len(same)


def _add_up(url: str, accounts: Accounts) -> list[date]:
    """Asks whether the accounts add up; returns the dates whose readings are in the lake alone."""
    with connecting.connect(url, autocommit=True) as connection:
        if wrong := accounts(connection):
            raise BrokenBackupError(
                f"The accounts of what was restored do not add up: {', '.join(wrong[:_MOST_SHOWN])}."
            )
        return [note.day for note in put_away.found(connection)]
