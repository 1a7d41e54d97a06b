"""Which processes belong to a data directory.

What belongs here: reading `postmaster.pid` and the process table, and comparing the two. A process id in a file proves
nothing by itself: after a crash, or in another container, another process may have that number. What does not: signals
and locks (`server.py`).
"""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from meter_platform.embedded_postgres import names

_PROC: Final = Path("/proc")
_DELETED: Final = " (deleted)"
"""What Linux writes behind the name of a folder that was deleted (proc(5))."""

_SOCKET_LINE: Final = 4
_STATUS_LINE: Final = 7
"""Lines of `postmaster.pid`, counted from 0 (miscadmin.h): where it listens, and whether it accepts connections."""


@dataclass(frozen=True, slots=True)
class Postmaster:
    """The living head of a server.

    Attributes:
        pid: its process.
        socket_directory: where it listens, or will: empty for a moment while it starts.
        ready: whether it said that it accepts connections.
    """

    pid: int
    socket_directory: str
    ready: bool


def cluster_name(data: Path) -> str:
    """What the server of `data` calls itself in the title of each of its processes."""
    return names.CLUSTER_NAME.format(digest=hashlib.sha256(os.fsencode(data)).hexdigest()[:12])


def postmaster(data: Path) -> Postmaster | None:
    """The postmaster that serves `data`, if it lives: neither a zombie nor another process with its old number."""
    lines = _pid_file(data)
    if not lines[0].isdecimal() or not is_postmaster(int(lines[0]), data):
        return None
    return Postmaster(int(lines[0]), lines[_SOCKET_LINE], ready=lines[_STATUS_LINE].strip() == "ready")


def recorded_socket_directory(data: Path) -> Path | None:
    """Where the last server of `data` listened, whether or not it lives; `None` if it ended in good order."""
    recorded = _pid_file(data)[_SOCKET_LINE]
    return Path(recorded) if recorded else None


def is_postmaster(pid: int, data: Path) -> bool:
    """Whether the process `pid` is a `postgres -D …` of this data directory."""
    text = command(pid)
    if text.endswith(f"postgres -D {data}"):
        return True
    # A home that was moved, or is mounted elsewhere: it was started by another name.
    return "postgres -D " in text and _works_in(pid, data)


def children(data: Path) -> list[int]:
    """The processes that the server of `data` forked, also those that live on after its postmaster was killed."""
    # Postgres writes its cluster_name into every title, where it can be read without any right over the process.
    title = f"postgres: {cluster_name(data)}: "
    return [pid for pid, text in _processes() if text.startswith(title)]


def of_deleted_folder(data: Path) -> list[int]:
    """Postmasters whose data folder had this name and was deleted; another folder may have the name now.

    Where there is no /proc (macOS) none is found.
    """
    found = []
    for pid, text in _processes():
        if text.endswith(f"postgres -D {data}"):
            try:
                folder = (_PROC / str(pid) / "cwd").readlink()
            except OSError:
                continue  # it ended, it is not ours to look at, or there is no /proc
            if folder == Path(f"{data}{_DELETED}"):
                found.append(pid)
    return found


def is_alive(pid: int) -> bool:
    """Whether the process `pid` exists and is no zombie."""
    # Not by its command line, which is empty for a moment while a program takes the place of another.
    if _PROC.joinpath("self").exists():
        try:
            # "Z" or "X" behind the name, which is in parentheses and may hold any.
            state = (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()[0].decode()
        except (FileNotFoundError, ProcessLookupError):
            return False
    else:
        state = _ps("-p", str(pid), "-o", "state=").strip()
    return state[:1] not in {"", "Z", "X"}


def command(pid: int) -> str:
    """The command line of a process, its arguments joined by spaces; empty for a zombie or when there is none."""
    if _PROC.joinpath("self").exists():
        try:
            return _text(_PROC / str(pid))
        except (FileNotFoundError, ProcessLookupError):
            return ""
    return _ps("-p", str(pid), "-o", "command=").strip()


def _works_in(pid: int, data: Path) -> bool:
    try:
        return (_PROC / str(pid) / "cwd").samefile(data)
    except OSError:
        return False  # gone, or not ours to look at


def _pid_file(data: Path) -> list[str]:
    try:
        lines = os.fsdecode((data / "postmaster.pid").read_bytes()).splitlines()
    except FileNotFoundError:
        lines = []
    # It grows while the server starts.
    return lines + [""] * (_STATUS_LINE + 1 - len(lines))


def _processes() -> Iterator[tuple[int, str]]:
    if not _PROC.joinpath("self").exists():
        for line in _ps("-ax", "-o", "pid=,command=").splitlines():
            pid, _, text = line.strip().partition(" ")
            yield int(pid), text
        return
    for entry in _PROC.iterdir():
        if entry.name.isdecimal():
            try:
                yield int(entry.name), _text(entry)
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked


def _text(process: Path) -> str:
    return os.fsdecode(process.joinpath("cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" "))


def _ps(*arguments: str) -> str:
    # Where there is no /proc (macOS). ps reports a process that does not exist by its exit status.
    return subprocess.run(  # noqa: S603 - numbers and constants
        ["/bin/ps", "-ww", *arguments], capture_output=True, text=True, check=False
    ).stdout
