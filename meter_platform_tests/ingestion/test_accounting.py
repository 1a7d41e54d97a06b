"""Every half hour of every local day is stored once, and every row is accounted for, whatever clocks do."""

from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from meter_platform.sample.generate import generate
from meter_platform.sample.plan import SamplePlan
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database
from meter_platform_tests.ingestion.delivered import load

HALF_HOUR = timedelta(minutes=30)
FIRST, LAST = date(2021, 1, 1), date(2021, 12, 31)

UNUSUAL_DAYS = {
    "Europe/London": {date(2021, 3, 28): 46, date(2021, 10, 31): 50},
    "Australia/Sydney": {date(2021, 4, 4): 50, date(2021, 10, 3): 46},
    "Asia/Kolkata": {},
}
"""Half hours of the days of 2021 that do not have 48."""


@pytest.mark.parametrize(
    ("zone", "day"), [*((zone, day) for zone, days in UNUSUAL_DAYS.items() for day in days), ("Asia/Kolkata", LAST)]
)
def test_the_days_around_an_unusual_one_have_their_half_hours(
    database: Database, settings: Settings, tmp_path: Path, zone: str, day: date
) -> None:
    dates = [day + timedelta(days=number) for number in range(-2, 3)]
    assert_days_have_their_half_hours(database, settings.replace(timezone=zone), tmp_path, dates)


@pytest.mark.whole
@pytest.mark.parametrize("zone", UNUSUAL_DAYS)
def test_every_day_of_a_year_has_its_half_hours(
    database: Database, settings: Settings, tmp_path: Path, zone: str
) -> None:
    dates = [FIRST + timedelta(days=number) for number in range(365)]
    assert_days_have_their_half_hours(database, settings.replace(timezone=zone), tmp_path, dates)


def assert_days_have_their_half_hours(database: Database, settings: Settings, folder: Path, dates: list[date]) -> None:
    """Loads a sample of dates that follow each other, in the market's zone."""
    zone = ZoneInfo(settings.timezone)
    sample = generate(SamplePlan(meterpoints=1, first=dates[0], last=dates[-1], zone=zone), folder)
    report = load(database, settings, folder / "readings", dates)
    expected = {day: UNUSUAL_DAYS[settings.timezone].get(day, 48) for day in dates}
    assert report.rows_per_date == expected
    with database.connect() as connection:
        days = connection.execute(
            "SELECT reference_date, count(*), count(DISTINCT interval_start), min(interval_start), max(interval_start) "
            "FROM raw_data.raw_meter_readings GROUP BY reference_date ORDER BY reference_date"
        ).fetchall()
        (kwh,) = connection.execute("SELECT sum(consumption_delta) FROM raw_data.raw_meter_readings").fetchone() or ()
        (files,) = (
            connection.execute("SELECT count(*) FROM raw_data.source_files WHERE rows_pending = 0").fetchone() or ()
        )
    assert {day: count for day, count, *_ in days} == expected
    assert {day: distinct for day, _, distinct, *_ in days} == expected
    assert kwh == sample.kwh
    assert files == sample.files
    for day, count, _, first, last in days:
        assert first == datetime(day.year, day.month, day.day, tzinfo=zone)
        assert last - first == (count - 1) * HALF_HOUR
        assert last.astimezone(zone).strftime("%H:%M") == "23:30"
