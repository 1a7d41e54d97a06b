"""How new and how whole the stored data is: reference dates, rows, files, rejections, completeness, energy.

What belongs here: queries of the catalogue and of the newest date's analytics. What does not: a query that takes longer the
more readings there are.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final, LiteralString

import psycopg
from prometheus_client.metrics_core import Metric
from psycopg import sql

from meter_platform.metrics.part import Part, gauge, gauges
from meter_platform.settings import Settings
from meter_platform.settlement import day_start
from meter_platform.warehouse.running_date import has_ended

_DAY: Final = timedelta(days=1)

_ROW_OUTCOMES: Final = ("pending", "pruned", "redelivered", "rejected", "replaced", "stored", "withdrawn")
"""What becomes of the rows of files. They add up to all rows."""

FILE_OUTCOMES: Final = ("held_back", "malformed", "read")
REASONS: Final = (
    "not_a_row",
    "bad_meterpoint",
    "bad_time",
    "misaligned_interval",
    "nonexistent_time",
    "ambiguous_time",
    "before_first_date",
    "future",
    "not_a_number",
    "negative",
    "sentinel",
    "impossible",
    "too_precise",
    "file_held_back",
    "conflict_in_file",
    "incomplete_half_hour",
    "bad_particulars",
    "other_quantity",
)
"""What a series is kept for from the first scrape on. Contracts and `feeds/validation.py` have the same words and take long
to import: a test holds the lists together."""


def parts(settings: Settings) -> tuple[Part, ...]:
    """The parts, for one market.

    Args:
        settings: whose zone says when a reference date ends, and whose `minimum_meterpoints` which energy is shown.
    """
    ended = has_ended("reference_date", settings.timezone)

    def dates(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
        newest, running = connection.execute(
            sql.SQL(
                "SELECT max(reference_date) FILTER (WHERE {ended}), "
                "coalesce(sum(rows_stored) FILTER (WHERE NOT {ended}), 0)::bigint "
                "FROM raw_data.partition_versions WHERE table_name = 'raw_meter_readings' AND rows_stored > 0"
            ).format(ended=ended)
        ).fetchone() or (None, 0)
        yield gauge(
            "meter_newest_reference_date_timestamp_seconds",
            "End of the newest reference date that has ended and has stored readings; 0 where there is none.",
            day_start(newest + _DAY, settings.zone).timestamp() if newest else 0,
        )
        yield gauge(
            "meter_running_date_rows",
            "Stored readings of the day that has not ended: no other metric counts what is computed of it.",
            running,
        )
        yield gauge(
            "meter_today_offset_seconds",
            "How far METER_PLATFORM_TODAY is behind the clock; 0 where it is not set.",
            (settings.clock_date() - settings.local_today()).total_seconds(),
        )
        yield gauge(
            "meter_pending_reference_dates",
            "Reference dates with rows that are known and not loaded yet.",
            _value(
                connection,
                "SELECT count(DISTINCT reference_date) FROM raw_data.source_file_dates AS dates "
                "JOIN raw_data.newest_file_versions USING (source_file_id) "
                "WHERE loaded_at IS NULL AND NOT EXISTS (SELECT FROM raw_data.deleted_files AS deleted "
                "WHERE (deleted.reference_date, deleted.source_file_id) = (dates.reference_date, dates.source_file_id))",
            ),
        )
        yield gauge(
            "meter_failed_partitions",
            "Partitions, of any table, that could not be stored at the last attempt.",
            _value(connection, "SELECT count(*) FROM raw_data.failed_partitions"),
        )

    def energy(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
        kwh, meterpoints = connection.execute(
            sql.SQL(
                "SELECT coalesce(sum(total_consumption_kwh), 0)::float8, coalesce(max(meterpoint_count), 0) "
                "FROM analytics.half_hourly_consumption "
                "WHERE reference_date = (SELECT max(reference_date) FROM analytics.half_hourly_consumption WHERE {})"
            ).format(ended)
        ).fetchone() or (0.0, 0)
        yield gauge(
            "meter_newest_reference_date_consumption_kwh",
            "Energy of the newest reference date, import and export alike, in kWh; NaN where fewer meterpoints are "
            "behind it than METER_PLATFORM_MINIMUM_METERPOINTS.",
            float("nan") if 0 < meterpoints < settings.minimum_meterpoints else kwh,
        )

    def completeness(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
        yield gauge(
            "meter_completeness_ratio",
            "Half hours received, of those expected, on the newest reference date that has ended (0 to 1).",
            _value(
                connection,
                sql.SQL(
                    "SELECT coalesce(sum(received_readings)::float8 / nullif(sum(expected_readings), 0), 0) "
                    "FROM analytics.meterpoint_completeness WHERE reference_date = "
                    "(SELECT max(reference_date) FROM analytics.meterpoint_completeness WHERE {})"
                ).format(ended),
            ),
        )

    return (
        Part("dates", dates),
        Part("rows", _rows),
        Part("files", _files),
        Part("rejections", _rejections),
        Part("completeness", completeness),
        Part("energy", energy),
    )


def _rows(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
    counts = connection.execute(
        "SELECT coalesce(sum(rows_accepted) FILTER (WHERE loaded_at IS NULL), 0)::float8, "
        "coalesce(sum(rows_pruned), 0)::float8, coalesce(sum(rows_redelivered), 0)::float8, "
        "(SELECT coalesce(sum(rows_rejected), 0)::float8 FROM raw_data.source_file_versions), "
        "coalesce(sum(rows_replaced), 0)::float8, coalesce(sum(rows_stored), 0)::float8, "
        "coalesce(sum(rows_withdrawn), 0)::float8 FROM raw_data.source_file_dates"
    ).fetchone()
    yield gauges(
        "meter_readings_rows",
        "Rows of reading files, by what has become of them; they add up to all rows.",
        ["outcome"],
        {(outcome,): count for outcome, count in zip(_ROW_OUTCOMES, counts or (), strict=True)},
    )


def _files(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
    yield gauges(
        "meter_source_files",
        "Reading files, by what became of their newest version: held_back and malformed ones are quarantined.",
        ["outcome"],
        {
            (outcome,): count
            for outcome, count in connection.execute(
                "SELECT outcome, count(*) FROM raw_data.newest_file_versions GROUP BY outcome"
            )
        },
        known=[(outcome,) for outcome in FILE_OUTCOMES],
    )


def _rejections(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
    yield gauges(
        "meter_rejected_rows",
        "Rows of reading files that break a rule, by the reason.",
        ["reason"],
        {
            (reason,): count
            for reason, count in connection.execute(
                "SELECT reason, count(*) FROM raw_data.rejected_readings GROUP BY reason"
            )
        },
        known=[(reason,) for reason in REASONS],
    )


def _value(connection: psycopg.Connection[Any], query: LiteralString | sql.Composed) -> Any:  # noqa: ANN401 - any type
    """The one value of a query's one row."""
    (value,) = connection.execute(query).fetchone() or (None,)
    return value
