"""What a contender is given and what it gives back, across a process boundary.

What belongs here: two records, their JSON, and the stopwatch of phases. What does not: running anything.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run of one contender.

    Attributes:
        url: libpq URL of the server; database and account of the platform.
        home: the platform's home, for contenders that start it.
        scratch: a folder for files made outside of the timing.
        readings: folder of reading files.
        reference: the reference database (SQLite).
        first: the first reference date.
        last: the last one, included.
        selection: the assets of a single date that are materialised, for the platform.
    """

    url: str
    home: Path
    scratch: Path
    readings: Path
    reference: Path
    first: date
    last: date
    selection: str = "*"

    def to_json(self) -> str:
        """The job as text."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> "Job":
        """The job that `to_json` wrote."""
        values = json.loads(text)
        return cls(
            url=values["url"],
            home=Path(values["home"]),
            scratch=Path(values["scratch"]),
            readings=Path(values["readings"]),
            reference=Path(values["reference"]),
            first=date.fromisoformat(values["first"]),
            last=date.fromisoformat(values["last"]),
            selection=values["selection"],
        )


@dataclass(slots=True, kw_only=True)
class Outcome:
    """How a run went.

    Attributes:
        seconds: from the first byte read to everything committed, without starting a process or importing.
        raw_seconds: of it, until the readings are stored and indexed; `None` where that cannot be told apart.
        command_seconds: of the whole command, for a contender that is one.
        peak_rss: bytes that the contender's process held at most.
        phases: seconds of each part, in order.
        facts: what it stored, see `facts.py`.
        note: anything that a reader must know.
        requests: how often an object store was asked, where there is one.
        stored_bytes: what the readings take on the server's disk, their key included.
    """

    seconds: float
    raw_seconds: float | None = None
    command_seconds: float | None = None
    peak_rss: int = 0
    phases: dict[str, float] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    note: str = ""
    requests: int | None = None
    stored_bytes: int | None = None

    def to_json(self) -> str:
        """The outcome as text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Outcome":
        """The outcome that `to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        return cls(**values)


class Phases:
    """A stopwatch: seconds of each named part, and of all since it was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Takes the time of the block."""
        began = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - began

    @property
    def total(self) -> float:
        """Seconds so far."""
        return time.perf_counter() - self._began
