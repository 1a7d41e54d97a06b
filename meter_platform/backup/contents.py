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
SELECT whole_schema.nspname, whole.relname, schema.nspname, part.relname, part.relkind = 'p'
FROM pg_class AS part JOIN pg_namespace AS schema ON schema.oid = part.relnamespace
LEFT JOIN pg_inherits ON inhrelid = part.oid
JOIN pg_class AS whole ON whole.oid = coalesce(inhparent, part.oid)
JOIN pg_namespace AS whole_schema ON whole_schema.oid = whole.relnamespace
WHERE part.relkind IN ('r', 'p') AND schema.nspname <> 'information_schema' AND schema.nspname NOT LIKE 'pg\\_%'
ORDER BY 1, 2, 3, 4"""
"""Every table, by the one that it is a part of, which may be itself."""

_DIGEST: Final = sql.SQL("('x' || left(md5(t::text), 15))::bit(60)::bigint")
"""Sixty bits of a row. (Postgres's own hash functions are quicker, and may change with its version.)"""


def contents(connection: psycopg.Connection[Any]) -> Contents:
    """What is in every table of the connection's database, as its transaction sees it; every row is read.

    Takes some two seconds for a million rows, nearly all of it for writing them as text, as `pg_dump` has to.
    """
    _write_alike(connection)
    found: dict[str, tuple[int, str]] = {}
    # Child by child, as the transaction's snapshot knows them: a date that is published meanwhile is attached at once for
    # everybody, and its rows, which were stored as frozen, would be counted.
    for schema, table, child_schema, child, is_divided in connection.execute(_TABLES).fetchall():
        rows, checksum = found.get(f"{schema}.{table}", (0, "0"))
        if not is_divided:
            more, digests = connection.execute(
                sql.SQL("SELECT count(*), coalesce(sum({}), 0) FROM {} AS t").format(
                    _DIGEST, sql.Identifier(child_schema, child)
                )
            ).fetchone() or (0, 0)
            rows, checksum = rows + more, str(int(checksum) + int(digests))
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
