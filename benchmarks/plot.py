"""The plots: seconds of the whole job, one row a case and one mark a contender; and how they grow, one small chart a case.

What belongs here: drawing. What does not: choosing what is measured (`suite.py`), or what is a curve (`curves.py`).
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.curves import Curve, points
from benchmarks.goals import DUCKDB, FLOOR, PANDAS, PANDAS_TO_SQL, PLATFORM, POLARS, REFERENCE, inside
from benchmarks.results import Measured

# Okabe and Ito's colours, which the colour-blind tell apart; shapes say the same again.
_MARKS: Final = {
    FLOOR: ("#999999", "|"),
    REFERENCE: ("#0072B2", "s"),
    PLATFORM: ("#D55E00", "o"),
    DUCKDB: ("#E69F00", "D"),
    POLARS: ("#56B4E9", "P"),
    PANDAS: ("#009E73", "^"),
    PANDAS_TO_SQL: ("#CC79A7", "v"),
}
_STEP: Final = 0.11
"""Between the marks of a row, so that none hides another."""

_LABELS: Final = {FLOOR: "floor (readings only)", DUCKDB: "duckdb alone (no database)", POLARS: "polars (no database)"}

_OTHERS: Final = (("#D55E00", "o"), ("#0072B2", "s"), ("#009E73", "^"), ("#CC79A7", "v"))
"""Of lines that are no contender's."""

_COLUMNS: Final = 2


def _style() -> AbstractContextManager[None]:
    """The same measurements give the same bytes; text stays text."""
    return mpl.rc_context({"svg.hashsalt": "benchmarks", "svg.fonttype": "none", "font.size": 10})


def draw(cases: Iterable[Measured], file: Path) -> bool:
    """Draws the cases that have contenders; False, and no file, where there are none."""
    shown = [case for case in cases if PLATFORM in case.outcomes]
    if not shown:
        return False
    with _style():
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
                label=_LABELS.get(name, name),
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


def draw_growth(cases: Mapping[str, Measured], curves: Iterable[Curve], file: Path) -> bool:
    """Draws a small chart of each case that is a curve; False, and no file, where none was measured."""
    shown = [(cases[curve.case], curve.unit) for curve in curves if curve.case in cases]
    if not shown:
        return False
    rows = -(-len(shown) // _COLUMNS)
    with _style():
        figure = Figure(figsize=(10, 3.6 * rows), layout="constrained")
        for number, (case, unit) in enumerate(shown, start=1):
            _chart(figure.add_subplot(rows, _COLUMNS, number), case, unit)
        figure.savefig(file, metadata={"Date": None})
    return True


def _chart(axes: Axes, case: Measured, unit: str) -> None:
    lines = points(case, unit)
    of_contenders = set(lines) <= set(_MARKS)
    for number, (name, line) in enumerate(lines.items()):
        colour, shape = _MARKS[name] if of_contenders else _OTHERS[number % len(_OTHERS)]
        axes.errorbar(
            [size for size, _ in line],
            [spread.median for _, spread in line],
            yerr=[
                [spread.median - spread.least for _, spread in line],
                [spread.most - spread.median for _, spread in line],
            ],
            fmt=f"{shape}-",
            color=colour,
            markersize=5,
            capsize=2,
            linewidth=1,
            label=_LABELS.get(name, name),
        )
    if of_contenders:  # both grow by powers of ten: a straight line of slope 1 is time in proportion
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:  # nothing is to grow: a flat line from zero
        axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_title(case.title, fontsize=10)
    axes.set_xlabel(unit)
    axes.set_ylabel("seconds")
    axes.grid(color="#dddddd")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
