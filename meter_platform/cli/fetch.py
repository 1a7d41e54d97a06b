"""The command `fetch`: readings from the API of a supplier."""

from datetime import datetime

import click

from meter_platform.cli.screen import DATE, read_settings


@click.command()
@click.option("--since", type=DATE, help="Ask for everything from this local date on, whatever was fetched before.")
def fetch(*, since: datetime | None) -> None:
    """Fetch new readings from the APIs that feeds name, and put them as files below METER_PLATFORM_READINGS_URL.

    A feed in the file METER_PLATFORM_FEEDS says what is fetched in its table `fetch`; METER_PLATFORM_FETCH_KEYS has the keys.
    Give it again after whatever went wrong: it goes on where it was. The schedule fetch_three_times_a_day does the same while
    the Dagster daemon runs.
    """
    from meter_platform.errors import PermanentError
    from meter_platform.fetch.errors import NotAllFetchedError
    from meter_platform.fetch.fetching import fetch as fetch_all

    done = fetch_all(
        read_settings(), since=since.date() if since else None, tell=lambda line: click.echo(line, err=True)
    )
    if not done:
        raise PermanentError("No feed says where its files are fetched from: docs/feeds/interval_json.md shows how.")
    for each in done:
        click.echo(f"{each.feed}: {each.readings:,} new readings of {each.meters:,} meters in {each.files:,} files")
    if failed := sum(len(each.failed) for each in done):
        raise NotAllFetchedError(f"{failed:,} meters were not fetched; all others were.")
