"""A database of an earlier version becomes one of this version: the same schema as a fresh one, and every row as it was.

`databases/` holds a loaded database of each version that was released, as `pg_dump` wrote it.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from meter_platform.embedded_postgres.programs import find_binaries
from meter_platform.errors import PermanentError
from meter_platform.postgres.urls import database_url
from meter_platform.warehouse import schema, tables
from meter_platform.warehouse.database import Database

RELEASED = sorted(Path(__file__).with_name("databases").glob("*.sql"))
SCHEMAS = ("raw_data", "analytics", tables.PARTITIONS_SCHEMA)


@pytest.fixture
def databases(database: Database) -> Iterator[list[Database]]:
    """Two empty databases on the session's server."""
    names = ("migrated", "fresh")
    with database.connect(autocommit=True) as connection:
        for name in names:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield [Database(database_url(database.url, name)) for name in names]
        for name in names:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def restore(released: Path, database: Database) -> None:
    subprocess.run(
        [find_binaries() / "psql", "--quiet", "--set=ON_ERROR_STOP=1", f"--file={released}", database.url],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def schema_of(database: Database) -> str:
    """What `pg_dump -s` says, without the children of dates, which a fresh database has none of."""
    command = [
        find_binaries() / "pg_dump",
        "--schema-only",
        "--no-owner",
        f"--exclude-table={tables.PARTITIONS_SCHEMA}.*",
    ]
    dumped = subprocess.run([*command, database.url], check=True, capture_output=True, text=True).stdout
    return "\n".join(line for line in dumped.splitlines() if not line.startswith(("--", "\\")) and line)


def rows_of(connection: psycopg.Connection[Any], table: str) -> list[dict[str, Any]]:
    query = sql.SQL("SELECT to_jsonb(t) FROM {} AS t ORDER BY to_jsonb(t)").format(sql.Identifier(*table.split(".")))
    return [row for (row,) in connection.execute(query)]


def tables_in(connection: psycopg.Connection[Any]) -> list[str]:
    return [
        name
        for (name,) in connection.execute(
            "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname = ANY(%s) ORDER BY 1",
            [list(SCHEMAS)],
        )
    ]


@pytest.mark.parametrize("released", RELEASED, ids=lambda path: path.stem)
def test_a_migrated_database_is_a_fresh_one_with_every_row_as_it_was(released: Path, databases: list[Database]) -> None:
    migrated, fresh = databases
    restore(released, migrated)
    with migrated.connect() as connection:
        before = {table: rows_of(connection, table) for table in tables_in(connection)}
    fresh.create_tables()

    done = schema.migrate(migrated)

    assert done == [step for step in ("0002",) if step <= schema.HEAD]
    assert schema_of(migrated) == schema_of(fresh)
    with migrated.connect() as connection:
        assert schema.version(connection) == schema.HEAD
        for table, rows in before.items():
            now = rows_of(connection, table)
            kept = [{name: value for name, value in row.items() if name in rows[0]} for row in now] if rows else now
            assert sorted(map(str, kept)) == sorted(map(str, rows)), table
    assert schema.migrate(migrated) == []


def test_a_later_database_is_refused(databases: list[Database]) -> None:
    later, _ = databases
    later.create_tables()
    with later.connect() as connection:
        connection.execute("UPDATE raw_data.schema_version SET version_num = '9999'")

    with pytest.raises(PermanentError, match="is of a later version of the platform"):
        schema.migrate(later)


def test_an_empty_database_has_nothing_to_migrate(databases: list[Database]) -> None:
    with pytest.raises(PermanentError, match="nothing to migrate"):
        schema.migrate(databases[0])
