"""Stages of a stream that work at the same time: each in a thread of its own, a little ahead of the next.

What belongs here: handing items from one stage to the next. What does not: what a stage does with them.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from queue import Full, Queue
from threading import Event, Thread, local
from typing import Final, Generic, TypeVar

from meter_platform.errors import InternalError

Item = TypeVar("Item")

_WAITING: Final = 2
"""How many items may wait between two stages: two keep both busy, and memory does not grow with the number of items."""

UNBOUNDED: Final = 0
"""For a stage that should not wait for its consumer, whatever that takes of memory."""

_NOTICE_SECONDS: Final = 0.1
"""How often a stage that cannot hand over an item asks whether its consumer has stopped."""

_thread = local()
"""`stage`: the one that the thread runs."""


class UnwantedError(InternalError):
    """The consumer of a stage has stopped: its work in the middle of an item ends. Never seen outside of the stage."""


def leave_if_unwanted() -> None:
    """Ends work that nobody waits for: to be called now and then by whatever takes long over one item.

    Raises:
        UnwantedError: the thread runs a stage whose consumer has stopped, or the consumer's own has.
    """
    stage: _Stage[object] | None = getattr(_thread, "stage", None)
    if stage and stage.is_unwanted:
        raise UnwantedError


@contextmanager
def ended_if_unwanted(end: Callable[[], object]) -> Iterator[None]:
    """Ends work inside that cannot ask for itself, such as a query of a library, when nobody waits for it any more.

    Args:
        end: ends the work, from another thread; the work then returns or raises. Not called where it is over by itself.
    """
    stage: _Stage[object] | None = getattr(_thread, "stage", None)
    if stage is None:
        yield
        return
    over = Event()

    def watch() -> None:
        while not over.wait(_NOTICE_SECONDS):
            if stage.is_unwanted:
                end()
                return

    watcher = Thread(target=watch, name="ended_if_unwanted", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def run_ahead(items: Iterable[Item], *, waiting: int = _WAITING) -> Generator[Item]:
    """Runs an iterator in a thread of its own, a little ahead of its consumer.

    A consumer that stops early, and closes what it was given, ends the iterator, too.

    Args:
        items: what to run; none of them is `None`, which says that there are no more.
        waiting: how many items may wait for the consumer, or `UNBOUNDED`.

    Raises:
        BaseException: whatever the iterator raised, in the consumer's thread, after the items before it.
    """
    stage = _Stage(items, waiting)
    thread = Thread(target=stage.run, name="run_ahead", daemon=True)
    thread.start()
    try:
        while (item := stage.queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stage.stopped.set()
        thread.join()


class _Stage(Generic[Item]):
    """The thread's side of the hand-over: items, an error if there is one, and `None` at the end."""

    def __init__(self, items: Iterable[Item], waiting: int) -> None:
        self._items = items
        self._consumer: _Stage[object] | None = getattr(_thread, "stage", None)
        self.queue: Queue[Item | BaseException | None] = Queue(waiting)
        self.stopped = Event()

    @property
    def is_unwanted(self) -> bool:
        """Whether the consumer has stopped, or whoever consumes what the consumer makes of the items."""
        return self.stopped.is_set() or (self._consumer is not None and self._consumer.is_unwanted)

    def run(self) -> None:
        _thread.stage = self
        try:
            for item in self._items:
                self._put(item)
                if self.stopped.is_set():
                    break
            if isinstance(self._items, Generator):
                self._items.close()
        except BaseException as error:  # noqa: BLE001 - raised again in the consumer's thread
            self._put(error)
        finally:
            self._put(None)

    def _put(self, item: Item | BaseException | None) -> None:
        while not self.stopped.is_set():
            try:
                self.queue.put(item, timeout=_NOTICE_SECONDS)
            except Full:
                continue
            return
