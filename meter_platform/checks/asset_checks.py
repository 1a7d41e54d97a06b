"""All checks as one Dagster step: it runs after the assets of a run, for the checks of those assets."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from typing import Any, Final

import dagster as dg
import psycopg

from meter_platform import calendar
from meter_platform.assets import policies
from meter_platform.checks import analytics, contract, raw_data
from meter_platform.checks.finding import Check, Finding, Inspection
from meter_platform.settings import Settings
from meter_platform.storage.database import open_database

PARTITION_TAG: Final = "dagster/partition"
RANGE_START_TAG: Final = "dagster/asset_partition_range_start"
RANGE_END_TAG: Final = "dagster/asset_partition_range_end"

_FAILED_RUNS: Final = 200
"""Failed runs, and cancelled ones, that are looked back at, newest first."""

_PAGE: Final = 500
"""Materialisations that Dagster is asked for at a time."""

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

        selected = [by_key[key] for key in sorted(context.selected_asset_check_keys)]
        database = open_database(settings)
        # Each statement on its own: a look holds no lock that a load's exchange would have to wait for.
        with (
            database.connect(autocommit=True) as connection,
            database.connect(autocommit=True) as other,
            # While Postgres goes through the readings, Dagster records what the quick looks found.
            ThreadPoolExecutor(1, "readings") as beside,
        ):
            dates = _dates(context.run.tags) or _stored_dates(connection)
            quick, thorough = (Inspection(each, dates, settings, failed_partitions) for each in (connection, other))
            pending = [beside.submit(_result, check, thorough) for check in selected if check.of_each_reading]
            for check in selected:
                if not check.of_each_reading:
                    yield _result(check, quick)
            for result in pending:
                yield result.result()

    return checks


def _result(check: Check, inspection: Inspection) -> dg.AssetCheckResult:
    """What a check found. One that meets a table altered beneath it fails, and the others still look."""
    try:
        return check.evaluate(inspection).result(check)
    except psycopg.ProgrammingError as error:
        why = error.diag.message_primary or type(error).__name__
        altered = Finding(failing={None: 1}, what="looks at a table that has been altered", examples=[why])
        return altered.result(replace(check, severity=dg.AssetCheckSeverity.ERROR))


def _dates(tags: Mapping[str, str]) -> list[date]:
    if PARTITION_TAG in tags:
        return [date.fromisoformat(tags[PARTITION_TAG])]
    if RANGE_START_TAG in tags:
        return list(calendar.days(date.fromisoformat(tags[RANGE_START_TAG]), date.fromisoformat(tags[RANGE_END_TAG])))
    return []


def _stored_dates(connection: psycopg.Connection[Any]) -> list[date]:
    rows = connection.execute(
        "SELECT reference_date FROM raw_data.source_file_dates WHERE loaded_at IS NOT NULL "
        "UNION SELECT reference_date FROM raw_data.raw_agreements "
        "UNION SELECT reference_date FROM analytics.half_hourly_consumption ORDER BY 1"
    )
    return [day for (day,) in rows]


def _failed_partitions(
    instance: dg.DagsterInstance, partitions_def: dg.PartitionsDefinition[str], assets: Sequence[dg.AssetKey]
) -> dict[str, list[str]]:
    """Partitions that a run failed on, or was cancelled before it came to them, and that no later run mended.

    Dagster takes a tenth of a second for the status of one asset, so that only the partitions of such runs are asked
    about: mostly there are none.
    """
    failed = _ended_runs(instance, dg.DagsterRunStatus.FAILURE)
    cancelled = _ended_runs(instance, dg.DagsterRunStatus.CANCELED)
    if not failed and not cancelled:
        return {}
    valid = set(partitions_def.get_partition_keys())
    failed_keys = sorted({key for record in failed for key in _keys(record, valid)})
    left = {}
    for asset in assets:
        keys = set(_cancelled_keys(instance, cancelled, asset, valid))
        if failed_keys:
            statuses = instance.get_status_by_partition(asset, failed_keys, partitions_def) or {}
            keys |= {key for key in failed_keys if (status := statuses.get(key)) and status.value == "FAILED"}
        left[asset.to_user_string()] = sorted(keys)
    return left


def _ended_runs(instance: dg.DagsterInstance, status: dg.DagsterRunStatus) -> Sequence[dg.RunRecord]:
    return instance.get_run_records(dg.RunsFilter(statuses=[status]), limit=_FAILED_RUNS)


def _keys(record: dg.RunRecord, valid: set[str]) -> set[str]:
    return {day.isoformat() for day in _dates(record.dagster_run.tags)} & valid


def _cancelled_keys(
    instance: dg.DagsterInstance, cancelled: Sequence[dg.RunRecord], asset: dg.AssetKey, valid: set[str]
) -> Iterator[str]:
    """Partitions of an asset that cancelled runs were to materialise, and that neither they nor a later run did.

    To Dagster they are not failed, but what is stored of them is as old, or as absent.
    """
    wanted: dict[str, float] = {}
    for record in cancelled:
        selected = record.dagster_run.asset_selection
        if selected is None or asset in selected:
            for key in _keys(record, valid):
                wanted[key] = max(wanted.get(key, 0.0), record.create_timestamp.timestamp())
    if not wanted:
        return
    newest: dict[str, float] = {}
    cursor = None
    more = True
    while more and len(newest) < len(wanted):
        found = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset, asset_partitions=sorted(wanted), after_timestamp=min(wanted.values())),
            limit=_PAGE,
            cursor=cursor,
        )
        for event in found.records:
            if event.partition_key:
                newest.setdefault(event.partition_key, event.timestamp)
        cursor, more = found.cursor, found.has_more
    yield from (key for key, since in wanted.items() if newest.get(key, 0.0) < since)
