"""Formats whose rows are taken apart while their files are read: what they have in common.

What belongs here: from tables of texts, as a format finds them, to chunks whose rows may be validated: ids are cleaned,
codes translated, numbers brought to kWh and intervals to half hours. What does not: the bytes of any format, and what a
row has to be (`validation.py`).

A format of this kind says in `tables` what stands in a file, in the file's own words. That is all it has to do. The text of
a row is made where it is asked for: only rows that are rejected, or wait, have to show it.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from meter_platform.contracts.raw_data import FILE_COLUMNS
from meter_platform.feeds import cells
from meter_platform.feeds.allowance import checkpoint
from meter_platform.feeds.cells import EXTRAS, converted, tokens
from meter_platform.feeds.feed import HALF_HOUR_MINUTES, Feed, Unit
from meter_platform.feeds.formats.format import Chunk, Readable, Row, Texts, UnvalidatedRows, Values
from meter_platform.feeds.formats.only import is_of_only, others
from meter_platform.feeds.half_hours import HalfHours, Intervals

_LAYOUT: Final = "taken apart"
TEXT: Final = "raw_text"
_OTHER_QUANTITY: Final = "other_quantity"
_SAID: Final = {"meterpoint": "meterpoint_id", "serial": "serial", "register": "register"}
"""What a path may say, and the column of that."""
_TEXTS_AT_ONCE: Final = 256
"""Rows whose texts are made together where one of them is asked for: the others are mostly asked for next."""


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of a file, as they are written there.

    Attributes:
        table: their values as texts: `interval_start`, `consumption_delta`, mostly `meterpoint_id`, any of EXTRAS, and
            `fault` with a `code` where a row is none. Dictionaries are welcome.
        texts: gives the texts of rows, as they are written.
        text_bytes: bytes of memory in which these are kept, or what they are made of.
        unit: of the values, where the file says so and not the feed.
        minutes: length of the intervals, where the file says so.
    """

    table: pa.Table
    texts: Texts
    text_bytes: int = 0
    unit: Unit | None = None
    minutes: int | None = None

    @classmethod
    def with_texts(cls, table: pa.Table, unit: Unit | None = None, minutes: int | None = None) -> "Found":
        """Rows whose texts have been made already, and are the column `raw_text` of their table."""
        texts = _texts(table)
        return cls(table.drop_columns([TEXT]), texts.take, texts.nbytes, unit, minutes)


@dataclass(frozen=True, slots=True)
class TakenApart(Chunk):
    """Consecutive rows of a file as a table of values, and what gives their texts."""

    table: pa.Table = field(kw_only=True)
    texts: Texts = field(kw_only=True)
    text_bytes: int = field(kw_only=True, default=0)

    @property
    def size(self) -> int:
        """Bytes of memory that its rows take."""
        return int(self.table.nbytes) + self.text_bytes


@dataclass(frozen=True)
class FormatOfTables:
    """What a format is that makes tables; see `Format` for what the methods do.

    Attributes:
        feed: whose files are read.
        said: what the path of the file says; formats that differ in nothing else are the same.
    """

    feed: Feed
    said: dict[str, str] = field(default_factory=dict, compare=False)

    tail_bytes = 0

    @property
    def suffix(self) -> str:
        """The patterns of the feed's paths."""
        return ", ".join(self.feed.paths)

    def recognises(self, name: str) -> bool:
        """Whether the feed takes a file with such a path."""
        return any(pattern.match(name) is not None for pattern in self.feed.patterns)

    @abstractmethod
    def tables(self, stream: Readable, size: int, chunk_bytes: int) -> Iterator[Found]:
        """What stands in a file, some rows at a time.

        Raises:
            MalformedFileError: the file is not of this format.
        """

    def chunks(self, stream: Readable, size: int, *, last_bytes: bytes | None, chunk_bytes: int) -> Iterator[Chunk]:  # noqa: ARG002 - the protocol's signature
        """Takes a file apart; nothing of it is left to find out later."""
        half_hours = HalfHours()
        for found in self.tables(stream, size, chunk_bytes):
            checkpoint()
            table, intervals = self._in_common_words(found.table), self._intervals(found)
            if intervals.minutes != HALF_HOUR_MINUTES:
                # The text of a half hour is put together from those of its parts.
                table = table.append_column(TEXT, found.texts(pa.array(np.arange(table.num_rows))))
            for made in half_hours.of(table, intervals):
                if TEXT in made.column_names:
                    yield from _with_their_texts(made)
                elif made.num_rows:
                    yield TakenApart(_LAYOUT, b"", table=made, texts=found.texts, text_bytes=found.text_bytes)
        yield from _with_their_texts(half_hours.left())

    def in_bulk(self, chunks: Sequence[Chunk]) -> UnvalidatedRows | None:
        """All rows of the chunks."""
        taken = [_taken_apart(chunk) for chunk in chunks]
        found = [chunk.table for chunk in taken]
        names = {name for table in found for name in table.column_names}
        faults = [table["fault"] if "fault" in table.column_names else pa.nulls(table.num_rows) for table in found]
        are_faulty = np.concatenate([fault.is_valid().to_numpy(zero_copy_only=False) for fault in faults])
        return UnvalidatedRows(
            range(len(chunks)),
            [table.num_rows for table in found],
            {name: Values(_joined(found, name)) for name in FILE_COLUMNS},
            ~are_faulty if are_faulty.any() else None,
            lambda rows: _texts_of(taken, rows),
            {name: _joined(found, name) for name in EXTRAS if name in names},
        )

    def rows(self, chunk: Chunk) -> Sequence[Row]:
        """The same one by one."""
        return _Rows(_taken_apart(chunk))

    def rows_of_file(self, content: bytes) -> Iterator[Row]:  # noqa: ARG002 - the protocol's signature
        """Never called: a chunk holds whole rows."""
        raise RuntimeError("a table of rows cannot be cut in the wrong place")

    def text(self, row: Row) -> str:
        """The row as it is written in the file."""
        return str(row.written)

    def _intervals(self, found: Found) -> Intervals:
        conventions = self.feed.conventions
        if conventions.zone is None or conventions.label_at_end is None:
            raise RuntimeError("a feed is read before the market's conventions fill what it leaves open")
        return Intervals(
            found.minutes or self.feed.interval_minutes,
            found.unit or self.feed.unit,
            conventions.zone,
            conventions.label_at_end,
        )

    def _in_common_words(self, table: pa.Table) -> pa.Table:
        """The table with what the path says, ids cleaned, codes translated, numbers with a point."""
        for place, name in _SAID.items():
            if name not in table.column_names and place in self.said:
                table = table.append_column(name, _constant(self.said[place], table.num_rows))
        feed = self.feed
        changed = {
            "meterpoint_id": cells.ids(tokens(table["meterpoint_id"]), feed.clean_ids),
            "interval_start": tokens(table["interval_start"]),
            "consumption_delta": cells.numbers(tokens(table["consumption_delta"]), feed.decimal),
        }
        for name, codes, otherwise in (("register", feed.registers, None), ("quality", feed.qualities, "unknown")):
            if name in table.column_names:
                known = codes or {word: word for word in ("import", "export", "actual", "estimated")}
                changed[name] = converted(
                    tokens(table[name]),
                    lambda text, known=known, otherwise=otherwise: known.get(text.strip(), otherwise or text),  # type: ignore[misc] # one of texts
                )
        for name, column in changed.items():
            table = table.set_column(table.column_names.index(name), name, column)
        for column, is_other in others(table, feed).items():
            table = _with_fault(table, is_other, f'its feed takes no rows with this "{column}"')
        if feed.only_register and "register" in changed:
            is_other = pc.not_equal(changed["register"].cast(pa.string()), feed.only_register)
            table = _with_fault(table, is_other, f"its feed takes the register {feed.only_register} alone")
        return table.select([name for name in table.column_names if not is_of_only(name)])


class _Rows(Sequence[Row]):
    """The rows of a chunk, of which mostly a few are asked for.

    Args:
        chunk: the rows.
        which: of them; all where it is not given.
    """

    def __init__(self, chunk: TakenApart, which: range | None = None) -> None:
        self._chunk, self._table = chunk, chunk.table
        self._which = range(chunk.table.num_rows) if which is None else which
        self._has_faults = "fault" in chunk.table.column_names
        self._said = [name for name in EXTRAS if name in chunk.table.column_names]
        self._texts: list[str] = []
        self._first_text = 0

    def __len__(self) -> int:
        return len(self._which)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> "_Rows": ...

    def __getitem__(self, index: int | slice) -> "Row | _Rows":
        if isinstance(index, slice):
            return _Rows(self._chunk, self._which[index])
        row = self._which[index]
        values = [self._table[name][row].as_py() for name in FILE_COLUMNS]
        text = self._text(row)
        fault = self._table["fault"][row].as_py() if self._has_faults else None
        if fault is not None:
            return Row(values, text, fault, self._table["code"][row].as_py())
        return Row(values, text, extras={name: self._table[name][row].as_py() for name in self._said})

    def _text(self, row: int) -> str:
        if not self._first_text <= row < self._first_text + len(self._texts):
            some = range(row, min(row + _TEXTS_AT_ONCE, self._table.num_rows))
            self._texts, self._first_text = self._chunk.texts(pa.array(some)).to_pylist(), row
        return self._texts[row - self._first_text]


def _taken_apart(chunk: Chunk) -> TakenApart:
    if not isinstance(chunk, TakenApart):
        raise TypeError("a chunk of another format")
    return chunk


def _with_their_texts(table: pa.Table) -> Iterator[TakenApart]:
    """Rows that have a column of their texts, if there are any."""
    if table.num_rows:
        texts = _texts(table)
        yield TakenApart(_LAYOUT, b"", table=table.drop_columns([TEXT]), texts=texts.take, text_bytes=texts.nbytes)


def _texts(table: pa.Table) -> pa.Array:
    return table[TEXT].cast(pa.string()).combine_chunks()


def _texts_of(chunks: Sequence[TakenApart], rows: pa.Array) -> pa.Array:
    """The texts of some rows of chunks, in ascending order."""
    places = rows.to_numpy()
    begins = np.cumsum([0, *(chunk.table.num_rows for chunk in chunks)])
    among = np.searchsorted(places, begins)
    found = [pa.array([], pa.string())]
    for chunk, begin, first, end in zip(chunks, begins, among, among[1:], strict=False):
        if first < end:
            found.append(chunk.texts(pa.array(places[first:end] - begin)).cast(pa.string()))
    return pa.concat_arrays(found)


def _with_fault(table: pa.Table, is_other: pa.Array, fault: str) -> pa.Table:
    """The table with a fault in every row of another quantity that has none already."""
    nothing = pa.nulls(table.num_rows, pa.string())
    has_faults = "fault" in table.column_names
    faults, codes = (table["fault"], table["code"]) if has_faults else (nothing, nothing)
    is_other = pc.and_(is_other, pc.is_null(faults))
    faults = pc.if_else(is_other, fault, faults)
    codes = pc.if_else(is_other, _OTHER_QUANTITY, codes)
    table = table.drop_columns(["fault", "code"]) if has_faults else table
    return table.append_column("fault", faults).append_column("code", codes)


def _joined(tables: Sequence[pa.Table], name: str) -> pa.DictionaryArray:
    """A column of several tables; empty texts where a table does not have it."""
    columns = [tokens(table[name]) if name in table.column_names else _constant("", table.num_rows) for table in tables]
    if len(columns) == 1:
        return columns[0]
    return pa.chunked_array(columns).unify_dictionaries().combine_chunks()


def _constant(text: str, count: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([text], pa.string()))
