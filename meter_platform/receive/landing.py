"""Where deliveries become files, and when they are acknowledged.

What belongs here: which deliveries stand in one file, when a file ends, and how much may wait. What does not: a file's bytes
(`journal.py`), and who sends.

A file ends when it is `FILE_BYTES` large or `FILE_SECONDS` old, so that their number is bounded whatever comes in, and a
reading is found by the next scan. It ends before a delivery that is about a half hour which the file has already: two values
in one file contradict each other, while in two files the later is a correction.
"""

import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from meter_platform.errors import PermanentError, TransientError
from meter_platform.feeds.put import write_whole
from meter_platform.receive.delivery import Delivery
from meter_platform.receive.journal import Journal, finish, unfinished

FILE_BYTES: Final = 8 << 20
FILE_SECONDS: Final = 5.0
WAITING_BYTES: Final = 16 << 20
"""What may wait to be written down; beyond it senders are told to come again."""

_AT_ONCE: Final = 1_000
"""Deliveries that are written down together, at most."""

_LOCK: Final = ".receiving"


class FullError(TransientError):
    """More is waiting to be written than may wait."""


class NotStoredError(TransientError):
    """The disk did not take a delivery. Nothing of it is stored."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    sender: str
    delivery: Delivery
    done: "Future[None]" = field(default_factory=Future)


class Landing:
    """A folder into which one process puts what is pushed to it. Any thread may call `put`.

    Args:
        folder: below the folder of reading files. Each sender has one of its own in it, and each day one in that.
        file_bytes: how large a file may become.
        file_seconds: how old a file may become.
        waiting_bytes: how much may wait.

    Raises:
        PermanentError: another process puts files there.
    """

    def __init__(
        self,
        folder: Path,
        *,
        file_bytes: int = FILE_BYTES,
        file_seconds: float = FILE_SECONDS,
        waiting_bytes: int = WAITING_BYTES,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._file_bytes, self._file_seconds, self._waiting_bytes = file_bytes, file_seconds, waiting_bytes
        self._lock = FileLock(folder / _LOCK)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise PermanentError(f"Another process receives readings into {folder} already: end it first.") from None
        self._unfinished = unfinished(folder)
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._bytes = 0
        self._room = threading.Condition()
        self._closed = False
        self._names = count()
        self._journals: dict[tuple[str, tuple[str, ...]], tuple[Journal, float]] = {}
        self._writer = threading.Thread(target=self._write, name="landing")
        self._end(all_of_them=True)
        self._writer.start()

    def put(self, sender: str, delivery: Delivery, *, wait: bool = False) -> "Future[None]":
        """Hands a delivery over; the result is there once it is safe.

        Args:
            sender: the name of its folder.
            delivery: what is to be stored.
            wait: for room, rather than to fail.

        Returns:
            A future. It raises `NotStoredError` where the disk is full, or broken.

        Raises:
            FullError: too much is waiting.
        """
        waiting = _Waiting(sender, delivery)
        size = len(delivery.rows)
        with self._room:
            if wait:
                self._room.wait_for(lambda: self._has_room(size) or self._closed)
            if self._closed or not self._has_room(size):
                raise FullError("More deliveries are waiting to be stored than may wait: send this one again later.")
            self._bytes += size
            self._waiting.put(waiting)
        return waiting.done

    def put_unread(self, sender: str, content: bytes) -> "Future[None]":
        """Puts something that cannot be read into a file of its own, as it is, for the platform to quarantine.

        Args:
            sender: the name of its folder.
            content: what came.

        Returns:
            A future that is done. It raises `NotStoredError` where the disk is full, or broken.
        """
        done: Future[None] = Future()
        try:
            folder, name = self._place(sender)
            write_whole(folder, f"{name}.json", content)
        except OSError as error:
            done.set_exception(not_stored(error))
        else:
            done.set_result(None)
        return done

    def close(self) -> None:
        """Stores what is waiting, ends all files, and gives the folder up."""
        with self._room:
            self._closed = True
            self._room.notify_all()
        self._waiting.put(None)
        self._writer.join()
        self._lock.release()

    def _has_room(self, size: int) -> bool:
        return not self._bytes or self._bytes + size <= self._waiting_bytes

    def _write(self) -> None:
        """Of the writer's thread: stores deliveries until there are no more to come."""
        ended = False
        while not ended:
            taken = self._take()
            ended = taken[-1:] == [None]
            for batch in _batches([each for each in taken if each]):
                self._store(batch)
            self._end(all_of_them=ended)

    def _take(self) -> list[_Waiting | None]:
        """What is waiting; nothing where a file has to be ended before anything comes."""
        oldest = min((begun for _, begun in self._journals.values()), default=None)
        patience = None if oldest is None else max(0.0, oldest + self._file_seconds - time.monotonic())
        taken: list[_Waiting | None] = []
        with suppress(queue.Empty):
            taken.append(self._waiting.get(timeout=patience))
            while taken[-1] is not None and len(taken) < _AT_ONCE:
                taken.append(self._waiting.get_nowait())
        return taken

    def _store(self, batch: Sequence[_Waiting]) -> None:
        first = batch[0]
        try:
            self._journal(first.sender, [each.delivery for each in batch]).add([each.delivery for each in batch])
        except OSError as error:
            self._answer(batch, not_stored(error))
        else:
            self._answer(batch, None)

    def _journal(self, sender: str, deliveries: Sequence[Delivery]) -> Journal:
        """The file that deliveries belong into: the one that is open, unless it knows one of their half hours."""
        key = sender, deliveries[0].columns
        journal, _ = self._journals.get(key, (None, 0.0))
        if journal and not any(journal.keys & delivery.keys for delivery in deliveries):
            return journal
        if journal:
            self._close(key)
        journal = Journal(*self._place(sender), deliveries[0].columns)
        self._journals[key] = journal, time.monotonic()
        return journal

    def _place(self, sender: str) -> tuple[Path, str]:
        """The folder and the name of the next file."""
        now = datetime.now(UTC)
        return self._folder / sender / f"{now:%Y-%m-%d}", f"{now:%Y%m%dT%H%M%S.%fZ}-{next(self._names)}"

    def _end(self, *, all_of_them: bool) -> None:
        """Ends files that are old or large enough, and those that could not be ended before."""
        for key, (journal, begun) in list(self._journals.items()):
            old = time.monotonic() - begun >= self._file_seconds
            if all_of_them or old or journal.size >= self._file_bytes:
                self._close(key)
        remaining, self._unfinished = self._unfinished, []
        for hidden in remaining:
            self._finish_file(hidden)

    def _close(self, key: tuple[str, tuple[str, ...]]) -> None:
        journal, _ = self._journals.pop(key)
        try:
            journal.close()
        except OSError:
            self._unfinished.append(journal.hidden)

    def _finish_file(self, hidden: Path) -> None:
        try:
            finish(hidden)
        except OSError:
            self._unfinished.append(hidden)

    def _answer(self, batch: Sequence[_Waiting], failure: NotStoredError | None) -> None:
        with self._room:
            self._bytes -= sum(len(each.delivery.rows) for each in batch)
            self._room.notify_all()
        for each in batch:
            if failure:
                each.done.set_exception(failure)
            else:
                each.done.set_result(None)


def not_stored(error: OSError) -> NotStoredError:
    """What a disk says that did not take something, for a sender."""
    return NotStoredError(f"The disk did not take it ({error.strerror}): send it again later.")


def _batches(waiting: Sequence[_Waiting]) -> list[list[_Waiting]]:
    """Deliveries that can be written down together: of one sender and of the same columns, about different half hours."""
    batches: list[list[_Waiting]] = []
    open_ones: dict[tuple[str, tuple[str, ...]], tuple[list[_Waiting], set[tuple[str, ...]]]] = {}
    for each in waiting:
        key = each.sender, each.delivery.columns
        batch, keys = open_ones.get(key, ([], set()))
        if not batch or keys & each.delivery.keys:
            batch, keys = [], set()
            batches.append(batch)
            open_ones[key] = batch, keys
        batch.append(each)
        keys |= each.delivery.keys
    return batches
