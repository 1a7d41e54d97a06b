"""What the tests of the embedded server share: other server_processes_of, and a look at what is left of a server.

What belongs here: starting Python programs the way users and Dagster start theirs, as another account or under
restrictions if need be. What does not: assertions about the platform.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import psycopg

from meter_platform.embedded_postgres import processes
from meter_platform_tests.places import ROOT

PYTHON: Final = sys.executable
SECONDS: Final = 180
"""What anything may take before a test gives up: far more than it takes on a loaded machine."""

START: Final = """
import sys
from pathlib import Path
from meter_platform.embedded_postgres.server import ensure_running
print(ensure_running(Path(sys.argv[1])), flush=True)
"""
"""A program that starts the server of the home it is given, and prints its URL."""


def python(
    code: str, *arguments: str | Path, before: Sequence[str | Path] = (), user: int | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run `code` in a process of its own and wait until it, and all that holds its output, is done.

    Args:
        code: of the program.
        arguments: from `sys.argv[1]` on.
        before: a command that runs the program under restrictions.
        user: the account (and group) to run as; this process's unless given.
        check: fail if the program does.
    """
    result = subprocess.run(
        [str(part) for part in (*before, PYTHON, "-c", code, *arguments)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        cwd=ROOT,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        check=False,
    )
    assert not check or result.returncode == 0, result.stderr
    return result


def start_python(code: str, *arguments: str | Path) -> "subprocess.Popen[str]":
    """Begin to run `code` in a process group of its own."""
    return subprocess.Popen(
        [PYTHON, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        process_group=0,
    )


def eventually(condition: Callable[[], object]) -> None:
    """Wait until `condition` holds."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def value(url: str, query: str) -> object:
    """The one value that a query gives."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


def server_processes_of(home: Path) -> list[int]:
    """Every process of the home's server, zombies apart."""
    data = home.resolve() / "postgres/data"
    postmasters = [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdecimal() and processes.is_postmaster(int(entry.name), data)
    ]
    return postmasters + processes.children(data)


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    return processes.is_alive(pid)


def owner(path: Path) -> int:
    """The user id that a file belongs to."""
    return path.lstat().st_uid


def is_root() -> bool:
    """Whether these tests run as root, in a container as a rule."""
    return os.geteuid() == 0
