"""Commands that serve pages to a browser: `dev` (the Dagster UI), `app` (the figures)."""

import os
import sys

import click

from meter_platform.cli.screen import read_settings, run_and_show


@click.command()
@click.option("--port", default=3000, show_default=True, help="Where the UI listens.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address it listens on.")
def dev(port: int, host: str) -> None:
    """Start the Dagster UI with its daemon: schedules, sensors and backfills run while it does.

    It answers its own pages only: requests of other sites, or to another name than this machine's, are refused.
    """
    from meter_platform.orchestration.dagster_home import prepare_dagster_home
    from meter_platform.own_address import make_sure_is_free

    settings = read_settings()
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


@click.command()
@click.option("--port", default=8501, show_default=True, help="Where the app listens.")
@click.option("--host", default="localhost", show_default=True, help="The address it listens on.")
@click.option("--headless", is_flag=True, help="Do not open a browser.")
@click.pass_obj
def app(debug: bool, port: int, host: str, *, headless: bool) -> None:  # noqa: FBT001 - click passes it
    """Open the analytics app; on a fresh machine with the sample in it.

    It has no login: with another --host than this machine, put a proxy with one in front of it.
    """
    from meter_platform.app.launch import run as launch
    from meter_platform.own_address import make_sure_is_free
    from meter_platform.status import nothing_stored

    settings = read_settings()
    make_sure_is_free(host, port)
    if not (settings.readings_url or settings.reference_url) and nothing_stored(settings):
        from meter_platform.orchestration.sources import sample_plan

        plan = sample_plan(settings)
        run_and_show(settings, plan.first, plan.last, debug=debug)
    click.echo(f"The app will be at http://{host}:{port} in a few seconds; Ctrl-C stops it.")
    launch(settings, host=host, port=port, headless=headless)
