"""Commands that keep what is stored: `backup`, `restore`."""

import signal
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from meter_platform.cli.screen import read_settings

if TYPE_CHECKING:
    from meter_platform.backup.folder import Backup
    from meter_platform.errors import MeterPlatformError
    from meter_platform.settings import Settings

_FOLDER: Final = click.Path(path_type=Path, resolve_path=True)
_NEWEST: Final = "newest"
_EVERY: Final = "Do it again after that time (30m, 24h, 7d), and go on until the process is ended."


@click.command()
@click.option(
    "--kind", type=click.Choice(["dump", "base"]), help="Unset: dump of the embedded server, base of a given one."
)
@click.option("--to", "into", type=_FOLDER, help="The folder of backups. Unset: METER_PLATFORM_BACKUP_FOLDER.")
@click.option(
    "--keep", type=click.IntRange(min=1), help="How many of the kind stay. Unset: METER_PLATFORM_BACKUP_KEEP."
)
@click.option("--every", metavar="TIME", help=_EVERY)
def backup(kind: str | None, into: Path | None, keep: int | None, every: str | None) -> None:
    """Back up both databases, verify the backup, and remove old ones.

    A dump is each database written out by pg_dump, Dagster's first. A base backup is the files of the whole server: with
    the server's archive of changes it leads to any moment since. Loading goes on meanwhile.
    """
    from meter_platform.backup import folder, take

    settings = read_settings()
    chosen = take.kind_of(settings) if kind is None else ("dump" if kind == "dump" else "base")
    place = into or take.folder_of(settings)

    def work() -> None:
        taken = take.take(settings, kind=chosen, into=place, keep=keep)
        click.echo(
            f"{taken.backup.path}: {_size(taken.manifest.size_bytes)}, verified; {taken.kept} kept, {taken.removed} removed."
        )

    def last() -> datetime | None:
        return max((found.taken_at for found in folder.backups(place) if found.kind == chosen), default=None)

    _do(work, last, every)


@click.command()
@click.option("--list", "listing", is_flag=True, help="Show the backups that there are.")
@click.option("--from", "source", metavar="BACKUP", help="The folder of a backup, or `newest`.")
@click.option(
    "--replace", is_flag=True, help="Keep databases with data in them under another name, and restore in their place."
)
@click.option("--to", "into", type=_FOLDER, help="Of a base backup: a new folder for the server's files.")
@click.option(
    "--until", metavar="TIME", help="Of a base backup: the moment to go back to, such as 2026-01-31T12:00:00+00:00."
)
@click.option("--wal", "archive", type=_FOLDER, help="The archive of changes. Unset: METER_PLATFORM_BACKUP_WAL.")
@click.option(
    "--drill", is_flag=True, help="Restore on a scratch server, prove that everything is there, and remove it."
)
@click.option("--every", metavar="TIME", help=f"With --drill. {_EVERY}")
def restore(
    *,
    listing: bool,
    source: str | None,
    replace: bool,
    into: Path | None,
    until: str | None,
    archive: Path | None,
    drill: bool,
    every: str | None,
) -> None:
    """Restore a backup, or prove that it can be restored (--drill).

    A dump is restored into the databases that the settings name, and compared with what was dumped before it takes
    their place. The files of a server are laid out in a new folder, for you to start a server on. Nothing that holds
    data is ever overwritten.
    """
    settings = read_settings()
    if listing:
        _list(settings)
    elif drill:
        _drill(settings, source, every)
    elif source is None:
        raise click.UsageError("name a backup with --from (`--from newest`), or give --drill or --list.")
    else:
        found = _backup(settings, source)
        if found.kind == "dump":
            if into or until:
                raise click.UsageError("a dump is of one moment and goes into databases: leave out --to and --until.")
            _restore_dump(settings, found, replace=replace)
        elif into is None:
            raise click.UsageError("this backup has the files of a whole server: name a new folder with --to.")
        else:
            _lay_out(found, into, archive or settings.backup_wal, until)


def _list(settings: "Settings") -> None:
    from meter_platform.backup import folder, take

    place = take.folder_of(settings)
    if not (found := folder.backups(place)):
        click.echo(f"There is no backup in {place}.")
    for one in found:
        click.echo(f"{one.path}  {one.taken_at:%Y-%m-%d %H:%M} UTC  {one.kind}  {_size(one.manifest.size_bytes)}")


def _drill(settings: "Settings", source: str | None, every: str | None) -> None:
    from meter_platform.backup.drill import drill
    from meter_platform.lake.put_right import faults as faults_of_lake
    from meter_platform.orchestration.checks.accounts import faults
    from meter_platform.warehouse import operations
    from meter_platform.warehouse.database import open_database

    def work() -> None:
        chosen = _backup(settings, source) if source else None
        proved = drill(
            settings,
            lambda connection: [*faults(connection, settings), *faults_of_lake(connection, settings)],
            backup=chosen,
        )
        click.echo(f"{proved}.")

    def last() -> datetime | None:
        with open_database(settings).connect() as connection:
            done = operations.last(connection, succeeded=True).get("restore_drill")
        return done.started_at if done else None

    _do(work, last, every)


def _restore_dump(settings: "Settings", found: "Backup", *, replace: bool) -> None:
    from meter_platform.backup import dump, take
    from meter_platform.backup.restore import restore as restore_dump
    from meter_platform.warehouse import schema
    from meter_platform.warehouse.database import dagster_url, data_url

    url = data_url(settings)
    urls = {dump.DAGSTER: dagster_url(settings), dump.DATA: url}
    restored = restore_dump(found, urls, take.client_for(settings, url), replace=replace)
    click.echo(f"{restored.rows:,} rows of {restored.tables:,} tables are restored, and equal to what was dumped.")
    for name in restored.set_aside:
        click.echo(f'What was there before is kept: DROP DATABASE "{name}" removes it.')
    if found.manifest.schema_step != schema.HEAD:
        click.echo("The backup is of an earlier version: run `meter-platform migrate`.")
    else:
        _say_put_away(settings, url)
    if settings.postgres_url:
        click.echo("Logins of other roles have their rights again after `meter-platform migrate --roles`.")
    click.echo(
        "Then start the platform: what was delivered since the backup is loaded, and `status` says what is not finished."
    )


def _say_put_away(settings: "Settings", url: str) -> None:
    """Says which readings the backup has no row of, for they are in the lake alone, and whether the lake has them."""
    from meter_platform.lake.put_right import faults
    from meter_platform.warehouse import put_away
    from meter_platform.warehouse.database import Database

    with Database(url).connect() as connection:
        if days := [note.day for note in put_away.found(connection)]:
            click.echo(
                f"The readings of {put_away.span(days)} are in the lake alone: `meter-platform lake sync` brings the lake to "
                "what was restored."
            )
        for fault in faults(connection, settings):
            click.echo(f"But {fault}: docs/operating/lake.md says what to do.")


def _lay_out(found: "Backup", into: Path, archive: Path | None, until: str | None) -> None:
    from meter_platform.backup import recovery

    try:
        moment = datetime.fromisoformat(until) if until else None
    except ValueError:
        raise click.UsageError("--until is no time: write it as 2026-01-31T12:00:00+00:00.") from None
    recovery.lay_out(found, into, archive=archive, until=moment)
    goal = f"plays back the changes until {until}" if until else "plays back every change of the archive"
    click.echo(
        f"{into} has the files of the server (Postgres {found.manifest.server_major}). Stop the old server, have a server "
        f"start on this folder (`pg_ctl -D {into} start`): it {goal if archive else 'is as it was when the backup ended'}, "
        "then takes writes. Then `meter-platform migrate` and `meter-platform status`."
    )


def _backup(settings: "Settings", source: str) -> "Backup":
    from meter_platform.backup import folder, take
    from meter_platform.backup.errors import BackupError

    if source != _NEWEST:
        return folder.backup_at(Path(source).absolute())
    place = take.folder_of(settings)
    if not (found := folder.backups(place)):
        raise BackupError(f"There is no backup in {place}.")
    return found[-1]


def _do(work: Callable[[], None], last: Callable[[], datetime | None], every: str | None) -> None:
    """Works once, or again and again."""
    # As Ctrl-C does: what a command has begun is cleared away.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if every is None:
        work()
        return
    from meter_platform.backup import schedule

    try:
        distance = schedule.duration(every)
    except ValueError as error:
        raise click.BadParameter(f"{every!r}: {error}.", param_hint="--every") from None

    def failed(error: "MeterPlatformError") -> None:
        click.echo(f"Error: {error}", err=True)

    schedule.repeat(distance, last, work, failed)


def _size(size: int) -> str:
    kilo = 1000
    for unit in ("bytes", "kB", "MB"):
        if size < kilo:
            return f"{size:,.0f} {unit}"
        size //= kilo
    return f"{size:,.0f} GB"
