"""The assets of the schema `analytics`: one rule each, computed in Postgres, and how its table follows changes."""

from functools import partial

import dagster as dg
import ibis

from meter_platform import settlement
from meter_platform.orchestration.assets import policies
from meter_platform.orchestration.computed import OfEachMeterpoint, Sums
from meter_platform.orchestration.partitions import dates_of
from meter_platform.rules import agreements, completeness, consumption
from meter_platform.rules.days import day_values
from meter_platform.settings import Settings
from meter_platform.warehouse import tables


def analytics_assets(settings: Settings, partitions_def: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """The analytics tables as assets."""
    shared = policies.SharedPolicies(settings, partitions_def)

    def days(context: dg.AssetExecutionContext) -> ibis.Table:
        dates = dates_of(context.partition_keys)
        return day_values(settlement.day_table(dates[0], dates[-1], settings.zone))

    @shared.asset_in(tables.ACTIVE_AGREEMENTS, kinds={"postgres", "ibis"})
    def active_agreements(raw_agreements: ibis.Table, raw_products: ibis.Table) -> ibis.Table:
        return agreements.active_agreements(raw_agreements, raw_products)

    @shared.asset_in(tables.HALF_HOURLY_CONSUMPTION, kinds={"postgres", "ibis"})
    def half_hourly_consumption(
        context: dg.AssetExecutionContext, raw_meter_readings: ibis.Table, active_agreements: ibis.Table
    ) -> Sums:
        return Sums(
            partial(consumption.half_hourly_consumption, active=active_agreements, days=days(context)),
            raw_meter_readings,
            tables.RAW_METER_READINGS.name,
            (*Sums.columns, "reading_count", "import_consumption_kwh"),
        )

    @shared.asset_in(tables.METERPOINT_COMPLETENESS, kinds={"postgres", "ibis"})
    def meterpoint_completeness(
        context: dg.AssetExecutionContext,
        raw_meter_readings: ibis.Table,
        rejected_readings: ibis.Table,
        raw_meterpoints: ibis.Table,
    ) -> OfEachMeterpoint:
        return OfEachMeterpoint(
            partial(completeness.meterpoint_completeness, days=days(context)),
            (raw_meter_readings, rejected_readings, raw_meterpoints),
        )

    @shared.asset_in(tables.DAILY_PRODUCT_CONSUMPTION, kinds={"postgres", "ibis"})
    def daily_product_consumption(meterpoint_completeness: ibis.Table, active_agreements: ibis.Table) -> Sums:
        return Sums(
            partial(consumption.daily_product_consumption, active=active_agreements),
            meterpoint_completeness,
            tables.METERPOINT_COMPLETENESS.name,
        )

    @shared.asset_in(tables.UNATTRIBUTED_CONSUMPTION, kinds={"postgres", "ibis"})
    def unattributed_consumption(
        meterpoint_completeness: ibis.Table, raw_agreements: ibis.Table, active_agreements: ibis.Table
    ) -> OfEachMeterpoint:
        return OfEachMeterpoint(
            consumption.unattributed_consumption, (meterpoint_completeness, raw_agreements, active_agreements)
        )

    return [
        active_agreements,
        half_hourly_consumption,
        daily_product_consumption,
        unattributed_consumption,
        meterpoint_completeness,
    ]
