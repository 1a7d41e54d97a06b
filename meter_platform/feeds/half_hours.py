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
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import pyarrow as pa

from meter_platform import settlement
from meter_platform.contracts.raw_data import FILE_COLUMNS
from meter_platform.contracts.types import MOST_DECIMALS
from meter_platform.feeds.cells import EXTRAS, converted, number, tokens
from meter_platform.feeds.feed import HALF_HOUR_MINUTES, HOUR_MINUTES, Unit

INCOMPLETE: Final = "incomplete_half_hour"
"""The code of a half hour of which parts are missing."""

_AMBIGUOUS: Final = "ambiguous_time"
_WHICH_HOUR: Final = (
    "the clocks repeat this hour in autumn, and no row before it in its file tells which of the two it means"
)
_EXACT: Final = Context(prec=100)
_MINUTE: Final = timedelta(minutes=1)
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


@dataclass(slots=True)
class _Open:
    """A half hour of which not all parts have come.

    Attributes:
        label: of the half hour, by the feed's own convention.
        parts: the value of each part as it is written, by its number.
        row: what the first part says besides.
        texts: of the parts.
    """

    label: str
    parts: dict[int, str] = field(default_factory=dict)
    row: tuple[str | None, ...] = ()
    texts: list[str] = field(default_factory=list)


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
        self._last: dict[tuple[str | None, ...], datetime] = {}
        self._intervals: Intervals | None = None

    def of(self, table: pa.Table, intervals: Intervals) -> pa.Table:
        """The half hours that some rows make complete; those of half hours are handed on as they are, in kWh.

        Args:
            table: rows with the columns of FILE_COLUMNS, any of EXTRAS, and `raw_text`, and perhaps `fault` and
                `code`; of one length and unit.
            intervals: what their values are.
        """
        self._intervals = intervals
        if intervals.minutes == HALF_HOUR_MINUTES:
            kwh = in_kwh(tokens(table["consumption_delta"]), intervals.unit)
            return table.set_column(table.column_names.index("consumption_delta"), "consumption_delta", kwh)
        known = [*FILE_COLUMNS, *EXTRAS, "raw_text", "fault", "code"]
        names = [name for name in known if name in table.column_names]
        rows = zip(*(table[name].to_pylist() for name in names), strict=True)
        made = self._halves(rows, names) if intervals.minutes == HOUR_MINUTES else self._sums(rows, names)
        return _as_table(list(made))

    def left(self) -> pa.Table:
        """At the end of the file: the half hours that lack parts, as rows with a fault."""
        made = [self._incomplete(key, half_hour) for key, half_hour in self._open.items()]
        self._open.clear()
        return _as_table(made)

    def _sums(self, rows: Iterator[tuple[str, ...]], names: Sequence[str]) -> Iterator[dict[str, str | None]]:
        intervals = self._given
        count = HALF_HOUR_MINUTES // intervals.minutes
        for row in rows:
            said = dict(zip(names, row, strict=True))
            if said.get("fault"):
                yield {**said}
                continue
            key_of_meter = (said["meterpoint_id"], said.get("register"), said.get("serial"))
            label = self._resolved(key_of_meter, said["interval_start"])
            place = _place(label, intervals.minutes, at_end=intervals.label_at_end) if label else None
            if place is None:
                # No time, or none that an interval of this feed could have: the rules say why.
                yield {**said, "consumption_delta": _sum_in_kwh([said["consumption_delta"]], intervals)}
                continue
            text, part = place
            key = (*key_of_meter, text)
            half_hour = self._open.get(key)
            if half_hour and part in half_hour.parts:
                yield self._incomplete(key, self._open.pop(key))
                half_hour = None
            if half_hour is None:
                half_hour = self._open[key] = _Open(text)
                half_hour.row = tuple(said.get(name) for name in EXTRAS)
            half_hour.parts[part] = said["consumption_delta"]
            half_hour.texts.append(said["raw_text"])
            if said.get("quality") == _ESTIMATED:
                half_hour.row = (half_hour.row[0], _ESTIMATED, *half_hour.row[2:])
            if len(half_hour.parts) == count:
                yield self._complete(self._open.pop(key), key)

    def _complete(self, half_hour: _Open, key: tuple[str | None, ...]) -> dict[str, str | None]:
        return {
            "meterpoint_id": key[0],
            "interval_start": half_hour.label,
            "consumption_delta": _sum_in_kwh(list(half_hour.parts.values()), self._given),
            **dict(zip(EXTRAS, half_hour.row, strict=True)),
            "raw_text": " + ".join(half_hour.texts),
        }

    def _incomplete(self, key: tuple[str | None, ...], half_hour: _Open) -> dict[str, str | None]:
        count = HALF_HOUR_MINUTES // self._given.minutes
        made = self._complete(half_hour, key)
        made["fault"] = f"{count - len(half_hour.parts)} of its {count} parts are not there"
        made["code"] = INCOMPLETE
        return made

    def _halves(self, rows: Iterator[tuple[str, ...]], names: Sequence[str]) -> Iterator[dict[str, str | None]]:
        intervals = self._given
        for row in rows:
            said = dict(zip(names, row, strict=True))
            if said.get("fault"):
                yield {**said}
                continue
            label = self._resolved(
                (said["meterpoint_id"], said.get("register"), said.get("serial")), said["interval_start"]
            )
            halves = _hour(label, intervals) if label else None
            if halves is None:
                said["consumption_delta"] = _sum_in_kwh([said["consumption_delta"]], intervals)
                yield {**said, "fault": _WHICH_HOUR, "code": _AMBIGUOUS} if label and _is_naive(label) else {**said}
                continue
            value = number(said["consumption_delta"])
            half = said["consumption_delta"] if value is None else f"{_EXACT.divide(value, Decimal(2)):f}"
            for text in halves:
                # The sum of a half hour's parts, here of one part that is as long as it.
                kwh = _sum_in_kwh([half], intervals)
                yield {**said, "interval_start": text, "consumption_delta": kwh, "quality": _ESTIMATED}

    @property
    def _given(self) -> Intervals:
        if self._intervals is None:
            raise RuntimeError("half hours are asked for before there are rows")
        return self._intervals

    def _resolved(self, key: tuple[str | None, ...], text: str) -> str | None:
        """A time as the instant that it means, where its zone repeats it and the row before it tells; else as it is.

        `None` where it is no time that can be read.
        """
        label = _label(text)
        if label is None:
            return None
        if label.tzinfo:
            return label.astimezone(UTC).isoformat(sep=" ")
        zone = self._given.zone
        candidates = _instants(label, zone)
        if not candidates:
            return None
        last = self._last.get(key)
        step = self._given.minutes * _MINUTE
        near = [candidate for candidate in candidates if last and abs(candidate - last) == step]
        if len(candidates) > 1 and len(near) != 1:
            self._last.pop(key, None)
            return text
        self._last[key] = near[0] if len(near) == 1 else candidates[0]
        return self._last[key].isoformat(sep=" ")


@lru_cache(1 << 16)
def _label(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _is_naive(text: str) -> bool:
    return datetime.fromisoformat(text).tzinfo is None


@lru_cache(1 << 16)
def _instants(label: datetime, zone: ZoneInfo) -> list[datetime]:
    return settlement.instants(label, zone)


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


def _as_table(rows: Sequence[dict[str, str | None]]) -> pa.Table:
    names = [*FILE_COLUMNS, *EXTRAS, "raw_text", "fault", "code"]
    return pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in names})
