"""Reads whole tables a page at a time: a page takes as long in a table of 24 million rows as in one of 48.

What belongs here: which dates a table has, about how many rows, and the next page after a row. What does not: figures.

No page counts rows or skips them. A table is walked date by date in the order of its key, and a page begins after the
last row of the page before (keyset paging): each is one probe of an index. Sizes are Postgres's own estimates, which
loading keeps fresh.
"""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from meter_platform.warehouse import tables
from meter_platform.warehouse.reader import Reader, fetch_arrow, stored_dates
from meter_platform.warehouse.tables import Table

if TYPE_CHECKING:
    import pyarrow as pa

PAGE_ROWS: Final = 200

_BY_FILE: Final = frozenset(
    table.name
    for table in (
        tables.SOURCE_FILES,
        tables.SOURCE_FILE_VERSIONS,
        tables.NEWEST_FILE_VERSIONS,
        tables.WITHDRAWALS,
    )
)
"""Tables whose rows span dates: a file version has those that `source_file_dates` lists."""

_DATES_OF_FILES: Final = tables.SOURCE_FILE_DATES


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a page begins: after the row with this key, within this date."""

    day: date | None
    key: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Rows of a table, in the order of date and key.

    Attributes:
        rows: with the contract's columns.
        next: where the following page begins; `None` at the end.
    """

    rows: "pa.Table"
    next: Place | None


def dates_of(reader: Reader, table: Table) -> list[date]:
    """The reference dates that rows of a table belong to, in order."""
    return reader.dates((_DATES_OF_FILES if table.name in _BY_FILE else table).qualified_name)


def about_rows(reader: Reader, table: Table) -> int | None:
    """How many rows a table has by Postgres's estimate; `None` where it has made none yet."""
    named = tables.SOURCE_FILE_VERSIONS if table.view else table
    estimate = reader.value(
        """
SELECT sum(greatest(reltuples, 0))::bigint FROM pg_class
WHERE oid = %(table)s::regclass AND reltuples >= 0 AND relkind <> 'p'
   OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = %(table)s::regclass)""",
        {"table": named.qualified_name},
    )
    return None if estimate is None else int(estimate)


def page(
    reader: Reader, table: Table, first: date, last: date, *, after: Place | None = None, rows: int = PAGE_ROWS
) -> Page:
    """Some rows of a table.

    Args:
        reader: where.
        table: which.
        first: of the reference dates whose rows are wanted.
        last: the same, included.
        after: where the page begins; at the start unless given.
        rows: how many, at most.
    """
    import pyarrow as pa  # noqa: PLC0415 - `status` does without

    order = _order(table)
    with reader.session() as connection:
        if table.name in _BY_FILE:
            # Files that are quarantined have no dates, and belong to every range.
            any_date = sql.SQL("outcome <> 'read'" if "outcome" in table.arrow_schema.names else "false")
            condition = sql.SQL(
                "{} OR source_file_id IN (SELECT source_file_id FROM {} WHERE reference_date BETWEEN {} AND {})"
            ).format(any_date, _DATES_OF_FILES.identifier, sql.Literal(first), sql.Literal(last))
            found = _rows(reader, connection, table, condition, start=after.key if after else None, limit=rows + 1)
        else:
            begin = after.day if after and after.day else first
            parts, missing = [_rows(reader, connection, table, sql.SQL("false"), start=None, limit=0)], rows + 1
            for day in stored_dates(connection, table.qualified_name):
                if begin <= day <= last and missing:
                    start = after.key if after and after.day == day else None
                    condition = sql.SQL("reference_date = {}").format(sql.Literal(day))
                    parts.append(_rows(reader, connection, table, condition, start=start, limit=missing))
                    missing -= parts[-1].num_rows
            # Decimals come at the scale of each part, and the text of an empty part is of no type yet.
            filled = [part for part in parts if part.num_rows] or parts
            found = pa.concat_tables(filled, promote_options="permissive")
    if found.num_rows <= rows:
        return Page(rows=found, next=None)
    kept = found.slice(0, rows)
    final = kept.slice(rows - 1).to_pylist()[0]
    day_of_final = None if table.name in _BY_FILE else final["reference_date"]
    return Page(rows=kept, next=Place(day=day_of_final, key=tuple(final[name] for name in order)))


def _rows(
    reader: Reader,
    connection: psycopg.Connection[Any],
    table: Table,
    condition: sql.Composable,
    *,
    start: tuple[Any, ...] | None,
    limit: int,
) -> "pa.Table":
    names = sql.SQL(", ").join(map(sql.Identifier, _order(table)))
    if start is not None:
        begin = sql.SQL(", ").join(map(sql.Literal, start))
        condition = sql.SQL("({}) AND ({}) > ({})").format(condition, names, begin)
    query = sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY {} LIMIT {}").format(
        _columns(table), table.identifier, condition, names, sql.Literal(limit)
    )
    return fetch_arrow(connection, query, timezone=reader.timezone)


def _order(table: Table) -> list[str]:
    """The columns that the rows of a date are ordered by; of a table with one row a date the date."""
    return [name for name in table.key if name != "reference_date"] or ["reference_date"]


def _columns(table: Table) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
