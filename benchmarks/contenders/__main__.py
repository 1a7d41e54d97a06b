"""One run of one contender in a process of its own: `python -m benchmarks.contenders NAME`, the job on stdin.

The last line on stdout is the outcome. A process that ends takes its memory and its caches with it, so that no
contender pays for another's garbage and each one's peak memory is its own.
"""

import re
import resource
import sys
from pathlib import Path
from typing import Final

from benchmarks import contenders
from benchmarks.job import Job

_STATUS: Final = Path("/proc/self/status")


def main() -> None:
    """Runs the contender named on the command line."""
    outcome = contenders.load(sys.argv[1]).run(Job.from_json(sys.stdin.read()))
    # A contender that starts another process has said what that one held.
    outcome.peak_rss = outcome.peak_rss or _peak_rss()
    sys.stdout.write(outcome.to_json() + "\n")


def _peak_rss() -> int:
    """Bytes this process held at most.

    What `getrusage` says includes what the parent held when it started us.
    """
    found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text(encoding="ascii")) if _STATUS.exists() else None
    return int(found[1]) * 1024 if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
