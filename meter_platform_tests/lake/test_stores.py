"""A lake in an object store: found to be fit at the start, waited for while it is busy, and clear where it refuses."""

import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from meter_platform.lake.delta import LakeTable
from meter_platform.lake.lake import open_lake
from meter_platform.lake.stores import LakeRefusedError, LakeStore, LakeUnavailableError
from meter_platform.settings import Settings
from meter_platform.warehouse.tables import RAW_METERPOINTS
from meter_platform_tests.lake.rows import meterpoints
from meter_platform_tests.object_store.bucket import Bucket, bucket
from meter_platform_tests.object_store.proxy import DENIED, EXPIRED, SLOW_DOWN, Refusal

DAY, NEXT = date(2021, 1, 4), date(2021, 1, 5)


@pytest.fixture
def store(store_port: int, request: pytest.FixtureRequest) -> Iterator[Bucket]:
    with bucket(store_port, f"lake-{abs(hash(request.node.name)):x}") as found:
        yield found


@pytest.fixture
def table(store: Bucket) -> LakeTable:
    return table_in(store)


def table_in(store: Bucket) -> LakeTable:
    return LakeTable(LakeStore(f"s3://{store.name}/lake"), RAW_METERPOINTS)


def stored(table: LakeTable) -> list[str]:
    snapshot = table.snapshot()
    return [row["region"] for batch in table.batches(snapshot, DAY) for row in batch.to_pylist()]


def test_a_store_is_written_and_read(store: Bucket, table: LakeTable, settings: Settings) -> None:
    assert open_lake(settings.replace(lake_url=f"s3://{store.name}/lake")) is not None
    assert store.keys() == [], "nothing is left of the probe"
    for version, region in enumerate(("A", "B")):
        table.replace({DAY: version}, lambda region=region: iter([meterpoints(DAY, 3, region)]))
    assert stored(table) == ["B"] * 3
    assert dict(table.snapshot().ledger_versions) == {DAY: 1}
    assert table.snapshot(1).ledger_versions == {DAY: 0}, "the old version can be read"


def test_files_are_fetched_for_whoever_cannot_read_a_store_each_once(
    store: Bucket, table: LakeTable, tmp_path: Path
) -> None:
    for day in (DAY, NEXT):
        table.replace({day: 0}, lambda day=day: iter([meterpoints(day, 3, str(day))]))
    snapshot = table.snapshot()

    found = table.local_files(snapshot, [DAY], tmp_path)
    assert {*found} == {DAY}
    store.proxy.asked.clear()
    both = table.local_files(snapshot, [NEXT, DAY], tmp_path)
    assert store.proxy.asked == {"GET": 1}, "one that was fetched is not fetched again"
    assert both[DAY] == found[DAY]
    for day, paths in both.items():
        assert [path.parts[-3] for path in paths] == [f"reference_date={day}"]
        assert {row["region"] for path in paths for row in pq.ParquetFile(path).read().to_pylist()} == {str(day)}

    store.proxy.refuse = lambda _: DENIED
    with pytest.raises(LakeRefusedError, match="grant s3:ListBucket"):
        table.local_files(snapshot, [NEXT], tmp_path / "other")
    store.proxy.refuse = lambda _: None
    table.replace({DAY: 1}, lambda: iter([meterpoints(DAY, 3, "new")]))
    table.tidy(timedelta(0))
    with pytest.raises(LakeUnavailableError):
        table.local_files(snapshot, [DAY], tmp_path / "other")


def test_a_store_that_lets_the_second_writer_win_is_refused(store: Bucket, settings: Settings) -> None:
    store.proxy.ignored_headers = {"if-none-match"}
    with pytest.raises(
        LakeRefusedError, match=rf"s3://{store.name}/lake lets a second writer overwrite .*If-None-Match"
    ):
        open_lake(settings.replace(lake_url=f"s3://{store.name}/lake"))
    assert store.keys() == []


@pytest.mark.parametrize(
    ("refusal", "kind", "words"),
    [
        (Refusal(404, "NoSuchBucket"), LakeRefusedError, "there is no such bucket"),
        (DENIED, LakeRefusedError, "grant s3:ListBucket"),
        (EXPIRED, LakeUnavailableError, "the credentials have expired"),
    ],
)
def test_what_a_store_refuses_is_told_with_what_to_do(
    store: Bucket, settings: Settings, refusal: Refusal, kind: type[Exception], words: str
) -> None:
    table = table_in(store)
    table.replace({DAY: 1}, lambda: iter([meterpoints(DAY, 3, "A")]))
    store.proxy.refuse = lambda _: refusal
    for act in (
        lambda: open_lake(settings.replace(lake_url=f"s3://{store.name}/lake")),
        lambda: table.replace({DAY: 2}, lambda: iter([meterpoints(DAY, 3, "B")])),
    ):
        with pytest.raises(kind, match=rf"The lake s3://{store.name}/lake cannot be used.*{words}") as caught:
            act()
        assert "hunter2" not in str(caught.value)
    store.proxy.refuse = lambda _: None
    assert stored(table) == ["A"] * 3


@pytest.mark.whole
def test_a_store_that_is_busy_is_waited_for(store: Bucket, table: LakeTable) -> None:
    table.replace({DAY: 1}, lambda: iter([meterpoints(DAY, 3, "A")]))

    def busy_for(seconds: float) -> list[object]:
        until, refused = time.monotonic() + seconds, list[object]()

        def busy(asked: object) -> Refusal | None:
            if time.monotonic() > until:
                return None
            refused.append(asked)
            return SLOW_DOWN

        store.proxy.refuse = busy
        return refused

    refused = busy_for(3)
    table.replace({DAY: 2}, lambda: iter([meterpoints(DAY, 3, "B")]))
    assert refused
    pinned = table.snapshot()
    refused = busy_for(1)
    assert [row["region"] for batch in table.batches(pinned, DAY) for row in batch.to_pylist()] == ["B"] * 3
    assert refused


def test_an_answer_that_is_lost_after_a_commit_costs_a_second_one_and_nothing_else(
    store: Bucket, table: LakeTable
) -> None:
    table.replace({DAY: 1}, lambda: iter([meterpoints(DAY, 3, "A")]))
    lost = []

    def lose(asked: object) -> Refusal | None:
        is_commit = getattr(asked, "method", "") == "PUT" and "_delta_log" in getattr(asked, "path", "")
        if is_commit and not lost:
            lost.append(asked)
            return Refusal(500, "InternalError")
        return None

    store.proxy.refuse_after = lose
    table.replace({DAY: 2}, lambda: iter([meterpoints(DAY, 3, "B")]))
    assert lost
    assert stored(table) == ["B"] * 3
    assert pa.Table.from_batches(table.batches(table.snapshot(), DAY)).num_rows == 3
