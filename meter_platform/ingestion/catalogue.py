"""The file catalogue: which versions of which files are known, and which of their dates have been loaded.

What belongs here: the SQL on `source_file_versions` and `source_file_dates`. What does not: reading files.

A version is a file at a URL with a stamp. Versions are in order of delivery: a file's modification time says when it
was delivered, and a later version of a URL is always the newer one, whatever its modification time. So the order
depends on the files alone, not on when they were scanned. Only a time that lay ahead when the file was first seen is not
believed: nothing is delivered later than it is seen.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import pyarrow as pa
from psycopg import sql

from meter_platform.feeds.files import ListedFile
from meter_platform.feeds.reading import FileAccount
from meter_platform.ingestion.listed import FIELDS, ListedFiles, listed_file
from meter_platform.ingestion.whereabouts import Whereabouts
from meter_platform.settlement import INSTANT
from meter_platform.warehouse import tables
from meter_platform.warehouse.sessions import Session
from meter_platform.warehouse.validation import validate
from meter_platform.warehouse.waiting import PATIENCE_SECONDS, wait_for

_LOCK: Final = 0x66696C65  # "file": one process reads new files at a time, so that none is read twice


@dataclass(frozen=True, slots=True)
class Version:
    """The newest known version of a URL."""

    source_file_id: int
    stamp: str
    fingerprint: str | None
    delivered_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A version that is not in the catalogue yet."""

    source_file_id: int
    file: ListedFile
    delivered_at: datetime
    before: Version | None


def lock(ledger: Session, *, log: Callable[[str], None] | None = None, patience: float = PATIENCE_SECONDS) -> None:
    """Waits until no other process reads new files; held until the session ends.

    Args:
        ledger: the session.
        log: told that it is waited, and for whom.
        patience: for how many seconds.

    Raises:
        LockHeldError: another process reads new files all the time.
    """
    wait_for(
        ledger,
        sql.SQL("SELECT pg_advisory_lock({})").format(sql.Literal(_LOCK)),
        sql.SQL("SELECT {key}::bigint >> 32, {key}::bigint").format(key=sql.Literal(_LOCK)),
        what="the scan for new files",
        log=log,
        patience=patience,
    )


def try_lock(ledger: Session) -> bool:
    """As `lock`, but says False instead of waiting."""
    return bool(ledger.fetch(sql.SQL("SELECT pg_try_advisory_lock({})").format(sql.Literal(_LOCK)))[0][0])


def new_versions(ledger: Session, listed: ListedFiles, *, listed_at: datetime) -> list[NewVersion]:
    """The listed files that are new or have changed, in order of delivery, each with a number of its own."""
    rows = ledger.fetch(
        sql.SQL(
            "SELECT {fields}, newest.* FROM {listed} AS listed LEFT JOIN LATERAL ("
            "  SELECT source_file_id, stamp, fingerprint, delivered_at, seen_at FROM {versions} AS version "
            "  WHERE version.url = listed.url ORDER BY delivered_at DESC LIMIT 1"
            ") AS newest ON true WHERE newest.stamp IS DISTINCT FROM listed.stamp"
        ).format(fields=FIELDS, listed=listed.relation, versions=tables.SOURCE_FILE_VERSIONS.identifier)
    )
    changed = []
    for row in rows:
        file, number = listed_file(row[:6]), row[6]
        before = None if number is None else Version(*row[6:])
        delivered_at = min(file.modified_at, listed_at)
        if before:
            delivered_at = max(delivered_at, before.delivered_at + timedelta(microseconds=1))
        changed.append((delivered_at, file, before))
    changed.sort(key=lambda item: (item[0], item[1].url))
    numbers = ledger.fetch(
        sql.SQL("SELECT nextval('raw_data.source_file_id') FROM generate_series(1, {})").format(
            sql.Literal(len(changed))
        )
    )
    return [
        NewVersion(number, file, delivered_at, before)
        for (number,), (delivered_at, file, before) in zip(numbers, changed, strict=True)
    ]


def record(
    ledger: Session,
    versions: Sequence[tuple[NewVersion, FileAccount]],
    *,
    seen_at: datetime,
    rules: Callable[[ListedFile], str],
) -> None:
    """Enters versions that have been read through, and the dates they hold.

    Args:
        ledger: in whose transaction.
        versions: each with what was learnt of it.
        seen_at: when they were first seen.
        rules: gives those that a file was read under, by `feeds.reading_rules`.
    """
    if not versions:
        return
    ledger.copy(
        tables.SOURCE_FILE_VERSIONS.identifier,
        validate(tables.SOURCE_FILE_VERSIONS, _version_rows(versions, seen_at, rules)),
    )
    dates = [
        (account.source_file_id, day, rows) for _, account in versions for day, rows in account.rows_per_date.items()
    ]
    ids, days, rows = zip(*dates, strict=True) if dates else ((), (), ())
    zeros = pa.array([0] * len(dates), pa.int64())
    ledger.copy(
        tables.SOURCE_FILE_DATES.identifier,
        validate(
            tables.SOURCE_FILE_DATES,
            pa.table(
                {
                    "source_file_id": pa.array(ids, pa.int64()),
                    "reference_date": pa.array(days, pa.date32()),
                    "rows_accepted": pa.array(rows, pa.int64()),
                    "rows_stored": zeros,
                    "rows_redelivered": zeros,
                    "rows_replaced": zeros,
                    "rows_withdrawn": zeros,
                    "loaded_at": pa.nulls(len(dates), INSTANT),
                    "rows_pruned": zeros,
                }
            ),
        ),
    )


def _version_rows(
    versions: Sequence[tuple[NewVersion, FileAccount]], seen_at: datetime, rules: Callable[[ListedFile], str]
) -> pa.Table:
    return pa.table(
        {
            "source_file_id": pa.array([version.source_file_id for version, _ in versions], pa.int64()),
            "url": pa.array([version.file.url for version, _ in versions], pa.string()),
            "fingerprint": pa.array([account.fingerprint for _, account in versions], pa.string()),
            "stamp": pa.array([version.file.stamp for version, _ in versions], pa.string()),
            "size_bytes": pa.array([version.file.size for version, _ in versions], pa.int64()),
            "delivered_at": pa.array([version.delivered_at for version, _ in versions], INSTANT),
            "modified_at": pa.array([version.file.modified_at for version, _ in versions], INSTANT),
            "first_interval": pa.array([account.first_interval for _, account in versions], INSTANT),
            "last_interval": pa.array([account.last_interval for _, account in versions], INSTANT),
            "rows_in_file": pa.array([account.rows_in_file for _, account in versions], pa.int64()),
            "rows_rejected": pa.array([account.rows_rejected for _, account in versions], pa.int64()),
            "rows_ambiguous": pa.array([account.rows_ambiguous for _, account in versions], pa.int64()),
            "outcome": pa.array([outcome(account) for _, account in versions], pa.string()),
            "error": pa.array([account.malformed or account.held_back for _, account in versions], pa.string()),
            "seen_at": pa.array([seen_at] * len(versions), INSTANT),
            "reading_rules": pa.array([rules(version.file) for version, _ in versions], pa.string()),
        }
    )


def outcome(account: FileAccount) -> str:
    """Whether a file could be read, as the catalogue has it."""
    return "malformed" if account.malformed else "held_back" if account.held_back else "read"


def record_touched(ledger: Session, touched: Iterable[NewVersion]) -> None:
    """Enters the new stamps of files that were written again with the content they had."""
    for version in touched:
        if version.before:
            ledger.execute(
                sql.SQL("UPDATE {} SET stamp = {} WHERE source_file_id = {}").format(
                    tables.SOURCE_FILE_VERSIONS.identifier,
                    sql.Literal(version.file.stamp),
                    sql.Literal(version.before.source_file_id),
                )
            )


@dataclass(frozen=True, slots=True)
class PendingVersion:
    """A known version with rows of some wanted dates that have not been loaded.

    Attributes:
        source_file_id: its number.
        fingerprint: of its content.
        seen_at: when it was first seen.
        dates: the wanted dates.
        file: the file where it is listed as it was; `None` where it has changed or gone.
    """

    source_file_id: int
    fingerprint: str
    seen_at: datetime
    dates: tuple[date, ...]
    file: ListedFile | None


def pending_versions(
    ledger: Session, dates: Iterable[date], listed: ListedFiles, *, rules: sql.Composable
) -> list[PendingVersion]:
    """The known versions that hold rows of `dates` which were not loaded yet.

    Those that are known to have been read under other rules are none of them: what is on record of their rows is no
    longer what a load would read. `ingestion/reread.py` puts that right.

    Args:
        ledger: in whose transaction.
        dates: the reference dates.
        listed: files of every folder that holds versions of the dates.
        rules: SQL for those that rows of a `version` are judged by today, by `feeds.reading_rules.judging_rules`.
    """
    rows = ledger.fetch(
        sql.SQL(
            "SELECT pending.*, {fields} FROM ("
            "  SELECT version.source_file_id, fingerprint, seen_at, array_agg(reference_date), url, stamp "
            "  FROM {versions} AS version JOIN {dates_table} AS dates USING (source_file_id) "
            "  WHERE reference_date = ANY({dates}::date[]) AND loaded_at IS NULL "
            "  AND split_part(reading_rules, ' ', 1) IN ('', {rules}) GROUP BY version.source_file_id"
            ") AS pending LEFT JOIN {listed} AS listed USING (url, stamp) ORDER BY source_file_id"
        ).format(
            fields=FIELDS,
            versions=tables.SOURCE_FILE_VERSIONS.identifier,
            dates_table=tables.SOURCE_FILE_DATES.identifier,
            dates=sql.Literal(list(dates)),
            rules=rules,
            listed=listed.relation,
        )
    )
    return [
        PendingVersion(number, fingerprint, seen_at, tuple(days), listed_file(file) if file[0] is not None else None)
        for number, fingerprint, seen_at, days, _, _, *file in rows
    ]


def mark_loaded(
    writer: Session, days: Sequence[date], versions: Sequence[int], *, started: datetime, are_stored: bool = True
) -> None:
    """Notes that rows of some dates are loaded, each date's of each of these versions.

    Args:
        writer: in whose transaction.
        days: the dates.
        versions: which delivered the rows.
        started: when the load began.
        are_stored: whether all of the rows are among the dates' readings; `merge` corrects the counts where some are not.
            Else none is yet, and `merge` counts those that it puts in.
    """
    writer.execute(
        sql.SQL(
            "UPDATE {} SET loaded_at = {}, rows_stored = CASE WHEN {} THEN rows_accepted ELSE 0 END "
            "WHERE reference_date = ANY({}::date[]) AND source_file_id = ANY({}::bigint[])"
        ).format(
            tables.SOURCE_FILE_DATES.identifier,
            sql.Literal(started),
            sql.Literal(are_stored),
            sql.Literal(list(days)),
            sql.Literal(list(versions)),
        )
    )


def mark_all_loaded(writer: Session, deliveries: Mapping[date, Sequence[int]], *, started: datetime) -> None:
    """Notes that rows of dates are loaded and stored: dates that the same versions delivered are noted at once.

    Args:
        writer: in whose transaction.
        deliveries: for each date the versions that delivered its rows.
        started: when the load began.
    """
    days_of: dict[tuple[int, ...], list[date]] = {}
    for day, versions in deliveries.items():
        days_of.setdefault(tuple(sorted(versions)), []).append(day)
    for versions, days in days_of.items():
        mark_loaded(writer, days, versions, started=started)


def stored_rows(session: Session, day: date) -> int:
    """How many readings of a date are stored, by the catalogue's account."""
    return stored_rows_of(session, [day])[day]


def stored_rows_of(session: Session, days: Sequence[date]) -> dict[date, int]:
    """How many readings of each date are stored, by the catalogue's account."""
    found = session.fetch(
        sql.SQL(
            "SELECT reference_date, sum(rows_stored)::bigint FROM {} WHERE reference_date = ANY({}::date[]) GROUP BY 1"
        ).format(tables.SOURCE_FILE_DATES.identifier, sql.Literal(list(days)))
    )
    return dict.fromkeys(days, 0) | dict(found)


def rejected_dates(ledger: Session, versions: Sequence[int]) -> list[date]:
    """The reference dates that rejected rows of these versions name."""
    rows = ledger.fetch(
        sql.SQL(
            "SELECT DISTINCT reference_date FROM {} "
            "WHERE source_file_id = ANY({}::bigint[]) AND reference_date IS NOT NULL ORDER BY 1"
        ).format(tables.REJECTED_READINGS.identifier, sql.Literal(list(versions)))
    )
    return [day for (day,) in rows]


def pending_dates(ledger: Session, whereabouts: Whereabouts) -> dict[date, str]:
    """The reference dates with rows that wait and can be loaded, each with a digest of the file versions they are in.

    A version that has changed or gone cannot be loaded any more: what came in its place can.
    """
    rows = ledger.fetch(
        sql.SQL(
            "SELECT reference_date, left(md5(string_agg(url || ' ' || seen_at, E'\n' ORDER BY url, source_file_id)), 16) "
            "FROM ({}) AS pending WHERE is_there AND is_as_it_was GROUP BY reference_date"
        ).format(whereabouts.of_pending())
    )
    return dict(rows)
