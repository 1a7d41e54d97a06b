"""The assets of the schema `raw_data`: what the sources say, kept with its origin."""

from datetime import date
from functools import partial
from typing import Any

import dagster as dg

from meter_platform.ingestion.erased import SnapshotsWithoutErased
from meter_platform.ingestion.load import ReadingsLoad
from meter_platform.lake.lake import open_lake
from meter_platform.orchestration.assets import policies
from meter_platform.orchestration.column_lineage import lineage_metadata, snapshot_lineage
from meter_platform.orchestration.failures import permanent_failures
from meter_platform.orchestration.partitions import dates_of
from meter_platform.orchestration.sources import reading_folder, reference_database
from meter_platform.reference.database import SOURCE_TABLES, Snapshots
from meter_platform.reference.one_moment import OneMoment
from meter_platform.settings import Settings
from meter_platform.warehouse import tables
from meter_platform.warehouse.database import open_database
from meter_platform.warehouse.partitions import StoredRows
from meter_platform.warehouse.tables import Table


def raw_data_assets(settings: Settings, partitions_def: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """The raw tables as assets."""
    shared = policies.SharedPolicies(settings, partitions_def)

    @shared.asset_in(tables.RAW_METER_READINGS, kinds={"postgres", "json"})
    def raw_meter_readings(context: dg.AssetExecutionContext) -> ReadingsLoad:
        with permanent_failures():
            folder, lake = reading_folder(settings), open_lake(settings)
            return ReadingsLoad(settings, folder, log=context.log.info, lake=lake)

    moments = _Moments(settings)
    return [
        raw_meter_readings,
        *(_snapshot(table, settings, shared, moments) for table in SOURCE_TABLES),
        _kept_by_load(tables.REJECTED_READINGS, shared),
        _kept_by_load(tables.SUPERSEDED_READINGS, shared),
    ]


class _Moments:
    """The reference database as the steps of a run see it: at one moment, where they are in one process.

    Args:
        settings: of the platform.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._run: str | None = None
        self._moment: OneMoment | None = None

    def of(self, run: dg.DagsterRun, table: Table) -> OneMoment:
        """The moment of a run, from which a table can be read.

        Args:
            run: of whose assets each that is a snapshot will be asked for.
            table: that is asked for now.
        """
        if self._moment is None or self._run != run.run_id:
            if self._moment:
                self._moment.close()
            chosen = run.asset_selection
            together = [each for each in SOURCE_TABLES if chosen is None or dg.AssetKey(each.name) in chosen]
            # Steps in processes of their own cannot hand one another what they have read.
            wanted = [table] if self._settings.executor == "multiprocess" else together
            self._run, self._moment = run.run_id, OneMoment(reference_database(self._settings), wanted)
        return self._moment


def _snapshot(
    table: Table, settings: Settings, shared: policies.SharedPolicies, moments: _Moments
) -> dg.AssetsDefinition:
    """A table of the reference database, as the source has it when the date is loaded."""

    @shared.asset_in(table, kinds={"postgres", "sqlalchemy"}, freshness=policies.reference_freshness(settings))
    def snapshot(context: dg.AssetExecutionContext) -> SnapshotsWithoutErased:
        dates = dates_of(context.partition_keys)
        context.add_output_metadata(_snapshot_age(dates, settings.clock_date()))
        # What describes the table is on record once, not for each date of a year.
        context.add_asset_metadata(lineage_metadata(snapshot_lineage(table)), partition_key=dates[-1].isoformat())
        with permanent_failures():
            rows = Snapshots(moments.of(context.run, table).read(table), dates)
        return SnapshotsWithoutErased(rows, partial(open_database, settings), settings)

    return snapshot


def _snapshot_age(dates: list[date], today: date) -> dict[str, Any]:
    """Says so where a snapshot was taken long after its date: it shows the source of today, not of then."""
    latest = max((today - day).days for day in dates)
    facts: dict[str, Any] = {"snapshot_taken_on": today.isoformat(), "days_after_reference_date": latest}
    if latest > 1:
        facts["snapshot_note"] = (
            f"taken up to {latest} days after the reference date: it shows the source as it is now, not as it was then"
        )
    return facts


def _kept_by_load(table: Table, shared: policies.SharedPolicies) -> dg.AssetsDefinition:
    """A table that the load of readings fills on its way: the asset reports what is in it for the dates."""

    @shared.asset_in(
        table,
        kinds={"postgres"},
        deps=[tables.RAW_METER_READINGS.name],
        note="Filled by the load of raw_meter_readings.",
    )
    def kept() -> StoredRows:
        return StoredRows(table)

    return kept
