"""What a format is: how the bytes of a file become rows that nobody has validated yet.

What belongs here: the protocol that each format follows, and what crosses the seam between formats and validation. What
does not: any one format, and what a row has to be (`validation.py`).

A file goes through three steps. `Format.chunks` cuts its bytes where a row ends, without looking into rows.
`Format.in_bulk` makes Arrow columns of many chunks at once, as far as their rows are regular. `Format.rows` takes a single
chunk apart as Python values, for the rows that are not plainly good; it is slower, complete, and keeps each row's text.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

TOKENS: Final = pa.dictionary(pa.int32(), pa.string())
"""The type of a column of `UnvalidatedRows`: each different text once, and a number for each row."""

CHUNK_BYTES: Final = 512 << 10
"""Bytes of rows taken apart at once, about 10,000 readings: all that a single unusual row slows down."""

WHOLE_BYTES: Final = 64 << 20
"""Up to this size a file of an unusual layout may be read into memory whole."""


class NumberText(str):
    """A number of a format that tells numbers from texts, as it is written, so that no digit is lost."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive whole rows of a file, as bytes that only their format understands.

    Attributes:
        layout: what the format knows of all rows of the chunk, such as the order of their columns. Chunks of the same
            layout are taken apart together.
        text: the rows.
    """

    layout: Hashable
    text: bytes

    @property
    def size(self) -> int:
        """Bytes of memory that its rows take."""
        return len(self.text)


@dataclass(slots=True)  # not frozen: that takes three times as long to make
class Row:
    """A row as Python values.

    Attributes:
        values: what stands in the columns FILE_COLUMNS of the contract, in that order; none where this is no row. Each is
            a text, a `NumberText` where the format tells numbers from texts, or whatever else the format knows (`None`,
            booleans, lists).
        written: what the format makes the row's text of.
        fault: why this is no row, or none that could be a reading whatever its values are; `None` where it is one.
        code: the reason code of the fault.
        extras: what the row says besides, by the names of UNSAID.
    """

    values: Sequence[object]
    written: object
    fault: str | None = None
    code: str = "not_a_row"
    extras: Mapping[str, str | None] | None = None


class Texts(Protocol):
    """How a batch says what stands in some of its rows."""

    def __call__(self, rows: pa.Array, /) -> pa.Array:
        """The text of each of some rows, given by their indexes in the batch, in ascending order."""


@dataclass(frozen=True, slots=True)
class Values:
    """A column of some rows, as texts.

    Attributes:
        tokens: of type TOKENS. Nothing stands around a value: no quotes, no blanks that do not belong to it.
        are_texts: of each different token whether it stands as a text in the file, where a format tells texts from
            numbers; `None` where all do, or no format could tell.
    """

    tokens: pa.DictionaryArray
    are_texts: pa.BooleanArray | None = None


@dataclass(frozen=True, slots=True)
class UnvalidatedRows:
    """Rows of some chunks as columns, which nobody has validated.

    Attributes:
        chunks: which of the given chunks they are from, in order. Chunks with rows that are not regular are left out.
        counts: how many rows each of these has. A row's position is its place among the rows of its chunk.
        columns: the values of each column of FILE_COLUMNS. A number that is no text is taken as good only if it is
            written as JSON has it, an id only if it is digits: a format need not vouch for that.
        are_sound: which rows are as the format wants them, but for their values; `None` where all are.
        texts: gives the texts of rows.
        extras: what the rows say besides, by the names of UNSAID.
    """

    chunks: Sequence[int]
    counts: Sequence[int]
    columns: Mapping[str, Values]
    are_sound: npt.NDArray[np.bool_] | None
    texts: Texts
    extras: Mapping[str, pa.DictionaryArray] = field(default_factory=dict)


class Readable(Protocol):
    """What a format needs of an open file."""

    def read(self, size: int = -1, /) -> bytes:
        """Reads on; see `io.RawIOBase.read`."""


class Format(Protocol):
    """A format of reading files. An implementation has no state: one object serves all files, and equal ones are one."""

    @property
    def suffix(self) -> str:
        """What the names of its files end in, for a person."""

    @property
    def tail_bytes(self) -> int:
        """How many bytes of a file's end `chunks` wants to know before it begins."""

    def recognises(self, name: str) -> bool:
        """Whether a file of this name, without its folder, is of this format."""

    def chunks(self, stream: Readable, size: int, *, last_bytes: bytes | None, chunk_bytes: int) -> Iterator[Chunk]:
        """Cuts a file into chunks, reading it once from start to end, in time proportional to its size.

        Args:
            stream: the file, at its start.
            size: its size in bytes when it was listed.
            last_bytes: its last `tail_bytes` bytes, where it is larger than a chunk.
            chunk_bytes: about how many bytes a chunk may have.

        Raises:
            MalformedFileError: the file is not of this format, as far as can be told without looking into its rows.
        """

    def in_bulk(self, chunks: Sequence[Chunk]) -> UnvalidatedRows | None:
        """The regular rows of chunks of one layout; `None` where there are none. Never raises for what is in a chunk."""

    def rows(self, chunk: Chunk) -> Sequence[Row]:
        """All rows of a chunk, in order.

        Raises:
            MalformedFileError: the chunk is not of this format. The file may be nevertheless: see `rows_of_file`.
        """

    def rows_of_file(self, content: bytes) -> Iterator[Row]:
        """All rows of a file whose chunk could not be read: it was cut in the wrong place, or the file is malformed.

        Args:
            content: of the file, at most WHOLE_BYTES.

        Raises:
            MalformedFileError: with the place of the fault in the file.
        """

    def text(self, row: Row) -> str:
        """A row as it is written in such a file."""
