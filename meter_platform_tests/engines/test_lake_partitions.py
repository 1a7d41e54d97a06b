"""What engines read out of the lake: the versions that a run has noted, and the ledger's rows where it has others."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from meter_platform.engines.lake_partitions import LakePartitions
from meter_platform.lake.lake import Lake
from meter_platform.lake.stores import LakeStore
from meter_platform.warehouse.tables import RAW_METERPOINTS
from meter_platform_tests.lake.rows import meterpoints

DAY, NEXT, EMPTY = date(2021, 1, 4), date(2021, 1, 5), date(2021, 1, 6)
NAME = RAW_METERPOINTS.name


class Ledger:
    """A source with one meterpoint on each date, but for one."""

    @contextmanager
    def stream(
        self, table: str, versions: Mapping[date, int], columns: Sequence[str]
    ) -> Iterator[pa.RecordBatchReader]:
        assert table in {NAME, "active_agreements"}
        parts = [meterpoints(day, 1, "ledger") for day in versions if day != EMPTY]
        yield pa.concat_tables([RAW_METERPOINTS.arrow_schema.empty_table(), *parts]).select(columns).to_reader()

    def origins(self, table: str, versions: Mapping[date, int]) -> dict[date, str]:
        assert table in {NAME, "active_agreements"}
        return dict.fromkeys(versions, "ledger")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(LakeStore(str(tmp_path)))


@pytest.fixture
def partitions(lake: Lake) -> LakePartitions:
    return LakePartitions(lake, Ledger())


def put(lake: Lake, day: date, version: int) -> None:
    rows = meterpoints(day, 2, f"v{version}")
    lake.table(RAW_METERPOINTS).replace({day: version}, lambda: iter([rows]))


def regions(partitions: LakePartitions, versions: Mapping[date, int], name: str = NAME) -> dict[date, set[str]]:
    with partitions.stream(name, versions, ["region", "reference_date"]) as rows:
        found = rows.read_all()
    assert found.column_names == ["region", "reference_date"]
    regions: dict[date, set[str]] = {}
    for row in found.to_pylist():
        regions.setdefault(row["reference_date"], set()).add(row["region"])
    return regions


def test_each_date_is_read_in_the_version_that_was_noted(lake: Lake, partitions: LakePartitions) -> None:
    put(lake, DAY, 1)
    put(lake, NEXT, 2)
    assert regions(partitions, {DAY: 1, NEXT: 2, EMPTY: 3}) == {DAY: {"v1"}, NEXT: {"v2"}}
    assert partitions.origins(NAME, {DAY: 1, NEXT: 2, EMPTY: 3}) == {DAY: "lake", NEXT: "lake", EMPTY: "ledger"}
    assert {day: len(files) for day, files in partitions.parquet(NAME, {DAY: 1, NEXT: 2, EMPTY: 3}).items()} == {
        DAY: 1,
        NEXT: 1,
    }
    # The ledger has gone on: somebody has withdrawn a file.
    assert regions(partitions, {DAY: 4, NEXT: 2}) == {DAY: {"ledger"}, NEXT: {"v2"}}
    assert partitions.parquet(NAME, {DAY: 4}) == {}
    assert partitions.origins(NAME, {DAY: 4, NEXT: 2}) == {DAY: "ledger", NEXT: "lake"}


def test_a_run_reads_what_was_there_when_it_began(lake: Lake, partitions: LakePartitions) -> None:
    put(lake, DAY, 1)
    assert regions(partitions, {DAY: 1}) == {DAY: {"v1"}}
    put(lake, DAY, 2)  # another run
    assert regions(partitions, {DAY: 1}) == {DAY: {"v1"}}
    assert partitions.origins(NAME, {DAY: 1}) == {DAY: "lake"}
    # What the run itself stores after that, it finds.
    put(lake, NEXT, 3)
    assert regions(partitions, {NEXT: 3}) == {NEXT: {"v3"}}


def test_a_table_that_no_lake_has_is_the_ledgers(partitions: LakePartitions) -> None:
    assert regions(partitions, {DAY: 1}, "active_agreements") == {DAY: {"ledger"}}
    assert partitions.parquet("active_agreements", {DAY: 1}) == {}
    assert partitions.origins("active_agreements", {DAY: 1}) == {DAY: "ledger"}


def test_a_lake_that_is_empty_has_nothing(partitions: LakePartitions) -> None:
    assert regions(partitions, {DAY: 1}) == {DAY: {"ledger"}}
    assert partitions.parquet(NAME, {DAY: 1}) == {}
