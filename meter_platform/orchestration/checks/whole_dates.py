"""Checks of whole reference dates: is each finished, and did any delivery get lost on the way?"""

from typing import Final

import dagster as dg

from meter_platform.orchestration.checks.finding import Check, Finding, Inspection
from meter_platform.warehouse import tables
from meter_platform.warehouse.finished import unfinished


def every_date_finished(inspection: Inspection) -> Finding:
    """Dates with a table that was not built from the readings, the snapshot and the rules that the date has now.

    Over all dates but those of other runs that are queued or under way. Such a date shows old figures, or none, because a run
    ended early, failed, or was of some tables only; the sensor asks for it again. A date of which nothing was stored
    yet is not among them: `meter-platform status` says what waits.
    """
    found = [day for day in unfinished(inspection.connection, inspection.settings) if day.begun or day.failures]
    elsewhere = inspection.under_way() if found else frozenset()
    left = [date for date in found if date.day not in elsewhere]
    return Finding(
        failing={date.day: 1 for date in left},
        what="dates that are not finished",
        examples=[f"{date.day}: {date}" for date in left],
        facts={"dates_that_wait_for_other_input": sum(date.waits_for_input for date in left)},
    )


def files_deleted_unloaded(inspection: Inspection) -> Finding:
    """Rows that were seen in files which were deleted before they could be loaded: they are in no figure.

    Put the file back, and they are loaded. Files that were overwritten are not among them.
    """
    rows = inspection.rows(
        """
        SELECT reference_date, sum(rows_accepted)::bigint, min(source_file_id)
        FROM {dates_table} AS dates JOIN {deleted} USING (reference_date, source_file_id)
        WHERE loaded_at IS NULL AND NOT EXISTS (
          SELECT FROM {versions} AS older JOIN {versions} AS newer
          ON newer.url = older.url AND newer.delivered_at > older.delivered_at
          WHERE older.source_file_id = dates.source_file_id)
        GROUP BY 1 ORDER BY 1
        """,
        dates_table=tables.SOURCE_FILE_DATES,
        deleted=tables.DELETED_FILES,
        versions=tables.SOURCE_FILE_VERSIONS,
    )
    return Finding(
        failing={day: count for day, count, _ in rows},
        what="rows of files that were deleted before they were loaded",
        examples=[f"{day}: {count:,} rows, such as of source file {number}" for day, count, number in rows],
    )


CHECKS: Final = (
    Check(
        tables.RAW_METER_READINGS,
        "every_date_finished",
        dg.AssetCheckSeverity.ERROR,
        every_date_finished,
        of_everything=True,
    ),
    Check(
        tables.RAW_METER_READINGS,
        "files_deleted_unloaded",
        dg.AssetCheckSeverity.WARN,
        files_deleted_unloaded,
        of_everything=True,
    ),
)
