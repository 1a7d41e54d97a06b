"""Commands about alerts: `alerts test`."""

import sys

import click

from meter_platform.cli.screen import read_settings


@click.group()
def alerts() -> None:
    """Telling people by e-mail or a webhook that something is wrong."""


@alerts.command()
def test() -> None:
    """Send one message by every channel that is set, and say what happened.

    Exit status 0 only if every channel took it.
    """
    from meter_platform.alerts.trial import try_everything

    works = True
    for tried in try_everything(read_settings()):
        works = works and tried.works
        click.echo(f"{tried.name}: {tried.said}", err=not tried.works)
    if not works:
        sys.exit(1)
