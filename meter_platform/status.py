"""What is running, what is stored and what needs attention, in a few lines, at once.

What belongs here: `meter-platform status`. It starts nothing and imports nothing heavy: the figures come from the
catalogue of Postgres and of the files.
"""

from collections.abc import Iterator
from datetime import datetime

import psycopg

from meter_platform.redaction import redact
from meter_platform.settings import Settings
from meter_platform.storage import server
from meter_platform.storage.database import Database, data_url


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
    yield f"Reference  {_shown(settings.reference_url) or f'sample in {settings.sample_home}'}"
    with database.connect() as connection:
        try:
            yield from _stored(connection, settings)
        except psycopg.errors.UndefinedTable:
            yield "Stored     nothing yet: meter-platform demo"


def nothing_stored(settings: Settings) -> bool:
    """Whether no reading has been loaded yet."""
    with Database(data_url(settings)).connect() as connection:
        try:
            return connection.execute("SELECT FROM analytics.half_hourly_consumption LIMIT 1").fetchone() is None
        except psycopg.errors.UndefinedTable:
            return True


def _stored(connection: "psycopg.Connection[tuple[object, ...]]", settings: Settings) -> Iterator[str]:
    dates = connection.execute(
        "SELECT count(DISTINCT reference_date), min(reference_date), max(reference_date), "
        "sum(total_consumption_kwh) FROM analytics.half_hourly_consumption"
    ).fetchone()
    if not dates or not dates[0]:
        yield "Stored     nothing yet: meter-platform demo"
        return
    count, first, newest, kwh = dates
    today = settings.today or datetime.now(settings.zone).date()
    age = (today - newest).days  # type: ignore[operator] # a date
    yield f"Stored     {count} reference dates, {first} to {newest} ({age} days old), {kwh:f} kWh"
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
    pending = connection.execute(
        "SELECT count(DISTINCT reference_date), sum(rows_accepted) FROM raw_data.source_file_dates WHERE loaded_at IS NULL"
    ).fetchone()
    if pending and pending[0]:
        yield f"Pending    {pending[1]:,} rows of {pending[0]} reference dates are known and not loaded yet"


def _shown(url: str | None) -> str | None:
    return redact(url) if url else None
