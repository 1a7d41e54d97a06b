"""Lines of separated values in bulk: columns by their places, and every line that has too few or too many values.

What belongs here: from lines to columns of texts. What does not: what a column means (`csv_rows.py`, `csv_days.py`).

Arrow reads lines several times as fast as Python does. It gives up on a block with a line of another number of values, or
with a quote that does not end; such a block is read line by line, so that the others in it are not lost.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from meter_platform.feeds.formats.format import TOKENS
from meter_platform.feeds.formats.lines import texts


@dataclass(frozen=True, slots=True)
class Lines:
    """Some lines taken apart.

    Attributes:
        columns: by place, the columns that were asked for.
        written: the lines.
        faults: what is wrong with each line, null where nothing is; `None` where nothing is wrong with any.
    """

    columns: dict[int, pa.DictionaryArray]
    written: pa.Array
    faults: pa.Array | None


def taken_apart(block: bytes, separator: str, width: int | None, wanted: Sequence[int]) -> Lines:
    """Takes whole lines apart.

    Args:
        block: the lines.
        separator: between values.
        width: how many values a line has; `None`: as many as the first.
        wanted: places of columns.
    """
    written = texts(block)
    width = width or _width(written[0].as_py(), separator)
    names = [str(place) for place in range(width)]
    try:
        table = arrow_csv.read_csv(
            pa.py_buffer(block),
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=max(len(block), 1), column_names=names),
            parse_options=arrow_csv.ParseOptions(delimiter=separator),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, TOKENS),
                include_columns=[str(place) for place in wanted if place < width],
                strings_can_be_null=False,
                null_values=[],
            ),
        )
    except pa.ArrowInvalid:
        return _one_by_one(written, separator, width, wanted)
    if table.num_rows != len(written):
        return _one_by_one(written, separator, width, wanted)
    columns = {place: _of(table, place) for place in wanted}
    return Lines(columns, written, None)


def _of(table: pa.Table, place: int) -> pa.DictionaryArray:
    if str(place) not in table.column_names:
        return pa.DictionaryArray.from_arrays(pa.array([0] * table.num_rows, pa.int32()), pa.array([""]))
    return table[str(place)].combine_chunks()


def _one_by_one(written: pa.Array, separator: str, width: int, wanted: Sequence[int]) -> Lines:
    rows: list[list[str]] = []
    faults: list[str | None] = []
    for line in written.to_pylist():
        values, fault = _values(line, separator, width)
        rows.append(values)
        faults.append(fault)
    columns = {
        place: pa.array([row[place] if place < len(row) else "" for row in rows], pa.string())
        .dictionary_encode()
        .cast(TOKENS)
        for place in wanted
    }
    found = pa.array(faults, pa.string())
    return Lines(columns, written, found if pc.any(found.is_valid()).as_py() else None)


def _values(line: str, separator: str, width: int) -> tuple[list[str], str | None]:
    try:
        (values,) = csv.reader([line], delimiter=separator, strict=True)
    except (csv.Error, ValueError):
        return [""] * width, "a quote in the line does not end"
    if len(values) != width:
        return [""] * width, f"the line has {len(values)} values, not {width}"
    return values, None


def _width(line: str, separator: str) -> int:
    return len(_values(line, separator, 0)[0]) or line.count(separator) + 1


def names_of(line: str, separator: str) -> list[str]:
    """The names in a line."""
    return _values(line, separator, -1)[0] or next(csv.reader([line], delimiter=separator))
