"""Figures along a size: how a time grows with the history, with a date, with a range.

A case whose contenders are named by `along` is a curve for each of them. What belongs here: those names, and the points that
they stand for. What does not: drawing (`plot.py`), measuring.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.goals import inside
from benchmarks.results import Measured, Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A chart of a case.

    Attributes:
        case: its name.
        unit: what is counted along the chart, as `along` was told.
    """

    case: str
    unit: str


def along(what: str, size: int, unit: str) -> str:
    """The name of a measurement: what is measured, and at which size."""
    return f"{what}, {size:,} {unit}"


def points(measured: Measured, unit: str) -> Mapping[str, list[tuple[int, Spread]]]:
    """Seconds of the whole job at each size, in order, of everything that was measured along a unit."""
    found: dict[str, list[tuple[int, Spread]]] = {}
    for name in measured.outcomes:
        spread = measured.spread(name, inside)
        match = re.fullmatch(rf"(.*), ([\d,]+) {re.escape(unit)}", name)
        if match and spread:
            found.setdefault(match[1], []).append((int(match[2].replace(",", "")), spread))
    return {what: sorted(line, key=lambda point: point[0]) for what, line in found.items()}
