"""The fast lane: rows of many chunks parsed at once, of which the plainly good ones are accepted in bulk.

What belongs here: DuckDB's parse, what makes a row plainly good, and finding out where DuckDB is more lenient than JSON
or forgets what a value was. What does not: the rules that decide (`rows.py`), reading files and keeping accounts of them
(`reading_files.py`).

A row is plainly good if it is three plain values: an id of ordinary characters, a time that names one half hour
whatever row it is in, a number of at most nine decimals. Every other row is for the careful lane. A test holds the lanes
to each other.

Questions about characters are put to all chunks at once, and to each only where the answer is not the good one: tiny
files come by the thousand.
"""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from meter_platform import calendar
from meter_platform.sources.documents import COLUMNS, Chunk, Columns, occurrences
from meter_platform.sources.rows import Accepted, FileJudge, NumberText, RowRules

_THREADS: Final = max(1, (os.cpu_count() or 2) - 1)
"""Of DuckDB: one processor is the server's, which stores what was parsed before."""

_SHARES: Final = 16
"""Record batches that DuckDB's threads share out: enough of them, and not one for each tiny file."""

_REMEMBERED: Final = 1 << 17
"""Times of which the half hour is remembered: seven years of labels. A day's files have 48."""

# The text of a number has been through a double when DuckDB hands it over. That is exact for what passes: at most nine
# decimals and two digits before them. Chunks in which a number is written longer are told apart by `_is_exact`.
_PARSE: Final = r"""
SELECT chunk, ordinal, width, meterpoint_id, label, consumption_delta,
       coalesce(
         width = {width} AND length(meterpoint_id) BETWEEN 1 AND 64
         AND consumption_delta BETWEEN 0 AND 24 AND length(value) <= 12
         AND regexp_full_match(value, '[0-9]+(\.[0-9]+)?'), false) AS plain
FROM (
  SELECT chunk, ordinal, coalesce(len(r), 0)::INTEGER AS width, r[{meterpoint_id}] AS meterpoint_id,
         r[{interval_start}] AS label, r[{consumption_delta}] AS value,
         try_cast(r[{consumption_delta}] AS DECIMAL(18, 9)) AS consumption_delta
  FROM (
    SELECT chunk, unnest(rows) AS r, generate_subscripts(rows, 1)::INTEGER AS ordinal
    FROM (SELECT chunk, {rows} AS rows FROM batch)
  )
)
"""
_ROWS: Final = """json_transform(text, '[["VARCHAR"]]')"""
_ROWS_OF_VALID: Final = f"CASE WHEN json_valid(text) THEN {_ROWS} END"

_NUMERIC: Final = r"^(true|false|-?([0-9]*[.e][-+.0-9e]*|nan|inf|infinity)|-[0-9]+)$"
"""The words of JSON, and its numbers but those that are digits and nothing else, which are shown as they are written."""

_NEGATIVE_EXPONENT: Final = re.compile(rb"[0-9][eE]-[0-9]+\s*[,\]]")
_QUOTE, _COMMA, _OPENING, _SPACE, _POINT, _ZERO, _MINUS, _E = b'",[ .0-e'
_SMALL: Final = 0x20
"""The bit that makes a letter a small one."""

_DECIMALS: Final = 10
"""Decimals in a row that make a number too long for a double, whatever stands before them."""

_SLICE: Final = 1 << 16
"""Characters looked at together: what a processor's cache holds, masks and all."""

PLAIN_SCHEMA: Final = pa.schema(
    {
        "chunk": pa.int32(),
        "ordinal": pa.int32(),
        "meterpoint_id": pa.string(),
        "interval_start": calendar.INSTANT,
        "reference_date": pa.date32(),
        "consumption_delta": pa.decimal128(18, 9),
    }
)


@dataclass(frozen=True, slots=True)
class ParsedChunks:
    """What the fast lane makes of chunks. Indexes are those of the chunks that were given.

    Attributes:
        plain: the plainly good rows, of PLAIN_SCHEMA; `ordinal` counts the rows of a chunk from 1.
        row_counts: how many rows each chunk has; 0 for one that could not be parsed.
        odd: the ordinals of all other rows of each chunk that has any.
        doubtful: chunks that DuckDB took and that may not be JSON all the same.
    """

    plain: pa.Table
    row_counts: list[int]
    odd: dict[int, list[int]]
    doubtful: set[int]


class FastLane:
    """Parses chunks of rows.

    Args:
        rules: what times mean. The newest date that a row may have is given with each chunk.
    """

    def __init__(self, rules: RowRules) -> None:
        self._duckdb = duckdb.connect(
            config={"threads": _THREADS, "preserve_insertion_order": False, "memory_limit": "1GB"}
        )
        self._half_hour = lru_cache(_REMEMBERED)(lambda text: _half_hour(rules, text))

    def parse(self, chunks: Sequence[Chunk], last_dates: Sequence[date]) -> ParsedChunks:
        """Parses chunks.

        Args:
            chunks: of any files.
            last_dates: for each chunk the newest reference date that is plainly good there.
        """
        parsed = ParsedChunks(PLAIN_SCHEMA.empty_table(), [0] * len(chunks), {}, set())
        layouts: dict[Columns, list[int]] = {}
        for index, chunk in enumerate(chunks):
            layouts.setdefault(chunk.columns, []).append(index)
        plain = [parsed.plain]
        for columns, indexes in layouts.items():
            texts = [chunks[index].text for index in indexes]
            layout = _Layout(columns, indexes, texts, b"".join(texts))
            plain.append(self._parse_layout(layout, [last_dates[index] for index in indexes], parsed))
        return ParsedChunks(pa.concat_tables(plain), parsed.row_counts, parsed.odd, parsed.doubtful)

    def _parse_layout(self, layout: "_Layout", last_dates: Sequence[date], parsed: ParsedChunks) -> pa.Table:
        rows = self._query(layout)
        chunk = rows["chunk"].to_numpy()
        counts = np.bincount(chunk, minlength=len(layout.texts))
        regular = bool(np.all(rows["width"].to_numpy() == layout.columns.width))
        plain = rows["plain"].to_numpy().copy()
        if unsafe := layout.not_simple() + layout.not_exact() + layout.not_flat(counts, regular=regular):
            plain &= ~np.isin(chunk, unsafe)
        times = self._half_hours(rows["label"])
        if not times.all_named:
            plain &= times.dates.is_valid().to_numpy()
        if times.newest > min(last_dates):
            latest = np.array([day.toordinal() for day in last_dates])[chunk] - calendar.EPOCH.toordinal()
            plain &= times.dates.fill_null(0).cast(pa.int32()).to_numpy() <= latest
        plain &= ~layout.maybe_no_strings(rows["meterpoint_id"], chunk, counts)
        for index, count in zip(layout.indexes, counts.tolist(), strict=True):
            parsed.row_counts[index] = count
        odd = ~plain
        for other, ordinal in zip(chunk[odd].tolist(), rows["ordinal"].filter(pa.array(odd)).to_pylist(), strict=True):
            parsed.odd.setdefault(layout.indexes[other], []).append(ordinal)
        parsed.doubtful.update(layout.indexes[other] for other in layout.not_strict(counts, regular=regular))
        table = pa.table(
            {
                "chunk": pa.array(np.array(layout.indexes, np.int32)[chunk]),
                "ordinal": rows["ordinal"],
                "meterpoint_id": rows["meterpoint_id"],
                "interval_start": times.starts,
                "reference_date": times.dates,
                "consumption_delta": rows["consumption_delta"],
            }
        )
        return table if plain.all() else table.filter(pa.array(plain))

    def _query(self, layout: "_Layout") -> pa.Table:
        try:
            return self._run(layout.text_array().cast(pa.large_string()), layout.columns, _ROWS)
        except (pa.ArrowInvalid, duckdb.InvalidInputException):
            # Some chunk is not UTF-8 or not JSON: leave out those that are not, which takes a second look at each.
            texts = [_utf8_or_none(text) for text in layout.texts]
            return self._run(pa.array(texts, pa.large_string()), layout.columns, _ROWS_OF_VALID)

    def _run(self, texts: pa.Array, columns: Columns, rows: str) -> pa.Table:
        batch = pa.table({"chunk": pa.array(np.arange(len(texts), dtype=np.int32)), "text": texts})
        shares = batch.to_batches(max_chunksize=max(1, len(texts) // _SHARES))
        self._duckdb.register("batch", pa.Table.from_batches(shares))
        return self._duckdb.sql(_PARSE.format(rows=rows, **asdict(columns))).to_arrow_table()

    def _half_hours(self, labels: pa.ChunkedArray) -> "_Times":
        """What the rules make of times: they judge each different one once."""
        encoded = labels.dictionary_encode().unify_dictionaries()
        texts = encoded.chunk(0).dictionary.to_pylist() if encoded.num_chunks else []
        found = [self._half_hour(text) for text in texts]
        starts = pa.array([half_hour and half_hour[0] for half_hour in found], pa.int64()).cast(calendar.INSTANT)
        dates = pa.array([half_hour and half_hour[1] for half_hour in found], pa.date32())
        indices = pa.chunked_array([chunk.indices for chunk in encoded.chunks], pa.int32())
        return _Times(
            starts=starts.take(indices),
            dates=dates.take(indices),
            all_named=not labels.null_count and all(found),
            newest=max((half_hour[1] for half_hour in found if half_hour), default=date.min),
        )


def _half_hour(rules: RowRules, text: str) -> tuple[int, date] | None:
    """The half hour that a time names by the rules, whatever row it is in: microseconds since 1970, reference date.

    `None` where it names none, or where the rows around it tell which.
    """
    judge = FileJudge(rules)
    verdict = judge.judge("any", text, NumberText("0"))
    if not isinstance(verdict, Accepted) or judge.ambiguous:
        return None
    return (verdict.interval_start - calendar.EPOCH) // timedelta(microseconds=1), verdict.reference_date


@dataclass(frozen=True, slots=True)
class _Times:
    """The half hours that the times of rows name.

    Attributes:
        starts: their starts; null where a row is to be judged singly.
        dates: their reference dates.
        all_named: whether none is null.
        newest: the newest of the dates.
    """

    starts: pa.ChunkedArray
    dates: pa.ChunkedArray
    all_named: bool
    newest: date


@dataclass(frozen=True, slots=True)
class _Layout:
    """Chunks with the same columns.

    Attributes:
        columns: theirs.
        indexes: their places among all chunks.
        texts: of each.
        joined: all texts, one after another.
    """

    columns: Columns
    indexes: list[int]
    texts: list[bytes]
    joined: bytes

    def text_array(self) -> pa.Array:
        """The texts as an array, without copying them."""
        offsets = np.zeros(len(self.texts) + 1, np.int64)
        np.cumsum([len(text) for text in self.texts], out=offsets[1:])
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(self.joined)]
        return pa.Array.from_buffers(pa.large_binary(), len(self.texts), buffers)

    def not_simple(self) -> list[int]:
        """Texts with a string that is not all printable ASCII, or with an object."""
        return self._where_not(_is_simple)

    def not_exact(self) -> list[int]:
        """Texts with a number that a double may not hold exactly, or may hide as one that it does."""
        return self._where_not(_is_exact)

    def not_flat(self, counts: npt.NDArray[np.int64], *, regular: bool) -> list[int]:
        """Texts with a list within a row, which DuckDB shows as text. A bracket in a string counts as a list.

        Args:
            counts: rows of each text.
            regular: every row is a list of as many values as there are columns.
        """
        # Each text has at least a bracket of its own and one for each row: if all have no more, each has no more.
        if regular and occurrences(self.joined, b"[") == counts.sum() + len(self.texts):
            return []
        return [i for i, text in enumerate(self.texts) if counts[i] and occurrences(text, b"[") != counts[i] + 1]

    def not_strict(self, counts: npt.NDArray[np.int64], *, regular: bool) -> list[int]:
        """Texts that DuckDB took for JSON and that may have something in them that JSON does not allow.

        DuckDB lets a comma stand after the last value, and takes "nan" and "inf" in any spelling. Among the columns
        that are needed such a number is not plainly good. Arguments as of `not_flat`.
        """
        width = self.columns.width
        commas = np.maximum(counts * width - 1, 0)
        words = (b"nan", b"inf") if width > len(COLUMNS) else ()

        def is_strict(text: bytes, commas: int) -> bool:
            return occurrences(text, b",") == commas and not any(word in text.lower() for word in words)

        if regular and is_strict(self.joined, commas.sum()):
            return []
        return [i for i, text in enumerate(self.texts) if not is_strict(text, commas[i])]

    def maybe_no_strings(
        self, meterpoints: pa.ChunkedArray, chunk: npt.NDArray[np.int32], counts: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        """Which ids may stand as numbers or words of JSON and not as strings: DuckDB shows those as it likes."""
        ids = pc.unique(meterpoints)
        alike = ids.filter(pc.match_substring_regex(ids, _NUMERIC, ignore_case=True))
        if not len(alike):
            return np.zeros(len(chunk), np.bool_)
        maybe: npt.NDArray[np.bool_] = pc.is_in(meterpoints, alike).to_numpy()
        unsure = [i for i in np.unique(chunk[maybe]).tolist() if not self._are_strings(self.texts[i], int(counts[i]))]
        return maybe & np.isin(chunk, unsure)

    def _are_strings(self, text: bytes, rows: int) -> bool:
        """Whether every meterpoint_id of a text surely stands between quotes."""
        characters = np.frombuffer(text, np.uint8)
        # A bracket begins a row; a comma a further value, or the next row: of a regular text, always in the same order.
        begins = np.flatnonzero((characters == _OPENING) | (characters == _COMMA))[1:]
        each = self.columns.width + 1
        if len(begins) != rows * each - 1 or not np.all(characters[begins[::each]] == _OPENING):
            return False
        ids = begins[self.columns.meterpoint_id - 1 :: each] + 1
        while np.any(blank := characters[ids] <= _SPACE):
            ids[blank] += 1
        return bool(np.all(characters[ids] == _QUOTE))

    def _where_not(self, is_good: Callable[[bytes], bool]) -> list[int]:
        if is_good(self.joined):
            return []
        return [i for i, text in enumerate(self.texts) if not is_good(text)]


def _is_simple(text: bytes) -> bool:
    """Whether every string in the text is printable ASCII, and no value an object.

    JSON writes control characters with a backslash.
    """
    return text.isascii() and b"\\" not in text and b"\x7f" not in text and b"{" not in text


def _is_exact(text: bytes) -> bool:
    """Whether no number in the text has ten decimals or more, as it stands or by its exponent."""
    characters = np.frombuffer(text, np.uint8)
    for start in range(0, len(characters) - _DECIMALS, _SLICE):
        part = characters[start : start + _SLICE + _DECIMALS]
        digits = part - _ZERO <= 9  # noqa: PLR2004 - the digits; characters before them wrap around
        # Where ten digits in a row begin.
        two = digits[:-1] & digits[1:]
        four = two[:-2] & two[2:]
        eight = four[:-4] & four[4:]
        ten = eight[:-2] & two[8:]
        if np.any(ten[1:] & (part[: len(ten) - 1] == _POINT)):
            return False
        exponents = (part[:-1] | _SMALL == _E) & (part[1:] == _MINUS)
        if np.any(exponents) and _NEGATIVE_EXPONENT.search(text):
            return False
    return True


def _utf8_or_none(text: bytes) -> str | None:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return None
