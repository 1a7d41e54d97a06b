"""How a connection to Postgres is opened, whichever driver opens it: by name, and with patience while the server restarts.

What belongs here: what every session is given (its process's name, a bound for a host that is silent), which refusals pass
by themselves, how long they are waited for, and what is said of the others. What does not: which server it is, how one is
started, and what a connection is used for (`warehouse/database.py`).

A refused connection has no SQLSTATE in any driver: libpq passes on the server's words alone. Those of a server that
speaks another language than English are not recognised, and such a connection fails at once, as any other does.
"""

import select
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from meter_platform.errors import MeterPlatformError, PermanentError, ServerUnavailableError, first_line
from meter_platform.postgres.refusals import translated
from meter_platform.postgres.session_name import session_name
from meter_platform.redaction import redact, redact_text

if TYPE_CHECKING:
    import sqlalchemy as sa

PATIENCE_SECONDS: Final = 30.0
"""How long a server is waited for that says that it starts, stops or recovers. Recovery takes a second as a rule; if it takes
longer, the step of a run is retried later."""

SOCKET_SECONDS: Final = 10.0
"""How long a socket on this machine is waited for that nobody listens on: a restart takes a second or two."""

CONNECT_SECONDS: Final = 10
"""How long a host that says nothing is waited for."""

OLDEST_MAJOR: Final = 16
"""The oldest major version of Postgres that the platform's SQL and its reader role are written for."""

_DEFAULTS: Final = {"connect_timeout": CONNECT_SECONDS}

_POLL_SECONDS: Final = 0.1

_LIBPQ_DRIVERS: Final = {"psycopg", "psycopg2"}
"""SQLAlchemy's names of the drivers that take libpq's parameters."""

_PASSING: Final = (
    "the database system is starting up",
    "the database system is shutting down",
    "the database system is in recovery mode",
    "the database system is not yet accepting connections",
    "because of crash of another server process",
)
"""What a server says (57P03, 57P02) that refuses connections now and will accept them soon."""

_PASSING_ON_A_SOCKET: Final = (
    "connection refused",
    "no such file or directory",
    "connection reset by peer",
    "broken pipe",
    "server closed the connection unexpectedly",
)
"""What the system says of a socket whose server is being started again. If it says so of a host, waiting may be in vain."""

_STARTERS: Final[dict[str, Callable[[], object]]] = {}
"""By the folder of a server's socket, what starts that server again where it was killed."""

Opened = TypeVar("Opened")


def with_defaults(url: str) -> str:
    """The URL for a driver that takes nothing else, with a bound for a silent host and the process's session name.

    Returns:
        libpq's `key=value` notation. What the URL itself says wins.
    """
    return make_conninfo(url, **(_DEFAULTS | {"application_name": session_name()} | conninfo_to_dict(url)))


def connect_once(url: str, **options: Any) -> psycopg.Connection[Any]:  # noqa: ANN401 - psycopg's own
    """A psycopg connection whose session has the process's name; one attempt, with psycopg's own errors.

    Args:
        url: of the database. What it says wins over the defaults.
        options: of `psycopg.connect`; they win over the URL.
    """
    return psycopg.connect(with_defaults(url), **options)


def open_connection(open_one: Callable[[], Opened], url: str, *, errors: type[Exception]) -> Opened:
    """Opens a connection, and waits where the server restarts.

    Args:
        open_one: opens it, in whatever driver.
        url: of the server: for messages, without its password, and to know whether it is on this machine.
        errors: what the driver raises.

    Raises:
        ServerUnavailableError: the server does not answer, refuses the login, or was waited for in vain.
    """
    began = time.monotonic()
    try:
        return _patiently(open_one, _host(url), errors=errors)
    except errors as error:
        raise unavailable(error, url, waited=time.monotonic() - began) from None


def connect_patiently(url: str, **options: Any) -> psycopg.Connection[Any]:  # noqa: ANN401 - psycopg's own
    """A psycopg connection, with psycopg's own errors: for who explains them in words of its own."""
    return _patiently(lambda: connect_once(url, **options), _host(url), errors=psycopg.OperationalError)


def make_engines_patient() -> None:
    """Makes every SQLAlchemy engine of this process that is on Postgres wait in the same way, and name its sessions.

    Dagster's storage is one.

    A pooled connection that the server has ended since is not handed out, either.
    """
    import sqlalchemy as sa  # noqa: PLC0415 - a heavy import that `status` does without

    if not sa.event.contains(sa.Engine, "do_connect", _connect_patiently):
        sa.event.listen(sa.Engine, "do_connect", _connect_patiently)
        sa.event.listen(sa.pool.Pool, "checkout", _refuse_ended)


def connect(url: str, **options: Any) -> psycopg.Connection[Any]:  # noqa: ANN401 - psycopg's own
    """A psycopg connection to a server that the platform can use.

    Args:
        url: of the database.
        options: of `psycopg.connect`.

    Raises:
        ServerUnavailableError: see `open_connection`.
        PermanentError: see `refuse_unfit`.
    """
    connection = open_connection(lambda: connect_once(url, **options), url, errors=psycopg.OperationalError)
    try:
        refuse_unfit(connection, url)
    except PermanentError:
        connection.close()
        raise
    return connection


def refuse_unfit(connection: psycopg.Connection[Any], url: str) -> None:
    """Refuses a server or a database that the platform cannot use. Asks the server nothing: it has said so already.

    Raises:
        PermanentError: the server is too old, or the database's text is not UTF8.
    """
    major = connection.info.server_version // 10_000
    if major < OLDEST_MAJOR:
        raise PermanentError(
            f"The server at {redact(url)} is Postgres {major}, and the platform needs {OLDEST_MAJOR} or newer: upgrade it, "
            "or name another."
        )
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        name = connection.info.dbname
        raise PermanentError(
            f'The database "{name}" at {redact(url)} keeps text as {encoding}, and the platform needs UTF8: create another '
            f"(CREATE DATABASE {name}_utf8 TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C') and name that one."
        )


def start_again_with(host: str, start: Callable[[], object]) -> None:
    """Has a server on this machine started again by whichever connection of this process finds it gone.

    Args:
        host: the folder of its socket.
        start: starts it where it was killed, and does nothing where it lives or was stopped on request.
    """
    _STARTERS[host] = start


def patience(message: str, host: str) -> float:
    """How many seconds an attempt that failed with this message is worth repeating; 0 where it is not."""
    said = message.lower()
    if any(words in said for words in _PASSING):
        return PATIENCE_SECONDS
    # A folder that was deleted stays away.
    if any(words in said for words in _PASSING_ON_A_SOCKET) and host.startswith("/") and Path(host).is_dir():
        return SOCKET_SECONDS
    return 0


def unavailable(error: Exception, url: str, *, waited: float = 0) -> MeterPlatformError:
    """The platform's own error for a connection that could not be opened, without anything secret."""
    if known := translated(error, redact(url), opening=True):
        return known
    why = redact_text(first_line(error), url)
    waiting = f" (it was waited for {waited:.0f} s)" if waited >= 1 else ""
    return ServerUnavailableError(f"Postgres at {redact(url)} cannot be used: {why}{waiting}")


def _patiently(open_one: Callable[[], Opened], host: str, *, errors: type[Exception]) -> Opened:
    began = time.monotonic()
    while True:
        try:
            return open_one()
        except errors as error:
            if time.monotonic() - began >= patience(str(error), host):
                raise
        if host in _STARTERS:
            with suppress(MeterPlatformError):  # the next attempt says what is wrong
                _STARTERS[host]()
        time.sleep(_POLL_SECONDS)


def _host(url: str) -> str:
    try:
        return str(conninfo_to_dict(url).get("host", ""))
    except psycopg.Error:
        return ""


def _connect_patiently(
    dialect: "sa.Dialect",
    record: object,  # noqa: ARG001 - SQLAlchemy's signature
    arguments: tuple[Any, ...],
    options: dict[str, Any],
) -> Any:  # noqa: ANN401 - the driver's own connection
    """Opens a connection in SQLAlchemy's place; `None` leaves it to SQLAlchemy."""
    driver: Any = dialect.loaded_dbapi
    if dialect.name != "postgresql":
        return None
    if dialect.driver in _LIBPQ_DRIVERS:
        options = {"application_name": session_name(), **options}
    return _patiently(
        lambda: driver.connect(*arguments, **options), str(options.get("host") or ""), errors=driver.OperationalError
    )


def _refuse_ended(connection: Any, record: object, proxy: object) -> None:  # noqa: ANN401, ARG001 - SQLAlchemy's signature
    """Makes a pool open another connection where the server has closed this one: it said something unasked."""
    import sqlalchemy as sa  # noqa: PLC0415 - there already

    if not hasattr(connection, "fileno"):
        return  # of SQLite
    if not connection.closed:
        ended = select.poll()  # `select` itself knows no descriptor above 1023
        ended.register(connection.fileno(), select.POLLIN)
        if not ended.poll(0):
            return
    raise sa.exc.DisconnectionError
