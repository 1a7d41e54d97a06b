"""A warm process that runs a contender once for each line it is given: `python -m benchmarks.quick.worker NAME`.

What is imported and opened once does not count, so that many short runs fit into a minute. What belongs here: the process and
its stopwatch. What does not: the server's share (`processor.py`), what is run when (`pairs.py`).
"""

import json
import sys
import time
from collections.abc import Callable

from benchmarks import contenders
from benchmarks.goals import PLATFORM
from benchmarks.job import Job
from meter_platform.orchestration.run import run_dates
from meter_platform.settings import Settings


class RunFailedError(Exception):
    """A run of the platform did not store everything."""


def main() -> None:
    """Runs a job for each line, and prints what it took as a line of JSON."""
    run = _platform if sys.argv[1] == PLATFORM else _script(sys.argv[1])
    for line in sys.stdin:
        job = Job.from_json(line)
        began, processor_began = time.perf_counter(), time.process_time()
        run(job)
        took = {"seconds": time.perf_counter() - began, "processor_seconds": time.process_time() - processor_began}
        sys.stdout.write(json.dumps(took) + "\n")
        sys.stdout.flush()


def _platform(job: Job) -> None:
    """All of a run, with its planning; definitions are made anew, as a command would."""
    settings = Settings.from_environment().model_copy(
        update={
            "readings_url": str(job.readings),
            "reference_url": f"sqlite:///{job.reference}",
            "first_reference_date": job.first,
        }
    )
    outcome = run_dates(
        settings, job.first, job.last, assets=None if job.selection == "*" else job.selection.split(",")
    )
    if not outcome.succeeded:
        raise RunFailedError(str(outcome.errors))


def _script(name: str) -> Callable[[Job], object]:
    return contenders.load(name).run


if __name__ == "__main__":
    main()
