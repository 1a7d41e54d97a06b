"""Commands about the database and its server: `migrate`, `psql`, `stop`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meter_platform.cli.screen import read_settings, say_put_away
from meter_platform.redaction import redact

if TYPE_CHECKING:
    from meter_platform.settings import Settings


@click.command()
@click.option(
    "--roles", is_flag=True, help="Then make the logins of a server of your own, each with the rights it needs."
)
@click.option(
    "--print", "printing", is_flag=True, help="With --roles: print the SQL for who runs the server, and do nothing."
)
@click.option(
    "--passwords",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="With --roles: a folder with the files meter_loader_password, meter_dagster_password, and so on.",
)
def migrate(*, roles: bool, printing: bool, passwords: Path | None) -> None:
    """Take a database of an earlier version to this one, and Dagster's own storage with it.

    Needed once after an upgrade, on a server of your own; on the embedded one every command does it. Make a backup,
    and stop runs, the daemon and the app: there is no way back to the earlier version but the backup. Each step is
    whole or not done at all, and giving the command again does what is left.
    """
    if (printing or passwords) and not roles:
        raise click.UsageError("--print and --passwords belong to --roles.")
    settings = read_settings()
    if printing:
        _print_roles(settings)
        return
    _migrate(settings)
    if roles:
        _make_roles(settings, passwords)


def _migrate(settings: "Settings") -> None:
    from meter_platform.orchestration.instance import migrate_storage
    from meter_platform.warehouse import schema
    from meter_platform.warehouse.database import Database, data_url

    database = Database(data_url(settings))
    done = database.create_tables(may_migrate=True)
    for step in done:
        click.echo(f"Step {step.number}: {step.title}")
    click.echo(f"{database.shown} {'is now' if done else 'is'} at step {schema.HEAD}, which this platform needs.")
    migrate_storage()
    click.echo("Dagster's own storage is that of the installed Dagster.")


def _make_roles(settings: "Settings", passwords: Path | None) -> None:
    from meter_platform.errors import PermanentError
    from meter_platform.typed_sql import role as typed_sql_role
    from meter_platform.warehouse import roles
    from meter_platform.warehouse.database import Database, dagster_url, data_url

    if not settings.postgres_url:
        raise PermanentError(
            "The embedded server has one account, for whoever may enter the folder of its socket: roles are for a server of "
            "your own (METER_PLATFORM_POSTGRES_URL)."
        )
    given = roles.passwords_in(passwords) if passwords else {}
    data, dagster = Database(data_url(settings)), Database(dagster_url(settings))
    with data.connect() as connection, dagster.connect() as beside:
        lacking = roles.set_up(connection, beside, given)
        typed_sql_role.set_up(connection, login=False)
    click.echo(
        f"The roles {', '.join((roles.OWNER, *roles.LOGINS))} and {typed_sql_role.READER_ROLE} have their rights."
    )
    click.echo(f"New passwords: {', '.join(given) or 'none'}.")
    if lacking:
        click.echo(
            f"Not there yet, so that the metrics cannot read them: {', '.join(lacking)}. Give the command again later."
        )


def _print_roles(settings: "Settings") -> None:
    from meter_platform.embedded_postgres import names
    from meter_platform.typed_sql.role import setup_script
    from meter_platform.warehouse import roles

    data = names.DATA_DATABASE
    if settings.postgres_url:
        from psycopg.conninfo import conninfo_to_dict

        from meter_platform.warehouse.database import data_url

        data = str(conninfo_to_dict(data_url(settings))["dbname"])
    for line in roles.script(data, names.DAGSTER_DATABASE):
        click.echo(line)
    click.echo(f'\\connect "{data}"\n{setup_script()};')


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
    # Waits for a server that restarts, not for one that is silent, and says what is wrong with others.
    with Database(database).connect() as connection:
        say_put_away(connection)
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
