"""When a scan looks into a folder again."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from meter_platform.ingestion.folders import KnownFolder, Look, last_night, why_look

NOW = datetime(2021, 6, 15, 12, tzinfo=UTC)
NIGHT = datetime(2021, 6, 15, 1, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
LONDON = ZoneInfo("Europe/London")


def known(
    *,
    changed: timedelta,
    listed: timedelta = timedelta(0),
    compared: timedelta = timedelta(0),
    stamp: str | None = "a",
    is_known: bool = True,
) -> KnownFolder:
    """A folder that changed, was listed and was compared so long ago."""
    return KnownFolder(
        url="file:///in",
        path="/in",
        stamp=stamp,
        digest="",
        file_count=1,
        unread=None,
        is_known=is_known,
        listed_at=NOW - listed,
        changed_at=NOW - changed,
        compared_at=NOW - compared,
    )


@pytest.mark.parametrize(
    ("folder", "stamp", "why"),
    [
        (None, "a", Look.WANTED),
        (known(changed=DAY), "b", Look.CHANGED),
        (known(changed=DAY), "a", None),
        # Files of it were left, or are being written.
        (known(changed=DAY, is_known=False), "a", Look.LIVELY),
        (known(changed=9 * MINUTE), "a", Look.LIVELY),
        (known(changed=11 * MINUTE, listed=3 * SECOND), "a", None),
        # Whatever the file system says of it, a hundredth of the time that it was quiet.
        (known(changed=100 * MINUTE, listed=59 * SECOND), "a", None),
        (known(changed=101 * MINUTE, listed=61 * SECOND), "a", Look.QUIET),
        (known(changed=101 * MINUTE, listed=61 * SECOND, stamp=None), None, Look.QUIET),
        (known(changed=50 * DAY, listed=11 * HOUR, compared=10 * HOUR), "a", None),
        (known(changed=50 * DAY, listed=11 * HOUR, compared=12 * HOUR), "a", Look.NIGHTLY),
        # The clock was set back.
        (known(changed=DAY, listed=-HOUR), "a", Look.QUIET),
    ],
)
def test_a_folder_is_looked_into_the_less_often_the_longer_it_has_been_quiet(
    folder: KnownFolder | None, stamp: str | None, why: Look | None
) -> None:
    assert why_look(folder, stamp, now=NOW, night=NIGHT) == why


def test_only_what_has_been_quiet_can_wait() -> None:
    assert [look for look in Look if look.may_wait] == [Look.QUIET, Look.NIGHTLY]


@pytest.mark.parametrize(
    ("now", "night"),
    [
        (datetime(2021, 6, 15, 1, tzinfo=UTC), datetime(2021, 6, 15, 1, tzinfo=UTC)),
        (datetime(2021, 6, 15, 0, 59, tzinfo=UTC), datetime(2021, 6, 14, 1, tzinfo=UTC)),
        (datetime(2021, 1, 15, 1, 59, tzinfo=UTC), datetime(2021, 1, 14, 2, tzinfo=UTC)),
        # The night in which the clocks go from 1 to 2 has an hour less.
        (datetime(2021, 3, 28, 3, tzinfo=UTC), datetime(2021, 3, 28, 1, tzinfo=UTC)),
    ],
)
def test_a_night_begins_at_an_hour_of_the_markets_clocks(now: datetime, night: datetime) -> None:
    assert last_night(now, LONDON, 2) == night
