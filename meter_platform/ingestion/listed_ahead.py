"""Lists folders of an object store before they are looked through, several at a time.

What belongs here: how many. What does not: which folders, and in which order (`tree.py`).
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import NamedTuple, Self

from meter_platform.feeds.files import Beside, ListedFile, ReadingFolder
from meter_platform.ingestion.folders import Look


class Due(NamedTuple):
    """A folder that is to be looked into, those first that come first in order.

    Attributes:
        why: it is.
        url: of the folder.
        path: the same, as its file system wants it.
        stamp: what the file system says of it; `None` where it says nothing.
    """

    why: Look
    url: str
    path: str
    stamp: str | None


class ListedAhead:
    """Folders that are being listed; of a local file system one, and that only while it is looked through.

    Args:
        folder: the tree.
    """

    def __init__(self, folder: ReadingFolder) -> None:
        self._folder = folder
        self._most = folder.requests
        self._pool = ThreadPoolExecutor(self._most, "list") if self._most > 1 else None
        self.waiting: deque[tuple[Due, Future[list[ListedFile]] | None, Beside]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    @property
    def has_room(self) -> bool:
        """Whether another folder may be begun."""
        return len(self.waiting) < self._most

    def begin(self, due: Due) -> None:
        """Begins to list a folder."""
        beside = Beside()
        listed = self._pool.submit(lambda: list(self._folder.files_in(due.path, beside))) if self._pool else None
        self.waiting.append((due, listed, beside))

    def next(self) -> tuple[Due, Iterator[ListedFile], Beside]:
        """The folder that was begun first, its files, and what else is in it once all files were taken.

        Iterating raises what `ReadingFolder.files_in` does.
        """
        due, listed, beside = self.waiting.popleft()
        return due, _result(listed) if listed else self._folder.files_in(due.path, beside), beside


def _result(listed: Future[list[ListedFile]]) -> Iterator[ListedFile]:
    yield from listed.result()
