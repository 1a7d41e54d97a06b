"""Python's garbage collector, told to be patient while many objects are made.

What belongs here: the one switch. What does not: what is done meanwhile.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_OBJECTS: Final = 50_000
"""New objects between two looks, some 10 MB. The default is 700."""


@contextmanager
def patient_collector() -> Iterator[None]:
    """Lets the collector look at new objects less often, and at all there are hardly ever.

    Where many objects are made that stay for a while (rows, files), it looks at the million objects of all modules each
    time their number has grown by some thousands, in vain, and takes longer than the work itself.
    """
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
