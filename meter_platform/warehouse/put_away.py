"""Reference dates that are put away: their readings are in the lake alone, and the ledger has a note that says so.

What belongs here: the notes, and what to say to whoever wants such readings of Postgres. What does not: moving readings
(`lake/put_away.py`, `lake/take_out.py`), and heavy imports: `meter-platform status` asks, too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

import psycopg
from psycopg import sql

TABLE: Final = sql.Identifier("raw_data", "dates_put_away")

_NOTES: Final = sql.SQL(
    "SELECT reference_date, version, lake_version, readings, consumption_kwh FROM {} WHERE {} ORDER BY 1"
)


@dataclass(frozen=True, slots=True)
class PutAway:
    """A date whose readings are in the lake alone.

    Attributes:
        day: the date.
        version: of its readings, by the ledger.
        lake_version: of the lake's table, in which they were found.
        readings: how many there are.
        kwh: of them together.
    """

    day: date
    version: int
    lake_version: int
    readings: int
    kwh: Decimal


def notes(days: Iterable[date] | None = None) -> sql.Composed:
    """The query for the notes, in order of dates; each row makes a `PutAway`.

    Args:
        days: of these dates alone; of all unless given.
    """
    among = (
        sql.SQL("true") if days is None else sql.SQL("reference_date = ANY({}::date[])").format(sql.Literal(list(days)))
    )
    return _NOTES.format(TABLE, among)


def found(connection: psycopg.Connection[Any], days: Iterable[date] | None = None) -> list[PutAway]:
    """The dates that are put away, in order: among some, or all."""
    return [PutAway(*row) for row in connection.execute(notes(days))]


def span(days: Sequence[date]) -> str:
    """Dates in words: which one, or how many from which to which."""
    return f"{days[0]}" if len(days) == 1 else f"{len(days):,} dates ({days[0]} to {days[-1]})"


def sentence(days: Sequence[date]) -> str:
    """What to say to whoever looks for readings of dates that are put away, and how to have them in Postgres.

    Args:
        days: the dates, in order; not empty.
    """
    return (
        f"The readings of {span(days)} are put away: they are in the lake alone, and raw_data.raw_meter_readings has none "
        f"of them. `meter-platform lake take-out --from {days[0]} --to {days[-1]}` brings them into Postgres."
    )
