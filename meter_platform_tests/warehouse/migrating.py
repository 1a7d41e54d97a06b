"""Databases of earlier versions for tests to migrate, and steps that no version has.

What belongs here: restoring, dumping, writing a step into a folder. What does not: what a test expects.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from psycopg import sql

from meter_platform.embedded_postgres.programs import find_binaries
from meter_platform.postgres.urls import database_url
from meter_platform.warehouse import schema, tables
from meter_platform.warehouse.database import Database

RELEASED: Final = sorted(Path(__file__).with_name("databases").glob("*.sql"))
"""A loaded database of each version that was released, as `pg_dump` wrote it."""

NEXT: Final = "9001"
"""A step that no version has."""


@contextmanager
def empty_databases(database: Database, *names: str) -> Iterator[list[Database]]:
    """Empty databases on the session's server."""
    with database.connect(autocommit=True) as connection:
        for name in names:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield [Database(database_url(database.url, name)) for name in names]
        for name in names:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def restore(released: Path, database: Database) -> None:
    """Fills a database with what a released version had, and nothing else."""
    with database.connect() as connection:
        connection.execute("SET LOCAL client_min_messages = warning")
        for name in tables.SCHEMAS:
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name)))
        lines = released.read_bytes().splitlines(keepends=True)
        connection.execute(b"".join(line for line in lines if not line.startswith(b"\\")))  # those are psql's own


def schema_of(database: Database, *, without: str = f"{tables.PARTITIONS_SCHEMA}.*") -> str:
    """What `pg_dump -s` says, without the children of dates, which a fresh database has none of."""
    command = [find_binaries() / "pg_dump", "--schema-only", "--no-owner", f"--exclude-table={without}"]
    dumped = subprocess.run([*command, database.url], check=True, capture_output=True, text=True).stdout
    return "\n".join(line for line in dumped.splitlines() if line and not line.startswith(("--", "\\")))


def rows_of(connection: psycopg.Connection[Any], table: str) -> list[dict[str, Any]]:
    """Every row of a table, by its columns' names, in an order that depends on them alone."""
    query = sql.SQL("SELECT to_jsonb(t) FROM {} AS t ORDER BY to_jsonb(t)").format(sql.Identifier(*table.split(".")))
    return [row for (row,) in connection.execute(query)]


def tables_in(connection: psycopg.Connection[Any]) -> list[str]:
    """Every table, those of dates too."""
    return [
        name
        for (name,) in connection.execute(
            "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname = ANY(%s) ORDER BY 1",
            [[*tables.SCHEMAS]],
        )
    ]


@dataclass(frozen=True)
class Steps:
    """A folder of steps that come after those of this version."""

    folder: Path
    patch: pytest.MonkeyPatch

    def add(self, body: str) -> None:
        """Writes the next step: what `upgrade` does."""
        (self.folder / f"{NEXT}_a_test.py").write_text(
            '"""A step of a test."""\n'
            "from meter_platform.warehouse.migrations import steps\n"
            f'revision = "{NEXT}"\ndown_revision = "{schema.HEAD}"\n'
            f"def upgrade():\n    {body}\n"
        )
        folders = [*schema.step_folders(), self.folder]
        self.patch.setattr(schema, "step_folders", lambda: folders)
        self.patch.setattr(schema, "HEAD", NEXT)
