"""The format of Green Button files: ESPI, XML in an Atom feed.

What belongs here: which elements say what. What does not: all that formats of tables share (`taken_apart.py`). The schema is
NAESB's ESPI 1.1 (`espi.xsd`).

The parser reads a file as it comes and keeps nothing of it. A document type is refused: with it go entities and references
to anything outside of the file. Readings stand in blocks that belong to a meter's reading, which belongs to a type: unit,
power of ten, direction. The type has to stand before the blocks, as it does.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal
from xml.parsers import expat

from meter_platform.feeds.allowance import checkpoint
from meter_platform.feeds.feed import HALF_HOUR_MINUTES, HOUR_MINUTES, Feed, Register
from meter_platform.feeds.formats.alike import Model, Place
from meter_platform.feeds.formats.format import Readable
from meter_platform.feeds.formats.green_button_rows import LONGEST_TEXT, Layout, Rows, Said
from meter_platform.feeds.formats.taken_apart import FormatOfTables, Found
from meter_platform.feeds.malformed import FileReason, MalformedFileError

_ESPI: Final = "http://naesb.org/espi "
_ATOM: Final = "http://www.w3.org/2005/Atom "
_WATT_HOURS: Final = "72"
_DIRECTIONS: Final[dict[str, Register]] = {"1": "import", "19": "export"}
"""FlowDirection: forward, delivered to the customer; reverse, received from the customer."""

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
_REMEMBERED: Final = 1 << 16
_MINUTES: Final = (5, 10, 15, HALF_HOUR_MINUTES, HOUR_MINUTES)
_END_OF_READING: Final = re.compile(rb"</[^<>/\s]*IntervalReading\s*>")
_FEW_TRIES: Final = 8
_WORTH: Final = 1 << 10
"""After a few tries, bytes that each has to have spared the parser: else the rest of the block is the parser's."""
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

    def _found(self, rows: Sequence[Rows]) -> Iterator[Found]:
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
        self._fed = 0
        """Bytes that the parser has been given: it counts by them."""
        self._reading: dict[Place, str] = {}
        self._text_ended: dict[Place, int] = {}
        self._reading_began = self._reading_ended = -1
        self._readings_around = 0
        self._lines_passed = 0
        """Ends of lines that the parser was not given."""
        self._rows: list[Rows] = []
        self._is_feed = False
        self._minutes = HALF_HOUR_MINUTES

    def feed(self, block: bytes) -> None:
        """Reads on.

        The parser reads up to the end of a reading; those behind it that are like it never come to it.
        """
        begin = tried = spared = 0
        while (tried < _FEW_TRIES or spared > _WORTH * tried) and (tag := _END_OF_READING.search(block, begin)):
            fed, end = self._fed, tag.end()
            self._parse(block[begin:end], final=False)
            if self._readings_around or self._reading_ended != fed + tag.start() - begin:
                # It is not one: in a comment, say. To be told so again and again would take the parser ever longer.
                begin = end
                break
            began = begin + self._reading_began - fed
            begin = self._add_behind(block, began, end) if began >= begin else end
            tried += 1
            spared += begin - end
        self._parse(block[begin:], final=False)

    def close(self) -> None:
        """The file has ended."""
        self._parse(b"", final=True)
        if not self._is_feed:
            raise MalformedFileError(FileReason.NOT_A_DOCUMENT, "the file is XML, but no Atom feed of ESPI")

    def taken(self) -> list[Rows]:
        """The readings since this was asked last."""
        rows, self._rows = self._rows, []
        return rows

    def _parse(self, block: bytes, *, final: bool) -> None:
        self._fed += len(block)
        try:
            self._parser.Parse(block, final)
        except expat.ExpatError as error:
            ended = error.code in {
                expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
                expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
            }
            raise MalformedFileError(
                FileReason.TRUNCATED if ended or final else FileReason.NOT_A_DOCUMENT,
                f"line {error.lineno + self._lines_passed}: {expat.ErrorString(error.code)}",
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
            self._reading, self._text_ended = {}, {}
            self._reading_began = self._parser.CurrentByteIndex
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
        if len(self._text) > LONGEST_TEXT:
            self._text = self._text[:LONGEST_TEXT]

    def _end(self, name: str) -> None:
        self._path.pop()
        text, self._text = self._text.strip(), ""
        if name == _READING:
            self._readings_around -= 1
            self._reading_ended = self._parser.CurrentByteIndex
            self._add(self._reading)
        elif self._readings_around:
            place = self._path[-1], name
            self._reading[place] = text
            self._text_ended[place] = self._parser.CurrentByteIndex
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

    def _add(self, reading: Mapping[Place, str]) -> None:
        said, minutes = self._said(reading.get(_DURATION, ""), reading.get(_QUALITY))
        self._rows_of(minutes).add(said, reading.get(_START, ""), reading.get(_VALUE, ""))

    def _add_behind(self, block: bytes, begin: int, end: int) -> int:
        """Adds the readings behind one that are like it.

        Args:
            block: of the file.
            begin: where the one begins.
            end: where it ends.

        Returns:
            The end of the last of them.
        """
        first = self._reading_began
        ends = {place: at - first for place, at in self._text_ended.items()}
        model = Model.of(block[begin:end], self._reading, ends, fixed=(_DURATION,))
        if model is None or not {_START, _VALUE} <= model.numbers.keys():
            return end
        alike = model.behind(block, end)
        if alike is None:
            return end
        said, minutes = self._said(model.constants.get(_DURATION, ""), model.constants.get(_QUALITY))
        numbers = model.numbers
        layout = Layout(len(numbers), numbers[_START], numbers[_VALUE], numbers.get(_QUALITY))
        self._rows_of(minutes).add_lines(said, alike.lines, alike.count, layout)
        self._lines_passed += block.count(b"\n", end, alike.end)
        return alike.end

    def _said(self, seconds: str, quality: str | None) -> tuple[Said, int]:
        """What readings of a length and a quality say besides, and their length in minutes."""
        kind = self._type()
        minutes = _minutes(seconds)
        fault = code = None
        if kind.uom != _WATT_HOURS:
            fault, code = "its type has another unit than watt-hours", "other_quantity"
        elif minutes not in _MINUTES or (minutes == HOUR_MINUTES and not self._hours):
            why = ", and its feed does not say interval_minutes = 60" if minutes == HOUR_MINUTES else ""
            fault, code = f"its interval has {seconds or 'no'} seconds{why}", "misaligned_interval"
        # A reading that is none must not part those around it, which may be of one half hour.
        self._minutes = self._minutes if fault else minutes
        register = _DIRECTIONS.get(kind.direction, "import")
        return Said(self._usage_point, register, seconds, quality, fault, code), self._minutes

    def _rows_of(self, minutes: int) -> Rows:
        """Where readings are to be added."""
        power = self._type().power
        if not self._rows or not self._rows[-1].takes(minutes, power):
            self._rows.append(Rows(minutes, power))
        return self._rows[-1]

    @staticmethod
    def _last_part(links: Sequence[str]) -> str:
        return links[0].rpartition("/")[2] if links else ""


@lru_cache(_REMEMBERED)
def _minutes(seconds: str) -> int:
    """Whole minutes; 0 for anything else."""
    return int(seconds) // 60 if seconds.isascii() and seconds.isdigit() and int(seconds) % 60 == 0 else 0
