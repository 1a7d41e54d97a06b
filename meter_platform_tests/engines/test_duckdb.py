"""DuckDB: what it reads out and when, within which memory, and what it leaves behind."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from meter_platform.engines.duckdb import DuckDbEngine
from meter_platform.engines.protocol import lazy
from meter_platform.errors import EngineFailedError, PermanentError
from meter_platform.warehouse import tables
from meter_platform_tests.engines.endless import close_in_the_middle, counted_for_ever

DAY, NEXT = date(2021, 1, 2), date(2021, 1, 3)
NAME = tables.RAW_METER_READINGS.name
READINGS = lazy(tables.RAW_METER_READINGS)


class Partitions:
    """A source whose every date has the same few rows, and that takes note of what is asked of it."""

    name = "test"

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


class Files:
    """Readings of some dates as Parquet files, by version."""

    name = "files"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept: dict[date, int] = {}

    def write(self, day: date, version: int, kwh: str, *, number: int = 0, **columns: str) -> Path:
        path = self.folder / f"reference_date={day}" / f"part's {version}.{number}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        values = {
            "consumption_delta": pa.array([Decimal(kwh)], pa.decimal128(38, 20)),
            "meterpoint_id": ["m"],
            **{name: [value] for name, value in columns.items()},
        }
        pq.write_table(pa.table(values), path)
        self.kept[day] = version
        return path

    def urls(self, table: str, versions: Mapping[date, int]) -> dict[date, list[str]]:
        raise AssertionError((table, versions))

    def local(self, table: str, versions: Mapping[date, int], fetched: Path) -> dict[date, list[Path]]:
        assert table == NAME
        assert not fetched.exists()
        return {
            day: sorted((self.folder / f"reference_date={day}").glob(f"*{version}.*.parquet"))
            for day, version in versions.items()
            if self.kept.get(day) == version
        }


@pytest.fixture
def partitions() -> Partitions:
    return Partitions()


@pytest.fixture
def engine(partitions: Partitions, tmp_path: Path) -> Iterator[DuckDbEngine]:
    opened = DuckDbEngine(partitions, folder=tmp_path / "duckdb")
    yield opened
    opened.close()


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "the lake's [1]*?")


@pytest.fixture
def in_place(partitions: Partitions, files: Files, tmp_path: Path) -> Iterator[DuckDbEngine]:
    opened = DuckDbEngine(partitions, folder=tmp_path / "duckdb", files=files)
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


def test_files_are_read_where_they_are(in_place: DuckDbEngine, files: Files, partitions: Partitions) -> None:
    for number, kwh in enumerate(("0.30000000000000000001", "0.2")):
        files.write(DAY, 1, kwh, number=number)
    files.write(NEXT, 1, "1")
    assert total(in_place, {DAY: 1}) == ("0.50000000000000000001", 0)
    assert total(in_place, {DAY: 1, NEXT: 1}) == ("1.50000000000000000001", 0)
    assert not partitions.read
    # What is not kept as files comes from elsewhere, and the date is that of the path.
    computation = in_place.compute(
        READINGS.group_by("reference_date").agg(kwh=READINGS.consumption_delta.sum()), {NAME: {DAY: 1, NEXT: 2}}
    )
    (rows,) = (part.to_pylist() for part in computation.rows)
    assert {row["reference_date"]: str(row["kwh"]) for row in rows} == {
        DAY: "0.50000000000000000001",
        NEXT: "0.20000000000000000002",
    }
    assert computation.facts == {"rows_read_out": 2}
    assert computation.origins == {NAME: {DAY: "files", NEXT: "test"}}


def test_a_date_counts_once_whichever_way_it_was_read_before(in_place: DuckDbEngine, files: Files) -> None:
    assert total(in_place, {DAY: 1}) == ("0.20000000000000000002", 2)
    files.write(DAY, 1, "0.20000000000000000002")  # the lake has caught up
    assert total(in_place, {DAY: 1}) == ("0.20000000000000000002", 0)
    assert total(in_place, {DAY: 2}) == ("0.20000000000000000002", 2)
    assert total(in_place, {DAY: 1}) == ("0.20000000000000000002", 0)


def test_of_files_nothing_is_taken_that_was_not_asked_for(in_place: DuckDbEngine, files: Files) -> None:
    files.write(DAY, 1, "1")
    files.write(NEXT, 1, "2")
    assert total(in_place, {NEXT: 1}) == ("2.00000000000000000000", 0)


def test_a_file_without_a_column_is_refused_and_not_read_as_one_of_nulls(
    in_place: DuckDbEngine, files: Files, partitions: Partitions
) -> None:
    files.write(DAY, 1, "0.1", register="export")
    older = files.write(NEXT, 1, "0.2")
    exported = READINGS.filter(READINGS.register == "export").agg(kwh=READINGS.consumption_delta.sum())
    with pytest.raises(PermanentError, match=r"lacks columns that are needed of it: .*register") as refused:
        list(in_place.compute(exported, {NAME: {DAY: 1, NEXT: 1}}).rows)
    assert str(older) in str(refused.value)
    assert not partitions.read


@pytest.mark.parametrize(
    "content", [None, b"no Parquet at all", b"PAR1 nor this PAR1"], ids=["gone", "other", "broken"]
)
def test_files_that_cannot_be_read_are_an_error_that_may_pass(
    in_place: DuckDbEngine, files: Files, content: bytes | None
) -> None:
    path = files.write(DAY, 1, "0.1")
    listed = files.local(NAME, {DAY: 1}, Path("nowhere"))
    path.unlink() if content is None else path.write_bytes(content)
    files.local = lambda *_: listed  # type: ignore[method-assign]
    with pytest.raises(
        EngineFailedError, match=r"^DuckDB has not computed this; another try .*: .*reference_date=2021-01-02"
    ):
        total(in_place, {DAY: 1})


def test_no_other_folder_is_read(in_place: DuckDbEngine, files: Files, tmp_path: Path) -> None:
    elsewhere = Files(tmp_path / "elsewhere")
    elsewhere.write(DAY, 1, "0.1")
    files.local = elsewhere.local  # type: ignore[method-assign]
    with pytest.raises(duckdb.PermissionException, match="disabled"):
        total(in_place, {DAY: 1})
