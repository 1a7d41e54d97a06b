"""The one partitions definition: a daily reference date in the market's zone.

Every partitioned asset shares it, so that any selection takes a date or a range. A date's partition exists once its day
has ended, or once it has begun where METER_PLATFORM_RUNNING_DATE says so.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

import dagster as dg

from meter_platform import settlement
from meter_platform.settings import Settings

PARTITION_TAG: Final = "dagster/partition"
RANGE_START_TAG: Final = "dagster/asset_partition_range_start"
RANGE_END_TAG: Final = "dagster/asset_partition_range_end"
"""How Dagster tells a run its partition, or the first and the last of several."""


def reference_dates(settings: Settings) -> dg.DailyPartitionsDefinition:
    """The reference dates, from the first one kept to yesterday, or to today."""
    return dg.DailyPartitionsDefinition(
        start_date=settings.first_reference_date.isoformat(),
        timezone=settings.timezone,
        end_offset=1 if settings.running_date else 0,
    )


def dates_of(partition_keys: Iterable[str]) -> list[date]:
    """Partition keys as dates, in order."""
    return sorted(date.fromisoformat(key) for key in partition_keys)


_UNDER_WAY: Final = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)

_MOST_UNDER_WAY: Final = 1_000
"""Runs that are asked for, at most; the queue holds fewer than the sensor asks for in an hour."""


def dates_under_way(instance: dg.DagsterInstance, *, apart_from: str = "") -> set[date]:
    """The dates of runs that are queued or under way: they may be unfinished now, and be finished by their run.

    Args:
        instance: where the runs are kept.
        apart_from: the id of a run that does not count, such as the one that asks.
    """
    runs = instance.get_runs(dg.RunsFilter(statuses=list(_UNDER_WAY)), limit=_MOST_UNDER_WAY)
    return {day for run in runs if run.run_id != apart_from for day in dates_of_run(run.tags)}


def dates_waiting(instance: dg.DagsterInstance, asset: str) -> set[date]:
    """The dates of runs of an asset that nobody has begun yet: when they begin they find what is there by then."""
    runs = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]), limit=_MOST_UNDER_WAY)
    key = dg.AssetKey(asset)
    return {
        day
        for run in runs
        if run.asset_selection is None or key in run.asset_selection
        for day in dates_of_run(run.tags)
    }


def dates_of_run(tags: Mapping[str, str]) -> list[date]:
    """The partitions of a run as dates, in order; none where it has none."""
    if PARTITION_TAG in tags:
        return [date.fromisoformat(tags[PARTITION_TAG])]
    if RANGE_START_TAG in tags:
        return list(settlement.days(date.fromisoformat(tags[RANGE_START_TAG]), date.fromisoformat(tags[RANGE_END_TAG])))
    return []
