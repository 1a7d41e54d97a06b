"""When dates are put away in the lake: at the end of the run that has finished them, and each night.

What belongs here: which dates, and beside which runs. What does not: moving readings (`lake/`).
"""

from collections.abc import Iterator, Sequence
from datetime import date

import dagster as dg
import psycopg

from meter_platform.errors import MeterPlatformError
from meter_platform.lake.lake import Lake, required_lake
from meter_platform.lake.put_away import finished_dates, put_away
from meter_platform.lake.put_right import put_right
from meter_platform.orchestration.partitions import dates_of_run, dates_under_way
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database, open_database
from meter_platform.warehouse.put_away import span


def put_away_dates_of_run(settings: Settings, context: dg.InitResourceContext) -> None:
    """Puts away what a run has finished, after its last step. What cannot be stays in Postgres until the night.

    Where each step is a process of its own none of them is the last one, and the night does it.

    Args:
        settings: of the platform; nothing is done unless readings are kept in the lake alone.
        context: of a resource of the run.
    """
    run, instance = context.run, context.instance
    if settings.storage != "lake" or settings.executor == "multiprocess" or run is None or instance is None:
        return
    try:
        database = open_database(settings)
        days = sorted({*dates_of_run(run.tags)}.intersection(finished_dates(database, settings)))
        done = put_away(
            database,
            required_lake(settings),
            days,
            in_use=lambda: dates_under_way(instance, apart_from=run.run_id),
        )
    except (MeterPlatformError, psycopg.Error) as error:
        if context.log:
            context.log.warning(f"What the run has finished stays in Postgres until the night: {error}")
        return
    if done and context.log:
        context.log.info(f"{span(done)} put away in the lake")


def sync(
    settings: Settings, database: Database, lake: Lake, instance: dg.DagsterInstance
) -> Iterator[tuple[str, Sequence[date]]]:
    """Brings the lake to what the ledger has, and puts away what is finished, where readings are kept in the lake alone.

    Args:
        settings: of the platform.
        database: the ledger.
        lake: that follows.
        instance: where runs are kept: dates of those under way stay.

    Yields:
        What was done, in words, and with which dates.

    Raises:
        LostReadingsError: see `put_right`; all else was done.
    """
    for table, days in lake.catch_up(database).items():
        yield f"{table.qualified_name}: brought up to date", days
    if settings.storage == "lake":
        days = put_away(database, lake, finished_dates(database, settings), in_use=lambda: dates_under_way(instance))
        yield "readings put away in the lake", days
    yield "readings that are put away, put right", put_right(database, lake)
