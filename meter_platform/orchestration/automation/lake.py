"""The night's work on the lake: it follows what was changed without it, and old files go.

What belongs here: the job and its schedule, where there is a lake. What does not: what is done (`meter_platform.lake`).
"""

from datetime import timedelta
from typing import Final

import dagster as dg

from meter_platform.lake.lake import required_lake
from meter_platform.lake.put_right import refuse_strays
from meter_platform.orchestration.assets import policies
from meter_platform.orchestration.failures import permanent_failures
from meter_platform.orchestration.put_away import sync
from meter_platform.settings import Settings
from meter_platform.warehouse.database import open_database
from meter_platform.warehouse.put_away import span

LAKE: Final = "lake"


def lake_job(settings: Settings) -> dg.JobDefinition:
    """Does what `meter-platform lake sync` and `lake tidy` do, and says in its log what was done."""

    @dg.op(name="sync_and_tidy", retry_policy=policies.RETRIES)
    def sync_and_tidy(context: dg.OpExecutionContext) -> None:
        with permanent_failures():
            database, opened = open_database(settings), required_lake(settings)
            for what, days in sync(settings, database, opened, context.instance):
                if days:
                    context.log.info(f"{what}: {span(sorted(days))}")
            refuse_strays(database, opened)
            for table, done in opened.tidy(timedelta(days=settings.lake_keep_days)).items():
                context.log.info(
                    f"{table.qualified_name}: {done['joined']:,} files joined, {done['removed']:,} old files removed"
                )

    @dg.job(name=LAKE, description="Brings the lake to what Postgres has, and tidies it: see docs/operating/lake.md.")
    def lake() -> None:
        sync_and_tidy()

    return lake


def lake_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """At 04:20 local: after the night's pruning and recount, and hours before the morning's files."""
    return dg.ScheduleDefinition(
        name="lake_every_night",
        job_name=LAKE,
        cron_schedule="20 4 * * *",
        execution_timezone=settings.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="The lake follows Postgres, and its old files go, at 04:20 local time.",
    )
