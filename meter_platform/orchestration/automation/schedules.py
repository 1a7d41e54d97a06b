"""The morning's run: every table for yesterday, half an hour after the files are due."""

import datetime as dt
from typing import Final, cast

import dagster as dg

from meter_platform.settings import Settings

ALL_TABLES: Final = "all_tables"


def all_tables_job() -> dg.JobDefinition:
    """Every table of a reference date, under a name that `dagster job backfill` and the schedule use."""
    job = dg.define_asset_job(
        ALL_TABLES,
        selection=dg.AssetSelection.all(),
        description="Every table of a reference date, raw data first.",
    )
    # Dagster resolves the job when definitions are put together; its type until then is not public.
    return cast("dg.JobDefinition", job)


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
