"""The commands on the lake: `lake sync`, `lake tidy`."""

from typing import TYPE_CHECKING

import click

from meter_platform.cli.screen import read_settings

if TYPE_CHECKING:
    from meter_platform.lake.lake import Lake
    from meter_platform.settings import Settings


@click.group()
def lake() -> None:
    """Readings and snapshots once more, as Delta tables: METER_PLATFORM_LAKE_URL says where."""


@lake.command()
def sync() -> None:
    """Bring every date of the lake to what Postgres has.

    Runs and commands keep both in step. This is for what was stored before there was a lake, and for what a store that did not
    answer has missed; it writes the dates that differ, and no others. The schedule lake_every_night does the same.
    """
    from meter_platform.warehouse.database import open_database

    settings, opened = _opened()
    for table, days in opened.catch_up(open_database(settings)).items():
        span = f", {min(days)} to {max(days)}" if days else ""
        click.echo(f"{table.qualified_name}: {len(days):,} dates brought up to date{span}")


@lake.command()
def tidy() -> None:
    """Join small files, and remove those that were replaced more than METER_PLATFORM_LAKE_KEEP_DAYS ago."""
    from datetime import timedelta

    settings, opened = _opened()
    for table, done in opened.tidy(timedelta(days=settings.lake_keep_days)).items():
        click.echo(f"{table.qualified_name}: {done['joined']:,} files joined, {done['removed']:,} removed")


def _opened() -> "tuple[Settings, Lake]":
    from meter_platform.lake.lake import required_lake

    settings = read_settings()
    return settings, required_lake(settings)
