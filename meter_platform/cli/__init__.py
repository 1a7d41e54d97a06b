"""The command line: `meter-platform`, also `python -m meter_platform`. Each module has the commands of one kind.

What belongs here: arguments, the screen, exit codes. What never does: work. Each command calls the module that does it,
and imports it only then, so that help appears at once (even the settings take a quarter of a second to import).

Exit codes: 0 all was done; 1 something failed, and a line says what to do; 2 the command was not understood.
"""

import click

from meter_platform.cli.alerts import alerts
from meter_platform.cli.backup import backup, restore
from meter_platform.cli.deliveries import reread, withdraw
from meter_platform.cli.erasure import erase
from meter_platform.cli.failures import OneLineErrors
from meter_platform.cli.feeds import feeds
from meter_platform.cli.fetch import fetch
from meter_platform.cli.generate import sample
from meter_platform.cli.inspection import config, health, status
from meter_platform.cli.lake import lake
from meter_platform.cli.materialise import demo, run
from meter_platform.cli.metrics import metrics
from meter_platform.cli.models import dbt
from meter_platform.cli.pages import app, dev
from meter_platform.cli.receive import receive
from meter_platform.cli.retention import prune
from meter_platform.cli.scan import scan
from meter_platform.cli.server import migrate, psql, stop
from meter_platform.cli.size import size


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--debug", is_flag=True, help="Show the traceback of an error, and Dagster's own log.")
@click.version_option(package_name="meter-platform")
@click.pass_context
def main(context: click.Context, *, debug: bool) -> None:
    """Half-hourly smart-meter readings into analytics: a Dagster asset graph on Postgres.

    Without configuration everything runs on a Postgres of its own and a generated sample. Point it at your data with
    METER_PLATFORM_READINGS_URL, METER_PLATFORM_REFERENCE_URL and METER_PLATFORM_POSTGRES_URL.
    """
    context.obj = debug


for command in (
    run,
    demo,
    sample,
    status,
    config,
    health,
    dev,
    app,
    metrics,
    receive,
    psql,
    dbt,
    alerts,
    migrate,
    scan,
    feeds,
    fetch,
    withdraw,
    reread,
    backup,
    restore,
    prune,
    lake,
    erase,
    size,
    stop,
):
    main.add_command(command)
