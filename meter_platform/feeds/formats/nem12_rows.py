"""Records 300 of NEM12 as columns: lines as Python has them, and cells that are never Python's.

What belongs here: from lines that have been understood to a table, and the texts of its rows. What does not: what a line is
(`nem12.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from meter_platform.feeds import cells
from meter_platform.feeds.cells import of_groups
from meter_platform.feeds.feed import HOUR_MINUTES, Register, Unit
from meter_platform.feeds.formats.separated import values_of
from meter_platform.feeds.formats.taken_apart import Found

Integers = npt.NDArray[np.int64]

SEPARATOR: Final = ","
NONE: Final = "N"
"""The quality of a value that is none."""

_DAY_MINUTES: Final = 24 * HOUR_MINUTES
_SUFFIXES: Final[dict[str, Register]] = {"E": "import", "B": "export"}
"""Export and import as the customer sees them: AEMO's letters look from the grid."""

MOST_ROWS: Final = 40_000
"""Rows that are handed on at once, about as many as half a megabyte has: what is done once for all of them takes a
millisecond."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A record 200: what the lines that follow are about."""

    meterpoint: str
    suffix: str
    serial: str
    unit: Unit | None
    minutes: int

    @property
    def values(self) -> int:
        """How many values a day has."""
        return _DAY_MINUTES // self.minutes

    @property
    def register(self) -> str:
        """Import or export, or the suffix of anything else."""
        return _SUFFIXES.get(self.suffix[:1], self.suffix)


class Line(NamedTuple):
    """A record 300.

    Attributes:
        channel: the number of its channel among those of its rows.
        before: what the texts of its values begin with; of a line that is no such record, the line.
        values: as they are written, with commas between them.
        day: of the values; `None` where the line is one row that is none.
        quality: the first letter of the quality method.
        revised: when the values were.
        fault: what is wrong with its rows.
        code: of the fault.
    """

    channel: int
    before: str
    values: str = ""
    day: date | None = None
    quality: str = ""
    revised: str = ""
    fault: str | None = None
    code: str | None = None


@dataclass(slots=True)
class Rows:
    """Values of channels of one unit and length: lines as Python has them, and cells as columns."""

    channels: list[Channel]
    lines: list[Line] = field(default_factory=list)
    ranges: list[tuple[int, int, int, str]] = field(default_factory=list)
    """Of records 400: the line, the first of its values and the one after the last, counted from 0, and their quality."""

    @property
    def channel(self) -> Channel:
        """The channel whose values come now."""
        return self.channels[-1]

    @property
    def is_full(self) -> bool:
        """Whether it is time to hand on what there is."""
        return len(self.lines) * self.channel.values >= MOST_ROWS

    def takes(self, channel: Channel) -> bool:
        """Whether the values of another channel may follow."""
        return (channel.unit, channel.minutes) == (self.channel.unit, self.channel.minutes) and not self.is_full

    def begin(self, channel: Channel) -> None:
        """The values of another channel follow."""
        if self.lines and self.lines[-1].channel == len(self.channels) - 1:
            self.channels.append(channel)
        else:
            self.channels[-1] = channel  # the one before it had none

    def found(self, zone: ZoneInfo) -> Found:
        """The rows as a table.

        Args:
            zone: of the market.
        """
        lines, count = self.lines, self.channel.values
        sizes = [1 if line.day is None else count for line in lines]
        begins = np.cumsum([0, *sizes[:-1]])
        line_of_row = np.repeat(np.arange(len(lines)), sizes)
        number = np.arange(len(line_of_row)) - begins[line_of_row]
        written = values_of([line.values for line in lines], SEPARATOR)
        said, are_none = self._qualities(begins, sizes, line_of_row)
        columns = {
            "interval_start": self._times(zone, line_of_row, number),
            "consumption_delta": _emptied(written, are_none),
            "quality": said,
            "revised_at": of_groups([line.revised for line in lines], line_of_row),
        }
        for name, texts in (
            ("meterpoint_id", [channel.meterpoint for channel in self.channels]),
            ("register", [channel.register for channel in self.channels]),
            ("serial", [channel.serial for channel in self.channels]),
        ):
            columns[name] = of_groups([texts[line.channel] for line in lines], line_of_row)
        if any(line.fault for line in lines):
            columns["fault"] = pa.array([line.fault for line in lines], pa.string()).take(pa.array(line_of_row))
            columns["code"] = pa.array([line.code for line in lines], pa.string()).take(pa.array(line_of_row))

        def texts_of(rows: pa.Array) -> pa.Array:
            places = rows.to_numpy()
            those = line_of_row[places]
            before = pa.array([line.before for line in lines], pa.string()).take(pa.array(those))
            numbers = pa.array(number[places] + 1).cast(pa.string())
            values = pc.binary_join_element_wise(before, numbers, "=", written.take(rows).cast(pa.string()), "")
            return pc.if_else(pa.array(np.array(sizes)[those] > 1), values, before)

        text_bytes = written.nbytes + sum(len(line.before) for line in lines)
        return Found(pa.table(columns), texts_of, text_bytes, self.channel.unit or "kWh", self.channel.minutes)

    def _times(self, zone: ZoneInfo, line_of_row: Integers, number: Integers) -> pa.DictionaryArray:
        days = {line.day: 0 for line in self.lines if line.day}
        count = self.channel.values
        texts = [time for day in days for time in _times(day, count, self.channel.minutes, zone)]
        places: dict[date | None, int] = {day: place * count for place, day in enumerate(days)}
        places[None] = len(texts)
        of_line = np.array([places[line.day] for line in self.lines])
        return pa.DictionaryArray.from_arrays(
            pa.array((of_line[line_of_row] + number).astype(np.int32)), pa.array([*texts, ""], pa.string())
        )

    def _qualities(
        self, begins: Integers, sizes: Sequence[int], line_of_row: Integers
    ) -> tuple[pa.DictionaryArray, npt.NDArray[np.bool_]]:
        """The quality of each row, and which rows are of none at all."""
        all_letters = [*(line.quality for line in self.lines), *(letter for *_, letter in self.ranges)]
        letters = {letter: number for number, letter in enumerate(dict.fromkeys(all_letters))}
        of_line = np.array([letters[line.quality] for line in self.lines], np.int32)
        found = np.repeat(of_line, sizes)
        are_none = np.array([line.quality == NONE for line in self.lines])[line_of_row]
        for line, first, end, letter in self.ranges:
            those = slice(begins[line] + first, begins[line] + end)
            found[those] = letters[letter]
            are_none[those] |= letter == NONE
        return pa.DictionaryArray.from_arrays(pa.array(found), pa.array(list(letters), pa.string())), are_none


def _emptied(column: pa.DictionaryArray, those: npt.NDArray[np.bool_]) -> pa.DictionaryArray:
    """A column with nothing in some rows."""
    if not those.any():
        return column
    texts = pa.concat_arrays([column.dictionary, pa.array([""])])
    indices = np.where(those, np.int32(len(texts) - 1), column.indices.to_numpy())
    return pa.DictionaryArray.from_arrays(pa.array(indices), texts)


@lru_cache(1 << 12)
def _times(day: date, count: int, minutes: int, zone: ZoneInfo) -> list[str]:
    return [cells.instant_of(day, number, minutes, zone) for number in range(1, count + 1)]
