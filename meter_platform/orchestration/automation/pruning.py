"""The night's pruning: what Dagster kept of old runs, and readings that are older than a setting.

What belongs here: the job and its schedule. What does not: what may go (`orchestration/retention.py`).
"""

from typing import Final

import dagster as dg

from meter_platform.orchestration import retention
from meter_platform.settings import Settings

PRUNE: Final = "prune"


def prune_job(settings: Settings) -> dg.JobDefinition:
    """Does what `meter-platform prune` does, and says in its log what went."""

    @dg.op(name="prune_what_is_old")
    def prune_what_is_old(context: dg.OpExecutionContext) -> None:
        for kind in retention.prune(context.instance, settings):
            if kind.count:
                context.log.info(f"{kind.count:,} {kind.what} deleted")

    @dg.job(name=PRUNE, description="Deletes what nobody needs any more: see docs/operating/retention.md.")
    def prune() -> None:
        prune_what_is_old()

    return prune


def night_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """At 03:20 local: hours before the morning's files, and not at an hour that clock changes skip or repeat."""
    return dg.ScheduleDefinition(
        name="every_night",
        job_name=PRUNE,
        cron_schedule="20 3 * * *",
        execution_timezone=settings.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Deletes what is old, at 03:20 local time.",
    )
