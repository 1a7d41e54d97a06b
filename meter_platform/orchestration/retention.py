"""Prunes what is old: what Dagster keeps and nobody needs any more, and readings beyond a setting.

What belongs here: in which order it goes, in batches, beside runs and the daemon, and telling Dagster of dates that are
gone. What does not: which rows are not needed (`dagster_tables.py`), and deleting readings (`ingestion/retention.py`).

First it is found out what may go, then that is deleted, a batch at a time. What a later event has taken the place of stays
dispensable, so that an interruption does no harm, and going over it again finds what is left.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import dagster as dg
import psycopg

from meter_platform.errors import LockHeldError, PermanentError
from meter_platform.ingestion.retention import forget_files, prune_readings
from meter_platform.lake.lake import bring_along
from meter_platform.orchestration import dagster_tables
from meter_platform.orchestration.dagster_private import InstigatorType
from meter_platform.orchestration.dagster_tables import DISPENSABLE
from meter_platform.orchestration.sources import reading_folder
from meter_platform.settings import Settings
from meter_platform.warehouse import operations, tables
from meter_platform.warehouse.database import Database, dagster_url, open_database

_LOCK: Final = 0x7072756E  # "prun": one process deletes at a time
_BATCH: Final = 1_000
"""Rows that one transaction deletes: it takes some hundredths of a second."""
_LOCK_TIMEOUT: Final = "SET lock_timeout = '10s'"


@dataclass(frozen=True, slots=True)
class Pruned:
    """What is not needed any more of one kind.

    Attributes:
        what: in words, in the plural.
        count: how many there are.
        size: of them, in bytes.
    """

    what: str
    count: int
    size: int = 0


@dataclass(slots=True)
class Plan:
    """What would go.

    Attributes:
        before: everything is older than this.
        rows: for each table, the ids of its rows.
        runs: that are left with nothing.
        logs: runs whose printed output is old, by the names of their folders.
        ticks: of each schedule or sensor, what to call to have its old ticks deleted.
        found: the same for people.
    """

    before: datetime
    rows: dict[str, list[int]] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    ticks: list[Callable[[], None]] = field(default_factory=list)
    found: list[Pruned] = field(default_factory=list)


def prune(instance: dg.DagsterInstance, settings: Settings, *, dry_run: bool = False) -> list[Pruned]:
    """Prunes everything that is old, and notes it in the operations log.

    Args:
        instance: Dagster's.
        settings: `keep_runs_days` and `keep_readings_days` say what is old.
        dry_run: delete nothing, and note nothing.

    Returns:
        What was deleted, or would be, of each kind.

    Raises:
        LockHeldError: another process is pruning, or writes a date, all the time.
        PartitionBusyError: the table of readings was being read all the time.
        PermanentError: the installed Dagster keeps its events otherwise.
    """
    database = open_database(settings)
    if dry_run:
        return [
            *_prune_data(instance, database, settings, dry_run=True),
            *prune_dagster(instance, settings, dry_run=True),
        ]
    with operations.noted(database, "prune") as outcome:
        found = [*_prune_data(instance, database, settings, dry_run=False), *prune_dagster(instance, settings)]
        outcome.size_bytes = sum(kind.size for kind in found)
        outcome.detail = "; ".join(f"{kind.count:,} {kind.what}" for kind in found if kind.count) or "nothing was old"
    return found


def _prune_data(
    instance: dg.DagsterInstance, database: Database, settings: Settings, *, dry_run: bool
) -> Iterator[Pruned]:
    """Deletes old reference dates, and tells Dagster."""
    dates = list(prune_readings(database, settings, dry_run=dry_run))
    if not dry_run:
        bring_along(settings, database, [pruned.day for pruned in dates])
    yield Pruned("reference dates", len(dates))
    yield Pruned("readings of these dates", sum(pruned.readings for pruned in dates))
    if settings.keep_readings_days is not None:
        forgotten = forget_files(database, settings, reading_folder(settings), dry_run=dry_run)
        yield Pruned("file versions that are not there any more", forgotten)
    if not dry_run:
        _tell(instance, database)


def _tell(instance: dg.DagsterInstance, database: Database) -> None:
    """Has the partitions of pruned dates say so; also those that an interruption left untold."""
    with database.connect(autocommit=True) as connection:
        untold = connection.execute(
            "SELECT reference_date, pruned_at, readings FROM raw_data.pruned_dates WHERE told_at IS NULL ORDER BY 1"
        ).fetchall()
        for day, pruned_at, readings in untold:
            for table in tables.ASSET_TABLES:
                event = dg.AssetMaterialization(
                    table.name,
                    partition=day.isoformat(),
                    description=f"Pruned on {pruned_at:%Y-%m-%d}: the date is older than readings are kept.",
                    metadata={
                        "dagster/partition_row_count": 0,
                        "pruned_at": pruned_at.isoformat(),
                        "readings": readings,
                    },
                )
                instance.report_runless_asset_event(event)
            connection.execute("UPDATE raw_data.pruned_dates SET told_at = now() WHERE reference_date = %s", [day])


def prune_dagster(
    instance: dg.DagsterInstance, settings: Settings, *, dry_run: bool = False, now: datetime | None = None
) -> list[Pruned]:
    """Deletes what Dagster keeps of runs that ended long ago, but for what the state of the assets is made of.

    Every partition's status and the newest result of every check stay as they are.

    Args:
        instance: Dagster's.
        settings: `keep_runs_days` says what is long ago.
        dry_run: delete nothing.
        now: since when runs of that many days ago are old; this moment unless given.

    Returns:
        What was deleted, or would be, of each kind.

    Raises:
        LockHeldError: another process is deleting.
        PermanentError: the installed Dagster keeps its events otherwise.
    """
    with Database(dagster_url(settings)).connect(autocommit=True) as connection:
        if not connection.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone() == (True,):
            raise LockHeldError("Another process is pruning Dagster's database: wait until it has ended.")
        if lacks := dagster_tables.departures(connection):
            raise PermanentError(
                f"Dagster's database has no {', '.join(lacks)}: this version of the platform does not know how to prune it. "
                "Nothing was deleted."
            )
        connection.execute(_LOCK_TIMEOUT)
        plan = _plan(connection, instance, settings, now or datetime.now(UTC))
        if not dry_run:
            _carry_out(connection, instance, plan)
    return plan.found


def _plan(connection: psycopg.Connection[Any], instance: dg.DagsterInstance, settings: Settings, now: datetime) -> Plan:
    plan = Plan(now - timedelta(days=settings.keep_runs_days))
    parameters = {"before": plan.before.timestamp()}
    for kind in DISPENSABLE:
        rows = connection.execute(kind.query.encode(), parameters).fetchall()
        plan.rows.setdefault(kind.table, []).extend(number for number, _ in rows)
        plan.found.append(Pruned(kind.what, len(rows), sum(size for _, size in rows)))
    ended = {run for (run,) in connection.execute(dagster_tables.ENDED.encode(), parameters)}
    needed: set[str] = set()
    for table, query in (
        (dagster_tables.EVENTS, dagster_tables.EVENTS_OF_ENDED),
        (dagster_tables.CHECKS, dagster_tables.CHECKS_OF_ENDED),
    ):
        going = set(plan.rows[table])
        needed |= {run for number, run in connection.execute(query.encode(), parameters) if number not in going}
    plan.runs = sorted(ended - needed)
    plan.found.append(Pruned("runs of which nothing is left", len(plan.runs)))
    every = {run for (run,) in connection.execute(dagster_tables.EVERY_RUN)}
    plan.logs = sorted(_old_logs(settings.home / "compute_logs", ended, every, plan.before))
    plan.found.append(Pruned("runs whose printed output is old", len(plan.logs)))
    ticks = 0
    for count, purge in _old_ticks(instance):
        ticks += count
        plan.ticks.append(purge)
    plan.found.append(Pruned("ticks of schedules and sensors", ticks))
    return plan


def _old_logs(folder: Path, ended: set[str], every: set[str], before: datetime) -> Iterator[str]:
    """The runs whose output lies in the folder although they ended long ago, or are not known any more."""
    for entry in folder.iterdir() if folder.is_dir() else ():
        is_unknown = entry.name not in every and entry.stat().st_mtime < before.timestamp()
        if entry.is_dir() and (entry.name in ended or is_unknown):
            yield entry.name


def _old_ticks(instance: dg.DagsterInstance) -> Iterator[tuple[int, Callable[[], None]]]:
    """Ticks older than `dagster.yaml` says: how many, and what deletes them. The daemon does so, too, while it runs."""
    now = datetime.now(UTC)
    for state in instance.all_instigator_state():
        if state.instigator_type not in (InstigatorType.SCHEDULE, InstigatorType.SENSOR):
            continue
        for status, days in instance.get_tick_retention_settings(state.instigator_type).items():
            if days < 0:  # Dagster's word for ever
                continue
            which = (state.instigator_origin_id, state.selector_id)
            before = (now - timedelta(days=days)).timestamp()
            if ticks := instance.get_ticks(*which, before=before, statuses=[status]):
                yield len(ticks), partial(instance.purge_ticks, *which, before, [status])


def _carry_out(connection: psycopg.Connection[Any], instance: dg.DagsterInstance, plan: Plan) -> None:
    for table, ids in plan.rows.items():
        ids.sort()
        for begin in range(0, len(ids), _BATCH):
            dagster_tables.delete(connection, table, ids[begin : begin + _BATCH])
    for run in plan.runs:
        instance.delete_run(run)
    for run in plan.logs:
        instance.compute_log_manager.delete_logs(prefix=[run])
    for purge in plan.ticks:
        purge()
