"""The platform's database: which server it is on, its tables, and connections to it.

What belongs here: choosing the embedded or the given server, and opening the two kinds of connection the platform uses:
psycopg for SQL, ADBC for Arrow in bulk. What does not: starting the embedded server
(`embedded_postgres/`), which tables there are (`schema.py`), how a partition is replaced (`partitions.py`).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from meter_platform.embedded_postgres import names, server
from meter_platform.errors import PermanentError, SettingsError
from meter_platform.postgres import connecting
from meter_platform.postgres.urls import check_url, database_url
from meter_platform.redaction import redact
from meter_platform.settings import Settings, variable
from meter_platform.warehouse import schema
from meter_platform.warehouse.idle_connections import IdleConnections

if TYPE_CHECKING:
    from adbc_driver_postgresql import dbapi

_CANCEL_SECONDS: Final = 2
_TABLES_SECONDS: Final = 10
"""How long a process believes that the tables are there. Looking takes a few milliseconds: a run looks once, a sensor at each
tick."""


_CREATE_DATABASE: Final = "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C'"
"""A server may have been made for another encoding than UTF8, in which the platform would refuse the database."""


@dataclass(frozen=True, slots=True)
class Database:
    """A Postgres database with the platform's tables in it.

    Attributes:
        url: libpq URL; may hold a password, so that it is never shown: see `shown`.
    """

    url: str

    def __repr__(self) -> str:
        return f"Database({self.shown})"

    @property
    def shown(self) -> str:
        """The URL without its password."""
        return redact(self.url)

    @contextmanager
    def connect(self, *, autocommit: bool = False) -> Iterator[psycopg.Connection[Any]]:
        """A psycopg connection; its transaction is committed at the end, or rolled back by an error.

        Raises:
            ServerUnavailableError: the server does not answer, or refuses the login.
            PermanentError: the server is too old, or the database's text is not UTF8.
        """
        with (
            connecting.connect(self.url, autocommit=autocommit, options="-c timezone=UTC") as connection,
            _ended_with_its_caller(connection),
        ):
            yield connection

    @contextmanager
    def connect_arrow(self) -> Iterator["dbapi.Connection"]:
        """An ADBC connection, for Arrow in bulk; nothing is kept unless it is committed.

        It is used again by the next that asks, without what its session held.
        """
        connection = _IDLE_ARROW.take(self.url) or self._open_arrow()
        try:
            yield connection
            connection.rollback()
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock_all()")
                cursor.execute("DISCARD TEMP")
            connection.commit()
        except BaseException:
            connection.close()
            raise
        _IDLE_ARROW.keep(self.url, connection)

    def open_arrow_ahead(self) -> None:
        """Has a connection opened meanwhile that `connect_arrow` will ask for."""
        _IDLE_ARROW.open_ahead(self.url, self._open_arrow)

    def _open_arrow(self) -> "dbapi.Connection":
        from adbc_driver_postgresql import dbapi  # noqa: PLC0415 - a heavy import that `status` does without

        return connecting.open_connection(
            lambda: dbapi.connect(connecting.with_defaults(self.url)), self.url, errors=dbapi.Error
        )

    def open_connection(self) -> psycopg.Connection[Any]:
        """A psycopg connection that its caller keeps, and closes."""
        return connecting.connect(self.url, options="-c timezone=UTC")

    def create_tables(self, *, may_migrate: bool = False) -> list[schema.Step]:
        """Creates what the contracts need and the database lacks: see `schema.prepare`."""
        return schema.prepare(self, may_migrate=may_migrate)


_TABLES_SEEN: Final[dict[Database, float]] = {}
"""When this process last saw that the tables are there."""

_IDLE_ARROW: Final = IdleConnections()


def open_database(settings: Settings) -> Database:
    """The database that settings name, with its tables, the embedded server started if it is the one.

    On the embedded server a database of an earlier version is migrated at once.

    Raises:
        SettingsError: METER_PLATFORM_POSTGRES_URL is no Postgres URL.
        ServerUnavailableError, ServerSetupError: there is no server to be had.
        PermanentError: the database is of a later version, or of an earlier one on a given server.
    """
    database = Database(data_url(settings))
    looked_at = _TABLES_SEEN.get(database)
    if looked_at is None or time.monotonic() - looked_at > _TABLES_SECONDS:
        database.create_tables(may_migrate=settings.postgres_url is None)
        _TABLES_SEEN[database] = time.monotonic()
    return database


def dagster_url(settings: Settings) -> str:
    """The URL of Dagster's own database: the one that is given, or one beside the platform's, created if it is not there.

    Raises:
        SettingsError: METER_PLATFORM_DAGSTER_URL or METER_PLATFORM_POSTGRES_URL is no Postgres URL.
    """
    if settings.dagster_url:
        return _given_url(settings.dagster_url, variable("dagster_url"), names.DAGSTER_DATABASE)
    url = data_url(settings)
    dagster = database_url(url, names.DAGSTER_DATABASE)
    if settings.postgres_url:
        _create_database_once(url)
    return dagster


def data_url(settings: Settings) -> str:
    """The URL of the platform's database, the embedded server started if it is the one; may hold a password.

    Raises:
        SettingsError: METER_PLATFORM_POSTGRES_URL is no Postgres URL, or can be read in two ways; or it is unset where
            Dagster's database is given, for a process that is not to see the data.
    """
    if settings.postgres_url:
        return _given_url(settings.postgres_url, variable("postgres_url"), names.DATA_DATABASE)
    if settings.dagster_url:
        raise SettingsError(
            "This process is given Dagster's database (METER_PLATFORM_DAGSTER_URL) and not the platform's: set "
            "METER_PLATFORM_POSTGRES_URL, too, where it is to read or to load data."
        )
    return server.ensure_running(settings.home, pg_bin=settings.pg_bin)


def _given_url(given: str, name: str, database: str) -> str:
    """A URL that a setting gives, as libpq takes it.

    Args:
        given: the URL, which may hold a password.
        name: the variable that gives it, for messages.
        database: what its database may be called, for messages.
    """
    scheme, separator, rest = given.partition("://")
    # SQLAlchemy's spelling names a driver: libpq has none.
    if scheme.partition("+")[0] not in {"postgresql", "postgres"} or not separator:
        raise SettingsError(f"{name} is no Postgres URL: write it as postgresql://user:password@host:5432/database.")
    url = f"postgresql://{rest}"
    try:
        parameters = check_url(url)
    except ValueError as error:
        raise SettingsError(f"{name} {error}.") from None
    if not parameters.get("dbname"):
        raise SettingsError(f"{name} names no database: end it with /{database}, for example.")
    if any("," in str(parameters.get(part, "")) for part in ("host", "hostaddr")):
        raise SettingsError(
            f"{name} names several hosts, and Dagster's storage can use only one: name the primary server, or an address "
            "that leads to it."
        )
    return url


@cache
def _create_database_once(url: str) -> None:
    with Database(url).connect(autocommit=True) as connection:
        name = names.DAGSTER_DATABASE
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).rowcount:
            return
        try:
            connection.execute(sql.SQL(_CREATE_DATABASE).format(sql.Identifier(name)))
        except psycopg.errors.DuplicateDatabase:
            return  # another process was first
        except psycopg.errors.InsufficientPrivilege as error:
            raise PermanentError(
                f'Dagster keeps its runs in the database "{name}" of the same server, which this login may not create: '
                f'create it ("CREATE DATABASE {name} OWNER <login>") or grant CREATEDB.'
            ) from error


@contextmanager
def _ended_with_its_caller(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Cancels the statement that a signal interrupted: Postgres would go on with it, and keep its locks."""
    try:
        yield
    except BaseException:
        if connection.info.transaction_status is psycopg.pq.TransactionStatus.ACTIVE:
            with suppress(psycopg.Error):
                connection.cancel_safe(timeout=_CANCEL_SECONDS)
            connection.close()
        raise
