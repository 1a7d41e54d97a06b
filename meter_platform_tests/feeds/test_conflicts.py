"""Two values for a half hour in one file: found wherever the rows stand, in files of any size, and told apart exactly."""

import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meter_platform.feeds import chunks, conflicts
from meter_platform.feeds.chunks import FileToRead
from meter_platform.feeds.files import ReadingFolder
from meter_platform.feeds.reading import read
from meter_platform_tests.feeds.reading import FIRST, LAST, LONDON, Read, assert_same, by_reader, by_rules, write


def document(rows: Sequence[str]) -> bytes:
    return (
        f'{{"columns": ["meterpoint_id", "interval_start", "consumption_delta"], "data": [{",".join(rows)}]}}'.encode()
    )


def row(value: str, *, meterpoint: str = '"m1"', time: str = "2021-06-01 00:00:00") -> str:
    return f'[{meterpoint}, "{time}", {value}]'


# Few keys, so that rows meet; ids that share their beginning, their length or their bytes.
METERPOINTS = ['"m1"', '"m10"', '"m1 "', '"1234567890123"', "1234567890123", '"Zähler 1"', '"12345678"', '"123456781"']
TIMES = [
    "2021-06-01 00:00:00",
    "2021-05-31 23:00:00Z",
    "2021-06-01 00:30:00",
    "2021-10-31 01:00:00",
    "2021-12-31 23:30",
]
VALUES = ["0.1", "0.10", '"0.1"', "0.10000000000000000555", "0.2", "0", "1e-1", "0.1000000004", "-1", "null"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.lists(
        st.lists(
            st.builds(
                lambda value, meterpoint, time: row(value, meterpoint=meterpoint, time=time),
                st.sampled_from(VALUES),
                st.sampled_from(METERPOINTS),
                st.sampled_from(TIMES),
            ),
            max_size=40,
        ),
        min_size=1,
        max_size=5,
    ),
    sizes=st.tuples(st.integers(90, 1000), st.sampled_from([1, 300, 2000, 10**6]), st.sampled_from([1, 2, 7, 1 << 20])),
)
def test_all_rows_of_a_half_hour_with_two_values_are_rejected_wherever_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: list[list[str]], sizes: tuple[int, int, int]
) -> None:
    chunk, batch, most = sizes
    monkeypatch.setattr(chunks, "CHUNK_BYTES", chunk)
    monkeypatch.setattr(chunks, "BATCH_BYTES", batch)
    monkeypatch.setattr(conflicts, "MOST_ROWS", most)
    for path in tmp_path.iterdir():
        path.unlink()
    for number, rows in enumerate(files):
        write(tmp_path / f"{number}.json", document(rows))
    for name, result in by_reader(tmp_path).items():
        assert_same(result, by_rules(document(files[int(name.removesuffix(".json"))])))


def test_the_first_and_the_last_row_of_a_large_file_contradict_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 20_000)
    monkeypatch.setattr(chunks, "BATCH_BYTES", 100_000)
    monkeypatch.setattr(conflicts, "MOST_ROWS", 3_000)
    between = [row("0.1", meterpoint=f'"n{number}"', time="2021-06-02 00:00:00") for number in range(20_000)]
    rows = [row("0.1"), *between, row("0.2", time="2021-05-31 23:00:00+00:00")]
    result = by_reader_of(tmp_path, document(rows))
    assert result.account is not None
    assert {position: reason for position, (reason, *_) in result.rejected.items()} == {
        1: "conflict_in_file",
        20_002: "conflict_in_file",
    }
    assert result.rejected[20_002][3] == '["m1", "2021-05-31 23:00:00+00:00", 0.2]'
    assert (result.account.rows_in_file, result.account.rows_rejected) == (20_002, 2)
    assert result.account.rows_per_date == {date(2021, 6, 2): 20_000}
    assert result.account.first_interval == result.account.last_interval == datetime(2021, 6, 1, 23, tzinfo=UTC)


def test_the_text_keeps_the_columns_that_tell_the_rows_apart(tmp_path: Path) -> None:
    content = (
        b'{"columns": ["interval_start", "consumption_delta", "meterpoint_id", "direction"], "data": ['
        b'["2021-06-01 12:00:00", 0.412, "m", "import"], ["2021-06-01 12:00:00", 1.905, "m", "export"]]}'
    )
    assert [text for _, _, _, text, _ in by_reader_of(tmp_path, content).rejected.values()] == [
        '["2021-06-01 12:00:00", 0.412, "m", "import"]',
        '["2021-06-01 12:00:00", 1.905, "m", "export"]',
    ]


@pytest.mark.parametrize("names", [["data", "columns"], ["columns", "data", "source"]])
def test_it_holds_for_documents_that_are_parsed_whole(tmp_path: Path, names: list[str]) -> None:
    parts = {
        "columns": '["meterpoint_id", "interval_start", "consumption_delta"]',
        "data": f"[{row('0.1')}, {row('0.2')}, {row('0.3', meterpoint='1')}]",
        "source": '"x"',
    }
    content = "{" + ", ".join(f'"{name}": {parts[name]}' for name in names) + "}"
    result = by_reader_of(tmp_path, content.encode())
    assert (list(result.accepted), list(result.rejected)) == ([3], [1, 2])


def test_a_file_that_changes_before_its_rows_are_read_again_is_still_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.json", document([row("0.1"), row("0.2")]))
    reads = iter(range(9))
    opened = ReadingFolder.open

    def open_once(folder: ReadingFolder, file: Any) -> Any:  # noqa: ANN401 - as the method
        if next(reads) == 1:
            path.write_bytes(document([row("0.3"), row("0.2")]))
        return opened(folder, file)

    monkeypatch.setattr(ReadingFolder, "open", open_once)
    folder = ReadingFolder(str(tmp_path))
    files = [FileToRead(file, 1, LAST) for file in folder.list()]
    batches = list(read(folder, files, zone=LONDON, first_date=FIRST, last_date=LAST))
    (account,) = batches[-1].accounts
    assert account.still_growing


def test_a_temporary_file_is_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    (tmp_path / "readings").mkdir()
    monkeypatch.setattr(conflicts, "MOST_ROWS", 2)
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 100)
    monkeypatch.setattr(chunks, "BATCH_BYTES", 100)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    by_reader_of(tmp_path / "readings", document([row("0.1", meterpoint=str(number)) for number in range(1, 50)]))
    assert list((tmp_path / "temporary").iterdir()) == []


def test_ids_of_one_length_or_many_have_digests_of_their_own() -> None:
    ids = [f"{number}" for number in range(20_000)] + [f"{number:013}" for number in range(20_000)]
    ids += ["a" * length for length in range(1, 65)] + ["é" * length for length in range(1, 65)]
    # As Arrow hands them on: cut out of longer arrays, in pieces.
    texts = pa.chunked_array([pa.array(["x", *ids[:100]])[1:], pa.array(ids[100:])])
    digests = conflicts.digests(texts)
    assert len(set(digests.tolist())) == len(ids)
    again = conflicts.digests(pa.chunked_array([pa.array([ids[7], ids[7], ids[-1]])]))
    assert again.tolist() == [digests[7], digests[7], digests[-1]]


def by_reader_of(folder: Path, content: bytes) -> Read:
    write(folder / "a.json", content)
    return by_reader(folder)["a.json"]
