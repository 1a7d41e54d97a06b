"""Where the new readings of a load are until their dates are published: in tables that nobody else sees.

What belongs here: making these tables, filling them, and taking out what turned out not to count. What does not: which
rows there are (`load.py`), and how a date changes in one moment (`publish.py`).

Each of the three ways suits other dates. The readings of one date are copied straight into its new child table. So are
those of several dates that have no readings yet, a million at a time, which are put in order of their dates before. Those
of dates some of which have readings are together in a temporary table, so that each file is read once and each date can be
published by itself.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime
from operator import itemgetter
from typing import ClassVar, Final

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from meter_platform import settlement
from meter_platform.contracts.readings import UNSAID
from meter_platform.warehouse import child_tables, tables
from meter_platform.warehouse.child_tables import Child
from meter_platform.warehouse.left_out import LeftOut
from meter_platform.warehouse.sessions import Session
from meter_platform.warehouse.validation import validate

_TABLE: Final = tables.RAW_METER_READINGS
_MIXED: Final = sql.Identifier("new_readings")

MOST_TOGETHER: Final = 400
"""Dates that are published in one transaction: each takes five of the server's locks until it ends, of some 6,000."""

_ROUND_ROWS: Final = 1 << 20
"""Rows that are sorted into their children at a time, some 70 MB. A COPY takes a millisecond before its first row: of a year
there are as many for each round as dates."""


class NewRows(ABC):
    """The new readings of some dates.

    Attributes:
        dates: all dates.
        started: when the load began, an aware time; the `loaded_at` of every row.
        together: whether all dates are published in one transaction.
    """

    together: ClassVar[bool] = False
    _fresh: ClassVar[bool] = False
    """Whether rows are copied straight into one table of this transaction."""
    _left_out: LeftOut
    """The table that rows are copied into, where there is one for all, and the columns that it does not have yet."""

    def __init__(self, writer: Session, dates: Sequence[date], started: datetime) -> None:
        """Makes the tables.

        Args:
            writer: the transaction that publishes the rows.
            dates: all dates.
            started: when the load began.
        """
        self._writer = writer
        self.dates = dates
        self.started = started

    @abstractmethod
    def _holding(self, days: Iterable[date]) -> Sequence[sql.Identifier]:
        """The tables that have the rows of these dates."""

    @abstractmethod
    def child(self, day: date) -> Child:
        """The date's new child, filled."""

    @abstractmethod
    def drop(self, day: date) -> None:
        """Leaves the date as it is: nothing has come for it."""

    def _constants(self) -> dict[str, date | datetime]:
        """Columns that have one value in every row."""
        return {"loaded_at": self.started}

    def fill(self, readings: Iterable[pa.Table]) -> None:
        """Validates readings, and keeps those of the wanted dates. They are made in another thread.

        Raises:
            ContractViolationError: a reading breaks the contract.
        """
        for before, rows in self._left_out.groups(self._validated(readings)):
            if before:
                self._writer.execute(before)
            self._writer.copy_stream(
                self._left_out.target,
                self._left_out.names,
                rows,
                constants=self._constants(),
                freeze=self._fresh,
            )

    def _validated(self, readings: Iterable[pa.Table]) -> Iterator[pa.Table]:
        started = pa.scalar(self.started, settlement.INSTANT)
        dates = pa.array(self.dates, pa.date32())
        for table in readings:
            is_wanted = pc.is_in(table["reference_date"], dates)
            wanted = table if pc.all(is_wanted).as_py() else table.filter(is_wanted)
            if wanted.num_rows:
                stamped = wanted.append_column("loaded_at", pa.repeat(started, wanted.num_rows))
                yield validate(_TABLE, stamped, unique=False, without=unsaid(stamped))

    def credit(self, number: int, version: int, days: Sequence[date]) -> None:
        """Hands rows of some dates over from one version to another."""
        for table in self._holding(days):
            self._writer.execute(
                sql.SQL(
                    "UPDATE {} SET source_file_id = {} WHERE source_file_id = {} AND reference_date = ANY({}::date[])"
                ).format(table, sql.Literal(version), sql.Literal(number), sql.Literal(list(days)))
            )

    def retract(self, rows: Sequence[pa.Table]) -> None:
        """Takes out single rows that turned out not to count."""
        if not rows:
            return
        retracted = sql.Identifier("retracted_readings")
        self._writer.execute(
            sql.SQL("CREATE TEMP TABLE {} (source_file_id bigint, source_position integer) ON COMMIT DROP").format(
                retracted
            )
        )
        self._writer.copy(retracted, pa.concat_tables(rows))
        self._writer.execute(sql.SQL("ANALYZE {}").format(retracted))
        for table in self._holding(self.dates):
            self._writer.execute(
                sql.SQL(
                    "DELETE FROM {} AS reading USING {} AS retracted "
                    "WHERE (reading.source_file_id, reading.source_position) "
                    "= (retracted.source_file_id, retracted.source_position)"
                ).format(table, retracted)
            )

    def remove(self, versions: Sequence[int]) -> None:
        """Takes out what turned out not to count."""
        for table in self._holding(self.dates) if versions else ():
            self._writer.execute(
                sql.SQL("DELETE FROM {} WHERE source_file_id = ANY({}::bigint[])").format(
                    table, sql.Literal(list(versions))
                )
            )


class RowsOfADate(NewRows):
    """The new readings of one date, in its new child."""

    _fresh = True

    def __init__(self, writer: Session, dates: Sequence[date], started: datetime) -> None:
        super().__init__(writer, dates, started)
        self._child, self._left_out = child_tables.create_narrow_child(writer, _TABLE, dates[0])

    def _holding(self, days: Iterable[date]) -> Sequence[sql.Identifier]:  # noqa: ARG002 - there is one date
        return [self._child.identifier]

    def _constants(self) -> dict[str, date | datetime]:
        return {**super()._constants(), "reference_date": self._child.day}

    def child(self, day: date) -> Child:  # noqa: ARG002 - there is one date
        """The date's new child, filled."""
        return self._child

    def drop(self, day: date) -> None:  # noqa: ARG002 - there is one date
        """Leaves the date as it is: nothing has come for it."""
        self._writer.execute(sql.SQL("DROP TABLE {}").format(self._child.identifier))


class RowsOfFirstLoads(NewRows):
    """The new readings of dates that have none yet, each in its new child."""

    together = True

    def __init__(self, writer: Session, dates: Sequence[date], started: datetime) -> None:
        super().__init__(writer, dates, started)
        self._children = {day: child_tables.create_narrow_child(writer, _TABLE, day) for day in dates}

    def _holding(self, days: Iterable[date]) -> Sequence[sql.Identifier]:
        return [self.child(day).identifier for day in days]

    def fill(self, readings: Iterable[pa.Table]) -> None:
        """Validates readings, and keeps those of the wanted dates. They are made in another thread.

        Raises:
            ContractViolationError: a reading breaks the contract.
        """
        self._writer.copy_to_each(
            (left_out.target, left_out.admit(rows), left_out.fitting(rows))
            for gathered in rounds(self._validated(readings), least=_ROUND_ROWS)
            for day, rows in by_date(gathered)
            for _, left_out in [self._children[day]]
        )

    def child(self, day: date) -> Child:
        """The date's new child, filled."""
        return self._children[day][0]

    def drop(self, day: date) -> None:
        """Leaves the date as it is: nothing has come for it."""
        self._writer.execute(sql.SQL("DROP TABLE {}").format(self.child(day).identifier))


class RowsOfSomeDates(NewRows):
    """The new readings of any dates, in a temporary table."""

    def __init__(self, writer: Session, dates: Sequence[date], started: datetime) -> None:
        super().__init__(writer, dates, started)
        self._left_out = LeftOut(_MIXED, _TABLE)
        columns = _TABLE.definitions(checked=False, without=self._left_out.values)
        writer.execute(sql.SQL("CREATE TEMP TABLE {} ({})").format(_MIXED, columns))
        self._indexed = False

    def _holding(self, days: Iterable[date]) -> Sequence[sql.Identifier]:  # noqa: ARG002 - they are all together
        return [_MIXED]

    def child(self, day: date) -> Child:
        """The date's new child, filled."""
        if not self._indexed:
            self._writer.execute(sql.SQL("CREATE INDEX ON {} (reference_date)").format(_MIXED))
            self._writer.execute(sql.SQL("ANALYZE {}").format(_MIXED))
            self._indexed = True
        child, _ = child_tables.create_narrow_child(self._writer, _TABLE, day, values=self._left_out.values)
        child_tables.append(self._writer, child, _MIXED, sql.SQL("reference_date = {}").format(sql.Literal(day)))
        return child

    def drop(self, day: date) -> None:
        """Leaves the date as it is: nothing has come for it."""


def new_rows(writer: Session, dates: Sequence[date], started: datetime) -> NewRows:
    """Tables for the new readings of these dates, in the way that suits them.

    Args:
        writer: the transaction that publishes the rows; it has the locks of the dates.
        dates: all dates.
        started: when the load began, an aware time.
    """
    if len(dates) == 1:
        return RowsOfADate(writer, dates, started)
    if len(dates) <= MOST_TOGETHER and not child_tables.attached_days(writer, _TABLE).intersection(dates):
        return RowsOfFirstLoads(writer, dates, started)
    return RowsOfSomeDates(writer, dates, started)


def unsaid(readings: pa.Table) -> Collection[str]:
    """The columns that readings are without because their file says nothing of them: all of UNSAID, or none."""
    return [name for name in UNSAID if name not in readings.column_names]


def rounds(tables: Iterable[pa.Table], *, least: int) -> Iterator[list[pa.Table]]:
    """The same tables, as many together as have enough rows.

    Args:
        tables: of the same columns. The scale of their decimals may differ, and no type is wide enough for all of them: what
            differs stays apart.
        least: how many rows are gathered before they are handed over.
    """
    gathered: dict[pa.Schema, list[pa.Table]] = {}
    count = 0
    for table in tables:
        gathered.setdefault(table.schema, []).append(table)
        count += table.num_rows
        if count >= least:
            yield from gathered.values()
            gathered, count = {}, 0
    yield from gathered.values()


def by_date(gathered: list[pa.Table]) -> Iterator[tuple[date, pa.Table]]:
    """The rows of each reference date, in order of dates.

    Args:
        gathered: tables of one schema. The list is emptied, and what is handed over are copies: a round of rows is in memory
            once while it is put in order, and no longer when the next one is gathered.
    """
    rows = _in_one_piece(gathered)
    dates = rows["reference_date"]
    order = pc.sort_indices(dates)
    begin = 0
    for found in sorted(pc.value_counts(dates).to_pylist(), key=itemgetter("values")):
        yield found["values"], rows.take(order.slice(begin, found["counts"]))
        begin += found["counts"]


def _in_one_piece(gathered: list[pa.Table]) -> pa.Table:
    """The rows of the tables, each column in one chunk, for rows are picked from many chunks slowly. Empties the list."""
    rows = pa.concat_tables(gathered)
    gathered.clear()
    for place, name in enumerate(rows.column_names):
        # Column by column: one that has been copied is let go before the next.
        rows = rows.set_column(place, name, rows[name].combine_chunks())
    return rows
