"""The models on a small market, compared with values worked out by hand: one run of dbt for three dates."""

from datetime import date
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import dagster as dg
import pytest

from meter_platform.lake.lake import Lake
from meter_platform.lake.put_away import put_away
from meter_platform.lake.stores import LakeStore
from meter_platform.orchestration.partitions import reference_dates
from meter_platform.warehouse import put_away as notes
from meter_platform.warehouse.finished import unfinished
from meter_platform.warehouse.models import with_models
from meter_platform_tests.market import Market, evaluations
from meter_platform_tests.places import ROOT
from meter_platform_tests.transformations.conftest import FRIDAY, SATURDAY, THURSDAY, TINY

pytestmark = [
    pytest.mark.whole,
    pytest.mark.skipif(find_spec("dagster_dbt") is None, reason="the extra `dbt` is not installed"),
]

MODELS = {"consumption_by_region", "load_profile_by_product", "product_switches", "product_month_to_date"}


@pytest.fixture(scope="module")
def run(market: Market) -> dg.ExecuteInProcessResult:
    """Everything for three dates, in one run."""
    return market.run(THURSDAY, SATURDAY)


def test_every_test_of_dbt_is_a_check_that_was_evaluated_and_passed(run: dg.ExecuteInProcessResult) -> None:
    found = evaluations(run)

    assert {name: each.passed for name, each in found.items() if name.partition(".")[0] in MODELS} == {
        "consumption_by_region.regions_add_up_to_half_hours": True,
        "load_profile_by_product.day_kind_is_known": True,
        "load_profile_by_product.profiles_add_up_to_products": True,
        "product_month_to_date.months_grow_by_their_newest_day": True,
        "product_switches.kind_is_known": True,
        "product_switches.one_row_for_each_change": True,
    }


def test_consumption_by_region(run: dg.ExecuteInProcessResult, market: Market) -> None:
    assert run.success
    stranger = 48 * Decimal(TINY)
    london = ("London", 2, Decimal("19.2"), Decimal("19.2"), Decimal(0))

    def midlands(attributed: str, unattributed: str) -> tuple[str, int, Decimal, Decimal, Decimal]:
        return ("Midlands", 1, Decimal("9.6"), Decimal(attributed), Decimal(unattributed))

    unknown = ("unknown", 1, stranger, Decimal(0), stranger)
    assert market.rows(
        "SELECT reference_date::text, region, meterpoint_count, total_consumption_kwh, attributed_consumption_kwh, "
        "unattributed_consumption_kwh FROM analytics_models.consumption_by_region ORDER BY 1, 2"
    ) == [
        *((THURSDAY, *row) for row in (london, midlands("9.6", "0"), unknown)),
        *((FRIDAY, *row) for row in (london, midlands("0", "9.6"), unknown)),
        *((SATURDAY, *row) for row in (london, midlands("0", "9.6"), unknown)),
    ]


def test_regions_and_unattributed_energy_add_up_to_the_half_hours(
    run: dg.ExecuteInProcessResult, market: Market
) -> None:
    assert run.success
    # 4.8 + 9.6 + 14.4 kWh, and the stranger's 48 readings of twenty decimals.
    expected = Decimal("28.80000000000000000048")
    (regions,) = market.rows(
        "SELECT sum(kwh) FROM (SELECT sum(attributed_consumption_kwh) AS kwh FROM analytics_models.consumption_by_region "
        "WHERE reference_date = %s UNION ALL SELECT sum(total_consumption_kwh) FROM analytics.unattributed_consumption "
        "WHERE reference_date = %s) AS both_kinds",
        FRIDAY,
        FRIDAY,
    )
    (half_hours,) = market.rows(
        "SELECT sum(total_consumption_kwh) FROM analytics.half_hourly_consumption WHERE reference_date = %s", FRIDAY
    )

    assert regions == half_hours == (expected,)


def test_load_profiles_of_weekdays_and_weekends(run: dg.ExecuteInProcessResult, market: Market) -> None:
    assert run.success
    found = market.rows(
        "SELECT reference_date::text, product_display_name, day_kind, is_export, count(*), min(local_time)::text, "
        "max(local_time)::text, min(meterpoint_count), max(meterpoint_count), min(total_consumption_kwh), "
        "max(total_consumption_kwh) FROM analytics_models.load_profile_by_product GROUP BY 1, 2, 3, 4 ORDER BY 1, 2"
    )

    def profile(count: int, kwh: str) -> tuple[object, ...]:
        """The same energy in each of 48 half hours, the first at midnight in London, the last half an hour before it."""
        return (48, "00:00:00", "23:30:00", count, count, Decimal(kwh), Decimal(kwh))

    assert found == [
        (THURSDAY, "Flexible", "weekday", False, *profile(2, "0.3")),
        (THURSDAY, "Outgoing Fixed", "weekday", True, *profile(1, "0.3")),
        (FRIDAY, "Flexible", "weekday", False, *profile(1, "0.1")),
        (FRIDAY, "Outgoing Fixed", "weekday", True, *profile(1, "0.3")),
        (SATURDAY, "Fixed", "weekend", False, *profile(1, "0.1")),
        (SATURDAY, "Outgoing Fixed", "weekend", True, *profile(1, "0.3")),
    ]


def test_product_switches(run: dg.ExecuteInProcessResult, market: Market) -> None:
    assert run.success
    assert market.rows(
        "SELECT reference_date::text, previous_product_display_name, product_display_name, kind, meterpoint_count "
        "FROM analytics_models.product_switches ORDER BY 1"
    ) == [(FRIDAY, "Flexible", None, "left", 1), (SATURDAY, "Flexible", "Fixed", "switched", 1)]


def test_month_to_date(run: dg.ExecuteInProcessResult, market: Market) -> None:
    assert run.success
    assert market.rows(
        "SELECT reference_date::text, product_display_name, day_count, total_consumption_kwh "
        "FROM analytics_models.product_month_to_date ORDER BY 1, 2"
    ) == [
        (THURSDAY, "Flexible", 1, Decimal("14.4")),
        (THURSDAY, "Outgoing Fixed", 1, Decimal("14.4")),
        (FRIDAY, "Flexible", 2, Decimal("19.2")),
        (FRIDAY, "Outgoing Fixed", 2, Decimal("28.8")),
        (SATURDAY, "Fixed", 1, Decimal("4.8")),
        (SATURDAY, "Flexible", 2, Decimal("19.2")),
        (SATURDAY, "Outgoing Fixed", 3, Decimal("43.2")),
    ]


def test_every_model_is_materialised_for_every_date_with_its_rows(run: dg.ExecuteInProcessResult) -> None:
    found = {
        (event.asset_key.to_user_string(), event.partition): event.event_specific_data.materialization.metadata
        for event in run.get_asset_materialization_events()
        if event.asset_key and event.asset_key.to_user_string() in MODELS
    }

    assert {name for name, _ in found} == MODELS
    assert {day for _, day in found} == {THURSDAY, FRIDAY, SATURDAY}
    assert found["consumption_by_region", FRIDAY]["dagster/partition_row_count"].value == 3
    assert found["product_switches", THURSDAY]["dagster/partition_row_count"].value == 0


def test_no_model_has_a_column_that_names_a_meterpoint_an_account_or_an_agreement(
    run: dg.ExecuteInProcessResult, market: Market
) -> None:
    assert run.success
    columns = market.rows(
        "SELECT DISTINCT column_name FROM information_schema.columns WHERE table_schema = 'analytics_models'"
    )

    assert columns
    assert [name for (name,) in columns if name.endswith("_id")] == []


def test_columns_are_commented_and_energy_is_of_no_fixed_precision(
    run: dg.ExecuteInProcessResult, market: Market
) -> None:
    assert run.success
    columns = market.rows(
        "SELECT attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum) FROM pg_attribute "
        "JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'analytics_models'::regnamespace "
        "AND relkind = 'r' AND attnum > 0"
    )

    assert [name for name, _, comment in columns if not comment] == []
    assert {kind for name, kind, _ in columns if name.endswith("_kwh")} == {"numeric"}


def test_every_date_is_finished_with_its_models(run: dg.ExecuteInProcessResult, market: Market) -> None:
    assert run.success
    with market.database.connect() as connection:
        assert with_models(connection, unfinished(connection, market.settings)) == []


def test_lineage_leads_from_readings_to_models(market: Market) -> None:
    graph = market.defs.resolve_asset_graph()

    def above(name: str) -> set[str]:
        return {key.to_user_string() for key in graph.get(dg.AssetKey(name)).parent_keys}

    assert above("load_profile_by_product") == {"raw_meter_readings", "active_agreements"}
    assert above("product_switches") == {"raw_agreements", "raw_products"}
    assert above("consumption_by_region") == {"meterpoint_completeness", "raw_meterpoints", "unattributed_consumption"}
    assert above("product_month_to_date") == {"daily_product_consumption"}


def test_models_have_what_every_asset_has(market: Market) -> None:
    specs = {spec.key.to_user_string(): spec for spec in market.defs.resolve_all_asset_specs()}
    stored = specs["half_hourly_consumption"]

    for name in MODELS:
        model = specs[name]
        assert model.group_name == "analytics_models"
        assert model.metadata["dagster/table_name"] == f"analytics_models.{name}"
        assert model.metadata["partition_expr"] == "reference_date"
        assert (model.owners, model.partitions_def, model.freshness_policy) == (
            stored.owners,
            stored.partitions_def,
            stored.freshness_policy,
        )
        assert {"domain": "metering", "market": "europe-london"}.items() <= model.tags.items()
        assert model.kinds == {"dbt", "postgres"}
        columns = model.metadata["dagster/column_schema"].columns
        assert all(column.description and column.type for column in columns)


def test_one_model_is_built_of_readings_in_the_lake_alone_and_the_others_stay_finished(
    run: dg.ExecuteInProcessResult, market: Market, tmp_path: Path
) -> None:
    from meter_platform.orchestration.assets.models import model_assets  # noqa: PLC0415 - needs the extra

    assert run.success
    lake = Lake(LakeStore(str(tmp_path / "lake")))
    lake.catch_up(market.database)
    days = [date.fromisoformat(day) for day in (THURSDAY, FRIDAY, SATURDAY)]
    assert put_away(market.database, lake, days) == days
    settings = market.settings.replace(lake_url=str(tmp_path / "lake"), storage="lake")
    before = market.rows("SELECT * FROM analytics_models.load_profile_by_product ORDER BY 1, 2, 3")
    built = model_assets(settings, reference_dates(settings), ROOT / "transformations")
    one = dg.AssetSelection.assets("load_profile_by_product")  # as `dagster asset materialize --select` has it
    assert dg.materialize([built], selection=one, partition_key=FRIDAY, instance=market.dagster).success
    after = market.rows("SELECT * FROM analytics_models.load_profile_by_product ORDER BY 1, 2, 3")
    assert [row[:-1] for row in after] == [row[:-1] for row in before]
    with market.database.connect() as connection:
        assert [note.day for note in notes.found(connection)] == [days[0], days[2]]
        noted = connection.execute("SELECT DISTINCT table_name FROM raw_data.partition_versions").fetchall()
    assert {name for (name,) in noted} >= MODELS
