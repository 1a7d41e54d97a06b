"""The plot: seconds of the whole job, one row a case, one mark a contender.

What belongs here: drawing. What does not: choosing what is measured.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.goals import FLOOR, PANDAS, PANDAS_TO_SQL, PLATFORM, REFERENCE, inside
from benchmarks.results import Measured

# Okabe and Ito's colours, which the colour-blind tell apart; shapes say the same again.
_MARKS: Final = {
    FLOOR: ("#999999", "|"),
    REFERENCE: ("#0072B2", "s"),
    PLATFORM: ("#D55E00", "o"),
    PANDAS: ("#009E73", "^"),
    PANDAS_TO_SQL: ("#CC79A7", "v"),
}
_STEP: Final = 0.16
"""Between the marks of a row, so that none hides another."""


def draw(cases: Iterable[Measured], file: Path) -> bool:
    """Draws the cases that have contenders; False, and no file, where there are none."""
    shown = [case for case in cases if PLATFORM in case.outcomes]
    if not shown:
        return False
    # The same measurements give the same bytes; text stays text.
    with mpl.rc_context({"svg.hashsalt": "benchmarks", "svg.fonttype": "none", "font.size": 10}):
        figure = Figure(figsize=(9, 1.2 + 0.9 * len(shown)), layout="constrained")
        axes = figure.add_subplot()
        for number, (name, (colour, shape)) in enumerate(_MARKS.items()):
            found = [(row, spread) for row, case in enumerate(shown) if (spread := case.spread(name, inside))]
            if not found:
                continue
            axes.errorbar(
                [spread.median for _, spread in found],
                [row + (number - (len(_MARKS) - 1) / 2) * _STEP for row, _ in found],
                xerr=[
                    [spread.median - spread.least for _, spread in found],
                    [spread.most - spread.median for _, spread in found],
                ],
                fmt=shape,
                color=colour,
                markersize=8,
                markeredgewidth=2 if shape == "|" else 1,
                capsize=3,
                linewidth=1,
                label="floor (readings only)" if name == FLOOR else name,
            )
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("seconds of the whole job, median and range (logarithmic); less is better")
        axes.set_yticks(range(len(shown)), [case.title for case in shown])
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.grid(axis="x", color="#dddddd")
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        figure.legend(loc="outside upper center", ncols=len(_MARKS), frameon=False)
        figure.savefig(file, metadata={"Date": None})
    return True
