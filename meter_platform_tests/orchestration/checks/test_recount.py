"""What was touched is recounted at once, and the whole date at night."""

from datetime import UTC, date, datetime, timedelta
from itertools import count

import dagster as dg
import pytest

from meter_platform.feeds.files import ReadingFolder
from meter_platform.ingestion.load import ReadingsLoad
from meter_platform.ingestion.publish import InPlace
from meter_platform.orchestration.checks.asset_checks import CHECKS
from meter_platform.orchestration.checks.recount import Recount, waiting
from meter_platform.settings import Settings
from meter_platform.warehouse.database import open_database
from meter_platform_tests.databases import empty
from meter_platform_tests.market import OLD, Agreement, Market, day_of, evaluations

DAY = "2021-01-02"
DATE = date(2021, 1, 2)
AFTER_READINGS = [
    "raw_meter_readings",
    "half_hourly_consumption",
    "meterpoint_completeness",
    "daily_product_consumption",
    "unattributed_consumption",
]
ALWAYS = InPlace(most=1_000, least=0)
IMPROBABLE = "raw_meter_readings.improbable_values"
ACCOUNTED = "raw_meter_readings.rows_accounted_for"
CONSERVED = "half_hourly_consumption.readings_conserved"
CORRECTIONS = count(1)

pytestmark = [pytest.mark.whole, pytest.mark.usefixtures("every_date_is_large")]


@pytest.fixture(scope="module")
def market(market_settings: Settings, instance: dg.DagsterInstance, tmp_path_factory: pytest.TempPathFactory) -> Market:
    """A day of two homes, loaded and recounted."""
    empty(open_database(market_settings))
    market = Market(market_settings, tmp_path_factory.mktemp("market"), instance)
    market.refresh([Agreement(1, "home-1"), Agreement(2, "home-2")])
    for home in ("home-1", "home-2"):
        market.deliver(f"{home}.json", day_of(home, DAY, "0.5"))
    assert market.run(DAY).success
    return market


def correct(market: Market, kwh: str) -> None:
    """A half hour of home-1 is corrected, in place, by a file that is newer than those before it."""
    number = next(CORRECTIONS)
    late = OLD + timedelta(days=number)
    market.deliver(f"late-{number}.json", [("home-1", f"{DAY} 12:00:00", kwh)], written=late)
    folder = ReadingFolder(str(market.readings))
    ReadingsLoad(market.settings, folder, log=lambda _: None, in_place=ALWAYS).store(market.database, [DATE])


def how(market: Market) -> str:
    with market.database.connect() as connection:
        recount = Recount.of(connection, [DATE], everything=False)
    return "whole" if recount.whole else "touched"


def spoil(market: Market, home: str, kwh: str) -> None:
    """Somebody changes a stored reading by hand."""
    changed = market.change(
        "UPDATE raw_data.raw_meter_readings SET consumption_delta = %s "
        "WHERE meterpoint_id = %s AND interval_start = '2021-01-02 06:00Z'",
        kwh,
        home,
    )
    assert changed == 1


def test_a_fault_is_found_at_once_where_readings_were_touched_and_at_night_anywhere(market: Market) -> None:
    assert how(market) == "whole", "nothing has changed since it was recounted: whoever runs it by hand wants it all"

    correct(market, "0.75")
    assert how(market) == "whole", "its completeness is not up to date"
    found = evaluations(market.run(DAY, assets=AFTER_READINGS))
    assert {name for name in (IMPROBABLE, ACCOUNTED, CONSERVED) if not found[name].passed} == set()

    # By hand where nothing was touched: at night it is found.
    spoil(market, "home-2", "12")
    correct(market, "0.875")
    found = evaluations(market.run(DAY, assets=AFTER_READINGS))
    assert found[IMPROBABLE].passed
    assert found[CONSERVED].passed
    with market.database.connect() as connection:
        assert waiting(connection, set()) == [DATE]
        assert waiting(connection, {DATE}) == []
    schedule = market.defs.resolve_schedule_def("recount_every_night")
    tonight = datetime(2021, 1, 3, 3, 40, tzinfo=UTC)
    context = dg.build_schedule_context(
        instance=market.dagster, scheduled_execution_time=tonight, repository_def=market.defs.get_repository_def()
    )
    (request,) = schedule.evaluate_tick(context).run_requests or ()
    assert request.run_key == "2021-01-03"
    night = market.defs.resolve_job_def("recount").execute_in_process(
        instance=market.dagster, run_config={"loggers": {"console": {}}}
    )
    found = evaluations(night)
    assert {name for name in (IMPROBABLE, ACCOUNTED, CONSERVED) if not found[name].passed} == {IMPROBABLE, CONSERVED}
    assert market.rows("SELECT count(*) FROM raw_data.changes_in_place") == [(0,)], "everything has followed"
    (skipped,) = (schedule.evaluate_tick(context),)
    assert not skipped.run_requests
    assert "every reading was recounted" in (skipped.skip_message or "")

    # What failed stays failed until the date is recounted whole, also where what was touched is right.
    spoil(market, "home-2", "0.5")
    correct(market, "0.5")
    found = evaluations(market.run(DAY, assets=AFTER_READINGS))
    assert not found[CONSERVED].passed
    market.defs.resolve_job_def("recount").execute_in_process(
        instance=market.dagster, run_config={"loggers": {"console": {}}}
    )
    assert market.rows("SELECT check_name FROM raw_data.failing_checks WHERE check_name = %s", CONSERVED) == []

    # By hand where readings were touched: at once.
    correct(market, "0.625")
    assert market.run(DAY, assets=["meterpoint_completeness", "half_hourly_consumption"]).success
    spoil(market, "home-1", "12.5")
    assert how(market) == "touched"
    found = evaluations(market.run(DAY, assets=["daily_product_consumption", "raw_meter_readings"]))
    assert not found[IMPROBABLE].passed


def test_a_date_counts_as_recounted_only_where_every_check_of_readings_was_evaluated(market: Market) -> None:
    correct(market, "0.125")
    some = [check for check in CHECKS if check.name == "improbable_values"]
    with market.database.connect(autocommit=True) as connection:
        recount = Recount.of(connection, [DATE], everything=True)
        recount.note(connection, some, CHECKS)
        assert waiting(connection, set()) == [DATE]
        recount.note(connection, CHECKS, CHECKS)
        assert waiting(connection, set()) == []
