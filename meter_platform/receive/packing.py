"""What is packed with gzip, unpacked within a bound.

What belongs here: unpacking some bytes at a time. What does not: how they come (`http.py`, `mqtt.py`).
"""

import zlib
from collections.abc import Iterator
from typing import Final

from meter_platform.feeds.malformed import FileReason, MalformedFileError

_AT_ONCE: Final = 1 << 20
"""A few bytes may stand for gigabytes."""


class Unpacking:
    """Of one delivery."""

    def __init__(self) -> None:
        self._unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)

    def add(self, packed: bytes) -> Iterator[bytes]:
        """What some more bytes stand for, a megabyte at a time.

        Raises:
            MalformedFileError: they are not packed with gzip, or something follows the end.
        """
        while packed:
            if self._unpacking.eof:
                raise MalformedFileError(FileReason.UNREADABLE, "something follows the end of what is packed")
            try:
                yield self._unpacking.decompress(packed, _AT_ONCE)
            except zlib.error:
                raise MalformedFileError(FileReason.UNREADABLE, "it is not packed with gzip") from None
            packed = self._unpacking.unconsumed_tail or self._unpacking.unused_data

    def end(self) -> None:
        """To be called once all bytes have been added.

        Raises:
            MalformedFileError: there should be more.
        """
        if not self._unpacking.eof:
            raise MalformedFileError(FileReason.TRUNCATED, "the packed body ends too early")
