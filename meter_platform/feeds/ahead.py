"""Fetches small objects of a store before they are read, several at a time.

What belongs here: how many, and how much of memory they take. What does not: what is read of them (`chunks.py`).

An object takes some 30 ms, whatever its size: read one after another, ten thousand would take five minutes. Large ones are
read in parts, as they always were.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from typing import IO, Final, TypeVar

from meter_platform.feeds.files import ListedFile, ReadingFolder

_SMALL_BYTES: Final = 2 << 20
"""Larger objects are read in parts."""

_MOST_BYTES: Final = 32 << 20
"""Of objects that are fetched, or wait to be read."""

Item = TypeVar("Item")
Opens = Callable[[], AbstractContextManager[IO[bytes]]]


def opened_ahead(
    folder: ReadingFolder, items: Iterable[Item], file_of: Callable[[Item], ListedFile]
) -> Iterator[tuple[Item, Opens]]:
    """The items in their order, each with what opens its file.

    Args:
        folder: with the files. Those of a local one are opened when they are asked for.
        items: to be read, asked for as far ahead as files are fetched.
        file_of: the file of an item.
    """
    most = folder.requests
    if most == 1:
        yield from ((item, partial(folder.open, file_of(item))) for item in items)
        return
    coming = iter(items)
    waiting: deque[tuple[Item, Future[bytes] | None, int]] = deque()
    held = 0
    with ThreadPoolExecutor(most, "fetch") as pool:
        try:
            while True:
                while len(waiting) < most and held < _MOST_BYTES and (item := next(coming, None)) is not None:
                    file = file_of(item)
                    is_small = file.size <= _SMALL_BYTES
                    waiting.append((item, pool.submit(folder.fetch, file) if is_small else None, file.size * is_small))
                    held += file.size * is_small
                if not waiting:
                    return
                item, fetched, size = waiting.popleft()
                held -= size
                yield item, partial(folder.open, file_of(item), fetched)
        finally:
            pool.shutdown(cancel_futures=True)
