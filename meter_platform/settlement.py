"""Local days, settlement periods and clock changes of a market.

What belongs here: the arithmetic between the three ways to name a half hour: an instant (UTC), a local day with a
settlement period, and the naive local label that a reading file prints. What does not: Dagster, SQL, the clock.

Source of the rules: Elexon (settlement periods follow local time: 48 a day, 46 on the spring clock change, 50 on the
autumn one). Nothing here is particular to London: a zone may lie south of the equator, change its clocks by half an
hour or at midnight, or never.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import pyarrow as pa

HALF_HOUR: Final = timedelta(minutes=30)
_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""What Arrow and file systems count from."""

INSTANT: Final = pa.timestamp("us", tz="UTC")
"""How an instant is typed in Arrow everywhere in the platform."""


def days(first: date, last: date) -> Iterator[date]:
    """Every date from `first` to `last`, both included; none where `last` is the earlier."""
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        yield date.fromordinal(ordinal)


def reference_date(instant: datetime, zone: ZoneInfo) -> date:
    """The local calendar day in `zone` that an aware `instant` belongs to."""
    return instant.astimezone(zone).date()


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local day, in UTC.

    Where the clock change skips midnight (Beirut, Cairo), that is the moment of the change.
    """
    # fold=0, the default, is right for both odd midnights: a repeated one begins with its first occurrence, and of a
    # skipped one zoneinfo gives the moment of the change.
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def periods(day: date, zone: ZoneInfo) -> int:
    """How many half hours a local day has: 48, or fewer or more where the clocks change (in London 46 and 50)."""
    return (day_start(day + _DAY, zone) - day_start(day, zone)) // HALF_HOUR


def settlement_period(instant: datetime, zone: ZoneInfo) -> int:
    """The number within its local day, counted from 1, of the half hour that an aware `instant` lies in (Elexon)."""
    return (instant - day_start(reference_date(instant, zone), zone)) // HALF_HOUR + 1


def local_label(instant: datetime, zone: ZoneInfo) -> datetime:
    """The naive local time that a file prints for an aware `instant`."""
    return instant.astimezone(zone).replace(tzinfo=None)


def instants(label: datetime, zone: ZoneInfo) -> list[datetime]:
    """The instants (UTC, in order) that a naive local `label` may denote.

    None where the clocks skip it in spring, two where they repeat it in autumn, else one.
    """
    try:
        candidates = {label.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    except OverflowError:
        # The first or the last hours that a datetime can hold, which files use for "never", are out of its range in UTC.
        return []
    return sorted(instant for instant in candidates if local_label(instant, zone) == label)


def clocks_put_back(since: datetime, until: datetime, zone: ZoneInfo) -> datetime | None:
    """When between two instants, hours apart, the clocks are put back: the first instant (UTC) of the repeated times.

    `None` where they are not. A change and its reverse between the two instants are not seen.
    """

    def offset(instant: datetime) -> timedelta | None:
        return instant.astimezone(zone).utcoffset()

    # Clocks have been changed at any second, but never at a fraction of one.
    earlier, later = (instant.astimezone(UTC).replace(microsecond=0) for instant in (since, until))
    before, after = offset(earlier), offset(later)
    if before is None or after is None or before <= after:
        return None
    while later - earlier > _SECOND:
        middle = earlier + (later - earlier) // (2 * _SECOND) * _SECOND
        earlier, later = (middle, later) if offset(middle) == before else (earlier, middle)
    return later


def day_table(first: date, last: date, zone: ZoneInfo) -> pa.Table:
    """The local days from `first` to `last`, for rules that must not do time-zone arithmetic in SQL.

    Returns:
        One row a day: reference_date date32, day_start timestamp[us, UTC], periods int16.
    """
    dates = list(days(first, last))
    starts = [day_start(day, zone) for day in [*dates, last + _DAY]]
    return pa.table(
        {
            "reference_date": pa.array(dates, pa.date32()),
            "day_start": pa.array(starts[:-1], INSTANT),
            "periods": pa.array([(end - start) // HALF_HOUR for start, end in pairwise(starts)], pa.int16()),
        }
    )
