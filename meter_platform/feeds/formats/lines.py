"""Files of lines of text, some lines at a time: what formats of separated values and of records share.

What belongs here: from bytes in any encoding to whole lines in UTF-8. What does not: what stands in a line.
"""

import codecs
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AfterValidator

from meter_platform.feeds.allowance import checkpoint
from meter_platform.feeds.formats.format import WHOLE_BYTES, Readable
from meter_platform.feeds.formats.lookalikes import other_format
from meter_platform.feeds.malformed import FileReason, MalformedFileError

UTF8: Final = "utf-8"
_BOMS: Final = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16", codecs.BOM_UTF8: UTF8}
_MEANT: Final = re.compile(r"comma-separated|XML")
"""What a file of lines may be without being another format."""


def _encoding(name: str) -> str:
    try:
        found = codecs.lookup(name).name
        "A".encode(found)
    except (LookupError, UnicodeError):
        raise ValueError("it is an encoding of text such as utf-8, utf-16 or cp1252") from None
    return found


Encoding = Annotated[str, AfterValidator(_encoding)]
"""An encoding as Python knows it."""


def blocks(stream: Readable, chunk_bytes: int, encoding: str) -> Iterator[bytes]:
    """The lines of a file in UTF-8, some whole lines at a time, without a byte order mark.

    Args:
        stream: the file.
        chunk_bytes: about how many bytes at a time.
        encoding: of the file.

    Raises:
        MalformedFileError: the file is empty, of another encoding, no text, or has a line that is far too long.
    """
    decode = codecs.getincrementaldecoder(encoding)()
    ready = held = b""
    is_first = True
    while True:
        checkpoint()
        block = stream.read(chunk_bytes)
        if is_first:
            _refuse(block, encoding)
            block = block.removeprefix(codecs.BOM_UTF8) if encoding == UTF8 else block
        try:
            text = decode.decode(block, final=not block)
        except UnicodeError as error:
            why = getattr(error, "reason", "it cannot be read")
            raise MalformedFileError(FileReason.NOT_UTF8, f"the file is not {encoding}: {why}") from None
        lines = held + text.encode()
        is_first = False
        if not block:
            # A line without an end is none of its own block: small files are read at once.
            lines = ready + lines if lines.strip() else ready
            if lines.strip(b"\r\n"):
                yield lines
            return
        if ready.strip(b"\r\n"):
            yield ready
        end = _last_end(lines)
        if not end and len(lines) > WHOLE_BYTES:
            raise MalformedFileError(FileReason.BAD_DATA, f"a line is longer than {WHOLE_BYTES >> 20} MiB")
        ready, held = lines[:end], lines[end:]


def whole(stream: Readable, encoding: str) -> bytes:
    """A file in UTF-8, without a byte order mark: for formats that are no lines.

    Args:
        stream: the file.
        encoding: of the file.

    Raises:
        MalformedFileError: it is of another encoding, or larger than one that has to be held whole.
    """
    content = stream.read(WHOLE_BYTES + 1)
    if len(content) > WHOLE_BYTES:
        raise MalformedFileError(FileReason.TOO_LARGE, f"a file in {encoding} has at most {WHOLE_BYTES >> 20} MiB")
    try:
        return codecs.decode(content, encoding).encode()
    except UnicodeError as error:
        why = getattr(error, "reason", "it cannot be read")
        raise MalformedFileError(FileReason.NOT_UTF8, f"the file is not {encoding}: {why}") from None


class Written:
    """The lines of a block that are not empty, without their ends.

    Args:
        block: whole lines.
    """

    def __init__(self, block: bytes) -> None:
        self._block = block

    def __len__(self) -> int:
        block = _with_one_end(self._block)
        if block.startswith(b"\n") or b"\n\n" in block:
            return sum(map(bool, block.split(b"\n")))
        return block.count(b"\n") + (not block.endswith(b"\n"))

    def are(self, count: int) -> bool:
        """Whether there are so many.

        Args:
            count: of lines, by one who knows all ends of lines, and may have taken some for part of a value.
        """
        ends = self._block.count(b"\n") + (not self._block.endswith(b"\n"))
        return (ends == count and b"\r" not in self._block) or len(self) == count

    @cached_property
    def all(self) -> pa.Array:
        """All of them. They are told apart where they are asked for."""
        lines = pc.split_pattern(pa.array([_with_one_end(self._block)], pa.binary()).cast(pa.string()), "\n").flatten()
        return lines.filter(pc.not_equal(lines, ""))

    def as_strings(self) -> list[str]:
        """All of them, as Python has them."""
        return list(filter(None, _with_one_end(self._block).decode().split("\n")))

    def texts(self, rows: pa.Array, /) -> pa.Array:
        """Some of them, by their indexes."""
        return self.all.take(rows)


def _with_one_end(block: bytes) -> bytes:
    """The same lines with one way to end a line."""
    return block.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in block else block


def _last_end(lines: bytes) -> int:
    """Where the last whole line ends; a carriage return at the very end may be half of an end of line."""
    end = lines.rfind(b"\n") + 1
    return end or lines.rfind(b"\r", 0, -1) + 1


def _refuse(block: bytes, encoding: str) -> None:
    if not block:
        raise MalformedFileError(FileReason.EMPTY, "the file has no content")
    for mark, of in _BOMS.items():
        if block.startswith(mark) and not encoding.startswith(of):
            raise MalformedFileError(
                FileReason.NOT_UTF8,
                f"the file begins with the byte order mark of {of.upper()}, and its feed says {encoding}: "
                f'encoding = "{of}"',
            )
    other = other_format(block) if encoding == UTF8 else None
    if other and not _MEANT.search(other.said):
        reason = FileReason.NOT_A_DOCUMENT if other.is_text else FileReason.NOT_UTF8
        raise MalformedFileError(reason, other.said.removesuffix(", not JSON"))


def header(stream_blocks: Iterator[bytes], skipped: int, *, has_names: bool) -> tuple[str | None, Iterator[bytes]]:
    """The line with the names of columns, and the blocks behind it.

    Args:
        stream_blocks: of the file.
        skipped: lines before it.
        has_names: there is such a line.

    Returns:
        `None` in place of the line where there is none.
    """
    first = next(stream_blocks, b"")
    text = _with_one_end(first)
    for _ in range(skipped):
        _, _, text = text.partition(b"\n")
    # A spreadsheet's sign for which separator follows.
    if re.match(rb"sep=.\n", text):
        _, _, text = text.partition(b"\n")
    names = None
    if has_names:
        line, _, text = text.lstrip(b"\n").partition(b"\n")
        names = line.decode()
        if not names.strip():
            raise MalformedFileError(FileReason.BAD_COLUMNS, "the file has no line with the names of its columns")
    return names, _chained(text, stream_blocks)


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first.strip():
        yield first
    yield from rest


def places(wanted: dict[str, Any], names: list[str] | None) -> dict[str, int]:
    """Where columns stand in a line, counted from 0.

    Args:
        wanted: of each column its name in the file, or its number counted from 1.
        names: of the file's columns; `None` where it does not say.

    Raises:
        MalformedFileError: a column is missing or there twice.
    """
    found = {}
    known = [name.strip() for name in names or []]
    for what, where in wanted.items():
        if isinstance(where, int):
            found[what] = where - 1
        elif known.count(where.strip()) == 1:
            found[what] = known.index(where.strip())
        else:
            how = "twice" if where.strip() in known else "not"
            raise MalformedFileError(FileReason.MISSING_COLUMN, f'the column "{where}" is {how} in the first line')
    return found
