"""Loads in processes of their own, several at once, some of them killed.

What belongs here: a program that has everything imported and forks a process for each load it is asked for, and the
handle that tests hold of it. What does not: what is loaded, and what should come of it.
"""

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database
from meter_platform_tests.ingestion.delivered import load


@dataclass(frozen=True)
class Outcome:
    """How a load ended: what its report says of the files, or how long it lived."""

    facts: dict[str, Any] | None
    seconds: float


class Loader:
    """The program, running."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, *loads: Sequence[date], kill_after: float | None = None) -> list[Outcome]:
        """Runs loads of dates at the same time, each in its process, and waits for all.

        Args:
            loads: the dates of each.
            kill_after: seconds after which those that still run are killed as they stand.
        """
        request = {
            "database": self._database.url,
            "folder": str(self._folder),
            "loads": [[day.isoformat() for day in dates] for dates in loads],
            "kill_after": kill_after,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return [Outcome(**outcome) for outcome in json.loads(self._process.stdout.readline())]

    def close(self) -> None:
        """Ends the program; no load of it runs then."""
        self._process.communicate()
        assert self._process.returncode == 0


def _child(request: dict[str, Any], dates: list[str], answer: int) -> None:
    """One load; its report goes to a pipe."""
    settings = Settings(home=Path("/nonexistent"))
    report = load(
        Database(request["database"]), settings, Path(request["folder"]), [date.fromisoformat(day) for day in dates]
    )
    os.write(answer, json.dumps(report.facts).encode())


def _serve(request: dict[str, Any]) -> list[dict[str, Any]]:
    children = []
    for dates in request["loads"]:
        ours, theirs = os.pipe()
        begun = time.monotonic()
        pid = os.fork()
        if pid == 0:
            try:
                _child(request, dates, theirs)
                os._exit(0)
            except BaseException:  # noqa: BLE001 - a forked process has no one above it
                traceback.print_exc()
            os._exit(1)
        os.close(theirs)
        children.append((pid, ours, begun))
    if request["kill_after"] is not None:
        time.sleep(request["kill_after"])
        for pid, _, _ in children:
            os.kill(pid, signal.SIGKILL)
    outcomes = []
    for pid, ours, begun in children:
        with os.fdopen(ours) as answer:
            text = answer.read()
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        assert code in ({0} if request["kill_after"] is None else {0, -signal.SIGKILL}), f"a load failed: {code}"
        outcomes.append({"facts": json.loads(text) if text else None, "seconds": time.monotonic() - begun})
    return outcomes


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_serve(json.loads(line))) + "\n")
        sys.stdout.flush()
