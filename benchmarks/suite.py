"""The suite: every case of the benchmark, in the order in which they are measured.

A new case is a module with a `measure` and its `goals`, and a line here. What does not belong here: work.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import (
    commands,
    engines,
    formats,
    growth,
    history,
    inputs,
    lake,
    late,
    live,
    loads,
    objects,
    pages,
    rows,
    scrapes,
    session,
    stored_dates,
)
from benchmarks.curves import Curve
from benchmarks.goals import Found, Goal
from benchmarks.results import Measured
from benchmarks.session import Log
from benchmarks.workplace import Workplace


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a case is measured with.

    Attributes:
        cache: the folder in which input is kept.
        place: the server.
        repeats: runs of each contender.
        quick: the small form, by which nothing can be concluded.
        log: told of each run.
    """

    cache: Path
    place: Workplace
    repeats: int
    quick: bool
    log: Log


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A case.

    Attributes:
        name: on the command line, and in `results.json`.
        measure: measures it.
        large: measured only where it is asked for, by its name or by `--large`.
    """

    name: str
    measure: Callable[[Setting], Measured]
    large: bool = False


def _first_load(name: str, *, large: bool = False) -> Benchmark:
    def measure(setting: Setting) -> Measured:
        case = (inputs.QUICK if setting.quick else inputs.CASES)[name]
        return session.measure(case, setting.cache, setting.place, repeats=setting.repeats, log=setting.log)

    return Benchmark(name=name, measure=measure, large=large)


def _late(name: str, *, large: bool = False) -> Benchmark:
    def measure(setting: Setting) -> Measured:
        case = (late.QUICK if setting.quick else late.CASES)[name]
        return late.measure(case, setting.cache, setting.place, repeats=setting.repeats, log=setting.log)

    return Benchmark(name=name, measure=measure, large=large)


def _growth(name: str) -> Benchmark:
    def measure(setting: Setting) -> Measured:
        case = (growth.QUICK if setting.quick else growth.CASES)[name]
        return growth.measure(case, setting.cache, setting.place, repeats=setting.repeats, log=setting.log)

    return Benchmark(name=name, measure=measure)


def _commands(setting: Setting) -> Measured:
    return commands.measure(setting.place, repeats=setting.repeats, log=setting.log)


def _history(setting: Setting) -> Measured:
    size = history.QUICK if setting.quick else history.Size()
    return history.measure(setting.place, size=size, repeats=setting.repeats, log=setting.log)


def _stored_dates(setting: Setting) -> Measured:
    size = stored_dates.QUICK if setting.quick else stored_dates.Size()
    return stored_dates.measure(setting.place, size=size, repeats=setting.repeats, log=setting.log)


def _objects(setting: Setting) -> Measured:
    size = objects.QUICK if setting.quick else objects.Size()
    return objects.measure(setting.place, size=size, repeats=setting.repeats, log=setting.log)


def _pages(setting: Setting) -> Measured:
    return pages.measure(
        setting.place, repeats=setting.repeats, log=setting.log, meterpoints=pages.meterpoints(quick=setting.quick)
    )


def _scrapes(setting: Setting) -> Measured:
    return scrapes.measure(
        setting.place, repeats=setting.repeats, log=setting.log, meterpoints=pages.meterpoints(quick=setting.quick)
    )


def _rows(setting: Setting) -> Measured:
    amount = rows.FEW_ROWS if setting.quick else rows.ROWS
    return rows.measure(setting.place, repeats=setting.repeats, log=setting.log, rows=amount)


def _engines(setting: Setting) -> Measured:
    meterpoints = engines.FEW_METERPOINTS if setting.quick else engines.METERPOINTS
    return engines.measure(setting.place, repeats=setting.repeats, log=setting.log, meterpoints=meterpoints)


def _lake(setting: Setting) -> Measured:
    size = lake.QUICK if setting.quick else lake.Size()
    return lake.measure(setting.place, size=size, repeats=setting.repeats, log=setting.log)


def _formats(setting: Setting) -> Measured:
    meterpoints = formats.FEW_METERPOINTS if setting.quick else formats.METERPOINTS
    return formats.measure(setting.place, meterpoints=meterpoints, repeats=setting.repeats, log=setting.log)


def _live(setting: Setting) -> Measured:
    return live.measure(setting.place, size=live.QUICK if setting.quick else live.Size(), log=setting.log)


BENCHMARKS: Final[Mapping[str, Benchmark]] = {
    case.name: case
    for case in (
        _first_load("50-files"),
        _first_load("50000-files"),
        _first_load("24-million"),
        _first_load("year"),
        _late("late-file"),
        _growth(growth.SIZES),
        _growth(growth.RANGES),
        Benchmark(name=commands.NAME, measure=_commands),
        Benchmark(name=history.NAME, measure=_history),
        Benchmark(name=stored_dates.NAME, measure=_stored_dates),
        Benchmark(name=objects.NAME, measure=_objects),
        Benchmark(name=pages.NAME, measure=_pages),
        Benchmark(name=scrapes.NAME, measure=_scrapes),
        Benchmark(name=rows.NAME, measure=_rows),
        Benchmark(name=engines.NAME, measure=_engines),
        Benchmark(name=lake.NAME, measure=_lake),
        Benchmark(name=formats.NAME, measure=_formats),
        Benchmark(name=live.NAME, measure=_live),
        _first_load("48-million", large=True),
        _first_load("large-year", large=True),
        _late("correction", large=True),
    )
}
"""Every case by its name."""

CURVES: Final = (
    Curve(case=growth.SIZES, unit=growth.READINGS),
    Curve(case=growth.RANGES, unit=growth.DATES),
    Curve(case=history.NAME, unit=history.UNIT),
    Curve(case=stored_dates.NAME, unit=stored_dates.UNIT),
    Curve(case=objects.NAME, unit=objects.UNIT),
)
"""The charts of growth, in the order of the report."""

_GOALS: Final[Iterable[Callable[[Found], Iterable[Goal]]]] = (
    loads.goals,
    growth.goals,
    late.goals,
    rows.goals,
    engines.goals,
    history.goals,
    stored_dates.goals,
    lake.goals,
    objects.goals,
    formats.goals,
    live.goals,
    commands.goals,
)


def goals(cases: Mapping[str, Measured]) -> Iterator[Goal]:
    """Every goal, in the order of the report.

    Args:
        cases: those that were measured.
    """
    for of_a_kind in _GOALS:
        yield from of_a_kind(Found(cases))
