"""The samples that Postgres takes of tables to plan queries: they hold values of rows, also of rows that are gone.

What belongs here: having them taken anew, and the place of old rows given back. What does not: changing rows.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import date
from typing import Final

import psycopg
from psycopg import sql

from meter_platform.errors import LockHeldError
from meter_platform.warehouse import child_tables, table_statistics
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.sessions import Session
from meter_platform.warehouse.tables import Table

_LOCK_TIMEOUT: Final = sql.SQL("SET lock_timeout = '60s'")

_HAS_SAMPLES: Final = "SELECT FROM pg_stats WHERE (schemaname, tablename) = ({}, {}) LIMIT 1"


def renew(database: Database, tables: Sequence[Table], days: Iterable[date]) -> None:
    """Has the place of rows as they were given back, and samples taken of the rows as they are.

    Args:
        database: with the tables.
        tables: in which rows were changed.
        days: of which they were, in natively partitioned ones.

    Raises:
        LockHeldError: a table was in use all the time.
    """
    whole = [table for table in tables if not table.natively_partitioned]
    divided = [table for table in tables if table.natively_partitioned]
    with database.connect(autocommit=True) as connection:
        connection.execute(table_statistics.SMALL_SAMPLES)
        connection.execute(_LOCK_TIMEOUT)
        session = Session(connection)
        children = [child_tables.attached_child(session, table, day) for day in days for table in divided]
        try:
            for place in (*(table.identifier for table in whole), *(child.identifier for child in children if child)):
                with suppress(psycopg.errors.UndefinedTable):  # a newer child has taken its place
                    connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(place))
            for table in whole:
                _forget(session, table)
            for table in divided:  # only where somebody analysed the whole database
                if session.fetch(sql.SQL(_HAS_SAMPLES).format(sql.Literal(table.schema), sql.Literal(table.name))):
                    session.execute(sql.SQL("ANALYZE {}").format(table.identifier))
        except psycopg.errors.LockNotAvailable as error:
            raise LockHeldError(
                "A table was in use all the time, and what Postgres remembers of its rows could not be renewed: give the "
                "command again."
            ) from error


def _forget(session: Session, table: Table) -> None:
    """Drops the samples of a table without rows: there are none to take new ones of.

    A column that gets the type that it has loses them, on every version of Postgres, and nothing is written anew.
    """
    if session.fetch(sql.SQL("SELECT FROM {} LIMIT 1").format(table.identifier)):
        return
    for column in table.columns:
        if not column.postgres_type.startswith("text"):
            continue
        with suppress(psycopg.errors.FeatureNotSupported):  # a view shows it: the next row brings samples of its own
            session.execute(
                sql.SQL("ALTER TABLE {} ALTER COLUMN {} TYPE {}").format(
                    table.identifier, sql.Identifier(column.name), sql.SQL(column.postgres_type)
                )
            )
