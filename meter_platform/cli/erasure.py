"""Commands about a person's right to be forgotten: `erase`."""

from functools import partial
from typing import TextIO

import click

from meter_platform.cli.screen import read_settings


@click.command()
@click.option("--meterpoint", metavar="ID", help="Which, as it was delivered. It stays in the shell's history.")
@click.option(
    "--from-file",
    "file",
    type=click.File(encoding="utf-8"),
    metavar="FILE",
    help="A file with an id on each line; - reads them from the standard input.",
)
@click.option("--again", is_flag=True, help="Those that were erased before and that restoring a backup brought back.")
@click.option("--token", "tokens", multiple=True, help="With --again: a token that an erasure printed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(*, meterpoint: str | None, file: TextIO | None, again: bool, tokens: tuple[str, ...], yes: bool) -> None:
    """Erase a meterpoint (GDPR Art. 17): pseudonyms take its place everywhere, and every sum stays what it was.

    Without an option the id is asked for. What is delivered of the meterpoint later comes under pseudonyms, too. The
    files it stands in are listed: they are yours to delete. Backups are as they were.
    """
    from meter_platform.ingestion.erase import erase as carry_out
    from meter_platform.ingestion.erase import on_record
    from meter_platform.ingestion.erase_tables import Erasure
    from meter_platform.lake.lake import open_lake
    from meter_platform.orchestration.erasure import forget_agreements
    from meter_platform.orchestration.sources import reading_folder
    from meter_platform.warehouse.database import open_database

    if sum((meterpoint is not None, file is not None, again)) > 1:
        raise click.UsageError("Give one of --meterpoint, --from-file and --again.")
    settings = read_settings()
    database, lake = open_database(settings), open_lake(settings)
    if again:
        ids = list(on_record(database, settings, tokens))
    elif file:
        ids = [line.strip() for line in file if line.strip()]
    else:
        ids = [meterpoint or click.prompt("Meterpoint", hide_input=True, prompt_suffix=" (not shown): ")]
    if not ids:
        click.echo("No meterpoint to erase.")
        return
    if not yes:
        click.confirm(f"Erase {len(ids):,} meterpoint{'s' if len(ids) > 1 else ''}? It cannot be undone.", abort=True)

    def show(done: Erasure) -> None:
        rows = sum(done.rows.values())
        click.echo(f"{rows:,} rows of {len(done.dates):,} reference dates carry pseudonyms now. Token: {done.token}")
        for number, url in done.files.items():
            click.echo(f"It stands in source file {number}: {url}")

    for each in ids:
        done = carry_out(
            database,
            settings,
            reading_folder(settings),
            each,
            forget_agreements=partial(forget_agreements, settings),
            lake=lake,
            log=lambda line: click.echo(line, err=True),
        )
        show(done)
    if lake:
        click.echo(
            f"Files of the lake still have it; the night's `lake tidy` removes them in {settings.lake_keep_days} days."
        )
    click.echo("Backups made before now still have it: docs/operating/erasure.md.")
