"""Python's garbage collector, kept from looking at the same objects again and again.

What belongs here: the one switch. What does not: what is done meanwhile.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def only_new_objects() -> Iterator[None]:
    """Lets the collector look at what is made inside, and not at the million objects that modules are made of.

    Where many objects are made that stay for a while (rows, files), it looks at all there are each time their number
    has grown by a quarter, in vain, and takes longer than the work itself.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
