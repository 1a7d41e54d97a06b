"""One connection to Postgres and its transaction, with the few calls that writers need.

What belongs here: statements, COPY in and out, savepoints. What does not: which rows are written (`partitions.py`,
`ingestion/`), and connecting (`database.py`).
"""

import os
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import date, datetime
from typing import Any, Final

import psycopg
import pyarrow as pa
from pgpq import ArrowToPostgresBinaryEncoder
from psycopg import sql

from meter_platform.stages import run_ahead
from meter_platform.warehouse.database import Database

_COPY_ROWS: Final = 65_536
"""Rows encoded at a time, some 5 MB: they fit into the processor's cache, and the connection takes them in a few calls."""

_SEND_BUFFER_BYTES: Final = 4 << 20
"""The send buffer that is asked for; the system gives as much of it as it allows."""


class Session:
    """One connection to Postgres and its transaction, with the few calls that writers need.

    Attributes:
        impatient: a date of this session has waited long to be published: the dates after it do not begin with short waits
            again.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self.impatient = False

    def execute(self, statement: sql.SQL | sql.Composed) -> None:
        """Runs a statement in the session's transaction.

        Raises:
            psycopg.Error: Postgres refuses it; the transaction is then of no more use, unless within `savepoint`.
        """
        self._connection.execute(statement)

    def fetch(self, statement: sql.SQL | sql.Composed) -> list[tuple[Any, ...]]:
        """Runs a query and returns its rows."""
        return self._connection.execute(statement).fetchall()

    def copy(self, target: sql.Identifier, rows: pa.Table) -> None:
        """Appends rows to a table by binary COPY.

        Args:
            target: the table.
            rows: with columns of the table's names.
        """
        if rows.num_rows:
            self._copy(target, rows.column_names, _encoded([rows]), freeze=False)

    def copy_stream(
        self,
        target: sql.Identifier,
        names: Iterable[str],
        tables: Iterable[pa.Table],
        *,
        constants: Mapping[str, date | datetime] | None = None,
        freeze: bool = False,
    ) -> None:
        """Appends rows to a table by one binary COPY, which takes them while those after them are made and encoded.

        Args:
            target: the table.
            names: of its columns.
            tables: the rows, with these columns. They are made in another thread.
            constants: columns that have one value in every row. They become the column's default while the rows are copied,
                which spares a sixth of the server's work; the table must be one that no one else uses.
            freeze: copy with `FREEZE`, so that no later reader has to look up whether this transaction was committed. The
                table must have been created in this transaction.
        """
        alter = sql.SQL("ALTER TABLE {} ALTER COLUMN {} {} DEFAULT {}")
        constants = constants or {}
        for name, value in constants.items():
            self.execute(alter.format(target, sql.Identifier(name), sql.SQL("SET"), sql.Literal(value)))
        copied = [name for name in names if name not in constants]
        self._buffer_generously()
        # Closed, so that the thread that makes rows ends when the server refuses some.
        with closing(run_ahead(_encoded(table.select(copied) for table in tables))) as blocks:
            self._copy(target, copied, blocks, freeze=freeze)
        for name in constants:
            self.execute(alter.format(target, sql.Identifier(name), sql.SQL("DROP"), sql.SQL("")))

    def copy_to_each(self, parts: Iterable[tuple[sql.Identifier, sql.Composed | None, pa.Table]]) -> None:
        """Appends rows to tables by binary COPY, while those after them are made and encoded.

        Args:
            parts: each a table that was created in this transaction, a statement to run before, and rows with columns of
                the table's names. They are made in another thread.
        """
        encoded = (
            (target, None if begin else before, rows.column_names, b"".join(_encoded([rows.slice(begin, _COPY_ROWS)])))
            for target, before, rows in parts
            for begin in range(0, rows.num_rows, _COPY_ROWS)
        )
        self._buffer_generously()
        with closing(run_ahead(encoded)) as ahead:
            for target, before, names, block in ahead:
                if before:
                    self.execute(before)
                self._copy(target, names, [block], freeze=True)

    def copy_out(self, query: sql.Composed) -> Iterator[bytes]:
        """The rows of a query as CSV, some at a time; no statement may run in the session until the last was taken."""
        statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(query)
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for block in copy:
                yield bytes(block)

    def _buffer_generously(self) -> None:
        """Enlarges the send buffer of a connection to a server on this machine, so that it holds two blocks of rows.

        While rows are made, the thread that sends them often waits for the interpreter's lock. Meanwhile the server works on
        what is in the buffer. The buffer of a network connection grows by itself unless it is set, and is left alone.
        """
        if not self._connection.info.host.startswith("/"):
            return
        with socket.socket(fileno=os.dup(self._connection.fileno())) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)

    def _copy(self, target: sql.Identifier, names: Sequence[str], blocks: Iterable[bytes], *, freeze: bool) -> None:
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary, FREEZE {})").format(
            target, sql.SQL(", ").join(map(sql.Identifier, names)), sql.Literal(freeze)
        )
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for block in blocks:
                copy.write(block)

    def commit(self) -> None:
        """Makes the transaction's changes visible; the next statement begins another."""
        self._connection.commit()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What runs inside is undone by an error, and the transaction goes on."""
        with self._connection.transaction():
            yield


def _encoded(tables: Iterable[pa.Table]) -> Iterator[bytes]:
    """Tables in Postgres's binary COPY format, as one stream: a header, the rows, a trailer."""
    empty = ArrowToPostgresBinaryEncoder(pa.schema({}))
    yield empty.write_header()
    trailer = empty.finish()
    for table in tables:
        # One encoder for each table: the scale of its decimals may differ, though the bytes for Postgres do not depend on it.
        encoder = ArrowToPostgresBinaryEncoder(table.schema)
        encoder.write_header()
        for batch in table.to_batches(max_chunksize=_COPY_ROWS):
            yield encoder.write_batch(batch)
        yield encoder.finish().removesuffix(trailer)  # the last rows, which it keeps back
    yield trailer


@contextmanager
def begin(database: Database) -> Iterator[Session]:
    """A connection for writing; nothing is kept unless it is committed.

    Raises:
        ServerUnavailableError: the server does not answer, or refuses the login.
    """
    with database.connect() as connection:
        yield Session(connection)
        connection.rollback()
