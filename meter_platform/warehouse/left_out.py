"""Columns that have one value in every row of a new table: the table is filled without them, and they take no room in it.

A column that is added to a table with a constant has that constant in every row that is there, and Postgres keeps it once.
So a date whose files say nothing of registers and meters is as small, and is copied as fast, as if nobody had asked.
Serial numbers are no such constant: they are somebody's, and what Postgres keeps of a column nobody could erase.

What belongs here: which columns a new table is without, and adding them. What does not: filling tables
(`child_tables.py`, `ingestion/new_rows.py`).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from meter_platform.contracts.readings import UNSAID
from meter_platform.warehouse.tables import Table

_VARIES: Final = object()


class LeftOut:
    """The columns that a new table does not have yet, each with the one value of all its rows.

    Args:
        target: the new table. It was created without them.
        table: whose contract its rows obey.
        values: the columns and their values; `None` while there is no row: then it is without those of UNSAID.
    """

    def __init__(self, target: sql.Identifier, table: Table, values: Mapping[str, Any] | None = None) -> None:
        self.target = target
        self._table = table
        self._values = dict(values) if values is not None else dict.fromkeys(UNSAID, _VARIES)
        self._is_empty = values is None

    @property
    def values(self) -> dict[str, Any]:
        """The columns, and their values."""
        return dict(UNSAID) if self._is_empty else dict(self._values)

    @property
    def names(self) -> list[str]:
        """The columns that the table has."""
        return [name for name in self._table.arrow_schema.names if name not in self._values]

    def groups(self, rows: Iterable[pa.Table]) -> Iterator[tuple[sql.Composed | None, Iterator[pa.Table]]]:
        """Rows, as many together as can be copied at once.

        Args:
            rows: with the contract's columns, but perhaps those of UNSAID.

        Yields:
            What is to be done to the table before, and the rows with the columns that it has then.
        """
        tables = iter(rows)
        held = next(tables, None)
        while held is not None:
            others: list[pa.Table] = []
            yield self.admit(held), self._alike(held, tables, others)
            held = others.pop() if others else None

    def _alike(self, first: pa.Table, tables: Iterator[pa.Table], others: list[pa.Table]) -> Iterator[pa.Table]:
        yield self.fitting(first)
        for rows in tables:
            if self._differing(rows):
                others.append(rows)
                return
            yield self.fitting(rows)

    def admit(self, rows: pa.Table) -> sql.Composed | None:
        """Says what is to be done to the table before rows are copied, if anything; from then on it counts as done."""
        if self._is_empty:
            self._values = {name: _constant(rows, name) for name in self._values}
            self._is_empty = False
            return self._added([name for name, value in self._values.items() if value is _VARIES])
        return self._added(self._differing(rows))

    def admit_rows_of(self, source: sql.Identifier, fetch: Any) -> sql.Composed | None:  # noqa: ANN401 - a session's method
        """The same before rows of another table are copied.

        Args:
            source: a table with all columns of the contract.
            fetch: runs a query, and returns its rows.
        """
        if not self._values:
            return None
        values = self.values
        ((*differ,),) = fetch(
            sql.SQL("SELECT {} FROM {}").format(
                sql.SQL(", ").join(
                    sql.SQL("bool_or({} IS DISTINCT FROM {})").format(sql.Identifier(name), sql.Literal(value))
                    for name, value in values.items()
                ),
                source,
            )
        )
        self._values, self._is_empty = values, False
        return self._added([name for name, differs in zip(values, differ, strict=True) if differs])

    def complete(self) -> sql.Composed | None:
        """What adds all columns that are left, if any are."""
        self._values, self._is_empty = self.values, False
        return self._added(list(self._values))

    def fitting(self, rows: pa.Table) -> pa.Table:
        """Rows with the columns that the table has."""
        return with_particulars(rows).select(self.names) if len(self._values) < len(UNSAID) else rows.select(self.names)

    def _differing(self, rows: pa.Table) -> list[str]:
        return [name for name, value in self._values.items() if _single(rows, name) != value]

    def _added(self, names: list[str]) -> sql.Composed | None:
        """Adds columns to the table; those with a value have it in all rows that are there."""
        if not names:
            return None
        values = {name: self._values.pop(name) for name in names}
        constants = {name: value for name, value in values.items() if value is not None and value is not _VARIES}
        columns = [
            sql.SQL("ADD COLUMN {}{}").format(
                self._table.definition(name, checked=name not in constants),
                sql.SQL(" DEFAULT {}").format(sql.Literal(constants[name])) if name in constants else sql.SQL(""),
            )
            for name in names
        ]
        alters = [columns]
        if constants:
            alters.append([sql.SQL("ALTER COLUMN {} DROP DEFAULT").format(sql.Identifier(name)) for name in constants])
            # The one value of the rows that are there obeys. To have Postgres see it would take an eighth of a load's time.
            alters[-1] += [
                sql.SQL("ADD {} NOT VALID").format(check) for name in constants for check in self._table.checks(name)
            ]
        return sql.SQL("; ").join(
            sql.SQL("ALTER TABLE {} {}").format(self.target, sql.SQL(", ").join(alter)) for alter in alters
        )


def _constant(rows: pa.Table, name: str) -> Any:  # noqa: ANN401 - a value of any column
    """The value that a column may be left out with; `_VARIES` where it has to be there."""
    value = _single(rows, name)
    return _VARIES if name == "serial" and value != UNSAID[name] else value


def _single(rows: pa.Table, name: str) -> Any:  # noqa: ANN401 - a value of any column
    """The value that a column has in every row; `_VARIES` where there is none."""
    if name not in rows.column_names:
        return UNSAID[name]
    column = rows[name]
    if column.null_count:
        return None if column.null_count == len(column) else _VARIES
    first = column[0]
    return first.as_py() if pc.all(pc.equal(column, first)).as_py() else _VARIES


def with_particulars(rows: pa.Table) -> pa.Table:
    """Readings with the columns of UNSAID, also where their file says nothing of them."""
    for name, value in UNSAID.items():
        if name not in rows.column_names:
            kind = pa.timestamp("us", tz="UTC") if value is None else pa.string()
            rows = rows.append_column(name, pa.repeat(pa.scalar(value, kind), rows.num_rows))
    return rows
