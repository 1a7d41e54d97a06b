"""Reading what is stored: the one way to the database for the app, metrics and `status`. It never writes.

What belongs here: read-only sessions, results as Arrow tables, and the bookkeeping that every page starts from (which
reference dates there are, what has been loaded since). What does not: the figures of the pages (`app/figures.py`),
paging through whole tables (`reader_tables.py`), SQL that a person typed (`typed_sql/`), Dagster, rules.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final, LiteralString

import psycopg
from psycopg import sql

from meter_platform.errors import ServerUnavailableError, first_line
from meter_platform.warehouse import put_away
from meter_platform.warehouse.database import Database

if TYPE_CHECKING:
    import pyarrow as pa

STATEMENT_SECONDS: Final = 60
"""A page's query that takes longer is a fault, and must not keep a date from being published."""

READINGS: Final = "raw_data.raw_meter_readings"

ANALYTICS: Final = (
    "analytics.half_hourly_consumption",
    "analytics.daily_product_consumption",
    "analytics.active_agreements",
    "analytics.unattributed_consumption",
    "analytics.meterpoint_completeness",
)

KEEP_CHILDREN: Final = "LOCK TABLE raw_data.raw_meter_readings IN ACCESS SHARE MODE"
"""While this is held no child takes the place of another."""

_CHILD_DATE: Final = r"FOR VALUES IN \('(\d{4}-\d\d-\d\d)'\)"

# A skip scan: one probe of the index a date, however many rows a date has.
_DATES: Final = """
WITH RECURSIVE dates(reference_date) AS (
  (SELECT min(reference_date) FROM {table})
  UNION ALL
  SELECT (SELECT min(reference_date) FROM {table} WHERE reference_date > dates.reference_date)
  FROM dates WHERE dates.reference_date IS NOT NULL
)
SELECT {columns} FROM dates WHERE reference_date IS NOT NULL ORDER BY 1"""


@dataclass(frozen=True, slots=True)
class Reader:
    """Read-only access to a database of the platform.

    Attributes:
        database: where.
        timezone: the market's zone, in which instants are shown.
    """

    database: Database
    timezone: str = "UTC"

    @contextmanager
    def session(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection whose one transaction is read-only and sees one state of the data.

        Raises:
            ServerUnavailableError: the server does not answer, or ended the session.
        """
        with self.database.connect() as connection:
            connection.read_only = True
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.execute(sql.SQL("SET LOCAL statement_timeout = {}").format(f"{STATEMENT_SECONDS}s"))
            try:
                # A child that is published after a transaction began is not part of the state that it sees: some or all
                # rows of the date would seem to be missing. While this lock is held nothing is published.
                connection.execute(KEEP_CHILDREN)
                yield connection
            except psycopg.OperationalError as error:
                raise ServerUnavailableError(f"Postgres ended a query: {first_line(error)}") from error

    def fetch(self, query: LiteralString | sql.Composed, parameters: dict[str, Any] | None = None) -> "pa.Table":
        """Runs one query and returns its rows.

        Args:
            query: SQL with `%(name)s` where parameters go.
            parameters: their values.

        Returns:
            `numeric` as exact decimals, instants in `timezone`.
        """
        with self.session() as connection:
            return fetch_arrow(connection, query, parameters, timezone=self.timezone)

    def value(self, query: LiteralString | sql.Composed, parameters: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - any type
        """The one value of a query's one row, `None` where there is no row."""
        with self.session() as connection:
            row = connection.execute(query, parameters).fetchone()
        return None if row is None else row[0]

    def dates(self, table: str) -> list[date]:
        """The reference dates that a table has rows of, in order; at once, whatever the table's size.

        Args:
            table: qualified name, such as `analytics.half_hourly_consumption`.
        """
        with self.session() as connection:
            return stored_dates(connection, table)

    def put_away(self) -> list[date]:
        """The reference dates whose readings are in the lake alone, in order: no query here finds one of them."""
        with self.session() as connection:
            return [note.day for note in put_away.found(connection)]

    def loads(self) -> dict[str, dict[date, str]]:
        """For each table of readings and analytics, its reference dates with a mark that changes when one is loaded."""
        with self.session() as connection:
            # Any row of a date will do, and the index finds one at once; a scan of the table may find one late.
            connection.execute("SET LOCAL enable_seqscan = off")
            marks = {READINGS: dict(_children(connection))}
            for table in ANALYTICS:
                marks[table] = dict(_loaded(connection, table))
            newest = connection.execute("SELECT max(source_file_id) FROM raw_data.source_file_versions").fetchone()
            marks["raw_data.source_file_versions"] = {date.min: str(newest)}
        return marks

    @staticmethod
    def stamp_of(loads: dict[str, dict[date, str]]) -> str:
        """What caches are kept by: a text that changes when `loads` does."""
        return hashlib.blake2b(repr(loads).encode(), digest_size=8).hexdigest()


def fetch_arrow(
    connection: psycopg.Connection[Any],
    query: LiteralString | sql.Composed,
    parameters: dict[str, Any] | None = None,
    *,
    timezone: str,
) -> "pa.Table":
    """`Reader.fetch` within a session, for several queries that belong together."""
    from meter_platform.warehouse.arrow_rows import to_arrow  # noqa: PLC0415 - `status` does without Arrow

    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        result, description = cursor.pgresult, cursor.description
        if result is None or description is None:
            raise psycopg.ProgrammingError("the statement returns no rows: it is no query")
        return to_arrow(
            [column.name for column in description],
            [column.type_code for column in description],
            [
                [_text(result.get_value(row, index)) for row in range(result.ntuples)]
                for index in range(len(description))
            ],
            timezone=timezone,
        )


def stored_dates(connection: psycopg.Connection[Any], table: str) -> list[date]:
    """`Reader.dates` within a session."""
    if table == READINGS:
        return sorted(day for day, _ in _children(connection))
    query = sql.SQL(_DATES).format(table=_identifier(table), columns=sql.Identifier("reference_date"))
    return [row[0] for row in connection.execute(query)]


def _children(connection: psycopg.Connection[Any]) -> Iterator[tuple[date, str]]:
    """Dates of the natively partitioned table, each with the name of its child, which is a new one after each load.

    A date that is put away is stored as well; its mark says that its rows are elsewhere.
    """
    yield from connection.execute(
        "SELECT substring(pg_get_expr(child.relpartbound, child.oid) FROM %s)::date, child.relname "
        "FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid WHERE inhparent = %s::regclass "
        "UNION ALL SELECT reference_date, 'put away ' || version FROM raw_data.dates_put_away",
        (_CHILD_DATE, READINGS),
    )


def _loaded(connection: psycopg.Connection[Any], table: str) -> Iterator[tuple[date, str]]:
    """Dates of a table, each with its time of load: a date is replaced whole, so that any one row tells it."""
    load = sql.SQL(
        "reference_date, (SELECT loaded_at::text FROM {table} AS t WHERE t.reference_date = dates.reference_date LIMIT 1)"
    )
    yield from connection.execute(
        sql.SQL(_DATES).format(table=_identifier(table), columns=load.format(table=_identifier(table)))
    )


def _identifier(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split("."))


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
