"""Runs a command of the platform as a person would, and takes its time and its memory.

What belongs here: one child process. What does not: which commands, and what they leave behind.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
"""The clone: where commands are started."""

_LAST_LINES: Final = 30


class CommandFailedError(Exception):
    """A command ended with another status than 0."""


@dataclass(frozen=True, slots=True)
class CommandRun:
    """How a command went.

    Attributes:
        seconds: from its start to its end.
        peak_rss: bytes that the largest of its processes held at most.
        printed: what it printed, standard error included.
    """

    seconds: float
    peak_rss: int
    printed: Path


def run_command(arguments: Sequence[str], environment: Mapping[str, str], printed: Path) -> CommandRun:
    """Runs a command whose program is in this environment's folder of programs.

    Args:
        arguments: the program's name and its arguments.
        environment: the whole of it.
        printed: the file that its output goes to.

    Raises:
        CommandFailedError: with the end of what it printed.
    """
    program = Path(sys.executable).with_name(arguments[0])
    done = subprocess.run(  # noqa: S603 - our own programs
        [sys.executable, "-m", "benchmarks.started", printed, program, *arguments[1:]],
        env=dict(environment),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=True,
    )
    said = json.loads(done.stdout)
    if said["status"]:
        lines = printed.read_text(encoding="utf-8", errors="replace").splitlines()
        raise CommandFailedError("\n".join([f"{' '.join(arguments)} failed:", *lines[-_LAST_LINES:]]))
    return CommandRun(said["seconds"], said["peak_rss"], printed)
