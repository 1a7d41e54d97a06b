"""DuckDB: what it reads out and when, within which memory, and what it leaves behind."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from meter_platform.engines.duckdb import DuckDbEngine
from meter_platform.engines.protocol import lazy
from meter_platform.errors import PermanentError
from meter_platform.warehouse import tables
from meter_platform_tests.engines.endless import close_in_the_middle, counted_for_ever

DAY, NEXT = date(2021, 1, 2), date(2021, 1, 3)
NAME = tables.RAW_METER_READINGS.name
READINGS = lazy(tables.RAW_METER_READINGS)


class Partitions:
    """A source whose every date has the same few rows, and that takes note of what is asked of it."""

    def __init__(self, rows: int = 2) -> None:
        self.rows = rows
        self.read: Counter[date] = Counter()
        self.columns: list[Sequence[str]] = []

    @contextmanager
    def stream(
        self, table: str, versions: Mapping[date, int], columns: Sequence[str]
    ) -> Iterator[pa.RecordBatchReader]:
        assert table == NAME
        self.read.update([*versions])
        self.columns.append(columns)
        dates = [day for day in versions for _ in range(self.rows)]
        values = {
            "reference_date": pa.array(dates, pa.date32()),
            "meterpoint_id": pa.array([f"m{number:032}" for number in range(len(dates))]),
            "consumption_delta": pa.array(["0.10000000000000000001"] * len(dates)),  # as ADBC has it
        }
        yield pa.table({name: values[name] for name in columns}).to_reader()

    def origins(self, table: str, versions: Mapping[date, int]) -> dict[date, str]:
        assert table == NAME
        return dict.fromkeys(versions, "test")


@pytest.fixture
def partitions() -> Partitions:
    return Partitions()


@pytest.fixture
def engine(partitions: Partitions, tmp_path: Path) -> Iterator[DuckDbEngine]:
    opened = DuckDbEngine(partitions, folder=tmp_path / "duckdb")
    yield opened
    opened.close()


def total(engine: DuckDbEngine, versions: dict[date, int]) -> tuple[object, object]:
    """The energy of all dates, and how many rows were read for it."""
    computation = engine.compute(READINGS.agg(kwh=READINGS.consumption_delta.sum()), {NAME: versions})
    (rows,) = (part.to_pylist() for part in computation.rows)
    return str(rows[0]["kwh"]), computation.facts["rows_read_out"]


def test_a_partition_is_read_once_and_again_when_it_has_changed(engine: DuckDbEngine, partitions: Partitions) -> None:
    assert total(engine, {DAY: 1}) == ("0.20000000000000000002", 2)
    assert total(engine, {DAY: 1}) == ("0.20000000000000000002", 0)
    assert total(engine, {DAY: 1, NEXT: 2}) == ("0.40000000000000000004", 2)
    partitions.rows = 3
    assert total(engine, {DAY: 3, NEXT: 2}) == ("0.50000000000000000005", 3)
    assert partitions.read == {DAY: 2, NEXT: 1}


def test_of_a_version_that_nobody_noted_nothing_is_kept(engine: DuckDbEngine) -> None:
    assert [total(engine, {DAY: 0}) for _ in range(2)] == [("0.20000000000000000002", 2)] * 2


def test_columns_are_read_when_they_are_needed(engine: DuckDbEngine, partitions: Partitions) -> None:
    total(engine, {DAY: 1})
    by_meterpoint = READINGS.group_by("meterpoint_id").agg(kwh=READINGS.consumption_delta.sum())
    assert sum(part.num_rows for part in engine.compute(by_meterpoint, {NAME: {DAY: 1}}).rows) == 2
    total(engine, {DAY: 1})

    assert [set(columns) - {"reference_date"} for columns in partitions.columns] == [
        {"consumption_delta"},
        {"consumption_delta", "meterpoint_id"},
    ]


def test_what_does_not_fit_into_memory_or_on_the_disk_is_said_in_words(tmp_path: Path) -> None:
    engine = DuckDbEngine(Partitions(600_000), folder=tmp_path, memory_mb=16)
    whole = READINGS.agg(every=READINGS.meterpoint_id.collect())  # in one row, which no disk can hold for it
    with pytest.raises(PermanentError, match=r"within 16 MB and cannot: raise METER_PLATFORM_DUCKDB_MEMORY_MB"):
        list(engine.compute(whole, {NAME: {DAY: 1}}).rows)
    engine.close()


def test_nothing_is_left_of_a_run_not_even_of_one_that_was_killed(tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    killed.mkdir()
    (killed / "partitions.duckdb").write_bytes(b"much")

    one, other = (DuckDbEngine(Partitions(), folder=tmp_path) for _ in range(2))
    assert not killed.exists()
    assert [total(engine, {DAY: 1})[1] for engine in (one, other)] == [2, 2], "neither takes the other's folder away"

    one.close()
    other.close()
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_a_query_that_nobody_waits_for_ends(engine: DuckDbEngine) -> None:
    close_in_the_middle(engine.compute(counted_for_ever(), {}))

    assert total(engine, {DAY: 1})[1] == 2, "the next query is computed"


def test_it_reads_nothing_but_what_it_is_handed(engine: DuckDbEngine, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="disabled"):
        engine._connection.sql(f"SELECT * FROM read_text('{tmp_path}/*')").fetchall()  # noqa: SLF001, S608 - whether it is shut
