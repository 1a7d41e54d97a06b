"""The command: `python -m benchmarks.quick`, which is `make bench-quick`. Exits with 1 where the platform has become slower.

What belongs here: how many rounds, the baseline's file, the screen. What does not: runs (`pairs.py`), judging (`guard.py`).
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import click

from benchmarks.command import ROOT
from benchmarks.quick.guard import ENOUGH, FIGURES, TOLERANCE, Judged, Pair, Verdict, judge
from benchmarks.quick.pairs import LATE, TITLES, Pairs
from benchmarks.workplace import workplace

BASELINE: Final = Path(__file__).with_name("baseline.json")

Baseline = Mapping[str, Mapping[str, float]]
"""A ratio for each case and each figure."""

_CACHE: Final = ROOT / ".meter_platform" / "bench-quick"
_MOST_ROUNDS: Final = 9
_CALLED_ENOUGH: Final = ENOUGH + 1
"""Rounds after which no further one begins if there is little time left: one may have been disturbed."""

_LITTLE_TIME_LEFT: Final = 100
"""Seconds since the start."""

_NO_TIME_LEFT: Final = 150
"""Seconds since the start, after which no round begins, even if that leaves too few to tell anything."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--accept", is_flag=True, help="Note the ratios as the new baseline, whatever the old one says.")
@click.option(
    "--cache", type=click.Path(path_type=Path, file_okay=False), default=_CACHE, help="Where input and the server are."
)
def main(*, accept: bool, cache: Path) -> None:
    """Tell whether the platform has become slower, as ratios to the script `reference`."""
    cache.mkdir(parents=True, exist_ok=True)
    pairs = measure(cache)
    judged = judge_all(pairs, {} if accept else read(BASELINE))
    for line in lines(judged):
        click.echo(line)
    if accept:
        if not all(one.calm for of_case in judged.values() for one in of_case.values()):
            raise click.ClickException("others use this machine too much for a baseline: try again when it is quiet")
        write(judged, BASELINE)
        click.echo(f"Noted in {BASELINE.relative_to(ROOT)}.")
    sys.exit(any(of_case[figure].verdict is Verdict.SLOWER for of_case in judged.values() for figure in of_case))


def measure(cache: Path) -> dict[str, list[Pair]]:
    """Pairs of each case, round after round; a first round is not counted."""
    began = time.monotonic()
    found: dict[str, list[Pair]] = {name: [] for name in TITLES}
    with workplace(cache) as place, Pairs.opened(cache, place) as contenders:
        for _ in contenders.round():
            pass
        while _another_round(len(found[LATE]), time.monotonic() - began):
            for name, pair in contenders.round():
                found[name].append(pair)
            click.echo(f"round {len(found[LATE])}, {time.monotonic() - began:.0f} s", err=True)
    return found


def _another_round(done: int, seconds: float) -> bool:
    if not done:
        return True
    return done < _MOST_ROUNDS and seconds < (_LITTLE_TIME_LEFT if done >= _CALLED_ENOUGH else _NO_TIME_LEFT)


def judge_all(pairs: Mapping[str, Sequence[Pair]], baseline: Baseline) -> dict[str, dict[str, Judged]]:
    """Every figure of every case."""
    return {
        name: {figure: judge(of_case, take, baseline.get(name, {}).get(figure)) for figure, take in FIGURES.items()}
        for name, of_case in pairs.items()
    }


def lines(judged: Mapping[str, Mapping[str, Judged]]) -> list[str]:
    """What the screen says."""
    found = [f"platform / reference; a slow-down is one of more than {TOLERANCE - 1:.0%}"]
    for name, figures in judged.items():
        found.append(f"{name}: {TITLES[name]}")
        for figure, one in figures.items():
            before = "" if one.baseline is None else f", {one.baseline:.2f} before"
            which = "calm pairs" if one.calm else "pairs, most of them disturbed by others"
            found.append(f"  {figure:<9} {one.ratio:5.2f}{before} ({one.pairs} {which}): {one.verdict}")
    return found


def read(file: Path) -> Baseline:
    """The ratios that were accepted last."""
    found: Baseline = json.loads(file.read_text(encoding="utf-8"))
    return found


def write(judged: Mapping[str, Mapping[str, Judged]], file: Path) -> None:
    """Notes ratios as those to be held to."""
    ratios = {name: {figure: round(one.ratio, 3) for figure, one in of.items()} for name, of in judged.items()}
    file.write_text(json.dumps(ratios, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
