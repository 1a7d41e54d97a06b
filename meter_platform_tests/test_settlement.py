"""Local days, periods and labels, against a walk over the half hours of whole years that uses zoneinfo alone."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, pairwise
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_platform import settlement

HALF_HOUR = timedelta(minutes=30)
DAY = timedelta(days=1)

LONDON = ZoneInfo("Europe/London")
SYDNEY = ZoneInfo("Australia/Sydney")
KOLKATA = ZoneInfo("Asia/Kolkata")  # never changes its clocks; half an hour off the whole hours
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # changes them by half an hour
BEIRUT = ZoneInfo("Asia/Beirut")  # skips midnight in spring and repeats the hour before it in autumn
HAVANA = ZoneInfo("America/Havana")  # repeats midnight in autumn
APIA = ZoneInfo("Pacific/Apia")  # skipped 2011-12-30 altogether
KATHMANDU = ZoneInfo("Asia/Kathmandu")  # a quarter of an hour off the half hours

UNUSUAL_DAYS_OF_2021 = {
    LONDON: {date(2021, 3, 28): 46, date(2021, 10, 31): 50},
    SYDNEY: {date(2021, 4, 4): 50, date(2021, 10, 3): 46},
    KOLKATA: {},
    LORD_HOWE: {date(2021, 4, 4): 49, date(2021, 10, 3): 47},
    BEIRUT: {date(2021, 3, 28): 46, date(2021, 10, 30): 50},
    HAVANA: {date(2021, 3, 14): 46, date(2021, 11, 7): 50},
}

every_zone = pytest.mark.parametrize("zone", UNUSUAL_DAYS_OF_2021, ids=str)


def half_hours(first: date, last: date, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """The start and the local start of each half hour of the local days given, found by walking over UTC."""
    # Every offset of the zones here is within 15 hours and a multiple of a quarter of an hour.
    start = datetime.combine(first, datetime.min.time(), tzinfo=UTC) - timedelta(hours=15)
    while start.astimezone(zone).date() < first:
        start += timedelta(minutes=15)
    while start.astimezone(zone).date() <= last:
        yield start, start.astimezone(zone)
        start += HALF_HOUR


@every_zone
def test_each_day_of_a_year_has_its_periods_numbered_from_1(zone: ZoneInfo) -> None:
    walk = half_hours(date(2021, 1, 1), date(2021, 12, 31), zone)
    seen = {}
    for day, group in groupby(walk, key=lambda half_hour: half_hour[1].date()):
        starts = [start for start, _ in group]
        assert settlement.day_start(day, zone) == starts[0]
        assert {settlement.reference_date(start, zone) for start in starts} == {day}
        assert [settlement.settlement_period(start, zone) for start in starts] == list(range(1, len(starts) + 1))
        assert settlement.periods(day, zone) == len(starts)
        seen[day] = len(starts)
    assert list(seen) == list(settlement.days(date(2021, 1, 1), date(2021, 12, 31)))
    assert {day: periods for day, periods in seen.items() if periods != 48} == UNUSUAL_DAYS_OF_2021[zone]


@every_zone
def test_the_day_table_holds_what_the_functions_say(zone: ZoneInfo) -> None:
    table = settlement.day_table(date(2021, 1, 1), date(2021, 12, 31), zone)
    assert table.schema == pa.schema(
        {"reference_date": pa.date32(), "day_start": pa.timestamp("us", tz="UTC"), "periods": pa.int16()}
    )
    days = list(settlement.days(date(2021, 1, 1), date(2021, 12, 31)))
    assert table.column("reference_date").to_pylist() == days
    assert table.column("day_start").to_pylist() == [settlement.day_start(day, zone) for day in days]
    assert table.column("periods").to_pylist() == [settlement.periods(day, zone) for day in days]


def test_a_day_that_the_calendar_skipped_has_no_periods() -> None:
    assert settlement.periods(date(2011, 12, 30), APIA) == 0
    assert settlement.day_table(date(2011, 12, 29), date(2011, 12, 31), APIA).column("periods").to_pylist() == [
        48,
        0,
        48,
    ]


@pytest.mark.parametrize(
    ("zone", "label", "expected"),
    [
        (LONDON, "2021-01-01 12:00", ["2021-01-01 12:00Z"]),
        (LONDON, "2021-07-01 12:00", ["2021-07-01 11:00Z"]),
        (LONDON, "2021-03-28 01:30", []),
        (LONDON, "2021-10-31 00:30", ["2021-10-30 23:30Z"]),
        (LONDON, "2021-10-31 01:30", ["2021-10-31 00:30Z", "2021-10-31 01:30Z"]),
        (LONDON, "2021-10-31 02:00", ["2021-10-31 02:00Z"]),
        (LORD_HOWE, "2021-10-03 02:00", []),
        (LORD_HOWE, "2021-10-03 02:30", ["2021-10-02 15:30Z"]),
        (LORD_HOWE, "2021-04-04 01:30", ["2021-04-03 14:30Z", "2021-04-03 15:00Z"]),
        (BEIRUT, "2021-03-28 00:00", []),
        (BEIRUT, "2021-03-28 01:00", ["2021-03-27 22:00Z"]),
        (KOLKATA, "2021-03-28 01:00", ["2021-03-27 19:30Z"]),
    ],
)
def test_a_label_denotes_no_instant_or_one_or_two(zone: ZoneInfo, label: str, expected: list[str]) -> None:
    instants = settlement.instants(datetime.fromisoformat(label), zone)
    assert instants == [datetime.fromisoformat(instant) for instant in expected]
    assert all(instant.tzinfo is UTC for instant in instants)


@every_zone
def test_the_labels_that_denote_no_or_two_instants_are_as_many_as_the_clocks_moved(zone: ZoneInfo) -> None:
    year = [datetime.fromisoformat("2021-01-01") + k * HALF_HOUR for k in range(365 * 48)]
    meanings = Counter(len(settlement.instants(label, zone)) for label in year)
    unusual = UNUSUAL_DAYS_OF_2021[zone].values()
    assert meanings[0] == sum(48 - periods for periods in unusual if periods < 48)
    assert meanings[2] == sum(periods - 48 for periods in unusual if periods > 48)
    assert set(meanings) <= {0, 1, 2}


@pytest.mark.parametrize("label", ["0001-01-01 00:00", "9999-12-31 23:30"])
@pytest.mark.parametrize("zone", [LONDON, SYDNEY, HAVANA], ids=str)
def test_a_label_at_the_ends_of_time_is_no_error(zone: ZoneInfo, label: str) -> None:
    assert len(settlement.instants(datetime.fromisoformat(label), zone)) <= 1


zones = st.sampled_from([*UNUSUAL_DAYS_OF_2021, APIA, KATHMANDU, ZoneInfo("Africa/Casablanca"), ZoneInfo("UTC")])
moments = st.datetimes(
    datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2037-12-31"), timezones=st.just(UTC)
)


@given(zone=zones, moment=moments)
def test_every_instant_is_found_again_by_its_label_and_by_its_day_and_period(zone: ZoneInfo, moment: datetime) -> None:
    assert moment in settlement.instants(settlement.local_label(moment, zone), zone)
    day = settlement.reference_date(moment, zone)
    start = settlement.day_start(day, zone) + (settlement.settlement_period(moment, zone) - 1) * HALF_HOUR
    assert start <= moment < start + HALF_HOUR
    assert 1 <= settlement.settlement_period(moment, zone) <= settlement.periods(day, zone)


@given(zone=zones, day=st.dates(date(2000, 1, 1), date(2037, 12, 31)), length=st.integers(0, 5))
def test_days_follow_on_from_each_other(zone: ZoneInfo, day: date, length: int) -> None:
    last = day + length * DAY
    table = settlement.day_table(day, last, zone).to_pylist()
    assert [row["reference_date"] for row in table] == list(settlement.days(day, last))
    for row, following in pairwise(table):
        assert row["day_start"] + row["periods"] * HALF_HOUR == following["day_start"]


def test_no_days_lie_between_a_day_and_the_one_before() -> None:
    assert list(settlement.days(date(2021, 1, 2), date(2021, 1, 1))) == []
    assert settlement.day_table(date(2021, 1, 2), date(2021, 1, 1), LONDON).num_rows == 0


@pytest.mark.parametrize(
    ("zone", "since", "until", "expected"),
    [
        ("Europe/London", "2021-10-30T22:00", "2021-10-31T04:00", "2021-10-31T01:00"),
        ("Europe/London", "2021-10-31T00:59", "2021-10-31T01:00", "2021-10-31T01:00"),
        ("Europe/London", "2021-10-31T01:00", "2021-10-31T07:00", None),
        ("Europe/London", "2021-10-30T12:00", "2021-10-31T00:59", None),
        ("Europe/London", "2021-03-27T22:00", "2021-03-28T04:00", None),  # put forward
        ("Australia/Lord_Howe", "2021-04-03T12:00", "2021-04-03T18:00", "2021-04-03T15:00"),
        ("America/Havana", "2021-11-07T00:00", "2021-11-07T12:00", "2021-11-07T05:00"),
        ("Asia/Kolkata", "2021-10-30T22:00", "2021-10-31T04:00", None),
    ],
)
def test_the_moment_is_found_at_which_clocks_are_put_back(
    zone: str, since: str, until: str, expected: str | None
) -> None:
    found = settlement.clocks_put_back(
        *(datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (since, until)), ZoneInfo(zone)
    )
    assert found == (datetime.fromisoformat(expected).replace(tzinfo=UTC) if expected else None)
