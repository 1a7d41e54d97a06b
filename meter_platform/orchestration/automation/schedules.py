"""What runs by the clock: in the morning every table for yesterday, at night the recount of dates that were changed.

What belongs here: jobs under a name, and when they run. What does not: what they do.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Final, cast

import dagster as dg

from meter_platform.orchestration.checks import recount
from meter_platform.orchestration.partitions import dates_under_way
from meter_platform.settings import Settings
from meter_platform.warehouse import tables
from meter_platform.warehouse.database import open_database

ALL_TABLES: Final = "all_tables"

RECOUNT: Final = "recount"


def all_tables_job() -> dg.JobDefinition:
    """Every table of a reference date, under a name that `dagster job backfill` and the schedule use."""
    return _job(
        ALL_TABLES, dg.AssetSelection.all(), description="Every table of a reference date, raw data first.", tags={}
    )


def morning_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """At 08:30 local, for yesterday: files land before 08:00, the reference database is refreshed at midnight."""

    @dg.schedule(
        name="every_morning",
        job_name=ALL_TABLES,
        cron_schedule="30 8 * * *",
        execution_timezone=settings.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every table for yesterday's reference date, at 08:30 local time.",
    )
    def every_morning(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        local = context.scheduled_execution_time.astimezone(settings.zone)
        yesterday = local.date() - dt.timedelta(days=1)
        if yesterday < settings.first_reference_date:
            return dg.SkipReason(f"{yesterday} is before the first reference date, {settings.first_reference_date}")
        return dg.RunRequest(run_key=yesterday.isoformat(), partition_key=yesterday.isoformat())

    return every_morning


def recount_job() -> dg.JobDefinition:
    """All checks of the dates of which some reading was changed and not every one was recounted since."""
    return _job(
        RECOUNT,
        # Those of the platform: dbt's tests are evaluated by the run that builds a model, and would test every date here.
        dg.AssetSelection.checks_for_assets(*(table.name for table in tables.ASSET_TABLES)),
        description="Recounts every reading of the dates that were changed since that was last done.",
        tags={recount.RECOUNT_TAG: "true"},
    )


def _job(name: str, selection: dg.AssetSelection, *, description: str, tags: Mapping[str, str]) -> dg.JobDefinition:
    """A job of assets or of their checks."""
    # Dagster resolves the job when definitions are put together; its type until then is not public.
    return cast("dg.JobDefinition", dg.define_asset_job(name, selection, description=description, tags=tags))


def recount_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """At 03:40 local, when the night's pruning is done, and hours before the morning's files."""

    @dg.schedule(
        name="recount_every_night",
        job_name=RECOUNT,
        cron_schedule="40 3 * * *",
        execution_timezone=settings.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="The checks recount every reading of dates that were changed, at 03:40 local time.",
    )
    def recount_every_night(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        with open_database(settings).connect() as connection:
            days = recount.waiting(connection, dates_under_way(context.instance))
        if not days:
            return dg.SkipReason("every reading was recounted since it was changed")
        return dg.RunRequest(run_key=f"{context.scheduled_execution_time:%Y-%m-%d}")

    return recount_every_night
