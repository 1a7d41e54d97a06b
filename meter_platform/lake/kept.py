"""What the lake has of a date whose readings are in it alone, and what a date's rows add up to on either side.

What belongs here: finding the snapshot that has a date as it was put away, and the sums by which two sets of rows are told
apart. What does not: moving the rows (`put_away.py`, `take_out.py`, `put_right.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from meter_platform.errors import PermanentError
from meter_platform.lake.delta import LakeTable, Snapshot
from meter_platform.lake.lake import Lake
from meter_platform.warehouse import put_away as notes
from meter_platform.warehouse import tables
from meter_platform.warehouse.put_away import PutAway
from meter_platform.warehouse.sessions import Session

READINGS: Final = tables.RAW_METER_READINGS
"""The table whose dates are put away: all others are small beside it."""

_MOST_DIGITS: Final = 80
"""Of a sum of energy: more than any has."""

_MICROSECONDS: Final = 60_000_000
"""Of a minute: a sum of smaller units would not fit into 64 bits."""

_TOTALS: Final = """
SELECT count(*), coalesce(sum(consumption_delta), 0), coalesce(sum(source_file_id), 0)::bigint,
       coalesce(sum(source_position), 0)::bigint,
       coalesce(sum(extract(epoch FROM interval_start) / 60), 0)::bigint
FROM {}
"""


class LostReadingsError(PermanentError):
    """The lake does not have readings that are kept there alone."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What the rows of a date add up to: where two sets of rows differ, so do these."""

    rows: int
    kwh: Decimal
    files: int
    positions: int
    minutes: int


def in_ledger(session: Session, table: sql.Identifier) -> Totals:
    """What the rows of a table of one date add up to."""
    (row,) = session.fetch(sql.SQL(_TOTALS).format(table))
    return Totals(*row)


def in_lake(lake: Lake, snapshot: Snapshot, day: date) -> Totals:
    """What a snapshot's rows of a date add up to; read batch by batch."""
    rows = files = positions = minutes = 0
    kwh = Decimal(0)
    columns = ["consumption_delta", "source_file_id", "source_position", "interval_start"]
    with localcontext(prec=_MOST_DIGITS):
        for batch in lake.table(READINGS).batches(snapshot, day, columns):
            rows += batch.num_rows
            kwh += _sum(batch["consumption_delta"])
            files += _sum(batch["source_file_id"])
            positions += _sum(batch["source_position"])
            minutes += _sum(pc.divide(batch["interval_start"].cast(pa.int64()), _MICROSECONDS))
    return Totals(rows, kwh, files, positions, minutes)


def kept(lake: Lake, note: PutAway) -> Snapshot:
    """A snapshot of the lake that has a date as it was put away.

    Raises:
        LostReadingsError: there is none.
        LakeUnavailableError: the store does not answer.
    """
    table = lake.table(READINGS)
    found = having(table, table.snapshot(), note)
    if found is None:
        raise lost_error(lake, note)
    return found


def having(table: LakeTable, newest: Snapshot, note: PutAway) -> Snapshot | None:
    """The snapshot that has a date as it was put away: the newest, or that of then where its files are still there."""
    for snapshot in (newest, table.earlier(note.lake_version) if note.lake_version < newest.version else None):
        if snapshot and snapshot.ledger_versions.get(note.day) == note.version and table.has_files(snapshot, note.day):
            return snapshot
    return None


def lost_error(lake: Lake, *lost: PutAway) -> LostReadingsError:
    """Says which dates the lake does not have, and what can be done."""
    days: Sequence[date] = [note.day for note in lost]
    return LostReadingsError(
        f"The lake {lake.shown} does not have the readings of {notes.span(days)} as they were put away (version "
        f"{lost[0].version} of {days[0]}), and Postgres has none of them: bring the lake's files back from a copy, or have "
        "the dates read again from their reading files; docs/operating/lake.md says how."
    )


def _sum(values: pa.Array) -> Any:  # noqa: ANN401 - of the values' kind
    return pc.sum(values).as_py() or 0
