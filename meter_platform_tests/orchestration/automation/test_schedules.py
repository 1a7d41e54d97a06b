"""The morning's run: when it comes, and for which date."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from meter_platform.orchestration.composition import build_defs
from meter_platform.settings import Settings
from meter_platform_tests.market import LONDON, Market, day_of


def morning(settings: Settings, at: datetime) -> dg.RunRequest | dg.SkipReason:
    """What the schedule says at a time."""
    schedule = build_defs(settings).resolve_schedule_def("every_morning")
    found = schedule(dg.build_schedule_context(scheduled_execution_time=at))
    assert isinstance(found, dg.RunRequest | dg.SkipReason)
    return found


def test_it_comes_at_half_past_eight_in_the_market_without_being_switched_on(settings: Settings) -> None:
    schedule = build_defs(settings).resolve_schedule_def("every_morning")

    assert schedule.cron_schedule == "30 8 * * *"
    assert schedule.execution_timezone == "Europe/London"
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert schedule.job_name == "all_tables"


@pytest.mark.parametrize(
    ("today", "yesterday"),
    [
        ("2021-01-02", "2021-01-01"),
        ("2021-03-01", "2021-02-28"),
        ("2021-03-28", "2021-03-27"),  # the clocks go forward
        ("2021-03-29", "2021-03-28"),
        ("2021-10-31", "2021-10-30"),  # and back
        ("2021-11-01", "2021-10-31"),
        ("2022-01-01", "2021-12-31"),
    ],
)
def test_it_asks_for_yesterday_also_when_the_clocks_change(settings: Settings, today: str, yesterday: str) -> None:
    at = datetime.combine(date.fromisoformat(today), datetime.min.time(), LONDON).replace(hour=8, minute=30)

    for spelling in (at, at.astimezone(UTC)):
        found = morning(settings, spelling)
        assert isinstance(found, dg.RunRequest)
        assert (found.partition_key, found.run_key) == (yesterday, yesterday)


def test_yesterday_is_the_markets(home_settings_sydney: Settings) -> None:
    at = datetime(2021, 6, 1, 8, 30, tzinfo=ZoneInfo("Australia/Sydney"))

    found = morning(home_settings_sydney, at.astimezone(UTC))  # there it is still the evening of 31 May

    assert isinstance(found, dg.RunRequest)
    assert found.partition_key == "2021-05-31"


@pytest.fixture
def home_settings_sydney(settings: Settings) -> Settings:
    """The same for another market."""
    return Settings(home=settings.home, timezone="Australia/Sydney")


def test_before_the_first_reference_date_is_over_there_is_nothing_to_ask_for(settings: Settings) -> None:
    found = morning(settings, datetime(2021, 1, 1, 8, 30, tzinfo=LONDON))

    assert isinstance(found, dg.SkipReason)
    assert found.skip_message == "2020-12-31 is before the first reference date, 2021-01-01"


@pytest.mark.whole
def test_the_run_it_asks_for_materialises_every_table(market: Market) -> None:
    yesterday = (datetime.now(LONDON).date() - timedelta(days=1)).isoformat()
    market.deliver("one.json", day_of("home-1", yesterday, "0.5")[:2])
    schedule = market.defs.resolve_schedule_def("every_morning")
    at = datetime.now(LONDON).replace(hour=8, minute=30)
    context = dg.build_schedule_context(
        instance=market.dagster, scheduled_execution_time=at, repository_def=market.defs.get_repository_def()
    )

    (request,) = schedule.evaluate_tick(context).run_requests or ()
    (result,) = market.carry_out([request])

    assert result.success
    assert {key.to_user_string() for key in market.defs.resolve_all_asset_keys()} == {
        event.asset_key.to_user_string() for event in result.get_asset_materialization_events() if event.asset_key
    }
    assert market.rows("SELECT sum(total_consumption_kwh) FROM analytics.half_hourly_consumption") == [(Decimal(1),)]
