"""The fast lane: rows of many chunks taken apart at once, of which the plainly good ones are accepted in bulk.

What belongs here: how rows become columns, and what makes a row plainly good. What does not: the rules that decide
(`validation.py`), reading files and keeping accounts of them (`reading.py`).

A row is plainly good if it is a list of plain values: an id of ordinary characters, a time that names one half hour
whatever row it is in, a number as energy is written. Every other row is for the careful lane. A test holds the lanes
to each other.

Rows of plain values are comma-separated values but for their brackets, which Arrow reads several times as fast as any
parser reads JSON, and leaves every number as it is written. Nothing is taken on trust: what is left of a text without
its ordinary characters, its skeleton, shows that brackets, commas and quotes stand where they do in such rows, and each
different value is held to the grammar of JSON once.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from meter_platform import settlement
from meter_platform.contracts.raw_data import IMPOSSIBLE_KWH
from meter_platform.contracts.types import MOST_DECIMALS, fewest_decimals
from meter_platform.feeds.formats.json_document import Chunk, Columns
from meter_platform.feeds.meterpoint_ids import APOSTROPHES, FORMULA_SIGNS, LONGEST_METERPOINT_ID, NO_VALUES
from meter_platform.feeds.validation import Accepted, FileJudge, NumberText, RowRules, Waiting

_REMEMBERED: Final = 1 << 17
"""Times of which the half hour is remembered: seven years of labels. A day's files have 48."""

_SEPARATOR: Final = b"\0"
"""Before each text. JSON has none, so that a text with one of its own shows."""

_ORDINARY: Final = bytes(set(range(0x20, 0x7F)) - set(b'[],"\\'))
"""Characters that mean nothing to the shape of rows: printable ASCII, the space included."""

_SPACE: Final = rb"[\t\n\r]*"
_VALUES: Final = rb'\[_(?:""_)?(?:,_(?:""_)?){%d}'
"""A row's skeleton up to its closing bracket: strings are empty, other values nothing at all."""

_TO_LINES: Final = bytes.maketrans(b"][\t\n\r" + _SEPARATOR, b"\n    ,")
"""Makes a line of each row, with a comma before its first value and one value before that comma.

Opening brackets become spaces, not nothing: what stands on either side of one must not become a single value.
"""

_TOKENS: Final = pa.dictionary(pa.int32(), pa.string())

_METERPOINT: Final = rf'^ *(?:"[^"]{{1,{LONGEST_METERPOINT_ID}}}"|0|[1-9][0-9]{{0,{LONGEST_METERPOINT_ID - 1}}}) *$'
_NO_ID: Final = '(?i)^ *"(?:{})" *$'.format(
    "|".join(
        [
            rf"[{re.escape(FORMULA_SIGNS)}{APOSTROPHES} ].*",
            ".* ",
            "[0-9.,]+e[-+][0-9]+",
            "[0-9]+[.,][0-9]*e[0-9]+",
            *NO_VALUES,
        ]
    )
)
"""Texts that may be no ids: the rules tell."""
_SIGNS_OF_NO_ID: Final = tuple(f'"{sign}'.encode() for sign in FORMULA_SIGNS + APOSTROPHES)
_PARTS_OF_NO_ID: Final = (b" ", b"e+", b"e-", b".", *(word.encode() for word in NO_VALUES))
"""None of these in any of many ids, and none matches `_NO_ID`, which takes as long to find out as all else about ids."""
_TIME: Final = re.compile(r' *"([^"]{1,40})" *')
"""A text that may be a time. Of longer ones, which are none, nothing is remembered."""
_NUMBER: Final = rf"(?:0|[1-9][0-9]?)(?:\.[0-9]{{1,{MOST_DECIMALS}}})?"
_CONSUMPTION: Final = rf'^ *(?:{_NUMBER}|"{_NUMBER}") *$'
_ANY_VALUE: Final = r'^ *(?:"[^"]*"|null|true|false|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?) *$'
_NOTHING: Final = "^ *$"

_ENERGY: Final = pa.decimal128(38, MOST_DECIMALS)
_MOST_KWH: Final = pa.scalar(Decimal(IMPOSSIBLE_KWH), _ENERGY)

_Time = tuple[int | None, date | None, tuple[int, int] | None]
"""A half hour's start in microseconds since 1970, and its reference date; `None` where the time names none, or two.

And the first and the second instant that the time may mean, where it is naive and in or beside a repeated hour.
"""
_ODD_TIME: Final[_Time] = (None, None, None)
_NO_INSTANTS: Final = pa.schema({"first": pa.int64(), "second": pa.int64()}).empty_table()

PLAIN_SCHEMA: Final = pa.schema(
    {
        "chunk": pa.int32(),
        "ordinal": pa.int32(),
        "meterpoint_id": pa.string(),
        "interval_start": settlement.INSTANT,
        "reference_date": pa.date32(),
        "consumption_delta": _ENERGY,
    }
)


AROUND_COLUMNS: Final = ("chunk", "ordinal", "meterpoint_id", "first", "second", "consumption_delta", "raw_text")
"""See `repeated_in_bulk.AROUND_SCHEMA`."""


@dataclass(frozen=True, slots=True)
class ParsedChunks:
    """What the fast lane makes of chunks. Indexes are those of the chunks that were given.

    Attributes:
        plain: the plainly good rows, of PLAIN_SCHEMA, but maybe with fewer decimals; `ordinal` counts the rows of a
            chunk from 1.
        around: rows with naive times in or beside an hour that the clocks repeat, of AROUND_COLUMNS. Those beside are
            plainly good ones; those in it would be but for their time, and wait for the end of their file.
        row_counts: how many rows each chunk has; 0 for one that has none, or has others than lists of plain values.
        odd: the ordinals of all other rows of each chunk that has any. Without any, a chunk that has rows is JSON.
    """

    plain: pa.Table
    around: list[pa.Table]
    row_counts: list[int]
    odd: dict[int, list[int]]


class FastLane:
    """Parses chunks of rows.

    Args:
        rules: what times mean. The newest date that a row may have is given with each chunk.
    """

    def __init__(self, rules: RowRules) -> None:
        self._half_hour = lru_cache(_REMEMBERED)(lambda text: _half_hour(rules, text))

    def parse(self, chunks: Sequence[Chunk], last_dates: Sequence[date]) -> ParsedChunks:
        """Parses chunks.

        Args:
            chunks: of any files.
            last_dates: for each chunk the newest reference date that is plainly good there.
        """
        none = PLAIN_SCHEMA.empty_table()
        parsed = ParsedChunks(none, [], [0] * len(chunks), {})
        layouts: dict[Columns, list[int]] = {}
        for index, chunk in enumerate(chunks):
            layouts.setdefault(chunk.columns, []).append(index)
        plain = []
        for columns, indexes in layouts.items():
            rows = _RegularRows.among(chunks, indexes, columns)
            if rows.counts:
                plain.append(self._judge(rows, [last_dates[index] for index in rows.indexes], parsed))
        # Mostly there is one, which is left at the decimals it has.
        table = plain[0] if len(plain) == 1 else pa.concat_tables([none, *(part.cast(PLAIN_SCHEMA) for part in plain)])
        return ParsedChunks(table, parsed.around, parsed.row_counts, parsed.odd)

    def _judge(self, rows: "_RegularRows", last_dates: Sequence[date], parsed: ParsedChunks) -> pa.Table:
        """The plainly good ones of regular rows; `parsed` learns of the others, and how many rows there are."""
        columns = rows.columns
        between, *values = rows.tokens()
        meterpoints = values[columns.meterpoint_id - 1]
        times = values[columns.interval_start - 1]
        consumptions = values[columns.consumption_delta - 1]
        needed = {columns.meterpoint_id, columns.interval_start, columns.consumption_delta}
        further = [column for place, column in enumerate(values, start=1) if place not in needed]

        ids, is_id = _ids(meterpoints.dictionary)
        starts, dates, instants = self._half_hours(times.dictionary)
        energies, is_energy = _energies(consumptions.dictionary)
        is_good = (
            _of_rows(between, pc.match_substring_regex(between.dictionary, _NOTHING))
            & _of_rows(meterpoints, is_id)
            & _of_rows(consumptions, is_energy)
        )
        for column in further:
            is_good &= _of_rows(column, pc.match_substring_regex(column.dictionary, _ANY_VALUE))
        is_plain = is_good & _of_rows(times, dates.is_valid())
        if (pc.max(dates).as_py() or date.min) > min(last_dates):
            days = dates.cast(pa.int32()).fill_null(0).to_numpy()[times.indices.to_numpy()]
            latest = np.array([day.toordinal() for day in last_dates]) - settlement.EPOCH.toordinal()
            is_plain &= days <= np.repeat(latest, rows.counts)

        chunks, ordinals = np.repeat(np.array(rows.indexes, np.int32), rows.counts), _ordinals(rows.counts)
        for index, count in zip(rows.indexes, rows.counts, strict=True):
            parsed.row_counts[index] = count
        table = pa.table(
            [
                chunks,
                ordinals,
                ids.take(meterpoints.indices),
                starts.take(times.indices),
                dates.take(times.indices),
                energies.take(consumptions.indices),
            ],
            PLAIN_SCHEMA.names,
        )
        if instants.num_rows:
            is_beside = pc.equal(instants["first"], instants["second"])
            waits = is_good & _of_rows(times, pc.invert(is_beside).fill_null(fill_value=False))
            beside = is_plain & _of_rows(times, is_beside.fill_null(fill_value=False))
            for those, texts in ((beside, None), (waits, values)):
                if those.any():
                    parsed.around.append(_around(table, instants, times, np.flatnonzero(those), texts))
            odd = ~(is_plain | waits)
        else:
            odd = ~is_plain
        if np.all(is_plain):
            return table
        for index, ordinal in zip(chunks[odd].tolist(), ordinals[odd].tolist(), strict=True):
            parsed.odd.setdefault(index, []).append(ordinal)
        return table.filter(pa.array(is_plain))

    def _half_hours(self, tokens: pa.Array) -> tuple[pa.Array, pa.Array, pa.Table]:
        """What the rules make of times: starts and reference dates, null where a row is to be judged singly, or waits.

        And, if any is in or beside a repeated hour, the first and the second instant that each may mean, null elsewhere.
        """
        texts = [_TIME.fullmatch(token) for token in tokens.to_pylist()]
        found = [self._half_hour(text[1]) if text else _ODD_TIME for text in texts]
        starts, dates, instants = zip(*found, strict=True)
        table = _NO_INSTANTS
        if any(instants):
            firsts, seconds = zip(*(both or (None, None) for both in instants), strict=True)
            table = pa.table([pa.array(firsts, pa.int64()), pa.array(seconds, pa.int64())], table.schema)
        return pa.array(starts, pa.int64()).cast(settlement.INSTANT), pa.array(dates, pa.date32()), table


def _around(
    table: pa.Table,
    instants: pa.Table,
    times: pa.DictionaryArray,
    rows: npt.NDArray[np.int64],
    texts: Sequence[pa.DictionaryArray] | None,
) -> pa.Table:
    """Some rows of a table that stand around repeated hours.

    Args:
        table: all rows of some chunks.
        instants: what their different times may mean.
        times: of all rows.
        rows: which stand around repeated hours.
        texts: all values of all rows, if these wait.
    """
    those = pa.array(rows)
    taken = table.select(["chunk", "ordinal", "meterpoint_id", "consumption_delta"]).take(those)
    meant = instants.take(times.indices.take(those))
    if texts is None:
        energies, raw = pa.nulls(len(rows), _ENERGY), pa.nulls(len(rows), pa.string())
    else:
        energies = taken["consumption_delta"].cast(_ENERGY)
        values = [pc.utf8_trim(text.dictionary, " ").take(text.indices.take(those)) for text in texts]
        raw = pc.binary_join_element_wise("[", pc.binary_join_element_wise(*values, ", "), "]", "")
    columns = [taken["chunk"], taken["ordinal"], taken["meterpoint_id"], meant["first"], meant["second"], energies, raw]
    return pa.table(columns, list(AROUND_COLUMNS))


def _ids(tokens: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Meterpoint ids, and which are plainly good."""
    ids, is_id = pc.utf8_trim(pc.utf8_trim(tokens, " "), '"'), pc.match_substring_regex(tokens, _METERPOINT)
    if _has_any(tokens, _SIGNS_OF_NO_ID) or _has_any(pc.ascii_lower(ids), _PARTS_OF_NO_ID):
        is_id = pc.and_not(is_id, pc.match_substring_regex(tokens, _NO_ID))
    return ids, is_id


def _has_any(texts: pa.Array, parts: Iterable[bytes]) -> bool:
    """Whether any part may be in any of the texts."""
    joined = (texts.buffers()[-1] or pa.py_buffer(b"")).to_pybytes()
    return any(part in joined for part in parts)


def _energies(tokens: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Consumptions at the fewest decimals, and which are plainly good."""
    texts = pc.if_else(pc.match_substring_regex(tokens, _CONSUMPTION), pc.utf8_trim(tokens, ' "'), None)
    energies = texts.cast(_ENERGY)
    return fewest_decimals(energies), pc.less_equal(energies, _MOST_KWH).fill_null(fill_value=False)


def _of_rows(column: pa.DictionaryArray, verdicts: pa.Array) -> npt.NDArray[np.bool_]:
    """The verdicts on a column's different values as verdicts on its rows."""
    if pc.all(verdicts).as_py():
        return np.ones(len(column), np.bool_)
    found: npt.NDArray[np.bool_] = verdicts.to_numpy(zero_copy_only=False)[column.indices.to_numpy()]
    return found


def _half_hour(rules: RowRules, text: str) -> _Time:
    """What a time names by the rules, whatever row it is in."""
    judge = FileJudge(rules)
    verdict = judge.judge("any", text, NumberText("0"))
    instants = next(((around.first, around.second) for around in judge.around), None)
    if isinstance(verdict, Accepted):
        micros = (verdict.interval_start - settlement.EPOCH) // timedelta(microseconds=1)
        return micros, verdict.reference_date, instants
    return (None, None, instants) if isinstance(verdict, Waiting) else _ODD_TIME


@dataclass(frozen=True, slots=True)
class _RegularRows:
    """The rows of chunks that have rows, and none but lists of one plain value for each column.

    A string in them has no character but printable ASCII, and neither a bracket, a comma nor a backslash. What stands
    in place of other values, or beside a value, may still be anything but these.

    Attributes:
        columns: of all the chunks.
        indexes: the chunks.
        counts: how many rows each has.
        joined: their texts, with a separator before each.
    """

    columns: Columns
    indexes: list[int]
    counts: list[int]
    joined: bytes

    @classmethod
    def among(cls, chunks: Sequence[Chunk], indexes: Sequence[int], columns: Columns) -> "_RegularRows":
        """Finds the chunks that are like that among some of the same columns."""
        texts = [chunks[index].text for index in indexes]
        joined = _SEPARATOR.join([b"", *texts])
        skeletons = joined.translate(None, _ORDINARY).split(_SEPARATOR)[1:]
        if len(skeletons) != len(texts):
            skeletons = [text.translate(None, _ORDINARY) for text in texts]
        # Tiny files have the same few skeletons.
        counts = {skeleton: _row_count(skeleton, columns.width) for skeleton in set(skeletons)}
        # What follows the last row would not stand in its line.
        places = [i for i, text in enumerate(texts) if counts[skeletons[i]] and text.endswith(b"]]")]
        if len(places) < len(texts):
            joined = _SEPARATOR.join([b"", *(texts[i] for i in places)])
        return cls(columns, [indexes[i] for i in places], [counts[skeletons[i]] for i in places], joined)

    def tokens(self) -> list[pa.DictionaryArray]:
        """What stands between each row and the one before it, and each column's values.

        Values are as they are written, with the spaces around them.
        """
        lines = self.joined.translate(_TO_LINES)
        names = [str(place) for place in range(self.columns.width + 1)]
        table = csv.read_csv(
            pa.py_buffer(lines),
            read_options=csv.ReadOptions(use_threads=False, block_size=len(lines), column_names=names),
            parse_options=csv.ParseOptions(quote_char=False, double_quote=False),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, _TOKENS), null_values=[], check_utf8=False
            ),
        )
        return [column.chunk(0) for column in table.columns]


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


def _ordinals(counts: Sequence[int]) -> npt.NDArray[np.int32]:
    """1, 2, 3 … up to each count."""
    ends = np.cumsum(counts, dtype=np.int32)
    ordinals: npt.NDArray[np.int32] = np.arange(1, ends[-1] + 1, dtype=np.int32) - np.repeat(ends - counts, counts)
    return ordinals
