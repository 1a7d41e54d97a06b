"""The pages' numbers are those of the case study, to the last digit."""

import time
from decimal import Decimal

import pytest

from meter_platform.settings import Settings
from meter_platform_tests.app.conftest import RunPage
from meter_platform_tests.app.test_pages import metrics

pytestmark = pytest.mark.whole

# Active agreements, half hours, their kWh, products, their kWh, readings without an agreement, their kWh.
EXPECTED = {
    "2021-01-01": (94, 47, "1679.778", 16, "1594.879", 282, "84.899"),
    "2021-01-02": (94, 48, "1734.874", 16, "1666.667", 288, "68.207"),
    "2021-01-03": (94, 48, "1847.223", 16, "1760.972", 288, "86.251"),
}


@pytest.mark.parametrize("day", EXPECTED)
def test_a_day(case_study: Settings, run_page: RunPage, day: str) -> None:
    active, half_hours, kwh, products, product_kwh, readings, unattributed_kwh = EXPECTED[day]
    dates = {"from": day, "to": day}

    consumption = run_page(case_study, "consumption", **dates)
    assert metrics(consumption)["Half hours"] == str(half_hours)
    assert sum(consumption.dataframe[0].value["total_kwh"]) == Decimal(kwh)

    page = run_page(case_study, "products", **dates)
    table = page.dataframe[-1].value
    sold = table[table["kind"] == "product"]
    assert len(sold) == products
    assert sum(sold["total_kwh"]) == Decimal(product_kwh)
    assert sum(table["total_kwh"]) == Decimal(kwh)

    agreements = run_page(case_study, "agreements", **dates)
    assert metrics(agreements)[f"Active on {day}"] == str(active)
    assert sum(agreements.dataframe[-1].value["total_kwh"]) == Decimal(unattributed_kwh)

    sql = run_page(case_study, "sql", **dates)
    query = "SELECT sum(reading_count) AS n FROM unattributed_consumption WHERE reference_date = "
    sql.text_area(key="sql_text").set_value(f"{query}'{day}'")
    sql.button(key="sql_run").click().run()
    assert sql.dataframe[0].value["n"].tolist() == [readings]


def test_all_days(case_study: Settings, run_page: RunPage) -> None:
    app = run_page(case_study, "overview", **{"from": "2021-01-01", "to": "2021-01-03"})
    assert metrics(app)["Readings"] == "14,300"
    assert metrics(app)["Energy (kWh)"] == "5,261.875"
    assert metrics(app)["Completeness"] == "99.31 %"


def test_the_home_that_changes_product_is_counted_once(case_study: Settings, run_page: RunPage) -> None:
    app = run_page(case_study, "products", **{"from": "2021-01-01", "to": "2021-01-03"})
    switches = next(table.value for table in app.dataframe if "switch_count" in table.value.columns)
    assert switches.to_numpy().tolist() == [["Octopus 12M Fixed", "Flexible Octopus", 1]]


def test_the_missing_half_hour_is_missing_and_not_zero(case_study: Settings, run_page: RunPage) -> None:
    app = run_page(case_study, "consumption", **{"from": "2021-01-01", "to": "2021-01-01"})
    rows = app.dataframe[0].value
    assert rows.iloc[-1][["datetime", "settlement_period", "total_kwh"]].tolist() == [
        "2021-01-01 00:30 GMT",
        2,
        Decimal("32.289"),
    ]


@pytest.mark.parametrize("name", ["overview", "consumption", "products", "agreements", "quality", "tables", "sql"])
def test_every_page_is_quick(case_study: Settings, run_page: RunPage, name: str) -> None:
    app = run_page(case_study, name, **{"from": "2021-01-01", "to": "2021-01-03"})
    begun = time.perf_counter()
    app.run()
    assert time.perf_counter() - begun < 1
