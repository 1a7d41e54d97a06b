"""Reads files as pieces: chunks of rows, then the file's fingerprint, or what keeps it from being read.

What belongs here: bytes, from opening a file to the end of it, and errors of reading. What does not: the form of a
document (`json_document.py`), what becomes of rows (`reading.py`).
"""

import errno
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import IO, Final

from meter_platform.feeds.allowance import Allowance, AllowanceSpentError
from meter_platform.feeds.files import ListedFile, ReadingFolder
from meter_platform.feeds.formats.json_document import (
    CHUNK_BYTES,
    TAIL_BYTES,
    Chunk,
    FileReason,
    MalformedFileError,
    chunks,
    too_slow,
)

BATCH_BYTES: Final = 8 << 20
"""Text parsed at a time: large enough for tiny files to go by the thousand, small enough for memory to stay flat."""


@dataclass(frozen=True, slots=True)
class FileToRead:
    """A file version that is to be read.

    Attributes:
        file: as it was listed.
        source_file_id: the version's number in the catalogue.
        seen_on: the local day on which the version was first seen; no row can be about a later one.
        fingerprint: of the content that is wanted, where it is known: any other is of a version to come.
    """

    file: ListedFile
    source_file_id: int
    seen_on: date
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk of a file, or the end of the file: its fingerprint, or what is wrong with it."""

    source: FileToRead
    chunk: Chunk | None = None
    fingerprint: str | None = None
    error: MalformedFileError | None = None
    again: bool = False
    """The error may have gone by the next look."""


def pieces(folder: ReadingFolder, files: Iterable[FileToRead]) -> Iterator[Piece]:
    """Reads each file through, one after another."""
    for source in files:
        allowance = Allowance(source.file.size)
        try:
            with folder.open(source.file) as stream, allowance:
                hashed = _Hashed(stream)
                size = source.file.size
                last = _last_bytes(stream, size)
                for chunk in chunks(hashed, size, last_bytes=last, chunk_bytes=CHUNK_BYTES):
                    yield Piece(source, chunk)
            yield Piece(source, fingerprint=hashed.hexdigest())
        except MalformedFileError as error:
            yield Piece(source, error=error)
        except AllowanceSpentError:
            yield Piece(source, error=too_slow(allowance.seconds))
        except OSError as error:
            why = error.strerror or type(error).__name__
            unreadable = MalformedFileError(FileReason.UNREADABLE, f"the file cannot be read: {why}")
            yield Piece(source, error=unreadable, again=not _lasts(error))


def batches(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Pieces in lists of about BATCH_BYTES, the first few smaller."""
    batch: list[Piece] = []
    size = 0
    enough = BATCH_BYTES >> 3  # what comes after a batch stands still until the first is there
    for piece in pieces:
        batch.append(piece)
        size += len(piece.chunk.text) if piece.chunk else 0
        if size >= enough:
            yield batch
            batch, size = [], 0
            enough = min(2 * enough, BATCH_BYTES)
    if batch:
        yield batch


class _Hashed:
    """Reads a file through, and takes a fingerprint of its content on the way."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()  # processors have instructions for it

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self._hash.update(block)
        return block

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def _last_bytes(stream: IO[bytes], size: int) -> bytes | None:
    """The end of a file that is read in several chunks; a smaller one is read whole, end and all."""
    if size <= CHUNK_BYTES:
        return None
    stream.seek(max(0, size - TAIL_BYTES))
    last = stream.read(TAIL_BYTES)
    stream.seek(0)
    return last


def _lasts(error: OSError) -> bool:
    """Whether a file cannot be read until someone changes it; other errors are the network's or the disk's."""
    return isinstance(error, PermissionError) or error.errno in {errno.ENOENT, errno.ELOOP, errno.EINVAL, errno.ENXIO}
