"""Runs of the platform and of the script in turn, on small input, and what each of them took.

What belongs here: the cases of the short benchmark, and one round of them. What does not: how many rounds there are, and what
follows from them (`guard.py`, `__main__.py`).
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import IO, Final, Self, cast

import psutil

from benchmarks import late
from benchmarks.command import ROOT
from benchmarks.goals import PLATFORM, REFERENCE
from benchmarks.inputs import Case, Input, prepare
from benchmarks.job import Job
from benchmarks.quick.guard import Pair, Took
from benchmarks.quick.processor import machine_seconds, server_seconds
from benchmarks.session import ContenderFailedError, job_of
from benchmarks.workplace import Workplace, environment
from meter_platform.embedded_postgres import server

_DATE: Final = Case(name="date", title="480,000 readings of a date in 10 files", meterpoints=10_000, files=10)
_FILES: Final = Case(
    name="files", title="240,000 readings of a date in 5,000 files", meterpoints=5_000, files="per_meterpoint"
)
_RANGE: Final = Case(name="range", title="30 dates x 50 meterpoints", meterpoints=50, files=10, last=date(2021, 1, 30))
CASES: Final = (_DATE, _FILES, _RANGE)
WITH_LATE: Final = _DATE
"""The case after which a correction comes."""

LATE: Final = "late"

TITLES: Final = {case.name: case.title for case in CASES} | {
    LATE: "one corrected reading in a date of 480,000, against the script's load of it"
}
"""What is measured: each has what the others have little of."""

_SETTLING_SECONDS: Final = 0.2
"""For the processes that served the connections of a run to end."""


@dataclass(frozen=True, slots=True)
class _Worker:
    """A warm process of a contender."""

    name: str
    asks: IO[str]
    answers: IO[str]

    def run(self, job: Job, data_directory: Path) -> Took:
        server_before, machine_before, began = server_seconds(data_directory), machine_seconds(), time.perf_counter()
        self.asks.write(job.to_json() + "\n")
        self.asks.flush()
        answer = self.answers.readline()
        if not answer:
            raise ContenderFailedError(f"{self.name} failed: what it printed stands above")
        took = json.loads(answer)
        time.sleep(_SETTLING_SECONDS)
        ours = took["processor_seconds"] + server_seconds(data_directory) - server_before
        capacity = (time.perf_counter() - began) * (psutil.cpu_count() or 1)
        others = (machine_seconds() - machine_before - ours) / capacity
        return Took(took["seconds"], ours, max(0.0, others))


@dataclass(frozen=True, slots=True)
class Pairs:
    """Both contenders, warm.

    Attributes:
        cache: the folder in which input is kept.
        place: the server, which is emptied before each first load.
    """

    cache: Path
    place: Workplace
    data_directory: Path
    workers: dict[str, _Worker]

    @classmethod
    @contextmanager
    def opened(cls, cache: Path, place: Workplace) -> Iterator[Self]:
        """Starts both; they end with the block."""
        with ExitStack() as stack:
            workers = {name: stack.enter_context(_worker(name, place)) for name in (PLATFORM, REFERENCE)}
            yield cls(cache, place, server.status(place.home).data_directory, workers)

    def round(self) -> Iterator[tuple[str, Pair]]:
        """A pair of each case.

        Raises:
            ContenderFailedError: a process ended with an error, which it has printed.
        """
        for case in CASES:
            found = prepare(case, self.cache)
            job = job_of(case, found, self.place)
            reference = self._first(REFERENCE, job)
            if case is not WITH_LATE:
                yield case.name, Pair(self._first(PLATFORM, job), reference)
                continue
            job = replace(job, readings=late.linked_folder(found, self.place))
            yield case.name, Pair(self._first(PLATFORM, job), reference)
            yield LATE, Pair(self._late(job, found), reference)

    def _first(self, name: str, job: Job) -> Took:
        self.place.clear()
        return self.workers[name].run(job, self.data_directory)

    def _late(self, job: Job, found: Input) -> Took:
        late.corrected_reading(job.readings, found)
        return self.workers[PLATFORM].run(replace(job, selection=late.FOLLOWING), self.data_directory)


@contextmanager
def _worker(name: str, place: Workplace) -> Iterator[_Worker]:
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "benchmarks.quick.worker", name],
        # dbt's models are made by no script, and in processes whose work would count as others'.
        env={**environment(place.home, TRANSFORMATIONS="off"), "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield _Worker(name, cast("IO[str]", process.stdin), cast("IO[str]", process.stdout))
        process.communicate()
