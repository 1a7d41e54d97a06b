"""Readings in the lake alone: a date is put away there when it is finished, and taken out before anybody changes it.

What belongs here: moving the readings of a date out of the ledger. What does not: moving them back (`take_out.py`), the notes
themselves (`warehouse/put_away.py`), and who needs which dates.

Postgres is the working set: whatever changes a date, or reads it in SQL, finds all of its rows there. So taking out is a
transaction of its own, which ends before the first row changes. From there on Postgres has everything, however the change
ends, and the lake may run ahead of the ledger as it always may. Putting away is a transaction, too: the note and the
end of the date's table are one commit. Whoever is killed leaves the date on one side, whole.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, date, datetime
from typing import Final

from psycopg import sql

from meter_platform.lake.kept import READINGS, LostReadingsError, in_lake, in_ledger
from meter_platform.lake.lake import Lake
from meter_platform.settings import Settings
from meter_platform.warehouse import child_tables, date_locks, finished, sessions
from meter_platform.warehouse import put_away as notes
from meter_platform.warehouse.database import Database

_STORED: Final = """
SELECT version FROM raw_data.partition_versions
WHERE table_name = {table} AND reference_date = {day} AND rows_stored > 0
"""

_ERASING: Final = "SELECT FROM raw_data.erased_meterpoints WHERE completed_at IS NULL LIMIT 1"
"""An erasure changes rows without a new version, and is on record as completed once the lake has followed."""

_FINISHED: Final = """
SELECT reference_date FROM raw_data.partition_versions
WHERE table_name = 'raw_meter_readings' AND rows_stored > 0 AND recounted_version = version AND reference_date < {today}
  AND reference_date NOT IN (SELECT reference_date FROM raw_data.dates_put_away)
ORDER BY 1
"""


def finished_dates(database: Database, settings: Settings) -> list[date]:
    """The dates that may be put away: over, built from what they have now, every reading recounted, nothing waiting."""
    with database.connect() as connection:
        open_dates = {found.day for found in finished.unfinished(connection, settings)}
        days = connection.execute(sql.SQL(_FINISHED).format(today=sql.Literal(settings.clock_date())))
        return [day for (day,) in days if day not in open_dates]


def put_away(
    database: Database, lake: Lake, days: Iterable[date], *, in_use: Callable[[], Collection[date]] = tuple
) -> list[date]:
    """Takes the readings of dates out of Postgres that the lake has as the ledger has them, each in its own transaction.

    Every row is read in the lake before its date goes. A date that the lake has in another version stays, for `catch_up` to
    bring over.

    Args:
        database: the ledger.
        lake: with the same dates.
        days: which.
        in_use: asked for the dates that others read now, once nobody else can change the date: these stay.

    Returns:
        The dates that are put away now and were not before.

    Raises:
        LakeUnavailableError: the store does not answer; the date stays where it is.
        LockHeldError, PartitionBusyError: the date is written, or read, all the time.
    """
    return [day for day in days if _put_away(database, lake, day, in_use)]


def _put_away(database: Database, lake: Lake, day: date, in_use: Callable[[], Collection[date]]) -> bool:
    with sessions.begin(database) as writer:
        date_locks.lock_dates(writer, READINGS, [day])
        child = child_tables.attached_child(writer, READINGS, day)
        stored = writer.fetch(sql.SQL(_STORED).format(table=sql.Literal(READINGS.name), day=sql.Literal(day)))
        if child is None or not stored or writer.fetch(sql.SQL(_ERASING)) or day in in_use():
            return False
        ((version,),) = stored
        snapshot = lake.table(READINGS).snapshot()
        if snapshot.ledger_versions.get(day) != version:
            return False
        totals = in_ledger(writer, child.identifier)
        if in_lake(lake, snapshot, day) != totals:
            # A restored ledger gives numbers a second time: the ledger says which rows are meant.
            lake.put_stored(writer, READINGS, [day])
            snapshot = lake.table(READINGS).snapshot()
            if in_lake(lake, snapshot, day) != totals:
                raise LostReadingsError(
                    f"The lake {lake.shown} does not give back the readings of {day} that were written there: "
                    "they stay in Postgres."
                )
        writer.execute(
            sql.SQL("INSERT INTO {} VALUES ({}, {}, {}, {}, {}, {})").format(
                notes.TABLE,
                *map(sql.Literal, (day, version, snapshot.version, totals.rows, totals.kwh, datetime.now(UTC))),
            )
        )
        child_tables.remove(writer, child)
        writer.commit()
    return True
