"""The memory that a process held at most.

What belongs here: asking about this process. What does not: a command, which is asked about from outside (`command.py`).

A process that was started from another one begins with the other's peak in its `ru_maxrss`: the kernel counts the moment
between the two, in which both are the same memory. A small process that a large one started is so found to be as large.
"""

import re
import resource
import sys
from pathlib import Path
from typing import Final

KILOBYTE: Final = 1024 if sys.platform != "darwin" else 1
"""What `ru_maxrss` counts in."""

_STATUS: Final = Path("/proc/self/status")


def own_peak() -> int:
    """Bytes that this process held at most.

    Where there is no `/proc` they may be what its parent held.
    """
    found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text(encoding="ascii")) if _STATUS.exists() else None
    return int(found[1]) * 1024 if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KILOBYTE
