"""The text of a row is made where it is asked for, and is that row's, for whichever reason it is asked."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from meter_platform_tests.feeds.configured import assert_accounted, read_file, rejected

Row = tuple[str, str, str]
"""Meterpoint, local time, kWh."""

KEYS: Final = 'columns = { meterpoint = "id", time = "at", value = "kwh" }\nzone = "Europe/London"\nlabel = "start"\n'


def as_csv(rows: Sequence[Row]) -> bytes:
    return "\r\n".join(["id,at,kwh", *map(",".join, rows)]).encode()


def as_parquet(rows: Sequence[Row]) -> bytes:
    sink = pa.BufferOutputStream()
    columns = zip(*rows, strict=True)
    pq.write_table(
        pa.table(
            {name: pa.array(column, pa.string()) for name, column in zip(("id", "at", "kwh"), columns, strict=True)}
        ),
        sink,
    )
    return bytes(sink.getvalue().to_pybytes())


def in_csv(row: Row) -> str:
    return ",".join(row)


def in_parquet(row: Row) -> str:
    name, at, kwh = row
    return f"value={kwh}, meterpoint={name}, time={at}"


WAYS: Final = [("csv", as_csv, in_csv), ("parquet", as_parquet, in_parquet)]
Write = Callable[[Sequence[Row]], bytes]
Text = Callable[[Row], str]

GOOD: Final = [(f"g{number}", "2021-06-01 00:00:00", "1") for number in range(700)]
ODD: Final = {
    "conflict_in_file": [("a", "2021-06-01 00:00:00", "1"), ("a", "2021-06-01 00:00:00", "2")],
    "ambiguous_time": [("b", "2021-10-31 01:30:00", "3")],
    "not_a_number": [("c", "2021-06-01 00:30:00", "x"), ("d", "2021-06-01 00:30:00", "")],
    "negative": [("e", "2021-06-01 00:30:00", "-1")],
}


@pytest.mark.parametrize(("kind", "write", "text"), WAYS)
def test_a_row_that_is_rejected_late_or_early_shows_its_own_text(
    tmp_path: Path, kind: str, write: Write, text: Text
) -> None:
    odd = [row for rows in ODD.values() for row in rows]
    rows = [*odd[::2], *GOOD, *odd[1::2]]

    read = read_file(tmp_path, f'[feeds.f]\nformat = "{kind}"\npaths = "*"\n{KEYS}', "a.x", write(rows))

    assert sorted((row[0], row[3]) for row in rejected(read)) == sorted(
        (reason, text(row)) for reason, rows in ODD.items() for row in rows
    )
    assert_accounted(read)


@pytest.mark.parametrize(("kind", "write", "text"), WAYS)
def test_every_row_of_a_file_that_is_held_back_shows_its_own_text(
    tmp_path: Path, kind: str, write: Write, text: Text
) -> None:
    rows = [(f"m{number}", "2021-06-01 00:00:00", str(number * 10)) for number in range(600)]

    read = read_file(tmp_path, f'[feeds.f]\nformat = "{kind}"\npaths = "*"\n{KEYS}', "a.x", write(rows))

    assert [row[3] for row in rejected(read)] == [text(row) for row in rows]
