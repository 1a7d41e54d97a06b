"""Rows of a Postgres result as an Arrow table, without rounding anything.

What belongs here: turning Postgres's text form of values into Arrow types. What does not: running queries, and the
contracts (a result may have any columns at all).

The text form is the one that loses nothing: `numeric` keeps its digits, and what an Arrow type cannot hold (NaN, an
infinite date, a year before Christ) stays readable as text instead of failing a whole result.
"""

from collections.abc import Callable, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

_MOST_DIGITS: Final = 76
"""The digits of `decimal256`, Arrow's widest decimal."""

NUMBERS: Final = {b"values": b"numbers"}
"""Metadata of a text field whose values are numbers that no Arrow type holds: `NaN`, `Infinity`, or very many digits."""

_NARROW_DIGITS: Final = 38
"""The digits of `decimal128`, the decimal that every reader of Parquet knows."""


def to_arrow(
    names: Sequence[str], type_numbers: Sequence[int], columns: Sequence[Sequence[str | None]], *, timezone: str
) -> pa.Table:
    """Builds the table.

    Args:
        names: of the columns; a repeated one gets a number, for a table needs names that differ.
        type_numbers: Postgres's type OID of each column.
        columns: the values of each column in Postgres's text form (ISO dates).
        timezone: the zone of the columns of instants; the instants are the same in any.

    Returns:
        Integers int64, `numeric` decimal, real float64, instants timestamp[us, timezone]; all else text. A column of
        numbers that no Arrow type holds is text, and says so (`NUMBERS`).
    """
    arrays = [_array(number, values, timezone) for number, values in zip(type_numbers, columns, strict=True)]
    fields = [
        pa.field(name, array.type, metadata=NUMBERS if number in _NUMBERS and pa.types.is_string(array.type) else None)
        for name, number, array in zip(_distinct(names), type_numbers, arrays, strict=True)
    ]
    return pa.table(arrays, schema=pa.schema(fields))


def _array(type_number: int, values: Sequence[str | None], timezone: str) -> pa.Array:
    text = pa.array(values, pa.string())
    convert = _CONVERSIONS.get(type_number)
    if convert is None:
        return text
    try:
        return convert(text, timezone)
    except pa.ArrowInvalid:
        return text


def _boolean(text: pa.Array, _timezone: str) -> pa.Array:
    return pc.equal(text, "t")


def _integer(text: pa.Array, _timezone: str) -> pa.Array:
    return text.cast(pa.int64())


def _real(text: pa.Array, _timezone: str) -> pa.Array:
    return text.cast(pa.float64())


def _date(text: pa.Array, _timezone: str) -> pa.Array:
    return text.cast(pa.date32())


def _time(text: pa.Array, _timezone: str) -> pa.Array:
    return text.cast(pa.timestamp("us"))


def _instant(text: pa.Array, timezone: str) -> pa.Array:
    # Postgres prints the offset of its session, Arrow reads it; the column keeps the instant and takes the zone.
    return text.cast(pa.timestamp("us", tz="UTC")).cast(pa.timestamp("us", tz=timezone))


def _decimal(text: pa.Array, _timezone: str) -> pa.Array:
    """As many decimals as the value with the most of them."""
    parts = [value.partition(".") for value in text.to_pylist() if value is not None]
    scale = max((len(fraction) for _, _, fraction in parts), default=0)
    digits = max((len(whole.lstrip("-")) for whole, _, _ in parts), default=1) + scale
    if digits > _MOST_DIGITS:
        return text
    return text.cast(pa.decimal128(_NARROW_DIGITS, scale) if digits <= _NARROW_DIGITS else pa.decimal256(digits, scale))


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, each once: the first of equal ones stays, the others get the next number that is free."""
    taken: set[str] = set()
    used: dict[str, int] = {}
    distinct: list[str] = []
    for name in names:
        number = used.get(name, 0) + 1
        candidate = name if number == 1 else f"{name}_{number}"
        while candidate in taken:
            number += 1
            candidate = f"{name}_{number}"
        used[name] = number
        taken.add(candidate)
        distinct.append(candidate)
    return distinct


_CONVERSIONS: Final[dict[int, Callable[[pa.Array, str], pa.Array]]] = {
    16: _boolean,
    20: _integer,  # bigint
    21: _integer,  # smallint
    23: _integer,  # integer
    26: _integer,  # oid
    700: _real,
    701: _real,
    1082: _date,
    1114: _time,
    1184: _instant,
    1700: _decimal,
}
"""By Postgres's type OIDs, which are fixed for built-in types (`pg_type.dat`)."""

_NUMBERS: Final = frozenset({700, 701, 1700})
"""Types of numbers that may have no Arrow type."""
