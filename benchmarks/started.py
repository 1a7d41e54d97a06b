"""Runs a command for `command.py`, and prints its seconds, its peak memory and its status: `python -m benchmarks.started`.

What belongs here: one child, asked about from a process that is small. What does not: imports of anything large, for a process
begins with its parent's peak (`memory.py`).
"""

import json
import os
import subprocess
import sys
import time

from benchmarks.memory import KILOBYTE


def main(printed: str, *command: str) -> None:
    """Runs it, and sends what it prints to a file."""
    with open(printed, "wb") as out:  # noqa: PTH123 - as the module's docstring says
        began = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)  # noqa: S603 - our own programs
        # Unlike `wait`, this says what the one child used.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    said = {"seconds": seconds, "peak_rss": usage.ru_maxrss * KILOBYTE, "status": process.returncode}
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
