"""Runs the contenders of a case in turn, again and again, and holds what they stored to each other.

What belongs here: order, repetition, and the refusal to report a time for a wrong answer. What does not: what a
contender does, and what the report says of it.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from benchmarks import contenders, facts
from benchmarks.command import ROOT
from benchmarks.goals import DUCKDB, PANDAS, PANDAS_TO_SQL, POLARS
from benchmarks.inputs import Case, Input, prepare
from benchmarks.job import Job, Outcome
from benchmarks.results import Measured
from benchmarks.workplace import Workplace

Log = Callable[[str], None]

_LAST_CHARACTERS: Final = 3000
_ONCE: Final = {PANDAS, PANDAS_TO_SQL, DUCKDB, POLARS}
"""Contenders that run once a case: they take minutes, or nothing is held to them, and a tenth more or less says nothing."""


class ContenderFailedError(Exception):
    """A contender's process ended with an error."""


def measure(case: Case, cache: Path, place: Workplace, *, repeats: int, log: Log) -> Measured:
    """Measures a case.

    Args:
        case: which.
        cache: where its input is kept.
        place: the server.
        repeats: runs of each contender.
        log: told of each run.

    Raises:
        ContenderFailedError: with the end of what it printed.
        WrongFiguresError: contenders disagree with each other or with the input; there is no result then.
    """
    log(f"{case.title}: preparing the input")
    found = prepare(case, cache)
    names = [name for name in contenders.NAMES if name not in case.skipped]
    outcomes = in_turn(case, names, cache, place, repeats=repeats, log=log)
    return Measured.now(
        case.name,
        title=case.title,
        amount={"readings": found.readings, "files": found.files, "dates": len(case.dates), "kWh": found.kwh},
        outcomes=outcomes,
        skipped=dict(case.skipped),
        url=place.url,
    )


def in_turn(
    case: Case, names: Sequence[str], cache: Path, place: Workplace, *, repeats: int, log: Log
) -> dict[str, list[Outcome]]:
    """The runs of some contenders; arguments and errors are those of `measure`."""
    found = prepare(case, cache)
    job = job_of(case, found, place)
    outcomes: dict[str, list[Outcome]] = {name: [] for name in names}
    repeats = min(repeats, case.repeats or repeats)
    for number in range(repeats):
        of_round = [name for name in names if not number or name not in _ONCE]
        # Each round begins with another one, so that none always follows the same.
        first = number % len(of_round)
        for name in of_round[first:] + of_round[:first]:
            place.clear()
            outcome = run_contender(name, job)
            outcomes[name].append(outcome)
            log(f"  {number + 1} of {repeats}: {name} {outcome.seconds:.2f} s")
        facts.compare({name: runs[-1].facts for name, runs in outcomes.items()}, readings=found.readings, kwh=found.kwh)
    place.clear()
    return outcomes


def warm_up(case: Case, cache: Path, place: Workplace, *, log: Log) -> None:
    """Runs every contender once on a small case, so that none is the first to read its libraries from disk."""
    log("a first run of each contender on a small input, which does not count")
    job = job_of(case, prepare(case, cache), place)
    for name in contenders.NAMES:
        place.clear()
        run_contender(name, job)


def run_contender(name: str, job: Job) -> Outcome:
    """Runs a contender once, in a process of its own."""
    ended = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "benchmarks.contenders", name],
        input=job.to_json(),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    if ended.returncode:
        raise ContenderFailedError(f"{name} failed:\n{ended.stderr[-_LAST_CHARACTERS:]}")
    return Outcome.from_json(ended.stdout.splitlines()[-1])


def job_of(case: Case, found: Input, place: Workplace) -> Job:
    """What a contender is given."""
    return Job(
        url=place.url,
        home=place.home,
        scratch=place.scratch,
        readings=found.readings_folder.absolute(),
        reference=found.reference_file.absolute(),
        first=case.first,
        last=case.last,
    )
