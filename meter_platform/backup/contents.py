"""What a database holds, in numbers: the rows of each table, and a checksum that does not depend on their order.

What belongs here: asking Postgres for them, and saying where two databases differ. What does not: what the tables mean.

A checksum is the sum of a digest of each row as text, under settings that decide how a value is written. So the same rows
have the same sum in any order, on any server and in any version, and a row more, a row less or a changed digit have
another.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Final

import psycopg
from psycopg import sql

Contents = Mapping[str, tuple[int, str]]
"""For each table by its qualified name: its rows, and their checksum."""

_WRITTEN_ALIKE: Final = (
    "SET LOCAL timezone = 'UTC'",
    "SET LOCAL datestyle = 'ISO, YMD'",
    "SET LOCAL intervalstyle = 'iso_8601'",
    "SET LOCAL extra_float_digits = 3",
    "SET LOCAL bytea_output = 'hex'",
)

_TABLES: Final = """
SELECT nspname, relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind IN ('r', 'p') AND NOT relispartition
  AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'
ORDER BY 1, 2"""
"""Every table; a partitioned one stands for its children."""

_DIGEST: Final = sql.SQL("('x' || left(md5(t::text), 15))::bit(60)::bigint")
"""Sixty bits of a row. (Postgres's own hash functions are quicker, and may change with its version.)"""


def contents(connection: psycopg.Connection[Any]) -> Contents:
    """What is in every table of the connection's database, as its transaction sees it; every row is read.

    Takes about a second for a million rows.
    """
    _write_alike(connection)
    found = {}
    for schema, table in connection.execute(_TABLES).fetchall():
        rows, checksum = connection.execute(
            sql.SQL("SELECT count(*), coalesce(sum({}), 0)::text FROM {} AS t").format(
                _DIGEST, sql.Identifier(schema, table)
            )
        ).fetchone() or (0, "0")
        found[f"{schema}.{table}"] = (rows, checksum)
    return found


def contents_of_dates(
    connection: psycopg.Connection[Any], table: str, days: Iterable[date]
) -> dict[date, tuple[int, str]]:
    """What is in some reference dates of a table.

    Args:
        connection: to the platform's database.
        table: qualified name; it has a column `reference_date`.
        days: which. Those without a row are absent from what is returned.
    """
    _write_alike(connection)
    rows = connection.execute(
        sql.SQL(
            "SELECT reference_date, count(*), sum({})::text FROM {} AS t WHERE reference_date = ANY(%s) GROUP BY 1"
        ).format(_DIGEST, sql.Identifier(*table.split("."))),
        [list(days)],
    )
    return {day: (count, checksum) for day, count, checksum in rows}


def differences(wanted: Contents, found: Contents) -> Iterator[str]:
    """Where two databases differ, a table each, in words.

    Args:
        wanted: what is to be there.
        found: what is there.
    """
    for table in sorted({*wanted, *found}):
        if table not in found:
            yield f"{table} is missing"
        elif table not in wanted:
            yield f"{table} was not in the backup"
        elif wanted[table][0] != found[table][0]:
            yield f"{table} has {found[table][0]:,} rows in place of {wanted[table][0]:,}"
        elif wanted[table] != found[table]:
            yield f"{table} has other values in its {found[table][0]:,} rows"


def _write_alike(connection: psycopg.Connection[Any]) -> None:
    for statement in _WRITTEN_ALIKE:
        connection.execute(statement.encode())
