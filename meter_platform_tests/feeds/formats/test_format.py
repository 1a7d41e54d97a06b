"""The seam for formats: one that nobody knew before is one class and one line in the list, and all else holds for it."""

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from meter_platform.contracts.raw_data import FILE_COLUMNS
from meter_platform.feeds import chunks, formats
from meter_platform.feeds.files import ReadingFolder
from meter_platform.feeds.formats.format import TOKENS, Chunk, Readable, Row, UnvalidatedRows, Values
from meter_platform.feeds.malformed import FileReason, MalformedFileError
from meter_platform_tests.feeds.reading import Read, by_reader, write


class Lines:
    """Files `*.lines`: on each line "id;time;value", in ASCII, after a line that says so."""

    suffix = ".lines"
    tail_bytes = 0

    def recognises(self, name: str) -> bool:
        return name.endswith(self.suffix)

    def chunks(self, stream: Readable, size: int, *, last_bytes: bytes | None, chunk_bytes: int) -> Iterator[Chunk]:  # noqa: ARG002 - the protocol's signature
        head, _, rest = stream.read().partition(b"\n")
        if head != b"id;time;value":
            raise MalformedFileError(FileReason.BAD_COLUMNS, "the first line is not id;time;value")
        lines = rest.splitlines(keepends=True)
        some = max(1, chunk_bytes // 30)
        for start in range(0, len(lines), some):
            yield Chunk(None, b"".join(lines[start : start + some]))

    def in_bulk(self, chunks: Sequence[Chunk]) -> UnvalidatedRows | None:
        lines = [chunk.text.decode().splitlines() for chunk in chunks]
        rows = [line.split(";") for part in lines for line in part]
        are_sound = np.array([len(row) == 3 for row in rows])
        whole = [row if len(row) == 3 else ["", "", ""] for row in rows]
        columns = {
            name: Values(pa.array([row[place] for row in whole], pa.string()).dictionary_encode().cast(TOKENS))
            for place, name in enumerate(FILE_COLUMNS)
        }
        texts = pa.array([";".join(row) for row in rows], pa.string())
        return UnvalidatedRows(range(len(chunks)), [len(part) for part in lines], columns, are_sound, texts.take)

    def rows(self, chunk: Chunk) -> list[Row]:
        return [
            Row(values, line) if len(values := line.split(";")) == 3 else Row((), line, "the line has not three values")
            for line in chunk.text.decode().splitlines()
        ]

    def rows_of_file(self, content: bytes) -> Iterator[Row]:
        raise NotImplementedError("no chunk of lines is ever cut in the wrong place")

    def text(self, row: Row) -> str:
        return str(row.written)


@pytest.fixture(autouse=True)
def with_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "FORMATS", [*formats.FORMATS, Lines()])


def lines(*rows: str) -> bytes:
    return "\n".join(["id;time;value", *rows, ""]).encode()


def as_document(*rows: str) -> bytes:
    """The same rows as a JSON document, each value as a text."""
    listed = ",".join('["' + '","'.join(row.split(";")) + '"]' for row in rows)
    return f'{{"columns":["meterpoint_id","interval_start","consumption_delta"],"data":[{listed}]}}'.encode()


def read_both(folder: Path, *rows: str) -> tuple[Read, Read]:
    """What is read of rows as lines, and of the same rows as a JSON document."""
    write(folder / "a.lines", lines(*rows))
    write(folder / "b.json", as_document(*rows))
    found = by_reader(folder)
    return found["a.lines"], found["b.json"]


def test_files_are_listed_by_the_names_that_formats_recognise(tmp_path: Path) -> None:
    for name in ("a.lines", "b.json", "c.csv"):
        write(tmp_path / name, b"")

    listing = ReadingFolder(str(tmp_path)).listing()

    assert [Path(file.path).name for file in listing.files] == ["a.lines", "b.json"]
    assert listing.unread.counted.endswith("(1 x .csv): names end in .json or .lines")


def test_good_rows_and_bad_ones_are_where_they_stand_in_the_file(tmp_path: Path) -> None:
    write(
        tmp_path / "a.lines",
        lines("m1;2021-06-01 00:00:00;0.250", "m1;2021-06-01 00:30:00;-1", "m1;2021-06-01", "m1;2021-06-01 01:00:00;7"),
    )

    found = by_reader(tmp_path)["a.lines"]

    assert found.accepted == {
        1: ("m1", datetime(2021, 5, 31, 23, tzinfo=UTC), date(2021, 6, 1), Decimal("0.25")),
        4: ("m1", datetime(2021, 6, 1, 0, tzinfo=UTC), date(2021, 6, 1), Decimal(7)),
    }
    assert {position: (reason, text) for position, (reason, _, _, text, _) in found.rejected.items()} == {
        2: ("negative", "m1;2021-06-01 00:30:00;-1"),
        3: ("not_a_row", "m1;2021-06-01"),
    }
    assert found.account is not None
    assert (found.account.rows_in_file, found.account.rows_rejected) == (4, 2)
    assert found.account.rows_per_date == {date(2021, 6, 1): 2}


def test_rows_are_counted_across_chunks_and_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 300)
    monkeypatch.setattr(chunks, "BATCH_BYTES", 2_000)
    rows = [f"m{number};2021-06-01 00:00:00;{number if number % 7 else -number}" for number in range(1, 25)] * 10

    as_lines, as_json = read_both(tmp_path, *(f"{row[:1]}{at}{row[1:]}" for at, row in enumerate(rows)))

    assert len(as_lines.accepted) == 210
    assert as_lines.accepted == as_json.accepted
    assert sorted(as_lines.rejected) == [place for place in range(1, 241) if ((place - 1) % 24 + 1) % 7 == 0]


def test_every_rule_says_the_same_of_a_row_whatever_its_format(tmp_path: Path) -> None:
    good = [f"m{number};2021-06-01 {number % 24:02}:00:00;1.5" for number in range(40)]
    odd = [
        "nan;2021-06-01 00:00:00;1",
        "=1;2021-06-01 00:00:00;1",
        "m;2021-06-01 00:10:00;1",
        "m;2021-03-28 01:00:00;1",
        "m;2019-06-01 00:00:00;1",
        "m;2029-06-01 00:00:00;1",
        "m;soon;1",
        "m;2021-06-01 00:00:00;x",
        "m;2021-06-01 00:00:00;24.5",
        "m;2021-06-01 00:00:00;16777.215",
        "m;2021-06-01 00:00:00;0.123456789012345678901",
        "1e5;2021-06-01 00:00:00;007.5",
    ]

    as_lines, as_json = read_both(tmp_path, *good, *odd)

    assert len({reason for reason, *_ in as_json.rejected.values()}) == 10
    assert as_lines.accepted == as_json.accepted
    assert {place: (row[0], row[1], row[2], row[4]) for place, row in as_lines.rejected.items()} == {
        place: (row[0], row[1], row[2], row[4]) for place, row in as_json.rejected.items()
    }
    assert as_lines.rejected_kwh == as_json.rejected_kwh


def test_two_values_for_a_half_hour_are_rejected_with_the_text_of_their_rows(tmp_path: Path) -> None:
    write(
        tmp_path / "a.lines",
        lines("m;2021-06-01 00:00:00;1", "m;2021-06-01 00:30:00;1", "m;2021-06-01 00:00:00;2"),
    )

    found = by_reader(tmp_path)["a.lines"]

    assert list(found.accepted) == [2]
    assert {place: (row[0], row[3]) for place, row in found.rejected.items()} == {
        1: ("conflict_in_file", "m;2021-06-01 00:00:00;1"),
        3: ("conflict_in_file", "m;2021-06-01 00:00:00;2"),
    }


def test_a_file_that_is_mostly_wrong_is_held_back_with_the_text_of_its_good_rows(tmp_path: Path) -> None:
    rows = [f"m{number};2021-06-01 00:00:00;{12 if number < 8 else 310}" for number in range(24)]
    write(tmp_path / "a.lines", lines(*rows))

    found = by_reader(tmp_path)["a.lines"]

    assert found.account is not None
    assert (found.account.held_back or "").startswith("mostly_rejected: 16 of 24 rows are impossible")
    assert found.accepted == {}
    assert {place: text for place, (_, _, _, text, _) in found.rejected.items()} == dict(enumerate(rows, start=1))


def test_repeated_hours_are_told_apart_by_the_order_of_the_lines(tmp_path: Path) -> None:
    times = ["00:30", "01:00", "01:30", "01:00", "01:30", "01:00", "02:00"]
    rows = [f"m;2021-10-31 {time}:00;{number}" for number, time in enumerate(times)]

    as_lines, as_json = read_both(tmp_path, *rows)

    assert len(as_lines.accepted) >= 4
    assert as_lines.accepted == as_json.accepted
    assert {place: row[0] for place, row in as_lines.rejected.items()} == {
        place: row[0] for place, row in as_json.rejected.items()
    }
    assert {row[3] for row in as_lines.rejected.values()} <= set(rows)


def test_a_file_that_is_not_of_its_format_is_malformed_and_the_others_are_read(tmp_path: Path) -> None:
    write(tmp_path / "a.lines", b"something else\n")
    write(tmp_path / "b.json", as_document("m;2021-06-01 00:00:00;1"))
    os.utime(tmp_path / "a.lines", (1_600_000_000, 1_600_000_000))

    found = by_reader(tmp_path)

    assert found["a.lines"].account is not None
    assert found["a.lines"].account.malformed == "bad_columns: the first line is not id;time;value"
    assert len(found["b.json"].accepted) == 1
