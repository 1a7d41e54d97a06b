"""From intervals of any length and unit to kWh of half hours, exactly.

What belongs here: summing the parts of a half hour, dividing an hour, units. What does not: what stands in a file
(`formats/`), and whether a half hour's value is acceptable (`validation.py`).

A half hour whose parts are not all there is no reading. It is handed on with its fault, so that it is rejected and not
lost. Parts are summed as they are written and converted once. Only what an average power of 5 or 10 minutes amounts to
may have no end of decimals: a half hour's sum is rounded at the last decimal that is kept.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache, partial
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from meter_platform import settlement
from meter_platform.contracts.raw_data import FILE_COLUMNS
from meter_platform.contracts.readings import MOST_DECIMALS
from meter_platform.feeds.cells import converted, number, tokens
from meter_platform.feeds.feed import HALF_HOUR_MINUTES, HOUR_MINUTES, Unit
from meter_platform.feeds.regular_parts import SCALE, Key, Part, RegularParts, as_texts, one_by_one

INCOMPLETE: Final = "incomplete_half_hour"
"""The code of a half hour of which parts are missing."""

_AMBIGUOUS: Final = "ambiguous_time"
_WHICH_HOUR: Final = (
    "the clocks repeat this hour in autumn, and no row before it in its file tells which of the two it means"
)
_EXACT: Final = Context(prec=100)
_MINUTE: Final = timedelta(minutes=1)
_FEW: Final = 64
"""Rows that are looked at before it is worth having all of a table as Python's objects."""

_FACTORS: Final[dict[str, Decimal]] = {"kWh": Decimal(1), "Wh": Decimal("0.001"), "MWh": Decimal(1000)}
_ESTIMATED: Final = "estimated"


@dataclass(frozen=True, slots=True)
class Intervals:
    """What the values of some rows are.

    Attributes:
        minutes: length of their intervals.
        unit: of the values.
        zone: naive times are local to it.
        label_at_end: times name the end of their interval.
    """

    minutes: int
    unit: Unit
    zone: ZoneInfo
    label_at_end: bool


class _Row(NamedTuple):
    """A row as texts; `None` where there is none."""

    meterpoint_id: str | None
    interval_start: str | None
    consumption_delta: str | None
    register: str | None
    quality: str | None
    serial: str | None
    revised_at: str | None
    raw_text: str | None
    fault: str | None
    code: str | None


_NAMES: Final = _Row._fields


@dataclass(slots=True)
class _Open:
    """A half hour of which not all parts have come.

    Attributes:
        first: the row of the first part, with the label of the half hour.
        parts: the value of each part as it is written, by its number.
        texts: of the parts.
        is_estimated: any part of it is.
    """

    first: _Row
    parts: dict[int, str] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    is_estimated: bool = False


def in_kwh(column: pa.DictionaryArray, unit: Unit) -> pa.DictionaryArray:
    """The energy of half hours in kWh; what is no number stays as it is.

    Args:
        column: numbers as `cells.numbers` leaves them.
        unit: of them; kW is the average of the half hour.
    """
    return column if unit == "kWh" else converted(column, _OF_HALF_HOURS[unit])


def _kwh(text: str, unit: Unit) -> str:
    value = number(text)
    if value is None:
        return text
    return f"{_EXACT.divide(value, Decimal(2)) if unit == 'kW' else _EXACT.multiply(value, _FACTORS[unit]):f}"


_OF_HALF_HOURS: Final = {
    "kW": lru_cache(1 << 16)(lambda text: _kwh(text, "kW")),
    "Wh": lru_cache(1 << 16)(lambda text: _kwh(text, "Wh")),
    "MWh": lru_cache(1 << 16)(lambda text: _kwh(text, "MWh")),
}


class HalfHours:
    """Makes half hours of the rows of one file, in their order.

    Memory grows with the half hours that have begun and are not complete: with the meterpoints of a file whose rows stand in
    order, and with the file where they stand in none.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[str | None, ...], _Open] = {}
        self._last: dict[Key, datetime] = {}
        self._intervals: Intervals | None = None

    def of(self, table: pa.Table, intervals: Intervals) -> Iterator[pa.Table]:
        """The half hours that some rows make complete; those of half hours are handed on as they are, in kWh.

        Args:
            table: rows with the columns of FILE_COLUMNS, any of `cells.EXTRAS`, and `raw_text`, and perhaps `fault` and
                `code`; of one length and unit.
            intervals: what their values are.
        """
        if self._open and intervals != self._intervals:
            yield self.left()
        self._intervals = intervals
        if intervals.minutes == HALF_HOUR_MINUTES:
            kwh = in_kwh(tokens(table["consumption_delta"]), intervals.unit)
            yield table.set_column(table.column_names.index("consumption_delta"), "consumption_delta", kwh)
            return
        if intervals.minutes == HOUR_MINUTES:
            yield _as_table(list(self._halves(_rows(table))))
        else:
            yield from self._sums_of(table)

    def left(self) -> pa.Table:
        """At the end of the file: the half hours that lack parts, as rows with a fault."""
        made = [self._incomplete(half_hour) for half_hour in self._open.values()]
        self._open.clear()
        return _as_table(made)

    def _sums_of(self, table: pa.Table) -> Iterator[pa.Table]:
        """Stretches of regular parts in bulk, and the rows between them one by one."""
        intervals = self._given
        count = HALF_HOUR_MINUTES // intervals.minutes
        part_of = partial(_part, zone=intervals.zone, minutes=intervals.minutes, at_end=intervals.label_at_end)
        regular = RegularParts(table, count, part_of, partial(_sums_in_kwh, intervals=intervals))
        row = begun = 0
        rows: Sequence[_Row] = []
        made: list[_Row] = []
        while row < table.num_rows:
            # What is open may be what a row belongs to.
            half_hours = 0 if self._open else regular.stretch(row)
            if half_hours:
                yield regular.summed(row, half_hours)
                self._last |= regular.last(row, half_hours)
                row += half_hours * count
                continue
            first = row
            while row < table.num_rows and (self._open or row == first or not regular.stretch(row)):
                if not begun <= row < begun + len(rows):
                    # Mostly the few that are left of a half hour which began in the table before.
                    rows, begun = _some_rows(table, row, _FEW if row == first else table.num_rows), row
                made += self._sums(iter([rows[row - begun]]))
                row += 1
            yield _as_table(made)
            made = []

    def _sums(self, rows: Iterator[_Row]) -> Iterator[_Row]:
        intervals = self._given
        count = HALF_HOUR_MINUTES // intervals.minutes
        for row in rows:
            meterpoint, time, value, register, quality, serial, _, text, fault, _ = row
            if fault:
                yield row
                continue
            label = self._resolved((meterpoint, register, serial), time)
            place = _place(label, intervals.minutes, at_end=intervals.label_at_end) if label else None
            if place is None:
                # No time, or none that an interval of this feed could have: the rules say why.
                yield row._replace(consumption_delta=_sum_in_kwh([value or ""], intervals))
                continue
            half_hour_label, part = place
            key = (meterpoint, register, serial, half_hour_label)
            half_hour = self._open.get(key)
            if half_hour is None or part in half_hour.parts:
                if half_hour:
                    yield self._incomplete(half_hour)
                half_hour = self._open[key] = _Open(row._replace(interval_start=half_hour_label))
            half_hour.parts[part] = value or ""
            half_hour.texts.append(text or "")
            half_hour.is_estimated = half_hour.is_estimated or quality == _ESTIMATED
            if len(half_hour.parts) == count:
                del self._open[key]
                yield self._complete(half_hour)

    def _complete(self, half_hour: _Open) -> _Row:
        return half_hour.first._replace(
            consumption_delta=_sum_in_kwh(list(half_hour.parts.values()), self._given),
            raw_text=" + ".join(half_hour.texts),
            quality=_ESTIMATED if half_hour.is_estimated else half_hour.first.quality,
        )

    def _incomplete(self, half_hour: _Open) -> _Row:
        count = HALF_HOUR_MINUTES // self._given.minutes
        missing = f"{count - len(half_hour.parts)} of its {count} parts are not there"
        return self._complete(half_hour)._replace(fault=missing, code=INCOMPLETE)

    def _halves(self, rows: Iterator[_Row]) -> Iterator[_Row]:
        intervals = self._given
        for row in rows:
            if row.fault:
                yield row
                continue
            label = self._resolved((row.meterpoint_id, row.register, row.serial), row.interval_start)
            halves = _hour(label, intervals) if label else None
            written = row.consumption_delta or ""
            if halves is None:
                row = row._replace(consumption_delta=_sum_in_kwh([written], intervals))  # noqa: PLW2901 - the same row
                is_ambiguous = label is not None and _is_naive(label)
                yield row._replace(fault=_WHICH_HOUR, code=_AMBIGUOUS) if is_ambiguous else row
                continue
            value = number(written)
            half = written if value is None else f"{_EXACT.divide(value, Decimal(2)):f}"
            kwh = _sum_in_kwh([half], intervals)
            for text in halves:
                yield row._replace(interval_start=text, consumption_delta=kwh, quality=_ESTIMATED)

    @property
    def _given(self) -> Intervals:
        if self._intervals is None:
            raise RuntimeError("half hours are asked for before there are rows")
        return self._intervals

    def _resolved(self, key: Key, text: str | None) -> str | None:
        """A time as the instant that it means, where its zone repeats it and the row before it tells; else as it is.

        `None` where it is no time that can be read.
        """
        zone = self._given.zone
        candidates = _instants(text or "", zone)
        if len(candidates) <= 1:
            for instant, written in candidates:
                self._last[key] = instant
                return written
            return None
        last = self._last.get(key)
        step = self._given.minutes * _MINUTE
        near = [candidate for candidate in candidates if last and abs(candidate[0] - last) == step]
        if len(near) != 1:
            self._last.pop(key, None)
            return text
        ((self._last[key], written),) = near
        return written


@lru_cache(1 << 16)
def _instants(text: str, zone: ZoneInfo) -> list[tuple[datetime, str]]:
    """The instants that a time may mean, each also as it is written: none, one, or two where the clocks repeat it."""
    try:
        label = datetime.fromisoformat(text)
        instants = [label.astimezone(UTC)] if label.tzinfo else settlement.instants(label, zone)
    except (ValueError, OverflowError):
        return []
    return [(instant, instant.isoformat(sep=" ")) for instant in instants]


def _is_naive(text: str) -> bool:
    return datetime.fromisoformat(text).tzinfo is None


@lru_cache(1 << 16)
def _part(text: str, zone: ZoneInfo, minutes: int, *, at_end: bool) -> Part | None:
    """What a time says of a part by itself."""
    candidates = _instants(text, zone)
    if len(candidates) != 1:
        return None
    ((instant, written),) = candidates
    place = _place(written, minutes, at_end=at_end)
    return Part(instant, *place) if place else None


@lru_cache(1 << 16)
def _place(text: str, minutes: int, *, at_end: bool) -> tuple[str, int] | None:
    """The label of the half hour that a part belongs to, and the number of the part; `None` for no part of one."""
    label = datetime.fromisoformat(text)
    begins = label - minutes * _MINUTE if at_end else label
    if begins.minute % minutes or begins.second or begins.microsecond:
        return None
    number_of_part = begins.minute % HALF_HOUR_MINUTES // minutes
    start = begins - begins.minute % HALF_HOUR_MINUTES * _MINUTE
    return (start + settlement.HALF_HOUR if at_end else start).isoformat(sep=" "), number_of_part


def _hour(text: str, intervals: Intervals) -> list[str] | None:
    """The labels of the halves of an hour; `None` where it is not known when it begins, or not at the half hour."""
    label = datetime.fromisoformat(text)
    if label.tzinfo is None or label.minute % HALF_HOUR_MINUTES or label.second or label.microsecond:
        return None
    first = label - settlement.HALF_HOUR if intervals.label_at_end else label
    return [first.isoformat(sep=" "), (first + settlement.HALF_HOUR).isoformat(sep=" ")]


def _sum_in_kwh(parts: Sequence[str], intervals: Intervals) -> str:
    """The energy of some parts of a half hour; one that is no number as it is, one below 0 alone."""
    values = []
    for part in parts:
        value = number(part)
        if value is None:
            return part
        if value < 0:
            values = [value]
            break
        values.append(value)
    total = Decimal(0)
    for value in values:
        total = _EXACT.add(total, value)
    if intervals.unit != "kW":
        return f"{_EXACT.multiply(total, _FACTORS[intervals.unit]):f}"
    kwh = _EXACT.divide(_EXACT.multiply(total, Decimal(intervals.minutes)), Decimal(HOUR_MINUTES))
    last = Decimal(1).scaleb(-MOST_DECIMALS)
    return f"{kwh.quantize(last, ROUND_HALF_EVEN, _EXACT).normalize(_EXACT):f}"


def _sums_in_kwh(sums: npt.NDArray[np.int64], intervals: Intervals) -> pa.Array:
    """The energy of half hours, from sums of their parts with `SCALE` decimals."""
    match intervals.unit, intervals.minutes:
        case "kWh", _:
            return as_texts(sums, SCALE)
        case "Wh", _:
            return as_texts(sums, SCALE + 3)
        case "kW", 15:
            return as_texts(sums * 25, SCALE + 2)
    return one_by_one(sums, lambda total: _sum_in_kwh([f"{total:f}"], intervals))


def _rows(table: pa.Table) -> Iterator[_Row]:
    return map(_Row._make, zip(*(_texts(table, name) for name in _NAMES), strict=True))


def _some_rows(table: pa.Table, begin: int, count: int) -> list[_Row]:
    """Rows from one on, at most so many."""
    some = table.slice(begin, count)
    if some.num_rows > _FEW:
        return list(_rows(some))
    # Of a part of a table the dictionaries are those of the whole.
    return list(_rows(pa.table({name: some[name].cast(pa.string()) for name in some.column_names if name in _NAMES})))


def _texts(table: pa.Table, name: str) -> list[str | None]:
    """The texts of a column; `None` where there is none.

    With few different texts this is several times as fast as Arrow's own way.
    """
    if name not in table.column_names:
        return [None] * table.num_rows
    encoded = tokens(table[name])
    different = [text or None for text in encoded.dictionary.to_pylist()]
    return [different[index] for index in encoded.indices.to_pylist()]


def _as_table(rows: Sequence[_Row]) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [()] * len(_NAMES)
    table = {name: pa.array(column, pa.string()) for name, column in zip(_NAMES, columns, strict=True)}
    kept = [*FILE_COLUMNS, "raw_text", "fault", "code"]
    return pa.table({name: column for name, column in table.items() if name in kept or column.null_count < len(rows)})
