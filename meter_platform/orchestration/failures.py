"""How an error of the platform ends a step: tried again by Dagster, or failed for good, with what to do.

What belongs here: the turning of errors into Dagster's. What does not: their words (`errors.py`, and `postgres/refusals.py`
for Postgres's own).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Final

import dagster as dg
import psycopg
from adbc_driver_postgresql import dbapi

from meter_platform.errors import DroppedTableError, PermanentError
from meter_platform.postgres.refusals import translated
from meter_platform.warehouse.validation import ContractViolationError

_UNDEFINED_TABLE: Final = "42P01"
"""Postgres's code for a table that is not there."""


@contextmanager
def permanent_failures() -> Iterator[None]:
    """Turns errors that no retry can mend into Dagster failures that are not retried.

    An error of Postgres is translated into one that says what to do. A broken contract shows its failure cases as a table.

    Raises:
        dagster.Failure: for a permanent error; with `allow_retries=False`.
    """
    try:
        yield
    except ContractViolationError as error:
        records = [dg.TableRecord(asdict(violation)) for violation in error.violations]
        raise dg.Failure(
            str(error), metadata={"failure_cases": dg.MetadataValue.table(records)}, allow_retries=False
        ) from error
    except PermanentError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    except Exception as error:
        known = translated(error)
        if isinstance(known, PermanentError):
            raise dg.Failure(str(known), allow_retries=False) from error
        if known is None or known is error:
            raise
        raise known from error


@contextmanager
def dropped_table_named(name: str) -> Iterator[None]:
    """Turns the error of a missing table into one that says what happens next: no retry of this run makes it again."""
    try:
        yield
    except (psycopg.errors.UndefinedTable, dbapi.ProgrammingError) as error:
        if error.sqlstate != _UNDEFINED_TABLE:
            raise
        raise DroppedTableError(
            f"A table that {name} needs is not there: somebody dropped it ({str(error).strip().splitlines()[0]}). The "
            "next run, or the sensor's next tick, makes it again, empty. The dates that were in it count as unfinished, "
            "and are asked for again."
        ) from error
