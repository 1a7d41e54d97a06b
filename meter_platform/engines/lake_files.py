"""The lake's files, for engines that read them: of each partition in the version that a run has noted, or none.

What belongs here: which of the partitions that an engine asks for the lake has, and where. What does not: files and commits
(`meter_platform.lake`), and engines.

The lake may be behind the ledger for a while (`withdraw` changes the ledger alone), or ahead of it (it commits first). A
version says which rows are meant, so that whoever asks never gets others: what the lake does not have comes from the ledger.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from meter_platform.lake.delta import Snapshot
from meter_platform.lake.lake import Lake
from meter_platform.warehouse.tables import Table, by_name


class LakeFiles:
    """The partitions that the lake has: a `FileSource`.

    A table's snapshot is pinned when a date of it is first asked for, and serves until the end, whatever is written meanwhile.
    It is taken anew for a version that has not been looked for yet: of a date that this run has only just stored.

    Args:
        lake: with readings and snapshots.
    """

    def __init__(self, lake: Lake) -> None:
        self.name = "lake"
        self.folder = lake.folder
        self._lake = lake
        self._pinned: dict[Table, Snapshot] = {}
        self._missing: set[tuple[Table, date, int]] = set()
        """What was looked for in vain. It will not come: the lake has a version before a run can note it."""

    def urls(self, table: str, versions: Mapping[date, int]) -> dict[date, list[str]]:
        """See `FileSource`."""
        found = self._snapshot(by_name(table), versions)
        return {day: found.files[day] for day in _kept(found, versions)} if found else {}

    def local(self, table: str, versions: Mapping[date, int], fetched: Path) -> dict[date, list[Path]]:
        """See `FileSource`."""
        found = self._snapshot(by_name(table), versions)
        return self._lake.table(found.table).local_files(found, _kept(found, versions), fetched) if found else {}

    def _snapshot(self, table: Table, versions: Mapping[date, int]) -> Snapshot | None:
        """The pinned snapshot of a table, taken anew if it may have more by now; `None` if the lake does not keep the table."""
        if table not in self._lake:
            return None
        found = self._pinned.get(table)
        if found is None or _lacking(found, versions) - self._missing:
            found = self._pinned[table] = self._lake.table(table).snapshot()
            self._missing |= _lacking(found, versions)
        return found


def _kept(snapshot: Snapshot, versions: Mapping[date, int]) -> list[date]:
    """The dates that a snapshot has in the versions that are asked for."""
    return [day for day, version in versions.items() if snapshot.ledger_versions.get(day) == version]


def _lacking(snapshot: Snapshot, versions: Mapping[date, int]) -> set[tuple[Table, date, int]]:
    kept = {*_kept(snapshot, versions)}
    return {(snapshot.table, day, version) for day, version in versions.items() if day not in kept}
