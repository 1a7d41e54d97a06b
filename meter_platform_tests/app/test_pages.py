"""Every page on a small database, with its numbers: a clock change, gaps, rejected and corrected rows, a broken file."""

from datetime import date
from decimal import Decimal

import pytest
from streamlit.testing.v1 import AppTest

from meter_platform.settings import Settings
from meter_platform.warehouse.database import open_database
from meter_platform.warehouse.reader import READINGS
from meter_platform_tests.app.conftest import RunPage

ALL = {"from": "2021-10-30", "to": "2021-11-01"}
PAGES = ("overview", "consumption", "products", "agreements", "quality", "tables", "sql")


def metrics(app: AppTest) -> dict[str, str]:
    """What stands in the boxes at the top of a page."""
    return {metric.label: metric.value for metric in app.metric}


def test_overview_shows_totals_age_and_what_needs_attention(small: Settings, run_page: RunPage) -> None:
    app = run_page(small, "overview", **ALL)
    assert metrics(app) == {
        "Newest date": "2021-11-01",
        "Readings": "2,900",
        "Energy (kWh)": "452.125",
        "Completeness": "97.67 %",
        "Quarantined files": "1",
    }
    lines = [link.label for link in app.get("page_link")]
    assert lines == [
        "1 file quarantined.",
        "Readings are loaded but not computed for 2021-11-02.",
        "68 readings are missing (97.67 % of those expected have come).",
        "2 rows were rejected.",
        "15 kWh (3.32 %) belong to no product.",
    ]
    by_day = app.dataframe[0].value
    assert by_day["reference_date"].tolist() == [date(2021, 11, 1), date(2021, 10, 31), date(2021, 10, 30)]
    assert by_day["total_kwh"].tolist() == [Decimal("145.750"), Decimal("159.375"), Decimal("147.000")]
    assert by_day["half_hours"].tolist() == [47, 50, 48]


def test_consumption_keeps_the_repeated_hour_apart(small: Settings, run_page: RunPage) -> None:
    app = run_page(small, "consumption", **{"from": "2021-10-31", "to": "2021-10-31"})
    assert metrics(app) == {
        "Energy (kWh)": "159.375",
        "Highest half hour": "6.25 kWh",
        "Half hours": "50",
        "Most meterpoints": "20",
    }
    rows = app.dataframe[0].value
    # Shown from the newest: settlement periods 3 to 6 are the hour that occurs twice.
    repeated = rows.iloc[::-1].iloc[2:6]
    assert repeated["datetime"].tolist() == [
        "2021-10-31 01:00 BST",
        "2021-10-31 01:30 BST",
        "2021-10-31 01:00 GMT",
        "2021-10-31 01:30 GMT",
    ]
    assert repeated["total_kwh"].tolist() == [Decimal("0.375"), Decimal("0.5"), Decimal("0.625"), Decimal("0.75")]


def test_consumption_says_which_half_hours_are_missing(small: Settings, run_page: RunPage) -> None:
    app = run_page(small, "consumption", **{"from": "2021-11-01", "to": "2021-11-01"})
    half_hours = next(metric for metric in app.metric if metric.label == "Half hours")
    assert (half_hours.value, half_hours.delta) == ("47", "1 without readings")


def test_products_add_up_with_unattributed_energy(small: Settings, run_page: RunPage) -> None:
    app = run_page(small, "products", **ALL)
    assert metrics(app) == {"Energy of products": "437.125 kWh", "Unattributed": "15 kWh", "Products": "3"}
    table = app.dataframe[-1].value.set_index("product")
    assert table["total_kwh"].to_dict() == {
        "Basic": Decimal("313.5"),
        "Flexible": Decimal(120),
        "Unattributed: ended": Decimal(15),
        "Outgoing Fix": Decimal("3.625"),
    }
    assert table["price"].dropna().to_dict() == {"Basic": "fixed", "Flexible": "variable", "Outgoing Fix": "fixed"}
    # 313.5 kWh of 12 meterpoints on 3 days; 120 kWh of 6.
    assert table["kwh_per_meterpoint_day"]["Basic"] == Decimal("8.708")
    assert table["kwh_per_meterpoint_day"]["Flexible"] == Decimal("6.667")
    prices = app.dataframe[0].value.set_index("price")["total_kwh"].to_dict()
    assert prices == {"fixed": Decimal("317.125"), "variable": Decimal(120), "unattributed": Decimal(15)}
    switches = app.dataframe[1].value[["from_product", "to_product", "switch_count"]].to_numpy().tolist()
    assert switches == [["Basic", "Basic", 1], ["Flexible", "Basic", 1]]


def test_agreements_on_a_date_their_changes_and_what_is_unattributed(small: Settings, run_page: RunPage) -> None:
    app = run_page(small, "agreements", **ALL)
    assert metrics(app) == {
        "Active on 2021-11-01": "19",
        "Activations and endings": "2 and 2",
        "Unattributed energy": "15 kWh",
    }
    active, changes, unattributed = (table.value for table in app.dataframe)
    assert active[["product", "region", "agreement_count"]].to_numpy().tolist() == [
        ["Basic", "London", 10],
        ["Basic", "Wales", 2],
        ["Flexible", "Wales", 6],
        ["Outgoing Fix", "Wales", 1],
    ]
    assert changes.to_numpy().tolist() == [
        [date(2021, 10, 31), "activation", 2],
        [date(2021, 10, 31), "ending", 2],
    ]
    assert unattributed["total_kwh"].tolist() == [Decimal(5)] * 3
    assert set(unattributed["product"]) == {"agreement ended"}


def test_quality_shows_gaps_rejections_corrections_and_files(small: Settings, run_page: RunPage) -> None:
    app = run_page(small, "quality", **ALL)
    assert metrics(app) == {
        "Completeness": "97.67 %",
        "Rejected rows": "3",
        "Corrected readings": "2",
        "Quarantined files": "1",
    }
    completeness, rejected, superseded, files = (table.value for table in app.dataframe)
    assert completeness["received"].tolist() == [940, 1000, 912]
    assert completeness["silent_meterpoints"].tolist() == [0, 0, 1]
    assert rejected[["reason", "url", "row_count"]].to_numpy().tolist() == [
        ["negative", "file:///in/a.json", 2],
        ["no_time", "file:///in/a.json", 1],
    ]
    assert superseded[["url", "replaced_by_url", "row_count"]].to_numpy().tolist() == [
        ["file:///in/a.json", "file:///in/b.json", 2]
    ]
    assert files.set_index("url")["outcome"].to_dict() == {
        "file:///in/broken.json": "malformed",
        "file:///in/b.json": "read",
        "file:///in/a.json": "read",
    }


def test_tables_turn_pages_and_explain_columns(small: Settings, run_page: RunPage) -> None:
    app = run_page(small, "tables", **ALL, table="raw_data.raw_meter_readings")
    schema, rows = (table.value for table in app.dataframe)
    assert schema.set_index("Column").loc["consumption_delta", ["Type", "Unit", "Rules"]].tolist() == [
        "numeric",
        "kWh",
        "at least 0; at most 24",
    ]
    assert len(rows) == 200
    assert rows.iloc[0]["meterpoint_id"] == "m01"
    seen = rows[["meterpoint_id", "interval_start"]].to_numpy().tolist()
    for _ in range(3):
        next(button for button in app.button if button.label == "Next").click().run()
        seen += app.dataframe[1].value[["meterpoint_id", "interval_start"]].to_numpy().tolist()
    assert len(seen) == 720  # 3 dates of 5 meterpoints and 48 half hours: each once, none twice
    assert len({tuple(row) for row in seen}) == 720
    next(button for button in app.button if button.label == "Back").click().run()
    assert app.dataframe[1].value[["meterpoint_id", "interval_start"]].to_numpy().tolist() == seen[400:600]
    assert app.query_params["table"] == "raw_data.raw_meter_readings"


def test_sql_runs_what_is_typed(small: Settings, run_page: RunPage) -> None:
    app = run_page(small, "sql", **ALL)
    app.text_area(key="sql_text").set_value("SELECT sum(total_consumption_kwh) AS kwh FROM half_hourly_consumption")
    app.button(key="sql_run").click().run()
    assert app.dataframe[0].value["kwh"].tolist() == [Decimal("452.125")]
    assert any(text.value.startswith("**1 row** in **") for text in app.markdown)


def test_sql_shows_postgres_message_and_place(small: Settings, run_page: RunPage) -> None:
    app = run_page(small, "sql", **ALL)
    app.text_area(key="sql_text").set_value("SELECT 1,\n  kwhh FROM half_hourly_consumption")
    app.button(key="sql_run").click().run()
    assert app.text[0].value == 'column "kwhh" does not exist'
    assert app.code[0].value == "line 2:   kwhh FROM half_hourly_consumption\n          ^"


def test_sql_shows_a_plan_without_running(small: Settings, run_page: RunPage) -> None:
    app = run_page(small, "sql", **ALL)
    app.text_area(key="sql_text").set_value(
        "SELECT 1 / (settlement_period - settlement_period) FROM half_hourly_consumption"
    )
    app.button(key="sql_plan").click().run()
    assert not app.error
    assert "Seq Scan on half_hourly_consumption" in app.code[0].value


@pytest.mark.parametrize(
    "typed",
    [
        "'![pixel](http://127.0.0.1:9/p.png) [x](http://127.0.0.1:9/) $$x^2$$ :red[hi]'",
        "'<script>alert(1)</script>'",
    ],
)
def test_an_error_is_shown_letter_by_letter(small: Settings, run_page: RunPage, typed: str) -> None:
    app = run_page(small, "sql", **ALL)
    app.text_area(key="sql_text").set_value(f"SELECT {typed}::int")
    app.button(key="sql_run").click().run()
    assert app.text[0].value == f'invalid input syntax for type integer: "{typed[1:-1]}"'
    for element in [*app.error, *app.markdown, *app.caption]:
        assert typed[1:-1] not in element.value


@pytest.mark.parametrize("typed", ["SELECT 1 AS plan", "SELECT NULL::text AS plan FROM generate_series(1, 2)"])
def test_a_column_called_plan_is_a_column(small: Settings, run_page: RunPage, typed: str) -> None:
    app = run_page(small, "sql", **ALL)
    app.text_area(key="sql_text").set_value(typed)
    app.button(key="sql_run").click().run()
    assert not app.exception
    assert app.dataframe[0].value.columns.tolist() == ["plan"]


def test_dates_stay_when_the_page_changes_and_go_into_the_url(small: Settings, run_page: RunPage) -> None:
    app = run_page(small, "overview", **{"from": "2021-10-31"})
    assert app.query_params["from"] == app.query_params["to"] == "2021-10-31"
    app.date_input[0].set_value((date(2021, 10, 30), date(2021, 10, 31))).run()
    assert metrics(app)["Energy (kWh)"] == "306.375"
    assert (app.query_params["from"], app.query_params["to"]) == ("2021-10-30", "2021-10-31")
    app.switch_page("views/consumption.py").run()
    assert metrics(app)["Energy (kWh)"] == "306.375"


def test_dates_of_an_url_that_are_none_are_ignored(small: Settings, run_page: RunPage) -> None:
    app = run_page(small, "overview", **{"from": "yesterday", "to": "'; DROP TABLE x"})
    assert app.query_params["from"] == "2021-10-30"


@pytest.mark.parametrize("name", PAGES)
def test_an_empty_database_is_explained(nothing: Settings, run_page: RunPage, name: str) -> None:
    app = run_page(nothing, name)
    assert len(app.info) == 1
    assert app.info[0].value.startswith("Nothing is stored yet. `meter-platform demo` loads the generated sample")


@pytest.mark.parametrize("name", PAGES[:6])
def test_dates_without_data_are_explained(small: Settings, run_page: RunPage, name: str) -> None:
    app = run_page(small, name, **{"from": "2022-05-01", "to": "2022-05-02"})
    assert any("2022-05-0" in info.value for info in app.info)


@pytest.mark.parametrize("name", PAGES)
def test_no_page_leads_to_a_stack_trace_without_a_server(small: Settings, run_page: RunPage, name: str) -> None:
    gone = Settings(home=small.home, postgres_url="postgresql://nobody@/gone?host=/nonexistent")
    app = run_page(gone, name)
    assert "cannot be used" in app.text[0].value
    assert len(app.error) == 1


@pytest.mark.parametrize("page", ["tables", "sql"])
def test_readings_that_are_in_the_lake_alone_are_never_taken_for_none(
    small: Settings, run_page: RunPage, page: str
) -> None:
    def said() -> list[str]:
        app = run_page(small, page, **ALL, table=READINGS, sql="TABLE raw_data.raw_meter_readings")
        return [info.value for info in app.info]

    assert not said()
    with open_database(small).connect() as connection:
        connection.execute("INSERT INTO raw_data.dates_put_away VALUES ('2021-10-31', 1, 0, 4, 1, now())")
    try:
        (sentence,) = said()
    finally:
        with open_database(small).connect() as connection:
            connection.execute("DELETE FROM raw_data.dates_put_away")
    assert sentence.startswith("The readings of 2021-10-31 are put away: they are in the lake alone")
    assert "`meter-platform lake take-out --from 2021-10-31 --to 2021-10-31`" in sentence
