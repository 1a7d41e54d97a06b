"""The format of reading files that are JSON documents: finds their columns, and cuts their rows into chunks.

What belongs here: the document's form, `{"columns": [...], "data": [[...], ...]}`, and what is wrong with a file that
does not have it. What does not: rows in bulk (`json_rows.py`), what a row has to be (`validation.py`), where bytes come
from (`chunks.py`).

A document is cut without being parsed: rows are cut where one ends and the next begins (`json_structure.py`). Every chunk
is taken apart afterwards, in bulk or by a parser, so that a document that is not JSON is always found out.

Files come from anyone. Whatever is in one, the time that it takes is in proportion to its size, no single call keeps
other threads waiting for seconds, and memory has a limit: nothing is searched for twice, and nothing large is parsed at
once.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, overload

import numpy as np
import numpy.typing as npt

from meter_platform.contracts.raw_data import FILE_COLUMNS
from meter_platform.feeds.allowance import checkpoint
from meter_platform.feeds.formats.format import (
    CHUNK_BYTES,
    WHOLE_BYTES,
    Chunk,
    NumberText,
    Readable,
    Row,
    UnvalidatedRows,
)
from meter_platform.feeds.formats.json_rows import Columns, regular_rows
from meter_platform.feeds.formats.json_structure import Block, Structure
from meter_platform.feeds.formats.lookalikes import kind_of_answer, other_format
from meter_platform.feeds.malformed import FileReason, MalformedFileError
from meter_platform.redaction import quoted

MOST_NESTED: Final = 100
"""Lists and objects within one another: far more than a reading has, far fewer than any version's parser can take."""

TAIL_BYTES: Final = 256
"""Enough for the last brackets of a document, however it is indented."""

_BLANKS: Final = b" \t\n\r"
"""What may stand between the tokens of JSON: less than what patterns and `strip` take for white space."""
_S: Final = b"[" + _BLANKS + b"]*"

_HEAD: Final = re.compile(rb'_\{_"columns"_:_(\[[^\[\]{}]*\])_,_"data"_:_(?=\[)'.replace(b"_", _S))
_COMMA_BEHIND: Final = re.compile(rb"_,_(?=[^\]},@])".replace(b"_", _S).replace(b"@", _BLANKS))
"""A comma that is followed by something, in the text that is there."""
_AROUND_ROWS: Final = b"[]"
_BOMS: Final = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_UTF8_BOM: Final = b"\xef\xbb\xbf"
_NAME: Final = re.compile(r"[^\W\d][^\W\d ]{0,39}")
"""A key that may be shown. One with digits may be the id of a meterpoint."""
_TOKEN_BEGUN: Final = re.compile(rb'[^\s\[\]{},:"]*')
_LIST: Final = b"["[0]
_OPENINGS: Final = (b"[", b"{")
_LONGEST_CHARACTER: Final = 4
"""Bytes of a character in UTF-8."""
_NEAR_BYTES: Final = 4 << 10
"""Where a block's last row ends is mostly so near to the block's end."""
_CONTINUED: Final = range(0x80, 0xC0)
"""Bytes that continue a character of UTF-8."""

MOST_VALUES: Final = 1 << 22
"""Values that are parsed at once, at most: Python's objects for them take some 300 MB and half a second."""

MOST_LISTS: Final = 1_000
"""Lists and objects that may stand beside the columns and the data: a document has two lists, or three."""

MOST_COLUMNS_BYTES: Final = 1 << 20
"""Text of the columns' names, at most: some 50,000 names, of which three are needed."""

_SHOWN_KEYS: Final = 5


@dataclass(frozen=True)
class JsonDocument:
    """The format of files `*.json`; see `Format` for what its methods do.

    Attributes:
        needed: the names that the columns of FILE_COLUMNS have in the documents, in that order; others may follow.
    """

    needed: tuple[str, ...] = FILE_COLUMNS

    suffix = ".json"
    tail_bytes = TAIL_BYTES

    def recognises(self, name: str) -> bool:
        """Whether a file has such a name."""
        return name.endswith(".json")

    def chunks(self, stream: Readable, size: int, *, last_bytes: bytes | None, chunk_bytes: int) -> Iterator[Chunk]:
        """Cuts a document into lists of rows; their layout is `Columns`."""
        return chunks(stream, size, last_bytes=last_bytes, chunk_bytes=chunk_bytes, needed=self.needed)

    def in_bulk(self, chunks: Sequence[Chunk]) -> UnvalidatedRows | None:
        """The rows of those chunks that are lists of lists of plain values and nothing else."""
        return regular_rows([chunk.text for chunk in chunks], _layout(chunks[0]))

    def rows(self, chunk: Chunk) -> Sequence[Row]:
        """The rows of a chunk, parsed as JSON."""
        return _Rows(parse_json(chunk.text, within=1), _layout(chunk))

    def rows_of_file(self, content: bytes) -> Iterator[Row]:
        """The rows of a document that is parsed whole."""
        document = parse(content, self.needed)
        return (_row(values, document.columns) for values in document.rows)

    def text(self, row: Row) -> str:
        """The row as JSON, each number as it was written."""
        return row_text(row.written)


def _layout(chunk: Chunk) -> Columns:
    if not isinstance(chunk.layout, Columns):
        raise TypeError(f"a chunk of a JSON document has the layout of another format: {chunk.layout!r}")
    return chunk.layout


class _Rows(Sequence[Row]):
    """The rows of a chunk, of which mostly a few are asked for."""

    def __init__(self, rows: list[object], columns: Columns) -> None:
        self._rows = rows
        self._columns = columns

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> "_Rows": ...

    def __getitem__(self, index: int | slice) -> "Row | _Rows":
        if isinstance(index, slice):
            return _Rows(self._rows[index], self._columns)
        return _row(self._rows[index], self._columns)

    def __iter__(self) -> Iterator[Row]:
        return (_row(values, self._columns) for values in self._rows)


def _row(values: object, columns: Columns) -> Row:
    if not isinstance(values, list) or len(values) != columns.width:
        return Row((), values, f"the row is not a list of {columns.width} values")
    return Row([values[place] for place in columns.places], values)


def chunks(
    stream: Readable,
    size: int,
    *,
    last_bytes: bytes | None,
    chunk_bytes: int,
    needed: tuple[str, ...] = FILE_COLUMNS,
) -> Iterator[Chunk]:
    """Takes a document apart, reading it once from start to end.

    Args:
        stream: the file, at its start.
        size: its size in bytes.
        last_bytes: its last `TAIL_BYTES` bytes, where it is larger than a chunk.
        chunk_bytes: about how many bytes a chunk may have.
        needed: the names of the needed columns.

    Raises:
        MalformedFileError: the file is no such document, as far as can be told without parsing its rows.
    """
    # Small files come by the thousand: no more memory is asked for than one needs, and one byte more, which is there if the
    # file has grown since it was listed.
    block = stream.read(min(chunk_bytes, size + 1) if size else chunk_bytes)
    read = len(block)
    buffer = _without_bom(block)
    head, ends_well = _HEAD.match(buffer), _rows_end(last_bytes or buffer[-TAIL_BYTES:]) is not None
    if head is None or not ends_well:
        if size > WHOLE_BYTES:
            _refuse_other_formats(buffer)
            raise MalformedFileError(
                FileReason.TOO_LARGE if ends_well else FileReason.TRUNCATED,
                f'a file above {WHOLE_BYTES >> 20} MiB must be {{"columns": […], "data": […]}} and nothing else',
            )
        # The keys stand in another order or beside others, or something is wrong: parsing the whole tells which.
        document = parse(buffer + stream.read(), needed)
        for text in document.texts:
            yield Chunk(document.columns, text)
        return
    columns = _columns(head[1], needed)
    # The list's opening bracket is left out, so that the text begins with a row; each chunk gets brackets of its own.
    structure = Structure()
    held = [buffer[head.end() + 1 :]]
    waiting = len(held[0])
    if read < size:
        structure.feed(held[0])
    while read < size and (block := stream.read(chunk_bytes)):
        read += len(block)
        checkpoint()
        end = _last_row_end(structure.feed(block), block)
        if end is None:
            held.append(block)
            waiting += len(block)
            if waiting > WHOLE_BYTES:
                raise MalformedFileError(FileReason.BAD_DATA, f"a row is longer than {WHOLE_BYTES >> 20} MiB")
            continue
        yield Chunk(columns, b"".join((b"[", *held, block[: end[0]], b"]")))
        held = [block[end[1] :]]
        waiting = len(held[0])
    buffer = b"".join(held)
    end_of_rows = _rows_end(buffer)
    if end_of_rows is None:
        raise MalformedFileError(FileReason.NOT_JSON, 'the list "data" does not end where the file does')
    yield Chunk(columns, b"[" + buffer[:end_of_rows] + b"]")


def _rows_end(text: bytes) -> int | None:
    """Where the last row ends in the end of a document; `None` where a document does not end like that.

    Stripped, not searched for: tiny files come by the thousand.
    """
    for bracket in (b"}", b"]"):
        text = text.rstrip(_BLANKS)
        if not text.endswith(bracket):
            return None
        text = text[:-1]
    text = text.rstrip(_BLANKS)
    # The last row's bracket, or the list's own where it has no rows; the list's is not in a buffer that begins with a row.
    return len(text) if not text or text[-1] in _AROUND_ROWS else None


def _without_bom(block: bytes) -> bytes:
    if not block:
        raise MalformedFileError(FileReason.EMPTY, "the file has no content")
    encoding = _BOMS.get(block[:2])
    if encoding:
        raise MalformedFileError(FileReason.NOT_UTF8, f"the file begins with the byte order mark of {encoding}")
    return block.removeprefix(_UTF8_BOM)


def _last_row_end(block: Block, text: bytes) -> tuple[int, int] | None:
    """Where the last whole row in a block's text ends and the next begins; `None` where there is no such place in it.

    In JSON every row but the last is followed by a comma. So only the row that ends last may have none in the block;
    where the one before it has none either, parsing will find out why.
    """
    for since in (max(0, len(text) - _NEAR_BYTES), 0):
        marks = block.marks(since)
        ends = np.flatnonzero((marks.depths == 0) & (marks.kinds < 0))
        for position in marks.positions[ends[-1:-3:-1]].tolist():
            behind = _COMMA_BEHIND.match(text, position + 1)
            if behind:
                return position + 1, behind.end()
    return None


@dataclass(slots=True)
class _List:
    """A list that is a member of the document, or the document itself: its place, and where it may be cut.

    Attributes:
        start: of what is between its brackets.
        end: the same; the end of the file where the list has none.
        cuts: the ends of some elements, each with the start of the next.
    """

    start: int
    end: int
    cuts: list[tuple[int, int]] = field(default_factory=list)

    def parts(self) -> Iterator[tuple[int, int]]:
        """Its elements, some at a time: where they begin and end."""
        start = self.start
        for end, following in self.cuts:
            yield start, end
            start = following
        yield start, self.end


@dataclass(frozen=True, slots=True)
class Document:
    """A document of which all is known to be JSON.

    Attributes:
        columns: where the needed values stand in a row.
        content: the file's.
        data: where the rows are in it.
    """

    columns: Columns
    content: bytes
    data: _List

    @property
    def texts(self) -> Iterator[bytes]:
        """The rows, some at a time, each time as the text of one JSON list."""
        return (b"[" + self.content[start:end] + b"]" for start, end in self.data.parts())

    @property
    def rows(self) -> Iterator[Any]:
        """The rows. Numbers in them are `NumberText`."""
        for text in self.texts:
            yield from parse_json(text, within=1)


def parse(data: bytes, needed: tuple[str, ...] = FILE_COLUMNS) -> Document:
    """Parses a document whole, a part of it at a time, so that memory does not grow with its number of values.

    Args:
        data: the document.
        needed: the names of the needed columns.

    Raises:
        MalformedFileError: with the place and the reason.
    """
    data = data.removeprefix(_UTF8_BOM)
    _refuse_other_formats(data)
    _refuse_what_is_no_text(data)
    lists, beside = _take_apart(data)
    document = _check_all(data, lists, beside)
    if not isinstance(document, dict):
        kind = "a list" if isinstance(document, list) else "a single value"
        raise MalformedFileError(FileReason.NOT_A_DOCUMENT, f'the file is {kind}, not {{"columns": …, "data": …}}')
    if "columns" not in document:
        raise MalformedFileError(FileReason.BAD_COLUMNS, f'the file has no "columns"; {_what_it_has(document)}')
    names = document["columns"]
    if isinstance(names, list):
        listed = lists[int(names[0])]
        if listed.end - listed.start > MOST_COLUMNS_BYTES:
            raise MalformedFileError(FileReason.BAD_COLUMNS, '"columns" is longer than a list of names can be')
        names = _loads(b"[" + data[listed.start : listed.end] + b"]")
    columns = Columns.of(_plain_names(names), needed)
    rows = document.get("data")
    if not isinstance(rows, list):
        raise MalformedFileError(FileReason.BAD_DATA, 'the file has no "data", or it is not a list of rows')
    return Document(columns, data, lists[int(rows[0])])


def _take_apart(data: bytes) -> tuple[list[_List], bytes]:
    """Finds the lists that are members of a document, and what stands beside them.

    Returns:
        The lists, and the document with each list's number in place of its elements.

    Raises:
        MalformedFileError: the document is too deep, or has too many members to be one.
    """
    # Of a document that is itself a list, the list is what would be a member elsewhere.
    around = 0 if data.lstrip(_BLANKS).startswith(b"[") else 1
    structure = Structure(commas=True)
    lists: list[_List] = []
    members = deepest = 0
    current: _List | None = None
    for offset in range(0, len(data), CHUNK_BYTES):
        checkpoint()
        text = data[offset : offset + CHUNK_BYTES]
        marks = structure.feed(text).marks()
        deepest = max(deepest, int(np.max(marks.depths, initial=0)))
        opened = (marks.kinds > 0) & (marks.depths == around + 1)
        closed = (marks.kinds < 0) & (marks.depths == around)
        commas = marks.positions[(marks.kinds == 0) & (marks.depths == around + 1)]
        events = np.flatnonzero(opened | closed)
        members += int(np.count_nonzero(opened))
        if members > MOST_LISTS:
            break
        for position in marks.positions[events].tolist():
            if text[position] == _LIST:
                current = _List(offset + position + 1, len(data))
                lists.append(current)
            elif current:
                _cut(current, text, offset, commas, until=position)
                current.end = offset + position
                current = None
        if current:
            _cut(current, text, offset, commas, until=len(text))
    if deepest > MOST_NESTED:
        raise _too_deep()
    if members > MOST_LISTS:
        raise MalformedFileError(
            FileReason.NOT_A_DOCUMENT, f'the file has more than {MOST_LISTS:,} members, not "columns" and "data"'
        )
    parts, before = [], 0
    for number, member in enumerate(lists):
        parts += [data[before : member.start], str(number).encode()]
        before = member.end
    return lists, b"".join([*parts, data[before:]])


def _cut(member: _List, text: bytes, offset: int, commas: npt.NDArray[np.int64], *, until: int) -> None:
    """Notes the last place before `until` where a list may be cut, if there is one in this block."""
    within = commas[slice(*np.searchsorted(commas, [member.start - offset, until]))]
    # In JSON something follows each comma: only the last one of a block may have to wait for it.
    for position in within[-1:-3:-1].tolist():
        behind = _COMMA_BEHIND.match(text, position)
        if behind:
            member.cuts.append((offset + position, offset + behind.end()))
            return


def _check_all(data: bytes, lists: list[_List], beside: bytes) -> Any:  # noqa: ANN401 - JSON is any value
    """Parses what stands beside the lists of a document, and holds the lists' elements to the grammar of JSON.

    Raises:
        MalformedFileError: the first fault of the document, with its place.
    """
    faults: list[tuple[int, str]] = []
    for member in lists:
        for start, end in member.parts():
            checkpoint()
            is_last = end == member.end
            # The bracket as it is, or none where the file ends: both may be the fault.
            text = b"[" + data[start:end] + (data[end : end + 1] if is_last else b"]")
            try:
                _loads(text)
            except json.JSONDecodeError as error:
                faults.append((start + _bytes_before(error) - 1, error.msg))
                break
        if faults:
            break
    try:
        document = _loads(beside)
    except json.JSONDecodeError as error:
        faults.append((_original_place(_bytes_before(error), lists), error.msg))
    except MalformedFileError:
        if not faults:
            raise
    if faults:
        raise _not_json(data, *min(faults, key=itemgetter(0)))
    return document


def _original_place(position: int, lists: list[_List]) -> int:
    """Where a character is in a document that is at `position` where lists have numbers in place of their elements."""
    for number, member in enumerate(lists):
        if position < member.start:
            break
        # The number itself is never at fault, but the document may end behind it.
        position = max(member.start, position - len(str(number))) + member.end - member.start
    return position


def _bytes_before(error: json.JSONDecodeError) -> int:
    return len(error.doc[: error.pos].encode())


def _not_json(data: bytes, position: int, why: str) -> MalformedFileError:
    """The error for a fault at a byte of a document."""
    ended = len(data.rstrip())
    begun = data.lstrip()[:1] in _OPENINGS and _TOKEN_BEGUN.fullmatch(data, min(position, ended), ended)
    cut_off = why.startswith("Unterminated string") or (begun and not why.startswith("Extra data"))
    line = data.count(b"\n", 0, position) + 1
    column = len(data[data.rfind(b"\n", 0, position) + 1 : position].decode(errors="replace")) + 1
    reason = FileReason.TRUNCATED if cut_off else FileReason.NOT_JSON
    return MalformedFileError(reason, f"line {line}, column {column}: {why}")


def _too_deep() -> MalformedFileError:
    return MalformedFileError(FileReason.TOO_DEEP, f"more than {MOST_NESTED} lists or objects within one another")


def _what_it_has(document: dict[str, Any]) -> str:
    """What a document without columns has instead, for a person who wonders which file it is."""
    keys = [quoted(key) for key in document if _NAME.fullmatch(key)][:_SHOWN_KEYS]
    others = len(document) - len(keys)
    if others:
        keys.append(
            f"{others:,} other key{'' if others == 1 else 's'}" if keys else f"{others:,} keys that are no names"
        )
    listed = f"{', '.join(keys[:-1])} and {keys[-1]}" if len(keys) > 1 else (keys or ["no key at all"])[0]
    return f"it has {listed}{kind_of_answer(document)}"


def parse_json(data: bytes, *, within: int = 0) -> Any:  # noqa: ANN401 - JSON is any value
    """Parses JSON text with its numbers kept as they are written (`NumberText`).

    Args:
        data: the text.
        within: how many lists or objects of the document stand around it.

    Raises:
        MalformedFileError: it is not JSON, not UTF-8, too deep, has too many values, or an object in it has a key twice.
    """
    data = data.removeprefix(_UTF8_BOM)
    _refuse_what_is_no_text(data)
    if _deepest(data) + within > MOST_NESTED:
        raise _too_deep()
    try:
        return _loads(data)
    except json.JSONDecodeError as error:
        raise _not_json(data, _bytes_before(error), error.msg) from None


def _refuse_other_formats(data: bytes) -> None:
    other = other_format(data)
    if other:
        raise MalformedFileError(FileReason.NOT_JSON if other.is_text else FileReason.NOT_UTF8, other.said)


def _refuse_what_is_no_text(data: bytes) -> None:
    """Refuses what is empty, or not UTF-8; some at a time, for text takes up to four times as much memory."""
    start = len(data) if data.isascii() else 0
    while start < len(data):
        end = min(start + CHUNK_BYTES, len(data))
        for _ in range(_LONGEST_CHARACTER - 1):
            if end < len(data) and data[end] in _CONTINUED:
                end -= 1  # the block ends where a character does
        try:
            data[start:end].decode()
        except UnicodeDecodeError as error:
            reason = FileReason.TRUNCATED if error.reason == "unexpected end of data" else FileReason.NOT_UTF8
            place = start + error.start + 1
            raise MalformedFileError(reason, f"byte {place} is not UTF-8: {error.reason}") from None
        start = end
    if not data.strip():
        raise MalformedFileError(FileReason.EMPTY, "the file has no content")


def _loads(data: bytes) -> Any:  # noqa: ANN401 - JSON is any value
    """Parses text that is UTF-8 and not too deep."""
    # Each value has a comma or an opening bracket before it, but for the first. Small texts cannot have too many.
    if len(data) > MOST_VALUES and _values(data) > MOST_VALUES:
        raise MalformedFileError(
            FileReason.BAD_DATA, f"more than {MOST_VALUES:,} values stand in one row or one member of the document"
        )
    return json.loads(
        data.decode(),
        parse_float=NumberText,
        parse_int=NumberText,
        parse_constant=NumberText,
        object_pairs_hook=_object,
    )


def _deepest(data: bytes) -> int:
    """How many brackets are open at once."""
    return max(block.deepest for block in _blocks(Structure(), data))


def _values(data: bytes) -> int:
    return sum(block.values for block in _blocks(Structure(commas=True), data))


def _blocks(structure: Structure, data: bytes) -> Iterator[Block]:
    for offset in range(0, len(data), CHUNK_BYTES):
        checkpoint()
        yield structure.feed(data[offset : offset + CHUNK_BYTES])


def row_text(row: object) -> str:
    """A parsed row as JSON again, each number as it was written."""
    if isinstance(row, NumberText):
        return str(row)
    if isinstance(row, list):
        return "[" + ", ".join(map(row_text, row)) + "]"
    if isinstance(row, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {row_text(value)}" for key, value in row.items()) + "}"
    return json.dumps(row)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                # A key that is no name may be a meterpoint's, and one may be as long as the file.
                what = quoted(key) if _NAME.fullmatch(key) else f"of {len(key):,} characters"
                raise MalformedFileError(FileReason.DUPLICATE_KEY, f"an object has the key {what} twice")
            seen.add(key)
    return found


@lru_cache(maxsize=64)
def _columns(text: bytes, needed: tuple[str, ...]) -> Columns:
    """The columns that a document's head names: mostly the same in every file."""
    return Columns.of(_plain_names(parse_json(text)), needed)


def _plain_names(names: object) -> object:
    """Column names that are numbers are no names: `NumberText` must not pass for text."""
    return None if isinstance(names, list) and any(isinstance(name, NumberText) for name in names) else names
