"""The platform itself, by its own commands: one date by Dagster's, a range by its own.

The whole command is timed from outside. The time inside the run is what Dagster recorded, from the run's start to its
success; that of the raw load is of the step `raw_meter_readings`.

What does not belong here: heavy imports before the command has ended, for the peak that the operating system reports
for a child includes what the parent held when it started it.
"""

import os
import time
from contextlib import closing
from typing import Final

import psycopg

from benchmarks.command import run_command
from benchmarks.facts import all_facts, stored_bytes
from benchmarks.job import Job, Outcome
from benchmarks.workplace import environment

_RAW_LOAD: Final = "raw_meter_readings"


class NoRunError(Exception):
    """The command ended well, and Dagster knows of no run that did."""


def run(job: Job) -> Outcome:
    """Materialises every table, whose rows are gone, by one command; or some tables, where the job says so."""
    variables = environment(
        job.home,
        READINGS_URL=str(job.readings),
        REFERENCE_URL=f"sqlite:///{job.reference}",
        FIRST_REFERENCE_DATE="2021-01-01",
        TRANSFORMATIONS="off",  # what analysts add is there only where dbt is installed, and no other contender makes it
    )
    began = time.time()
    command = run_command(_arguments(job), variables, job.scratch / "platform.log")
    outcome = _recorded(began, variables)
    outcome.command_seconds = command.seconds
    outcome.peak_rss = command.peak_rss
    with closing(psycopg.connect(job.url, options="-c timezone=UTC")) as connection:
        outcome.facts = all_facts(connection, "raw_data", "analytics")
        outcome.stored_bytes = stored_bytes(connection, "raw_data")
    return outcome


def _arguments(job: Job) -> list[str]:
    first, last = job.first.isoformat(), job.last.isoformat()
    if first == last:
        return [
            "dagster",
            "asset",
            "materialize",
            "--select",
            job.selection,
            "--partition",
            first,
            "-m",
            "meter_platform.definitions",
        ]
    return ["meter-platform", "run", "--reference-date", first, "--to", last]


def _recorded(began: float, variables: dict[str, str]) -> Outcome:
    """What Dagster's record says of the run, with the time of each step."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        return _recorded_since(began)
    finally:
        os.environ.clear()
        os.environ.update(before)


def _recorded_since(began: float) -> Outcome:
    from meter_platform.orchestration.instance import instance  # noqa: PLC0415 - see the module's docstring

    with instance() as dagster:
        record = next(iter(dagster.get_run_records(limit=1)), None)
        if record is None or not record.start_time or not record.end_time or record.start_time < began:
            raise NoRunError("the platform's command left no finished run in Dagster's storage")
        steps = {
            step.step_key: step.end_time - step.start_time
            for step in dagster.get_run_step_stats(record.dagster_run.run_id)
            if step.start_time and step.end_time
        }
    return Outcome(seconds=record.end_time - record.start_time, raw_seconds=steps[_RAW_LOAD], phases=steps)
