"""Fetching by the clock: what `meter-platform fetch` does, three times a day.

What belongs here: the job and its schedule. What does not: what is fetched (`fetch/`); no asset is made, for the sensor finds
the files.
"""

from typing import Final

import dagster as dg

from meter_platform.feeds.configured import feeds_of
from meter_platform.fetch.errors import NotAllFetchedError
from meter_platform.fetch.fetching import fetch, fetched_feeds
from meter_platform.settings import Settings

FETCH: Final = "fetch"


def fetch_job(settings: Settings) -> dg.JobDefinition:
    """Does what `meter-platform fetch` does, and says in its log what came."""

    @dg.op(name="fetch_what_is_new")
    def fetch_what_is_new(context: dg.OpExecutionContext) -> None:
        done = fetch(settings, tell=context.log.warning)
        for each in done:
            context.log.info(
                f"{each.feed}: {each.readings:,} readings of {each.meters:,} meters in {each.files:,} files"
            )
        if any(each.failed for each in done):
            raise NotAllFetchedError("Some meters were not fetched: the warnings above say which, and why.")

    @dg.job(name=FETCH, description="Fetches readings from the APIs that feeds name: see docs/feeds/interval_json.md.")
    def fetch_readings() -> None:
        fetch_what_is_new()

    return fetch_readings


def fetch_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """At 07:40 local, before the morning's run, and twice more, for an API that gets yesterday's readings later."""

    @dg.schedule(
        name="fetch_three_times_a_day",
        job_name=FETCH,
        cron_schedule="40 7,12,17 * * *",
        execution_timezone=settings.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Fetches readings from the APIs that feeds name, at 07:40, 12:40 and 17:40 local time.",
    )
    def fetch_three_times_a_day(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if not fetched_feeds(feeds_of(settings)):
            return dg.SkipReason("no feed says where its files are fetched from")
        return dg.RunRequest(run_key=f"{context.scheduled_execution_time:%Y-%m-%dT%H}")

    return fetch_three_times_a_day
