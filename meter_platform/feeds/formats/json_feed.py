"""JSON documents as a feed delivers them: of another unit, label, length of interval, or with other names of columns.

What belongs here: a document's rows as a table of texts. What does not: documents themselves (`json_document.py`), which
a feed that differs in nothing but its zone and its label is read as.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from meter_platform.feeds import cells
from meter_platform.feeds.feed import Keys
from meter_platform.feeds.formats.format import Chunk, Format, NumberText, Readable, Row, Values
from meter_platform.feeds.formats.json_document import JsonDocument
from meter_platform.feeds.formats.lines import UTF8, Encoding, whole
from meter_platform.feeds.formats.only import FeedOfColumns, is_of_only
from meter_platform.feeds.formats.taken_apart import FormatOfTables, Found


class DocumentColumns(Keys):
    """What the columns of the documents are called.

    Attributes:
        meterpoint, time, value: of the three that each has; `null` for a meterpoint that the path says.
        serial: of the meter.
        register_code: the code of the register, the key `register`.
        quality: the code of the quality.
        revised_at: when the value was revised.
    """

    meterpoint: str = "meterpoint_id"
    time: str = "interval_start"
    value: str = "consumption_delta"
    serial: str | None = None
    register_code: Annotated[str | None, Field(alias="register")] = None
    quality: str | None = None
    revised_at: str | None = None


_NAMES: Final = {"meterpoint": "meterpoint_id", "time": "interval_start", "value": "consumption_delta"}
_NOTHING: Final = ("null", "true", "false")
_NUMBER_ID: Final = r"^(?:0|[1-9][0-9]*)$"
_NO_ID: Final = "=a number with a sign, a fraction or an exponent"
"""In place of an id that stands as such a number: no rule takes it for one."""


class JsonFeed(FeedOfColumns):
    """A feed of JSON documents.

    Attributes:
        columns: what their columns are called.
        meterpoint_in_path: the documents have no column with it.
        time_format: how times are written, as for Python's strptime; ISO 8601 where it is not given.
        encoding: of the files.
    """

    format: Literal["json"]
    columns: DocumentColumns = DocumentColumns()
    meterpoint_in_path: bool = False
    time_format: str | None = None
    encoding: Encoding = UTF8

    def places_needed(self) -> Sequence[str]:
        """The meterpoint, where no column has it."""
        return ("meterpoint",) if self.meterpoint_in_path else ()

    @property
    def is_plain(self) -> bool:
        """Whether rows are what the platform takes without a feed, but for the zone and the label of their times."""
        usual = JsonFeed(
            format="json", paths=self.paths, label=self.label, zone=self.zone, order=self.order, topics=self.topics
        )
        return self == usual and not any(pattern.places for pattern in self.patterns)

    def reader(self, said: dict[str, str]) -> Format:
        """The format of its files: the plain one if it will do."""
        return JsonDocument() if self.is_plain else RowsOfDocuments(self, said)


@dataclass(frozen=True)
class RowsOfDocuments(FormatOfTables):
    """JSON documents whose rows have to be brought into common words; see `Format` for what its methods do."""

    feed: JsonFeed

    tail_bytes = JsonDocument.tail_bytes

    def chunks(self, stream: Readable, size: int, *, last_bytes: bytes | None, chunk_bytes: int) -> Iterator[Chunk]:
        """Takes a document apart; the end of a large one is looked at before."""
        if self.feed.encoding != UTF8:
            content = whole(stream, self.feed.encoding)
            stream, size, last_bytes = io.BytesIO(content), len(content), content[-self.tail_bytes :]
        return super().chunks(_Known(stream, last_bytes), size, last_bytes=last_bytes, chunk_bytes=chunk_bytes)

    def tables(self, stream: Readable, size: int, chunk_bytes: int) -> Iterator[Found]:
        """The rows of a document, some at a time."""
        given = {name.removesuffix("_code"): column for name, column in self.feed.columns if column is not None}
        if self.feed.meterpoint_in_path:
            del given["meterpoint"]
        given |= self.feed.columns_of_only
        document = JsonDocument(tuple(dict.fromkeys(given.values())))
        columns = {_NAMES.get(name, name): column for name, column in given.items()}
        last_bytes = stream.last_bytes if isinstance(stream, _Known) else None
        for chunk in document.chunks(stream, size, last_bytes=last_bytes, chunk_bytes=chunk_bytes):
            found = _in_bulk(document, chunk, columns)
            if found is None:
                found = Found.with_texts(_one_by_one(document.rows(chunk), document, columns))
            yield replace(found, table=self._with_times(found.table))

    def _with_times(self, table: pa.Table) -> pa.Table:
        if self.feed.time_format is None:
            return table
        times = cells.times(cells.tokens(table["interval_start"]), self.feed.time_format)
        return table.set_column(table.column_names.index("interval_start"), "interval_start", times)


@dataclass(frozen=True, slots=True)
class _Known:
    """A file of which the end is known before it is read."""

    stream: Readable
    last_bytes: bytes | None

    def read(self, size: int = -1, /) -> bytes:
        return self.stream.read(size)


def _in_bulk(document: JsonDocument, chunk: Chunk, given: Mapping[str, str]) -> Found | None:
    """The rows of a chunk if all are regular, and no number stands where a text should or is no plain id."""
    rows = document.in_bulk([chunk])
    if rows is None or rows.are_sound is not None:
        return None
    columns = {}
    for name, column_name in given.items():
        column = rows.columns[column_name]
        if name == "meterpoint_id" and column.are_texts is not None:
            plain = pc.or_(column.are_texts, pc.match_substring_regex(column.tokens.dictionary, _NUMBER_ID))
            if not pc.all(plain).as_py():
                return None
        if name == "interval_start" and column.are_texts is not None and not pc.all(column.are_texts).as_py():
            return None
        columns[name] = _said(column) if name in cells.EXTRAS or is_of_only(name) else column.tokens
    return Found(pa.table(columns), rows.texts, chunk.size)


def _said(column: Values) -> pa.DictionaryArray:
    """What a row says besides: what is neither a text nor a number says nothing."""
    if column.are_texts is None:
        return column.tokens
    texts = column.tokens.dictionary
    is_nothing = pc.and_(pc.invert(column.are_texts), pc.is_in(texts, pa.array(_NOTHING)))
    return pa.DictionaryArray.from_arrays(column.tokens.indices, pc.if_else(is_nothing, "", texts))


def _one_by_one(rows: Sequence[Row], document: JsonDocument, given: Mapping[str, str]) -> pa.Table:
    found: dict[str, list[str | None]] = {name: [] for name in [*given, "raw_text", "fault", "code"]}
    for row in rows:
        values = dict(zip(document.needed, row.values, strict=True)) if row.values else {}
        for name, column in given.items():
            found[name].append(_text(name, values.get(column, "")))
        found["raw_text"].append(document.text(row))
        found["fault"].append(row.fault)
        found["code"].append(row.code if row.fault is not None else None)
    return pa.table({name: pa.array(column, pa.string()) for name, column in found.items()})


def _text(name: str, value: object) -> str:
    """A value as the text that the rules would make of it, or an empty one, which they take for nothing."""
    if not isinstance(value, str):
        return ""
    if isinstance(value, NumberText):
        if name == "interval_start":
            return ""
        if name == "meterpoint_id" and not value.isdecimal():
            return _NO_ID
    return str(value)
