"""A dump: each database written out by `pg_dump`, with what was in it.

What belongs here: dumping, and filling empty databases from a dump. What does not: where dumps are kept (`folder.py`), and
which databases may be overwritten (`restore.py`).

Dagster's database is dumped first, the platform's after it: what Dagster has on record as stored was stored before it was
recorded, so that the later dump has it. Of each database dump and numbers are of one moment, a snapshot that both use.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import psycopg

from meter_platform.backup import contents
from meter_platform.backup.client import Client
from meter_platform.backup.contents import Contents
from meter_platform.backup.errors import BrokenBackupError
from meter_platform.backup.manifest import Manifest, measured
from meter_platform.postgres import connecting
from meter_platform.warehouse import schema
from meter_platform.warehouse.reader import KEEP_CHILDREN

DAGSTER: Final = "dagster"
DATA: Final = "data"
ORDER: Final = (DAGSTER, DATA)
"""The folders of the databases in a dump, in the order in which they are dumped and restored."""

_NO_LIMITS: Final = "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0"

_JOBS: Final = 2
"""Tables that are written or read at once."""


def take(place: Path, urls: Mapping[str, str], client: Client, now: datetime) -> Manifest:
    """Dumps both databases.

    While it goes on, dates can be loaded, and new ones published. A date that is loaded again waits for its end, up to ten
    minutes, and is tried again after that.

    Args:
        place: an empty folder.
        urls: of the databases, by `ORDER`'s names.
        client: the programs to use.
        now: when it begins.

    Raises:
        BrokenBackupError: what was written does not list what was to be written.
        BackupError, ServerUnavailableError: a program failed.
    """
    found: dict[str, Contents] = {}
    names: dict[str, str] = {}
    step = server_version = None
    for name in ORDER:
        with _snapshot(urls[name]) as (connection, snapshot):
            dumping = client.at(urls[name]).start(
                "pg_dump",
                "--format=directory",
                f"--jobs={_JOBS}",
                "--compress=1",
                "--no-owner",
                "--no-privileges",
                f"--snapshot={snapshot}",
                f"--file={place / name}",
            )
            with dumping:
                found[name] = contents.contents(connection)
                dumping.output()
            names[name] = connection.info.dbname
            if name == DATA:
                step = schema.version(connection)
                server_version = str(connection.info.parameter_status("server_version")).split()[0]
        listed = client.run("pg_restore", "--list", place / name, connected=False)
        if missing := [table for table in found[name] if f" {table.replace('.', ' ')} " not in listed]:
            raise BrokenBackupError(f"The dump of {names[name]} lacks tables: {', '.join(missing)}. It was not kept.")
    return Manifest(
        kind="dump",
        taken_at=now,
        platform_version=version("meter-platform"),
        schema_step=step,
        server_version=server_version or "",
        databases=names,
        contents=found,
        files=measured(place),
    )


def fill(dump: Path, url: str, client: Client) -> None:
    """Fills an empty database from the dump of one; its owner is the login that fills it.

    Args:
        dump: the folder of that database in a backup.
        url: of the empty database.
        client: the programs to use.
    """
    client.at(url).run("pg_restore", "--exit-on-error", f"--jobs={_JOBS}", "--no-owner", "--no-privileges", dump)


@contextmanager
def _snapshot(url: str) -> Iterator[tuple[psycopg.Connection[Any], str]]:
    """A transaction that sees one moment of a database, and the snapshot's name, by which others see the same."""
    # A site's limits are meant for people: this transaction waits for pg_dump.
    with connecting.connect(url, application_name="meter_platform backup", options=_NO_LIMITS) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction():
            # Taking the lock is no query yet: the moment is that of the first query.
            if _has_readings(url):
                connection.execute(KEEP_CHILDREN)
            ((snapshot,),) = connection.execute("SELECT pg_export_snapshot()").fetchall()
            yield connection, snapshot


def _has_readings(url: str) -> bool:
    with connecting.connect(url) as connection:
        row = connection.execute("SELECT to_regclass('raw_data.raw_meter_readings') IS NOT NULL").fetchone()
    return bool(row and row[0])
