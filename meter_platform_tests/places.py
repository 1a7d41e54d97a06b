"""Where things are: the checkout, the public input that may stand beside it, and where files are quick.

What belongs here: paths. What does not: reading what is there.
"""

import os
import shutil
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
"""The checkout."""

SHARED: Final = ROOT.parent / "shared"
"""Real input and public cases, which are not a part of the project; tests that need them skip where they are absent."""

CASES: Final = SHARED / "cases"
CASE_STUDY: Final = SHARED / "case_study"

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - what is made in it has a folder of its own
_ROOM_BYTES: Final = 4 * 1024**3
"""Several times what the tests' databases take. Docker's default is 64 MB."""


def in_memory() -> Path | None:
    """A folder whose files are in memory, for thousands that are soon removed; None where there is none with room."""
    usable = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES
    return _MEMORY if usable else None
