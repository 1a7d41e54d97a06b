"""Postgres computes where the data is: the expression is a query, and nothing is read out but its result.

What belongs here: queries in the platform's own database, for results and for partitions that another engine asks for.
What does not: connecting (`warehouse/database.py`), and writing.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Final

import ibis
import ibis.backends.postgres  # Ibis would load it in the middle of the first run
import pyarrow as pa
from adbc_driver_postgresql import StatementOptions
from psycopg import sql

from meter_platform.engines.protocol import Computation, Versions
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.tables import by_name

_CHUNK_BYTES: Final = 1 << 20
"""Size of a batch of a lazy result, some 20,000 rows: one is validated while the one before it is stored."""

_BY_HASHES: Final = "SET LOCAL enable_mergejoin = off"
"""Rules join all readings to few rows. Over many dates Postgres thinks that these are crowded in a few places of a table of
hashes, and sorts all readings instead, which takes twice as long as the rest."""


class PostgresEngine:
    """Computes expressions as queries of the platform's database.

    Args:
        database: with the tables.
    """

    name = "postgres"

    def __init__(self, database: Database) -> None:
        self._database = database

    def compute(self, expression: ibis.Table, versions: Versions) -> Computation:  # noqa: ARG002 - it reads what is stored
        """See `Engine`. Versions are of no use to it: every query is of one snapshot."""
        return Computation(self._rows(in_sql(expression)))

    def close(self) -> None:
        """Nothing is held between two queries."""

    def _rows(self, query: sql.SQL) -> Generator[pa.Table]:
        with _reading(self._database, query) as batches:
            for batch in batches:
                yield pa.Table.from_batches([batch])


class PostgresPartitions:
    """The stored partitions, read out of Postgres: a `PartitionSource`.

    Args:
        database: with the tables.
    """

    name = PostgresEngine.name

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def stream(
        self, table: str, versions: Mapping[date, int], columns: Sequence[str]
    ) -> Iterator[pa.RecordBatchReader]:
        """See `PartitionSource`."""
        query = sql.SQL("SELECT {} FROM {} WHERE reference_date = ANY({}::date[])").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)), by_name(table).identifier, sql.Literal([*versions])
        )
        with _reading(self._database, query) as batches:
            schema = pa.schema([field.with_type(_storage(field.type)) for field in batches.schema])
            yield pa.RecordBatchReader.from_batches(schema, (_stored(batch, schema) for batch in batches))


def in_sql(expression: ibis.Table) -> sql.SQL:
    """An expression as a query of Postgres."""
    return sql.SQL(str(ibis.to_sql(expression, dialect="postgres")))


@contextmanager
def _reading(database: Database, query: sql.Composable) -> Iterator[pa.RecordBatchReader]:
    with database.connect_arrow() as connection, connection.cursor() as cursor:
        cursor.execute(_BY_HASHES)
        cursor.adbc_statement.set_options(**{StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(_CHUNK_BYTES)})
        cursor.execute(query.as_string(None))
        yield cursor.fetch_record_batch()


def _storage(kind: pa.DataType) -> pa.DataType:
    """ADBC hands over `numeric` as exact text that says it is one: other engines take it for plain text."""
    return kind.storage_type if isinstance(kind, pa.ExtensionType) else kind


def _stored(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns = [column.storage if isinstance(column, pa.ExtensionArray) else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
