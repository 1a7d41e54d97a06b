"""Which partitions show old figures, or none, because the run that was to make them did not get so far.

What belongs here: what Dagster's record of runs and events says of that. What does not: the check that reports it
(`raw_data.py`).
"""

from collections.abc import Iterator, Sequence
from typing import Final

import dagster as dg

from meter_platform.partitions import dates_of_run

_FAILED_RUNS: Final = 200
"""Failed runs, and cancelled ones, that are looked back at, newest first."""

_PAGE: Final = 500
"""Materialisations that Dagster is asked for at a time."""


def failed_partitions(
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
    return {day.isoformat() for day in dates_of_run(record.dagster_run.tags)} & valid


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
