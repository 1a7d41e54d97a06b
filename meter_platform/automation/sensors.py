"""The sensor on reading files: new or corrected files lead to runs of exactly the dates they touch.

What belongs here: which runs to ask for. What does not: reading files (`intake/discover.py`).
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Final

import dagster as dg

from meter_platform import tables
from meter_platform.intake.discover import Discovery, discover
from meter_platform.partitions import RANGE_END_TAG, RANGE_START_TAG
from meter_platform.settings import Settings
from meter_platform.sources.configured import reading_folder
from meter_platform.storage.database import Database, open_database

INTERVAL_SECONDS: Final = 30
"""A new file shows in analytics within a minute: half of it is this wait, the rest the run."""

LOOK_SECONDS: Final = 20.0
"""For reading new files in one tick; Dagster ends a tick after 60 seconds."""

MOST_RUNS: Final = 20
"""Runs asked for in one tick; the rest of a backlog comes with the next ones."""

MOST_DATES: Final = 366
"""Dates of one ranged run: a backlog of years is loaded a year at a time."""


def new_files_sensor(settings: Settings, partitions_def: dg.PartitionsDefinition[str]) -> dg.SensorDefinition:
    """Asks for a run of each date, or of each range of dates, that new files hold rows of.

    The cursor remembers for which versions of its files a date was asked for last, so that a corrected file leads to
    another run, and a run that failed is not repeated for ever: its dates stay visible as failed.
    """

    @dg.sensor(
        name="new_reading_files",
        target=dg.AssetSelection.all(),
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="New or corrected reading files lead to runs of exactly the reference dates they touch.",
    )
    def new_reading_files(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        database = open_database(settings)
        found = discover(database, settings, reading_folder(settings), seconds=LOOK_SECONDS)
        if found is None:
            return dg.SkipReason("another process is reading new files: this look comes again in a moment")
        partition_keys = set(partitions_def.get_partition_keys())
        pending = {day: digest for day, digest in found.pending.items() if day.isoformat() in partition_keys}
        asked: dict[str, str] = json.loads(context.cursor or "{}")
        new = [day for day, digest in pending.items() if asked.get(day.isoformat()) != digest]
        known = _dates_with_snapshot(database, new)
        requests: list[dg.RunRequest] = []
        for days in _ranges(new, known):
            if len(requests) == MOST_RUNS:
                break
            requests.append(_request(days, pending, with_snapshot=days[0] not in known))
            asked |= {day.isoformat(): pending[day] for day in days}
        # What has been loaded need not be remembered: the same content never waits again.
        waiting = {day.isoformat() for day in pending}
        cursor = json.dumps({day: digest for day, digest in asked.items() if day in waiting})
        skipped = dg.SkipReason(_summary(found, asked=len(pending))) if not requests else None
        return dg.SensorResult(run_requests=requests, cursor=cursor, skip_reason=skipped)

    return new_reading_files


def _ranges(days: Iterable[date], known: set[date]) -> Iterator[list[date]]:
    """Consecutive dates together, those with a snapshot of the reference tables apart from those without."""
    current: list[date] = []
    for day in sorted(days):
        follows = current and (day - current[-1]).days == 1 and (day in known) == (current[-1] in known)
        if current and (not follows or len(current) == MOST_DATES):
            yield current
            current = []
        current.append(day)
    if current:
        yield current


def _request(days: Sequence[date], pending: dict[date, str], *, with_snapshot: bool) -> dg.RunRequest:
    """A run of the dates.

    Of a date that was loaded before, the snapshot of the reference tables stays as it was taken then.
    """
    first, last = days[0].isoformat(), days[-1].isoformat()
    selection = None if with_snapshot else _after_readings()
    content = hashlib.blake2b("".join(pending[day] for day in days).encode(), digest_size=8).hexdigest()
    key = f"{first}...{last}:{content}"
    if first == last:
        return dg.RunRequest(run_key=key, partition_key=first, asset_selection=selection)
    return dg.RunRequest(run_key=key, tags={RANGE_START_TAG: first, RANGE_END_TAG: last}, asset_selection=selection)


def _after_readings() -> list[dg.AssetKey]:
    snapshots = {
        tables.RAW_AGREEMENTS,
        tables.RAW_PRODUCTS,
        tables.RAW_METERPOINTS,
        tables.ACTIVE_AGREEMENTS,
    }
    return [dg.AssetKey(table.name) for table in tables.ASSET_TABLES if table not in snapshots]


def _dates_with_snapshot(database: Database, days: Sequence[date]) -> set[date]:
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT DISTINCT reference_date FROM analytics.active_agreements WHERE reference_date = ANY(%s)",
            (list(days),),
        )
        return {day for (day,) in rows}


def _summary(found: Discovery, *, asked: int) -> str:
    report = found.report
    parts = [f"nothing new in {report.files_listed:,} files"]
    if report.files_read:
        parts = [f"{report.files_read:,} new files hold rows of no date that is over"]
    if asked:
        parts.append(f"{asked:,} dates wait for runs that were asked for before, or that failed")
    if report.malformed:
        parts.append(f"{len(report.malformed):,} set aside")
    if report.growing:
        parts.append(f"{len(report.growing):,} still being written")
    if report.left:
        parts.append(f"{report.left:,} left for the next look")
    if report.unread.count:
        parts.append(report.unread.counted)
    return "; ".join(parts)
