"""The command about models: `dbt`."""

import click

from meter_platform.cli.screen import read_settings


@click.command(
    # What follows is dbt's, its help included.
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def dbt(arguments: tuple[str, ...]) -> None:
    """Run dbt on the platform's database: `dbt build --vars '{first_date: 2021-01-01}'`, with dbt's own options."""
    from meter_platform.transformations import command

    command.run(read_settings(), arguments)
