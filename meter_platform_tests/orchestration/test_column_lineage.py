"""Column lineage is read off the expressions: it follows renames, joins, sums and windows, and nothing that only filters."""

import dagster as dg
import ibis
import pytest

from meter_platform.orchestration.column_lineage import (
    column_lineage,
    lineage_metadata,
    snapshot_lineage,
    sources_of,
)
from meter_platform.rules import agreements, consumption
from meter_platform.warehouse import tables


def unbound(table: tables.Table) -> ibis.Table:
    return ibis.table(ibis.Schema.from_pyarrow(table.arrow_schema), name=table.name)


@pytest.fixture
def homes() -> ibis.Table:
    return ibis.table({"home": "string", "day": "date", "kwh": "decimal(38, 3)"}, name="homes")


@pytest.fixture
def names() -> ibis.Table:
    return ibis.table({"home": "string", "called": "string"}, name="names")


def test_a_sum_of_a_joined_and_renamed_column(homes: ibis.Table, names: ibis.Table) -> None:
    joined = homes.filter(homes.day.notnull()).inner_join(names, "home")
    result = joined.group_by(who=joined.called).agg(energy=joined.kwh.sum(), homes=joined.count(), one=ibis.literal(1))

    assert sources_of(result) == {
        "who": {("names", "called")},
        "energy": {("homes", "kwh")},
        "homes": frozenset(),
        "one": frozenset(),
    }


def test_what_two_columns_are_computed_from_comes_from_both(homes: ibis.Table, names: ibis.Table) -> None:
    result = homes.left_join(names, "home").select(label=homes.home + names.called.fill_null("nobody"))

    assert sources_of(result)["label"] == {("homes", "home"), ("names", "called")}


def test_rows_of_either_table(homes: ibis.Table) -> None:
    other = ibis.table({"home": "string"}, name="others")
    assert sources_of(homes.select("home").union(other)) == {"home": {("homes", "home"), ("others", "home")}}


def test_the_rules_as_dagster_shows_them() -> None:
    active = agreements.active_agreements(unbound(tables.RAW_AGREEMENTS), unbound(tables.RAW_PRODUCTS))
    products = consumption.daily_product_consumption(
        unbound(tables.METERPOINT_COMPLETENESS), unbound(tables.ACTIVE_AGREEMENTS)
    )

    of_active = column_lineage(active, [column.name for column in tables.ACTIVE_AGREEMENTS.columns]).deps_by_column
    of_products = column_lineage(products, [c.name for c in tables.DAILY_PRODUCT_CONSUMPTION.columns]).deps_by_column

    assert of_active["is_export"] == [dg.TableColumnDep(dg.AssetKey("raw_products"), "display_name")]
    assert of_active["loaded_at"] == []
    assert of_products["total_consumption_kwh"] == [
        dg.TableColumnDep(dg.AssetKey("meterpoint_completeness"), "total_consumption_kwh")
    ]
    assert of_products["product_display_name"] == [dg.TableColumnDep(dg.AssetKey("active_agreements"), "display_name")]


def test_a_snapshots_columns_are_those_of_the_reference_database_that_have_their_names() -> None:
    found = snapshot_lineage(tables.RAW_PRODUCTS).deps_by_column

    assert found["display_name"] == [dg.TableColumnDep(dg.AssetKey(["reference_database", "product"]), "display_name")]
    assert (found["reference_date"], found["loaded_at"]) == ([], [])
    assert list(found) == [column.name for column in tables.RAW_PRODUCTS.columns]


def test_people_are_shown_a_table_of_it() -> None:
    lineage = dg.TableColumnLineage(
        {
            "kwh": [dg.TableColumnDep(dg.AssetKey("homes"), "kwh"), dg.TableColumnDep(dg.AssetKey("roofs"), "kwh")],
            "loaded_at": [],
        }
    )

    shown = lineage_metadata(lineage)

    assert shown["dagster/column_lineage"] == lineage
    assert shown["columns_derive_from"].value.splitlines() == [
        "| column | derives from |",
        "|---|---|",
        "| kwh | homes.kwh |",
        "|   | roofs.kwh |",
        "| loaded_at | (no column) |",
    ]
