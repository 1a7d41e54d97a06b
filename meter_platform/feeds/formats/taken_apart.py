"""Formats whose rows are taken apart while their files are read: what they have in common.

What belongs here: from tables of texts, as a format finds them, to chunks whose rows may be validated: ids are cleaned,
codes translated, numbers brought to kWh and intervals to half hours. What does not: the bytes of any format, and what a
row has to be (`validation.py`).

A format of this kind says in `tables` what stands in a file, in the file's own words. That is all it has to do.
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
from meter_platform.feeds.feed import Feed, Unit
from meter_platform.feeds.formats.format import Chunk, Readable, Row, UnvalidatedRows, Values
from meter_platform.feeds.half_hours import HalfHours, Intervals

_LAYOUT: Final = "taken apart"
_OTHER_QUANTITY: Final = "other_quantity"
_SAID: Final = {"meterpoint": "meterpoint_id", "serial": "serial", "register": "register"}
"""What a path may say, and the column of that."""


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of a file, as they are written there.

    Attributes:
        table: their texts: `interval_start`, `consumption_delta`, `raw_text`, mostly `meterpoint_id`, any of EXTRAS, and
            `fault` with a `code` where a row is none. Dictionaries are welcome.
        unit: of the values, where the file says so and not the feed.
        minutes: length of the intervals, where the file says so.
    """

    table: pa.Table
    unit: Unit | None = None
    minutes: int | None = None


@dataclass(frozen=True, slots=True)
class TakenApart(Chunk):
    """Consecutive rows of a file as a table of texts."""

    table: pa.Table = field(kw_only=True)

    @property
    def size(self) -> int:
        """Bytes of memory that its rows take."""
        return int(self.table.nbytes)


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
            for table in half_hours.of(self._in_common_words(found.table), self._intervals(found)):
                if table.num_rows:
                    yield TakenApart(_LAYOUT, b"", table=table)
        left = half_hours.left()
        if left.num_rows:
            yield TakenApart(_LAYOUT, b"", table=left)

    def in_bulk(self, chunks: Sequence[Chunk]) -> UnvalidatedRows | None:
        """All rows of the chunks."""
        found = [_table(chunk) for chunk in chunks]
        names = {name for table in found for name in table.column_names}
        faults = [table["fault"] if "fault" in table.column_names else pa.nulls(table.num_rows) for table in found]
        are_faulty = np.concatenate([fault.is_valid().to_numpy(zero_copy_only=False) for fault in faults])
        return UnvalidatedRows(
            range(len(chunks)),
            [table.num_rows for table in found],
            {name: Values(_joined(found, name)) for name in FILE_COLUMNS},
            ~are_faulty if are_faulty.any() else None,
            lambda rows: (
                pa.chunked_array([table["raw_text"].cast(pa.string()).combine_chunks() for table in found])
                .take(rows)
                .combine_chunks()
            ),
            {name: _joined(found, name) for name in EXTRAS if name in names},
        )

    def rows(self, chunk: Chunk) -> Sequence[Row]:
        """The same one by one."""
        return _Rows(_table(chunk))

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
        if feed.only_register and "register" in changed:
            return _without_others(table, changed["register"], feed.only_register)
        return table


class _Rows(Sequence[Row]):
    """The rows of a table, of which mostly a few are asked for."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._has_faults = "fault" in table.column_names

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> "_Rows": ...

    def __getitem__(self, index: int | slice) -> "Row | _Rows":
        if isinstance(index, slice):
            return _Rows(self._table.slice(index.start or 0, len(range(*index.indices(len(self))))))
        if not 0 <= index < len(self):
            raise IndexError(index)  # what ends a loop
        values = [self._table[name][index].as_py() for name in FILE_COLUMNS]
        text = self._table["raw_text"][index].as_py()
        fault = self._table["fault"][index].as_py() if self._has_faults else None
        if fault is not None:
            return Row(values, text, fault, self._table["code"][index].as_py())
        said = {name: self._table[name][index].as_py() for name in EXTRAS if name in self._table.column_names}
        return Row(values, text, extras=said)


def _table(chunk: Chunk) -> pa.Table:
    if not isinstance(chunk, TakenApart):
        raise TypeError("a chunk of another format")
    return chunk.table


def _without_others(table: pa.Table, registers: pa.DictionaryArray, wanted: str) -> pa.Table:
    """The table with a fault in every row of another register."""
    nothing = pa.nulls(table.num_rows, pa.string())
    has_faults = "fault" in table.column_names
    faults, codes = (table["fault"], table["code"]) if has_faults else (nothing, nothing)
    is_other = pc.and_(pc.not_equal(registers.cast(pa.string()), wanted), pc.is_null(faults))
    faults = pc.if_else(is_other, f"its feed takes the register {wanted} alone", faults)
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
