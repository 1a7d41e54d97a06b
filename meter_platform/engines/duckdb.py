"""DuckDB computes in this process: on the lake's files where they are, and on other partitions in a database of its own.

What belongs here: that database, which lasts as long as a run: what it holds of which version, within which memory. What does
not: where the partitions come from (`PartitionSource`, `FileSource`).

Files are read by each rule anew, which takes it no longer than to read its own database. Any other partition is read once in a
run, by whichever rule needs it first, with the columns that a rule needs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final

import duckdb
import ibis
import ibis.backends.duckdb  # Ibis would load it in the middle of the first run
import psutil
import pyarrow as pa

from meter_platform.engines.inputs import DATE, Input, inputs_of
from meter_platform.engines.protocol import (
    Computation,
    FileSource,
    PartitionSource,
    Versions,
    computed_ahead,
    origins_of,
)
from meter_platform.engines.scratch import Scratch
from meter_platform.errors import EngineFailedError, PermanentError, first_line
from meter_platform.settings import variable
from meter_platform.stages import ended_if_unwanted

_SHARE_OF_MEMORY: Final = 4
"""One part in so many of the machine's memory is DuckDB's unless set: Postgres and Dagster live there, too."""

_CHUNK_ROWS: Final = 20_480
"""Rows of a chunk of a result, ten of DuckDB's own vectors: one is validated while the one before it is stored."""

_INCOMING: Final = "incoming"
"""What a stream is called while DuckDB reads it."""

_HELD: Final = "held"
"""The schema of the tables that DuckDB has itself. Those that rules name are views, of these and of files."""

_AS_STORED: Final = f"hive_partitioning = true, hive_types = {{'{DATE}': DATE}}, union_by_name = true"
"""How files are read: the date is in their paths. All of them are opened before a rule is planned, so that DuckDB knows what
their columns have nowhere, and leaves out what is computed of that: a rule then takes a quarter of the time."""


@dataclass(slots=True)
class _Held:
    """What DuckDB holds of a table.

    Attributes:
        columns: of which it has them.
        versions: of the dates that it has rows of.
    """

    columns: pa.Schema
    versions: dict[date, int] = field(default_factory=dict)


class DuckDbEngine:
    """Computes expressions with DuckDB.

    Args:
        source: of the partitions that it takes into its database.
        folder: for its database, and for what does not fit into memory.
        files: of the partitions that it reads where they are.
        memory_mb: that it may use. `None`: a quarter of the machine's.
    """

    name = "duckdb"

    def __init__(
        self,
        source: PartitionSource,
        *,
        folder: Path,
        files: FileSource | None = None,
        memory_mb: int | None = None,
    ) -> None:
        self._source = source
        self._files = files
        self._memory_mb = memory_mb or psutil.virtual_memory().total // _SHARE_OF_MEMORY >> 20
        self._scratch = Scratch(folder)
        self._connection = duckdb.connect(
            self._scratch.path / "partitions.duckdb",
            config={"memory_limit": f"{self._memory_mb}MB", "temp_directory": str(self._scratch.path / "spilled")},
        )
        self._fetched = self._scratch.path / "fetched"
        # It reads these files and what it is handed, and nothing else of this machine or of any other.
        folders = [self._fetched, *([files.folder] if files and files.folder else [])]
        self._connection.execute("SET allowed_directories = ?::VARCHAR[]", [[str(each) for each in folders]])
        self._connection.execute("SET enable_external_access = false")
        self._connection.execute("SET parquet_metadata_cache = true")  # files never change
        self._connection.execute("SET TimeZone = 'UTC'")
        self._held: dict[str, _Held] = {}

    def compute(self, expression: ibis.Table, versions: Versions) -> Computation:
        """See `Engine`."""
        return computed_ahead(partial(self._rows, expression, versions))

    def close(self) -> None:
        """Closes the database and removes it."""
        self._connection.close()
        self._scratch.remove()

    def _rows(
        self,
        expression: ibis.Table,
        versions: Versions,
        facts: dict[str, Any],
        origins: dict[str, Mapping[date, str]],
    ) -> Iterator[pa.Table]:
        query = str(ibis.to_sql(expression, dialect="duckdb"))
        try:
            with ended_if_unwanted(self._connection.interrupt):
                read = 0
                for table in inputs_of(expression):
                    wanted = versions[table.name]
                    files = self._files.local(table.name, wanted, self._fetched) if self._files else {}
                    read += self._make_view(table, wanted, files)
                    origins[table.name] = origins_of(wanted, self._source, self._files, files)
                facts["rows_read_out"] = read
                # DuckDB computes while rows are taken.
                for batch in self._connection.sql(query).to_arrow_reader(_CHUNK_ROWS):
                    yield pa.Table.from_batches([batch])
        except duckdb.OutOfMemoryException:
            raise PermanentError(
                f"DuckDB has to compute this within {self._memory_mb:,} MB and cannot: raise "
                f"{variable('duckdb_memory_mb')}, or make room on the disk of {variable('home')}."
            ) from None
        except (duckdb.IOException, duckdb.InvalidInputException) as error:
            raise EngineFailedError(
                f"DuckDB has not computed this; another try reads what is there then: {first_line(error)}"
            ) from error

    def _make_view(self, table: Input, versions: Mapping[date, int], files: Mapping[date, Sequence[Path]]) -> int:
        """Makes some dates of a table known under its name; returns how many rows were read out for that."""
        others = {day: version for day, version in versions.items() if day not in files}
        read = self._hold(table, others)
        columns = ", ".join(f'"{name}"' for name in table.columns.names)
        # Of the dates that it holds none is taken that is read from files now, whoever needed it earlier.
        held = ", ".join(f"'{day}'::DATE" for day in others) or "NULL"
        parts = [f"SELECT {columns} FROM {_held(table)} WHERE {DATE} IN ({held})"]  # noqa: S608 - our own names
        if paths := [str(path) for each in files.values() for path in each]:
            self._check_columns(table, paths)
            parts.append(f"SELECT {_typed(table.columns)} FROM read_parquet({_literal(paths)}, {_AS_STORED})")  # noqa: S608 - as above
        self._connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{table.schema}"')
        self._connection.execute(
            f'CREATE OR REPLACE VIEW "{table.schema}"."{table.name}" AS {" UNION ALL ".join(parts)}'
        )
        return read

    def _check_columns(self, table: Input, paths: list[str]) -> None:
        """A file without a column would be read as one of nulls."""
        needed = [name for name in table.columns.names if name != DATE]
        lacking = self._connection.execute(
            "SELECT file_name FROM parquet_schema(?) GROUP BY file_name "
            "HAVING count(*) FILTER (WHERE list_contains(?::VARCHAR[], name)) < ?",
            [paths, needed, len(needed)],
        ).fetchall()
        if lacking:
            raise PermanentError(
                f"The file {lacking[0][0]} of {table.schema}.{table.name} lacks columns that are needed of it: "
                f"{', '.join(needed)}. Set {variable('engine')} to postgres, which reads this table in the database."
            )

    def _hold(self, table: Input, versions: Mapping[date, int]) -> int:
        """Makes sure that some dates of a table are held as they are now; returns how many rows were read for that."""
        held = self._held.get(table.name)
        if held is None or not {*table.columns.names} <= {*held.columns.names}:
            held = self._held[table.name] = _Held(_both(table.columns, held.columns) if held else table.columns)
            self._create(table, held.columns)
        other = [day for day, version in versions.items() if not version or held.versions.get(day) != version]
        if not other:
            return 0
        if outdated := [day for day in other if held.versions.pop(day, None) is not None]:
            self._connection.execute(
                f"DELETE FROM {_held(table)} WHERE {DATE} = ANY(?::DATE[])",  # noqa: S608 - our own names
                [outdated],
            )
        wanted = {day: versions[day] for day in other}
        read = self._read(table, held.columns, wanted)
        held.versions |= wanted
        return read

    def _create(self, table: Input, columns: pa.Schema) -> None:
        self._connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{_HELD}"')
        self._connection.register(_INCOMING, columns.empty_table())
        self._connection.execute(f"CREATE OR REPLACE TABLE {_held(table)} AS FROM {_INCOMING}")
        self._connection.unregister(_INCOMING)

    def _read(self, table: Input, columns: pa.Schema, versions: Mapping[date, int]) -> int:
        failed: list[Exception] = []
        with self._source.stream(table.name, versions, columns.names) as partition:
            self._connection.register(_INCOMING, _noting_failure(partition, failed))
            try:
                ((rows,),) = self._connection.execute(
                    f"INSERT INTO {_held(table)} SELECT {_typed(columns)} FROM {_INCOMING}"  # noqa: S608 - our own names
                ).fetchall()
            except duckdb.Error:
                # DuckDB has made text of it; whether it may pass, and what to do, the error itself says.
                if failed:
                    raise failed[0] from None
                raise
            finally:
                self._connection.unregister(_INCOMING)
        return int(rows)


def _noting_failure(rows: pa.RecordBatchReader, failed: list[Exception]) -> pa.RecordBatchReader:
    """The same rows; why there are no more of them is put into a list."""

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            yield from rows
        except Exception as error:
            failed.append(error)
            raise

    return pa.RecordBatchReader.from_batches(rows.schema, batches())


def _both(columns: pa.Schema, others: pa.Schema) -> pa.Schema:
    return pa.schema([*columns, *(field for field in others if field.name not in columns.names)])


def _typed(columns: pa.Schema) -> str:
    """Columns in the contract's types: what comes as exact text becomes a decimal of its own twenty decimals."""
    return ", ".join(
        f'"{name}"::DECIMAL({kind.precision}, {kind.scale}) AS "{name}"' if pa.types.is_decimal(kind) else f'"{name}"'
        for name, kind in zip(columns.names, columns.types, strict=True)
    )


def _literal(paths: list[str]) -> str:
    """A list for a view, which takes no parameters."""
    return "[" + ", ".join("'" + path.replace("'", "''") + "'" for path in paths) + "]"


def _held(table: Input) -> str:
    return f'"{_HELD}"."{table.name}"'
