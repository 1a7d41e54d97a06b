"""A run of one asset that its engine computes for ever, for tests that cancel it.

What belongs here: the asset, and a function that runs it in the process that calls it. What does not: signals.
"""

import os
import signal
from collections.abc import Mapping
from functools import partial

import dagster as dg
import ibis

from meter_platform.engines.choice import open_engine
from meter_platform.orchestration.instance import instance
from meter_platform.orchestration.io_manager import PostgresIOManager
from meter_platform.settings import Settings
from meter_platform.warehouse.database import open_database
from meter_platform.warehouse.tables import TABLES
from meter_platform_tests.engines.endless import counted_for_ever

_DAY = "2021-01-04"


@dg.asset(partitions_def=dg.DailyPartitionsDefinition(_DAY, end_date="2021-01-05"))
def active_agreements() -> ibis.Table:
    """Stored in the table of that name, were it ever computed."""
    return counted_for_ever()


def run(environment: Mapping[str, str]) -> None:
    """Runs the asset in this process, with the settings of an environment, prints how it ended, and stays until it is killed.

    Where a process ends, its server notices, and ends what it asked for: here nobody can do so but the engine.
    """
    os.environ.clear()
    os.environ.update(environment)
    settings = Settings.from_environment()
    stored = PostgresIOManager(
        partial(open_database, settings), TABLES, settings=settings, open_engine=partial(open_engine, settings)
    )
    with instance() as opened:
        result = dg.materialize(
            [active_agreements],
            partition_key=_DAY,
            instance=opened,
            resources={"io_manager": stored},
            raise_on_error=False,
        )
    print("stored" if result.success else "cancelled", flush=True)  # noqa: T201 - whoever started it waits for that
    signal.pause()
