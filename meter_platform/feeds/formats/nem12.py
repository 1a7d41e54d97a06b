"""The format of NEM12 files, Australia's: records of 100 to 900, a channel after another, a line a day.

What belongs here: the records, and what their codes mean. What does not: all that formats of tables share
(`taken_apart.py`). The layout is AEMO's "Meter Data File Format Specification NEM12 & NEM13".

A row of the platform is one value of a record 300. Where a file ends without its record 900 it is cut off. Channels of
reactive energy are no energy in kWh: their values are rejected as `other_quantity`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from meter_platform.feeds import cells
from meter_platform.feeds.feed import HALF_HOUR_MINUTES, HOUR_MINUTES, Feed, Quality, Register, Unit, Zone
from meter_platform.feeds.formats.format import Readable
from meter_platform.feeds.formats.lines import blocks
from meter_platform.feeds.formats.taken_apart import FormatOfTables, Found
from meter_platform.feeds.malformed import FileReason, MalformedFileError

_UNITS: Final[dict[str, Unit]] = {"KWH": "kWh", "WH": "Wh", "MWH": "MWh"}
_MINUTES: Final = (5, 15, HALF_HOUR_MINUTES, HOUR_MINUTES)
_DAY_MINUTES: Final = 24 * HOUR_MINUTES
_SUFFIXES: Final[dict[str, Register]] = {"E": "import", "B": "export"}
"""Export and import as the customer sees them: AEMO's letters look from the grid."""

_QUALITIES: Final[dict[str, Quality]] = {
    "A": "actual",
    "S": "estimated",
    "F": "estimated",
    "E": "estimated",
    "N": "unknown",
}
"""Actual; substituted, finally substituted, estimated; none. V, varied, has a record 400 for each range."""

_NONE: Final = "N"
_QUALITY: Final = re.compile(r"[AEFNSV](\d\d)?")
_BEFORE_VALUES: Final = 2
_AFTER_VALUES: Final = 5
"""QualityMethod, ReasonCode, ReasonDescription, UpdateDateTime, MSATSLoadDateTime."""

_UPDATED: Final = 3


class Nem12Feed(Feed):
    """A feed of NEM12 files: they say unit, length and register themselves, and count intervals in market time.

    Attributes:
        zone: of the market, which never changes its clocks.
        qualities: what the first letters of quality methods mean.
    """

    format: Literal["nem12"]
    zone: Zone | None = "Etc/GMT-10"
    qualities: dict[str, Quality] = _QUALITIES

    @property
    def gives_instants(self) -> bool:
        """Values are counted from the start of their day."""
        return True

    def reader(self, said: dict[str, str]) -> "Nem12":
        """The format of its files."""
        return Nem12(self, said)


@dataclass(frozen=True, slots=True)
class _Channel:
    """A record 200: what the lines that follow are about."""

    meterpoint: str
    suffix: str
    serial: str
    unit: Unit | None
    minutes: int

    @property
    def register(self) -> str:
        """Import or export, or the suffix of anything else."""
        return _SUFFIXES.get(self.suffix[:1], self.suffix)


@dataclass(slots=True)
class _Rows:
    """Values of channels of one unit and length, as columns that grow."""

    channels: list[_Channel]
    begins: list[int] = field(default_factory=lambda: [0])
    """Where the rows of each channel begin."""
    times: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    qualities: list[str] = field(default_factory=list)
    revised: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    faults: list[str | None] = field(default_factory=list)
    codes: list[str | None] = field(default_factory=list)

    @property
    def channel(self) -> _Channel:
        """The channel whose values come now."""
        return self.channels[-1]

    def takes(self, channel: _Channel) -> bool:
        """Whether the values of another channel may follow."""
        is_alike = (channel.unit, channel.minutes) == (self.channel.unit, self.channel.minutes)
        return is_alike and len(self.values) < _MOST_ROWS

    def begin(self, channel: _Channel) -> None:
        """The values of another channel follow."""
        self.channels.append(channel)
        self.begins.append(len(self.values))

    def no_row(self, line: str, fault: str) -> None:
        """Adds a line that is none."""
        for column in (self.times, self.values, self.qualities, self.revised):
            column.append("")
        self.texts.append(line)
        self.faults.append(fault)
        self.codes.append("not_a_row")

    def found(self) -> Found:
        """The rows as a table."""
        counts = np.diff([*self.begins, len(self.values)])
        of_channel = pa.array(np.repeat(np.arange(len(self.channels), dtype=np.int32), counts))
        said = {
            "meterpoint_id": [channel.meterpoint for channel in self.channels],
            "register": [channel.register for channel in self.channels],
            "serial": [channel.serial for channel in self.channels],
        }
        columns = {
            name: pa.DictionaryArray.from_arrays(of_channel, pa.array(texts, pa.string()))
            for name, texts in said.items()
        }
        columns |= {
            "interval_start": pa.array(self.times, pa.string()),
            "consumption_delta": pa.array(self.values, pa.string()),
            "quality": pa.array(self.qualities, pa.string()),
            "revised_at": pa.array(self.revised, pa.string()),
            "raw_text": pa.array(self.texts, pa.string()),
            "fault": pa.array(self.faults, pa.string()),
            "code": pa.array(self.codes, pa.string()),
        }
        return Found.with_texts(pa.table(columns), self.channel.unit or "kWh", self.channel.minutes)


@dataclass(frozen=True)
class Nem12(FormatOfTables):
    """NEM12 files; see `Format` for what its methods do."""

    feed: Nem12Feed

    def tables(self, stream: Readable, size: int, chunk_bytes: int) -> Iterator[Found]:  # noqa: ARG002 - the protocol's signature
        """The values of some records at a time."""
        return _Records(self.feed).read(blocks(stream, chunk_bytes, "utf-8"))


class _Records:
    """Follows the records of a file."""

    def __init__(self, feed: Nem12Feed) -> None:
        self._feed = feed
        self._zone = ZoneInfo(feed.zone or "Etc/GMT-10")
        self._rows: _Rows | None = None
        self._day: tuple[int, int] | None = None
        """Where the values of the last record 300 stand among the rows, if records 400 may follow."""
        self._line = 0
        self._begun = self._ended = False

    def read(self, lines: Iterator[bytes]) -> Iterator[Found]:
        for block in lines:
            for line in block.decode().replace("\r", "\n").split("\n"):
                self._line += 1
                if line.strip():
                    yield from self._record(line.strip())
        if not self._ended:
            raise MalformedFileError(FileReason.TRUNCATED, "the file has no record 900 at its end")
        yield from self._flush()

    def _record(self, line: str) -> Iterator[Found]:
        kind, _, _ = line.partition(",")
        if not self._begun:
            if not line.upper().startswith("100,NEM12"):
                raise MalformedFileError(FileReason.NOT_A_DOCUMENT, "the file does not begin with 100,NEM12")
            self._begun = True
        elif self._ended:
            raise self._malformed("a record follows the record 900")
        elif kind == "200":
            channel = self._channel(line.split(","))
            self._day = None
            if self._rows and self._rows.takes(channel):
                self._rows.begin(channel)
            else:
                yield from self._flush()
                self._rows = _Rows([channel])
        elif kind in {"300", "400"}:
            yield from self._day_record(kind, line)
        elif kind == "900":
            self._ended = True
        elif kind not in {"100", "500"}:
            raise self._malformed("it is no record of NEM12")

    def _day_record(self, kind: str, line: str) -> Iterator[Found]:
        if self._rows is None:
            raise self._malformed(f"a record {kind} before any record 200")
        if kind == "400":
            self._qualities(self._rows, line)
            return
        if len(self._rows.values) >= _MOST_ROWS:
            channel = self._rows.channel
            yield from self._flush()
            self._rows = _Rows([channel])
        self._values(self._rows, line)

    def _malformed(self, what: str) -> MalformedFileError:
        return MalformedFileError(FileReason.BAD_DATA, f"line {self._line}: {what}")

    def _flush(self) -> Iterator[Found]:
        if self._rows and self._rows.values:
            yield self._rows.found()
        self._rows, self._day = None, None

    def _channel(self, record: Sequence[str]) -> _Channel:
        try:
            _, nmi, _, _, suffix, _, serial, unit, minutes, *_ = (part.strip() for part in record)
            length = int(minutes)
        except ValueError:
            raise self._malformed("it is no record 200") from None
        if length not in _MINUTES or (length == HOUR_MINUTES and self._feed.interval_minutes != HOUR_MINUTES):
            why = ": its feed does not say interval_minutes = 60" if length == HOUR_MINUTES else ""
            raise self._malformed(f"intervals of {length} minutes{why}")
        return _Channel(nmi, suffix, serial, _UNITS.get(unit.upper()), length)

    def _values(self, rows: _Rows, line: str) -> None:
        """Adds the values of a record 300."""
        channel = rows.channel
        count = _DAY_MINUTES // channel.minutes
        parts = line.split(",")
        self._day = None
        quality, *rest = [part.strip() for part in parts[_BEFORE_VALUES + count :]] or [""]
        if not _QUALITY.fullmatch(quality) or len(rest) >= _AFTER_VALUES:
            rows.no_row(line, f"the record has {len(parts) - 1} fields, not a date, {count} values and a quality")
            return
        day = _date(parts[1])
        if day is None:
            rows.no_row(line, "the record's date is none")
            return
        begin = len(rows.values)
        self._day = (begin, count)
        revised = _instant(rest[_UPDATED - 1], self._zone) if len(rest) >= _UPDATED else ""
        values = parts[_BEFORE_VALUES : _BEFORE_VALUES + count]
        is_none = quality[:1] == _NONE
        rows.times += _times(day, count, channel.minutes, self._zone)
        rows.values += [""] * count if is_none else values
        rows.qualities += [quality[:1]] * count
        rows.revised += [revised] * count
        before = f"{channel.suffix} {parts[1]} interval "
        rows.texts += [f"{before}{number}={value}" for number, value in enumerate(values, start=1)]
        other = channel.unit is None
        rows.faults += ["the record 200 says a unit that is none of energy"] * count if other else [None] * count
        rows.codes += ["other_quantity" if other else None] * count

    def _qualities(self, rows: _Rows, line: str) -> None:
        """Gives values of the record 300 before it their quality."""
        try:
            _, first, last, quality, *_ = (part.strip() for part in line.split(","))
            since, until = int(first), int(last)
        except ValueError:
            raise self._malformed("it is no record 400") from None
        if self._day is None:
            return  # of a record 300 that was none
        begin, count = self._day
        if not 1 <= since <= until <= count:
            raise self._malformed("a range of values that the day does not have")
        for place in range(begin + since - 1, begin + until):
            rows.qualities[place] = quality[:1]
            if quality[:1] == _NONE:
                rows.values[place] = ""


_MOST_ROWS: Final = 10_000
"""Rows of one channel that are handed on at once."""


@lru_cache(1 << 12)
def _date(text: str) -> date | None:
    return cells.dates("%Y%m%d")(text) if len(text.strip()) == len("20210131") else None


@lru_cache(1 << 12)
def _instant(text: str, zone: ZoneInfo) -> str:
    """A time of market as the file writes it, with its offset; what is none as it is."""
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=zone).isoformat()
    except ValueError:
        return text


@lru_cache(1 << 12)
def _times(day: date, count: int, minutes: int, zone: ZoneInfo) -> list[str]:
    return [cells.instant_of(day, number, minutes, zone) for number in range(1, count + 1)]
