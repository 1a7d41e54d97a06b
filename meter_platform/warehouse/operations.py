"""The operations log: what was done to the database as a whole (backup, restore drill, pruning, erasure), and when.

What belongs here: writing a row of `operations.log`, and the last of each kind. What does not: doing any of it, and the
columns (`contracts/operations.py`).
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

import psycopg

from meter_platform.errors import MeterPlatformError
from meter_platform.warehouse.database import Database

Operation = Literal["backup", "erase", "prune", "restore_drill"]

_MOST_DETAIL_CHARACTERS: Final = 500

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One operation that has ended.

    Attributes:
        operation: what was done.
        started_at: when it began.
        finished_at: when it ended.
        succeeded: whether it did all that it was to do.
        detail: what came out of it, or why it failed; it holds no id of a meterpoint and no secret.
        size_bytes: of the backup, or what was freed; `None` where there is no such size.
    """

    operation: Operation
    started_at: datetime
    finished_at: datetime
    succeeded: bool
    detail: str
    size_bytes: int | None = None


@dataclass(slots=True)
class Outcome:
    """What an operation says of itself while it goes on: it is noted at its end.

    Attributes:
        detail: in words, without ids and secrets.
        size_bytes: of the backup, or what was freed.
    """

    detail: str = ""
    size_bytes: int | None = None


@contextmanager
def noted(
    database: Database, operation: Operation, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Iterator[Outcome]:
    """Notes what is done within, whether it ends well or by an error, which goes on to the caller.

    Of an error that is not the platform's own only the kind is noted, for its text may quote anything. A failure that
    cannot be noted (the server may be what failed) is logged, and does not hide the error.

    Args:
        database: whose log.
        operation: what is done.
        clock: says what time it is.

    Yields:
        What the operation is to say of itself.
    """
    outcome, started_at = Outcome(), clock()

    def note(*, succeeded: bool) -> None:
        done = Done(
            operation=operation,
            started_at=started_at,
            finished_at=clock(),
            succeeded=succeeded,
            detail=outcome.detail,
            size_bytes=outcome.size_bytes,
        )
        with database.connect() as connection:
            write(connection, done)

    try:
        yield outcome
    except BaseException as error:
        outcome.detail = str(error) if isinstance(error, MeterPlatformError) else type(error).__name__
        try:
            note(succeeded=False)
        except (MeterPlatformError, psycopg.Error) as unnoted:
            _LOG.warning("The failed %s could not be noted: %s.", operation, type(unnoted).__name__)
        raise
    note(succeeded=True)


def write(connection: psycopg.Connection[Any], done: Done) -> None:
    """Notes an operation in the connection's transaction: for one whose work is to be committed with its note."""
    connection.execute(
        "INSERT INTO operations.log (operation, started_at, finished_at, succeeded, detail, size_bytes) "
        "VALUES (%s, %s, %s, %s, %s, %s)",
        (
            done.operation,
            done.started_at,
            done.finished_at,
            done.succeeded,
            done.detail.replace("\0", "")[:_MOST_DETAIL_CHARACTERS],
            done.size_bytes,
        ),
    )


def last(connection: psycopg.Connection[Any], *, succeeded: bool | None = None) -> Mapping[Operation, Done]:
    """The last of each operation; one that was never done is absent.

    Args:
        connection: to the platform's database.
        succeeded: only those that did, or that did not.
    """
    found = connection.execute(
        "SELECT DISTINCT ON (operation) operation, started_at, finished_at, succeeded, detail, size_bytes "
        "FROM operations.log WHERE %(succeeded)s::boolean IS NULL OR succeeded = %(succeeded)s::boolean "
        "ORDER BY operation, started_at DESC",
        {"succeeded": succeeded},
    )
    return {
        row[0]: Done(
            operation=row[0], started_at=row[1], finished_at=row[2], succeeded=row[3], detail=row[4], size_bytes=row[5]
        )
        for row in found
    }
