"""DuckDB computes in this process, on partitions that are read into a database of its own.

What belongs here: that database, which lasts as long as a run: what it holds of which version, within which memory. What does
not: where the partitions come from (`PartitionSource`).

A partition is read once in a run, by whichever rule needs it first, with the columns that a rule needs.
"""

from collections.abc import Iterator, Mapping
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
from meter_platform.engines.protocol import Computation, PartitionSource, Versions, computed_ahead
from meter_platform.engines.scratch import Scratch
from meter_platform.errors import PermanentError
from meter_platform.settings import variable
from meter_platform.stages import ended_if_unwanted

_SHARE_OF_MEMORY: Final = 4
"""One part in so many of the machine's memory is DuckDB's unless set: Postgres and Dagster live there, too."""

_CHUNK_ROWS: Final = 20_480
"""Rows of a chunk of a result, ten of DuckDB's own vectors: one is validated while the one before it is stored."""

_INCOMING: Final = "incoming"
"""What a stream is called while DuckDB reads it."""


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
        source: of the partitions.
        folder: for its database, and for what does not fit into memory.
        memory_mb: that it may use. `None`: a quarter of the machine's.
    """

    name = "duckdb"

    def __init__(self, source: PartitionSource, *, folder: Path, memory_mb: int | None = None) -> None:
        self._source = source
        self._memory_mb = memory_mb or psutil.virtual_memory().total // _SHARE_OF_MEMORY >> 20
        self._scratch = Scratch(folder)
        self._connection = duckdb.connect(
            self._scratch.path / "partitions.duckdb",
            config={"memory_limit": f"{self._memory_mb}MB", "temp_directory": str(self._scratch.path / "spilled")},
        )
        # It reads what it is handed, and nothing else of this machine or of any other.
        self._connection.execute("SET enable_external_access = false")
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
                inputs = inputs_of(expression)
                facts["rows_read_out"] = sum(self._hold(each, versions[each.name]) for each in inputs)
                origins |= {each.name: self._source.origins(each.name, versions[each.name]) for each in inputs}
                # DuckDB computes while rows are taken.
                for batch in self._connection.sql(query).to_arrow_reader(_CHUNK_ROWS):
                    yield pa.Table.from_batches([batch])
        except duckdb.OutOfMemoryException:
            raise PermanentError(
                f"DuckDB has to compute this within {self._memory_mb:,} MB and cannot: raise "
                f"{variable('duckdb_memory_mb')}, or make room on the disk of {variable('home')}."
            ) from None

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
                f"DELETE FROM {_quoted(table)} WHERE {DATE} = ANY(?::DATE[])",  # noqa: S608 - our own names
                [outdated],
            )
        wanted = {day: versions[day] for day in other}
        read = self._read(table, held.columns, wanted)
        held.versions |= wanted
        return read

    def _create(self, table: Input, columns: pa.Schema) -> None:
        self._connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{table.schema}"')
        self._connection.register(_INCOMING, columns.empty_table())
        self._connection.execute(f"CREATE OR REPLACE TABLE {_quoted(table)} AS FROM {_INCOMING}")
        self._connection.unregister(_INCOMING)

    def _read(self, table: Input, columns: pa.Schema, versions: Mapping[date, int]) -> int:
        # What comes as exact text becomes a decimal of the contract's own twenty decimals.
        selected = ", ".join(
            f'"{name}"::DECIMAL({kind.precision}, {kind.scale})' if pa.types.is_decimal(kind) else f'"{name}"'
            for name, kind in zip(columns.names, columns.types, strict=True)
        )
        failed: list[Exception] = []
        with self._source.stream(table.name, versions, columns.names) as partition:
            self._connection.register(_INCOMING, _noting_failure(partition, failed))
            try:
                ((rows,),) = self._connection.execute(
                    f"INSERT INTO {_quoted(table)} SELECT {selected} FROM {_INCOMING}"  # noqa: S608 - our own names
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


def _quoted(table: Input) -> str:
    return f'"{table.schema}"."{table.name}"'
