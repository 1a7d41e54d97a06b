"""Python's garbage collector, told to be patient.

What belongs here: how patient it is. What does not: since when (`definitions.py`, for every process of the platform).
"""

import gc
from typing import Final

_OBJECTS: Final = 50_000
"""New objects between two looks, some 10 MB. The default is 700."""

_LOOKS: Final = 20
"""Looks at new objects before those that outlived one are looked at again. The default is 10."""


def be_patient() -> None:
    """Lets the collector look at new objects less often, and at those that there are now never again.

    Where many objects are made that stay for a while (rows, files), it looks at the million objects of all modules each
    time their number has grown by some thousands, in vain, and takes longer than the work itself.
    """
    gc.freeze()
    gc.set_threshold(_OBJECTS, _LOOKS, gc.get_threshold()[2])
