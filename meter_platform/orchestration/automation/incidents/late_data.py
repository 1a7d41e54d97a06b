"""Data that is late: a reference date whose readings should be stored by now, and are not. One incident, until they are.

What belongs here: when data is late. What does not: the check of the data's age (`checks/raw_data.py`), which is evaluated
by runs alone, so that it says nothing where no run comes.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from psycopg import sql

from meter_platform.alerts.incident import Incident
from meter_platform.settings import Settings
from meter_platform.warehouse.database import open_database
from meter_platform.warehouse.running_date import has_ended

KIND: Final = "late"

_ADVICE: Final = (
    "Ask whoever delivers the files, or look at why they were not loaded: meter-platform status names quarantined files and "
    "dates that failed."
)


def due_date(settings: Settings, now: datetime) -> date | None:
    """The newest reference date whose readings should be stored; None where none is ever late.

    Args:
        settings: of the platform. Where `today` is set, yesterday is due.
        now: the time.
    """
    if not settings.alerts_data_due_hours:
        return None
    if settings.today:
        return settings.today - timedelta(days=1)
    # By the clock on the wall: the day of a clock change is due at the same hour as any other.
    wall = now.astimezone(settings.zone).replace(tzinfo=None)
    return (wall - timedelta(hours=settings.alerts_data_due_hours)).date() - timedelta(days=1)


def late_data(settings: Settings, now: datetime) -> list[Incident]:
    """The incident that data is late, or none.

    Raises:
        ServerUnavailableError: the database cannot be asked.
    """
    due = due_date(settings, now)
    if due is None or due < settings.first_reference_date:
        return []
    with open_database(settings).connect() as connection:
        row = connection.execute(
            # Readings of today do not make yesterday's come.
            sql.SQL("SELECT max(reference_date) FROM raw_data.source_file_dates WHERE rows_stored > 0 AND {}").format(
                has_ended("reference_date", settings.timezone)
            )
        ).fetchone()
    newest: date | None = row[0] if row else None
    if newest and newest >= due:
        return []
    return [
        Incident(
            key=KIND,
            kind=KIND,
            title=f"Data is late: {f'nothing since {newest}' if newest else 'no readings are stored'}",
            began=_since(settings, newest, now),
            facts={
                "Newest date stored": str(newest or "none"),
                "Should be stored": str(due),
                "Dates missing": f"{(due - newest).days:,}" if newest else "all",
            },
            advice=_ADVICE,
        )
    ]


def _since(settings: Settings, newest: date | None, now: datetime) -> datetime:
    """When the date after the newest became late; now where there is none."""
    if newest is None:
        return now
    end = datetime.combine(newest + timedelta(days=2), datetime.min.time(), settings.zone)
    return min((end + timedelta(hours=settings.alerts_data_due_hours)).astimezone(UTC), now)
