"""Runs the whole graph for a date or a range in this process, as `meter-platform run` does.

What belongs here: composing definitions, instance and dates into one Dagster run, and saying what it stored. What does
not: the screen (`cli/`).
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

import dagster as dg
from psycopg import sql

from meter_platform import errors
from meter_platform.errors import SettingsError
from meter_platform.orchestration.composition import build_defs
from meter_platform.orchestration.dagster_private import RunFailureReason
from meter_platform.orchestration.instance import instance
from meter_platform.orchestration.partitions import RANGE_END_TAG, RANGE_START_TAG
from meter_platform.settings import Settings
from meter_platform.settlement import days
from meter_platform.transformations.project import project_folder
from meter_platform.warehouse import lineage, models, put_away, tables
from meter_platform.warehouse.database import open_database

_WRAPPERS: Final = ("Dagster", "RetryRequestedFromPolicy")
"""How the names of errors begin that Dagster puts around one that a step raised."""

StepDone = Callable[[str, int, int], None]
"""Told of each finished step: its name, how many have finished, how many there are."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What a table holds of a reference date; `kwh` where it has energy."""

    table: str
    day: date
    rows: int
    kwh: Decimal | None


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        run_id: Dagster's name of the run.
        succeeded: whether everything was stored.
        interrupted: whether a signal, or someone in the UI, ended it before it was done.
        errors: each failed step, and why.
        concerns: each check that did not pass, and what it found.
        seconds: of each step.
        total_seconds: of the run, from loading definitions to the last event.
    """

    run_id: str
    succeeded: bool
    interrupted: bool
    errors: dict[str, str]
    concerns: dict[str, str]
    seconds: dict[str, float]
    total_seconds: float


def check_dates(settings: Settings, first: date, last: date) -> None:
    """Refuses dates that have no partition.

    Raises:
        SettingsError: naming the date and the bounds.
    """
    newest = settings.newest_reference_date()
    if last < first:
        raise SettingsError(f"The range ends on {last}, before it begins on {first}.")
    if first < settings.first_reference_date:
        raise SettingsError(
            f"{first} is before {settings.first_reference_date}, the first reference date: "
            "set METER_PLATFORM_FIRST_REFERENCE_DATE to keep earlier ones."
        )
    if last > newest:
        raise SettingsError(
            f"{last} {'has not begun' if settings.running_date else 'is not over'} yet in {settings.timezone}: "
            f"the newest reference date is {newest}."
        )


def run_dates(
    settings: Settings,
    first: date,
    last: date,
    *,
    step_done: StepDone | None = None,
    verbose: bool = False,
    assets: Sequence[str] | None = None,
) -> RunOutcome:
    """Materialises tables for the dates from `first` to `last`, in one run and in this process.

    Args:
        settings: of the platform.
        first: the first reference date.
        last: the last one, included.
        step_done: told of each finished step.
        verbose: let Dagster's own log onto the screen.
        assets: the names of the tables, to which models are added; every table without it.

    Raises:
        SettingsError: a date has no partition.
        ServerUnavailableError, ServerSetupError: there is no Postgres to be had.
    """
    check_dates(settings, first, last)
    open_database(settings)
    began = time.monotonic()
    graph: list[dg.JobDefinition] = []
    console = dg.colored_console_logger if verbose else _follower(step_done, graph)
    defs = build_defs(settings, loggers={"console": console})
    graph.append(defs.resolve_implicit_global_asset_job_def())
    with instance() as dagster:
        result = graph[0].execute_in_process(
            instance=dagster,
            # Without naming a logger a run gets Dagster's own, beside any that definitions have.
            run_config={"loggers": {"console": {}}},
            **_partitions(first, last),
            asset_selection=[*map(dg.AssetKey, assets), *_models(defs)] if assets else None,
            raise_on_error=False,
        )
    return RunOutcome(
        run_id=result.run_id,
        succeeded=result.success,
        interrupted=any(map(_is_interruption, result.all_events)),
        errors={event.step_key or "run": _why(event) for event in result.filter_events(lambda e: e.is_step_failure)},
        concerns={
            f"{check.asset_key.to_user_string()}: {check.check_name}": check.description or "did not pass"
            for check in result.get_asset_check_evaluations()
            if not check.passed
        },
        seconds=_seconds(result),
        total_seconds=time.monotonic() - began,
    )


def _models(defs: dg.Definitions) -> list[dg.AssetKey]:
    """Whatever tables are built, what analysts make of them is built again, too."""
    return [spec.key for spec in defs.resolve_all_asset_specs() if spec.group_name == models.SCHEMA]


def stale_ranges(settings: Settings, dates: Sequence[date]) -> Iterator[tuple[date, date, list[str] | None]]:
    """How to bring analytics up to date of which the readings have changed: ranges of dates, and the tables of each.

    A date that has a snapshot of the reference database keeps it. One that is not over yet has no analytics.

    Args:
        settings: of the platform.
        dates: whose readings have changed.
    """
    newest = settings.newest_reference_date()
    wanted = sorted(day for day in set(dates) if settings.first_reference_date <= day <= newest)
    with open_database(settings).connect() as connection:
        found = connection.execute(
            "SELECT DISTINCT reference_date FROM analytics.active_agreements WHERE reference_date = ANY(%s)", (wanted,)
        )
        known = {day for (day,) in found}
    kept = {tables.RAW_AGREEMENTS, tables.RAW_PRODUCTS, tables.RAW_METERPOINTS, tables.ACTIVE_AGREEMENTS}
    after_readings = [table.name for table in tables.ASSET_TABLES if table not in kept]
    begins = [
        number
        for number, day in enumerate(wanted)
        if not number or (day - wanted[number - 1]).days > 1 or (day in known) != (wanted[number - 1] in known)
    ]
    for begin, end in zip(begins, [*begins[1:], len(wanted)], strict=True):
        yield wanted[begin], wanted[end - 1], after_readings if wanted[begin] in known else None


def stored(settings: Settings, first: date, last: date) -> Iterator[Stored]:
    """What each table holds of each date, in the order of the graph, models last."""
    with open_database(settings).connect() as connection:
        named: list[tuple[str, str, str | None]] = [
            (table.schema, table.name, next((column.name for column in table.columns if column.is_energy), None))
            for table in tables.ASSET_TABLES
        ]
        if project_folder(settings):
            named += [(models.SCHEMA, *model) for model in models.dated_tables(connection)]
        away = put_away.found(connection, days(first, last))
        for schema, table, energy in named:
            total = sql.SQL("trim_scale(sum({}))").format(sql.Identifier(energy)) if energy else sql.SQL("NULL")
            found = connection.execute(
                sql.SQL(
                    "SELECT reference_date, count(*), {} FROM {} WHERE reference_date BETWEEN %s AND %s GROUP BY 1"
                ).format(total, sql.Identifier(schema, table)),
                (first, last),
            )
            by_day = {day: (rows, kwh) for day, rows, kwh in found}
            if table == lineage.READINGS:
                by_day |= {note.day: (note.readings, note.kwh) for note in away}
            for day in days(first, last):
                rows, kwh = by_day.get(day, (0, Decimal(0) if energy else None))
                yield Stored(f"{schema}.{table}", day, rows, kwh)


def _partitions(first: date, last: date) -> dict[str, Any]:
    """How a run is told its partitions; a single one is simpler, and quicker for Dagster."""
    if first == last:
        return {"partition_key": first.isoformat()}
    return {"tags": {RANGE_START_TAG: first.isoformat(), RANGE_END_TAG: last.isoformat()}}


def _follower(step_done: StepDone | None, graph: list[dg.JobDefinition]) -> dg.LoggerDefinition:
    """A logger that tells of finished steps and prints nothing; Dagster's event log has the rest."""

    @dg.logger
    def follow(_: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.getLogger("meter_platform.orchestration.run")
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
        logger.handlers = [_StepHandler(step_done, graph)]
        return logger

    return follow


class _StepHandler(logging.Handler):
    def __init__(self, step_done: StepDone | None, graph: list[dg.JobDefinition]) -> None:
        super().__init__()
        self._step_done = step_done
        self._graph = graph
        self._count = 0

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "dagster_event", None)
        if self._step_done and event is not None and event.is_step_success:
            self._count += 1
            self._step_done(event.step_key, self._count, len(self._graph[0].nodes))


def _is_interruption(event: dg.DagsterEvent) -> bool:
    if event.event_type == dg.DagsterEventType.RUN_CANCELED:
        return True
    return (
        event.event_type == dg.DagsterEventType.RUN_FAILURE
        and event.job_failure_data.failure_reason == RunFailureReason.UNEXPECTED_TERMINATION
    )


def _why(event: dg.DagsterEvent) -> str:
    failure = event.step_failure_data
    if failure.user_failure_data and failure.user_failure_data.description:
        return failure.user_failure_data.description
    error = failure.error
    # Dagster's errors say where, the first of others says what; what caused that in turn is for the log.
    while error and error.cause and (error.cls_name or "").startswith(_WRAPPERS):
        error = error.cause
    # Ours are sentences, and need no name before them.
    return error.message.strip().removeprefix(f"{errors.__name__}.{error.cls_name}: ") if error else "the step failed"


def _seconds(result: dg.ExecuteInProcessResult) -> dict[str, float]:
    return {
        event.step_key: event.step_success_data.duration_ms / 1000
        for event in result.filter_events(lambda e: e.is_step_success)
        if event.step_key
    }
