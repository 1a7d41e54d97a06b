"""The command line: `meter-platform`, also `python -m meter_platform`.

What belongs here: arguments, the screen, exit codes. What never does: work. Each command calls the module that does it,
and imports it only then, so that help appears at once (even the settings take a quarter of a second to import).

Exit codes: 0 all was done; 1 something failed, and a line says what to do; 2 the command was not understood.
"""

import os
import signal
import sys
import traceback
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from meter_platform.errors import first_line
from meter_platform.redaction import redact, redact_text

if TYPE_CHECKING:
    from rich.console import Console

    from meter_platform.orchestration.run import RunOutcome, Stored
    from meter_platform.settings import Settings

_DATE: Final = click.DateTime(formats=["%Y-%m-%d"])
_NO_TERMINAL_WIDTH: Final = 100
_INTERRUPTED: Final = (
    "it was ended by a signal before it was done. What it had stored is whole: give the command again."
)


class _OneLineErrors(click.Group):
    """Shows an error as one line, and its traceback only with --debug."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            click.echo(f"Error: {_INTERRUPTED}", err=True)
        except BrokenPipeError:
            raise  # whoever read the output has enough, such as `head`: click ends without a word
        except Exception as error:  # noqa: BLE001 - the last place where it can be shown
            from meter_platform.postgres.refusals import translated  # noqa: PLC0415 - see the module's docstring

            if ctx.params.get("debug"):
                shown = traceback.format_exc()
            elif known := translated(error):
                shown = f"Error: {known}"
            else:
                shown = (
                    f"Unexpected error: {type(error).__name__}: {first_line(error)}\n"
                    "Run `meter-platform --debug …` to see where."
                )
            # What a library says may quote the URL that it was given.
            click.echo(redact_text(shown, *_secrets()), err=True)
        return ctx.exit(1)


@click.group(cls=_OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--debug", is_flag=True, help="Show the traceback of an error, and Dagster's own log.")
@click.version_option(package_name="meter-platform")
@click.pass_context
def main(context: click.Context, *, debug: bool) -> None:
    """Half-hourly smart-meter readings into analytics: a Dagster asset graph on Postgres.

    Without configuration everything runs on a Postgres of its own and a generated sample. Point it at your data with
    METER_PLATFORM_READINGS_URL, METER_PLATFORM_REFERENCE_URL and METER_PLATFORM_POSTGRES_URL.
    """
    context.obj = debug


@main.command()
@click.option("--reference-date", "first", type=_DATE, required=True, help="The date, or the first of several.")
@click.option("--to", "last", type=_DATE, help="The last date of a range, included.")
@click.pass_obj
def run(debug: bool, first: datetime, last: datetime | None) -> None:  # noqa: FBT001 - click passes it
    """Materialise every table for a reference date or a range, and show what was stored.

    Exit status 0 only if all of it was.
    """
    settings = _settings()
    _run(settings, first.date(), (last or first).date(), debug=debug)


@main.command()
@click.pass_obj
def demo(debug: bool) -> None:  # noqa: FBT001 - click passes it
    """Generate the sample, materialise every table for its dates, and say what to do next."""
    from meter_platform.orchestration.sources import sample_plan  # noqa: PLC0415 - see the module's docstring

    settings = _settings()
    console = _console()
    plan = sample_plan(settings)
    if settings.readings_url or settings.reference_url:
        console.print("Your own sources are set: the demo takes the dates of the sample from them.")
    else:
        console.print(
            f"Sample input: {plan.meterpoints} meterpoints, {plan.first} to {plan.last}, in {settings.sample_home}"
        )
    _run(settings, plan.first, plan.last, debug=debug)
    console.print(
        "\n[bold]What next[/bold]\n"
        "  make dev     the asset graph at http://localhost:3000\n"
        "  make app     the figures at http://localhost:8501\n"
        "  .venv/bin/meter-platform psql     ask in SQL: SELECT * FROM analytics.daily_product_consumption;\n"
        "  .venv/bin/meter-platform stop     stop the embedded Postgres",
        highlight=False,
    )


@main.command()
@click.option("--port", default=3000, show_default=True, help="Where the UI listens.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address it listens on.")
def dev(port: int, host: str) -> None:
    """Start the Dagster UI with its daemon: schedules, sensors and backfills run while it does.

    It answers its own pages only: requests of other sites, or to another name than this machine's, are refused.
    """
    from meter_platform.orchestration.dagster_home import prepare_dagster_home  # noqa: PLC0415 - see the module's docstring
    from meter_platform.own_address import make_sure_is_free  # noqa: PLC0415 - see the module's docstring

    settings = _settings()
    make_sure_is_free(host, port)
    environment = {
        **os.environ,
        **prepare_dagster_home(settings),
        # Dagster announces at every start that its commands will be renamed: nothing that a user of ours can act on.
        "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", "ignore"),
    }
    arguments = [
        sys.executable,
        "-m",
        "meter_platform.orchestration.dagster_ui",
        "dev",
        "-m",
        "meter_platform.definitions",
        "-p",
        str(port),
        "-h",
        host,
    ]
    click.echo(f"The Dagster UI will be at http://{host}:{port} in a few seconds; Ctrl-C stops it.")
    sys.stdout.flush()
    os.execve(sys.executable, arguments, environment)  # noqa: S606 - our own interpreter, no shell


@main.command()
@click.option("--port", default=8501, show_default=True, help="Where the app listens.")
@click.option("--headless", is_flag=True, help="Do not open a browser.")
@click.pass_obj
def app(debug: bool, port: int, *, headless: bool) -> None:  # noqa: FBT001 - click passes it
    """Open the analytics app; on a fresh machine with the sample in it."""
    from meter_platform.app.launch import ADDRESS  # noqa: PLC0415 - see the module's docstring
    from meter_platform.app.launch import run as launch  # noqa: PLC0415 - see the module's docstring
    from meter_platform.own_address import make_sure_is_free  # noqa: PLC0415 - see the module's docstring
    from meter_platform.status import nothing_stored  # noqa: PLC0415 - see the module's docstring

    settings = _settings()
    make_sure_is_free(ADDRESS, port)
    if not (settings.readings_url or settings.reference_url) and nothing_stored(settings):
        from meter_platform.orchestration.sources import sample_plan  # noqa: PLC0415 - see the module's docstring

        plan = sample_plan(settings)
        _run(settings, plan.first, plan.last, debug=debug)
    click.echo(f"The app will be at http://{ADDRESS}:{port} in a few seconds; Ctrl-C stops it.")
    launch(settings, port=port, headless=headless)


@main.command()
@click.option("--meterpoints", default=60, show_default=True, type=click.IntRange(min=1), help="How many homes.")
@click.option("--from", "first", type=_DATE, required=True, help="The first day.")
@click.option("--to", "last", type=_DATE, required=True, help="The last day, included.")
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same bytes.")
@click.option("--files", default="per_meterpoint", show_default=True, help="per_meterpoint, per_day, or a number.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Where to write it.")
def sample(*, meterpoints: int, first: datetime, last: datetime, seed: int, files: str, out: Path) -> None:
    """Generate sample input: reading files and a reference database."""
    from meter_platform.sample.generate import SamplePlan, generate  # noqa: PLC0415 - see the module's docstring

    layout: Any = int(files) if files.isdecimal() else files
    if layout not in {"per_meterpoint", "per_day"} and not isinstance(layout, int):
        raise click.BadParameter("it is per_meterpoint, per_day, or a number of files", param_hint="--files")
    plan = SamplePlan(
        meterpoints=meterpoints,
        first=first.date(),
        last=last.date(),
        seed=seed,
        files=layout,
        zone=_settings().zone,
    )
    console = _console(stderr=True)
    with _progress(console) as bar:
        task = bar.add_task("Writing reading files", total=None)
        summary = generate(plan, out, lambda done, total: bar.update(task, completed=done, total=total))
    click.echo(
        f"{summary.readings:,} readings of {summary.meterpoints:,} meterpoints in {summary.files:,} files, "
        f"{summary.kwh:,} kWh, {summary.agreements:,} agreements: {out}"
    )


@main.command()
def status() -> None:
    """Say what is running, what is stored, and what needs attention."""
    from meter_platform.status import report  # noqa: PLC0415 - see the module's docstring

    for line in report(_settings()):
        click.echo(line)


@main.command()
def config() -> None:
    """Show every setting, its value and where the value comes from. Secrets are hidden.

    A value comes from a variable of the environment, from the file that <VARIABLE>_FILE names, from .env in this folder,
    or is the default.
    """
    from meter_platform.settings import documented_settings, origins  # noqa: PLC0415 - see the module's docstring

    settings, origin = _settings(), origins()
    shown = [("setting", "value", "from")]
    for setting in documented_settings():
        value = getattr(settings, setting.name)
        text = "(unset)" if value is None else redact(str(value)) if setting.is_secret else str(value)
        shown.append((setting.variable, text, origin[setting.name]))
    widths = [max(len(row[column]) for row in shown) for column in (0, 1)]
    for variable, value, source in shown:
        click.echo(f"{variable:<{widths[0]}}  {value:<{widths[1]}}  {source}")


@main.command()
def migrate() -> None:
    """Take a database of an earlier version to this one, and Dagster's own storage with it.

    Needed once after an upgrade, on a server of your own; on the embedded one every command does it. Make a backup,
    and stop runs, the daemon and the app: there is no way back to the earlier version but the backup. Each step is
    whole or not done at all, and giving the command again does what is left.
    """
    from meter_platform.orchestration.instance import migrate_storage  # noqa: PLC0415 - see the module's docstring
    from meter_platform.warehouse import schema  # noqa: PLC0415 - see the module's docstring
    from meter_platform.warehouse.database import Database, data_url  # noqa: PLC0415 - see the module's docstring

    database = Database(data_url(_settings()))
    done = database.create_tables(may_migrate=True)
    for step in done:
        click.echo(f"Step {step.number}: {step.title}")
    click.echo(f"{database.shown} {'is now' if done else 'is'} at step {schema.HEAD}, which this platform needs.")
    migrate_storage()
    click.echo("Dagster's own storage is that of the installed Dagster.")


@main.command()
@click.argument("number", type=click.IntRange(min=1), metavar="SOURCE_FILE")
@click.option(
    "--left-over",
    is_flag=True,
    help="Only what overwritten versions of the file say and its newest version does not.",
)
@click.option("--undo", "undone", is_flag=True, help="Put back what was taken back.")
@click.pass_obj
def withdraw(debug: bool, number: int, *, left_over: bool, undone: bool) -> None:  # noqa: FBT001 - click passes it
    """Take back what a file version delivered, as if it had never come, and rebuild the dates it touches.

    SOURCE_FILE is its number in raw_data.source_files, which checks name. Rows that were taken back stay on record.
    """
    from meter_platform.ingestion import withdraw as withdrawals  # noqa: PLC0415 - see the module's docstring
    from meter_platform.orchestration import run as runs  # noqa: PLC0415 - see the module's docstring
    from meter_platform.warehouse.database import open_database  # noqa: PLC0415 - see the module's docstring

    settings = _settings()
    act = withdrawals.undo if undone else withdrawals.withdraw
    moved = act(open_database(settings), number, left_over=left_over)
    what = f"{'Left-overs of source' if left_over else 'Source'} file {number}"
    click.echo(
        f"{what}: {moved.rows:,} rows {'put back' if undone else 'withdrawn'}, {moved.kwh.normalize():f} kWh in "
        f"{len(moved.rows_per_date)} reference dates"
    )
    if moved.waiting:
        click.echo(f"{moved.waiting:,} of the rows {'wait to be loaded' if undone else 'had not been loaded yet'}")
    for first, last, assets in runs.stale_ranges(settings, moved.dates):
        _run(settings, first, last, debug=debug, assets=assets)


@main.command()
@click.option("--from", "first", type=_DATE, help="Only files with rows of reference dates from this one on.")
@click.option("--to", "last", type=_DATE, help="Only files with rows of reference dates up to this one.")
@click.option("--reason", help="Only files with rows that were rejected for this reason, such as impossible.")
@click.pass_obj
def reread(debug: bool, first: datetime | None, last: datetime | None, reason: str | None) -> None:  # noqa: FBT001 - click passes it
    """Read files again that were read under other rules, and rebuild the dates that change.

    Rules are the limits of an impossible reading, the time zone, the first reference date, the label and the format.
    What files that are gone delivered stays as it is.
    """
    from meter_platform.feeds.validation import Reason  # noqa: PLC0415 - see the module's docstring
    from meter_platform.ingestion import reread as rereading  # noqa: PLC0415 - see the module's docstring
    from meter_platform.orchestration import run as runs  # noqa: PLC0415 - see the module's docstring
    from meter_platform.orchestration.sources import reading_folder  # noqa: PLC0415 - see the module's docstring
    from meter_platform.warehouse.database import open_database  # noqa: PLC0415 - see the module's docstring

    codes = [known.value for known in Reason]
    if reason is not None and reason not in codes:
        raise click.BadParameter(f"it is one of: {', '.join(codes)}", param_hint="--reason")
    settings = _settings()
    found = rereading.reread(
        open_database(settings),
        settings,
        reading_folder(settings),
        first=first.date() if first else None,
        last=last.date() if last else None,
        reason=reason,
        log=lambda line: click.echo(line, err=True),
    )
    click.echo(
        f"{found.files:,} files read again: {found.rows_out:,} stored rows taken out and {found.rows_in:,} put in, "
        f"{found.rejected_before:,} rows rejected before and {found.rejected_now:,} now"
    )
    if found.gone:
        click.echo(f"{found.gone:,} file versions are not there any more: what they delivered stays as it was read")
    for begin, end, assets in runs.stale_ranges(settings, [*found.dates, *found.waiting]):
        _run(settings, begin, end, debug=debug, assets=assets)


@main.command(context_settings={"ignore_unknown_options": True})
@click.option("--url", is_flag=True, help="Print the database's URL instead, for other programs (without a password).")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(arguments: tuple[str, ...], *, url: bool) -> None:
    """Open psql on the platform's database; further arguments go to psql."""
    from meter_platform.embedded_postgres.programs import find_psql  # noqa: PLC0415 - see the module's docstring
    from meter_platform.postgres.connecting import CONNECT_SECONDS  # noqa: PLC0415 - see the module's docstring
    from meter_platform.warehouse.database import Database, data_url  # noqa: PLC0415 - see the module's docstring

    settings = _settings()
    database = data_url(settings)
    if url:
        click.echo(redact(database))
        return
    from psycopg.conninfo import conninfo_to_dict, make_conninfo  # noqa: PLC0415 - see the module's docstring

    client = find_psql(settings.pg_bin)
    with Database(database).connect():
        pass  # waits for a server that restarts, not for one that is silent, and says what is wrong with others
    parameters = {"connect_timeout": CONNECT_SECONDS} | conninfo_to_dict(database)
    # The arguments of a process can be read by everyone on the machine, its environment cannot.
    password = parameters.pop("password", None)
    environment = {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}
    os.execve(client, [str(client), make_conninfo("", **parameters), *arguments], environment)  # noqa: S606 - psql itself


@main.command()
def stop() -> None:
    """Stop the embedded Postgres. What is stored stays."""
    from meter_platform.embedded_postgres.server import stop as stop_server  # noqa: PLC0415 - see the module's docstring

    settings = _settings()
    if settings.postgres_url:
        click.echo("METER_PLATFORM_POSTGRES_URL is set: its server is not ours to stop.")
    elif stop_server(settings.home):
        click.echo("The embedded Postgres has stopped.")
    else:
        click.echo("The embedded Postgres was not running.")


def _settings() -> "Settings":
    from meter_platform.settings import Settings  # noqa: PLC0415 - see the module's docstring

    return Settings.from_environment()


def _secrets() -> Sequence[str]:
    from meter_platform.settings import secrets_given  # noqa: PLC0415 - see the module's docstring

    return secrets_given()


def _run(settings: "Settings", first: date, last: date, *, debug: bool, assets: Sequence[str] | None = None) -> None:
    """Runs with a progress bar, shows what was stored, and exits with 1 unless all of it was."""
    # As Ctrl-C does: while Dagster runs, it sees to both itself.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = _console(stderr=True)
    with _progress(console) as bar:
        task = bar.add_task("Starting Dagster and Postgres", total=None)
        from meter_platform.orchestration import run as runs  # noqa: PLC0415 - what the bar is shown for

        def step_done(step: str, count: int, total: int) -> None:
            bar.update(task, description=step, completed=count, total=total)
            if not console.is_terminal:
                click.echo(f"{count:>3} of {total} {step}", err=True)

        outcome = runs.run_dates(settings, first, last, step_done=step_done, verbose=debug, assets=assets)
    if outcome.interrupted:
        click.echo(f"Error: {_INTERRUPTED} (Dagster run {outcome.run_id})", err=True)
        sys.exit(1)
    _show(runs.stored(settings, first, last), outcome)
    if not outcome.succeeded:
        sys.exit(1)


def _show(stored: Iterable["Stored"], outcome: "RunOutcome") -> None:
    from rich.table import Table  # noqa: PLC0415 - see the module's docstring

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("date")
    table.add_column("table")
    table.add_column("rows", justify="right")
    table.add_column("kWh", justify="right")
    previous = None
    for row in sorted(stored, key=lambda row: row.day):
        if previous and row.day != previous:
            table.add_section()
        table.add_row(row.day.isoformat(), row.table, f"{row.rows:,}", "" if row.kwh is None else f"{row.kwh:f}")
        previous = row.day
    console = _console()
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
    errors = _console(stderr=True)
    for step, why in outcome.errors.items():
        errors.print(f"[red]Failed[/red] {step}: {why}", highlight=False)


def _console(*, stderr: bool = False) -> "Console":
    from rich.console import Console  # noqa: PLC0415 - see the module's docstring

    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else _NO_TERMINAL_WIDTH, soft_wrap=not stream.isatty())


def _progress(console: "Console") -> Any:  # noqa: ANN401 - rich's Progress, imported only when it is shown
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
