"""The commands about feeds: `feeds`, `feeds check`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from meter_platform.cli.screen import read_settings

if TYPE_CHECKING:
    from meter_platform.feeds.trial import Trial

_LONGEST_TEXT: Final = 120
"""Characters of a rejected row that are shown."""


@click.group(invoke_without_command=True)
@click.pass_context
def feeds(context: click.Context) -> None:
    """List the feeds with their files, the newest delivery and what is quarantined.

    METER_PLATFORM_FEEDS names the file in which feeds are configured.
    """
    if context.invoked_subcommand is None:
        _list()


@feeds.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False))
def check(path: str) -> None:
    """Show what the platform would make of the file PATH: its feed, its first rows, sums, rejections. Nothing is stored.

    Which feed takes it depends on its place below METER_PLATFORM_READINGS_URL, so that is where it has to be.
    """
    from meter_platform.errors import PermanentError
    from meter_platform.feeds.configured import feeds_of
    from meter_platform.feeds.files import ReadingFolder
    from meter_platform.feeds.trial import try_out

    settings = read_settings()
    folder = ReadingFolder(settings.readings_url or str(settings.sample_home / "readings"), feeds_of(settings))
    file = folder.local_file(path)
    if file is None:
        raise PermanentError(f"{path} is not below the folder of reading files, {folder.shown}: put it there first.")
    trial = try_out(folder, file, settings)
    if trial is None:
        raise PermanentError(f"{path} would not be read: no feed takes it. meter-platform feeds lists their paths.")
    for line in _said(trial):
        click.echo(line)


def _said(trial: "Trial") -> Iterator[str]:
    """A trial in lines."""
    account = trial.account
    yield f"Feed       {trial.taken.feed}"
    if account is None or account.still_growing:
        yield "           The file was being written while it was read: try again."
        return
    if account.malformed:
        yield f"Malformed  {account.malformed}: the file would be quarantined"
        return
    yield f"Rows       {account.rows_in_file:,}, of which {account.rows_rejected:,} rejected"
    if account.held_back:
        yield f"Held back  {account.held_back}: none of its rows would be stored"
    if account.rows_ambiguous:
        yield f"Ambiguous  {account.rows_ambiguous:,} rows: nothing tells which of two repeated half hours they mean"
    says_more = any(_says_more(row) for row in trial.first)
    for row in trial.first:
        kwh = f"{row['consumption_delta']:f} kWh" + (f"  {_particulars(row)}" if says_more else "")
        yield f"Row        {row['source_position']:,}: {row['meterpoint_id']}  {_time(row)}  {kwh}"
    for day, total in sorted(trial.kwh.items()):
        yield f"Sum        {day}: {account.rows_per_date.get(day, 0):,} readings, {total.normalize():f} kWh"
    for reason, rows in trial.reasons.most_common():
        yield f"Rejected   {rows:,} rows: {reason}"
    for row in trial.rejected:
        text = row["raw_text"][:_LONGEST_TEXT]
        yield f"Row        {row['source_position']:,}: {row['reason']}: {row['detail']}: {text}"


def _says_more(row: dict[str, Any]) -> bool:
    """Whether a row says more than whose value it is, and when."""
    from meter_platform.contracts.readings import UNSAID

    return any(row.get(name, value) != value for name, value in UNSAID.items())


def _particulars(row: dict[str, Any]) -> str:
    """How a row's register, quality, meter and revision were understood; the last two where it says them."""
    from meter_platform.contracts.readings import UNSAID

    said = UNSAID | row
    parts = [said["register"], said["quality"]]
    if said["serial"]:
        parts.append(f"meter {said['serial']}")
    if said["revised_at"]:
        parts.append(f"revised {said['revised_at']:%Y-%m-%d %H:%M} UTC")
    return ", ".join(parts)


def _time(row: dict[str, Any]) -> str:
    return f"{row['interval_start']:%Y-%m-%d %H:%M} UTC ({row['reference_date']})"


def _list() -> None:
    from rich.table import Table

    from meter_platform.cli.screen import console_for
    from meter_platform.ingestion.feed_files import FeedFiles, files_of_feeds
    from meter_platform.orchestration.sources import reading_folder
    from meter_platform.redaction import redact
    from meter_platform.warehouse import sessions
    from meter_platform.warehouse.database import open_database

    settings = read_settings()
    folder = reading_folder(settings)
    named = folder.feeds.named
    with sessions.begin(open_database(settings)) as session:
        found = files_of_feeds(session, settings, folder)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("feed", "format", "paths", "files", "rows", "newest delivery", "quarantined"):
        table.add_column(title, justify="right" if title in {"files", "rows", "quarantined"} else "left")
    listed = [(name, feed.format, ", ".join(feed.paths)) for name, feed in named.items()] if named is not None else []
    if named is None:
        listed = [("(none configured)", "json", "*.json")]
    for name, kind, paths in listed:
        files = found.get(name if named is not None else None, FeedFiles())
        newest = f"{files.newest:%Y-%m-%d %H:%M} UTC" if files.newest else ""
        table.add_row(name, kind, paths, f"{files.files:,}", f"{files.rows:,}", newest, f"{files.quarantined:,}")
    console_for().print(table)
    if named is not None and (left := found.get(None)):
        click.echo(f"{left.files:,} files are known that no feed takes any more: what they delivered stays.")
    unread = folder.listing().unread
    if unread.count:
        click.echo(unread.named)
    click.echo(f"Below {redact(folder.url)}" + (f", as {settings.feeds} says." if settings.feeds else "."))
