"""The sensor on reading files: new or corrected files lead to runs of exactly the dates they touch.

It also asks again for dates that a run did not finish, whatever became of it (`again.py` says when).

What belongs here: which runs to ask for. What does not: reading files (`ingestion/discover.py`).
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import dagster as dg
import sqlalchemy as sa

from meter_platform.ingestion.discover import Discovery, discover
from meter_platform.ingestion.tree import Effort
from meter_platform.orchestration.automation.again import Decision, Tries, decide
from meter_platform.orchestration.dead_runs import fail_dead_runs
from meter_platform.orchestration.partitions import RANGE_END_TAG, RANGE_START_TAG, dates_under_way, dates_waiting
from meter_platform.orchestration.sources import reading_folder
from meter_platform.settings import Settings
from meter_platform.warehouse import tables
from meter_platform.warehouse.database import open_database
from meter_platform.warehouse.finished import Unfinished, unfinished
from meter_platform.warehouse.lineage import SNAPSHOTS
from meter_platform.warehouse.models import with_models

INTERVAL_SECONDS: Final = 30
"""Between two ticks. A new file shows in analytics within a minute: half of it is this wait, the rest the run."""

RUNNING_INTERVAL_SECONDS: Final = 15
"""The same where today is a partition, for readings that come all day long. Whoever looks more often asks for more runs, and
each costs some seconds of a core, whatever it loads."""

SCAN_SECONDS: Final = 20.0
"""For scanning new files in one tick; Dagster ends a tick after 60 seconds."""

_EFFORT: Final = Effort(most_seconds=15.0, quiet_seconds=0.5)
"""For looking into folders in one tick, before new files are read; what is left comes with the next ones. So a tick is quick at
night, too: the full scan of a million files is that of sixty ticks."""

MOST_RUNS: Final = 20
"""Runs asked for in one tick; the rest of a backlog comes with the next ones."""

MOST_DATES: Final = 366
"""Dates of one ranged run: a backlog of years is loaded a year at a time."""

_NAMED: Final = 3
"""Dates of which a tick says what is wrong."""


def new_files_sensor(
    settings: Settings, partitions_def: dg.PartitionsDefinition[str], *, models: Sequence[str] = ()
) -> dg.SensorDefinition:
    """Asks for a run of each date, or of each range of dates, that new files hold rows of, or that is not finished.

    The cursor remembers for which versions of its files a date was asked for last, so that a corrected file leads to
    another run, and when a date that was not finished may be asked for again.

    Args:
        settings: of the platform.
        partitions_def: the reference dates.
        models: the names of the dbt models that are built with the tables.
    """

    @dg.sensor(
        name="new_reading_files",
        target=dg.AssetSelection.all(),
        minimum_interval_seconds=settings.scan_seconds
        or (RUNNING_INTERVAL_SECONDS if settings.running_date else INTERVAL_SECONDS),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="New or corrected reading files lead to runs of exactly the reference dates they touch. A date that "
        "a run did not finish is asked for again.",
    )
    def new_reading_files(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        fail_dead_runs(context.instance)
        database = open_database(settings)
        found = discover(database, settings, reading_folder(settings), seconds=SCAN_SECONDS, effort=_EFFORT)
        if found is None:
            return dg.SkipReason("another process is scanning the files: the next tick tries again")
        partition_keys = set(partitions_def.get_partition_keys())
        pending = {day: digest for day, digest in found.pending.items() if day.isoformat() in partition_keys}
        # Asked before `unfinished`: a run that ends between the two queries then counts as under way, not as failed.
        under_way = dates_under_way(context.instance)
        with database.connect() as connection:
            every = unfinished(connection, settings)
            if models:
                every = with_models(connection, every)
        known = {each.day: each for each in every if each.day.isoformat() in partition_keys}
        wrong = {day: each for day, each in known.items() if each.begun or each.failures}
        asked, tries = _remembered(context.cursor)
        # A run that nobody has begun will load what has come since it was asked for: readings that come all day long
        # would have runs queue up.
        waiting = dates_waiting(context.instance, tables.RAW_METER_READINGS.name)
        new = [day for day, digest in pending.items() if asked.get(day) != digest and day not in waiting]
        now, sources = datetime.now(UTC), _sources(settings)
        again = decide(
            sorted((pending.keys() | wrong.keys()).difference(new)), wrong, tries, under_way, now=now, sources=sources
        )
        requests: list[dg.RunRequest] = []
        for days in _ranges(new, lambda day: _selection(known.get(day), models)):
            if len(requests) == MOST_RUNS:
                break
            content = "".join(pending[day] for day in days)
            requests.append(_request(days, content, _selection(known.get(days[0]), models)))
            asked |= {day: pending[day] for day in days}
            again.tries |= dict.fromkeys(days, Tries.after(0, now, sources))
        for days in _ranges(again.ask, lambda day: _selection(known.get(day), models)):
            if len(requests) == MOST_RUNS:
                again.postpone(days, tries)
            else:
                requests.append(_request(days, now.isoformat(), _selection(known.get(days[0]), models)))
        summary = _summary(found, again, known)
        if requests and (of_dates := _of_dates(again, known)):
            context.log.info("; ".join(of_dates))
        # A date is forgotten once its rows are loaded: the same content never waits again.
        cursor = _as_cursor({day: digest for day, digest in asked.items() if day in pending}, again.tries)
        skipped = None if requests else dg.SkipReason(summary)
        return dg.SensorResult(run_requests=requests, cursor=cursor, skip_reason=skipped)

    return new_reading_files


def _remembered(cursor: str | None) -> tuple[dict[date, str], dict[date, Tries]]:
    """For which digest each date was asked for last, and how often each was asked for again."""
    state: dict[str, Any] = json.loads(cursor or "{}")
    # The cursor of an earlier version holds digests alone.
    asked = state.get("asked", {}) if state.keys() <= {"asked", "tries"} else state
    return (
        {date.fromisoformat(day): digest for day, digest in asked.items()},
        {date.fromisoformat(day): Tries(**tries) for day, tries in state.get("tries", {}).items()},
    )


def _as_cursor(asked: Mapping[date, str], tries: Mapping[date, Tries]) -> str:
    state = {
        "asked": {day.isoformat(): digest for day, digest in asked.items()},
        "tries": {day.isoformat(): each.as_json() for day, each in tries.items()},
    }
    return json.dumps({name: part for name, part in state.items() if part})


def _sources(settings: Settings) -> str:
    """A digest of what a failed date waits for besides its files: other settings, another reference database.

    Of a database on a server nobody can say cheaply whether it is another.
    """
    parts: list[object] = [
        settings.readings_url,
        settings.reference_url,
        settings.timezone,
        settings.first_reference_date,
        settings.interval_label,
    ]
    if settings.feeds:
        with suppress(OSError):  # where it cannot be read, a run says why
            parts.append(settings.feeds.read_bytes())
    with suppress(sa.exc.ArgumentError, ValueError, OSError):  # where it cannot be looked at, a run says why
        url = sa.make_url(settings.reference_url or "")
        if url.get_backend_name() == "sqlite" and url.database:
            file = Path(url.database).stat()
            parts += [file.st_size, file.st_mtime_ns]
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()


def _ranges(days: Iterable[date], selection: Callable[[date], frozenset[str] | None]) -> Iterator[list[date]]:
    """Consecutive dates of which the same tables are asked for."""
    current: list[date] = []
    for day in sorted(days):
        follows = current and (day - current[-1]).days == 1 and selection(day) == selection(current[-1])
        if current and (not follows or len(current) == MOST_DATES):
            yield current
            current = []
        current.append(day)
    if current:
        yield current


def _selection(state: Unfinished | None, models: Sequence[str]) -> frozenset[str] | None:
    """The tables of a date to ask for, models among them; `None` for all of them.

    Of a date that was loaded before, the snapshot of the reference tables stays as it was taken then.
    """
    if state and state.tables and not (state.waiting_rows or state.failures or state.tables.keys() - set(models)):
        return frozenset(state.tables)
    if state is None:
        kept = {*SNAPSHOTS, tables.ACTIVE_AGREEMENTS.name}
    elif not state.begun or any(name in state.tables or name in state.failures for name in SNAPSHOTS):
        return None
    elif tables.ACTIVE_AGREEMENTS.name in {*state.tables, *state.failures}:
        kept = {*SNAPSHOTS}
    else:
        kept = {*SNAPSHOTS, tables.ACTIVE_AGREEMENTS.name}
    return frozenset((*(table.name for table in tables.ASSET_TABLES if table.name not in kept), *models))


def _request(days: Sequence[date], content: str, selection: frozenset[str] | None) -> dg.RunRequest:
    """A run of the dates. Dagster runs the same content once."""
    first, last = days[0].isoformat(), days[-1].isoformat()
    assets = [dg.AssetKey(name) for name in sorted(selection)] if selection else None
    key = f"{first}...{last}:{hashlib.blake2b(content.encode(), digest_size=8).hexdigest()}"
    if first == last:
        return dg.RunRequest(run_key=key, partition_key=first, asset_selection=assets)
    return dg.RunRequest(run_key=key, tags={RANGE_START_TAG: first, RANGE_END_TAG: last}, asset_selection=assets)


def _summary(found: Discovery, again: Decision, known: Mapping[date, Unfinished]) -> str:
    report = found.report
    parts = [f"nothing new in {report.files_listed:,} files"]
    if report.files_read:
        parts = [f"{report.files_read:,} new files hold rows of no date that is over"]
    parts += _of_dates(again, known)
    if report.malformed:
        parts.append(f"{len(report.malformed):,} quarantined")
    if report.growing:
        parts.append(f"{len(report.growing):,} still being written")
    if found.deleted:
        parts.append(f"{found.deleted:,} deleted before all of their rows were loaded")
    if report.left:
        parts.append(f"{report.left:,} left for the next scan")
    if report.folders_left:
        parts.append(f"{report.folders_left:,} folders left for the next scan")
    if report.unread.count:
        parts.append(report.unread.counted)
    return "; ".join(parts)


def _of_dates(again: Decision, known: Mapping[date, Unfinished]) -> list[str]:
    """What becomes of the dates that are not finished."""
    parts = []
    if again.ask:
        parts.append(_dates(again.ask, "asked for again, for they are not finished", known))
    # Of a date of which nothing is stored and nothing failed, the run has not begun.
    pausing = [day for day in again.pausing if day in known and (known[day].begun or known[day].failures)]
    if awaited := len(again.under_way) + len(again.pausing) - len(pausing):
        parts.append(f"{awaited:,} dates wait for runs that were asked for before, or go on")
    if pausing:
        first = min(again.tries[day].next for day in pausing)
        parts.append(_dates(pausing, f"not finished, and asked for again from {first[11:16]} UTC on", known))
    if again.waiting:
        parts.append(_dates(again.waiting, "failed by their input, and wait for other input or a run by hand", known))
    if again.given_up:
        parts.append(_dates(again.given_up, "asked for again so often that they wait for a run by hand", known))
    return parts


def _dates(days: Sequence[date], what: str, known: Mapping[date, Unfinished]) -> str:
    """How many dates there are of a kind, and what is wrong with the first of them."""
    why = "; ".join(f"{day}: {known[day]}" for day in days[:_NAMED] if day in known)
    return f"{len(days):,} dates {what}" + (f" ({why})" if why else "")
