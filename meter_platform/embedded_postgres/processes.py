"""Which processes belong to a data directory.

What belongs here: reading `postmaster.pid` and the process table, and comparing the two. A process id in a file proves
nothing by itself: after a crash, or in another container, another process may have that number. What does not: signals
and locks (`server.py`).
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
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
    import psutil  # noqa: PLC0415 - a warm start does without

    # Not by its command line, which is empty for a moment while a program takes the place of another.
    try:
        return psutil.Process(pid).status() not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
    except psutil.NoSuchProcess:
        return False


def command(pid: int) -> str:
    """The command line of a process, its arguments joined by spaces; empty for a zombie or when there is none."""
    import psutil  # noqa: PLC0415 - as above

    try:
        return _joined(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""


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
    import psutil  # noqa: PLC0415 - as above

    for process in psutil.process_iter(["cmdline"]):
        yield process.pid, _joined(process.info["cmdline"] or ())


def _joined(arguments: Iterable[str]) -> str:
    # Of a title that a process gave itself, what is left of its arguments' memory follows as empty ones.
    return " ".join(arguments).rstrip()
