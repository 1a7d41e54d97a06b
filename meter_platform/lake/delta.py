"""One table of the lake: a Delta table whose reference dates are replaced whole, each with the version that the ledger gave it.

What belongs here: writing dates, reading them, and tidying up. What does not: where rows come from (`from_ledger.py`).

A date is in a folder of its own, `reference_date=…/ledger_version=…`: so the log of the table says which version of a date the
lake has, in the same commit as its rows.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from meter_platform.lake.stores import LakeStore, LakeUnavailableError, needed
from meter_platform.warehouse.tables import Table

if TYPE_CHECKING:
    from deltalake import DeltaTable

VERSION: Final = "ledger_version"
"""The column of the version that the ledger has given a date; `raw_data.partition_versions.version`."""

_DATE: Final = "reference_date"

_GROUP_ROWS: Final = 128 << 10
"""Rows of a row group: what is held in memory while a file is written."""

_FILE_BYTES: Final = 32 << 20
"""Size from which another file is begun, some 6 million readings: a file is in memory until it is whole."""

_TRIES: Final = 8
"""Of a commit whose dates somebody else is writing, some ten seconds in all."""

_BATCH_ROWS: Final = 64 << 10

_FETCHED_AT_ONCE: Final = 8
"""Files that are fetched from an object store at the same time, each in one request."""

_CHECKPOINT_COMMITS: Final = 20
"""Commits after which the state of the table is written down: who opens it reads that, and no more commits than these."""

_LOG_DAYS: Final = 30
"""How long the table's log remembers commits."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A table as it was at one moment, whatever is written meanwhile; to be read until its files are vacuumed.

    Attributes:
        table: whose rows these are.
        version: of the Delta table, which names the moment; -1 of one that is not there.
        ledger_versions: of each date that it holds.
        files: of each date: the URLs of its files.
    """

    table: Table
    version: int
    ledger_versions: Mapping[date, int]
    files: Mapping[date, list[str]]


class LakeTable:
    """A table of the lake.

    Args:
        store: with the lake.
        table: whose contract its rows obey.
    """

    def __init__(self, store: LakeStore, table: Table) -> None:
        self._store = store
        self._table = table
        self._uri = store.path(table.schema, table.name)

    @cached_property
    def schema(self) -> pa.Schema:
        """The contract's columns, and the ledger's version."""
        # Whether a value may be missing the contract has checked; a schema that says so could never be relaxed.
        fields = [pa.field(column.name, column.type) for column in self._table.arrow_schema]
        return pa.schema([*fields, pa.field(VERSION, pa.int64())])

    def snapshot(self, version: int | None = None) -> Snapshot:
        """The table as it is now, or as it was in an earlier version.

        Raises:
            LakeUnavailableError: the store does not answer.
            LakeRefusedError: it refuses to be read.
        """
        opened = self._opened(version)
        if opened is None:
            return Snapshot(self._table, -1, {}, {})
        versions: dict[date, int] = {}
        files: dict[date, list[str]] = {}
        with self._store.answers():
            actions = pa.table(opened.get_add_actions(flatten=True))
            found = opened.version()
        columns = (actions[name].to_pylist() for name in ("path", f"partition.{_DATE}", f"partition.{VERSION}"))
        for path, day, number in zip(*columns, strict=True):
            versions[day] = number
            files.setdefault(day, []).append(f"{self._uri}/{path}")
        return Snapshot(self._table, found, versions, files)

    def earlier(self, version: int) -> Snapshot | None:
        """The table as it was in an earlier version; `None` where its log does not remember that."""
        log = f"{self._uri}/_delta_log/{version:020}.json"
        return self.snapshot(version) if self._store.has(log) else None

    def has_files(self, snapshot: Snapshot, day: date) -> bool:
        """Whether the files of a date are still there, as a snapshot names them."""
        return all(map(self._store.has, snapshot.files.get(day, ())))

    def local_files(self, snapshot: Snapshot, days: Iterable[date], fetched: Path) -> dict[date, list[Path]]:
        """The files of dates on this machine.

        Args:
            snapshot: of this table.
            days: reference dates.
            fetched: a folder for copies of what an object store has. What is there already is not fetched again.

        Raises:
            LakeUnavailableError: the store does not answer, or the files have been vacuumed.
        """
        wanted = {day: snapshot.files.get(day, []) for day in days}
        with ThreadPoolExecutor(_FETCHED_AT_ONCE) as pool:
            found = pool.map(partial(self._store.local, folder=fetched), chain.from_iterable(wanted.values()))
            return {day: [next(found) for _ in files] for day, files in wanted.items()}

    def batches(self, snapshot: Snapshot, day: date, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows of a date as a snapshot has them, some ten thousand at a time.

        Args:
            snapshot: of this table.
            day: the reference date.
            columns: of the contract, in this order; all of them unless given.

        Raises:
            LakeUnavailableError: the store does not answer, or the files have been vacuumed.
        """
        import pyarrow.parquet as pq  # noqa: PLC0415 - takes long, and few read

        names = columns or self._table.arrow_schema.names
        schema = pa.schema([self._table.arrow_schema.field(name) for name in names])
        in_files = [name for name in names if name != _DATE]
        for uri in snapshot.files.get(day, ()):
            with self._store.answers(), pq.ParquetFile(self._store.file(uri)) as stored:
                for batch in stored.iter_batches(batch_size=_BATCH_ROWS, columns=in_files):
                    rows = batch.append_column(_DATE, pa.repeat(pa.scalar(day, pa.date32()), batch.num_rows))
                    yield rows.select(names).cast(schema)

    def replace(self, versions: Mapping[date, int], rows: Callable[[], Iterator[pa.Table]]) -> None:
        """Replaces dates whole, in one commit: a reader sees the old rows of all of them or the new ones.

        Args:
            versions: of each date that is replaced, by the ledger. A date without rows is then not there.
            rows: begins to make the new rows, date by date, with the contract's columns; called again where somebody
                else has written one of the dates meanwhile.

        Raises:
            LakeUnavailableError: the store does not answer, or others write the dates all the time.
            LakeRefusedError: it refuses to be written.
        """
        from deltalake import write_deltalake  # noqa: PLC0415 - of the extra

        named = ", ".join(f"'{day}'" for day in versions)

        def write(opened: "DeltaTable") -> None:
            write_deltalake(
                opened,
                pa.RecordBatchReader.from_batches(self.schema, self._versioned(versions, rows())),
                mode="overwrite",
                predicate=f"{_DATE} IN ({named})",
                writer_properties=_properties(),
                target_file_size=_FILE_BYTES,
            )

        self._commit(write)

    def remove(self, days: Iterable[date]) -> None:
        """Removes dates, in one commit."""
        named = ", ".join(f"'{day}'" for day in days)
        self._commit(lambda opened: opened.delete(f"{_DATE} IN ({named})"))

    def tidy(self, keep: timedelta) -> dict[str, int]:
        """Joins small files of a date, writes down where the log stands, and removes files that nobody needs any more.

        Args:
            keep: how long files stay that are not of the newest version: as long as a reader may hold on to its snapshot.

        Returns:
            How many files were joined, and how many removed.
        """
        if self._opened() is None:
            return {"joined": 0, "removed": 0}
        joined = 0

        def compact(opened: "DeltaTable") -> None:
            nonlocal joined
            joined = opened.optimize.compact(writer_properties=_properties(), target_size=_FILE_BYTES)[
                "numFilesRemoved"
            ]

        self._commit(compact)
        with self._store.answers():
            opened = self._opened() or self._created()
            hours = max(0, round(keep.total_seconds() / 3600))
            removed = opened.vacuum(hours, dry_run=False, enforce_retention_duration=False)
            opened.create_checkpoint()
            opened.cleanup_metadata()
        return {"joined": joined, "removed": len(removed)}

    def _commit(self, write: Callable[["DeltaTable"], object]) -> None:
        """Writes, and begins again where somebody else was first."""
        from deltalake.exceptions import CommitFailedError  # noqa: PLC0415 - of the extra

        for attempt in range(_TRIES):
            try:
                with self._store.answers():
                    write(self._opened() or self._created())
            except CommitFailedError:
                time.sleep(0.05 * 2**attempt)
            else:
                return
        raise LakeUnavailableError(
            f"{self._table.qualified_name} of the lake {self._store.shown} is being written by others all the time: try again."
        )

    def _opened(self, version: int | None = None) -> "DeltaTable | None":
        with needed(), self._store.answers():
            from deltalake import DeltaTable  # noqa: PLC0415 - of the extra
            from deltalake.exceptions import TableNotFoundError  # noqa: PLC0415 - as above

            try:
                return DeltaTable(self._uri, version=version, storage_options=self._store.options)
            except TableNotFoundError:
                return None

    def _created(self) -> "DeltaTable":
        from deltalake import DeltaTable  # noqa: PLC0415 - of the extra

        return DeltaTable.create(
            self._uri,
            self.schema,
            mode="ignore",
            partition_by=[_DATE, VERSION],
            description=self._table.description,
            configuration={
                "delta.logRetentionDuration": f"interval {_LOG_DAYS} days",
                "delta.checkpointInterval": str(_CHECKPOINT_COMMITS),
                # The log would name the least and the greatest id of each file, and keep them after an erasure.
                "delta.dataSkippingNumIndexedCols": "0",
            },
            storage_options=self._store.options,
        )

    def _versioned(self, versions: Mapping[date, int], rows: Iterator[pa.Table]) -> Iterator[pa.RecordBatch]:
        days = pa.array(versions, pa.date32())
        numbers = pa.array(versions.values(), pa.int64())
        for table in rows:
            which = pc.index_in(table[_DATE], days)
            whole = table.append_column(VERSION, pc.take(numbers, which))
            yield from whole.select(self.schema.names).cast(self.schema).to_batches(max_chunksize=_BATCH_ROWS)


def _properties() -> Any:  # noqa: ANN401 - of the extra
    from deltalake import WriterProperties  # noqa: PLC0415 - as above

    return WriterProperties(compression="ZSTD", compression_level=3, max_row_group_size=_GROUP_ROWS)
