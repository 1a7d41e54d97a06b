"""Readings in the lake alone: a date is put away there when it is finished, and taken out before anybody changes it.

What belongs here: moving the readings of a date out of the ledger and back into it, and what the lake has to have of dates
that are put away. What does not: the notes themselves (`warehouse/put_away.py`), and who needs which dates.

Postgres is the working set: whatever changes a date, or reads it in SQL, finds all of its rows there. So taking out is a
transaction of its own, which ends before the first row changes. From there on Postgres has everything, however the change
ends, and the lake may run ahead of the ledger as it always may. Putting away is a transaction, too: the note and the
end of the date's table are one commit. Whoever is killed leaves the date on one side, whole.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from typing import Any, Final

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from meter_platform.contracts.types import with_fewest_decimals
from meter_platform.errors import PermanentError
from meter_platform.lake.delta import LakeTable, Snapshot
from meter_platform.lake.lake import Lake, required_lake
from meter_platform.lake.stores import VARIABLE
from meter_platform.settings import Settings
from meter_platform.warehouse import child_tables, date_locks, finished, sessions, tables
from meter_platform.warehouse import put_away as notes
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.put_away import PutAway
from meter_platform.warehouse.sessions import Session

_READINGS: Final = tables.RAW_METER_READINGS

_MOST_DIGITS: Final = 80
"""Of a sum of energy: more than any has."""

_MICROSECONDS: Final = 60_000_000
"""Of a minute: a sum of smaller units would not fit into 64 bits."""

_STORED: Final = """
SELECT version FROM raw_data.partition_versions
WHERE table_name = {table} AND reference_date = {day} AND rows_stored > 0
"""

_ERASING: Final = "SELECT FROM raw_data.erased_meterpoints WHERE completed_at IS NULL LIMIT 1"
"""An erasure changes rows without a new version, and is on record as completed once the lake has followed."""

_TOTALS: Final = """
SELECT count(*), coalesce(sum(consumption_delta), 0), coalesce(sum(source_file_id), 0)::bigint,
       coalesce(sum(source_position), 0)::bigint,
       coalesce(sum(extract(epoch FROM interval_start) / 60), 0)::bigint
FROM {}
"""

_FINISHED: Final = """
SELECT reference_date FROM raw_data.partition_versions
WHERE table_name = 'raw_meter_readings' AND rows_stored > 0 AND recounted_version = version AND reference_date < {today}
  AND reference_date NOT IN (SELECT reference_date FROM raw_data.dates_put_away)
ORDER BY 1
"""


class LostReadingsError(PermanentError):
    """The lake does not have readings that are kept there alone."""


@dataclass(frozen=True, slots=True)
class _Totals:
    """What the rows of a date add up to: where two sets of rows differ, so do these."""

    rows: int
    kwh: Decimal
    files: int
    positions: int
    minutes: int


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
        date_locks.lock_dates(writer, _READINGS, [day])
        child = child_tables.attached_child(writer, _READINGS, day)
        stored = writer.fetch(sql.SQL(_STORED).format(table=sql.Literal(_READINGS.name), day=sql.Literal(day)))
        if child is None or not stored or writer.fetch(sql.SQL(_ERASING)) or day in in_use():
            return False
        ((version,),) = stored
        snapshot = lake.table(_READINGS).snapshot()
        if snapshot.ledger_versions.get(day) != version:
            return False
        totals = _in_ledger(writer, child.identifier)
        if _in_lake(lake, snapshot, day) != totals:
            # A restored ledger gives numbers a second time: the ledger says which rows are meant.
            lake.put_stored(writer, _READINGS, [day])
            snapshot = lake.table(_READINGS).snapshot()
            if _in_lake(lake, snapshot, day) != totals:
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
        date_locks.lock_dates(writer, _READINGS, away)
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
    batches = lake.table(_READINGS).batches(_kept(lake, note), note.day, ["meterpoint_id"])
    return any(pc.any(pc.is_in(batch["meterpoint_id"], wanted)).as_py() for batch in batches)


def _take_out(writer: Session, note: PutAway, lake: Lake) -> None:
    snapshot = _kept(lake, note)
    child, left_out = child_tables.create_narrow_child(writer, _READINGS, note.day)
    rows = (
        with_fewest_decimals(pa.Table.from_batches([batch]))
        for batch in lake.table(_READINGS).batches(snapshot, note.day)
    )
    for before, alike in left_out.groups(rows):
        if before:
            writer.execute(before)
        writer.copy_stream(left_out.target, left_out.names, alike, constants={"reference_date": note.day}, freeze=True)
    child_tables.complete(writer, child)
    totals = _in_ledger(writer, child.identifier)
    if (totals.rows, totals.kwh) != (note.readings, note.kwh) or not child_tables.add_key(writer, child):
        raise _lost(lake, note)
    writer.execute(sql.SQL("DELETE FROM {} WHERE reference_date = {}").format(notes.TABLE, sql.Literal(note.day)))
    child_tables.publish(writer, child, None)
    writer.commit()


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
        raise _lost(lake, *lost)
    return done


def _put_right(database: Database, lake: Lake, day: date) -> bool:
    with sessions.begin(database) as writer:
        date_locks.lock_dates(writer, _READINGS, [day])
        for note in (PutAway(*row) for row in writer.fetch(notes.notes([day]))):
            with suppress(LostReadingsError):  # whoever asked names all of them
                _write_again(lake, note)
                writer.execute(
                    sql.SQL("UPDATE {} SET lake_version = {} WHERE reference_date = {}").format(
                        notes.TABLE, sql.Literal(lake.table(_READINGS).snapshot().version), sql.Literal(day)
                    )
                )
                writer.commit()
                return True
    return False


def missing(lake: Lake, away: Sequence[PutAway]) -> list[PutAway]:
    """Those dates whose readings the lake does not have as they were put away, now or in its history."""
    if not away:
        return []
    table = lake.table(_READINGS)
    newest = table.snapshot()
    return [note for note in away if _having(table, newest, note) is None]


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


def _write_again(lake: Lake, note: PutAway) -> None:
    table = lake.table(_READINGS)
    snapshot = _kept(lake, note)
    totals = _in_lake(lake, snapshot, note.day)
    if (totals.rows, totals.kwh) != (note.readings, note.kwh):
        raise _lost(lake, note)
    table.replace(
        {note.day: note.version},
        lambda: (pa.Table.from_batches([batch]) for batch in table.batches(snapshot, note.day)),
    )


def strays(database: Database, lake: Lake) -> list[PutAway]:
    """The dates that are put away and that the lake has now in another version, or not at all."""
    with database.connect() as connection:
        away = notes.found(connection)
    if not away:
        return []
    had = lake.table(_READINGS).snapshot().ledger_versions
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


def _kept(lake: Lake, note: PutAway) -> Snapshot:
    """A snapshot of the lake that has a date as it was put away: the newest, or that of then."""
    table = lake.table(_READINGS)
    found = _having(table, table.snapshot(), note)
    if found is None:
        raise _lost(lake, note)
    return found


def _having(table: LakeTable, newest: Snapshot, note: PutAway) -> Snapshot | None:
    for snapshot in (newest, table.earlier(note.lake_version) if note.lake_version < newest.version else None):
        if snapshot and snapshot.ledger_versions.get(note.day) == note.version and table.has_files(snapshot, note.day):
            return snapshot
    return None


def _lost(lake: Lake, *lost: PutAway) -> LostReadingsError:
    days: Sequence[date] = [note.day for note in lost]
    return LostReadingsError(
        f"The lake {lake.shown} does not have the readings of {notes.span(days)} as they were put away (version "
        f"{lost[0].version} of {days[0]}), and Postgres has none of them: bring the lake's files back from a copy, or have "
        "the dates read again from their reading files; docs/operating/lake.md says how."
    )


def _in_ledger(session: Session, table: sql.Identifier) -> _Totals:
    (row,) = session.fetch(sql.SQL(_TOTALS).format(table))
    return _Totals(*row)


def _in_lake(lake: Lake, snapshot: Snapshot, day: date) -> _Totals:
    rows = files = positions = minutes = 0
    kwh = Decimal(0)
    columns = ["consumption_delta", "source_file_id", "source_position", "interval_start"]
    with localcontext(prec=_MOST_DIGITS):
        for batch in lake.table(_READINGS).batches(snapshot, day, columns):
            rows += batch.num_rows
            kwh += _sum(batch["consumption_delta"])
            files += _sum(batch["source_file_id"])
            positions += _sum(batch["source_position"])
            minutes += _sum(pc.divide(batch["interval_start"].cast(pa.int64()), _MICROSECONDS))
    return _Totals(rows, kwh, files, positions, minutes)


def _sum(values: pa.Array) -> Any:  # noqa: ANN401 - of the values' kind
    return pc.sum(values).as_py() or 0
