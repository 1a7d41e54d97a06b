"""The operations log: what was done, when, how it ended, and that it hides no error and quotes no data."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from meter_platform.contracts.operations import OPERATIONS
from meter_platform.errors import PermanentError
from meter_platform.warehouse import operations
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.operations import Done

START = datetime(2021, 11, 5, 7, tzinfo=UTC)


def clock() -> Callable[[], datetime]:
    """A clock that is a minute further each time it is asked."""
    minutes = iter(range(100))
    return lambda: START + timedelta(minutes=next(minutes))


def last(database: Database, *, succeeded: bool | None = None) -> dict[str, Done]:
    with database.connect() as connection:
        return dict(operations.last(connection, succeeded=succeeded))


def test_what_succeeds_is_noted_with_what_came_out_of_it(database: Database) -> None:
    with operations.noted(database, "backup", clock=clock()) as outcome:
        outcome.detail, outcome.size_bytes = "2 databases", 47_000_000

    assert last(database) == {
        "backup": Done(
            operation="backup",
            started_at=START,
            finished_at=START + timedelta(minutes=1),
            succeeded=True,
            detail="2 databases",
            size_bytes=47_000_000,
        )
    }


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (PermanentError("the disk is full: make room"), "the disk is full: make room"),
        (ValueError("invalid value '1200010001'"), "ValueError"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_fails_is_noted_and_goes_on_to_the_caller(database: Database, error: BaseException, detail: str) -> None:
    def prune() -> None:
        with operations.noted(database, "prune", clock=clock()) as outcome:
            outcome.detail = "half done"
            raise error

    with pytest.raises(type(error)):
        prune()

    found = last(database)["prune"]
    assert (found.succeeded, found.detail) == (False, detail)


def test_a_failure_that_cannot_be_noted_hides_no_error(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    with database.connect() as connection:
        connection.execute("ALTER TABLE operations.log RENAME TO elsewhere")
    try:
        with (
            caplog.at_level(logging.WARNING),
            pytest.raises(PermanentError, match="the disk is full"),
            operations.noted(database, "backup"),
        ):
            raise PermanentError("the disk is full")
    finally:
        with database.connect() as connection:
            connection.execute("ALTER TABLE operations.elsewhere RENAME TO log")

    assert caplog.messages == ["The failed backup could not be noted: UndefinedTable."]


def test_the_last_of_each_and_the_last_that_succeeded(database: Database) -> None:
    time = clock()
    for succeeds in (True, True, False):
        try:
            with operations.noted(database, "backup", clock=time):
                assert succeeds
        except AssertionError:
            pass
    with operations.noted(database, "restore_drill", clock=time):
        pass

    assert {name: done.started_at.minute for name, done in last(database).items()} == {"backup": 4, "restore_drill": 6}
    assert last(database)["backup"].succeeded is False
    assert last(database, succeeded=True)["backup"].started_at.minute == 2
    assert last(database, succeeded=False).keys() == {"backup"}


def test_what_is_noted_with_other_work_is_committed_with_it(database: Database) -> None:
    done = Done(operation="erase", started_at=START, finished_at=START, succeeded=True, detail="x\0" * 400)
    with database.connect() as connection:
        operations.write(connection, done)
        connection.rollback()
    assert last(database) == {}

    with database.connect() as connection:
        operations.write(connection, done)
    assert last(database)["erase"].detail == "x" * 400


def test_the_words_of_the_type_are_those_of_the_contract() -> None:
    assert get_args(operations.Operation) == OPERATIONS
