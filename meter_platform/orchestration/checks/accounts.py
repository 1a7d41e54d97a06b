"""The checks of accounting, asked of any database: do rows and energy add up?

What belongs here: which checks these are, and asking them without a run, as a restore drill does of what it restored. What
does not: the checks.
"""

from typing import Any, Final

import psycopg

from meter_platform.orchestration.checks.analytics import consumption_conserved, readings_conserved
from meter_platform.orchestration.checks.finding import Inspection
from meter_platform.orchestration.checks.raw_data import rows_accounted_for
from meter_platform.settings import Settings
from meter_platform.warehouse import put_away
from meter_platform.warehouse.finished import unfinished

_OF_EVERY_DATE: Final = (rows_accounted_for,)
_OF_FINISHED_DATES: Final = (readings_conserved, consumption_conserved)
"""Of a date that a run is in the middle of, some tables are older than others."""


def faults(connection: psycopg.Connection[Any], settings: Settings) -> list[str]:
    """What does not add up, in words; nothing where everything does. Dates that are put away are left out.

    Args:
        connection: to the platform's database; each statement commits at once, and temporary tables may be made.
        settings: of the platform.
    """
    away = {note.day for note in put_away.found(connection)}
    days = [
        day
        for (day,) in connection.execute("SELECT DISTINCT reference_date FROM raw_data.partition_versions")
        if day not in away
    ]
    left_out = {date.day for date in unfinished(connection, settings)}
    found = []
    for checks, dates in (
        (_OF_EVERY_DATE, sorted(days)),
        (_OF_FINISHED_DATES, sorted(set(days) - left_out)),
    ):
        inspection = Inspection(connection, dates, settings, under_way=set)
        for check in checks:
            finding = check(inspection)
            if not finding.passed:
                found.append(f"{sum(finding.failing.values()):,} {finding.what}")
    return found
