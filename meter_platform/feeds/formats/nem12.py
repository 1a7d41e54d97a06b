"""The format of NEM12 files, Australia's: records of 100 to 900, a channel after another, a line a day.

What belongs here: the records, and what their codes mean. What does not: all that formats of tables share
(`taken_apart.py`). The layout is AEMO's "Meter Data File Format Specification NEM12 & NEM13".

A row of the platform is one value of a record 300. Where a file ends without its record 900 it is cut off. Channels of
reactive energy are no energy in kWh: their values are rejected as `other_quantity`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

from meter_platform.feeds import cells
from meter_platform.feeds.feed import HALF_HOUR_MINUTES, HOUR_MINUTES, Feed, Quality, Unit, Zone
from meter_platform.feeds.formats.format import Readable
from meter_platform.feeds.formats.lines import blocks
from meter_platform.feeds.formats.nem12_rows import SEPARATOR, Channel, Line, Rows
from meter_platform.feeds.formats.taken_apart import FormatOfTables, Found
from meter_platform.feeds.malformed import FileReason, MalformedFileError

_UNITS: Final[dict[str, Unit]] = {"KWH": "kWh", "WH": "Wh", "MWH": "MWh"}
_MINUTES: Final = (5, 15, HALF_HOUR_MINUTES, HOUR_MINUTES)
_QUALITIES: Final[dict[str, Quality]] = {
    "A": "actual",
    "S": "estimated",
    "F": "estimated",
    "E": "estimated",
    "N": "unknown",
}
"""Actual; substituted, finally substituted, estimated; none. V, varied, has a record 400 for each range."""

_QUALITY: Final = re.compile(r"[AEFNSV](\d\d)?")
_BEFORE_VALUES: Final = 2
_AFTER_VALUES: Final = 5
"""QualityMethod, ReasonCode, ReasonDescription, UpdateDateTime, MSATSLoadDateTime."""

_UPDATED: Final = 3
_OTHER_UNIT: Final = ("the record 200 says a unit that is none of energy", "other_quantity")


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
        self._rows: Rows | None = None
        self._may_have_ranges = False
        """Whether records 400 may follow."""
        self._line = 0
        self._begun = self._ended = False

    def read(self, lines: Iterator[bytes]) -> Iterator[Found]:
        for block in lines:
            for line in block.decode().replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n"):
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
            self._may_have_ranges = False
            if self._rows and self._rows.takes(channel):
                self._rows.begin(channel)
            else:
                yield from self._flush()
                self._rows = Rows([channel])
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
        if self._rows.is_full:
            channel = self._rows.channel
            yield from self._flush()
            self._rows = Rows([channel])
        self._values(self._rows, line)

    def _malformed(self, what: str) -> MalformedFileError:
        return MalformedFileError(FileReason.BAD_DATA, f"line {self._line}: {what}")

    def _flush(self) -> Iterator[Found]:
        if self._rows and self._rows.lines:
            yield self._rows.found(self._zone)
        self._rows, self._may_have_ranges = None, False

    def _channel(self, record: Sequence[str]) -> Channel:
        try:
            _, nmi, _, _, suffix, _, serial, unit, minutes, *_ = (part.strip() for part in record)
            length = int(minutes)
        except ValueError:
            raise self._malformed("it is no record 200") from None
        if length not in _MINUTES or (length == HOUR_MINUTES and self._feed.interval_minutes != HOUR_MINUTES):
            why = ": its feed does not say interval_minutes = 60" if length == HOUR_MINUTES else ""
            raise self._malformed(f"intervals of {length} minutes{why}")
        return Channel(nmi, suffix, serial, _UNITS.get(unit.upper()), length)

    def _values(self, rows: Rows, line: str) -> None:
        """Adds the values of a record 300."""
        channel, number = rows.channel, len(rows.channels) - 1
        self._may_have_ranges = False
        fields = line.count(SEPARATOR)
        behind = fields + 1 - _BEFORE_VALUES - channel.values
        _, written_day, run = line.split(SEPARATOR, _BEFORE_VALUES) if behind > 0 else ("", "", "")
        values, quality, *rest = run.rsplit(SEPARATOR, behind) if 0 < behind <= _AFTER_VALUES else ("", "")
        quality = quality.strip()
        day = _date(written_day)
        if not _QUALITY.fullmatch(quality):
            why = f"the record has {fields} fields, not a date, {channel.values} values and a quality"
            rows.lines.append(Line(number, line, fault=why, code="not_a_row"))
            return
        if day is None:
            rows.lines.append(Line(number, line, fault="the record's date is none", code="not_a_row"))
            return
        self._may_have_ranges = True
        revised = _instant(rest[_UPDATED - 1].strip(), self._zone) if len(rest) >= _UPDATED else ""
        fault, code = _OTHER_UNIT if channel.unit is None else (None, None)
        before = f"{channel.suffix} {written_day} interval "
        rows.lines.append(Line(number, before, values, day, quality[:1], revised, fault, code))

    def _qualities(self, rows: Rows, line: str) -> None:
        """Gives values of the record 300 before it their quality."""
        try:
            _, first, last, quality, *_ = (part.strip() for part in line.split(SEPARATOR))
            since, until = int(first), int(last)
        except ValueError:
            raise self._malformed("it is no record 400") from None
        if not self._may_have_ranges:
            return  # of a record 300 that was none
        if not 1 <= since <= until <= rows.channel.values:
            raise self._malformed("a range of values that the day does not have")
        rows.ranges.append((len(rows.lines) - 1, since - 1, until, quality[:1]))


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
