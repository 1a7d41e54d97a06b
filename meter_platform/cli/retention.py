"""Commands about what is deleted because it is old: `prune`."""

import click

from meter_platform.cli.screen import read_settings


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, and delete nothing.")
def prune(*, dry_run: bool) -> None:
    """Delete what is old: what Dagster kept of runs that ended long ago, and readings beyond a setting (off by default).

    Every partition keeps its status, and every check its newest result. The schedule every_night does the same while
    the Dagster daemon runs. It may run beside everything else, and be interrupted: giving it again does what is left.
    """
    from meter_platform.orchestration import retention
    from meter_platform.orchestration.instance import instance

    settings = read_settings()
    with instance() as dagster:
        found = retention.prune(dagster, settings, dry_run=dry_run)
    for kind in found:
        if kind.count:
            size = f", {kind.size / 1e6:,.1f} MB" if kind.size else ""
            click.echo(f"{kind.count:>9,} {kind.what}{size}")
    if not any(kind.count for kind in found):
        click.echo("Nothing is old.")
    elif dry_run:
        click.echo("Nothing was deleted, for --dry-run was given.")
    else:
        click.echo("Deleted. Postgres uses the space again; its files do not get smaller.")
