"""The schema of the platform's database: made where there is none, migrated where it is of an earlier version.

What belongs here: which version a database has, and what is done about it. What does not: what a version looks like
(`tables.py`), and what a step changes (`migrations/`).
"""

import os
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from meter_platform.errors import LockHeldError, PermanentError, first_line
from meter_platform.postgres import connecting
from meter_platform.warehouse import finished, partition_notes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from meter_platform.warehouse.database import Database

HEAD: Final = "0017"
"""The newest step in `migrations/versions/`; a constant, so that a command that finds it need not import Alembic."""

VERSION_SCHEMA: Final = "raw_data"
VERSION_TABLE: Final = "schema_version"

_FIRST: Final = "0001"
"""Databases of version 0.1.0: they have no table of versions, and are told by the file catalogue."""

_LOCK: Final = 0x6D657465  # "mete": one process creates or migrates tables at a time
_TURN_SECONDS: Final = 600.0
"""How long a process waits for another that creates or migrates tables."""
_LOCK_SECONDS: Final = 30.0
"""How long a step waits for those who use a table that it changes. Whoever comes after it waits as long."""

_UNKNOWN: Final = "unknown"

_CREATE_VERSION_TABLE: Final = sql.SQL(
    "CREATE TABLE IF NOT EXISTS {} "
    "(version_num varchar(32) NOT NULL, CONSTRAINT schema_version_pkc PRIMARY KEY (version_num))"
).format(sql.Identifier(VERSION_SCHEMA, VERSION_TABLE))
"""As Alembic makes it."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was done.

    Attributes:
        number: its revision.
        title: what it changes, in a line.
    """

    number: str
    title: str


def version(connection: psycopg.Connection[Any]) -> str | None:
    """The step that a database is at; `None` where the platform has no tables in it."""
    table = sql.Identifier(VERSION_SCHEMA, VERSION_TABLE)
    versioned, tables_there = connection.execute(
        "SELECT to_regclass(%s) IS NOT NULL, "
        "num_nonnulls(to_regclass('raw_data.source_file_versions'), to_regclass('raw_data.source_file_dates')) > 0",
        [table.as_string(None)],
    ).fetchone() or (False, False)
    if not versioned:
        return _FIRST if tables_there else None
    row = connection.execute(sql.SQL("SELECT version_num FROM {}").format(table)).fetchone()
    return str(row[0]) if row else _UNKNOWN


def prepare(database: "Database", *, may_migrate: bool) -> list[Step]:
    """Sees to it that a database has every table, as this version of the platform needs them; quick where it has.

    The version on record is no proof that the tables are there: each is looked for. What was in a table that somebody
    dropped is gone, so that nothing may claim that its dates are finished.

    Args:
        database: where.
        may_migrate: whether a database of an earlier version is migrated; it is refused else.

    Returns:
        The steps that were done, in order.

    Raises:
        PermanentError: the database is of another version, or has tables of these names with other columns.
        LockHeldError: another process used the tables, or migrated them, for too long.
    """
    with database.connect() as connection:
        found = version(connection)
        if found == HEAD and not finished.missing_tables(connection):
            return []
    done = []
    if found is not None and found != HEAD:
        if not (may_migrate and _is_earlier(found)):
            raise refusal(found, database.shown)
        done = migrate(database)
    _create(database)
    return done


def refuse_other(connection: psycopg.Connection[Any], shown: str) -> None:
    """Refuses a database of another version of the platform, for commands that create no tables.

    Args:
        connection: to it.
        shown: its URL without its password.

    Raises:
        PermanentError: it is of another version.
    """
    found = version(connection)
    if found is not None and found != HEAD:
        raise refusal(found, shown)


def refusal(found: str, shown: str) -> PermanentError:
    """What to say of a database of another version.

    Args:
        found: the step that it is at.
        shown: its URL without its password.
    """
    if _is_earlier(found):
        return PermanentError(
            f"The database at {shown} is of an earlier version (step {found}, this platform needs {HEAD}): "
            "run `meter-platform migrate`."
        )
    return PermanentError(
        f"The database at {shown} is of a later version (step {found}, this platform knows {HEAD}): install that version "
        "of the platform, or use another database."
    )


def migrate(database: "Database") -> list[Step]:
    """Takes a database to this version, step by step; each is whole or not done at all.

    One process migrates at a time; another waits, and finds it done. Of tables that somebody dropped a step says
    nothing: `prepare` makes them.

    Returns:
        The steps that were done, in order.

    Raises:
        PermanentError: the database is of a later version, or has no tables.
        LockHeldError: a table that a step changes was in use all the time, or another process was migrating.
    """
    import sqlalchemy as sa  # noqa: PLC0415 - heavy, and seldom needed
    from alembic import command  # noqa: PLC0415 - as above
    from alembic.config import Config  # noqa: PLC0415 - as above
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(_folder()))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", os.pathsep.join(map(str, step_folders())))
    steps = [
        Step(step.revision, (step.doc or "").partition("\n")[0])
        for step in ScriptDirectory.from_config(config).walk_revisions()
    ][::-1]
    engine = sa.create_engine(
        "postgresql+psycopg://",
        creator=lambda: connecting.connect(database.url, options="-c timezone=UTC"),
        poolclass=sa.NullPool,
    )
    with engine.connect() as connection:
        raw: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
        with _locks(database, _TURN_SECONDS, raw, "Another process has been migrating it"):
            raw.execute("SELECT pg_advisory_lock(%s)", [_LOCK])  # ends with the connection
        before = version(raw)
        raw.commit()
        if before is None:
            raise PermanentError(f"There is nothing to migrate: {database.shown} has no tables of the platform.")
        if before == HEAD:
            return []
        if not _is_earlier(before):
            raise refusal(before, database.shown)
        if before == _FIRST:
            raw.execute(_CREATE_VERSION_TABLE)
            raw.execute(
                sql.SQL("INSERT INTO {} VALUES ({}) ON CONFLICT DO NOTHING").format(
                    sql.Identifier(VERSION_SCHEMA, VERSION_TABLE), sql.Literal(_FIRST)
                )
            )
            raw.commit()
        config.attributes["connection"] = connection
        with _locks(database, _LOCK_SECONDS, raw, "A table was in use"):
            try:
                command.upgrade(config, "head")
            except sa.exc.DBAPIError as error:
                raise (error.orig or error) from None
    return [step for step in steps if step.number > before]


def step_folders() -> "list[Path]":
    """Where the steps are."""
    return [_folder() / "versions"]


def _folder() -> "Path":
    from pathlib import Path  # noqa: PLC0415 - beside its only use

    return Path(str(resources.files("meter_platform.warehouse").joinpath("migrations")))


def _is_earlier(found: str) -> bool:
    """Whether a step is one of those that lead to this version."""
    known = {file.name.partition("_")[0] for folder in step_folders() for file in folder.glob("[0-9]*.py")}
    return found in known and found < HEAD


@contextmanager
def _locks(database: "Database", seconds: float, connection: psycopg.Connection[Any], what: str) -> "Iterator[None]":
    """Limits how long a connection waits for each lock, and says so where it was too long.

    Args:
        database: where.
        seconds: the limit.
        connection: whose, from now on.
        what: what was waited for, in words, as the beginning of a sentence.

    Raises:
        LockHeldError: it waited for longer.
    """
    connection.execute(sql.SQL("SET lock_timeout = {}").format(sql.Literal(f"{seconds * 1000:.0f}ms")))
    connection.commit()
    try:
        yield
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
        raise LockHeldError(
            f"{what} for {seconds:g} s, at {database.shown}: end what uses the database (runs, the daemon, the app), then "
            "give the command again. Steps that were done stay done, the one that waited was not begun."
        ) from error


def _create(database: "Database") -> None:
    """Creates what the contracts need and a database of this version, or an empty one, lacks."""
    from meter_platform.warehouse import tables  # noqa: PLC0415 - a heavy import that a created database does without

    with database.connect() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        connection.execute("SET LOCAL client_min_messages = warning")
        refuse_other(connection, database.shown)
        made = finished.missing_tables(connection)
        try:
            connection.execute(sql.SQL(tables.ddl()))
        except (psycopg.errors.UndefinedColumn, psycopg.errors.InvalidTableDefinition) as error:
            raise PermanentError(
                f"The tables at {database.shown} are not those of any version of the platform ({first_line(error)}): "
                "use another database, or drop the schemas raw_data, analytics, raw_data_partitions and operations, and load "
                "anew."
            ) from error
        partition_notes.note_made(connection, made)
        connection.execute(_CREATE_VERSION_TABLE)
        connection.execute(
            sql.SQL("INSERT INTO {table} SELECT {head} WHERE NOT EXISTS (SELECT FROM {table})").format(
                table=sql.Identifier(VERSION_SCHEMA, VERSION_TABLE), head=sql.Literal(HEAD)
            )
        )
