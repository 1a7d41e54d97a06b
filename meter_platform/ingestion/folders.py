"""What is known of each folder of reading files, and when a scan looks into it again.

What belongs here: the rule, as a pure function, and the SQL on `scanned_folders`. What does not: listing (`tree.py`).

A folder in which something has just happened is looked into by every scan. The longer it has been quiet, the less often:
after a hundredth of the time, so that a file that comes after a day is found within a quarter of an hour. On a local file
system that hardly matters: a folder's own times change when a file comes or goes, and every scan asks for those. They do not
change when a file is written in place; that, too, is found after a hundredth of the time. Each night every folder is looked
into and each of its files compared, whatever is known.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from enum import IntEnum
from typing import Final
from zoneinfo import ZoneInfo

from psycopg import sql

from meter_platform.feeds.unread import UnreadFiles
from meter_platform.ingestion.listed import folder_of
from meter_platform.warehouse import tables
from meter_platform.warehouse.sessions import Session

LIVELY: Final = timedelta(minutes=10)
"""For so long after a change a folder is looked into by every scan: whoever delivers into it may not be done, and the times of
some file systems are too coarse to tell two changes apart."""

SHARE: Final = 100
"""A quiet folder is looked into again after this part of the time that it has been quiet."""

_FOLDERS: Final = tables.SCANNED_FOLDERS.identifier


class Look(IntEnum):
    """Why a folder is looked into; the smaller, the sooner."""

    WANTED = 0
    """Nothing is known of it, or somebody asked for it."""
    CHANGED = 1
    """The file system says that it has changed."""
    LIVELY = 2
    """It has changed a short time ago, or not all that is in it could be read."""
    QUIET = 3
    """It has been quiet, and not looked into for long."""
    NIGHTLY = 4
    """It was not compared since the night."""

    @property
    def may_wait(self) -> bool:
        """Whether the next scan may do it as well."""
        return self >= Look.QUIET


@dataclass(frozen=True, slots=True)
class KnownFolder:
    """A folder as a scan found it: see `contracts.raw_data.ScannedFolders`."""

    url: str
    path: str
    stamp: str | None
    digest: str
    file_count: int
    unread: UnreadFiles | None
    is_known: bool
    listed_at: datetime
    changed_at: datetime
    compared_at: datetime

    @property
    def due_at(self) -> datetime:
        """When it is looked into again though nothing seems to have happened."""
        return self.listed_at + (self.listed_at - self.changed_at) / SHARE


def why_look(known: KnownFolder | None, stamp: str | None, *, now: datetime, night: datetime) -> Look | None:
    """Why a scan looks into a folder; `None` where it need not.

    Args:
        known: what is known of it.
        stamp: what the file system says of it now; `None` where it says nothing.
        now: the time of the scan.
        night: when the last night's full scan began.
    """
    if known is None:
        return Look.WANTED
    if stamp != known.stamp:
        return Look.CHANGED
    if not known.is_known or now - known.changed_at < LIVELY:
        return Look.LIVELY
    if now < known.listed_at or now >= known.due_at:  # a clock may have been set back
        return Look.QUIET
    return Look.NIGHTLY if known.compared_at < night else None


def last_night(now: datetime, zone: ZoneInfo, hour: int) -> datetime:
    """When the last full scan began: the latest moment that the market's clocks showed that hour."""
    local = now.astimezone(zone)
    begun = datetime.combine(local.date(), time(hour), zone)
    if begun > local:
        begun = datetime.combine(local.date() - timedelta(days=1), time(hour), zone)
    return begun.astimezone(UTC)


def load(ledger: Session, root: str) -> dict[str, KnownFolder]:
    """What is known of a folder and of all below it, by URL.

    Args:
        ledger: in whose transaction.
        root: URL of the folder.
    """
    rows = ledger.fetch(
        sql.SQL(
            "SELECT url, path, stamp, digest, file_count, unread, is_known, listed_at, changed_at, compared_at FROM {} "
            "WHERE {} ORDER BY url"
        ).format(_FOLDERS, _below(root))
    )
    return {
        url: KnownFolder(
            url, path, stamp, digest, count, UnreadFiles.from_record(json.loads(unread)) if unread else None, *rest
        )
        for url, path, stamp, digest, count, unread, *rest in rows
    }


def save(ledger: Session, folders: Iterable[KnownFolder], gone: Iterable[str], unread_urls: Collection[str]) -> None:
    """Takes note of what a scan found in folders.

    Args:
        ledger: in whose transaction.
        folders: that were listed.
        gone: URLs of those that are not there any more; nor is what was below them.
        unread_urls: files that were listed and could not be put on record: their folders are looked into again.
    """
    for url in gone:
        ledger.execute(sql.SQL("DELETE FROM {} WHERE {}").format(_FOLDERS, _below(url)))
    unknown = {url.rpartition("/")[0] for url in unread_urls}
    found = [replace(folder, is_known=False) if folder.url in unknown else folder for folder in folders]
    if not found:
        return
    columns: dict[str, tuple[str, list[object]]] = {
        "url": ("text", [folder.url for folder in found]),
        "path": ("text", [folder.path for folder in found]),
        "stamp": ("text", [folder.stamp for folder in found]),
        "digest": ("text", [folder.digest for folder in found]),
        "file_count": ("bigint", [folder.file_count for folder in found]),
        "unread": (
            "text",
            [json.dumps(folder.unread.as_record()) if folder.unread else None for folder in found],
        ),
        "is_known": ("boolean", [folder.is_known for folder in found]),
        "listed_at": ("timestamptz", [folder.listed_at for folder in found]),
        "changed_at": ("timestamptz", [folder.changed_at for folder in found]),
        "compared_at": ("timestamptz", [folder.compared_at for folder in found]),
    }
    names = [sql.Identifier(name) for name in columns]
    ledger.execute(
        sql.SQL("INSERT INTO {} ({names}) SELECT * FROM unnest({values}) ON CONFLICT (url) DO UPDATE SET {new}").format(
            _FOLDERS,
            names=sql.SQL(", ").join(names),
            values=sql.SQL(", ").join(
                sql.SQL("{}::{}[]").format(sql.Literal(values), sql.SQL(kind)) for kind, values in columns.values()
            ),
            new=sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(name) for name in names),
        )
    )


def holding(ledger: Session, dates: Collection[object]) -> set[str]:
    """URLs of the folders that hold files with rows of some dates, as far as they are known.

    Args:
        ledger: in whose transaction.
        dates: the reference dates.
    """
    rows = ledger.fetch(
        sql.SQL(
            "SELECT DISTINCT {} FROM {} JOIN {} USING (source_file_id) WHERE reference_date = ANY({}::date[])"
        ).format(
            folder_of(sql.Identifier("url")),
            tables.SOURCE_FILE_DATES.identifier,
            tables.SOURCE_FILE_VERSIONS.identifier,
            sql.Literal(list(dates)),
        )
    )
    return {url for (url,) in rows}


def _below(url: str) -> sql.Composed:
    """SQL on `scanned_folders`: a folder, or one below it. "0" is the character after the slash."""
    return sql.SQL("(url = {} OR url >= {} AND url < {})").format(
        sql.Literal(url), sql.Literal(f"{url}/"), sql.Literal(f"{url}0")
    )
