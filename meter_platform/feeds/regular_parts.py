"""Half hours whose parts stand together in order, summed in bulk: what nearly every file of short intervals is made of.

What belongs here: recognising such stretches of rows, and their sums as integers of Arrow and numpy. What does not: every other
row, for which `half_hours.py` has the rules; what is here says the same as they do, and a test holds it to them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from meter_platform.feeds.cells import tokens

_KEYS: Final = ("meterpoint_id", "register", "serial")
_PLAIN: Final = r"^[0-9]{1,7}(\.[0-9]{1,9})?$"
"""Numbers of which six can be added, and multiplied by 25, within 63 bits."""

SCALE: Final = 9
"""Decimals of the integers that plain numbers become."""

_FEWEST: Final = 16
"""Half hours that are worth the calls of a stretch."""

Key = tuple[str | None, str | None, str | None]
"""Meterpoint, register and serial."""

Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Part:
    """Where an interval belongs.

    Attributes:
        start: when it begins.
        label: of its half hour, as the rules of validation know a time.
        number: of the part.
    """

    start: datetime
    label: str
    number: int


Sums = Callable[[Integers], pa.Array]
"""From sums with `SCALE` decimals to texts in kWh."""


class RegularParts:
    """The rows of a table, of which stretches may be summed in bulk.

    Args:
        table: as `HalfHours.of` takes it.
        count: parts of a half hour.
        part_of: what a time says; `None` where that depends on other rows, or it is no time.
        sums: brings sums to kWh.
    """

    def __init__(self, table: pa.Table, count: int, part_of: Callable[[str], Part | None], sums: Sums) -> None:
        self._table, self._count, self._sums = table, count, sums
        times = tokens(table["interval_start"])
        self._parts = [part_of(text) for text in times.dictionary.to_pylist()]
        self._time = times.indices.to_numpy()
        labels = {part.label: 0 for part in self._parts if part}
        self._labels = list(labels)
        places = {label: place for place, label in enumerate(self._labels)}
        self._label = np.array([places[part.label] if part else -1 for part in self._parts], np.int64)[self._time]
        number = np.array([part.number if part else -1 for part in self._parts], np.int64)[self._time]
        values = tokens(table["consumption_delta"])
        plain = pc.match_substring_regex(values.dictionary, _PLAIN)
        self._value = _scaled(pc.if_else(plain, values.dictionary, "0"))[values.indices.to_numpy()]
        usable = plain.to_numpy(zero_copy_only=False)[values.indices.to_numpy()] & (number >= 0)
        if "fault" in table.column_names:
            usable &= table["fault"].is_null().to_numpy()
        self._keys = {name: tokens(table[name]) for name in _KEYS if name in table.column_names}
        self._begins = self._starts(number, usable)

    def stretch(self, begin: int) -> int:
        """How many half hours, one after the other, may be summed from a row on; 0 for few."""
        begins = self._begins[begin :: self._count]
        length = len(begins) if begins.all() else int(begins.argmin())
        return length if length >= _FEWEST else 0

    def summed(self, begin: int, half_hours: int) -> pa.Table:
        """The half hours of a stretch, as `HalfHours` has them."""
        end = begin + half_hours * self._count
        first = np.arange(begin, end, self._count)
        rows = self._table.take(pa.array(first))
        said = {name: rows[name] for name in rows.column_names if name not in {"fault", "code"}}
        said["interval_start"] = pa.DictionaryArray.from_arrays(
            pa.array(self._label[first], pa.int32()), pa.array(self._labels, pa.string())
        )
        said["consumption_delta"] = self._sums(self._value[begin:end].reshape(-1, self._count).sum(axis=1))
        texts = self._table["raw_text"].slice(begin, end - begin).cast(pa.string()).combine_chunks()
        parts = [texts.take(pa.array(np.arange(part, len(texts), self._count))) for part in range(self._count)]
        said["raw_text"] = pc.binary_join_element_wise(*parts, " + ")
        if "quality" in said:
            said["quality"] = self._quality(begin, end, rows["quality"])
        nothing = pa.nulls(half_hours, pa.string())
        return pa.table({**said, "fault": nothing, "code": nothing})

    def last(self, begin: int, half_hours: int) -> Mapping[Key, datetime]:
        """When the last interval of each meterpoint, register and serial begins that is in a stretch."""
        end = begin + half_hours * self._count
        codes = self._codes()[begin:end][::-1]
        _, places = np.unique(codes, return_index=True)
        found: dict[Key, datetime] = {}
        for place in places:
            row = end - 1 - int(place)
            part = self._parts[self._time[row]]
            if part:
                meterpoint, register, serial = (
                    self._keys[name][row].as_py() or None if name in self._keys else None for name in _KEYS
                )
                found[meterpoint, register, serial] = part.start
        return found

    def _starts(self, number: Integers, usable: Booleans) -> Booleans:
        """Of each row, whether it and those behind it are the parts of one half hour, rising or falling."""
        rows, count = len(number), self._count
        begins = np.zeros(rows, np.bool_)
        if rows < count:
            return begins
        some = rows - count + 1
        codes = self._codes()
        rising = falling = together = np.ones(some, np.bool_)
        for step in range(count):
            behind = slice(step, some + step)
            rising = rising & (number[behind] == step)
            falling = falling & (number[behind] == count - 1 - step)
            together = (
                together
                & usable[behind]
                & (self._label[behind] == self._label[:some])
                & (codes[behind] == codes[:some])
            )
        begins[:some] = together & (rising | falling)
        return begins

    def _codes(self) -> Integers:
        """A number for each row that is the same where meterpoint, register and serial are."""
        codes = np.zeros(self._table.num_rows, np.int64)
        for column in self._keys.values():
            codes = codes * max(1, len(column.dictionary)) + column.indices.to_numpy()
        return codes

    def _quality(self, begin: int, end: int, of_first: pa.ChunkedArray) -> pa.Array:
        qualities = self._table["quality"].slice(begin, end - begin).cast(pa.string())
        estimated = pc.equal(qualities, "estimated").fill_null(False)  # noqa: FBT003 - pyarrow's signature
        any_is = estimated.to_numpy().reshape(-1, self._count).any(axis=1)
        return pc.if_else(pa.array(any_is), "estimated", of_first.cast(pa.string()).combine_chunks())


def as_texts(sums: Integers, scale: int) -> pa.Array:
    """Integers with some decimals as texts, without zeros at their end."""
    whole, decimals = np.divmod(sums, 10**scale)
    written = pc.utf8_lpad(pa.array(decimals).cast(pa.string()), scale, "0")
    texts = pc.binary_join_element_wise(pa.array(whole).cast(pa.string()), written, ".")
    return pc.utf8_rtrim(pc.utf8_rtrim(texts, "0"), ".")


def one_by_one(sums: Integers, convert: Callable[[Decimal], str]) -> pa.Array:
    """Sums as texts by a function of each different one."""
    different, places = np.unique(sums, return_inverse=True)
    texts = [convert(Decimal(int(value)).scaleb(-SCALE)) for value in different]
    return pa.array(texts, pa.string()).take(pa.array(places))


def _scaled(texts: pa.Array) -> Integers:
    """Plain numbers as integers with `SCALE` decimals."""
    exact = texts.cast(pa.decimal128(18, SCALE))
    low: Integers = np.frombuffer(exact.buffers()[1], np.int64, 2 * len(exact), 16 * exact.offset)[::2]
    return low
