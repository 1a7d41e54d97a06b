"""Spark Connect, as Sail implements it: what is sent, how it fails, how it is ended, what is put on record."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from meter_platform.engines import spark
from meter_platform.engines.protocol import lazy
from meter_platform.engines.spark import SparkEngine
from meter_platform.errors import EngineFailedError, EngineUnavailableError, PermanentError, SettingsError
from meter_platform.warehouse import tables
from meter_platform_tests.engines.endless import close_in_the_middle, counted_for_ever
from meter_platform_tests.sail import sail_process

DAY, NEXT = date(2021, 1, 2), date(2021, 1, 3)
NAME = tables.RAW_METER_READINGS.name
READINGS = lazy(tables.RAW_METER_READINGS)
SUM = READINGS.agg(kwh=READINGS.consumption_delta.sum())
SECONDS = 15
"""Within which a server that is gone is an error."""


class Partitions:
    """A source of a few rows a date, or of many."""

    name = "test"

    def __init__(self, rows: int = 2) -> None:
        self.rows = rows
        self.streamed = 0

    @contextmanager
    def stream(
        self, table: str, versions: Mapping[date, int], columns: Sequence[str]
    ) -> Iterator[pa.RecordBatchReader]:
        assert table == NAME
        schema = pa.schema([("consumption_delta", pa.string()), ("reference_date", pa.date32())])
        assert {*columns} == {*schema.names}
        schema = pa.schema([schema.field(name) for name in columns])

        def batches() -> Iterator[pa.RecordBatch]:
            for day in versions:
                for first in range(0, self.rows, 100_000):
                    count = min(100_000, self.rows - first)
                    self.streamed += count
                    values = {
                        "consumption_delta": pa.array(["0.10000000000000000001"] * count),
                        "reference_date": pa.array([day] * count, pa.date32()),
                    }
                    yield pa.RecordBatch.from_arrays([values[name] for name in columns], schema=schema)

        yield pa.RecordBatchReader.from_batches(schema, batches())


@contextmanager
def opened(url: str, source: Partitions | None = None, files: "Lake | None" = None) -> Iterator[SparkEngine]:
    engine = SparkEngine(source or Partitions(), url=url, files=files)
    try:
        yield engine
    finally:
        engine.close()


def total(engine: SparkEngine, *days: date) -> Decimal:
    (rows,) = engine.compute(SUM, {NAME: dict.fromkeys(days, 1)}).rows
    found: Decimal = rows["kwh"][0].as_py()
    return found


def test_digits_are_kept_and_the_plan_is_on_record_without_any_meterpoint(sail: str) -> None:
    with opened(sail) as engine:
        computation = engine.compute(SUM, {NAME: {DAY: 1, NEXT: 1}})
        (rows,) = computation.rows

    assert rows["kwh"][0].as_py() == Decimal("0.40000000000000000004")
    assert "sum" in computation.facts["spark_plan"].lower()
    assert "0.1000" not in computation.facts["spark_plan"]
    assert computation.facts["spark_tag"].startswith("meter-platform-")
    assert computation.facts["spark_session"]


def test_dates_without_rows_are_a_table_without_rows(sail: str) -> None:
    with opened(sail, Partitions(0)) as engine:
        assert total(engine, DAY) is None


def test_more_than_a_driver_can_take_is_refused_before_all_of_it_is_read(sail: str) -> None:
    source = Partitions(10_000_000)
    with opened(sail, source) as engine, pytest.raises(PermanentError) as refused:
        total(engine, DAY)

    assert source.streamed < 2_000_000
    assert "raw_data.raw_meter_readings has too many rows from 2021-01-02 to 2021-01-02" in str(refused.value)
    assert "METER_PLATFORM_ENGINE" in str(refused.value)


class Lake:
    """Readings as Parquet files in folders of dates."""

    name = "files"

    def __init__(self, root: Path) -> None:
        self.root = self.folder = root

    def write(self, day: date, *kwh: str) -> None:
        rows = pa.table(
            {
                "consumption_delta": pa.array([Decimal(value) for value in kwh], pa.decimal128(38, 20)),
                "reference_date": pa.array([day] * len(kwh), pa.date32()),
            }
        )
        ds.write_dataset(
            rows,
            self.root,
            format="parquet",
            partitioning=["reference_date"],
            partitioning_flavor="hive",
            existing_data_behavior="delete_matching",
        )

    def urls(self, table: str, versions: Mapping[date, int]) -> dict[date, list[str]]:
        assert table == NAME
        found = {day: [*map(str, (self.root / f"reference_date={day}").glob("*.parquet"))] for day in versions}
        return {day: paths for day, paths in found.items() if paths}

    def local(self, table: str, versions: Mapping[date, int], fetched: Path) -> dict[date, list[Path]]:
        assert not fetched.exists()
        return {day: [*map(Path, paths)] for day, paths in self.urls(table, versions).items()}


def test_files_that_the_cluster_can_see_are_read_by_itself(sail: str, tmp_path: Path) -> None:
    lake, source = Lake(tmp_path), Partitions()
    lake.write(DAY, "0.30000000000000000001", "0.2")
    with opened(sail, source, lake) as engine:
        assert total(engine, DAY) == Decimal("0.50000000000000000001")
        lake.write(NEXT, "0.1", "0.30000000000000000001")
        of_next = READINGS.filter(READINGS.reference_date == NEXT).agg(kwh=READINGS.consumption_delta.sum())
        (rows,) = engine.compute(of_next, {NAME: {DAY: 1, NEXT: 1}}).rows
        assert rows["kwh"][0].as_py() == Decimal("0.40000000000000000001")
        assert source.streamed == 0
        # A date that is not there as files is sent.
        assert total(engine, NEXT, date(2021, 1, 4)) == Decimal("0.60000000000000000003")
    assert source.streamed == 2


@pytest.mark.parametrize("seconds", [1, pytest.param(None, marks=pytest.mark.whole)], ids=["one second", "as usual"])
def test_a_server_that_is_not_there_is_an_error_within_seconds(
    seconds: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if seconds:
        monkeypatch.setattr(spark, "_CONNECT_SECONDS", seconds)
    with sail_process() as (url, process):
        process.kill()
        process.wait()
    began = time.monotonic()
    with opened(f"{url}/;token=tell-nobody;use_ssl=true") as engine, pytest.raises(EngineUnavailableError) as error:
        total(engine, DAY)

    assert time.monotonic() - began < SECONDS
    assert str(error.value).startswith(f"No Spark Connect server answers at {url.removeprefix('sc://')}")
    assert "tell-nobody" not in str(error.value)


@pytest.mark.whole  # the client waits for eight seconds
@pytest.mark.filterwarnings("ignore:.*RETRIES_EXCEEDED")
def test_a_server_that_goes_away_is_an_error_within_seconds() -> None:
    with sail_process() as (url, process), opened(url) as engine:
        assert total(engine, DAY) == Decimal("0.20000000000000000002")
        process.kill()
        process.wait()
        began = time.monotonic()
        with pytest.raises(EngineFailedError):
            total(engine, DAY)
        assert time.monotonic() - began < SECONDS


def test_a_query_that_nobody_waits_for_ends(sail: str) -> None:
    with opened(sail) as engine:
        close_in_the_middle(engine.compute(counted_for_ever(), {}))

        assert total(engine, DAY) == Decimal("0.20000000000000000002")


@pytest.mark.parametrize("url", ["spark://host:7077", "sc://host:1/path", "sc://host:1/;token"])
def test_a_url_that_is_none_is_said_in_words(url: str) -> None:
    with opened(url) as engine, pytest.raises(SettingsError, match="METER_PLATFORM_SPARK_URL is no URL of a Spark"):
        total(engine, DAY)
