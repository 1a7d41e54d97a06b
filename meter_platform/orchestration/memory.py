"""How a process handles memory while a run lasts.

What belongs here: what is other than Python's and Arrow's defaults, and that it is undone. What does not: how long it is so
(`composition.py`).
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pyarrow as pa

_OBJECTS: Final = 50_000
"""New objects between two collections, some 10 MB. Python's default is 700."""

_GENERATIONS: Final = 20
"""Collections of new objects before those that outlived one are looked at again. Python's default is 10."""


@contextmanager
def patient_collector() -> Iterator[None]:
    """Lets the collector run less often, and never on objects that exist already; afterwards everything is as before.

    A run makes many objects that live for a while (rows, files). At Python's defaults the collector would go through the
    million objects of all loaded modules each time some thousands were added, and free none: that takes longer than the
    work itself.
    """
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_OBJECTS, _GENERATIONS, thresholds[2])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


@contextmanager
def freed_memory_given_back() -> Iterator[None]:
    """Has Arrow take memory from the system's own allocator, and give it back at once; afterwards from its own, as before.

    Arrow's own keeps freed pages for what comes next: 45 MB more while readings are loaded, and no faster.
    """
    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)
