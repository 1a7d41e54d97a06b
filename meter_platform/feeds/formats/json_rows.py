"""Rows of JSON documents in bulk: lists of plain values become Arrow columns without being parsed as JSON.

What belongs here: where the values of a row stand, and taking many rows apart at once. What does not: documents
(`json_document.py`), what a value has to be (`bulk_validation.py`).

Rows of plain values are comma-separated values but for their brackets, which Arrow reads several times as fast as any
parser reads JSON, and leaves every number as it is written. Nothing is taken on trust: what is left of a text without
its ordinary characters, its skeleton, shows that brackets, commas and quotes stand where they do in such rows, and each
different value is held to the grammar of JSON once. Where strings have brackets, commas or escapes in them, these are
put out of the way first (`json_strings.py`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from meter_platform.contracts.raw_data import FILE_COLUMNS
from meter_platform.feeds.formats.format import TOKENS, UnvalidatedRows, Values
from meter_platform.feeds.formats.json_strings import (
    STAND_INS,
    STRING,
    as_meant,
    as_written_anew,
    have_stand_ins,
    with_stand_ins,
)
from meter_platform.feeds.malformed import FileReason, MalformedFileError

_SEPARATOR: Final = b"\0"
"""Before each text. JSON has none, so that a text with one of its own shows."""

_ORDINARY: Final = bytes(set(range(0x20, 0x7F)) - set(b'[],"\\'))
"""Characters that mean nothing to the shape of rows: printable ASCII, the space included."""

_ORDINARY_IN_STRINGS: Final = bytes((set(range(0x20, 0x100)) - set(b'[],"\\')) | STAND_INS)
"""The same where strings have stand-ins for what would mean something, and may have characters beyond ASCII."""

_SPACE: Final = rb"[\t\n\r]*"
_VALUES: Final = rb'\[_(?:""_)?(?:,_(?:""_)?){%d}'
"""A row's skeleton up to its closing bracket: strings are empty, other values nothing at all."""

_TO_LINES: Final = bytes.maketrans(b"][\t\n\r" + _SEPARATOR, b"\n    ,")
"""Makes a line of each row, with a comma before its first value and one value before that comma.

Opening brackets become spaces, not nothing: what stands on either side of one must not become a single value.
"""

_QUOTE: Final = '"'
_NO_STRING: Final = r"null|true|false|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"
_ANY_VALUE: Final = rf'^ *(?:"[^"]*"|{_NO_STRING}) *$'
_ANY_VALUE_WITH_STAND_INS: Final = rf"^ *(?:{STRING}|{_NO_STRING}) *$"
_NOTHING: Final = "^ *$"


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the needed values stand in a row, and how many values a row has.

    Attributes:
        places: of each needed column, counted from 0. Others may stand between them.
        width: how many values a row has.
        needed: the names of the needed columns.
    """

    places: tuple[int, ...]
    width: int
    needed: tuple[str, ...] = FILE_COLUMNS

    @classmethod
    def of(cls, names: object, needed: tuple[str, ...] = FILE_COLUMNS) -> "Columns":
        """Finds the needed columns among a document's.

        Raises:
            MalformedFileError: the value of "columns" is not a list of names, or one is missing or there twice.
        """
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise MalformedFileError(FileReason.BAD_COLUMNS, '"columns" is not a list of names')
        if len(set(names)) < len(names):
            raise MalformedFileError(FileReason.BAD_COLUMNS, '"columns" names a column twice')
        missing = [name for name in needed if name not in names]
        if missing:
            raise MalformedFileError(FileReason.MISSING_COLUMN, f'"columns" lacks {" and ".join(missing)}')
        return cls(tuple(names.index(name) for name in needed), len(names), needed)


def regular_rows(texts: Sequence[bytes], columns: Columns) -> UnvalidatedRows | None:
    """The rows of those texts that have rows, and none but lists of one plain value for each column: no list, no object.

    Args:
        texts: of chunks: each is a list of rows, or should be.
        columns: of all of them.
    """
    regular = _regular(texts, columns.width)
    if not regular.counts:
        return None
    between, *values = _tokens(regular.joined, columns.width)
    any_value = _ANY_VALUE_WITH_STAND_INS if regular.have_stand_ins else _ANY_VALUE
    are_sound = _combined(
        _of_rows(between, pc.match_substring_regex(between.dictionary, _NOTHING)),
        *(
            _of_rows(column, pc.match_substring_regex(column.dictionary, any_value))
            for place, column in enumerate(values)
            if place not in columns.places
        ),
    )
    found = {}
    for name, place in zip(columns.needed, columns.places, strict=True):
        found[name], are_good = _value(values[place])
        are_sound = _combined(are_sound, are_good)
    return UnvalidatedRows(regular.chunks, regular.counts, found, are_sound, lambda rows: _texts(values, rows))


@dataclass(frozen=True, slots=True)
class _Regular:
    """Texts that are regular.

    Attributes:
        chunks: which of all texts they are.
        counts: how many rows each of them has.
        joined: the texts, with a separator before each.
        have_stand_ins: whether strings of some have stand-ins.
    """

    chunks: list[int]
    counts: list[int]
    joined: bytes
    have_stand_ins: bool = False


def _regular(texts: Sequence[bytes], width: int) -> _Regular:
    joined = _SEPARATOR.join([b"", *texts])
    skeletons = joined.translate(None, _ORDINARY).split(_SEPARATOR)[1:]
    if len(skeletons) != len(texts):
        skeletons = [text.translate(None, _ORDINARY) for text in texts]
    # Tiny files have the same few skeletons.
    counts = {skeleton: _row_count(skeleton, width) for skeleton in set(skeletons)}
    # What follows the last row would not stand in its line.
    ended = [index for index, text in enumerate(texts) if text.endswith(b"]]")]
    rows = {index: counts[skeletons[index]] for index in ended}
    if len(ended) == len(texts) and all(rows.values()):
        return _Regular(ended, list(rows.values()), joined)
    written = dict(enumerate(texts))
    others = {index: other for index in ended if not rows[index] and (other := with_stand_ins(texts[index]))}
    for index, text in others.items():
        written[index], rows[index] = text, _row_count(text.translate(None, _ORDINARY_IN_STRINGS), width)
    chunks = [index for index in ended if rows[index]]
    return _Regular(
        chunks,
        [rows[index] for index in chunks],
        _SEPARATOR.join([b"", *(written[index] for index in chunks)]),
        have_stand_ins=any(rows[index] for index in others),
    )


def _tokens(joined: bytes, width: int) -> list[pa.DictionaryArray]:
    """What stands between each row and the one before it, and each column's values, with the spaces around them."""
    lines = joined.translate(_TO_LINES)
    names = [str(place) for place in range(width + 1)]
    table = csv.read_csv(
        pa.py_buffer(lines),
        read_options=csv.ReadOptions(use_threads=False, block_size=len(lines), column_names=names),
        parse_options=csv.ParseOptions(quote_char=False, double_quote=False),
        convert_options=csv.ConvertOptions(column_types=dict.fromkeys(names, TOKENS), null_values=[], check_utf8=False),
    )
    return [column.chunk(0) for column in table.columns]


def _value(column: pa.DictionaryArray) -> tuple[Values, npt.NDArray[np.bool_] | None]:
    """A column without spaces and quotes, and in which rows it is a value at all; `None`: in all.

    By its skeleton a value has two quotes or none, so that those at both ends are all. Nothing may stand beside them.
    """
    written = pc.ascii_trim(column.dictionary, " ")
    if _QUOTE.encode() not in _content(written):
        return Values(_replaced(column, written), pa.repeat(pa.scalar(value=False), len(written))), None
    are_texts = pc.and_(pc.starts_with(written, _QUOTE), pc.ends_with(written, _QUOTE))
    values, are_sound = pc.ascii_trim(written, _QUOTE), None
    if have_stand_ins(values):
        values, are_meant = as_meant(values)
        are_sound = _of_rows(column, are_meant)
    if pc.all(are_texts).as_py():
        return Values(_replaced(column, values)), are_sound
    are_alone = _of_rows(column, pc.or_(are_texts, pc.invert(pc.match_substring(written, _QUOTE))))
    return Values(_replaced(column, values), are_texts), _combined(are_alone, are_sound)


def _replaced(column: pa.DictionaryArray, values: pa.StringArray) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(column.indices, values, safe=False)


def _content(texts: pa.StringArray) -> bytes:
    """The characters of all texts, one text after the other."""
    content: bytes = (texts.buffers()[-1] or pa.py_buffer(b"")).to_pybytes()
    return content


def _of_rows(column: pa.DictionaryArray, verdicts: pa.BooleanArray) -> npt.NDArray[np.bool_] | None:
    """The verdicts on a column's different values as verdicts on its rows; `None` where all are good."""
    if pc.all(verdicts).as_py():
        return None
    found: npt.NDArray[np.bool_] = verdicts.to_numpy(zero_copy_only=False)[column.indices.to_numpy()]
    return found


def _combined(*verdicts: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_] | None:
    """Rows that are good by every verdict."""
    bad = [those for those in verdicts if those is not None]
    combined: npt.NDArray[np.bool_] | None = np.all(bad, axis=0) if bad else None
    return combined


def _texts(values: Sequence[pa.DictionaryArray], rows: pa.Array) -> pa.Array:
    """Some rows as JSON again."""
    written = [
        as_written_anew(pc.ascii_trim(column.dictionary, " ").take(column.indices.take(rows))) for column in values
    ]
    return pc.binary_join_element_wise("[", pc.binary_join_element_wise(*written, ", "), "]", "")


def _row_count(skeleton: bytes, width: int) -> int:
    """How many rows of so many plain values a text has by its skeleton; 0 where there is anything else in it."""
    first, _, rest = skeleton.partition(b"]")
    rows, end = rest[:-1], rest[-1:]
    second, _, _ = rows.partition(b"]")
    count = len(rows) // (len(second) + 1)
    # Mostly all further rows are like the second, which one comparison shows.
    if rows == (second + b"]") * count:
        different = {second} if rows else set()
    else:
        *others, left = rows.split(b"]")
        count, different, end = len(others), set(others), left + end
    values = _VALUES % (width - 1)
    regular = _pattern(rb"\[_" + values).fullmatch(first) and all(map(_pattern(rb"_,_" + values).fullmatch, different))
    return 1 + count if regular and end == b"]" else 0


@lru_cache
def _pattern(spaced: bytes) -> re.Pattern[bytes]:
    """A pattern with `_` where white space may stand."""
    return re.compile(spaced.replace(b"_", _SPACE))
