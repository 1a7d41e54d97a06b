"""What Postgres refuses, as errors of the platform: what it means, and what to do about it.

What belongs here: which refusals there are, by SQLSTATE and by the words of a server that refuses a connection (such a
refusal has no SQLSTATE in any driver). What does not: trying again, and hiding what is secret in a message: nothing of the
server's own words is shown here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from meter_platform.errors import MeterPlatformError, PermanentError, ServerUnavailableError, TransientError

_UNKNOWN: Final = "the server"


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A kind of refusal.

    Attributes:
        states: its SQLSTATEs.
        words: how a server says it, in English, and in lower case.
        kind: the error of the platform.
        sentence: with `{server}` for the server's URL without its password.
        of_opening: whether it says more of a connection that could not be opened than the server's own words.
    """

    states: tuple[str, ...]
    words: tuple[str, ...]
    kind: type[MeterPlatformError]
    sentence: str
    of_opening: bool = True


_REFUSALS: Final = (
    _Refusal(
        ("53300",),
        ("too many clients already", "remaining connection slots are reserved", "too many connections for"),
        ServerUnavailableError,
        "Postgres at {server} has no connection left: raise max_connections of that server (200 is plenty; it takes a "
        "restart; a login or a database may have a CONNECTION LIMIT of its own), or lower max_concurrent_runs in "
        "dagster.yaml.",
    ),
    _Refusal(
        ("53100",),
        ("no space left on device",),
        ServerUnavailableError,
        "The disk of Postgres at {server} is full: make room on it. What was stored before is whole, and what was not "
        "finished is not stored.",
    ),
    _Refusal(
        ("25006",),
        ("cannot execute .* in a read-only transaction",),
        PermanentError,
        "Postgres at {server} is read-only: it is a replica, or default_transaction_read_only is on for this login or "
        "this database. Name the primary server in METER_PLATFORM_POSTGRES_URL, or switch that setting off.",
    ),
    _Refusal(
        ("57P01", "57P02", "57P03", "08006", "08003"),
        (
            "terminating connection due to",
            "server closed the connection unexpectedly",
            "the database system is (starting up|shutting down|in recovery mode|not yet accepting connections)",
            "connection not open",
            "the connection is (closed|lost)",
            "consuming input failed",
        ),
        ServerUnavailableError,
        "Postgres at {server} ended the connection: it was stopped, restarted or hurt, or somebody ended the session. What "
        "was stored before is whole, and what was not finished is not stored: try again when the server is there.",
        of_opening=False,
    ),
)


def translated(error: BaseException, server: str = _UNKNOWN, *, opening: bool = False) -> MeterPlatformError | None:
    """The platform's error for what a driver raised, or for what was raised because of it.

    Args:
        error: of psycopg, psycopg 2, ADBC, SQLAlchemy or Dagster.
        server: its URL, without its password.
        opening: it was raised when a connection was to be opened.

    Returns:
        `None` for what is not the server's refusal to work at all.
    """
    for cause in _causes(error):
        if isinstance(cause, PermanentError | TransientError):
            return cause
        state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
        for refusal in _REFUSALS:
            if opening and not refusal.of_opening:
                continue
            if state in refusal.states or (state is None and _is_drivers(cause) and _says(cause, refusal)):
                return refusal.kind(refusal.sentence.format(server=server))
    return None


def _says(error: BaseException, refusal: _Refusal) -> bool:
    said = str(error).lower()
    return any(re.search(words, said) for words in refusal.words)


def _is_drivers(error: BaseException) -> bool:
    """Whether a driver raised it: the words of anything else may be those of data."""
    return type(error).__module__.partition(".")[0] in {"psycopg", "psycopg2", "adbc_driver_manager"}


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and what it was raised from, the nearest first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        if isinstance(original := getattr(current, "orig", None), BaseException):  # SQLAlchemy's
            yield original
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
