"""The whole platform in one place: which assets, checks, jobs, schedules, sensors and resources there are.

What belongs here: explicit lists. What does not: logic, and I/O while definitions load (an empty environment is enough).
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import cast

import dagster as dg

from meter_platform.engines.choice import check_engine, open_engine
from meter_platform.lake.lake import has_lake
from meter_platform.orchestration.assets import summaries
from meter_platform.orchestration.assets.analytics import analytics_assets
from meter_platform.orchestration.assets.raw_data import raw_data_assets
from meter_platform.orchestration.automation.alerts import alert_sensors
from meter_platform.orchestration.automation.fetching import fetch_job, fetch_schedule
from meter_platform.orchestration.automation.lake import lake_job, lake_schedule
from meter_platform.orchestration.automation.pruning import night_schedule, prune_job
from meter_platform.orchestration.automation.schedules import (
    all_tables_job,
    morning_schedule,
    recount_job,
    recount_schedule,
)
from meter_platform.orchestration.automation.sensors import new_files_sensor
from meter_platform.orchestration.checks.asset_checks import asset_checks
from meter_platform.orchestration.io_manager import PostgresIOManager
from meter_platform.orchestration.memory import freed_memory_given_back, patient_collector
from meter_platform.orchestration.partitions import reference_dates
from meter_platform.orchestration.put_away import put_away_dates_of_run
from meter_platform.settings import Settings
from meter_platform.transformations.project import project_folder
from meter_platform.warehouse import tables
from meter_platform.warehouse.database import open_database


def build_defs(settings: Settings, *, loggers: Mapping[str, dg.LoggerDefinition] | None = None) -> dg.Definitions:
    """Composes the platform for one set of settings; tests and commands use the same graph.

    Args:
        settings: of the platform.
        loggers: that runs log to, instead of Dagster's console.
    """
    with warnings.catch_warnings():
        # Single-run backfills and code references are beta or preview to Dagster, and it says so at every use: nothing
        # that the person at the screen could act on.
        warnings.simplefilter("ignore", dg.BetaWarning)
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return _compose(settings, loggers)


def _compose(settings: Settings, loggers: Mapping[str, dg.LoggerDefinition] | None) -> dg.Definitions:
    check_engine(settings)
    partitions_def = reference_dates(settings)
    assets = [*raw_data_assets(settings, partitions_def), *analytics_assets(settings, partitions_def)]
    models = _models(settings, partitions_def)
    names = [key.path[-1] for asset in models for key in asset.keys]
    lake = has_lake(settings)
    return dg.Definitions(
        assets=[*dg.with_source_code_references(assets), *models],
        asset_checks=[asset_checks(settings)],
        jobs=[
            all_tables_job(),
            prune_job(settings),
            recount_job(),
            fetch_job(settings),
            *([lake_job(settings)] if lake else []),
        ],
        schedules=[
            morning_schedule(settings),
            night_schedule(settings),
            recount_schedule(settings),
            fetch_schedule(settings),
            *([lake_schedule(settings)] if lake else []),
        ],
        sensors=[new_files_sensor(settings, partitions_def, models=names), *alert_sensors(settings)],
        resources={
            "io_manager": _io_manager(settings),
        },
        executor=_executor(settings),
        loggers=loggers,
    )


def _models(settings: Settings, partitions_def: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """The models of the dbt project, where there is one. Nothing of dbt is imported where there is none."""
    folder = project_folder(settings)
    if folder is None:
        return []
    from meter_platform.orchestration.assets.models import model_assets  # noqa: PLC0415 - needs an extra

    return [model_assets(settings, partitions_def, folder)]


def _io_manager(settings: Settings) -> dg.IOManagerDefinition:
    """The IO manager of a run.

    When the run ends its connection is closed, memory is handled as before, and what the run has finished is put away where
    that is set.
    """

    def of_a_run(context: dg.InitResourceContext) -> Iterator[PostgresIOManager]:
        manager = PostgresIOManager(
            partial(open_database, settings),
            tables.TABLES,
            settings=settings,
            summaries={
                tables.HALF_HOURLY_CONSUMPTION: partial(summaries.load_curve, zone=settings.zone),
                tables.DAILY_PRODUCT_CONSUMPTION: partial(
                    summaries.product_preview, minimum_meterpoints=settings.minimum_meterpoints
                ),
            },
            open_engine=partial(open_engine, settings),
        )
        with patient_collector(), freed_memory_given_back():
            try:
                yield manager
            finally:
                manager.close()
        put_away_dates_of_run(settings, context)

    # Dagster takes a generator and resumes it when the run has ended; its types do not say so.
    return dg.io_manager(cast("Callable[[dg.InitResourceContext], dg.IOManager]", of_a_run))


def _executor(settings: Settings) -> dg.ExecutorDefinition:
    """One process for a run unless set otherwise: each step in a process of its own costs seconds."""
    if settings.executor == "in_process":
        return dg.in_process_executor
    return dg.multiprocess_executor.configured(
        {
            "max_concurrent": 2,
            "start_method": {"forkserver": {"preload_modules": ["meter_platform.definitions"]}},
        }
    )
