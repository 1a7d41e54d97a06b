"""Checks of the figures."""

from decimal import Decimal

import pytest

from meter_platform.orchestration.checks import analytics
from meter_platform_tests.market import Agreement, Market, evaluations
from meter_platform_tests.orchestration.checks.conftest import (
    GOOD,
    MARKET,
    Look,
    everybody,
    examples,
    failing,
    is_green,
    number,
)

FIRST, SPRING, AUTUMN = GOOD


@pytest.mark.parametrize("check", analytics.CHECKS, ids=lambda check: check.name)
def test_good_days_are_green(look: Look, check: analytics.Check) -> None:
    assert is_green(look(f"{check.table.name}.{check.name}"))


class TestReadingsConserved:
    name = "half_hourly_consumption.readings_conserved"

    @pytest.mark.parametrize("column", ["total_consumption_kwh", "import_consumption_kwh", "export_consumption_kwh"])
    def test_a_watt_hour_more_or_less_is_red(self, look: Look, column: str) -> None:
        change = f"UPDATE analytics.half_hourly_consumption SET {column} = {column} + 0.001"  # noqa: S608 - a column's name
        assert look.change(f"{change} WHERE datetime = '2021-03-28 12:00Z'") == 1

        result = look(self.name)

        assert failing(result) == {"2021-03-28": 1}
        assert result.description == "1 dates whose half hours are not their readings on 2021-03-28"

    def test_the_figures_of_both_sides_are_shown(self, look: Look) -> None:
        look.change(
            "UPDATE analytics.half_hourly_consumption SET total_consumption_kwh = total_consumption_kwh + 0.001 "
            "WHERE datetime = '2021-03-28 12:00Z'"
        )

        # 46 half hours of 0.5 + 0.25 + 0.125 + 0.1 kWh.
        assert examples(look(self.name)) == [
            "2021-03-28: 184 readings with 44.85 kWh, but 184 with 44.851 kWh in half hours"
        ]

    def test_energy_that_moves_from_one_half_hour_into_a_lost_meterpoint_is_red(self, look: Look) -> None:
        look.change(
            "UPDATE analytics.half_hourly_consumption SET meterpoint_count = meterpoint_count - 1 "
            "WHERE datetime = '2021-03-28 12:00Z'"
        )

        assert failing(look(self.name)) == {"2021-03-28": 1}

    def test_a_missing_half_hour_is_red(self, look: Look) -> None:
        assert look.change("DELETE FROM analytics.half_hourly_consumption WHERE datetime = '2021-10-31 01:00Z'") == 1

        assert failing(look(self.name)) == {"2021-10-31": 1}

    def test_a_date_that_has_readings_only_is_red(self, look: Look) -> None:
        look.change("DELETE FROM analytics.half_hourly_consumption WHERE reference_date = '2021-03-27'")

        assert failing(look(self.name)) == {"2021-03-27": 1}

    def test_a_date_that_has_half_hours_only_is_red(self, look: Look) -> None:
        look.change("DELETE FROM raw_data.raw_meter_readings WHERE reference_date = '2021-03-27'")

        assert failing(look(self.name)) == {"2021-03-27": 1}


class TestConsumptionConserved:
    name = "daily_product_consumption.consumption_conserved"

    @pytest.mark.parametrize(
        "table", ["daily_product_consumption", "unattributed_consumption", "half_hourly_consumption"]
    )
    def test_a_watt_hour_more_or_less_is_red(self, look: Look, table: str) -> None:
        row = f"(SELECT ctid FROM analytics.{table} WHERE reference_date = '2021-03-27' LIMIT 1)"  # noqa: S608 - a table's name
        assert (
            look.change(
                f"UPDATE analytics.{table} SET total_consumption_kwh = total_consumption_kwh + 0.001 WHERE ctid = {row}"  # noqa: S608 - as above
            )
            == 1
        )

        assert failing(look(self.name)) == {"2021-03-27": 1}

    def test_the_figures_of_all_sides_are_shown(self, look: Look) -> None:
        look.change(
            "UPDATE analytics.daily_product_consumption SET total_consumption_kwh = total_consumption_kwh - 0.000000001 "
            "WHERE reference_date = '2021-03-27' AND product_display_name = 'Flexible'"
        )

        assert examples(look(self.name)) == [
            "2021-03-27: 41.999999999 kWh of products + 4.8 kWh unattributed, but 46.8 kWh in half hours"
        ]

    def test_a_lost_product_is_red(self, look: Look) -> None:
        look.change("DELETE FROM analytics.daily_product_consumption WHERE reference_date = '2021-10-31'")

        assert failing(look(self.name)) == {"2021-10-31": 1}

    def test_lost_half_hours_are_red(self, look: Look) -> None:
        look.change("DELETE FROM analytics.half_hourly_consumption WHERE reference_date = '2021-10-31'")

        assert failing(look(self.name)) == {"2021-10-31": 1}


class TestOrphanMeterpoints:
    name = "meterpoint_completeness.orphan_meterpoints"

    def test_readings_of_an_unknown_meterpoint_are_red(self, look: Look) -> None:
        assert look.change(
            "DELETE FROM raw_data.raw_meterpoints WHERE meterpoint_id = 'home-1' AND reference_date = '2021-10-31'"
        )

        result = look(self.name)

        assert failing(result) == {"2021-10-31": 1}
        assert number(result, "orphan_readings") == 50

    def test_a_meterpoint_that_is_known_on_another_date_only_is_red(self, look: Look) -> None:
        look.change("DELETE FROM raw_data.raw_meterpoints WHERE reference_date = '2021-03-27'")

        assert failing(look(self.name)) == {"2021-03-27": 4}


class TestCompleteness:
    name = "meterpoint_completeness.completeness"

    def test_the_day_has_46_48_or_50_half_hours(self, look: Look) -> None:
        expected = look.connection.execute(
            "SELECT DISTINCT reference_date, expected_readings, received_readings FROM analytics.meterpoint_completeness "
            "WHERE reference_date = ANY(%s) ORDER BY 1",
            [list(GOOD)],
        ).fetchall()

        assert expected == [(FIRST, 48, 48), (SPRING, 46, 46), (AUTUMN, 50, 50)]
        assert number(look(self.name), "received_percent") == 100

    def test_each_missing_half_hour_is_counted_on_its_date(self, look: Look) -> None:
        for day, missing in ((FIRST, 1), (SPRING, 2), (AUTUMN, 3)):
            look.change(
                "UPDATE analytics.meterpoint_completeness SET received_readings = received_readings - %s "
                "WHERE reference_date = %s AND meterpoint_id = 'home-1'",
                missing,
                day,
            )

        result = look(self.name)

        assert failing(result) == {"2021-03-27": 1, "2021-03-28": 2, "2021-10-31": 3}
        # 6 of 4 meterpoints' 144 half hours.
        assert number(result, "received_percent") == round(100 * 570 / 576, 3)

    def test_a_silent_meterpoint_is_said_so(self, look: Look) -> None:
        look.change(
            "UPDATE analytics.meterpoint_completeness SET received_readings = 0, is_constant = false "
            "WHERE reference_date = '2021-03-28' AND meterpoint_id IN ('home-1', 'home-2')"
        )

        result = look(self.name)

        assert failing(result) == {"2021-03-28": 92}
        assert examples(result) == ["2021-03-28: 2 meterpoints without a reading"]
        assert number(result, "silent_meterpoint_days") == 2

    def test_days_of_zeros_and_constant_days_are_counted_and_no_fault(self, look: Look) -> None:
        look.change(
            "UPDATE analytics.meterpoint_completeness SET zero_readings = received_readings, is_constant = false "
            "WHERE reference_date = '2021-03-28' AND meterpoint_id = 'home-1'"
        )

        result = look(self.name)

        assert is_green(result)
        assert number(result, "all_zero_meterpoint_days") == 1
        assert number(result, "constant_meterpoint_days") == 11


class TestFromTheSource:
    """Faults of the input, seen through a run."""

    def test_overlapping_agreements_double_nothing_and_are_named(self, own_market: Market) -> None:
        own_market.refresh([*MARKET, Agreement(77, "home-1", "P-FIX")])

        found = evaluations(own_market.run("2021-03-27"))

        overlap = found["raw_agreements.agreements_overlap"]
        assert not overlap.passed
        assert "agreements 1, 77" in str(overlap.metadata["examples"].value)
        assert "home-1" not in repr(overlap)
        assert found["half_hourly_consumption.readings_conserved"].passed
        assert found["daily_product_consumption.consumption_conserved"].passed
        assert own_market.rows(
            "SELECT product_display_name, meterpoint_count, total_consumption_kwh FROM analytics.daily_product_consumption "
            "WHERE reference_date = '2021-03-27' ORDER BY 1"
        ) == [("Fixed", 1, Decimal("12.00")), ("Outgoing Fixed", 1, Decimal("6.000"))]
        assert own_market.rows(
            "SELECT meterpoint_id, reason, total_consumption_kwh, reading_count FROM analytics.unattributed_consumption "
            "WHERE reference_date = '2021-03-27' ORDER BY 1"
        ) == [("home-1", "overlap", Decimal("24.0"), 48), ("lapsed-4", "ended", Decimal("4.8"), 48)]
        assert own_market.rows(
            "SELECT sum(total_consumption_kwh) FROM analytics.half_hourly_consumption WHERE reference_date = '2021-03-27'"
        ) == [(Decimal("46.800"),)]

    def test_half_hours_that_never_came_are_missed(self, own_market: Market) -> None:
        late = [row for row in everybody("2021-04-01") if not row[1].endswith("00:00:00")]
        own_market.deliver("2021-04-01.json", late)

        found = evaluations(own_market.run("2021-04-01"))["meterpoint_completeness.completeness"]

        assert not found.passed
        assert found.metadata["failing_count"].value == 4
        assert found.description == "4 missing half hours on 2021-04-01"
