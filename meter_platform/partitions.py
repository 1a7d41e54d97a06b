"""The one partitions definition: a daily reference date in the market's zone.

Every partitioned asset shares it, so that any selection takes a date or a range. A date's partition exists once its day
has ended.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

import dagster as dg

from meter_platform import calendar
from meter_platform.settings import Settings

PARTITION_TAG: Final = "dagster/partition"
RANGE_START_TAG: Final = "dagster/asset_partition_range_start"
RANGE_END_TAG: Final = "dagster/asset_partition_range_end"
"""How Dagster tells a run its partition, or the first and the last of several."""


def reference_dates(settings: Settings) -> dg.DailyPartitionsDefinition:
    """The reference dates, from the first one kept to yesterday."""
    return dg.DailyPartitionsDefinition(
        start_date=settings.first_reference_date.isoformat(), timezone=settings.timezone
    )


def dates_of(partition_keys: Iterable[str]) -> list[date]:
    """Partition keys as dates, in order."""
    return sorted(date.fromisoformat(key) for key in partition_keys)


def dates_of_run(tags: Mapping[str, str]) -> list[date]:
    """The partitions of a run as dates, in order; none where it has none."""
    if PARTITION_TAG in tags:
        return [date.fromisoformat(tags[PARTITION_TAG])]
    if RANGE_START_TAG in tags:
        return list(calendar.days(date.fromisoformat(tags[RANGE_START_TAG]), date.fromisoformat(tags[RANGE_END_TAG])))
    return []
