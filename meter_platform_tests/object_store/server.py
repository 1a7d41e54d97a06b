"""The server: moto's, which keeps everything in memory and asks for no password. Run as a program, it prints its port."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from moto.server import ThreadedMotoServer


@contextmanager
def object_store() -> Iterator[int]:
    """A running server on this machine, by its port."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # it writes a line for each request
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, "the object store did not start"
        yield int(line)
    finally:
        process.communicate()  # it ends with its input


if __name__ == "__main__":
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    print(port, flush=True)  # noqa: T201 - whoever started it reads this
    sys.stdin.read()
