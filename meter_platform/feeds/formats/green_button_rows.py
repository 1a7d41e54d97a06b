"""Readings of Green Button as columns: those that the parser has read one by one, and those that were taken apart in bulk.

What belongs here: from what readings say to a table, and the texts of its rows. What does not: elements
(`green_button.py`), and which readings are alike (`alike.py`).
"""

from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from meter_platform.feeds.cells import converted, number, of_groups, tokens
from meter_platform.feeds.feed import Quality
from meter_platform.feeds.formats.separated import columns_of
from meter_platform.feeds.formats.taken_apart import Found

_QUALITIES: Final[dict[str, Quality]] = {
    **dict.fromkeys(("0", "7", "11", "14", "17", "18", "19"), "actual"),  # valid, edited, derived, raw, validated …
    **dict.fromkeys(("8", "9", "12"), "estimated"),  # by a reference day, by interpolation, projected
}
_PLAIN_SECONDS: Final = r"^[0-9]{1,10}$"
LONGEST_TEXT: Final = 1 << 10
"""Characters in an element that are kept, at most: a number, an address or a name."""
_REMEMBERED: Final = 1 << 16
_MOST_DIGITS_MOVED: Final = 12
"""Pico to tera."""


@dataclass(frozen=True, slots=True)
class Said:
    """What some readings have in common.

    Attributes:
        meterpoint: the last part of the usage point's address.
        register: by the direction of their type.
        seconds: their length as it is written.
        quality: as it is written; `None` where nothing is said.
        fault: why they are none.
        code: of the fault.
    """

    meterpoint: str
    register: str
    seconds: str
    quality: str | None = None
    fault: str | None = None
    code: str | None = None


class Layout(NamedTuple):
    """Where numbers stand in lines of them, counted from 0.

    Attributes:
        width: how many numbers a line has.
        start, value: of a reading.
        quality: the same; `None` where all readings of a line's kind have one quality.
    """

    width: int
    start: int
    value: int
    quality: int | None


@dataclass(slots=True)
class Rows:
    """Readings of one length and power of ten, in their order.

    Attributes:
        minutes: length of the intervals.
        power: of ten, as it is written.
    """

    minutes: int
    power: str
    _said: list[Said] = field(default_factory=list)
    """What groups of readings have in common."""
    _counts: list[int] = field(default_factory=list)
    """How many readings each group has."""
    _layouts: list[Layout | None] = field(default_factory=list)
    """Of the lines of each group; `None` for one reading that was read singly."""
    _singly: list[tuple[str, str]] = field(default_factory=list)
    _lines: dict[Layout, list[bytes]] = field(default_factory=dict)

    def takes(self, minutes: int, power: str) -> bool:
        """Whether readings of another length or power may follow."""
        return (minutes, power) == (self.minutes, self.power)

    def add(self, said: Said, start: str, value: str) -> None:
        """Adds a reading."""
        self._group(said, 1, None)
        self._singly.append((start, value))

    def add_lines(self, said: Said, lines: bytes, count: int, layout: Layout) -> None:
        """Adds readings with these numbers."""
        self._group(said, count, layout)
        self._lines.setdefault(layout, []).append(lines)

    def _group(self, said: Said, count: int, layout: Layout | None) -> None:
        self._said.append(said)
        self._counts.append(count)
        self._layouts.append(layout)

    def found(self, *, meterpoint_in_path: bool) -> Found:
        """The rows as a table."""
        group_of_row, places = self._order()
        starts, values, codes = self._columns()
        if places is not None:
            starts, values, codes = (column and column.take(places) for column in (starts, values, codes))
        table = {
            "interval_start": _instants(starts),
            "consumption_delta": converted(tokens(values), partial(_scaled, power=self.power)),
            "register": of_groups([said.register for said in self._said], group_of_row),
        }
        common = of_groups([_quality(said.quality) for said in self._said], group_of_row)
        table["quality"] = common if codes is None else _qualities(codes, common)
        if not meterpoint_in_path:
            table["meterpoint_id"] = of_groups([said.meterpoint for said in self._said], group_of_row)
        if any(said.fault for said in self._said):
            table["fault"] = pa.array([said.fault for said in self._said], pa.string()).take(pa.array(group_of_row))
            table["code"] = pa.array([said.code for said in self._said], pa.string()).take(pa.array(group_of_row))
        seconds = of_groups([said.seconds for said in self._said], group_of_row)

        def texts(rows: pa.Array) -> pa.Array:
            named = {"start": starts, "duration": seconds, "value": values}
            said = [column.take(rows).cast(pa.string()) for column in named.values()]
            return pc.binary_join_element_wise(
                *(pc.binary_join_element_wise(name, text, "=") for name, text in zip(named, said, strict=True)), " "
            )

        return Found(pa.table(table), texts, starts.nbytes + values.nbytes + seconds.nbytes, "Wh", self.minutes)

    def _order(self) -> tuple[npt.NDArray[np.int64], pa.Array | None]:
        """The group of each row, and its place among the rows of `_columns`; `None`: they are in order."""
        group_of_row = np.repeat(np.arange(len(self._counts)), self._counts)
        sources = {layout: number for number, layout in enumerate((None, *self._lines))}
        source_of_row = np.array([sources[layout] for layout in self._layouts])[group_of_row]
        if (np.diff(source_of_row) >= 0).all():
            return group_of_row, None
        places = np.empty(len(source_of_row), np.int64)
        places[np.argsort(source_of_row, kind="stable")] = np.arange(len(places))
        return group_of_row, pa.array(places)

    def _columns(self) -> tuple[pa.Array, pa.Array, pa.Array | None]:
        """Starts, values and qualities: of the readings that were read singly, and then of the others, by their layouts.

        No qualities where no line has one.
        """
        starts = [pa.array([start for start, _ in self._singly], pa.string())]
        values = [pa.array([value for _, value in self._singly], pa.string())]
        codes = [pa.nulls(len(self._singly), pa.string())]
        for layout, lines in self._lines.items():
            columns = [_kept(column) for column in columns_of(b"\n".join(lines), layout.width)]
            starts.append(columns[layout.start])
            values.append(columns[layout.value])
            codes.append(pa.nulls(len(columns[0]), pa.string()) if layout.quality is None else columns[layout.quality])
        has_codes = any(layout.quality is not None for layout in self._lines)
        return pa.concat_arrays(starts), pa.concat_arrays(values), pa.concat_arrays(codes) if has_codes else None


def _kept(texts: pa.Array) -> pa.Array:
    """Texts as far as they are kept where the parser finds them."""
    is_long = (pc.max(pc.binary_length(texts)).as_py() or 0) > LONGEST_TEXT
    return pc.utf8_slice_codeunits(texts, 0, LONGEST_TEXT) if is_long else texts


def _quality(code: str | None) -> str:
    return "actual" if code is None else _QUALITIES.get(code, "unknown")


def _qualities(codes: pa.Array, common: pa.DictionaryArray) -> pa.DictionaryArray:
    """Qualities in words: by the readings' own codes, or what they have in common where there is none."""
    own = converted(tokens(codes), _quality).cast(pa.string())
    return tokens(pc.if_else(codes.is_valid(), own, common.cast(pa.string())))


def _instants(seconds: pa.Array) -> pa.Array:
    """Seconds since 1970 as the rules of validation know a time; what is none as it is."""
    plain = pc.match_substring_regex(seconds, _PLAIN_SECONDS)
    if pc.all(plain).as_py():
        return _moments(seconds)
    return pc.if_else(plain, _moments(pc.if_else(plain, seconds, "0")), seconds)


def _moments(seconds: pa.Array) -> pa.Array:
    moments = seconds.cast(pa.int64()).cast(pa.timestamp("s")).cast(pa.string())
    return pc.binary_join_element_wise(moments, "+00:00", "")


@lru_cache(_REMEMBERED)
def _scaled(value: str, power: str) -> str:
    """A value in Wh."""
    found = number(value)
    try:
        by = int(power or "0")
    except ValueError:
        return ""
    if found is None or abs(by) > _MOST_DIGITS_MOVED:
        return value if found is None else ""
    return f"{found.scaleb(by) if by else found:f}"
