"""The one partitions definition: a daily reference date in the market's zone.

Every partitioned asset shares it, so that any selection takes a date or a range. A date's partition exists once its day
has ended.
"""

from collections.abc import Iterable
from datetime import date

import dagster as dg

from meter_platform.settings import Settings


def reference_dates(settings: Settings) -> dg.DailyPartitionsDefinition:
    """The reference dates, from the first one kept to yesterday."""
    return dg.DailyPartitionsDefinition(
        start_date=settings.first_reference_date.isoformat(), timezone=settings.timezone
    )


def dates_of(partition_keys: Iterable[str]) -> list[date]:
    """Partition keys as dates, in order."""
    return sorted(date.fromisoformat(key) for key in partition_keys)
