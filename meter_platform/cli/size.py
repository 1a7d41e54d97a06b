"""The command that says what a number of meterpoints takes: `size`."""

import click


@click.command()
@click.option("--meterpoints", type=click.IntRange(min=1), required=True, help="How many send readings.")
@click.option(
    "--days", type=click.IntRange(min=1), default=365, show_default=True, help="Reference dates that are kept."
)
@click.option("--files", type=click.IntRange(min=1), help="Files a day. Default: one for each 1,000 meterpoints.")
def size(*, meterpoints: int, days: int, files: int | None) -> None:
    """Say what a number of meterpoints takes: disk, time, requests, and what one server cannot do any more.

    From measured figures, in straight lines: docs/operating/scale.md has them, and what was never run.
    """
    from meter_platform.sizing.size import Size, files_for
    from meter_platform.sizing.words import lines

    wanted = Size(meterpoints=meterpoints, days=days, files=files or files_for(meterpoints))
    click.echo("\n".join(lines(wanted)))
