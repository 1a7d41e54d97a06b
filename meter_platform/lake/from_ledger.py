"""Rows of the ledger on their way into the lake: out of the transaction that makes them, as Arrow.

What belongs here: reading them, exactly and in bounded memory. What does not: the lake.
"""

import io
from collections.abc import Iterator
from datetime import date

import pyarrow as pa
import pyarrow.csv as pc
from psycopg import sql

from meter_platform.warehouse.sessions import Session
from meter_platform.warehouse.tables import Table


def rows_of(session: Session, table: Table, source: sql.Identifier, day: date) -> Iterator[pa.Table]:
    """The rows of a date in the order of the table's key, in which they take the least space.

    Args:
        session: whose transaction may have made them: nobody else needs to see them yet.
        table: whose rows they are.
        source: what has them: the table, or one that will take its place.
        day: the reference date.
    """
    query = sql.SQL("SELECT {} FROM {} WHERE reference_date = {} ORDER BY {}").format(
        sql.SQL(", ").join(map(sql.Identifier, table.arrow_schema.names)),
        source,
        sql.Literal(day),
        sql.SQL(", ").join(map(sql.Identifier, table.key)),
    )
    lines = _Lines(session.copy_out(query))
    if lines.is_empty:
        return
    # Text loses nothing: a number keeps all its digits, and nothing else that the platform stores is inexact.
    with pc.open_csv(
        lines,
        read_options=pc.ReadOptions(column_names=table.arrow_schema.names, block_size=4 << 20, use_threads=False),
        parse_options=pc.ParseOptions(newlines_in_values=True),
        convert_options=pc.ConvertOptions(
            column_types=table.arrow_schema,
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
            null_values=[""],
        ),
    ) as reader:
        for batch in reader:
            yield pa.Table.from_batches([batch])


class _Lines(io.RawIOBase):
    """Blocks of text as a file that is read once."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        super().__init__()
        self._blocks = blocks
        self._waiting = bytearray(next(blocks, b""))
        self.is_empty = not self._waiting

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._waiting) < size:
            block = next(self._blocks, None)
            if block is None:
                break
            self._waiting += block
        taken = bytes(self._waiting[: size if size >= 0 else None])
        del self._waiting[: len(taken)]
        return taken
