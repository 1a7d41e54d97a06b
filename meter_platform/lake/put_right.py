"""Dates that are put away, after a restore: whether the lake still has them, and making it the version that Postgres speaks of.

What belongs here: what the lake does not have, or has in another version now, and writing it again. What does not: moving dates
(`put_away.py`, `take_out.py`).
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from meter_platform.errors import PermanentError
from meter_platform.lake.kept import READINGS, LostReadingsError, having, in_lake, kept, lost_error
from meter_platform.lake.lake import Lake, required_lake
from meter_platform.lake.stores import VARIABLE
from meter_platform.settings import Settings
from meter_platform.warehouse import date_locks, sessions
from meter_platform.warehouse import put_away as notes
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.put_away import PutAway


def put_right(database: Database, lake: Lake) -> list[date]:
    """Makes the versions that the ledger speaks of those of the lake again, after the ledger was restored from a backup.

    They are in the lake's history as long as its files are: `lake tidy` removes none before this was done.

    Returns:
        The dates whose readings were put right.

    Raises:
        LostReadingsError: the readings of a date are not to be had any more. The others were put right.
    """
    done = [stray.day for stray in strays(database, lake) if _put_right(database, lake, stray.day)]
    with database.connect() as connection:
        away = notes.found(connection)
    if lost := missing(lake, away):
        raise lost_error(lake, *lost)
    return done


def _put_right(database: Database, lake: Lake, day: date) -> bool:
    with sessions.begin(database) as writer:
        date_locks.lock_dates(writer, READINGS, [day])
        for note in (PutAway(*row) for row in writer.fetch(notes.notes([day]))):
            with suppress(LostReadingsError):  # whoever asked names all of them
                _write_again(lake, note)
                writer.execute(
                    sql.SQL("UPDATE {} SET lake_version = {} WHERE reference_date = {}").format(
                        notes.TABLE, sql.Literal(lake.table(READINGS).snapshot().version), sql.Literal(day)
                    )
                )
                writer.commit()
                return True
    return False


def _write_again(lake: Lake, note: PutAway) -> None:
    table = lake.table(READINGS)
    snapshot = kept(lake, note)
    totals = in_lake(lake, snapshot, note.day)
    if (totals.rows, totals.kwh) != (note.readings, note.kwh):
        raise lost_error(lake, note)
    table.replace(
        {note.day: note.version},
        lambda: (pa.Table.from_batches([batch]) for batch in table.batches(snapshot, note.day)),
    )


def missing(lake: Lake, away: Sequence[PutAway]) -> list[PutAway]:
    """Those dates whose readings the lake does not have as they were put away, now or in its history."""
    if not away:
        return []
    table = lake.table(READINGS)
    newest = table.snapshot()
    return [note for note in away if having(table, newest, note) is None]


def strays(database: Database, lake: Lake) -> list[PutAway]:
    """The dates that are put away and that the lake has now in another version, or not at all."""
    with database.connect() as connection:
        away = notes.found(connection)
    if not away:
        return []
    had = lake.table(READINGS).snapshot().ledger_versions
    return [note for note in away if had.get(note.day) != note.version]


def refuse_strays(database: Database, lake: Lake) -> None:
    """Refuses to go on where files are about to be removed that a date may need.

    Raises:
        PermanentError: the lake has to be put right first.
    """
    if stray := [note.day for note in strays(database, lake)]:
        raise PermanentError(
            f"The lake {lake.shown} has other versions of {notes.span(stray)} than Postgres speaks of, as after a restore: "
            "nothing is removed before `meter-platform lake sync` has put them right."
        )


def faults(connection: psycopg.Connection[Any], settings: Settings) -> list[str]:
    """What is wrong with the dates that are put away by the word of a database, such as one that was restored, in words."""
    away = notes.found(connection)
    if not away:
        return []
    if not settings.lake_url:
        return [
            f"the readings of {notes.span([note.day for note in away])} are in a lake, and none is set ({VARIABLE})"
        ]
    lake = required_lake(settings)
    if lost := missing(lake, away):
        return [f"the lake {lake.shown} does not have the readings of {notes.span([note.day for note in lost])}"]
    return []
