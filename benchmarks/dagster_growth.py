"""How large Dagster's database gets in a year, with and without pruning: `python -m benchmarks.dagster_growth`.

What belongs here: a year of runs, made of two real ones whose rows are copied for each day, and sizes. What does not: what
may be pruned (`orchestration/retention.py`).

Each day has the morning's run of a new date, and a run that the sensor asks for because a correction of it came. Every week
what is old is pruned, as it was then. Takes a minute or two, and some hundred MB below the folder that is given.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click
import dagster as dg
import psycopg

from meter_platform.embedded_postgres import server
from meter_platform.orchestration.instance import instance
from meter_platform.orchestration.retention import prune_dagster
from meter_platform.orchestration.run import run_dates
from meter_platform.orchestration.sources import sample_plan
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database, dagster_url

_DAYS: Final = 365
_WEEK: Final = 7
_SHOWN: Final = 28

_COPIED: Final = ("runs", "run_tags", "event_logs", "asset_check_executions")
_COPY: Final = """
WITH copy AS (SELECT %(old)s::text AS old, %(new)s::text AS new, %(first)s::text AS first, %(day)s::text AS day,
                     %(later)s::interval AS later)
"""
_COPIES: Final = (
    """
    INSERT INTO runs (run_id, snapshot_id, pipeline_name, status, run_body, partition, create_timestamp, update_timestamp,
                      start_time, end_time)
    SELECT new, snapshot_id, pipeline_name, status, replace(replace(run_body, old, new), first, day), day,
           create_timestamp + later, update_timestamp + later, start_time + extract(epoch FROM later),
           end_time + extract(epoch FROM later)
    FROM runs_then, copy WHERE run_id = old
    """,
    """
    INSERT INTO run_tags (run_id, key, value) SELECT new, key, replace(value, first, day)
    FROM run_tags_then, copy WHERE run_id = old
    """,
    """
    INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition)
    SELECT new, replace(replace(event, old, new), first, day), dagster_event_type, timestamp + later, step_key, asset_key,
           replace(partition, first, day)
    FROM event_logs_then, copy WHERE run_id = old ORDER BY id
    """,
    """
    INSERT INTO asset_check_executions (asset_key, check_name, partition, run_id, execution_status, evaluation_event,
                                        evaluation_event_timestamp, create_timestamp)
    SELECT asset_key, check_name, partition, new, execution_status, replace(replace(evaluation_event, old, new), first, day),
           evaluation_event_timestamp + later, create_timestamp + later
    FROM asset_check_executions_then, copy WHERE run_id = old ORDER BY id
    """,
)


@contextmanager
def _platform(folder: Path) -> Iterator[tuple[Settings, dg.DagsterInstance]]:
    settings = Settings(home=folder, executor="in_process", postgres_url=None)
    try:
        with instance() as dagster:
            yield settings, dagster
    finally:
        server.stop(folder)


def _copy(connection: psycopg.Connection[Any], **of: object) -> None:
    """A run with all that Dagster keeps of it, as another of another date."""
    with connection.transaction():
        for statement in _COPIES:
            connection.execute((_COPY + statement).encode(), of)


def _sizes(connection: psycopg.Connection[Any]) -> tuple[int, int, int, float]:
    """Events, executions of checks, runs, and MB of the database."""
    row = connection.execute(
        "SELECT (SELECT count(*) FROM event_logs), (SELECT count(*) FROM asset_check_executions), "
        "(SELECT count(*) FROM runs), pg_database_size(current_database()) / 1e6::float8"
    ).fetchone()
    return row or (0, 0, 0, 0.0)


def simulate(settings: Settings, dagster: dg.DagsterInstance, *, prune: bool) -> Iterator[str]:
    """A year of runs; a line of figures every four weeks."""
    day = sample_plan(settings).first
    templates = [run_dates(settings, day, day).run_id for _ in range(2)]
    first, now = day, datetime.now(UTC)
    with Database(dagster_url(settings)).connect(autocommit=True) as connection:
        for table in _COPIED:  # for what happened on the first day is pruned like the rest
            connection.execute(f"CREATE TEMP TABLE {table}_then AS SELECT * FROM {table}".encode())  # noqa: S608 - names of this module
        yield f"{'day':>5} {'events':>9} {'checks':>7} {'runs':>5} {'MB':>7}"
        for number in range(1, _DAYS + 1):
            later = timedelta(days=number)
            for run, old in enumerate(templates):
                new = f"{number:08x}-0000-4000-8000-{run:012x}"
                _copy(
                    connection, old=old, new=new, first=first.isoformat(), day=(first + later).isoformat(), later=later
                )
            if prune and number % _WEEK == 0:
                prune_dagster(dagster, settings, now=now + later)
                connection.execute("VACUUM")  # as autovacuum does, sooner or later
            if number % _SHOWN == 0 or number == _DAYS:
                events, checks, runs, size = _sizes(connection)
                yield f"{number:>5} {events:>9,} {checks:>7,} {runs:>5,} {size:>7.1f}"


@click.command()
@click.option("--no-prune", is_flag=True, help="Let it grow.")
def main(*, no_prune: bool) -> None:
    """Print how large Dagster's database gets in a year."""
    with tempfile.TemporaryDirectory(prefix="mp-") as folder:
        os.environ["METER_PLATFORM_HOME"] = folder  # where the instance finds it
        with _platform(Path(folder)) as (settings, dagster):
            for line in simulate(settings, dagster, prune=not no_prune):
                click.echo(line)


if __name__ == "__main__":
    main()
