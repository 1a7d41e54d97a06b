"""The command that looks for new reading files: `scan`."""

import click

from meter_platform.cli.screen import read_settings


@click.command()
@click.argument("folders", nargs=-1, metavar="[FOLDER]...")
@click.option("--full", is_flag=True, help="Look into every folder, also where nothing has happened for long.")
def scan(folders: tuple[str, ...], *, full: bool) -> None:
    """Look for new and changed reading files now, and say which dates wait for a run.

    The sensor does the same every 30 seconds, and looks into every folder once a night. Name a FOLDER (below the folder of
    reading files, or by its whole path or URL) to look into it in any case.
    """
    from meter_platform.errors import PermanentError
    from meter_platform.ingestion.discover import discover
    from meter_platform.ingestion.tree import Effort
    from meter_platform.orchestration.sources import reading_folder
    from meter_platform.redaction import redact
    from meter_platform.warehouse.database import open_database

    settings = read_settings()
    source = reading_folder(settings)
    effort = Effort(full=full, wanted=[source.url_named(name) for name in folders])
    found = discover(
        open_database(settings), settings, source, effort=effort, wait=lambda line: click.echo(line, err=True)
    )
    if found is None:
        raise RuntimeError("nobody waited for another scan")
    report = found.report
    click.echo(
        f"{report.files_listed:,} files, {report.files_read:,} of them new or changed: {report.rows_read:,} rows"
    )
    for count, what in (
        (sum(report.rejected.values()), "rows rejected"),
        (len(report.malformed), "files quarantined"),
        (len(report.growing), "files still being written"),
        (found.deleted, "files deleted before all of their rows were loaded"),
    ):
        if count:
            click.echo(f"{count:,} {what}")
    if report.unread.count:
        click.echo(report.unread.named)
    if found.pending:
        click.echo(
            f"{len(found.pending):,} dates wait to be loaded, {min(found.pending)} to {max(found.pending)}: the sensor asks "
            "for them, or meter-platform run --reference-date … does"
        )
    if found.missing:
        raise PermanentError(f"There is no such folder: {', '.join(map(redact, found.missing))}.")
