"""The report: `results.md`, written from raw measurements and from nothing else.

What belongs here: tables and sentences. What does not: measuring, computing goals (`goals.py`), drawing (`plot.py`).
What a person has found out about a goal that is missed stands in `notes.md` and is taken over.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import plot, suite
from benchmarks.goals import (
    FLOOR,
    MB,
    PANDAS,
    PLATFORM,
    REFERENCE,
    Figure,
    Goal,
    inside,
    peak,
    ratio,
    raw_load,
    whole_command,
)
from benchmarks.results import Measured

_NOTES: Final = Path(__file__).with_name("notes.md")
_PHASES: Final = 12
"""Parts of a run that a profile lists; the others are too small to matter."""

_HEAD: Final = """# Benchmark results

Written by `make bench`; how each contender works is said in `contenders/`. Figures are medians, with the least and the
most in brackets. Contenders take turns on one warm server, with their input in the page cache, and what they store is
compared to the last digit: a contender that is wrong has no time. *Whole job* is from the first byte read to everything
committed, without the start of a process; for the platform it is Dagster's own record, from the run's start to its
success. Goals of ratios compare medians of one session, except where they name another case.
"""

_QUICK: Final = "**Small input, to see that the harness works: nothing can be concluded from these times.**\n"


def write(cases: Mapping[str, Measured], folder: Path, *, quick: bool = False) -> None:
    """Writes `results.md` and `results.svg` into a folder; `quick` says that the input was small."""
    drawn = plot.draw(cases.values(), folder / "results.svg")
    text = "\n".join([*([_QUICK] if quick else []), *_lines(cases, drawn=drawn)])
    (folder / "results.md").write_text(text + "\n", encoding="utf-8")


def _lines(cases: Mapping[str, Measured], *, drawn: bool) -> Iterator[str]:
    yield _HEAD
    found = list(suite.goals(cases))
    yield "## Goals\n"
    rows = [[goal.measure, goal.wanted, _figure(goal), _state(goal)] for goal in found]
    yield from _table(["measure", "goal", "found", ""], rows)
    if drawn:
        yield "![Seconds of the whole job, by case and contender](results.svg)\n"
    for case in cases.values():
        yield from _case(case)
    missed = {goal.case: cases[goal.case] for goal in found if goal.state == "missed"}
    profiles = [line for case in missed.values() for line in _profile(case)]
    if profiles:
        yield "## Where the time goes in the cases with a missed goal\n"
        yield from profiles
    if _NOTES.exists():
        yield _NOTES.read_text(encoding="utf-8").strip()


def _case(case: Measured) -> Iterator[str]:
    yield f"## {case.title}\n"
    machine = ", ".join(f"{name} {value}" for name, value in case.machine.items())
    amount = ", ".join(
        f"{value:,} {name}" if isinstance(value, int) else f"{value} {name}" for name, value in case.amount.items()
    )
    runs = max(len(outcomes) for outcomes in case.outcomes.values())
    yield f"{amount + '. ' if amount else ''}{runs} runs each, {case.measured_at:%Y-%m-%d %H:%M} UTC; {machine}.\n"
    of_commands = PLATFORM not in case.outcomes
    columns: dict[str, tuple[Figure, float]] = (
        {"seconds": (inside, 1), "peak RSS, MB": (peak, MB)}
        if of_commands
        else {
            "whole job, s": (inside, 1),
            "raw load, s": (raw_load, 1),
            "whole command, s": (whole_command, 1),
            "peak RSS, MB": (peak, MB),
        }
    )
    rows = [[name, *(_spread(case, name, figure, unit) for figure, unit in columns.values())] for name in case.outcomes]
    yield from _table(["command" if of_commands else "contender", *columns], rows)
    if ratios := list(_ratios(case)):
        yield "In the same session: " + "; ".join(ratios) + ".\n"
    for name, why in case.skipped.items():
        yield f"`{name}` was not run: {why}.\n"
    for note in sorted({f"`{name}`: {run.note}" for name, runs in case.outcomes.items() for run in runs if run.note}):
        yield f"{note}.\n"


def _ratios(case: Measured) -> Iterator[str]:
    for text, above, below, figure in (
        ("the platform takes {:.2f} x the time of `reference`", PLATFORM, REFERENCE, inside),
        ("its raw load {:.2f} x that of `reference`", PLATFORM, REFERENCE, raw_load),
        ("and {:.2f} x that of `floor`", PLATFORM, FLOOR, raw_load),
        ("`pandas` takes {:.1f} x the time of the platform", PANDAS, PLATFORM, inside),
    ):
        found = ratio(case.median(above, figure), case.median(below, figure))
        if found is not None:
            yield text.format(found)


def _profile(case: Measured) -> Iterator[str]:
    """The largest parts of each contender's run; steps of the platform may overlap with nothing, they are in turn."""
    for name in (PLATFORM, REFERENCE):
        runs = case.outcomes.get(name, [])
        parts = {
            part: median(run.phases[part] for run in runs if part in run.phases) for run in runs for part in run.phases
        }
        largest = sorted(parts.items(), key=lambda part: -part[1])[:_PHASES]
        if largest:
            yield f"`{name}`, {case.title}:\n"
            yield from _table(["part", "seconds"], [[part, f"{seconds:.2f}"] for part, seconds in largest])
            rest = (case.median(name, inside) or 0) - sum(parts.values())
            yield f"Beside all its parts: {rest:.2f} s.\n"


def _spread(case: Measured, name: str, figure: Figure, unit: float) -> str:
    found = case.spread(name, figure)
    if found is None:
        return ""
    least, middle, most = (_number(value / unit) for value in (found.least, found.median, found.most))
    return f"{middle} ({least} to {most})"


def _number(value: float) -> str:
    """Three figures, or all there are before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value < 1 else f"{value:#.3g}"  # noqa: PLR2004 - digits


def _figure(goal: Goal) -> str:
    return "" if goal.found is None else f"{_number(goal.found)} {goal.unit}"


def _state(goal: Goal) -> str:
    return "**missed**" if goal.state == "missed" else goal.state


def _table(head: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "|".join(["---", *["---:"] * (len(head) - 1)]) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""
