"""The report: `results.md`, written from raw measurements and from nothing else.

What belongs here: tables and sentences. What does not: measuring, computing goals (`goals.py`), drawing (`plot.py`).
What a person has found out about the goals of a case stands in `notes.md` below the case's name, and is taken over where one of
them is missed; the rest of that file ends the report.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import suite
from benchmarks.goals import (
    FLOOR,
    MB,
    PANDAS,
    PLATFORM,
    REFERENCE,
    Figure,
    Goal,
    inside,
    on_disk,
    peak,
    ratio,
    raw_load,
    requests,
    whole_command,
)
from benchmarks.results import Measured

_NOTES: Final = Path(__file__).with_name("notes.md")
_PLOT: Final = "results.svg"
_GROWTH: Final = "growth.svg"
_PICTURES: Final = {
    _PLOT: "Seconds of the whole job, by case and contender",
    _GROWTH: "Seconds against history and size, a small chart for each",
}
_PHASES: Final = 12
"""Parts of a run that a profile lists; the others are too small to matter."""

_HEAD: Final = """# Benchmark results

Written by `make bench`; how each contender works is said in `contenders/`. Figures are medians, with the least and the
most in brackets. Contenders take turns on one warm server, with their input in the page cache, and what they store is
compared to the last digit: a contender that is wrong has no time. *Whole job* is from the first byte read to everything
committed, without the start of a process; for the platform it is Dagster's own record, from the run's start to its
success. Goals of ratios compare medians of one session, except where they name another case.

`duckdb alone` and `polars` are what a user would pick instead who needs the figures and nothing else. They do less: nothing is
validated, no reading says which file it came from, a correction means doing all of it again, nobody else can read meanwhile,
and there is no server: they write Parquet files.
"""

_QUICK: Final = "**Small input, to see that the harness works: nothing can be concluded from these times.**\n"


def write(cases: Mapping[str, Measured], folder: Path, *, quick: bool = False, notes: Path = _NOTES) -> None:
    """Writes `results.md`, `results.svg` and `growth.svg` into a folder.

    Args:
        cases: those that were measured.
        folder: where to.
        quick: the input was small, and the report says so.
        notes: what a person has found out.
    """
    from benchmarks import plot  # noqa: PLC0415 - a heavy import, and most of what asks for a report's words draws nothing

    # In the order of the suite, whichever was measured last.
    ordered = {name: cases[name] for name in (*suite.BENCHMARKS, *cases) if name in cases}
    drawn = {
        _PLOT: plot.draw(ordered.values(), folder / _PLOT),
        _GROWTH: plot.draw_growth(ordered, suite.CURVES, folder / _GROWTH),
    }
    of_cases, rest = _notes(notes)
    found = list(suite.goals(ordered))
    lines = [
        *([_QUICK] if quick else []),
        _HEAD,
        *_goals(found, of_cases),
        *(f"![{_PICTURES[name]}]({name})\n" for name, there in drawn.items() if there),
        *(line for case in ordered.values() for line in _case(case)),
        *_profiles(ordered, found),
        rest,
    ]
    (folder / "results.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _goals(found: Sequence[Goal], notes: Mapping[str, str]) -> Iterator[str]:
    """Every goal, and what is known of those that are missed."""
    counts = Counter[str](goal.state for goal in found)
    yield "## Goals\n"
    yield "; ".join(f"{counts[state]} {state}" for state in ("met", "missed", "not measured")) + ".\n"
    rows = [[goal.measure, goal.wanted, _figure(goal), _state(goal)] for goal in found]
    yield from _table(["measure", "goal", "found", ""], rows)
    missed = [goal for goal in found if goal.state == "missed"]
    if missed:
        yield "## Why goals are missed, and what was tried\n"
    for case in dict.fromkeys(goal.case for goal in missed):
        for goal in missed:
            if goal.case == case:
                yield f"- **{goal.measure}: {_figure(goal)}, not {goal.wanted}.**"
        yield f"\n{notes.get(case, '**Nobody has found out why yet.**')}\n"


def _notes(file: Path) -> tuple[dict[str, str], str]:
    """What a person has written of each case, by its name, and the rest."""
    parts = re.split(r"^### +`(.+)`\n", file.read_text(encoding="utf-8"), flags=re.MULTILINE) if file.exists() else [""]
    # The first part is for those who write the file; the last one ends where a heading of a higher order begins.
    of_cases = dict(zip(parts[1::2], parts[2::2], strict=True))
    rest = ""
    for name, text in of_cases.items():
        of_case, higher, after = text.partition("\n## ")
        of_cases[name] = of_case.strip()
        rest += f"{higher}{after}".strip()
    return of_cases, rest


def _case(case: Measured) -> Iterator[str]:
    yield f"## {case.title}\n"
    machine = ", ".join(f"{name} {value}" for name, value in case.machine.items())
    amount = ", ".join(
        f"{value:,} {name}" if isinstance(value, int) else f"{value} {name}" for name, value in case.amount.items()
    )
    runs = max(len(outcomes) for outcomes in case.outcomes.values())
    yield f"{amount + '. ' if amount else ''}{runs} runs each, {case.measured_at:%Y-%m-%d %H:%M} UTC; {machine}.\n"
    of_commands = PLATFORM not in case.outcomes
    of_all: dict[str, tuple[Figure, float]] = {
        "seconds" if of_commands else "whole job, s": (inside, 1),
        "raw load, s": (raw_load, 1),
        "whole command, s": (whole_command, 1),
        "peak RSS, MB": (peak, MB),
        "readings on disk, MB": (on_disk, MB),
        "requests": (requests, 1),
    }
    columns = {
        head: (figure, unit)
        for head, (figure, unit) in of_all.items()
        if any(case.spread(name, figure) for name in case.outcomes)
    }
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


def _profiles(cases: Mapping[str, Measured], found: Iterable[Goal]) -> Iterator[str]:
    """Where the time goes in cases with a missed goal."""
    missed = dict.fromkeys(goal.case for goal in found if goal.state == "missed")
    lines = [line for name in missed for line in _profile(cases[name])]
    if lines:
        yield "## Where the time goes in the cases with a missed goal\n"
        yield from lines


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
