"""Of which dates every reading is recounted now, and of which only the meterpoints that were touched.

Going through every reading of a large date takes longer than correcting a few. So a date that was changed in place since
all of it was recounted is looked at where it was touched, and every night the whole of it.

What belongs here: which dates are looked at how, and keeping what was recounted. What does not: checks, and when the
night is (`automation/schedules.py`).
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import psycopg

from meter_platform.ingestion.publish import InPlace
from meter_platform.orchestration.checks.finding import Check
from meter_platform.warehouse import changes, lineage
from meter_platform.warehouse.sessions import Session

RECOUNT_TAG: Final = "meter_platform/recount"
"""On a run that recounts every reading of the dates that were changed since that was last done: the night's."""

_STATES: Final = """
SELECT readings.reference_date, readings.version,
       readings.whole_version <= readings.recounted_version AND readings.recounted_version < readings.version
       AND received.built_from ~ ('\\mraw_meter_readings=' || readings.version || '\\M')
       AND (SELECT count(*) FROM raw_data.changes_in_place AS change
            WHERE change.reference_date = readings.reference_date AND change.table_name = readings.table_name
              AND change.version > readings.recounted_version) <= %(most)s * readings.rows_stored
FROM raw_data.partition_versions AS readings
LEFT JOIN raw_data.partition_versions AS received
  ON received.reference_date = readings.reference_date AND received.table_name = 'meterpoint_completeness'
WHERE readings.table_name = 'raw_meter_readings' AND readings.reference_date = ANY(%(days)s)
"""

_WAITING: Final = """
SELECT reference_date FROM raw_data.partition_versions
WHERE table_name = 'raw_meter_readings' AND recounted_version IS DISTINCT FROM version ORDER BY 1
"""

_NOTE: Final = """
UPDATE raw_data.partition_versions AS readings SET recounted_version = recounted.version
FROM unnest(%(days)s::date[], %(versions)s::bigint[]) AS recounted(reference_date, version)
WHERE table_name = 'raw_meter_readings' AND readings.reference_date = recounted.reference_date
"""


@dataclass(frozen=True, slots=True)
class Recount:
    """How the dates of a run are looked at.

    Attributes:
        whole: dates of which every reading is recounted.
        touched: dates of which the meterpoints are recounted that were touched since.
        versions: of the readings of the dates, asked before these are read.
    """

    whole: Sequence[date]
    touched: Sequence[date]
    versions: Mapping[date, int]

    @classmethod
    def of(cls, connection: psycopg.Connection[Any], days: Sequence[date], *, everything: bool) -> "Recount":
        """How to look at dates.

        A date is recounted whole where it was loaded whole since the last time, where a tenth of it has changed since, where
        nothing has, and where its completeness is not up to date.

        Args:
            connection: to the platform's database.
            days: the dates.
            everything: recount all of them whole.
        """
        states = connection.execute(_STATES, {"days": list(days), "most": InPlace().most}).fetchall()
        touched = set() if everything else {day for day, _, is_touched in states if is_touched}
        return cls(
            whole=[day for day in days if day not in touched],
            touched=sorted(touched),
            versions={day: version for day, version, _ in states},
        )

    def note(self, connection: psycopg.Connection[Any], checks: Iterable[Check], every: Iterable[Check]) -> None:
        """Notes that dates were recounted whole, where all checks were evaluated that go through the readings.

        Args:
            connection: to the platform's database.
            checks: that were evaluated.
            every: all that there are.
        """
        if {check for check in every if check.of_each_reading} - set(checks):
            return
        days = [day for day in self.whole if day in self.versions]
        with connection.transaction():
            connection.execute(_NOTE, {"days": days, "versions": [self.versions[day] for day in days]})
            changes.forget(Session(connection), lineage.READINGS, days)


def waiting(connection: psycopg.Connection[Any], under_way: Set[date]) -> list[date]:
    """The dates of which not every reading was recounted since they were changed.

    Args:
        connection: to the platform's database.
        under_way: dates of runs whose own checks will look at them.
    """
    return [day for (day,) in connection.execute(_WAITING) if day not in under_way]
