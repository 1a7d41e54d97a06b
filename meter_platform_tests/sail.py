"""Sail for tests: a Spark Connect server in one process without Java, which starts at once.

What belongs here: starting and ending it. What does not: sessions with it.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_SERVE: Final = """
import sys
from pysail.spark import SparkConnectServer
server = SparkConnectServer("127.0.0.1", 0)
server.start()
print(server.listening_address[1], flush=True)
sys.stdin.read()
"""


@contextmanager
def sail_process() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server on a free port: its URL, and its process."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stdout is not None
        try:
            yield f"sc://127.0.0.1:{int(process.stdout.readline())}", process
        finally:
            process.kill()
