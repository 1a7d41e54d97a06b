"""Which partitions engines read in the lake: those of the versions that a run has noted, and no others."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from meter_platform.engines.lake_files import LakeFiles
from meter_platform.lake.lake import Lake
from meter_platform.lake.stores import LakeStore
from meter_platform.warehouse.tables import RAW_METERPOINTS
from meter_platform_tests.lake.rows import meterpoints

DAY, NEXT, EMPTY = date(2021, 1, 4), date(2021, 1, 5), date(2021, 1, 6)
NAME = RAW_METERPOINTS.name


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(LakeStore(str(tmp_path / "lake")))


@pytest.fixture
def files(lake: Lake) -> LakeFiles:
    return LakeFiles(lake)


def put(lake: Lake, day: date, version: int) -> None:
    rows = meterpoints(day, 2, f"v{version}")
    lake.table(RAW_METERPOINTS).replace({day: version}, lambda: iter([rows]))


def regions(files: LakeFiles, versions: Mapping[date, int], name: str = NAME) -> dict[date, set[str]]:
    found = files.local(name, versions, Path("nowhere"))
    assert {day: [*map(str, paths)] for day, paths in found.items()} == files.urls(name, versions)
    return {
        day: {row["region"] for path in paths for row in pq.ParquetFile(path).read(["region"]).to_pylist()}
        for day, paths in found.items()
    }


def test_each_date_is_read_in_the_version_that_was_noted(lake: Lake, files: LakeFiles) -> None:
    put(lake, DAY, 1)
    put(lake, NEXT, 2)
    assert regions(files, {DAY: 1, NEXT: 2, EMPTY: 3}) == {DAY: {"v1"}, NEXT: {"v2"}}
    # The ledger has gone on: somebody has withdrawn a file.
    assert regions(files, {DAY: 4, NEXT: 2}) == {NEXT: {"v2"}}
    assert regions(files, {DAY: 4}) == {}


def test_a_run_reads_what_was_there_when_it_began(lake: Lake, files: LakeFiles) -> None:
    put(lake, DAY, 1)
    assert regions(files, {DAY: 1}) == {DAY: {"v1"}}
    put(lake, DAY, 2)  # another run
    assert regions(files, {DAY: 1}) == {DAY: {"v1"}}
    # What the run itself stores after that, it finds.
    put(lake, NEXT, 3)
    assert regions(files, {NEXT: 3}) == {NEXT: {"v3"}}


def test_a_table_that_no_lake_has_has_no_files(files: LakeFiles) -> None:
    assert regions(files, {DAY: 1}, "active_agreements") == {}


def test_a_lake_that_is_empty_has_nothing(files: LakeFiles) -> None:
    assert regions(files, {DAY: 1}) == {}
