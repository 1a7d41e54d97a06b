"""Compressed files: unpacked while they are read, whatever is in them.

What belongs here: gzip and Zstandard as streams. What does not: which files are compressed (`patterns.py`), formats.

Memory does not grow with what a file unpacks to. A format that has to know the end of a file before its start gets it
from a temporary file.
"""

import tempfile
from types import TracebackType
from typing import IO, Any, Final, cast

import pyarrow as pa

from meter_platform.feeds.allowance import checkpoint
from meter_platform.feeds.formats.format import Readable
from meter_platform.feeds.malformed import FileReason, MalformedFileError

_CODECS: Final = {".gz": "gzip", ".zst": "zstd"}
_BLOCK_BYTES: Final = 1 << 20
_IN_MEMORY_BYTES: Final = 16 << 20
"""Up to here an unpacked file needs no temporary one."""

UNKNOWN_SIZE: Final = 1 << 62
"""In place of a size that nobody knows before the end."""


class Unpacked:
    """What is in a compressed file: a context while it is read.

    Args:
        packed: the file, at its start.
        ending: of its name.
        whole: all of it is unpacked at once, so that its size and its end are known.

    Attributes:
        stream: the content.
        size: in bytes; UNKNOWN_SIZE where it is not known yet.

    Raises:
        MalformedFileError: it is not compressed so, or is cut off.
    """

    def __init__(self, packed: Readable, ending: str, *, whole: bool) -> None:
        self._packed = packed
        self._codec = _CODECS[ending]
        self._whole = whole
        self.size = UNKNOWN_SIZE
        self.stream: IO[bytes]

    def __enter__(self) -> "Unpacked":
        """Begins to unpack."""
        unpacking = cast("IO[bytes]", _Unpacking(self._packed, self._codec))
        if not self._whole:
            self.stream = unpacking
            return self
        self.stream = cast("IO[bytes]", tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES, prefix="meter-platform-"))
        try:
            while block := unpacking.read(_BLOCK_BYTES):
                checkpoint()
                self.stream.write(block)
        except BaseException:
            self.stream.close()
            raise
        self.size = self.stream.tell()
        self.stream.seek(0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Lets go of the temporary file."""
        if self._whole:
            self.stream.close()

    def read_to_the_end(self) -> None:
        """Reads what a format has no use for, so that the file's fingerprint is of all of it."""
        while self.stream.read(_BLOCK_BYTES) or self._packed.read(_BLOCK_BYTES):
            checkpoint()


class _Unpacking:
    """Reads a compressed file, and tells errors of its compression from those of the disk."""

    def __init__(self, packed: Readable, codec: str) -> None:
        self._packed = _Watched(packed)
        self._codec = codec
        self._stream = pa.CompressedInputStream(pa.PythonFile(self._packed, mode="r"), codec)

    def read(self, size: int = -1) -> bytes:
        try:
            return bytes(self._stream.read(None if size < 0 else size))
        except OSError as error:
            if self._packed.error:
                raise self._packed.error from None
            if not self._packed.has_content:
                raise MalformedFileError(FileReason.EMPTY, "the file has no content") from None
            ended = "ended" in str(error).lower() or "truncated" in str(error).lower()
            raise MalformedFileError(
                FileReason.TRUNCATED if ended else FileReason.NOT_A_DOCUMENT,
                f"the file is not {self._codec}, or damaged"
                if not ended
                else f"the file ends within its {self._codec}",
            ) from None


class _Watched:
    """The compressed file as Arrow reads it; keeps an error of the disk, which Arrow would tell in its own words."""

    closed = False

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self.error: BaseException | None = None
        self.has_content = False

    def read(self, size: int = -1) -> bytes:
        try:
            block = self._stream.read(size)
        except BaseException as error:
            self.error = error
            raise
        self.has_content = self.has_content or bool(block)
        return block

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def close(self, *_: Any) -> None:  # noqa: ANN401 - as a file
        """The file is not ours to close."""
