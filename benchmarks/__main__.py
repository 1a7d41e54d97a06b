"""The command: `python -m benchmarks`, which is `make bench`.

What belongs here: arguments and the screen. What does not: work.
"""

import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click

from benchmarks import report, results, session
from benchmarks.command import ROOT, CommandFailedError
from benchmarks.facts import WrongFiguresError
from benchmarks.inputs import QUICK
from benchmarks.session import ContenderFailedError
from benchmarks.suite import BENCHMARKS, Benchmark, Setting
from benchmarks.workplace import workplace

_CACHE: Final = ROOT / ".meter_platform" / "benchmarks"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--case",
    "names",
    multiple=True,
    type=click.Choice(list(BENCHMARKS)),
    help="Only this case; may be given more than once.",
)
@click.option("--large", is_flag=True, help="The cases of 48 and 88 million readings too: half an hour more.")
@click.option(
    "--resume",
    type=float,
    default=0,
    metavar="HOURS",
    help="Leave out cases that were measured in the last HOURS: goes on where a run was stopped.",
)
@click.option("--repeat", "repeats", type=click.IntRange(min=1), default=3, show_default=True, help="Runs of each.")
@click.option("--quick", is_flag=True, help="Small input, to see that everything works; its report stays in the cache.")
@click.option(
    "--cache", type=click.Path(path_type=Path, file_okay=False), default=_CACHE, help="Where input and the server are."
)
@click.option("--report-only", is_flag=True, help="Measure nothing: write the report from results.json.")
def main(
    *,
    names: tuple[str, ...],
    large: bool,
    resume: float,
    repeats: int,
    quick: bool,
    cache: Path,
    report_only: bool,
) -> None:
    """Measure the platform against what people write by hand and against what the server allows.

    Results are added to those of earlier runs, case by case, so that cases can be measured one at a time.
    """
    cache.mkdir(parents=True, exist_ok=True)
    out = cache / "quick" if quick else Path(__file__).parent
    out.mkdir(exist_ok=True)
    file = out / results.FILE_NAME
    if not report_only:
        chosen = [
            case for name, case in BENCHMARKS.items() if name in names or (not names and (large or not case.large))
        ]
        since = datetime.now(UTC) - timedelta(hours=resume)
        done = {name for name, case in results.read(file).items() if resume and case.measured_at >= since}
        try:
            _measure([case for case in chosen if case.name not in done], repeats, cache, file, quick=quick)
        except (WrongFiguresError, ContenderFailedError, CommandFailedError) as error:
            raise click.ClickException(f"no result, {type(error).__name__}: {error}") from error
    report.write(results.read(file), out, quick=quick)
    click.echo(f"Written: {out / 'results.md'}")


def _measure(cases: Iterable[Benchmark], repeats: int, cache: Path, file: Path, *, quick: bool) -> None:
    with workplace(cache) as place:
        if not quick:
            session.warm_up(QUICK["50-files"], cache, place, log=_say)
        setting = Setting(cache=cache, place=place, repeats=repeats, quick=quick, log=_say)
        for case in cases:
            began = datetime.now(UTC)
            results.add(file, case.measure(setting))
            _say(f"{case.name}: {(datetime.now(UTC) - began).total_seconds():.0f} s in all")


def _say(text: str) -> None:
    click.echo(text)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
