"""Generated sample input: reading files and a reference database, as a supplier would hand them over.

What belongs here: invented homes with believable loads and agreements, written in the two forms that the sources read.
What does not: reading or validating them, faulty input (a test spoils its own copy), Dagster.

The figures come from integer arithmetic on numbered draws, not from a generator with a state: a reading depends on
the seed, its meterpoint and its half hour, and on nothing else. Thus one plan always gives the same bytes, the same
readings come out whatever files they are spread over, and memory holds one block of them at a time. Seasons are the
northern hemisphere's.
"""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Final

import numpy as np

from meter_platform.sample.chance import is_taken
from meter_platform.sample.homes import consumption, homes_of
from meter_platform.sample.plan import SamplePlan, SampleSummary
from meter_platform.sample.reading_files import COMPACT, PRETTY, file_count, planned_files, printed_rows, shuffled
from meter_platform.sample.reference_database import write_reference
from meter_platform.sample.whole_files import replacing

Progress = Callable[[int, int], None]

_BLOCK: Final = 250_000
"""Readings made and held at a time: some 100 MB, and enough of them that the calls around them cost nothing."""


def generate(plan: SamplePlan, out: Path, progress: Progress | None = None) -> SampleSummary:
    """Write the sample: `out/readings/*.json` and `out/reference.db`.

    A file appears whole or not at all. Files of the same names are replaced, others are left where they are, so that a
    later plan can deliver more days beside earlier ones.

    Args:
        plan: what to generate.
        out: the folder to write to; created if need be.
        progress: called after each reading file with the files written so far and the files in all.
    """
    folder = out / "readings"
    folder.mkdir(parents=True, exist_ok=True)
    homes = homes_of(plan)
    agreements = write_reference(plan, homes, out / "reference.db")

    written = readings = wh = 0
    total = file_count(plan)
    for name, part, half_hours in planned_files(plan, homes):
        style = PRETTY if is_taken(written, plan.pretty) else COMPACT
        with (
            replacing(folder / f"{name}.json") as temporary,
            temporary.open("w", encoding="ascii", newline="\n") as file,
        ):
            file.write(style.opening)
            before = ""
            for block in part.blocks(max(1, _BLOCK // half_hours.count)):
                values = consumption(plan.seed, block, half_hours)
                order = (
                    shuffled(plan.seed, block, half_hours)
                    if is_taken(written, plan.shuffled)
                    else np.arange(values.size)
                )
                file.write(before + style.between.join(printed_rows(style, block, half_hours, values, order)))
                before = style.between
                readings += values.size
                wh += int(values.sum())
            file.write(style.closing)
        written += 1
        if progress is not None:
            progress(written, total)
    return SampleSummary(
        files=written,
        readings=readings,
        meterpoints=plan.meterpoints,
        agreements=agreements,
        kwh=Decimal(wh).scaleb(-3),
    )
