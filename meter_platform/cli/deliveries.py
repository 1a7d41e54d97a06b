"""Commands about what was delivered: `withdraw`, `reread`."""

from datetime import datetime

import click

from meter_platform.cli.screen import DATE, read_settings, run_and_show


@click.command()
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
    from meter_platform.ingestion import withdraw as withdrawals
    from meter_platform.lake.lake import open_lake
    from meter_platform.orchestration import run as runs
    from meter_platform.warehouse.database import open_database

    settings = read_settings()
    act = withdrawals.undo if undone else withdrawals.withdraw
    moved = act(open_database(settings), number, left_over=left_over, lake=open_lake(settings))
    what = f"{'Left-overs of source' if left_over else 'Source'} file {number}"
    click.echo(
        f"{what}: {moved.rows:,} rows {'put back' if undone else 'withdrawn'}, {moved.kwh.normalize():f} kWh in "
        f"{len(moved.rows_per_date)} reference dates"
    )
    if moved.waiting:
        click.echo(f"{moved.waiting:,} of the rows {'wait to be loaded' if undone else 'had not been loaded yet'}")
    for first, last, assets in runs.stale_ranges(settings, moved.dates):
        run_and_show(settings, first, last, debug=debug, assets=assets)


@click.command()
@click.option("--from", "first", type=DATE, help="Only files with rows of reference dates from this one on.")
@click.option("--to", "last", type=DATE, help="Only files with rows of reference dates up to this one.")
@click.option("--reason", help="Only files with rows that were rejected for this reason, such as impossible.")
@click.pass_obj
def reread(debug: bool, first: datetime | None, last: datetime | None, reason: str | None) -> None:  # noqa: FBT001 - click passes it
    """Read files again that were read under other rules, and rebuild the dates that change.

    Rules are the limits of an impossible reading, the time zone, the first reference date, the label and the format.
    What files that are gone delivered stays as it is.
    """
    from meter_platform.feeds.validation import Reason
    from meter_platform.ingestion import reread as rereading
    from meter_platform.lake.lake import open_lake
    from meter_platform.orchestration import run as runs
    from meter_platform.orchestration.sources import reading_folder
    from meter_platform.warehouse.database import open_database

    codes = [known.value for known in Reason]
    if reason is not None and reason not in codes:
        raise click.BadParameter(f"it is one of: {', '.join(codes)}", param_hint="--reason")
    settings = read_settings()
    found = rereading.reread(
        open_database(settings),
        settings,
        reading_folder(settings),
        first=first.date() if first else None,
        last=last.date() if last else None,
        reason=reason,
        lake=open_lake(settings),
        log=lambda line: click.echo(line, err=True),
    )
    click.echo(
        f"{found.files:,} files read again: {found.rows_out:,} stored rows taken out and {found.rows_in:,} put in, "
        f"{found.rejected_before:,} rows rejected before and {found.rejected_now:,} now"
    )
    if found.gone:
        click.echo(f"{found.gone:,} file versions are not there any more: what they delivered stays as it was read")
    for begin, end, assets in runs.stale_ranges(settings, [*found.dates, *found.waiting]):
        run_and_show(settings, begin, end, debug=debug, assets=assets)
