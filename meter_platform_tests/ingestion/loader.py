"""Loads in processes of their own, several at once, some of them killed.

What belongs here: starting, killing and ending such loads. What does not: what is loaded, and what should come of it.
"""

import json
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database
from meter_platform_tests.forked import Forked
from meter_platform_tests.ingestion.delivered import load


@dataclass(frozen=True)
class Outcome:
    """How a load ended: what its report says of the files, or how long it lived."""

    facts: dict[str, Any] | None
    seconds: float


@dataclass(frozen=True)
class Loader:
    """Loads of a folder into a database."""

    database: Database
    folder: Path

    def run(self, *loads: Sequence[date], kill_after: float | None = None) -> list[Outcome]:
        """Runs loads of dates at the same time, each in its process, and waits for all.

        Args:
            loads: the dates of each.
            kill_after: seconds after which those that still run are killed as they stand.
        """
        begun = time.monotonic()
        started = [Forked(_load, self.database.url, self.folder, [*dates]) for dates in loads]
        if kill_after is not None:
            time.sleep(kill_after)
            for process in started:
                process.send_signal(signal.SIGKILL)
        outcomes = []
        for process in started:
            done = process.wait()
            assert done.returncode in ({0} if kill_after is None else {0, -signal.SIGKILL}), done.stderr
            outcomes.append(Outcome(json.loads(done.stdout) if done.stdout else None, time.monotonic() - begun))
        return outcomes


def _load(url: str, folder: Path, dates: list[date]) -> None:
    """One load; it prints its report."""
    report = load(Database(url), Settings(home=Path("/nonexistent")), folder, dates)
    print(json.dumps(report.facts), flush=True)  # noqa: T201 - whoever started it reads that
