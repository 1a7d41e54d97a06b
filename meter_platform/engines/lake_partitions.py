"""Partitions out of the lake, for engines that read them there: each in the version that a run has noted, or not at all.

What belongs here: which of the partitions that an engine asks for the lake has, as files or as a stream. What does not: files
and commits (`meter_platform.lake`), and engines.

The lake may be behind the ledger for a while (`withdraw` changes the ledger alone), or ahead of it (it commits first). A
version says which rows are meant, so that whoever asks never gets others: what the lake does not have comes from the ledger.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date

import pyarrow as pa

from meter_platform.engines.protocol import PartitionSource
from meter_platform.lake.delta import Snapshot
from meter_platform.lake.lake import Lake
from meter_platform.warehouse.tables import Table, by_name


class LakePartitions:
    """The partitions of the lake, and of the ledger where the lake does not have them.

    A table's snapshot is pinned when a date of it is first asked for, and serves until the end, whatever is written meanwhile.
    It is taken anew for a version that has not been looked for yet: of a date that this run has only just stored.

    Args:
        lake: with readings and snapshots.
        ledger: has every partition of every table.
    """

    def __init__(self, lake: Lake, ledger: PartitionSource) -> None:
        self._lake = lake
        self._ledger = ledger
        self._pinned: dict[Table, Snapshot] = {}
        self._missing: set[tuple[Table, date, int]] = set()
        """What was looked for in vain. It will not come: the lake has a version before a run can note it."""

    @contextmanager
    def stream(
        self, table: str, versions: Mapping[date, int], columns: Sequence[str]
    ) -> Iterator[pa.RecordBatchReader]:
        """See `PartitionSource`."""
        kept = self._kept(table, versions)
        others = {day: version for day, version in versions.items() if day not in kept}
        if not kept:
            with self._ledger.stream(table, versions, columns) as rows:
                yield rows
            return
        schema = pa.schema([by_name(table).arrow_schema.field(name) for name in columns])
        snapshot = self._pinned[by_name(table)]

        def batches() -> Iterator[pa.RecordBatch]:
            for day in kept:
                yield from self._lake.partition(by_name(table), day, snapshot).batches(columns)
            if others:
                with self._ledger.stream(table, others, columns) as rows:
                    yield from (batch.cast(schema) for batch in rows)  # exact text becomes a decimal

        yield pa.RecordBatchReader.from_batches(schema, batches())

    def origins(self, table: str, versions: Mapping[date, int]) -> dict[date, str]:
        """See `PartitionSource`."""
        kept = self._kept(table, versions)
        others = {day: version for day, version in versions.items() if day not in kept}
        return {**dict.fromkeys(kept, "lake"), **self._ledger.origins(table, others)}

    def parquet(self, table: str, versions: Mapping[date, int]) -> dict[date, list[str]]:
        """See `ParquetSource`."""
        kept = self._kept(table, versions)
        return {day: self._pinned[by_name(table)].files[day] for day in kept}

    def _kept(self, name: str, versions: Mapping[date, int]) -> list[date]:
        """The dates that the lake has in the versions that are asked for."""
        table = by_name(name)
        if table not in self._lake:
            return []
        snapshot = self._pinned.get(table)
        if snapshot is None or _lacking(snapshot, versions) - self._missing:
            snapshot = self._pinned[table] = self._lake.table(table).snapshot()
            self._missing |= _lacking(snapshot, versions)
        return [day for day, version in versions.items() if snapshot.ledger_versions.get(day) == version]


def _lacking(snapshot: Snapshot, versions: Mapping[date, int]) -> set[tuple[Table, date, int]]:
    return {
        (snapshot.table, day, version)
        for day, version in versions.items()
        if snapshot.ledger_versions.get(day) != version
    }
