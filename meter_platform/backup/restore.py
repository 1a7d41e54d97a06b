"""Restores a dump: both databases beside those that there are, compared with the dump, then put in their place at once.

What belongs here: the order of things, and that no database with data in it is overwritten unasked. What does not: the files of
a whole server (`recovery.py`).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from meter_platform.backup import contents, dump, manifest
from meter_platform.backup.client import Client
from meter_platform.backup.errors import BackupError, BrokenBackupError
from meter_platform.backup.folder import Backup
from meter_platform.errors import LockHeldError
from meter_platform.postgres import connecting
from meter_platform.postgres.urls import database_url

_MAINTENANCE: Final = "postgres"
"""A database that every server has, to connect to while others are renamed."""

_RESTORING: Final = "{name}_restoring"
_BEFORE: Final = "{name}_before_{stamp:%Y%m%dT%H%M%S}"

_LOCK: Final = 0x72657374  # "rest": one process restores at a time

_HOLDING_DATA: Final = {
    dump.DAGSTER: ("public.runs", "public.event_logs"),
    dump.DATA: (
        "raw_data.raw_meter_readings",
        "raw_data.source_file_versions",
        "raw_data.partition_versions",
        "analytics.half_hourly_consumption",
    ),
}
"""Tables of which one has rows wherever anything was stored."""

_MOST_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore did.

    Attributes:
        tables: how many were compared with the backup, and found equal.
        rows: how many they have.
        set_aside: databases with data that were renamed, by the names that they have now.
    """

    tables: int
    rows: int
    set_aside: tuple[str, ...]


def restore(
    backup: Backup, urls: Mapping[str, str], client: Client, *, replace: bool = False, now: datetime | None = None
) -> Restored:
    """Restores a dump into the databases that URLs name, whether they are there or not.

    Args:
        backup: a dump.
        urls: of the databases, by the names of `dump.ORDER`; the login may create databases.
        client: the programs to use.
        replace: databases with data in them are renamed, and kept; without it they are refused.
        now: for the names of those that are kept.

    Raises:
        BackupError: it is no dump, or a database has data in it.
        BrokenBackupError: the files have changed since, or what was restored is not what was dumped.
        LockHeldError: someone uses the databases.
    """
    said = backup.manifest
    if said.kind != "dump":
        raise BackupError(f"{backup.path} has the files of a whole server: restore it into a folder (--to FOLDER).")
    if damage := list(manifest.damage(backup.path, said)):
        raise BrokenBackupError(f"{backup.path} is not as it was when it was taken: {_some(damage)}.")
    targets = {name: _database_of(urls[name]) for name in dump.ORDER}
    with _maintenance(urls[dump.DATA]) as connection:
        full = [name for name in dump.ORDER if _exists(connection, targets[name]) and _has_data(name, urls[name])]
        if full and not replace:
            raise BackupError(
                f"There is data in {' and '.join(targets[name] for name in full)} of this server, and nothing was restored: "
                "with --replace what is there is kept under another name; or name another server."
            )
        fresh = {name: _RESTORING.format(name=targets[name]) for name in dump.ORDER}
        for name in dump.ORDER:
            _create(connection, fresh[name])
            fresh_url = database_url(urls[name], fresh[name])
            dump.fill(backup.path / name, fresh_url, client)
            _compare(said.contents[name], fresh_url, targets[name])
        set_aside = _put_in_place(connection, targets, fresh, keep=full, now=now or datetime.now(UTC))
    counts = [rows for tables in said.contents.values() for rows, _ in tables.values()]
    return Restored(tables=len(counts), rows=sum(counts), set_aside=set_aside)


def _database_of(url: str) -> str:
    return str(conninfo_to_dict(url)["dbname"])


def _compare(wanted: contents.Contents, url: str, name: str) -> None:
    with connecting.connect(url) as connection:
        found = contents.contents(connection)
        connection.commit()
        connection.autocommit = True
        connection.execute("ANALYZE")  # so that the first queries are planned as the last ones were
    if different := list(contents.differences(wanted, found)):
        raise BrokenBackupError(f"What was restored of {name} is not what was dumped: {_some(different)}.")


def _some(lines: list[str]) -> str:
    more = f" and {len(lines) - _MOST_SHOWN} more" if len(lines) > _MOST_SHOWN else ""
    return f"{', '.join(lines[:_MOST_SHOWN])}{more}"


@contextmanager
def _maintenance(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection beside the databases, with the lock of those that restore."""
    with connecting.connect(database_url(url, _MAINTENANCE), autocommit=True) as connection:
        ((locked,),) = connection.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchall()
        if not locked:
            raise LockHeldError("Another process restores on this server: wait for its end.")
        yield connection


def _exists(connection: psycopg.Connection[Any], name: str) -> bool:
    return connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).rowcount > 0


def _has_data(name: str, url: str) -> bool:
    with connecting.connect(url) as connection:
        for table in _HOLDING_DATA[name]:
            ((there,),) = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [table]).fetchall()
            query = sql.SQL("SELECT FROM {} LIMIT 1").format(sql.Identifier(*table.split(".")))
            if there and connection.execute(query).rowcount:
                return True
    return False


def _create(connection: psycopg.Connection[Any], name: str) -> None:
    """An empty database; one that an earlier process left behind is dropped."""
    identifier = sql.Identifier(name)
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier))
    ((encoding,),) = connection.execute(
        "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'template1'"
    ).fetchall()
    # A server that was made with another encoding has templates of that one.
    like = "" if encoding == "UTF8" else " TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"
    try:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(identifier) + sql.SQL(like))
    except psycopg.errors.InsufficientPrivilege as error:
        raise BackupError(
            "This login may not create databases, and a restore makes them: give the login of a superuser, or one with "
            "CREATEDB, in METER_PLATFORM_POSTGRES_URL."
        ) from error


def _put_in_place(
    connection: psycopg.Connection[Any],
    targets: Mapping[str, str],
    fresh: Mapping[str, str],
    *,
    keep: list[str],
    now: datetime,
) -> tuple[str, ...]:
    """Renames the restored databases, both at once, and those in whose place they come; empty ones go.

    Args:
        connection: beside them.
        targets: the names that they get.
        fresh: the names that they have.
        keep: those of `dump.ORDER` in whose place there is data.
        now: for the names of what is kept.

    Returns:
        The names of what is kept.
    """
    old = {
        name: _BEFORE.format(name=targets[name], stamp=now) for name in targets if _exists(connection, targets[name])
    }
    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    try:
        with connection.transaction():
            for name, kept in old.items():
                _copy_settings(connection, targets[name], fresh[name])
                connection.execute(rename.format(sql.Identifier(targets[name]), sql.Identifier(kept)))
            for name in targets:
                connection.execute(rename.format(sql.Identifier(fresh[name]), sql.Identifier(targets[name])))
    except psycopg.errors.ObjectInUse as error:
        raise LockHeldError(
            f"{' or '.join(targets[name] for name in old)} is in use: stop runs, the daemon, the code server, the web server "
            "and the app, then give the command again. Nothing was changed."
        ) from error
    for name, kept in old.items():
        if name not in keep:
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(kept)))
    return tuple(kept for name, kept in old.items() if name in keep)


def _copy_settings(connection: psycopg.Connection[Any], old: str, new: str) -> None:
    """Gives a database the settings of another: a dump has what is in a database, and not what the server has of it."""
    for (setting,) in connection.execute(
        "SELECT unnest(setconfig) FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase "
        "WHERE datname = %s AND setrole = 0",
        [old],
    ).fetchall():
        name, _, value = setting.partition("=")
        # By way of the session, for which a list of names is a list.
        connection.execute("SELECT set_config(%s, %s, true)", [name, value])
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET {} FROM CURRENT").format(sql.Identifier(new), sql.Identifier(name))
        )
