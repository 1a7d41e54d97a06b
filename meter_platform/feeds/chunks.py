"""Reads files as chunks of rows, and at the end of each its fingerprint, or what keeps it from being read.

What belongs here: bytes, from opening a file to the end of it, and errors of reading. What does not: what the bytes mean
(`formats/`), what becomes of rows (`reading.py`).
"""

import errno
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from typing import IO, Final

from meter_platform.feeds.ahead import opened_ahead
from meter_platform.feeds.allowance import Allowance, AllowanceSpentError
from meter_platform.feeds.compressed import Unpacked
from meter_platform.feeds.configured import Taken
from meter_platform.feeds.files import ListedFile, ReadingFolder
from meter_platform.feeds.formats.format import CHUNK_BYTES, Chunk, Format
from meter_platform.feeds.malformed import FileReason, MalformedFileError, too_slow

BATCH_BYTES: Final = 8 << 20
"""Text taken apart at a time: large enough for thousands of tiny files at once, small enough for memory not to grow with
the input."""


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
class FilePart:
    """A chunk of a file, or the end of the file: its fingerprint, or what is wrong with it.

    Attributes:
        source: the file.
        taken: by which feed, and in which format.
        chunk: rows of it; `None` at its end.
        fingerprint: SHA-256 of the content, at the end of a file that was read through.
        error: why it could not be, at the end of any other.
        may_pass: the next scan may read the file without an error.
    """

    source: FileToRead
    taken: Taken
    chunk: Chunk | None = None
    fingerprint: str | None = None
    error: MalformedFileError | None = None
    may_pass: bool = False

    @property
    def format(self) -> Format:
        """The format of the file."""
        return self.taken.format


def file_parts(folder: ReadingFolder, files: Iterable[FileToRead]) -> Iterator[FilePart]:
    """Reads each file through, one after another; errors of reading become the end of their file.

    Raises:
        SourceUnavailableError: not the file but its store cannot be read.
        SourceRefusedError: so it is until somebody acts.
    """
    for source, opens in opened_ahead(folder, files, attrgetter("file")):
        taken = folder.taking(source.file)
        if taken is None:
            raise ValueError("a file is to be read that no feed takes")
        allowance = Allowance(source.file.size)
        try:
            with opens() as stream, allowance:
                hashed = _Hashed(stream)
                for chunk in _chunks(taken, stream, hashed, source.file.size):
                    yield FilePart(source, taken, chunk)
            yield FilePart(source, taken, fingerprint=hashed.hexdigest())
        except MalformedFileError as error:
            yield FilePart(source, taken, error=error)
        except AllowanceSpentError:
            yield FilePart(source, taken, error=too_slow(allowance.seconds))
        except OSError as error:
            why = error.strerror or type(error).__name__
            unreadable = MalformedFileError(FileReason.UNREADABLE, f"the file cannot be read: {why}")
            yield FilePart(source, taken, error=unreadable, may_pass=not _lasts(error))


def _chunks(taken: Taken, stream: IO[bytes], hashed: "_Hashed", size: int) -> Iterator[Chunk]:
    """The chunks of a file; all of it has been read when they end."""
    known = taken.format
    if not taken.compression:
        last = _last_bytes(stream, size, known.tail_bytes)
        yield from known.chunks(hashed, size, last_bytes=last, chunk_bytes=CHUNK_BYTES)
        return
    with Unpacked(hashed, taken.compression, whole=known.tail_bytes > 0) as unpacked:
        last = _last_bytes(unpacked.stream, unpacked.size, known.tail_bytes)
        yield from known.chunks(unpacked.stream, unpacked.size, last_bytes=last, chunk_bytes=CHUNK_BYTES)
        unpacked.read_to_the_end()


def batches(parts: Iterable[FilePart]) -> Iterator[list[FilePart]]:
    """Parts of files in lists of about BATCH_BYTES, the first few smaller."""
    batch: list[FilePart] = []
    size = 0
    enough = BATCH_BYTES >> 3  # validation and the copy can begin as soon as the first batch is there
    for part in parts:
        batch.append(part)
        size += part.chunk.size if part.chunk else 0
        if size >= enough:
            yield batch
            batch, size = [], 0
            enough = min(2 * enough, BATCH_BYTES)
    if batch:
        yield batch


class _Hashed:
    """Reads a file through, and takes the SHA-256 of its content on the way."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()  # processors have instructions for it

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self._hash.update(block)
        return block

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def _last_bytes(stream: IO[bytes], size: int, wanted: int) -> bytes | None:
    """The end of a file that is read in several chunks; a smaller one is read whole, end and all."""
    if size <= CHUNK_BYTES or not wanted:
        return None
    stream.seek(max(0, size - wanted))
    last = stream.read(wanted)
    stream.seek(0)
    return last


def _lasts(error: OSError) -> bool:
    """Whether a file cannot be read until someone changes it; other errors are the network's or the disk's."""
    return isinstance(error, PermissionError) or error.errno in {errno.ENOENT, errno.ELOOP, errno.EINVAL, errno.ENXIO}
