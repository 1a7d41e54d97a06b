"""The command about models: `dbt`."""

import click

from meter_platform.cli.screen import read_settings, say_put_away


# What follows the name of a command of dbt's is dbt's, its help included.
@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def dbt(arguments: tuple[str, ...]) -> None:
    """Run dbt on the platform's database: `dbt build --vars '{first_date: 2021-01-01}'`, with dbt's own options.

    `dbt build --help` is dbt's help. It needs the extra `dbt`.
    """
    from meter_platform.transformations import command
    from meter_platform.warehouse.database import Database, data_url

    settings = read_settings()
    if not command.WITHOUT_DATABASE.intersection(arguments):
        with Database(data_url(settings)).connect() as connection:
            say_put_away(connection)
    command.run(settings, arguments)
