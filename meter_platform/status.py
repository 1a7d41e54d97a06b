"""What is running, what is stored and what needs attention, in a few lines, at once.

What belongs here: `meter-platform status`. It starts nothing and imports nothing heavy: the figures come from the
catalogue of Postgres and of the files.
"""

import json
from collections.abc import Iterator
from typing import Final

import psycopg
from psycopg import sql

from meter_platform.embedded_postgres import server
from meter_platform.errors import MeterPlatformError, PermanentError
from meter_platform.feeds.configured import feeds_of
from meter_platform.feeds.files import ReadingFolder
from meter_platform.feeds.unread import UnreadFiles
from meter_platform.redaction import redact
from meter_platform.settings import Settings
from meter_platform.transformations.project import project_folder
from meter_platform.warehouse import put_away, schema
from meter_platform.warehouse.database import Database, data_url
from meter_platform.warehouse.finished import missing_tables, unfinished
from meter_platform.warehouse.lineage import EVERY_TABLE
from meter_platform.warehouse.models import with_models
from meter_platform.warehouse.running_date import has_ended

_MOST_LINES: Final = 5
"""Unfinished dates that are shown; of more the number is said."""


def report(settings: Settings) -> Iterator[str]:
    """The lines to show."""
    if settings.postgres_url is None:
        found = server.status(settings.home)
        if not found.running and found.pid is not None:
            yield f"Postgres   embedded, process {found.pid} does not answer ({found.data_directory})"
            yield "           It starts, stops or recovers: ask again. Where that lasts: meter-platform stop"
            return
        if not found.running:
            yield f"Postgres   embedded, not running ({found.data_directory}): any command starts it"
            return
        yield f"Postgres   embedded, version {found.version}, process {found.pid}, {found.data_directory}"
    database = Database(data_url(settings))
    if settings.postgres_url:
        yield f"Postgres   {database.shown}"
    yield f"Readings   {_shown(settings.readings_url) or f'sample in {settings.sample_home}'}"
    yield from _unread(settings, database)
    yield f"Reference  {_shown(settings.reference_url) or f'sample in {settings.sample_home}'}"
    with database.connect() as connection:
        yield from _contents(connection, settings, database.shown)


def _contents(connection: "psycopg.Connection[tuple[object, ...]]", settings: Settings, shown: str) -> Iterator[str]:
    """What is stored, and what needs attention."""
    missing = missing_tables(connection)
    if set(missing) == set(EVERY_TABLE):
        yield "Stored     nothing yet: meter-platform demo"
        return
    try:
        schema.refuse_other(connection, shown)
    except PermanentError as error:
        yield f"Version    {error}"
        if settings.postgres_url is None:
            yield "           On the embedded server every other command does so, too."
        return
    if missing:
        yield f"Missing    {', '.join(missing)}: somebody dropped what was there; the next run makes it"
    for part in (_stored, _put_away, _pruned, _unfinished, _failing, _files):
        try:
            with connection.transaction():
                lines = list(part(connection, settings))
        except psycopg.errors.UndefinedTable:
            continue  # it is named above
        yield from lines


def nothing_stored(settings: Settings) -> bool:
    """Whether no reading has been loaded yet."""
    with Database(data_url(settings)).connect() as connection:
        try:
            return connection.execute("SELECT FROM analytics.half_hourly_consumption LIMIT 1").fetchone() is None
        except psycopg.errors.UndefinedTable:
            return True


def _unread(settings: Settings, database: Database) -> Iterator[str]:
    """Files of the folder that are not read, for their names are not those of reading files."""
    try:
        folder = ReadingFolder(settings.readings_url or str(settings.sample_home / "readings"), feeds_of(settings))
        folder.stamp_of(folder.root)  # says whether it is there
        unread = _noted_unread(folder, database) or folder.listing().unread
    except MeterPlatformError as error:
        if settings.readings_url:  # the sample is made when it is first needed
            yield f"Unread     {error}"
        return
    if unread.count:
        yield f"Unread     {unread.named}"


def _noted_unread(folder: ReadingFolder, database: Database) -> UnreadFiles | None:
    """The same, as the last scans found them: to list a million files takes long. `None` where none has been made."""
    root = folder.url_of(folder.root)
    with database.connect() as connection:
        try:
            rows = connection.execute(
                "SELECT unread FROM raw_data.scanned_folders WHERE url = %s OR url >= %s AND url < %s",
                [root, f"{root}/", f"{root}0"],
            ).fetchall()
        except psycopg.errors.UndefinedTable:
            return None
    found = UnreadFiles()
    for (unread,) in rows:
        if unread:
            found.include(UnreadFiles.from_record(json.loads(unread)))
    return found if rows else None


def _stored(connection: "psycopg.Connection[tuple[object, ...]]", settings: Settings) -> Iterator[str]:
    dates = connection.execute(
        sql.SQL(
            "SELECT count(DISTINCT reference_date) FILTER (WHERE {ended}), min(reference_date) FILTER (WHERE {ended}), "
            "max(reference_date) FILTER (WHERE {ended}), trim_scale(sum(total_consumption_kwh) FILTER (WHERE {ended})), "
            "max(reference_date) FILTER (WHERE NOT {ended}), "
            "trim_scale(sum(total_consumption_kwh) FILTER (WHERE NOT {ended})) FROM analytics.half_hourly_consumption"
        ).format(ended=has_ended("reference_date", settings.timezone))
    ).fetchone()
    count, first, newest, kwh, running, so_far = dates or (0, None, None, None, None, None)
    if count:
        age = (settings.local_today() - newest).days  # type: ignore[operator] # a date
        yield f"Stored     {count} reference dates, {first} to {newest} ({age} days old), {kwh:f} kWh"
    if running:
        yield f"Running    {running} has not ended: {so_far:f} kWh so far"
    if not count and not running:
        yield "Stored     nothing yet: meter-platform demo"


def _put_away(connection: "psycopg.Connection[tuple[object, ...]]", settings: Settings) -> Iterator[str]:  # noqa: ARG001 - as the other parts
    """Dates whose readings are in the lake alone."""
    if days := [note.day for note in put_away.found(connection)]:
        yield f"Put away   readings of {put_away.span(days)} are in the lake alone (`meter-platform lake take-out`)"


def _pruned(connection: "psycopg.Connection[tuple[object, ...]]", settings: Settings) -> Iterator[str]:  # noqa: ARG001 - as the other parts
    """Dates that were deleted for their age, and meterpoints whose erasure was interrupted."""
    for count, first, last in connection.execute(
        "SELECT count(*), min(reference_date), max(reference_date) FROM raw_data.pruned_dates"
    ):
        if count:
            yield f"Pruned     {count:,} reference dates, {first} to {last}: nothing is stored of them"
    for (count,) in connection.execute("SELECT count(*) FROM raw_data.erased_meterpoints WHERE completed_at IS NULL"):
        if count:
            yield (
                f"Erasing    {count:,} meterpoints are not erased from every date: give meter-platform erase with the same "
                "ids again"
            )


def _unfinished(connection: "psycopg.Connection[tuple[object, ...]]", settings: Settings) -> Iterator[str]:
    """Dates whose tables are not all built from what the date has now, the newest last."""
    found = unfinished(connection, settings)
    if project_folder(settings):
        found = with_models(connection, found)
    left = [date for date in found if date.begun or date.failures]
    for date in left[-_MOST_LINES:]:
        yield f"Unfinished {date.day}: {date}"
    if len(left) > _MOST_LINES:
        yield f"Unfinished {len(left) - _MOST_LINES:,} more dates, from {left[0].day} on"
    if left:
        yield (
            "           A run that goes on finishes its dates; of the others the sensor asks for those that may succeed, "
            "or run them: meter-platform run --reference-date …"
        )


def _failing(connection: "psycopg.Connection[tuple[object, ...]]", settings: Settings) -> Iterator[str]:  # noqa: ARG001 - as the other parts
    """Checks with failing dates, as of the last evaluation of each date."""
    for check, severity, what, count, dates, first, last in connection.execute(
        "SELECT check_name, severity, min(what), sum(failing_count), count(*), min(reference_date), max(reference_date) "
        "FROM raw_data.failing_checks GROUP BY 1, 2 ORDER BY 2, 1"
    ):
        days = f"{first}" if first == last else f"{dates:,} dates, {first} to {last}"
        yield f"{'Failed' if severity == 'ERROR' else 'Look at':<10} {check}: {count:,} {what} ({days})"


def _files(connection: "psycopg.Connection[tuple[object, ...]]", settings: Settings) -> Iterator[str]:  # noqa: ARG001 - as the other parts
    """What became of the files, and which rows wait to be loaded."""
    for outcome, files, rows in connection.execute(
        "SELECT outcome, count(*), sum(rows_in_file) FROM raw_data.source_file_versions GROUP BY outcome ORDER BY 1 DESC"
    ):
        yield f"Files      {files:,} {outcome}, {rows:,} rows"
    for reason, rows in connection.execute(
        "SELECT reason, count(*) FROM raw_data.rejected_readings GROUP BY reason ORDER BY 2 DESC"
    ):
        yield f"Rejected   {rows:,} rows: {reason}"
    for files, rows in connection.execute(
        "SELECT count(DISTINCT source_file_id), sum(rows_withdrawn) FROM raw_data.source_file_dates WHERE rows_withdrawn > 0"
    ):
        if files:
            yield f"Withdrawn  {rows:,} rows of {files} file versions: raw_data.withdrawals"
    for rows, dates, deleted in connection.execute(
        "SELECT sum(rows_accepted), count(DISTINCT reference_date), deleted.source_file_id IS NOT NULL "
        "FROM raw_data.source_file_dates AS dates JOIN raw_data.source_file_versions AS version USING (source_file_id) "
        "LEFT JOIN raw_data.deleted_files AS deleted USING (reference_date, source_file_id) "
        "WHERE loaded_at IS NULL AND NOT EXISTS (SELECT FROM raw_data.source_file_versions AS newer "
        "  WHERE newer.url = version.url AND newer.delivered_at > version.delivered_at) "
        "GROUP BY 3 ORDER BY 3"
    ):
        if deleted:
            yield (
                f"Deleted    {rows:,} rows of {dates} reference dates were in files that were deleted before they were "
                "loaded: put them back, or they are in no figure"
            )
        else:
            yield f"Pending    {rows:,} rows of {dates} reference dates are known and not loaded yet"


def _shown(url: str | None) -> str | None:
    return redact(url) if url else None
