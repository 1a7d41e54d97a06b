"""Readings of dates that are put away, brought back from the lake into Postgres before anybody changes or reads them.

What belongs here: taking dates out. What does not: putting them away (`put_away.py`), what the lake has of them (`kept.py`).
"""

from collections.abc import Callable, Collection, Iterable
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from meter_platform.contracts.types import with_fewest_decimals
from meter_platform.errors import PermanentError
from meter_platform.lake.kept import READINGS, in_ledger, kept, lost_error
from meter_platform.lake.lake import Lake
from meter_platform.warehouse import child_tables, date_locks, sessions
from meter_platform.warehouse import put_away as notes
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.put_away import PutAway
from meter_platform.warehouse.sessions import Session


def have_in_postgres(database: Database, days: Iterable[date], open_lake: Callable[[], Lake | None]) -> list[date]:
    """Takes dates out that are put away, for whoever is about to read them in SQL.

    Args:
        database: the ledger.
        days: which.
        open_lake: opens the lake, where a date is in it; see `take_out`.

    Returns:
        The dates that were taken out.
    """
    with sessions.begin(database) as writer:
        away = [PutAway(*row).day for row in writer.fetch(notes.notes(days))]
        if not away:
            return []
        lake = open_lake()
        date_locks.lock_dates(writer, READINGS, away)
        return take_out(writer, away, lake)


def take_out(writer: Session, days: Iterable[date], lake: Lake | None) -> list[date]:
    """Brings the readings of dates that are put away back into Postgres, exactly; others are as they are.

    Args:
        writer: that has the locks of the dates, and nothing to commit: each date is a transaction of its own.
        days: which.
        lake: that has them; `None` where the settings name none.

    Returns:
        The dates that were taken out.

    Raises:
        PermanentError: a date is put away, and there is no lake.
        LostReadingsError: the lake does not have a date as it was put away.
        LakeUnavailableError: the store does not answer; the date stays put away.
    """
    away = [PutAway(*row) for row in writer.fetch(notes.notes(days))]
    if away and lake is None:
        raise PermanentError(notes.sentence([note.day for note in away]))
    for note in away:
        if lake:
            _take_out(writer, note, lake)
    return [note.day for note in away]


def take_out_naming(writer: Session, day: date, lake: Lake | None, meterpoints: Collection[str]) -> list[date]:
    """The same of one date, where it has readings of some meterpoints."""
    away = [PutAway(*row) for row in writer.fetch(notes.notes([day]))]
    if away and lake and not _names(lake, away[0], meterpoints):
        return []
    return take_out(writer, [day], lake)


def _names(lake: Lake, note: PutAway, meterpoints: Collection[str]) -> bool:
    wanted = pa.array(meterpoints, pa.string())
    batches = lake.table(READINGS).batches(kept(lake, note), note.day, ["meterpoint_id"])
    return any(pc.any(pc.is_in(batch["meterpoint_id"], wanted)).as_py() for batch in batches)


def _take_out(writer: Session, note: PutAway, lake: Lake) -> None:
    snapshot = kept(lake, note)
    child, left_out = child_tables.create_narrow_child(writer, READINGS, note.day)
    rows = (
        with_fewest_decimals(pa.Table.from_batches([batch]))
        for batch in lake.table(READINGS).batches(snapshot, note.day)
    )
    for before, alike in left_out.groups(rows):
        if before:
            writer.execute(before)
        writer.copy_stream(left_out.target, left_out.names, alike, constants={"reference_date": note.day}, freeze=True)
    child_tables.complete(writer, child)
    totals = in_ledger(writer, child.identifier)
    if (totals.rows, totals.kwh) != (note.readings, note.kwh) or not child_tables.add_key(writer, child):
        raise lost_error(lake, note)
    writer.execute(sql.SQL("DELETE FROM {} WHERE reference_date = {}").format(notes.TABLE, sql.Literal(note.day)))
    child_tables.publish(writer, child, None)
    writer.commit()
