"""Commands about the database and its server: `migrate`, `psql`, `stop`."""

import os

import click

from meter_platform.cli.screen import read_settings
from meter_platform.redaction import redact


@click.command()
def migrate() -> None:
    """Take a database of an earlier version to this one, and Dagster's own storage with it.

    Needed once after an upgrade, on a server of your own; on the embedded one every command does it. Make a backup,
    and stop runs, the daemon and the app: there is no way back to the earlier version but the backup. Each step is
    whole or not done at all, and giving the command again does what is left.
    """
    from meter_platform.orchestration.instance import migrate_storage
    from meter_platform.warehouse import schema
    from meter_platform.warehouse.database import Database, data_url

    database = Database(data_url(read_settings()))
    done = database.create_tables(may_migrate=True)
    for step in done:
        click.echo(f"Step {step.number}: {step.title}")
    click.echo(f"{database.shown} {'is now' if done else 'is'} at step {schema.HEAD}, which this platform needs.")
    migrate_storage()
    click.echo("Dagster's own storage is that of the installed Dagster.")


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--url", is_flag=True, help="Print the database's URL instead, for other programs (without a password).")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(arguments: tuple[str, ...], *, url: bool) -> None:
    """Open psql on the platform's database; further arguments go to psql."""
    from meter_platform.embedded_postgres.client_programs import find_client
    from meter_platform.postgres.connecting import CONNECT_SECONDS
    from meter_platform.warehouse.database import Database, data_url

    settings = read_settings()
    database = data_url(settings)
    if url:
        click.echo(redact(database))
        return
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    client = find_client("psql", database, pg_bin=settings.pg_bin)
    with Database(database).connect():
        pass  # waits for a server that restarts, not for one that is silent, and says what is wrong with others
    parameters = {"connect_timeout": CONNECT_SECONDS} | conninfo_to_dict(database)
    # The arguments of a process can be read by everyone on the machine, its environment cannot.
    password = parameters.pop("password", None)
    environment = {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}
    os.execve(client, [str(client), make_conninfo("", **parameters), *arguments], environment)  # noqa: S606 - psql itself


@click.command()
def stop() -> None:
    """Stop the embedded Postgres. What is stored stays."""
    from meter_platform.embedded_postgres.server import stop as stop_server

    settings = read_settings()
    if settings.postgres_url:
        click.echo("METER_PLATFORM_POSTGRES_URL is set: its server is not ours to stop.")
    elif stop_server(settings.home):
        click.echo("The embedded Postgres has stopped.")
    else:
        click.echo("The embedded Postgres was not running.")
