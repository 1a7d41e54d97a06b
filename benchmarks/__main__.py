"""The command: `python -m benchmarks`, which is `make bench`.

What belongs here: arguments and the screen. What does not: work.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click

from benchmarks import commands, history, late, pages, report, results, scrapes, session
from benchmarks.command import ROOT, CommandFailedError
from benchmarks.facts import WrongFiguresError
from benchmarks.inputs import CASES, QUICK
from benchmarks.session import ContenderFailedError
from benchmarks.workplace import workplace

_CACHE: Final = ROOT / ".meter_platform" / "benchmarks"
_NAMES: Final = (*CASES, *late.CASES, commands.NAME, pages.NAME, history.NAME, scrapes.NAME)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--case", "names", multiple=True, type=click.Choice(_NAMES), help="Only this case; may be given more than once."
)
@click.option("--repeat", "repeats", type=click.IntRange(min=1), default=3, show_default=True, help="Runs of each.")
@click.option("--quick", is_flag=True, help="Small input, to see that everything works; its report stays in the cache.")
@click.option(
    "--cache", type=click.Path(path_type=Path, file_okay=False), default=_CACHE, help="Where input and the server are."
)
@click.option("--report-only", is_flag=True, help="Measure nothing: write the report from results.json.")
def main(*, names: tuple[str, ...], repeats: int, quick: bool, cache: Path, report_only: bool) -> None:
    """Measure the platform against what people write by hand and against what the server allows.

    Results are added to those of earlier runs, so that cases can be measured one at a time.
    """
    cache.mkdir(parents=True, exist_ok=True)
    out = cache / "quick" if quick else Path(__file__).parent
    out.mkdir(exist_ok=True)
    if not report_only:
        try:
            _measure(names or _NAMES, repeats, cache, out, quick=quick)
        except (WrongFiguresError, ContenderFailedError, CommandFailedError) as error:
            raise click.ClickException(f"no result, {type(error).__name__}: {error}") from error
    report.write(results.read(out / results.FILE_NAME), out, quick=quick)
    click.echo(f"Written: {out / 'results.md'}")


def _measure(names: Iterable[str], repeats: int, cache: Path, out: Path, *, quick: bool) -> None:
    with workplace(cache) as place:
        if not quick:
            session.warm_up(QUICK["50-files"], cache, place, log=_say)
        for name in names:
            if name == commands.NAME:
                measured = commands.measure(place, repeats=repeats, log=_say)
            elif name == pages.NAME:
                meterpoints = pages.FEW_METERPOINTS if quick else pages.METERPOINTS
                measured = pages.measure(place, repeats=repeats, log=_say, meterpoints=meterpoints)
            elif name == scrapes.NAME:
                meterpoints = pages.FEW_METERPOINTS if quick else pages.METERPOINTS
                measured = scrapes.measure(place, repeats=repeats, log=_say, meterpoints=meterpoints)
            elif name in late.CASES:
                of_late = (late.QUICK if quick else late.CASES)[name]
                measured = late.measure(of_late, cache, place, repeats=repeats, log=_say)
            elif name == history.NAME:
                size = history.QUICK if quick else history.Size()
                measured = history.measure(place, size=size, repeats=repeats, log=_say)
            else:
                case = (QUICK if quick else CASES)[name]
                measured = session.measure(case, cache, place, repeats=repeats, log=_say)
            results.add(out / results.FILE_NAME, measured)


def _say(text: str) -> None:
    click.echo(text)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
