"""The commands on the lake: `lake sync`, `lake take-out`, `lake tidy`."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from meter_platform.cli.screen import DATE, read_settings

if TYPE_CHECKING:
    from meter_platform.lake.lake import Lake
    from meter_platform.settings import Settings


@click.group()
def lake() -> None:
    """Readings and snapshots as Delta tables: METER_PLATFORM_LAKE_URL says where."""


@lake.command()
def sync() -> None:
    """Bring every date of the lake to what Postgres has.

    Runs and commands keep both in step. This is for what was stored before there was a lake, and for what a store that did not
    answer has missed; it writes the dates that differ, and no others. With METER_PLATFORM_STORAGE=lake it then puts the
    readings of finished dates away: Postgres has them no more. The schedule lake_every_night does the same.
    """
    from meter_platform.orchestration.instance import instance
    from meter_platform.orchestration.put_away import sync as carry_out
    from meter_platform.warehouse.database import open_database
    from meter_platform.warehouse.put_away import span

    settings, opened = _opened()
    with instance() as dagster:
        for what, days in carry_out(settings, open_database(settings), opened, dagster):
            click.echo(f"{what}: {span(sorted(days)) if days else 'nothing to do'}")


@lake.command()
@click.option("--from", "first", type=DATE, help="The first reference date; the first that is put away unless given.")
@click.option("--to", "last", type=DATE, help="The last one, included; the last that is put away unless given.")
def take_out(first: datetime | None, last: datetime | None) -> None:
    """Bring readings that are in the lake alone back into Postgres, for SQL on raw_data.raw_meter_readings.

    Runs and commands do so by themselves. With METER_PLATFORM_STORAGE=lake the next night puts them away again.
    """
    from meter_platform.lake.take_out import have_in_postgres
    from meter_platform.warehouse import put_away
    from meter_platform.warehouse.database import open_database

    settings, opened = _opened()
    database = open_database(settings)
    with database.connect() as connection:
        away = [note.day for note in put_away.found(connection)]
    days = [day for day in away if (first is None or day >= first.date()) and (last is None or day <= last.date())]
    for day in days:
        have_in_postgres(database, [day], lambda: opened)
    click.echo(f"Taken out of the lake: {put_away.span(days) if days else 'nothing'}")


@lake.command()
def tidy() -> None:
    """Join small files, and remove those that were replaced more than METER_PLATFORM_LAKE_KEEP_DAYS ago."""
    from datetime import timedelta

    from meter_platform.lake.put_right import refuse_strays
    from meter_platform.warehouse.database import open_database

    settings, opened = _opened()
    refuse_strays(open_database(settings), opened)
    for table, done in opened.tidy(timedelta(days=settings.lake_keep_days)).items():
        click.echo(f"{table.qualified_name}: {done['joined']:,} files joined, {done['removed']:,} removed")


def _opened() -> "tuple[Settings, Lake]":
    from meter_platform.lake.lake import required_lake

    settings = read_settings()
    return settings, required_lake(settings)
