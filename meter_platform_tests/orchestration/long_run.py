"""A run that ends by itself in ten minutes only, for tests that end it before.

What belongs here: the job, and a function that runs it in the process that calls it. What does not: signals.
"""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import dagster as dg

from meter_platform.orchestration.instance import instance
from meter_platform.settings import Settings
from meter_platform.warehouse.database import open_database

SECONDS: Final = 600


def _sleep(begun: Callable[[], None]) -> None:
    begun()
    time.sleep(SECONDS)


def _statement(begun: Callable[[], None]) -> None:
    with open_database(Settings.from_environment()).connect() as connection:
        begun()
        connection.execute("SELECT pg_sleep(%s)", [SECONDS])


def _arrow(begun: Callable[[], None]) -> None:
    with open_database(Settings.from_environment()).connect_arrow() as connection, connection.cursor() as cursor:
        begun()
        cursor.execute(f"SELECT pg_sleep({SECONDS})")


def _deaf(begun: Callable[[], None]) -> None:
    begun()
    while True:
        with suppress(BaseException):
            time.sleep(SECONDS)


KINDS: Final = {"sleep": _sleep, "statement": _statement, "arrow": _arrow, "deaf": _deaf}
"""What a run may be at when its end comes."""


@dg.op(retry_policy=dg.RetryPolicy(max_retries=3, delay=1), config_schema=str)
def work(context: dg.OpExecutionContext) -> None:
    KINDS[context.op_config](lambda: print(context.run_id, flush=True))  # noqa: T201 - a test waits for it


@dg.job(executor_def=dg.in_process_executor, logger_defs={})
def works() -> None:
    work()


def run(kind: str) -> None:
    """Runs the job in this process, prints the run's name when its work has begun, and exits with 1 if it fails."""
    with instance() as opened:
        result = works.execute_in_process(
            instance=opened, raise_on_error=False, run_config={"ops": {"work": {"config": kind}}}
        )
    sys.exit(0 if result.success else 1)
