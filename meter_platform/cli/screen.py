"""What the commands share: the settings, the screen, and running dates with a progress bar.

What does not belong here: commands, work.
"""

import signal
import sys
from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    import psycopg
    from rich.console import Console

    from meter_platform.orchestration.run import RunOutcome, Stored
    from meter_platform.settings import Settings

DATE: Final = click.DateTime(formats=["%Y-%m-%d"])
INTERRUPTED: Final = "it was ended by a signal before it was done. What it had stored is whole: give the command again."
_NO_TERMINAL_WIDTH: Final = 100

_MOST_DATES: Final = 31
"""Of more dates nobody reads eleven lines each, and to print those of a year takes as long as computing one of its tables."""


def read_settings() -> "Settings":
    """The settings of this process's environment."""
    from meter_platform.settings import Settings

    return Settings.from_environment()


def say_put_away(connection: "psycopg.Connection[Any]") -> None:
    """Says, beside whatever is printed, which readings SQL does not find because they are in the lake alone."""
    import psycopg

    from meter_platform.warehouse import put_away

    try:
        days = [note.day for note in put_away.found(connection)]
    except psycopg.ProgrammingError:  # there are no tables yet, or this login may not read them
        return
    if days:
        click.echo(put_away.sentence(days), err=True)


def run_and_show(
    settings: "Settings", first: date, last: date, *, debug: bool, assets: Sequence[str] | None = None
) -> None:
    """Runs with a progress bar, shows what was stored, and exits with 1 unless all of it was."""
    # As Ctrl-C does: while Dagster runs, it sees to both itself.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = console_for(stderr=True)
    with progress(console) as bar:
        task = bar.add_task("Starting Dagster and Postgres", total=None)
        from meter_platform.orchestration import run as runs

        def step_done(step: str, count: int, total: int) -> None:
            bar.update(task, description=step, completed=count, total=total)
            if not console.is_terminal:
                click.echo(f"{count:>3} of {total} {step}", err=True)

        outcome = runs.run_dates(settings, first, last, step_done=step_done, verbose=debug, assets=assets)
    if outcome.interrupted:
        click.echo(f"Error: {INTERRUPTED} (Dagster run {outcome.run_id})", err=True)
        sys.exit(1)
    _show(runs.stored(settings, first, last), outcome)
    if not outcome.succeeded:
        sys.exit(1)


def _show(stored: Iterable["Stored"], outcome: "RunOutcome") -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("date")
    table.add_column("table")
    table.add_column("rows", justify="right")
    table.add_column("kWh", justify="right")
    previous = None
    for dates, *cells in lines_of(stored):
        if previous and dates != previous:
            table.add_section()
        table.add_row(dates, *cells)
        previous = dates
    console = console_for()
    console.print(table)
    slowest = sorted(outcome.seconds.items(), key=lambda item: -item[1])[:3]
    steps = f" ({', '.join(f'{name} {seconds:.1f} s' for name, seconds in slowest)})" if slowest else ""
    console.print(
        f"\n{'Stored' if outcome.succeeded else 'Failed'} in {outcome.total_seconds:.1f} s{steps}; "
        f"Dagster run {outcome.run_id}",
        highlight=False,
    )
    for check, found in outcome.concerns.items():
        console.print(f"[yellow]Look at[/yellow] {check}: {found}", highlight=False)
    errors = console_for(stderr=True)
    for step, why in outcome.errors.items():
        errors.print(f"[red]Failed[/red] {step}: {why}", highlight=False)


def lines_of(stored: Iterable["Stored"]) -> list[tuple[str, str, str, str]]:
    """What each table holds of each date, or of all of them together where there are more than a month has.

    Returns:
        Dates, table, rows, and kWh where the table has energy.
    """
    by_day: dict[date, list[Stored]] = {}
    by_table: dict[str, list[Stored]] = {}
    for each in stored:
        by_day.setdefault(each.day, []).append(each)
        by_table.setdefault(each.table, []).append(each)
    if len(by_day) <= _MOST_DATES:
        return [_line(day.isoformat(), [each]) for day in sorted(by_day) for each in by_day[day]]
    dates = f"{min(by_day)} to {max(by_day)}"
    return [_line(dates, rows) for rows in by_table.values()]


def _line(dates: str, stored: Sequence["Stored"]) -> tuple[str, str, str, str]:
    energy = [each.kwh for each in stored if each.kwh is not None]
    return dates, stored[0].table, f"{sum(each.rows for each in stored):,}", f"{sum(energy):f}" if energy else ""


def console_for(*, stderr: bool = False) -> "Console":
    """The terminal, or plain lines of a fixed width where the output is not one."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else _NO_TERMINAL_WIDTH, soft_wrap=not stream.isatty())


def progress(console: "Console") -> Any:  # noqa: ANN401 - rich's Progress, imported only when it is shown
    """A progress bar; nothing where the output is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
