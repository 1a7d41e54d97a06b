"""What is said of the columns of a table that has been materialised."""

import dagster as dg

from meter_platform.warehouse import tables
from meter_platform_tests.market import Agreement, Market, day_of


def test_every_materialisation_of_a_table_that_is_computed_or_copied_has_it(market: Market) -> None:
    market.refresh([Agreement(1, "1200012345678")])
    market.deliver("readings.json", day_of("1200012345678", "2021-01-02", "0.186"))
    market.run("2021-01-02", checks=False)

    def lineage(asset: str) -> dict[str, list[str]]:
        event = market.dagster.get_latest_materialization_event(dg.AssetKey(asset))
        assert event is not None
        assert event.asset_materialization is not None
        value = event.asset_materialization.metadata["dagster/column_lineage"].value
        assert isinstance(value, dg.TableColumnLineage)
        assert "columns_derive_from" in event.asset_materialization.metadata
        return {
            column: [f"{'.'.join(source.asset_key.path)}.{source.column_name}" for source in sources]
            for column, sources in value.deps_by_column.items()
        }

    computed = [table for table in tables.ASSET_TABLES if table.schema == "analytics"]
    copied = [tables.RAW_AGREEMENTS, tables.RAW_PRODUCTS, tables.RAW_METERPOINTS]
    assert {table.name: sorted(lineage(table.name)) for table in [*computed, *copied]} == {
        table.name: sorted(column.name for column in table.columns) for table in [*computed, *copied]
    }
    assert lineage("half_hourly_consumption")["total_consumption_kwh"] == ["raw_meter_readings.consumption_delta"]
    assert lineage("raw_agreements")["account_id"] == ["reference_database.agreement.account_id"]
