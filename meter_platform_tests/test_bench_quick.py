"""The short benchmark tells a platform that has become slower from a machine that others use.

What does not belong here: times. Figures are made up, but for one round of real runs that shows that they are measured.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.inputs import Case
from benchmarks.quick import __main__ as command
from benchmarks.quick import pairs as measured
from benchmarks.quick.guard import DISTURBED, FIGURES, Pair, Took, Verdict, judge
from benchmarks.workplace import workplace

_BUSY = DISTURBED * 2


def pair(slower: float = 1.0, *, others: float = 0.0, machine: float = 1.0) -> Pair:
    """A platform that takes twice the script's time, or longer; on a machine that may be slow for both."""
    script = Took(seconds=1.0 * machine, processor_seconds=1.5 * machine, others=others)
    return Pair(Took(seconds=2.0 * slower * machine, processor_seconds=3.0 * slower * machine, others=others), script)


def verdict(pairs: Sequence[Pair]) -> Verdict:
    (one,) = {judge(pairs, figure, 2.0).verdict for figure in FIGURES.values()}
    return one


@pytest.mark.parametrize("slower", [1.16, 1.3, 4])
def test_a_platform_that_is_slower_by_more_than_the_tolerance_is_red(slower: float) -> None:
    assert verdict([pair(slower)] * 5) is Verdict.SLOWER


def test_it_is_red_although_one_pair_of_many_was_lucky() -> None:
    assert verdict([*[pair(1.25)] * 7, pair(0.95)]) is Verdict.SLOWER


@pytest.mark.parametrize("slower", [0.9, 1.0, 1.14])
def test_what_is_within_the_tolerance_is_green(slower: float) -> None:
    assert verdict([pair(slower)] * 5) is Verdict.AS_QUICK


def test_a_machine_that_is_slow_for_both_changes_nothing() -> None:
    assert verdict([pair(machine=machine) for machine in (1, 5, 1, 2, 9)]) is Verdict.AS_QUICK


def test_pairs_that_others_disturbed_are_left_out_while_there_are_enough_calm_ones() -> None:
    disturbed = [pair(3, others=_BUSY)] * 4

    assert verdict([*disturbed, *[pair()] * 5]) is Verdict.AS_QUICK
    assert verdict([*disturbed, *[pair()] * 4, pair(others=_BUSY)]) is Verdict.AS_QUICK, "most of them are calm"


def test_nobody_is_called_slower_on_a_machine_that_others_use() -> None:
    assert verdict([pair(3, others=_BUSY)] * 9) is Verdict.UNKNOWN
    assert verdict([*[pair(3)] * 4, *[pair(3, others=_BUSY)] * 5]) is Verdict.UNKNOWN


def test_nobody_is_called_slower_by_figures_that_could_be_luck() -> None:
    assert verdict([pair(0.9), pair(0.95), pair(1.2), pair(1.2), pair(1.3)]) is Verdict.UNKNOWN


def test_what_has_become_quicker_asks_for_a_new_baseline() -> None:
    assert verdict([pair(0.8)] * 5) is Verdict.QUICKER


def test_what_no_longer_happens_at_once_shows_by_the_clock_alone() -> None:
    one_after_the_other = replace(pair(), platform=Took(seconds=2.9, processor_seconds=3.0))

    found = {name: judge([one_after_the_other] * 5, figure, 2.0).verdict for name, figure in FIGURES.items()}

    assert found == {"clock": Verdict.SLOWER, "processor": Verdict.AS_QUICK}


@pytest.fixture
def baseline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A baseline of the command's: twice the script's time in every figure."""
    file = tmp_path / "baseline.json"
    file.write_text(json.dumps({name: dict.fromkeys(FIGURES, 2.0) for name in measured.TITLES}), encoding="utf-8")
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(command, "BASELINE", file)
    return file


def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *arguments: str, **slower: float) -> tuple[int, str]:
    """Status and words of the command where some cases are slower than they were."""
    pairs = {name: [pair(slower.get(name, 1.0))] * 6 for name in measured.TITLES}
    monkeypatch.setattr(command, "measure", lambda _: pairs)
    found = CliRunner().invoke(command.main, ["--cache", str(tmp_path), *arguments])
    return found.exit_code, found.output


@pytest.mark.parametrize("name", list(measured.TITLES))
def test_the_command_fails_where_one_case_is_slower_and_names_it(
    baseline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert baseline.exists()
    assert run(monkeypatch, tmp_path)[0] == 0

    status, said = run(monkeypatch, tmp_path, **{name: 1.2})

    assert status == 1
    _, of_the_case = said.split(f"{name}: ")
    assert of_the_case.splitlines()[1] == "  clock      2.40, 2.00 before (6 calm pairs): SLOWER"
    assert said.count("SLOWER") == 2, "by the clock and by the processor"


def test_a_slow_down_that_is_accepted_is_the_new_baseline(
    baseline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, tmp_path, "--accept", date=1.5)[0] == 0

    assert json.loads(baseline.read_text(encoding="utf-8"))["date"] == {"clock": 3.0, "processor": 3.0}
    assert run(monkeypatch, tmp_path, date=1.5)[0] == 0


def test_a_busy_machine_gives_no_baseline(baseline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = baseline.read_bytes()
    monkeypatch.setattr(command, "measure", lambda _: {name: [pair(others=_BUSY)] * 9 for name in measured.TITLES})

    found = CliRunner().invoke(command.main, ["--cache", str(tmp_path), "--accept"])

    assert found.exit_code == 1
    assert "others use this machine too much for a baseline" in found.output
    assert baseline.read_bytes() == before


def test_the_baseline_that_is_kept_has_every_figure_of_every_case() -> None:
    kept = command.read(command.BASELINE)

    assert {name: set(ratios) for name, ratios in kept.items()} == {name: set(FIGURES) for name in measured.TITLES}


@pytest.mark.whole
def test_a_round_of_real_runs_takes_the_processor_time_of_process_and_server(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = Case(name="small", title="", meterpoints=20, files=2)
    monkeypatch.setattr(measured, "CASES", (small,))
    monkeypatch.setattr(measured, "WITH_LATE", small)
    with workplace(home / "benchmark") as place, measured.Pairs.opened(tmp_path, place) as contenders:
        found = dict(contenders.round())

    assert set(found) == {"small", measured.LATE}
    for one in found.values():
        assert one.reference.seconds > 0
        assert one.platform.seconds > 0.2
        assert one.platform.processor_seconds > 0.2, "a run is never as little as that"
