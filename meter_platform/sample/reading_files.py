"""The reading files of a sample: which there are, and how their rows are printed."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from meter_platform.sample.chance import Integers, Topic, draw
from meter_platform.sample.homes import MOST, HalfHours, Homes, half_hours_of
from meter_platform.sample.plan import SamplePlan
from meter_platform.settlement import days

_Texts = NDArray[np.object_]


class _Style(NamedTuple):
    """How a reading file is printed: what stands around the rows, and around the three values of a row."""

    opening: str
    closing: str
    between: str
    before_label: str
    after_label: str
    before_id: str
    after_id: str


COMPACT: Final = _Style(
    opening='{"columns":["interval_start","consumption_delta","meterpoint_id"],"data":[',
    closing="]}",
    between=",",
    before_label='["',
    after_label='",',
    before_id=',"',
    after_id='"]',
)
PRETTY: Final = _Style(
    opening='{\n  "columns": [\n    "interval_start",\n    "consumption_delta",\n    "meterpoint_id"\n  ],\n'
    '  "data": [\n',
    closing="\n  ]\n}",
    between=",\n",
    before_label='    [\n      "',
    after_label='",\n      ',
    before_id=',\n      "',
    after_id='"\n    ]',
)

_KWH: Final = np.array([repr(wh / 1000) for wh in range(MOST + 1)], dtype=object)
"""Every possible reading as JSON prints it: the shortest decimal, which for thousandths is the exact one."""


def file_count(plan: SamplePlan) -> int:
    """How many reading files a plan makes."""
    if plan.files == "per_meterpoint":
        return plan.meterpoints
    if plan.files == "per_day":
        return (plan.last - plan.first).days + 1
    return plan.files


def planned_files(plan: SamplePlan, homes: Homes) -> Iterator[tuple[str, Homes, HalfHours]]:
    """The name, the meterpoints and the half hours of each file."""
    if plan.files == "per_day":
        for day in days(plan.first, plan.last):
            yield day.isoformat(), homes, half_hours_of(plan, day, day)
        return
    count = file_count(plan)
    half_hours = half_hours_of(plan, plan.first, plan.last)
    for index in range(count):
        start, stop = (place * plan.meterpoints // count for place in (index, index + 1))
        name = homes.ids[index] if plan.files == "per_meterpoint" else f"readings-{index:05d}"
        yield name, homes.part(start, stop), half_hours


def shuffled(seed: int, homes: Homes, half_hours: HalfHours) -> Integers:
    """Places in the matrix of readings, in random order but for half hours that share a label."""
    keys = draw(seed, Topic.ORDER, homes.number[:, np.newaxis], half_hours.number)
    earlier, later = half_hours.repeats
    keys[:, earlier], keys[:, later] = (
        np.minimum(keys[:, earlier], keys[:, later]),
        np.maximum(keys[:, earlier], keys[:, later]),
    )
    return np.argsort(keys, axis=None, kind="stable")


def printed_rows(style: _Style, homes: Homes, half_hours: HalfHours, values: Integers, order: Integers) -> list[str]:
    """The readings as text, in the order given."""
    heads: _Texts = np.array(
        [style.before_label + label + style.after_label for label in half_hours.labels], dtype=object
    )
    tails: _Texts = np.array([style.before_id + name + style.after_id for name in homes.ids], dtype=object)
    home, half_hour = np.divmod(order, half_hours.count)
    rows: list[str] = (heads[half_hour] + _KWH[values.ravel()[order]] + tails[home]).tolist()
    return rows
