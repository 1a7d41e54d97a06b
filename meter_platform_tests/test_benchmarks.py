"""The benchmark runs end to end on a small input, its contenders agree, and a wrong one is found out.

What does not belong here: times. Nothing can be concluded from those of an input this small.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from benchmarks import contenders, facts, growth, history, late, objects, report, results, rows, session
from benchmarks.command import ROOT, CommandFailedError, run_command
from benchmarks.contenders import NAMES
from benchmarks.curves import along, points
from benchmarks.goals import MB, Goal
from benchmarks.inputs import Case, prepare
from benchmarks.job import Job, Outcome
from benchmarks.memory import own_peak
from benchmarks.results import Measured
from benchmarks.suite import BENCHMARKS, goals
from benchmarks.workplace import Workplace, workplace

_FACTS = {"readings": "48", "readings_kwh": "1.5", "half_hour_kwh": "1.5", "half_hourly_consumption": "digest"}


@pytest.fixture
def place(home: Path) -> Iterator[Workplace]:
    """A server of the benchmark's own: it is stopped at the end."""
    with workplace(home / "benchmark") as opened:
        yield opened


@pytest.mark.whole
def test_contenders_agree_and_a_report_is_written(place: Workplace, tmp_path: Path) -> None:
    # The clocks go back: the hardest day for whoever gets it wrong. Where rows are in no order nobody can tell the repeated
    # hours apart, and contenders guess differently.
    day = date(2021, 10, 31)
    case = Case(name="50-files", title="A small case", meterpoints=40, files=3, first=day, last=day, shuffled=0)

    # Contenders that disagree are an error here.
    measured = session.measure(case, tmp_path, place, repeats=1, log=lambda _: None)
    report.write(results.add(tmp_path / "results.json", measured), tmp_path)

    (platform,) = measured.outcomes["platform"]
    assert list(measured.outcomes) == list(NAMES)
    assert platform.facts == measured.outcomes["reference"][0].facts == measured.outcomes["pandas"][0].facts
    assert platform.command_seconds is not None
    assert platform.raw_seconds is not None
    assert 0 < platform.raw_seconds < platform.seconds < platform.command_seconds
    assert platform.peak_rss > 50_000_000
    assert platform.stored_bytes is not None
    assert platform.stored_bytes >= int(platform.facts["readings"]) * 50
    assert measured.outcomes["duckdb alone"][0].facts["product_kwh"] == platform.facts["product_kwh"]
    assert measured.outcomes["polars"][0].facts["product_kwh"] == platform.facts["product_kwh"]
    assert results.read(tmp_path / "results.json") == {"50-files": measured}
    text = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert all(f"| {name} |" in text for name in NAMES)
    assert (tmp_path / "results.svg").exists()


@pytest.mark.parametrize("name", ["duckdb alone", "polars"])
@pytest.mark.parametrize("day", [date(2021, 6, 1), date(2021, 10, 31)])
def test_who_does_without_a_server_finds_what_was_generated(tmp_path: Path, name: str, day: date) -> None:
    case = Case(name="small", title="", meterpoints=20, files=3, first=day, last=day, shuffled=0)
    found = prepare(case, tmp_path)
    job = Job(
        url="",
        home=tmp_path,
        scratch=tmp_path,
        readings=found.readings_folder,
        reference=found.reference_file,
        first=day,
        last=day,
    )

    outcome = contenders.load(name).run(job)

    facts.compare({name: outcome.facts}, readings=found.readings, kwh=found.kwh)
    assert outcome.facts["half_hours"] == ("50" if day.month == 10 else "48")
    assert outcome.facts["reference_dates"] == "1"
    shares = Decimal(outcome.facts["product_kwh"]) + Decimal(outcome.facts["unattributed_kwh"])
    assert shares == Decimal(found.kwh)


@pytest.mark.whole
@pytest.mark.parametrize("name", list(late.QUICK))
def test_what_comes_late_is_measured_once_it_is_what_is_computed_whole(
    place: Workplace, tmp_path: Path, name: str
) -> None:
    # Figures that are others than those computed whole are an error here.
    measured = late.measure(late.QUICK[name], tmp_path, place, repeats=1, log=lambda _: None)

    (first,), (after,) = measured.outcomes[late.FIRST_LOAD], measured.outcomes[late.LATE]
    assert "raw_agreements" in first.phases
    assert "raw_agreements" not in after.phases
    assert first.facts["readings_kwh"] != after.facts["readings_kwh"]
    report.write(results.add(tmp_path / "results.json", measured), tmp_path)
    assert f"| {late.LATE} |" in (tmp_path / "results.md").read_text(encoding="utf-8")


@pytest.mark.whole
def test_a_history_grows_and_is_measured_at_each_length(place: Workplace) -> None:
    size = history.Size(known=(0, 30), per_folder=10, new=2)

    measured = history.measure(place, size=size, repeats=1, log=lambda _: None)

    for known in size.known:
        (quiet,), (new,), (run,) = (
            measured.outcomes[along(what, known, history.UNIT)]
            for what in (history.QUIET_TICK, history.NEW_TICK, history.RUN)
        )
        assert quiet.note.startswith("nothing new in "), "nobody asks for a run of dates that are loaded"
        assert new.note == "1 runs asked for"
        assert 0 < run.phases["raw_meter_readings"] < run.seconds


@pytest.mark.whole
def test_every_kind_of_rows_is_accepted_and_compared_with_plain_ones(place: Workplace) -> None:
    # A row that is not accepted is an error here.
    measured = rows.measure(place, repeats=1, log=lambda _: None, rows=960)

    assert {rows.PLAIN, rows.OFFSETS, rows.EXTRA} < set(measured.outcomes)
    assert all(run.note.endswith(" x the time of plain rows") for (run,) in measured.outcomes.values())
    assert {goal.state for goal in goals({rows.NAME: measured}) if goal.case == rows.NAME} <= {"met", "missed"}


@pytest.mark.whole
def test_an_object_store_is_asked_in_proportion_to_what_is_new(place: Workplace) -> None:
    size = objects.Size(known=(0, 30), per_folder=10, new=4)

    measured = objects.measure(place, size=size, repeats=1, log=lambda _: None)

    (quiet,), (new,) = (
        measured.outcomes[along(what, 30, objects.UNIT)] for what in (history.QUIET_TICK, history.NEW_TICK)
    )
    assert quiet.requests is not None
    assert new.requests is not None
    assert "nothing new" in quiet.note
    assert 1 <= quiet.requests <= 3
    assert quiet.requests + 4 <= new.requests <= quiet.requests + 4 * 3


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"readings": "47"}, "readings: pandas has 47, the generated input has 48"),
        ({"half_hour_kwh": "1.50000001"}, "half_hour_kwh: pandas has 1.50000001"),
        ({"half_hourly_consumption": "other"}, "half_hourly_consumption: pandas has other, reference has digest"),
    ],
)
def test_a_wrong_contender_is_found_out(wrong: dict[str, str], named: str) -> None:
    found = {"reference": _FACTS, "floor": {"readings": "48"}, "pandas": _FACTS | wrong}

    with pytest.raises(facts.WrongFiguresError, match=named):
        facts.compare(found, readings=48, kwh="1.5")


def test_contenders_that_agree_pass() -> None:
    facts.compare({"reference": _FACTS, "pandas": _FACTS}, readings=48, kwh="1.500")


def test_cases_measured_one_at_a_time_are_merged(tmp_path: Path) -> None:
    file = tmp_path / "results.json"

    results.add(file, _measured("50-files", platform=[10.0], reference=[10.0]))
    results.add(file, _measured("year", platform=[30.0]))
    results.add(file, _measured("50-files", platform=[9.0, 30.0, 8.0], reference=[6.0]))

    cases = results.read(file)
    assert set(cases) == {"50-files", "year"}
    assert cases["50-files"].median("platform", lambda run: run.seconds) == 9.0


@pytest.mark.parametrize(("seconds", "state"), [(12.5, "met"), (12.6, "missed")])
def test_a_goal_is_held_to_its_bound(seconds: float, state: str) -> None:
    first = next(goals({"50-files": _measured("50-files", platform=[seconds], reference=[10.0])}))

    assert first.state == state
    assert replace(first, found=None).state == "not measured"


def test_a_goal_to_be_reached_is_met_from_its_bound_on() -> None:
    goal = Goal(measure="speed", wanted="≥ 8 x", found=8.0, bound=8, at_least=True, case="50-files")

    assert goal.state == "met"
    assert replace(goal, found=7.9).state == "missed"


def test_a_missed_goal_comes_with_its_profile(tmp_path: Path) -> None:
    measured = _measured("50-files", platform=[20.0], reference=[10.0])
    measured.outcomes["platform"][0].phases["raw_meter_readings"] = 15.0

    report.write({"50-files": measured}, tmp_path)

    text = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert "≤ 1.25 x reference | 2.00 x | **missed** |" in text
    assert "| raw_meter_readings | 15.00 |" in text


def test_a_missed_goal_comes_with_what_was_found_out_about_its_case(tmp_path: Path) -> None:
    notes = tmp_path / "notes.md"
    notes.write_text("For writers.\n\n### `50-files`\n\nThe checks.\n\n### `year`\n\nOther.\n\n## The rest\n\nMore.\n")
    cases = {name: _measured(name, platform=[20.0], reference=[10.0]) for name in ("50-files", "year")}

    report.write({"50-files": cases["50-files"]}, tmp_path, notes=notes)
    explained = (tmp_path / "results.md").read_text(encoding="utf-8")
    notes.unlink()
    report.write({"50-files": cases["50-files"]}, tmp_path, notes=notes)
    unexplained = (tmp_path / "results.md").read_text(encoding="utf-8")

    missed = "- **2.4 M in 50 files, time inside the run: 2.00 x, not ≤ 1.25 x reference.**\n\n"
    assert f"{missed}The checks.\n" in explained
    assert explained.endswith("## The rest\n\nMore.\n")
    assert "Other." not in explained
    assert "For writers." not in explained
    assert f"{missed}**Nobody has found out why yet.**\n" in unexplained


def test_every_paragraph_on_a_case_is_of_a_case_that_there_is() -> None:
    named = re.findall(
        r"^### `(.+)`$", (Path(report.__file__).with_name("notes.md")).read_text(encoding="utf-8"), re.MULTILINE
    )

    assert named
    assert set(named) <= set(BENCHMARKS)


def test_the_memory_of_a_process_is_not_its_parents(tmp_path: Path) -> None:
    held = bytearray(400 * MB)
    del held
    printed = tmp_path / "printed.log"

    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'bytearray(200_000_000)'], check=True)"
    small = run_command(["python", "-c", "pass"], os.environ, printed)
    large = run_command(["python", "-c", child], os.environ, printed)
    itself = subprocess.run(
        [sys.executable, "-c", "from benchmarks.memory import own_peak; print(own_peak())"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )

    assert own_peak() > 400 * MB
    assert small.peak_rss < 100 * MB
    assert 200 * MB < large.peak_rss < 300 * MB, "of what a command starts the largest counts"
    assert int(itself.stdout) < 100 * MB


def test_a_command_that_fails_is_told_with_what_it_printed(tmp_path: Path) -> None:
    with pytest.raises(CommandFailedError, match=r"(?s)python .*failed:.*this is why"):
        run_command(["python", "-c", "raise SystemExit('this is why')"], os.environ, tmp_path / "printed.log")


def test_growth_is_drawn_as_lines_along_the_sizes(tmp_path: Path) -> None:
    sizes = {100_000: [2.0, 1.0, 3.0], 0: [1.0], 1_000_000: [4.0]}
    runs = {along(history.RUN, size, history.UNIT): seconds for size, seconds in sizes.items()}
    measured = _measured("history", **runs, other=[9.0])

    assert {
        what: [(size, spread.median) for size, spread in line] for what, line in points(measured, history.UNIT).items()
    } == {history.RUN: [(0, 1.0), (100_000, 2.0), (1_000_000, 4.0)]}
    report.write({"history": measured}, tmp_path)
    assert "known files" in (tmp_path / "growth.svg").read_text(encoding="utf-8")
    assert "](growth.svg)" in (tmp_path / "results.md").read_text(encoding="utf-8")


@pytest.mark.whole
def test_growth_is_measured_at_each_size(place: Workplace, tmp_path: Path) -> None:
    measured = growth.measure(growth.QUICK[growth.RANGES], tmp_path, place, repeats=1, log=lambda _: None)

    assert {size for line in points(measured, growth.DATES).values() for size, _ in line} == {2, 4}
    assert {goal.state for goal in goals({growth.RANGES: measured}) if goal.case == growth.RANGES} == {"not measured"}


def _measured(name: str, **seconds: list[float]) -> Measured:
    return Measured(
        name=name,
        title=name,
        measured_at=datetime(2026, 1, 1, tzinfo=UTC),
        machine={"cores": "2"},
        amount={"readings": 48},
        outcomes={contender: [Outcome(seconds=value) for value in values] for contender, values in seconds.items()},
        skipped={},
    )
