"""Runs of the platform over dates of which nothing is known yet, in a database that keeps what came before.

What belongs here: making the input of such dates, and running them. What does not: what is measured by it.
"""

import shutil
from dataclasses import replace
from pathlib import Path

from benchmarks.contenders import platform
from benchmarks.job import Job, Outcome
from benchmarks.workplace import Workplace
from meter_platform.sample.generate import generate
from meter_platform.sample.plan import SamplePlan


def run_new_dates(place: Workplace, readings: Path, plan: SamplePlan) -> Outcome:
    """Puts the files of a plan among those that are known, and runs its dates.

    Args:
        place: whose database keeps what was stored before.
        readings: the folder of all reading files.
        plan: of dates that come after those that are stored.
    """
    made = place.scratch / f"dates-from-{plan.first}"
    generate(plan, made)
    shutil.move(made / "readings", readings / f"{plan.first}")
    job = Job(
        url=place.url,
        home=place.home,
        scratch=place.scratch,
        readings=readings,
        reference=made / "reference.db",
        first=plan.first,
        last=plan.last,
    )
    try:
        return replace(platform.run(job), facts={}, raw_seconds=None)
    finally:
        shutil.rmtree(made)
