"""Commands that only look: `status`, `config`."""

import click

from meter_platform.cli.screen import read_settings
from meter_platform.redaction import redact


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
        text = "(unset)" if value is None else redact(str(value)) if setting.is_secret else str(value)
        shown.append((setting.variable, text, origin[setting.name]))
    widths = [max(len(row[column]) for row in shown) for column in (0, 1)]
    for variable, value, source in shown:
        click.echo(f"{variable:<{widths[0]}}  {value:<{widths[1]}}  {source}")
