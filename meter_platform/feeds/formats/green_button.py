"""The format of Green Button files: ESPI, XML in an Atom feed.

What belongs here: which elements say what. What does not: all that formats of tables share (`taken_apart.py`). The schema is
NAESB's ESPI 1.1 (`espi.xsd`).

The parser reads a file as it comes and keeps nothing of it. A document type is refused: with it go entities and references
to anything outside of the file. Readings stand in blocks that belong to a meter's reading, which belongs to a type: unit,
power of ten, direction. The type has to stand before the blocks, as it does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal
from xml.parsers import expat

import pyarrow as pa

from meter_platform.feeds.allowance import checkpoint
from meter_platform.feeds.cells import number
from meter_platform.feeds.feed import HALF_HOUR_MINUTES, HOUR_MINUTES, Feed, Quality, Register
from meter_platform.feeds.formats.format import Readable
from meter_platform.feeds.formats.taken_apart import FormatOfTables, Found
from meter_platform.feeds.malformed import FileReason, MalformedFileError

_ESPI: Final = "http://naesb.org/espi "
_ATOM: Final = "http://www.w3.org/2005/Atom "
_WATT_HOURS: Final = "72"
_DIRECTIONS: Final[dict[str, Register]] = {"1": "import", "19": "export"}
"""FlowDirection: forward, delivered to the customer; reverse, received from the customer."""

_QUALITIES: Final[dict[str, Quality]] = {
    **dict.fromkeys(("0", "7", "11", "14", "17", "18", "19"), "actual"),  # valid, edited, derived, raw, validated …
    **dict.fromkeys(("8", "9", "12"), "estimated"),  # by a reference day, by interpolation, projected
}
_LINKS: Final = ("self", "up", "related")
_TYPE, _METER, _BLOCK, _POINT = "ReadingType", "MeterReading", "IntervalBlock", "UsagePoint"
_KINDS: Final = {f"{_ESPI}{kind}": kind for kind in (_TYPE, _METER, _BLOCK, _POINT)}
_CONTENT, _ENTRY, _LINK = f"{_ATOM}content", f"{_ATOM}entry", f"{_ATOM}link"
_READING: Final = f"{_ESPI}IntervalReading"
# Where the parts of a reading stand: costs and periods have values of their own.
_DURATION: Final = (f"{_ESPI}timePeriod", f"{_ESPI}duration")
_START: Final = (f"{_ESPI}timePeriod", f"{_ESPI}start")
_VALUE: Final = (_READING, f"{_ESPI}value")
_QUALITY: Final = (f"{_ESPI}ReadingQuality", f"{_ESPI}quality")
_COLUMNS: Final = (
    "meterpoint_id",
    "interval_start",
    "consumption_delta",
    "register",
    "quality",
    "raw_text",
    "fault",
    "code",
)
_REMEMBERED: Final = 1 << 16
_MINUTES: Final = (5, 10, 15, HALF_HOUR_MINUTES, HOUR_MINUTES)
_LONGEST_TEXT: Final = 1 << 10
"""Characters in an element, at most: a number, an address or a name."""
_DEEPEST: Final = 100


class GreenButtonFeed(Feed):
    """A feed of Green Button files. They say their unit, instants, lengths and directions themselves."""

    format: Literal["green_button"]

    @property
    def gives_instants(self) -> bool:
        """Readings have the second that they begin at."""
        return True

    def reader(self, said: dict[str, str]) -> "GreenButton":
        """The format of its files."""
        return GreenButton(self, said)


@dataclass(slots=True)
class _Type:
    """A type of readings."""

    uom: str = ""
    power: str = "0"
    direction: str = ""


@dataclass(slots=True)
class _Entry:
    """An entry of the feed while it is read."""

    links: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in _LINKS})
    kind: str = ""
    type: _Type = field(default_factory=_Type)
    reading_type: _Type | None = None


@dataclass(slots=True)
class _Rows:
    """Readings of one length, each with what stands in `_COLUMNS`."""

    minutes: int
    rows: list[tuple[str | None, ...]] = field(default_factory=list)

    def found(self, *, meterpoint_in_path: bool) -> Found:
        """The rows as a table."""
        columns = {
            name: pa.array(column, pa.string())
            for name, column in zip(_COLUMNS, zip(*self.rows, strict=True), strict=True)
            if not (meterpoint_in_path and name == "meterpoint_id")
        }
        return Found.with_texts(pa.table(columns), "Wh", self.minutes)


@dataclass(frozen=True)
class GreenButton(FormatOfTables):
    """Green Button files; see `Format` for what its methods do."""

    feed: GreenButtonFeed

    def tables(self, stream: Readable, size: int, chunk_bytes: int) -> Iterator[Found]:  # noqa: ARG002 - the protocol's signature
        """The readings of some of the file at a time."""
        document = _Document(hours=self.feed.interval_minutes == HOUR_MINUTES)
        is_empty = True
        while block := stream.read(chunk_bytes):
            checkpoint()
            is_empty = False
            document.feed(block)
            yield from self._found(document.taken())
        if is_empty:
            raise MalformedFileError(FileReason.EMPTY, "the file has no content")
        document.close()
        yield from self._found(document.taken())

    def _found(self, rows: Sequence[_Rows]) -> Iterator[Found]:
        for each in rows:
            yield each.found(meterpoint_in_path="meterpoint" in self.said)


class _Document:
    """Follows a document element by element.

    Args:
        hours: intervals of an hour are wanted, for their feed says so.
    """

    def __init__(self, *, hours: bool) -> None:
        self._hours = hours
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._path: list[str] = []
        self._text = ""
        self._entry = _Entry()
        self._types: dict[str, _Type] = {}
        self._type_of_meter: dict[str, list[str]] = {}
        self._usage_point = ""
        self._reading: dict[tuple[str, str], str] = {}
        self._readings_around = 0
        self._rows: list[_Rows] = []
        self._is_feed = False
        self._minutes = HALF_HOUR_MINUTES

    def feed(self, block: bytes) -> None:
        """Reads on."""
        self._parse(block, final=False)

    def close(self) -> None:
        """The file has ended."""
        self._parse(b"", final=True)
        if not self._is_feed:
            raise MalformedFileError(FileReason.NOT_A_DOCUMENT, "the file is XML, but no Atom feed of ESPI")

    def taken(self) -> list[_Rows]:
        """The readings since this was asked last."""
        rows, self._rows = self._rows, []
        return rows

    def _parse(self, block: bytes, *, final: bool) -> None:
        try:
            self._parser.Parse(block, final)
        except expat.ExpatError as error:
            ended = error.code in {
                expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
                expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
            }
            raise MalformedFileError(
                FileReason.TRUNCATED if ended or final else FileReason.NOT_A_DOCUMENT,
                f"line {error.lineno}: {expat.ErrorString(error.code)}",
            ) from None

    def _refuse(self, *_: object) -> None:
        raise MalformedFileError(
            FileReason.NOT_A_DOCUMENT, "the file has a document type, which no Green Button file has"
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._text = ""
        self._path.append(name)
        if len(self._path) > _DEEPEST:
            raise MalformedFileError(FileReason.TOO_DEEP, f"more than {_DEEPEST} elements within one another")
        if name == _READING:
            self._reading = {}
            self._readings_around += 1
        elif self._readings_around:
            return
        elif name == _ENTRY:
            self._is_feed = True
            self._entry = _Entry()
        elif name == _LINK and attributes.get("rel") in _LINKS:
            self._entry.links[attributes["rel"]].append(attributes.get("href", "").rstrip("/"))
        elif name in _KINDS and self._path[-2:-1] == [_CONTENT]:
            self._entry.kind = _KINDS[name]
            if self._entry.kind == _POINT:
                self._usage_point = self._last_part(self._entry.links["self"])

    def _characters(self, text: str) -> None:
        self._text += text
        if len(self._text) > _LONGEST_TEXT:
            self._text = self._text[:_LONGEST_TEXT]

    def _end(self, name: str) -> None:
        self._path.pop()
        text, self._text = self._text.strip(), ""
        if name == _READING:
            self._readings_around -= 1
            self._add(self._reading)
        elif self._readings_around:
            self._reading[self._path[-1], name] = text
        elif self._entry.kind == _TYPE and self._path[-1:] == [f"{_ESPI}{_TYPE}"]:
            self._describe(name.removeprefix(_ESPI), text)
        elif name == _ENTRY:
            self._know(self._entry)

    def _describe(self, what: str, text: str) -> None:
        if what == "uom":
            self._entry.type.uom = text
        elif what == "powerOfTenMultiplier":
            self._entry.type.power = text
        elif what == "flowDirection":
            self._entry.type.direction = text

    def _know(self, entry: _Entry) -> None:
        for link in entry.links["self"]:
            if entry.kind == _TYPE:
                self._types[link] = entry.type
            elif entry.kind == _METER:
                self._type_of_meter[link] = entry.links["related"]
        if entry.kind == _TYPE and not entry.links["self"]:
            self._types[""] = entry.type

    def _type(self) -> _Type:
        """The type of the readings of this block."""
        if self._entry.reading_type is None:
            links = [*self._entry.links["up"], *self._entry.links["self"]]
            named = [
                self._types[related]
                for meter, others in self._type_of_meter.items()
                if any(link.startswith(f"{meter}/") for link in links)
                for related in others
                if related in self._types
            ]
            known = named or (list(self._types.values()) if len(self._types) == 1 else [])
            if not known:
                raise MalformedFileError(FileReason.BAD_DATA, "readings stand before the type that says their unit")
            self._entry.reading_type = known[0]
        return self._entry.reading_type

    def _add(self, reading: dict[tuple[str, str], str]) -> None:
        kind = self._type()
        seconds, start = reading.get(_DURATION, ""), reading.get(_START, "")
        value, quality = reading.get(_VALUE, ""), reading.get(_QUALITY)
        minutes = _minutes(seconds)
        fault = code = None
        if kind.uom != _WATT_HOURS:
            fault, code = "its type has another unit than watt-hours", "other_quantity"
        elif minutes not in _MINUTES or (minutes == HOUR_MINUTES and not self._hours):
            why = ", and its feed does not say interval_minutes = 60" if minutes == HOUR_MINUTES else ""
            fault, code = f"its interval has {seconds or 'no'} seconds{why}", "misaligned_interval"
        # A reading that is none must not part those around it, which may be of one half hour.
        minutes = self._minutes if fault else minutes
        self._minutes = minutes
        if not self._rows or self._rows[-1].minutes != minutes:
            self._rows.append(_Rows(minutes))
        self._rows[-1].rows.append(
            (
                self._usage_point,
                _instant(start),
                _scaled(value, kind.power),
                _DIRECTIONS.get(kind.direction, "import"),
                _QUALITIES.get(quality, "unknown") if quality is not None else "actual",
                f"start={start} duration={seconds} value={value}",
                fault,
                code,
            )
        )

    @staticmethod
    def _last_part(links: Sequence[str]) -> str:
        return links[0].rpartition("/")[2] if links else ""


@lru_cache(_REMEMBERED)
def _minutes(seconds: str) -> int:
    """Whole minutes; 0 for anything else."""
    return int(seconds) // 60 if seconds.isascii() and seconds.isdigit() and int(seconds) % 60 == 0 else 0


@lru_cache(_REMEMBERED)
def _instant(seconds: str) -> str:
    """Seconds since 1970 as the rules of validation know a time."""
    if not (seconds.isascii() and seconds.isdigit()) or len(seconds) > len("9999999999"):
        return seconds
    return datetime.fromtimestamp(int(seconds), UTC).isoformat(sep=" ")


@lru_cache(_REMEMBERED)
def _scaled(value: str, power: str) -> str:
    """A value in Wh."""
    found = number(value)
    try:
        by = int(power or "0")
    except ValueError:
        return ""
    if found is None or abs(by) > 12:  # noqa: PLR2004 - pico to tera
        return value if found is None else ""
    return f"{found.scaleb(by) if by else found:f}"
