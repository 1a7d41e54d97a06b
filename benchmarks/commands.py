"""The commands that people wait for: a small run, and the two that should answer at once.

On the platform's own sample, with a warm server. The tables are empty before each run that fills them; a first round,
which generates the sample and creates Dagster's tables, is not counted. The models of dbt are an extra, and a command of
their own here.
"""

from collections.abc import Iterator
from typing import Final

from benchmarks.command import run_command
from benchmarks.goals import Found, Goal
from benchmarks.job import Outcome
from benchmarks.results import Measured
from benchmarks.session import Log
from benchmarks.workplace import Workplace, environment

NAME: Final = "commands"
TITLE: Final = "Whole commands on the sample: 60 meterpoints, warm"

RUN: Final = "meter-platform run, three dates"
MODELS: Final = "meter-platform run, three dates, with models of dbt"
MATERIALIZE: Final = "dagster asset materialize, one date"
HELP: Final = "meter-platform --help"
STATUS: Final = "meter-platform status"

_FIRST: Final = "2021-01-01"
_RUN: Final = ["meter-platform", "run", "--reference-date", _FIRST, "--to", "2021-01-03"]
_FILLING: Final = {
    RUN: _RUN,
    MODELS: _RUN,
    MATERIALIZE: [
        "dagster",
        "asset",
        "materialize",
        "--select",
        "*",
        "--partition",
        _FIRST,
        "-m",
        "meter_platform.definitions",
    ],
}
_ASKING: Final = {HELP: ["meter-platform", "--help"], STATUS: ["meter-platform", "status"]}
_SECONDS: Final = {RUN: 8.0, MATERIALIZE: 12.0, HELP: 0.3, STATUS: 1.5}


def goals(found: Found) -> Iterator[Goal]:
    """What people wait for."""
    for command, seconds in _SECONDS.items():
        yield Goal(
            measure=f"`{command}`, on the sample, warm",
            wanted=f"< {seconds:g} s",
            found=found.median(NAME, command),
            bound=seconds,
            unit="s",
            case=NAME,
        )


def measure(place: Workplace, *, repeats: int, log: Log) -> Measured:
    """Measures each command.

    Raises:
        CommandFailedError: with the end of what it printed.
    """
    log(f"{TITLE}: a first round that does not count")
    _round(place)
    outcomes: dict[str, list[Outcome]] = {name: [] for name in (*_FILLING, *_ASKING)}
    for number in range(repeats):
        for name, outcome in _round(place).items():
            outcomes[name].append(outcome)
            log(f"  {number + 1} of {repeats}: {name} {outcome.seconds:.2f} s")
    place.clear()
    return Measured.now(NAME, title=TITLE, amount={}, outcomes=outcomes, skipped={}, url=place.url)


def _round(place: Workplace) -> dict[str, Outcome]:
    plain, with_models = environment(place.home, TRANSFORMATIONS="off"), environment(place.home)
    outcomes: dict[str, Outcome] = {}
    for name, arguments in (_FILLING | _ASKING).items():
        if name in _FILLING:
            place.clear()
        variables = with_models if name == MODELS else plain
        run = run_command(arguments, variables, place.scratch / "command.log")
        outcomes[name] = Outcome(seconds=run.seconds, command_seconds=run.seconds, peak_rss=run.peak_rss)
    return outcomes
