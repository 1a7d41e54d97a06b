"""Commands that only look: `status`, `config`, `health`."""

from typing import TYPE_CHECKING

import click

from meter_platform.cli.screen import read_settings
from meter_platform.redaction import HIDDEN, redact

if TYPE_CHECKING:
    from meter_platform.settings import Setting


@click.command()
def status() -> None:
    """Say what is running, what is stored, and what needs attention."""
    from meter_platform.status import report

    for line in report(read_settings()):
        click.echo(line)


@click.command()
def config() -> None:
    """Show every setting, its value and where the value comes from. Secrets are hidden.

    A value comes from a variable of the environment, from the file that <VARIABLE>_FILE names, from .env in this folder,
    or is the default.
    """
    from meter_platform.settings import documented_settings, origins

    settings, origin = read_settings(), origins()
    shown = [("setting", "value", "from")]
    for setting in documented_settings():
        value = getattr(settings, setting.name)
        shown.append((setting.variable, _shown(setting, value), origin[setting.name]))
    widths = [max(len(row[column]) for row in shown) for column in (0, 1)]
    for variable, value, source in shown:
        click.echo(f"{variable:<{widths[0]}}  {value:<{widths[1]}}  {source}")


@click.command()
@click.option("--http", "url", metavar="URL", help="A web server, such as http://127.0.0.1:3000/server_info.")
@click.option("--grpc", "address", metavar="HOST:PORT", help="A code server.")
@click.option("--daemon", is_flag=True, help="Dagster's daemon, by its heartbeat in Dagster's database.")
def health(*, url: str | None, address: str | None, daemon: bool) -> None:
    """Say whether a service answers: exit status 0 only if it does. For whatever starts and watches services."""
    from meter_platform import health as checks

    if not (url or address or daemon):
        raise click.UsageError("Say what to ask: --http, --grpc or --daemon.")
    if url:
        checks.check_http(url)
    if address:
        checks.check_grpc(address)
    if daemon:
        checks.check_daemon(read_settings())


def _shown(setting: "Setting", value: object) -> str:
    if value is None:
        return "(unset)"
    if setting.is_token:
        return HIDDEN
    return redact(str(value)) if setting.is_secret else str(value)
