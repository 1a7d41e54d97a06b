"""Lines of separated values in bulk: columns by their places, and every line that has too few or too many values.

What belongs here: from lines to columns of texts. What does not: what a column means (`csv_rows.py`, `csv_days.py`).

Arrow reads lines several times as fast as Python does. It gives up on a block with a line of another number of values; such a
block, and one with a quote in an odd place, is read line by line, so that the others in it are not lost.

Where one line has many values of a kind, they are read as one column: what stands between them is made the end of a line. For
that the lines are cut in Python, of which one for forty-eight values costs next to nothing.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from meter_platform.feeds.cells import tokens
from meter_platform.feeds.formats.format import TOKENS
from meter_platform.feeds.formats.lines import Written

_QUOTE: Final = b'"'


@dataclass(frozen=True, slots=True)
class Lines:
    """Some lines taken apart.

    Attributes:
        columns: by place, the columns that were asked for.
        written: the lines.
        faults: what is wrong with each line, null where nothing is; `None` where nothing is wrong with any.
        runs: by name, the values of the runs that were asked for, one line after another.
    """

    columns: dict[int, pa.DictionaryArray]
    written: Written
    faults: pa.Array | None = None
    runs: dict[str, pa.DictionaryArray] = field(default_factory=dict)


def taken_apart(block: bytes, separator: str, width: int | None, wanted: Sequence[int]) -> Lines:
    """Takes whole lines apart.

    Args:
        block: the lines.
        separator: between values.
        width: how many values a line has; `None`: as many as the first.
        wanted: places of columns.
    """
    written = Written(block)
    width = width or _width(written.all[0].as_py(), separator)
    has_quotes = _QUOTE in block
    if has_quotes and not _well_quoted(separator).fullmatch(block):
        return _one_by_one(written, separator, width, wanted)
    try:
        table = _by_arrow(block, separator, [str(place) for place in range(width)], wanted, has_quotes=has_quotes)
    except pa.ArrowInvalid:
        return _one_by_one(written, separator, width, wanted)
    if not written.are(table.num_rows):
        return _one_by_one(written, separator, width, wanted)
    return Lines({place: _of(table, place) for place in wanted}, written)


def with_runs(
    block: bytes, separator: str, width: int | None, wanted: Sequence[int], runs: Mapping[str, Sequence[int]]
) -> Lines:
    """Takes whole lines apart of which each has runs of values.

    Args:
        block: the lines.
        separator: between values.
        width: how many values a line has; `None`: as many as the first.
        wanted: places of single columns.
        runs: by name, the places of values of one kind, in their order.
    """
    found = _cut(block, separator, width, wanted, runs) if _QUOTE not in block else None
    if found is not None:
        return found
    lines = taken_apart(
        block, separator, width, sorted({*wanted, *(place for places in runs.values() for place in places)})
    )
    return Lines(
        {place: lines.columns[place] for place in wanted},
        lines.written,
        lines.faults,
        {name: _line_by_line([lines.columns[place] for place in places]) for name, places in runs.items()},
    )


def values_of(runs: Sequence[str], separator: str) -> pa.DictionaryArray:
    """The values of runs, one after another.

    Args:
        runs: each some values with separators between them; neither quotes nor ends of lines.
        separator: between values.
    """
    text = "\n".join([*runs, ""]).replace(separator, "\n").encode()
    return _of(_by_arrow(text, separator, ["0"], [0], has_quotes=False, has_empty_lines=True), 0)


def columns_of(lines: bytes, width: int) -> list[pa.Array]:
    """The columns of lines of a known number of values, with commas between them and without quotes.

    Args:
        lines: with no end behind the last.
        width: how many values each has.
    """
    names = [str(place) for place in range(width)]
    empty = width == 1
    # Most numbers are others: to have each of them once takes longer than to have all.
    table = _by_arrow(
        lines + b"\n", ",", names, range(width), has_quotes=False, has_empty_lines=empty, kind=pa.string()
    )
    return [_of_chunks(column) for column in table.columns]


def _cut(
    block: bytes, separator: str, width: int | None, wanted: Sequence[int], runs: Mapping[str, Sequence[int]]
) -> Lines | None:
    """Lines without quotes that all have as many values as they should; `None` for any others."""
    written = Written(block)
    lines = written.as_strings()
    between = (width - 1) if width else lines[0].count(separator)
    first, last = (limit(place for places in runs.values() for place in places) for limit in (min, max))
    if last > between or any(line.count(separator) != between for line in lines):
        return None
    before = [line.split(separator, first) for line in lines]
    after = [parts[first].rsplit(separator, between - last) for parts in before]
    found = values_of([parts[0] for parts in after], separator)
    places_of = found.indices.to_numpy().reshape(len(lines), last - first + 1)

    def run(places: Sequence[int]) -> pa.DictionaryArray:
        those = np.ascontiguousarray(places_of[:, [place - first for place in places]]).ravel()
        return pa.DictionaryArray.from_arrays(pa.array(those), found.dictionary)

    def column(place: int) -> pa.DictionaryArray:
        if place < first:
            return tokens(pa.array([parts[place] for parts in before], pa.string()))
        if place > last:
            beyond = place > between
            return tokens(pa.array(["" if beyond else parts[place - last] for parts in after], pa.string()))
        return run([place])

    columns = {place: column(place) for place in wanted}
    return Lines(columns, written, runs={name: run(places) for name, places in runs.items()})


@lru_cache
def _well_quoted(separator: str) -> re.Pattern[bytes]:
    """Lines in which a quote begins a value, ends it, or is one of two within.

    Arrow says nothing of a quote that does not end in the last line, nor of what stands behind one that has ended.
    """
    between = re.escape(separator.encode())
    # Without ways back: the time is in proportion to the size.
    quoted = rb'"[^"\r\n]*+(?:""[^"\r\n]*+)*+"'
    plain = rb'[^"\r\n%s]*+' % between if separator.isascii() else rb'(?:(?!%s)[^"\r\n])*+' % between
    return re.compile(rb"(?:(?:%s|%s)(?:%s|[\r\n]++|\Z))*+" % (quoted, plain, between))


def _line_by_line(columns: Sequence[pa.DictionaryArray]) -> pa.DictionaryArray:
    """The values of columns, those of the first line before those of the second."""
    joined = _of_chunks(pa.chunked_array(columns).unify_dictionaries())
    those = joined.indices.to_numpy().reshape(len(columns), -1).T.ravel()
    return pa.DictionaryArray.from_arrays(pa.array(those), joined.dictionary)


def _by_arrow(
    block: bytes,
    separator: str,
    names: Sequence[str],
    wanted: Sequence[int],
    *,
    has_quotes: bool,
    has_empty_lines: bool = False,
    kind: pa.DataType = TOKENS,
) -> pa.Table:
    return arrow_csv.read_csv(
        pa.py_buffer(block),
        read_options=arrow_csv.ReadOptions(use_threads=False, block_size=max(len(block), 1), column_names=names),
        parse_options=arrow_csv.ParseOptions(
            delimiter=separator,
            quote_char='"' if has_quotes else False,
            double_quote=has_quotes,
            ignore_empty_lines=not has_empty_lines,
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, kind),
            include_columns=[str(place) for place in wanted if place < len(names)],
            strings_can_be_null=False,
            null_values=[],
            check_utf8=False,  # Python has written it
        ),
    )


def _of(table: pa.Table, place: int) -> pa.DictionaryArray:
    if str(place) not in table.column_names:
        return pa.DictionaryArray.from_arrays(pa.array([0] * table.num_rows, pa.int32()), pa.array([""]))
    return _of_chunks(table[str(place)])


def _of_chunks(column: pa.ChunkedArray) -> pa.Array:
    # To combine one chunk takes as long as to read it.
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _one_by_one(written: Written, separator: str, width: int, wanted: Sequence[int]) -> Lines:
    rows: list[list[str]] = []
    faults: list[str | None] = []
    for line in written.as_strings():
        values, fault = _values(line, separator, width)
        rows.append(values)
        faults.append(fault)
    columns = {
        place: tokens(pa.array([row[place] if place < len(row) else "" for row in rows], pa.string()))
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
