"""The day that has not ended has tables too, marked as such, and is built once more when it has ended."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from meter_platform.errors import SettingsError
from meter_platform.orchestration.automation.sensors import new_files_sensor
from meter_platform.orchestration.partitions import reference_dates
from meter_platform.orchestration.run import check_dates
from meter_platform.settings import Settings
from meter_platform.status import report
from meter_platform.warehouse.finished import unfinished
from meter_platform_tests.databases import empty
from meter_platform_tests.market import Market, dagster_on_postgres, day_of
from meter_platform_tests.metrics.scraped import scraped


@pytest.fixture(scope="module")
def zone() -> ZoneInfo:
    """One in which it is about noon, whenever the tests run."""
    ahead = 12 - datetime.now(UTC).hour
    return ZoneInfo(f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT")


@pytest.fixture(scope="module")
def market(home: Path, zone: ZoneInfo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """Of a home that has sent all of yesterday, and today's half hours up to 06:00."""
    today = datetime.now(zone).date()
    settings = Settings(home=home, timezone=zone.key, first_reference_date=today - timedelta(days=2), running_date=True)
    with dagster_on_postgres(home) as dagster:
        market = Market(settings, tmp_path_factory.mktemp("market"), dagster)
        empty(market.database)
        yesterday = today - timedelta(days=1)
        market.deliver("yesterday.json", day_of("home-1", f"{yesterday}", "1", zone))
        market.run(f"{yesterday}")
        market.deliver("morning.json", day_of("home-1", f"{today}", "0.5", zone)[:12])
        market.carry_out(requested(market))
        yield market


def requested(market: Market) -> list[dg.RunRequest]:
    return list(market.tick().run_requests or [])


def today_of(market: Market) -> str:
    return f"{market.settings.clock_date()}"


@pytest.mark.parametrize(
    ("running", "wanted", "seconds"), [(False, None, 30), (True, None, 15), (False, 5, 5), (True, 60, 60)]
)
def test_the_sensor_looks_more_often_where_readings_come_all_day_and_as_often_as_is_wanted(
    *, running: bool, wanted: int | None, seconds: int
) -> None:
    settings = Settings(running_date=running, scan_seconds=wanted)
    assert new_files_sensor(settings, reference_dates(settings)).minimum_interval_seconds == seconds


def test_readings_of_today_are_in_every_table(market: Market) -> None:
    today = today_of(market)
    for table, rows in {
        "half_hourly_consumption": 12,
        "daily_product_consumption": 1,
        "meterpoint_completeness": 1,
        "active_agreements": 1,
    }.items():
        found = market.rows(f"SELECT count(*) FROM analytics.{table} WHERE reference_date = %s", today)  # noqa: S608 - ours
        assert found == [(rows,)], table
    assert unfinished_dates(market) == {}


@pytest.mark.whole
def test_more_of_it_is_asked_for_as_it_comes(market: Market, zone: ZoneInfo) -> None:
    today = today_of(market)
    market.deliver("noon.json", day_of("home-1", today, "0.5", zone)[12:14])

    (request,) = requested(market)
    market.carry_out([request])

    assert request.partition_key == today
    assert market.rows(
        "SELECT sum(total_consumption_kwh) FROM analytics.half_hourly_consumption WHERE reference_date = %s", today
    ) == [(7,)]
    assert requested(market) == []


def test_it_is_marked_wherever_it_is_shown(market: Market) -> None:
    today = today_of(market)
    yesterday = f"{market.settings.clock_date() - timedelta(days=1)}"

    fetched = market.dagster.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey("half_hourly_consumption"), asset_partitions=[today]), limit=1
    )
    (event,) = (record.asset_materialization for record in fetched.records)
    assert event
    assert "has not ended" in str(event.metadata["running"].value)
    said = list(report(market.settings))
    assert any(line.startswith(f"Running    {today} has not ended") for line in said)
    assert any(
        line.startswith(f"Stored     1 reference dates, {yesterday} to {yesterday} (1 days old), 48 kWh")
        for line in said
    )
    metrics = scraped(market.settings)
    assert metrics["meter_running_date_rows"] >= 12
    assert metrics["meter_newest_reference_date_consumption_kwh"] == 48
    assert metrics["meter_completeness_ratio"] == 1


def test_only_what_can_have_come_is_missing(market: Market, zone: ZoneInfo) -> None:
    over = (datetime.now(zone).hour * 60 + datetime.now(zone).minute) // 30
    ((received,),) = market.rows(
        "SELECT received_readings FROM analytics.meterpoint_completeness WHERE reference_date = %s", today_of(market)
    )

    evaluation = market.run_checks(dg.AssetSelection.checks_for_assets("meterpoint_completeness"))[
        "meterpoint_completeness.completeness"
    ]

    missing = int(re.findall(r"(\d+) missing", evaluation.description or "")[0])
    assert missing in {over - received, over + 1 - received}


def test_todays_readings_do_not_make_yesterdays_come(market: Market) -> None:
    evaluation = market.run_checks(dg.AssetSelection.checks_for_assets("raw_meter_readings"))[
        "raw_meter_readings.data_age"
    ]

    assert evaluation.metadata["newest_reference_date"].value == f"{market.settings.clock_date() - timedelta(days=1)}"


@pytest.mark.whole
def test_once_the_day_has_ended_it_is_built_with_the_agreements_that_it_has_then(market: Market) -> None:
    yesterday = market.settings.clock_date() - timedelta(days=1)
    # What is noted where a table was stored while its day ran.
    market.change(
        "UPDATE raw_data.partition_versions SET loaded_at = %s WHERE reference_date = %s AND table_name = 'raw_agreements'",
        datetime.now(market.settings.zone).replace(hour=0, minute=0, second=0) - timedelta(hours=1),
        yesterday,
    )
    assert unfinished_dates(market) == {yesterday: {"raw_agreements": "taken before the day had ended"}}

    (request,) = requested(market)
    market.carry_out([request])

    assert request.partition_key == f"{yesterday}"
    assert request.asset_selection is None, "every table"
    assert unfinished_dates(market) == {}


def test_without_the_setting_today_has_no_partition(market: Market) -> None:
    without = market.settings.replace(running_date=False)
    today = market.settings.clock_date()

    assert reference_dates(market.settings).get_last_partition_key() == f"{today}"
    assert reference_dates(without).get_last_partition_key() == f"{today - timedelta(days=1)}"
    check_dates(market.settings, today, today)
    with pytest.raises(SettingsError, match="is not over yet"):
        check_dates(without, today, today)
    with pytest.raises(SettingsError, match="has not begun yet"):
        check_dates(market.settings, today, today + timedelta(days=1))


def unfinished_dates(market: Market) -> dict[object, dict[str, str]]:
    with market.database.connect() as connection:
        return {each.day: dict(each.tables) for each in unfinished(connection, market.settings)}
