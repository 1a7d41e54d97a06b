"""The engines that rules run on in tests: DuckDB in memory, the session's Postgres, and Spark as Sail implements it.

What belongs here: rows in, an expression, rows out, exactly. What does not: rules, and what a row holds.

DuckDB and Postgres have a session time zone far from London and from UTC: whatever a server is set to, a rule gives the
same. The platform's engine for Spark sets its session's zone itself, and is used as it is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, Final, Protocol

import duckdb
import ibis
import psycopg
import pyarrow as pa
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from psycopg import sql

from meter_platform.engines.protocol import lazy
from meter_platform.engines.spark import SparkEngine
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.tables import Table

Row = Mapping[str, Any]

ELSEWHERE: Final = "Pacific/Chatham"
"""12:45 or 13:45 ahead of UTC: whoever takes the session's zone for the market's is wrong by the day and the half hour."""


class Engine(Protocol):
    """Where a rule is computed.

    Attributes:
        effort: how much longer it takes over few rows than the others: it is given so many times fewer examples.
    """

    effort: int

    def table(self, table: Table, rows: Sequence[Row]) -> ibis.Table:
        """A platform table that holds just these rows. Columns that they leave out are null."""

    def rows(self, expression: ibis.Table) -> list[dict[str, Any]]:
        """What an expression gives."""


class DuckDbEngine:
    """DuckDB in memory."""

    effort = 1

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute(f"SET TimeZone = '{ELSEWHERE}'")
        self._connection = connection

    def table(self, table: Table, rows: Sequence[Row]) -> ibis.Table:
        """See `Engine`."""
        schema = pa.schema([field.with_nullable(nullable=True) for field in table.arrow_schema])
        given = pa.Table.from_pylist([dict(row) for row in rows], schema)
        self._connection.register("given", given)
        self._connection.execute(f'CREATE OR REPLACE TABLE "{table.name}" AS SELECT * FROM given')  # noqa: S608 - our own name
        return ibis.table(ibis.Schema.from_pyarrow(schema), name=table.name)

    def rows(self, expression: ibis.Table) -> list[dict[str, Any]]:
        """See `Engine`."""
        return _in_utc(self._connection.sql(_query(expression.op(), "duckdb")).to_arrow_table().to_pylist())


class PostgresEngine:
    """Postgres, in temporary tables of the platform's own form."""

    effort = 1

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute(f"SET timezone = '{ELSEWHERE}'")
        self._connection = connection
        self._backend = ibis.postgres.from_connection(connection)
        self._tables: dict[str, ibis.Table] = {}

    def table(self, table: Table, rows: Sequence[Row]) -> ibis.Table:
        """See `Engine`."""
        name = sql.Identifier("pg_temp", table.name)
        if table.name not in self._tables:
            # Without constraints: a test says what it is about, and no more.
            columns_sql = sql.SQL(", ").join(
                sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.postgres_type))
                for column in table.columns
            )
            self._connection.execute(sql.SQL("CREATE TEMP TABLE {} ({})").format(name, columns_sql))
            self._tables[table.name] = self._backend.table(table.name)
        self._connection.execute(sql.SQL("TRUNCATE {}").format(name))
        columns = [column.name for column in table.columns]
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(name, sql.SQL(", ").join(map(sql.Identifier, columns)))
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row([row.get(column) for column in columns])
        return self._tables[table.name]

    def rows(self, expression: ibis.Table) -> list[dict[str, Any]]:
        """See `Engine`."""
        with self._connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            return _in_utc(cursor.execute(_query(expression.op(), "postgres").encode()).fetchall())


class SparkConnectEngine:
    """A Spark Connect server, by the platform's own engine."""

    effort = 8
    name = "test"

    def __init__(self, url: str) -> None:
        self._given: dict[str, pa.Table] = {}
        self._engine = SparkEngine(self, url=url)

    def table(self, table: Table, rows: Sequence[Row]) -> ibis.Table:
        """See `Engine`."""
        schema = pa.schema([field.with_nullable(nullable=True) for field in table.arrow_schema])
        self._given[table.name] = pa.Table.from_pylist([dict(row) for row in rows], schema)
        return lazy(table)

    def rows(self, expression: ibis.Table) -> list[dict[str, Any]]:
        """See `Engine`."""
        versions = {name: {date.min: 0} for name in self._given}
        return _in_utc([row for part in self._engine.compute(expression, versions).rows for row in part.to_pylist()])

    @contextmanager
    def stream(
        self,
        table: str,
        versions: Mapping[date, int],  # noqa: ARG002 - all dates
        columns: Sequence[str],
    ) -> Iterator[pa.RecordBatchReader]:
        """What was given, as a source of partitions."""
        yield self._given[table].select(columns).to_reader()

    def close(self) -> None:
        """Ends the session."""
        self._engine.close()


def for_examples(
    engine: Engine,
    most: int,
    check: Callable[..., None],
    **strategies: st.SearchStrategy[Any],
) -> None:
    """Has hypothesis call `check` with an engine and examples.

    Args:
        engine: its first argument.
        most: how many examples.
        check: takes what the strategies draw, by their names.
        strategies: of its further arguments.
    """

    def on_engine(**drawn: Any) -> None:  # noqa: ANN401 - whatever is drawn
        check(engine, **drawn)

    examples = settings(max_examples=max(most // engine.effort, 2), phases=set(Phase) - {Phase.explain})
    examples(given(**strategies)(on_engine))()


@cache
def _query(operation: Any, dialect: str) -> str:  # noqa: ANN401 - Ibis is not typed
    """An expression in SQL: compiled once, for that takes longer than running it."""
    return str(ibis.to_sql(operation.to_expr(), dialect=dialect))


def _in_utc(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with instants in UTC: in a zone that repeats an hour, two equal instants may not compare as equal."""
    return [
        {name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in row.items()}
        for row in rows
    ]


@contextmanager
def duckdb_engine() -> Iterator[Engine]:
    """DuckDB for as long as it is needed."""
    with duckdb.connect() as connection:
        yield DuckDbEngine(connection)


@contextmanager
def postgres_engine(database: Database) -> Iterator[Engine]:
    """Postgres for as long as it is needed."""
    with database.connect(autocommit=True) as connection:
        yield PostgresEngine(connection)


@contextmanager
def spark_connect_engine(url: str) -> Iterator[Engine]:
    """Spark for as long as it is needed.

    Args:
        url: of a Spark Connect server.
    """
    engine = SparkConnectEngine(url)
    try:
        yield engine
    finally:
        engine.close()
