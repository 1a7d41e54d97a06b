"""All checks as Dagster runs them: which dates they look at, which of them run, and what is left failed."""

import threading
import time
from collections.abc import Iterator
from datetime import date

import dagster as dg
import pytest

from meter_platform import status
from meter_platform.orchestration.assets import policies
from meter_platform.orchestration.checks import standing
from meter_platform.orchestration.checks.asset_checks import CHECKS, evaluate
from meter_platform.orchestration.checks.finding import Inspection
from meter_platform.orchestration.checks.standing import Standing
from meter_platform.settings import Settings
from meter_platform.warehouse import tables
from meter_platform.warehouse.database import open_database
from meter_platform_tests.databases import empty
from meter_platform_tests.market import Agreement, Market, day_of, evaluations, failures

IMPROBABLE = "raw_meter_readings.improbable_values"
CONSERVED = "half_hourly_consumption.readings_conserved"
FINISHED = "raw_meter_readings.every_date_finished"


def only(*names: str) -> dg.AssetSelection:
    """Checks, named as asset.check."""
    pairs = [name.split(".") for name in names]
    return dg.AssetSelection.checks(*(dg.AssetCheckKey(dg.AssetKey(asset), check) for asset, check in pairs))


def failing_dates(found: dg.AssetCheckEvaluation) -> list[str]:
    if found.passed:
        return []
    shown = found.metadata["failing_dates"]
    assert isinstance(shown, dg.TableMetadataValue)
    return [str(record.data["reference_date"]) for record in shown.records]


@pytest.fixture(scope="module")
def market(market_settings: Settings, instance: dg.DagsterInstance, tmp_path_factory: pytest.TempPathFactory) -> Market:
    """Three days of a home, an improbable half hour on the second and on the third, which has raw readings only."""
    empty(open_database(market_settings))
    instance.wipe()
    market = Market(market_settings, tmp_path_factory.mktemp("market"), instance)
    market.deliver("one.json", [row for day in (1, 2, 3) for row in day_of("home-1", f"2021-01-0{day}", "0.5")])
    market.deliver("two.json", [("home-2", "2021-01-02 18:00:00", "12"), ("home-2", "2021-01-03 18:00:00", "13")])
    market.refresh([Agreement(1, "home-1"), Agreement(2, "home-2")])
    assert market.run("2021-01-01", "2021-01-02").success
    assert market.run("2021-01-03", assets=["raw_meter_readings"]).success
    return market


class TestDates:
    def test_a_run_looks_at_its_dates_and_at_those_that_failed_before(self, market: Market) -> None:
        assets = ["raw_meter_readings"]
        double = "UPDATE raw_data.raw_meter_readings SET consumption_delta = {} WHERE reference_date = '2021-01-01'"
        market.change(double.format("12"))

        assert failing_dates(evaluations(market.run("2021-01-02", assets=assets))[IMPROBABLE]) == [
            "2021-01-02",
            "2021-01-03",
        ], "nobody has looked at the first, and the last failed when it was run"
        found = evaluations(market.run("2021-01-01", assets=assets))[IMPROBABLE]
        assert failing_dates(found) == ["2021-01-01", "2021-01-02", "2021-01-03"]
        assert found.description == "50 improbable readings on 2021-01-01, 2021-01-02, 2021-01-03"
        market.change(double.format("0.5"))
        assert failing_dates(evaluations(market.run("2021-01-02", assets=assets))[IMPROBABLE]) == [
            "2021-01-02",
            "2021-01-03",
        ]

    def test_a_ranged_run_looks_at_the_dates_of_the_range(self, market: Market) -> None:
        found = evaluations(market.run("2021-01-01", "2021-01-02", assets=["meterpoint_completeness"]))

        assert failing_dates(found["meterpoint_completeness.completeness"]) == ["2021-01-01", "2021-01-02"]

    def test_without_a_partition_every_stored_date_is_looked_at(self, market: Market) -> None:
        found = market.run_checks()

        assert failing_dates(found[IMPROBABLE]) == ["2021-01-02", "2021-01-03"]
        # The third day has readings, but no half hours: as it is.
        assert failing_dates(found[CONSERVED]) == ["2021-01-03"]
        assert found["meterpoint_completeness.completeness"].metadata["failing_count"].value == 48 + 47


class TestDatesThatFailed:
    FORGED = (
        "UPDATE analytics.half_hourly_consumption SET total_consumption_kwh = {} WHERE reference_date = '2021-01-01'"
    )

    @pytest.fixture(autouse=True)
    def _forged(self, market: Market) -> Iterator[None]:
        market.run_checks(only(CONSERVED))  # nothing of one test is left to another
        market.change(self.FORGED.format("9"))
        yield
        market.change(self.FORGED.format("0.5"))

    def conserved(self, market: Market, day: str) -> dg.AssetCheckEvaluation:
        return evaluations(market.run(day, assets=["half_hourly_consumption"]))[CONSERVED]

    def test_a_run_of_another_date_does_not_turn_a_check_green_and_a_run_of_its_own_does(self, market: Market) -> None:
        assert "2021-01-01" in failing_dates(market.run_checks(only(CONSERVED))[CONSERVED])

        red = self.conserved(market, "2021-01-02")

        assert failing_dates(red) == ["2021-01-01", "2021-01-03"]
        assert red.severity is dg.AssetCheckSeverity.ERROR
        assert "2021-01-01: 48 readings with 24 kWh, but 48 with 432 kWh in half hours" in str(
            red.metadata["examples"].value
        ), "it was looked at again"
        (line,) = [line for line in status.report(market.settings) if line.startswith("Failed")]
        assert line == (
            f"Failed     {CONSERVED}: 2 dates whose half hours are not their readings (2 dates, 2021-01-01 to 2021-01-03)"
        )
        assert failing_dates(self.conserved(market, "2021-01-01")) == ["2021-01-03"]

    def test_dates_with_too_many_readings_to_look_at_again_stay_failed_with_what_was_found(
        self, market: Market, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        market.run_checks(only(CONSERVED))
        monkeypatch.setattr(standing, "AGAIN_READINGS", 0)
        market.change(self.FORGED.format("0.5"))  # mended by hand, which nobody sees

        red = self.conserved(market, "2021-01-02")

        assert failing_dates(red) == ["2021-01-01", "2021-01-03"]
        assert red.metadata["dates_failing_since_earlier_runs"].value == 2
        assert "2021-01-01: 1, as found when the date was last evaluated" in str(red.metadata["examples"].value)
        assert failing_dates(market.run_checks(only(CONSERVED))[CONSERVED]) == ["2021-01-03"], "executed by hand"

    def test_a_check_of_everything_says_how_it_is_now(self, market: Market) -> None:
        (found,) = market.run_checks(only("raw_meter_readings.data_age")).values()

        assert failing_dates(found) == ["2021-01-03"]
        assert market.rows("SELECT * FROM raw_data.failing_checks WHERE check_name LIKE '%%data_age'") == []


class TestSelection:
    def test_every_check_runs_with_the_whole_graph(self, market: Market) -> None:
        found = evaluations(market.run("2021-01-01"))

        assert set(found) == {f"{check.table.name}.{check.name}" for check in CHECKS}

    def test_every_asset_has_its_contract_checked(self) -> None:
        assert {check.table for check in CHECKS if check.name == "obeys_contract"} == set(tables.ASSET_TABLES)

    def test_a_run_of_some_assets_checks_those(self, market: Market) -> None:
        found = evaluations(market.run("2021-01-01", assets=["raw_products", "raw_agreements"]))

        assert set(found) == {
            "raw_products.obeys_contract",
            "raw_agreements.obeys_contract",
            "raw_agreements.agreements_overlap",
            "raw_agreements.agreements_inverted",
            "raw_agreements.agreement_orphans",
        }

    def test_one_check_can_be_executed_alone(self, market: Market) -> None:
        assert set(market.run_checks(only(IMPROBABLE))) == {IMPROBABLE}

    def test_each_says_how_severe_it_is_and_plots_a_number(self, market: Market) -> None:
        for name, found in market.run_checks().items():
            (check,) = [check for check in CHECKS if f"{check.table.name}.{check.name}" == name]
            assert found.severity is check.severity
            assert isinstance(found.metadata["failing_count"].value, int)
            assert ("failing_dates" in found.metadata) != found.passed
            assert "home-" not in repr(found)


class TestAlteredTables:
    def test_one_altered_table_fails_its_checks_and_the_others_still_look(self, market: Market) -> None:
        market.change("ALTER TABLE analytics.meterpoint_completeness RENAME COLUMN is_constant TO constant")
        try:
            found = market.run_checks()
        finally:
            market.change("ALTER TABLE analytics.meterpoint_completeness RENAME COLUMN constant TO is_constant")

        completeness = found["meterpoint_completeness.completeness"]
        assert not completeness.passed
        assert completeness.severity is dg.AssetCheckSeverity.ERROR
        assert completeness.metadata["examples"].value == '- column "is_constant" does not exist'
        assert not found["meterpoint_completeness.obeys_contract"].passed
        assert set(found) == {f"{check.table.name}.{check.name}" for check in CHECKS}
        assert found["raw_meter_readings.rows_accounted_for"].passed

    def test_a_look_holds_no_lock_once_it_has_seen_a_table(self, market: Market) -> None:
        assert market.run_checks()["raw_products.obeys_contract"].passed

        with market.database.connect() as connection:
            connection.execute("SET LOCAL lock_timeout = '2s'")
            connection.execute("LOCK TABLE raw_data.raw_meter_readings IN ACCESS EXCLUSIVE MODE")


@pytest.mark.whole
def test_every_date_of_a_failed_range_is_named(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "RETRIES", dg.RetryPolicy(max_retries=0))
    market.reference.rename(market.folder / "away.db")
    failed = Market(market.settings, market.folder, market.dagster)
    failed.reference.unlink()
    assert (
        "is not there"
        in failures(failed.run("2021-01-01", "2021-01-02", assets=["raw_meterpoints"]))["raw_meterpoints"]
    )
    (market.folder / "away.db").rename(market.reference)

    red = market.run_checks(only(FINISHED))[FINISHED]

    assert {"2021-01-01", "2021-01-02"} <= set(failing_dates(red))
    assert market.run("2021-01-02", assets=["raw_meterpoints", "meterpoint_completeness"]).success
    shown = str(market.run_checks(only(FINISHED))[FINISHED].metadata["examples"].value).splitlines()
    (first,) = [line for line in shown if line.startswith("- 2021-01-01: ")]
    assert "raw_meterpoints failed for a reason that may pass, and is tried again (The reference database" in first
    assert not [line for line in shown if line.startswith("- 2021-01-02: ") and "failed" in line]


def test_a_run_that_is_ended_does_not_wait_for_the_readings(market: Market) -> None:
    wanted = {"data_age", "rows_accounted_for", "improbable_values"}
    database = market.database
    with (
        database.connect() as someone,
        database.connect(autocommit=True) as connection,
        database.connect(autocommit=True) as other,
    ):
        other.execute("SET lock_timeout = '60s'")
        someone.execute("LOCK TABLE raw_data.raw_meter_readings IN ACCESS EXCLUSIVE MODE")
        quick, thorough = (Inspection(each, [date(2021, 1, 1)], market.settings, set) for each in (connection, other))
        results = evaluate(
            [check for check in CHECKS if check.name in wanted], quick, thorough, Standing(connection, {})
        )
        assert next(results).check_name == "data_age"
        while not someone.execute("SELECT FROM pg_locks WHERE NOT granted").rowcount:
            time.sleep(0.01)
        left = time.monotonic()
        results.close()

        assert time.monotonic() - left < 30, "it waited for the lock"
        assert [thread for thread in threading.enumerate() if thread.name.startswith("thorough")] == []
        assert not someone.execute("SELECT FROM pg_locks WHERE NOT granted").rowcount
