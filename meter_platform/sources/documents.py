"""A reading file as a JSON document: finds its columns and takes its rows apart into chunks of bounded size.

What belongs here: the document's form, `{"columns": [...], "data": [[...], ...]}`, and what is wrong with a file that
does not have it. What does not: what a row means (`rows.py`), fast parsing (`fast_lane.py`), where bytes come from
(`pieces.py`).

A document is taken apart without being parsed: rows are cut where one ends and the next begins, outside any string.
Every chunk is parsed afterwards, so that a document that is not JSON is always found out, and so is a wrong cut: what
was cut in the middle of a list is no JSON.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, NoReturn, Protocol

import numpy as np

from meter_platform.redaction import quoted
from meter_platform.sources.rows import NumberText

COLUMNS: Final = ("meterpoint_id", "interval_start", "consumption_delta")
"""The columns a reading needs, in any order; others may stand beside them."""

CHUNK_BYTES: Final = 512 << 10
"""Bytes of rows parsed at once, about 10,000 readings: all that a single unusual row slows down."""

WHOLE_BYTES: Final = 64 << 20
"""Up to this size a document of an unusual layout is parsed whole, at about ten times its size in memory."""

MOST_NESTED: Final = 100
"""Lists and objects within one another: far more than a reading has, far fewer than any version's parser can take."""

TAIL_BYTES: Final = 256
"""Enough for the last brackets of a document, however it is indented."""

_BLANKS: Final = b" \t\n\r"
"""What may stand between the tokens of JSON: less than what patterns and `strip` take for white space."""
_S: Final = b"[" + _BLANKS + b"]*"

_HEAD: Final = re.compile(rb'_\{_"columns"_:_(\[[^\[\]{}]*\])_,_"data"_:_(?=\[)'.replace(b"_", _S))
_ROW_END: Final = re.compile(rb"\]_,_(?=\[)".replace(b"_", _S))
_ESCAPED: Final = re.compile(rb"\\.", re.DOTALL)
_AROUND_ROWS: Final = b"[]"
_BOMS: Final = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_UTF8_BOM: Final = b"\xef\xbb\xbf"
_OPENING, _CLOSING = b"[{", b"]}"
_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NAME: Final = re.compile(r"[^\W\d][^\W\d ]{0,39}")
"""What a key of a document looks like, and a meterpoint's does not: it has digits."""
_TOKEN_BEGUN: Final = re.compile(r'[^\s\[\]{},:"]*')


class FileReason(StrEnum):
    """Why a whole file is set aside. The codes are stored: they never change their meaning."""

    UNREADABLE = "unreadable"
    EMPTY = "empty"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    TRUNCATED = "truncated"
    TOO_DEEP = "too_deep"
    NOT_A_DOCUMENT = "not_a_document"
    DUPLICATE_KEY = "duplicate_key"
    BAD_COLUMNS = "bad_columns"
    MISSING_COLUMN = "missing_column"
    BAD_DATA = "bad_data"
    TOO_LARGE = "too_large"


class MalformedFileError(Exception):
    """The file is not a document of readings. Caught where files are read, and stored as the file's outcome."""

    def __init__(self, reason: FileReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Readable(Protocol):
    """What `chunks` needs of a file."""

    def read(self, size: int = -1, /) -> bytes:
        """Reads on; see `io.RawIOBase.read`."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the needed values stand in a row, counted from 1, and how many values a row has."""

    meterpoint_id: int
    interval_start: int
    consumption_delta: int
    width: int

    @classmethod
    def of(cls, names: object) -> "Columns":
        """Finds the needed columns among a document's.

        Raises:
            MalformedFileError: the value of "columns" is not a list of names, or one is missing or there twice.
        """
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise MalformedFileError(FileReason.BAD_COLUMNS, '"columns" is not a list of names')
        if len(set(names)) < len(names):
            raise MalformedFileError(FileReason.BAD_COLUMNS, '"columns" names a column twice')
        missing = [name for name in COLUMNS if name not in names]
        if missing:
            raise MalformedFileError(FileReason.MISSING_COLUMN, f'"columns" lacks {" and ".join(missing)}')
        meterpoint_id, interval_start, consumption_delta = (names.index(name) + 1 for name in COLUMNS)
        return cls(meterpoint_id, interval_start, consumption_delta, len(names))


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive rows of a document, as the text of one JSON list of rows."""

    columns: Columns
    text: bytes


def chunks(stream: Readable, size: int, *, last_bytes: bytes | None, chunk_bytes: int) -> Iterator[Chunk]:
    """Takes a document apart, reading it once from start to end.

    Args:
        stream: the file, at its start.
        size: its size in bytes.
        last_bytes: its last `TAIL_BYTES` bytes, where it is larger than a chunk.
        chunk_bytes: about how many bytes a chunk may have.

    Raises:
        MalformedFileError: the file is no such document, as far as can be told without parsing its rows.
    """
    # Small files come by the thousand: no more memory is asked for than one has, and a byte that betrays its growth.
    block = stream.read(min(chunk_bytes, size + 1) if size else chunk_bytes)
    read = len(block)
    buffer = _without_bom(block)
    head, ends_well = _HEAD.match(buffer), _rows_end(last_bytes or buffer[-TAIL_BYTES:]) is not None
    if head is None or not ends_well:
        if size > WHOLE_BYTES:
            raise MalformedFileError(
                FileReason.TOO_LARGE if ends_well else FileReason.TRUNCATED,
                f'a file above {WHOLE_BYTES >> 20} MiB must be {{"columns": […], "data": […]}} and nothing else',
            )
        # The keys stand in another order or beside others, or something is wrong: parsing the whole tells which.
        document = parse(buffer + stream.read())
        yield Chunk(document.columns, document.rows_text)
        return
    columns = _columns(head[1])
    # From here on `buffer` begins with a row: the list's own brackets are put around each chunk.
    buffer = buffer[head.end() + 1 :]
    while read < size and (block := stream.read(chunk_bytes)):
        read += len(block)
        buffer += block
        end = _last_row_end(buffer)
        if end is not None:
            yield Chunk(columns, b"[" + buffer[: end[0]] + b"]")
            buffer = buffer[end[1] :]
        elif len(buffer) > WHOLE_BYTES:
            raise MalformedFileError(FileReason.BAD_DATA, f"a row is longer than {WHOLE_BYTES >> 20} MiB")
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


def _occurrences(text: bytes, character: bytes) -> int:
    """How often a character is in a text, in a tenth of the time that `bytes.count` takes for a frequent one."""
    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == character[0]))


def _last_row_end(buffer: bytes) -> tuple[int, int] | None:
    """Where the last whole row of `buffer` ends and the next begins; `None` where there is no such place yet.

    A place within a string is never taken: an even number of quotes stands before it. Nor one within a nested list: as
    many brackets are closed as opened. (Brackets in strings may make up for those of a nested list; the wrong cut is
    then found out by parsing.)
    """
    position = buffer.rfind(b"]")
    while position >= 0:
        match = _ROW_END.match(buffer, position)
        if match:
            head = buffer[: position + 1]
            plain = _ESCAPED.sub(b"", head) if b"\\" in head else head
            if _occurrences(plain, b'"') % 2 == 0 and _occurrences(plain, b"[") == _occurrences(plain, b"]"):
                return position + 1, match.end()
            return _last_row_end_among_brackets(buffer)
        position = buffer.rfind(b"]", 0, position)
    return None


def _last_row_end_among_brackets(buffer: bytes) -> tuple[int, int] | None:
    """The same where strings hold brackets, or lists are nested: slower, and only as long as the buffer."""
    # Strings are blanked out. What is left of a quote belongs to one that has not ended yet.
    bare = _STRING.sub(lambda string: b" " * len(string[0]), buffer).partition(b'"')[0]
    depth = bare.count(b"[") - bare.count(b"]")
    end = len(bare)
    while (position := bare.rfind(b"]", 0, end)) >= 0:
        depth -= bare.count(b"[", position, end)
        match = _ROW_END.match(bare, position)
        if match and depth == 0:
            return position + 1, match.end()
        depth += 1
        end = position
    return None


@dataclass(frozen=True, slots=True)
class Document:
    """A document parsed whole. Numbers in `rows` are `NumberText`."""

    columns: Columns
    rows: list[Any]

    @property
    def rows_text(self) -> bytes:
        """The rows as the text of one JSON list, each number as it was written."""
        return ("[" + ",".join(map(row_text, self.rows)) + "]").encode()


def parse(data: bytes) -> Document:
    """Parses a document whole.

    Raises:
        MalformedFileError: with the place and the reason.
    """
    document = parse_json(data)
    if not isinstance(document, dict):
        kind = "a list" if isinstance(document, list) else "a single value"
        raise MalformedFileError(FileReason.NOT_A_DOCUMENT, f'the file is {kind}, not {{"columns": …, "data": …}}')
    if "columns" not in document:
        raise MalformedFileError(FileReason.BAD_COLUMNS, 'the file has no "columns"')
    columns = Columns.of(_plain_names(document["columns"]))
    if not isinstance(document.get("data"), list):
        raise MalformedFileError(FileReason.BAD_DATA, 'the file has no "data", or it is not a list of rows')
    return Document(columns, document["data"])


def parse_json(data: bytes, *, within: int = 0) -> Any:  # noqa: ANN401 - JSON is any value
    """Parses JSON text with its numbers kept as they are written (`NumberText`).

    Args:
        data: the text.
        within: how many lists or objects of the document stand around it.

    Raises:
        MalformedFileError: it is not JSON, not UTF-8, too deep, or an object in it has a key twice.
    """
    try:
        text = data.removeprefix(_UTF8_BOM).decode()
    except UnicodeDecodeError as error:
        reason = FileReason.TRUNCATED if error.reason == "unexpected end of data" else FileReason.NOT_UTF8
        raise MalformedFileError(reason, f"byte {error.start + 1} is not UTF-8: {error.reason}") from error
    if not text.strip():
        raise MalformedFileError(FileReason.EMPTY, "the file has no content")
    if _depth(data) + within > MOST_NESTED < _depth(_STRING.sub(b"", data)) + within:
        raise MalformedFileError(FileReason.TOO_DEEP, f"more than {MOST_NESTED} lists or objects within one another")
    try:
        return json.loads(
            text,
            parse_float=NumberText,
            parse_int=NumberText,
            parse_constant=NumberText,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        begun = text.lstrip()[0] in "{[" and _TOKEN_BEGUN.fullmatch(text.rstrip(), error.pos)
        ended = error.msg.startswith("Unterminated string") or (begun and not error.msg.startswith("Extra data"))
        reason = FileReason.TRUNCATED if ended else FileReason.NOT_JSON
        raise MalformedFileError(reason, f"line {error.lineno}, column {error.colno}: {error.msg}") from error


def _depth(data: bytes) -> int:
    """How many brackets are open at once, those in strings included."""
    characters = np.frombuffer(data, np.uint8)
    opening = (characters == _OPENING[0]) | (characters == _OPENING[1])
    closing = (characters == _CLOSING[0]) | (characters == _CLOSING[1])
    brackets = np.flatnonzero(opening | closing)
    return int(np.max(np.cumsum(np.where(opening[brackets], 1, -1)), initial=0))


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
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        _duplicate_key(next(key for key in keys if keys.count(key) > 1))
    return dict(pairs)


def _duplicate_key(key: str) -> NoReturn:
    # A key that is no name may be a meterpoint's, and one may be as long as the file.
    what = quoted(key) if _NAME.fullmatch(key) else f"of {len(key):,} characters"
    raise MalformedFileError(FileReason.DUPLICATE_KEY, f"an object has the key {what} twice")


@lru_cache(maxsize=64)
def _columns(text: bytes) -> Columns:
    """The columns that a document's head names: mostly the same in every file."""
    return Columns.of(_plain_names(parse_json(text)))


def _plain_names(names: object) -> object:
    """Column names that are numbers are no names: `NumberText` must not pass for text."""
    return None if isinstance(names, list) and any(isinstance(name, NumberText) for name in names) else names
