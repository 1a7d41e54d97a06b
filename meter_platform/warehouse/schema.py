"""The schema of the platform's database: made where there is none, migrated where it is of an earlier version.

What belongs here: which version a database has, and what is done about it. What does not: what a version looks like
(`tables.py`), and what a step changes (`migrations/`).
"""

from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from meter_platform.errors import PartitionBusyError, PermanentError

if TYPE_CHECKING:
    from meter_platform.warehouse.database import Database

HEAD: Final = "0001"
"""The newest step in `migrations/versions/`; a constant, so that a command that finds it need not import Alembic."""

VERSION_SCHEMA: Final = "raw_data"
VERSION_TABLE: Final = "schema_version"

_FIRST: Final = "0001"
_FIRST_COMMENT: Final = "meter_platform contracts"
"""What the comment of the schema `analytics` begins with in a database of version 0.1.0, which had no version table."""

_LOCK: Final = 0x6D657465  # "mete": one process creates or migrates tables at a time
_LOCK_SECONDS: Final = 30
"""How long a step waits for those who read a table that it changes."""


def version(connection: psycopg.Connection[Any]) -> str | None:
    """The step that a database is at; `None` where the platform has no tables in it."""
    table = sql.Identifier(VERSION_SCHEMA, VERSION_TABLE)
    try:
        with connection.transaction():
            row = connection.execute(sql.SQL("SELECT version_num FROM {}").format(table)).fetchone()
            return row[0] if row else None
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        row = connection.execute("SELECT obj_description(to_regnamespace('analytics'), 'pg_namespace')").fetchone()
        return _FIRST if row and (row[0] or "").startswith(_FIRST_COMMENT) else None


def create(connection: psycopg.Connection[Any], ddl: sql.SQL) -> None:
    """Makes the tables of this version in a database that has none, in the connection's transaction."""
    connection.execute(ddl)
    connection.execute(
        sql.SQL("CREATE TABLE IF NOT EXISTS {} (version_num varchar(32) PRIMARY KEY)").format(
            sql.Identifier(VERSION_SCHEMA, VERSION_TABLE)
        )
    )


def migrate(database: "Database") -> list[str]:
    """Takes a database to this version, step by step; each is whole or not done at all.

    Returns:
        The steps that were done, in order.

    Raises:
        PermanentError: the database is of a later version.
        PartitionBusyError: a table that a step changes was being read all the time.
    """
    import sqlalchemy as sa  # noqa: PLC0415 - heavy, and seldom needed
    from alembic import command  # noqa: PLC0415 - as above
    from alembic.config import Config  # noqa: PLC0415 - as above
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(resources.files("meter_platform.warehouse").joinpath("migrations")))
    steps = [step.revision for step in ScriptDirectory.from_config(config).walk_revisions()][::-1]
    engine = sa.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(database.url, options=f"-c timezone=UTC -c lock_timeout={_LOCK_SECONDS}s"),
        poolclass=sa.NullPool,
    )
    try:
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})  # ends with the connection
            connection.commit()
            raw: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
            before = version(raw)
            raw.commit()
            if before is None:
                raise PermanentError("There is nothing to migrate: the database has no tables of the platform.")
            refuse_later(before, database.shown)
            config.attributes["connection"] = connection
            if before == _FIRST:
                command.stamp(config, _FIRST)
            command.upgrade(config, "head")
    except sa.exc.OperationalError as error:
        if isinstance(error.orig, psycopg.errors.LockNotAvailable):
            raise PartitionBusyError(
                f"A table at {database.shown} was being read or written for {_LOCK_SECONDS} s: end what uses it, then "
                "migrate again. Steps that are done stay done."
            ) from None
        raise
    return steps[steps.index(before) + 1 :]


def refuse_later(found: str, shown: str) -> None:
    """Refuses a database that a later version of the platform has made or migrated.

    Raises:
        PermanentError: it is one.
    """
    if found > HEAD:
        raise PermanentError(
            f"The database at {shown} is of a later version of the platform (step {found}, this one knows {HEAD}): "
            "install that version, or use another database."
        )
