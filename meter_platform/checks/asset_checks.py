"""All checks as one Dagster step: it runs after the assets of a run, for the checks of those assets."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final

import dagster as dg
import psycopg

from meter_platform import calendar
from meter_platform.assets import policies
from meter_platform.checks import analytics, contract, raw_data
from meter_platform.checks.finding import Inspection
from meter_platform.settings import Settings
from meter_platform.storage.database import open_database

PARTITION_TAG: Final = "dagster/partition"
RANGE_START_TAG: Final = "dagster/asset_partition_range_start"
RANGE_END_TAG: Final = "dagster/asset_partition_range_end"

_FAILED_RUNS: Final = 200
"""Failed runs that are looked back at, newest first."""

CHECKS: Final = (*raw_data.CHECKS, *analytics.CHECKS, *contract.CHECKS)


def asset_checks(
    settings: Settings, partitions_def: dg.PartitionsDefinition[str], assets: Sequence[dg.AssetKey]
) -> dg.AssetChecksDefinition:
    """Every check. Started without a partition (in the UI), they look at all dates that are stored."""
    by_key = {check.spec.key: check for check in CHECKS}

    @dg.multi_asset_check(
        name="checks",
        specs=[check.spec for check in CHECKS],
        can_subset=True,
        retry_policy=policies.RETRIES,
        description="Is what is stored whole, consistent, plausible and recent?",
    )
    def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        def failed_partitions() -> Mapping[str, Sequence[str]]:
            return _failed_partitions(context.instance, partitions_def, assets)

        with open_database(settings).connect() as connection:
            dates = _dates(context.run.tags) or _stored_dates(connection)
            inspection = Inspection(connection, dates, settings, failed_partitions)
            for key in sorted(context.selected_asset_check_keys):
                check = by_key[key]
                yield check.evaluate(inspection).result(check)

    return checks


def _dates(tags: Mapping[str, str]) -> list[date]:
    if PARTITION_TAG in tags:
        return [date.fromisoformat(tags[PARTITION_TAG])]
    if RANGE_START_TAG in tags:
        return list(calendar.days(date.fromisoformat(tags[RANGE_START_TAG]), date.fromisoformat(tags[RANGE_END_TAG])))
    return []


def _stored_dates(connection: psycopg.Connection[Any]) -> list[date]:
    rows = connection.execute(
        "SELECT reference_date FROM analytics.half_hourly_consumption "
        "UNION SELECT reference_date FROM raw_data.raw_agreements ORDER BY 1"
    )
    return [day for (day,) in rows]


def _failed_partitions(
    instance: dg.DagsterInstance, partitions_def: dg.PartitionsDefinition[str], assets: Sequence[dg.AssetKey]
) -> dict[str, list[str]]:
    """Partitions that a run failed on and no later run mended.

    Dagster takes a tenth of a second for the status of one asset, so that only the partitions of failed runs are asked
    about: mostly there are none.
    """
    records = instance.get_run_records(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]), limit=_FAILED_RUNS
    )
    valid = set(partitions_def.get_partition_keys())
    keys = sorted({day.isoformat() for record in records for day in _dates(record.dagster_run.tags)} & valid)
    if not keys:
        return {}
    failed = {}
    for asset in assets:
        statuses = instance.get_status_by_partition(asset, keys, partitions_def) or {}
        failed[asset.to_user_string()] = [
            key for key in keys if (status := statuses.get(key)) and status.value == "FAILED"
        ]
    return failed
