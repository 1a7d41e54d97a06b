"""Reads files again that were read under other rules, as if the rules of today had always held.

What belongs here: which files, what becomes of the rows that they delivered, and of the rows that they deliver now. What
does not: the rules (`feeds/`), their digest (`feeds/reading_rules.py`), which delivery counts (`rules/deliveries.py`), and
rebuilding analytics (`orchestration/run.py`).

The files are read first, into tables of the session, while everybody else goes on. Then one transaction compares them
with what is stored, and moves what differs: readers see all files under the rules of before or all under those of
today, and whoever is interrupted has changed nothing. Rows of which the rules say the same as before stay where they are.

Only files that are there as they were can be read again, and none of which a date was pruned. What the others delivered
stays as the rules of then had it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final

import pyarrow as pa
from psycopg import sql

from meter_platform import settlement
from meter_platform.feeds.chunks import FileToRead
from meter_platform.feeds.files import ListedFile, ReadingFolder
from meter_platform.feeds.reading import FileAccount, read
from meter_platform.ingestion import catalogue, erased_meters, lost, merge
from meter_platform.ingestion.erased import Erased
from meter_platform.ingestion.listed import FIELDS, ListedFiles, listed_file
from meter_platform.ingestion.rules_in_force import RulesInForce
from meter_platform.ingestion.tree import Effort, Walk
from meter_platform.ingestion.withdraw import VERSION, ensure_child
from meter_platform.lake.lake import Lake
from meter_platform.lake.take_out import take_out
from meter_platform.settings import Settings
from meter_platform.warehouse import child_tables, date_locks, partition_notes, sessions, tables
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.left_out import with_particulars
from meter_platform.warehouse.sessions import Session
from meter_platform.warehouse.validation import validate
from meter_platform.warehouse.waiting import wait_for

Log = Callable[[str], None]

_LOCK: Final = 0x72657264  # "rerd": one process reads files again at a time
_READINGS: Final = tables.RAW_METER_READINGS
_REJECTED: Final = tables.REJECTED_READINGS
_URL: Final = sql.Identifier("version", "url")
_NEW_READINGS: Final = sql.Identifier("read_again")
_NEW_REJECTED: Final = sql.Identifier("rejected_again")

# What becomes of a version's accepted rows of a date.
_PENDING: Final = "pending"
_STORED: Final = "stored"
_WITHDRAWN: Final = "withdrawn"
_NEVER_STORED: Final = "withdrawn before it was stored"

_WANTED: Final = """
SELECT source_file_id, version.stamp, fingerprint, seen_at,
       NOT EXISTS (SELECT FROM raw_data.source_file_versions AS newer
                   WHERE newer.url = version.url AND newer.delivered_at > version.delivered_at),
       {fields}
FROM raw_data.source_file_versions AS version LEFT JOIN {listed} AS listed USING (url)
WHERE reading_rules <> {rules}
  AND NOT EXISTS (SELECT FROM raw_data.source_file_dates AS dates
                  WHERE dates.source_file_id = version.source_file_id AND rows_pruned > 0)
  AND ({reason}::text IS NULL OR EXISTS (
    SELECT FROM raw_data.rejected_readings AS row
    WHERE row.source_file_id = version.source_file_id AND row.reason = {reason}))
  AND (({first}::date IS NULL AND {last}::date IS NULL) OR EXISTS (
    SELECT FROM raw_data.source_file_dates AS dates WHERE dates.source_file_id = version.source_file_id
    AND reference_date BETWEEN coalesce({first}::date, '-infinity') AND coalesce({last}::date, 'infinity')
    UNION ALL
    SELECT FROM raw_data.rejected_readings AS row WHERE row.source_file_id = version.source_file_id
    AND reference_date BETWEEN coalesce({first}::date, '-infinity') AND coalesce({last}::date, 'infinity')))
ORDER BY delivered_at, version.url
"""

_BEFORE: Final = """
CREATE TEMP TABLE before ON COMMIT DROP AS
SELECT {columns}, false AS counted, false AS withdrawn FROM raw_data.superseded_readings
WHERE source_file_id = ANY({numbers}::bigint[]) AND reference_date = ANY({days}::date[])
UNION ALL
SELECT {columns}, true, false FROM raw_data.redelivered_readings
WHERE source_file_id = ANY({numbers}::bigint[]) AND reference_date = ANY({days}::date[])
UNION ALL
SELECT {columns}, true, false FROM raw_data.repeated_readings
WHERE source_file_id = ANY({numbers}::bigint[]) AND reference_date = ANY({days}::date[])
UNION ALL
SELECT {columns}, false, true FROM raw_data.withdrawn_readings
WHERE source_file_id = ANY({numbers}::bigint[]) AND reference_date = ANY({days}::date[])
"""
"""What the versions have delivered; `counted` as a re-delivery. The readings themselves come from the tables of the dates,
not from the one above them: a load of another date could not publish it until this transaction ends."""

_BEFORE_OF_DATE: Final = """
INSERT INTO before SELECT {columns}, false, false FROM {readings} WHERE source_file_id = ANY({numbers}::bigint[])
"""

_SAID: Final = [column for column in _READINGS.columns if column.name != "loaded_at"]
_SAME: Final = "({}) = ({}) AND ({}) IS NOT DISTINCT FROM ({})".format(
    *(
        ", ".join(f"{side}.{column.name}" for column in _SAID if column.nullable == nullable)
        for nullable in (False, True)
        for side in ("now", "before")
    )
)
"""Whether a row says what it said before, in all columns but when it was read."""


_COMPARE: Final = f"""
ANALYZE before;

CREATE TEMP TABLE leaving ON COMMIT DROP AS
SELECT * FROM before WHERE NOT EXISTS (SELECT FROM {{now}} AS now WHERE {_SAME});

CREATE TEMP TABLE coming ON COMMIT DROP AS
SELECT {{columns}}, entries.state FROM {{now}} AS now JOIN entries USING (source_file_id, reference_date)
WHERE entries.state IN ('stored', 'withdrawn') AND NOT EXISTS (SELECT FROM before WHERE {_SAME});

ANALYZE leaving;

ANALYZE coming
"""  # noqa: S608 - text of this module

_RECORD: Final = """
DELETE FROM raw_data.source_file_dates AS dates
WHERE source_file_id = ANY({numbers}::bigint[]) AND NOT EXISTS (
  SELECT FROM entries
  WHERE (entries.source_file_id, entries.reference_date) = (dates.source_file_id, dates.reference_date));

DELETE FROM raw_data.deleted_files AS deleted
WHERE source_file_id = ANY({numbers}::bigint[]) AND NOT EXISTS (
  SELECT FROM entries
  WHERE (entries.source_file_id, entries.reference_date) = (deleted.source_file_id, deleted.reference_date));

UPDATE raw_data.source_file_dates AS dates
SET rows_accepted = entries.rows,
    rows_withdrawn = CASE WHEN entries.state IN ('stored', 'pending') THEN 0 ELSE entries.rows END
FROM entries
WHERE (entries.source_file_id, entries.reference_date) = (dates.source_file_id, dates.reference_date);

UPDATE raw_data.source_file_dates AS dates SET rows_redelivered = dates.rows_redelivered - gone.rows
FROM (SELECT source_file_id, reference_date, count(*) AS rows FROM leaving WHERE counted GROUP BY 1, 2) AS gone
WHERE (gone.source_file_id, gone.reference_date) = (dates.source_file_id, dates.reference_date);

INSERT INTO raw_data.source_file_dates (source_file_id, reference_date, rows_accepted, rows_stored, rows_redelivered,
                                        rows_replaced, loaded_at, rows_withdrawn, rows_pruned)
SELECT source_file_id, reference_date, rows, 0, 0, 0, CASE WHEN state <> 'pending' THEN {started} END,
       CASE WHEN state IN ('stored', 'pending') THEN 0 ELSE rows END, 0
FROM entries ON CONFLICT (reference_date, source_file_id) DO NOTHING;

DELETE FROM raw_data.withdrawn_readings AS old USING leaving
WHERE leaving.withdrawn AND (old.reference_date, old.source_file_id, old.source_position)
  = (leaving.reference_date, leaving.source_file_id, leaving.source_position);

INSERT INTO raw_data.withdrawn_readings ({columns}, withdrawal_id)
SELECT {columns}, (SELECT max(withdrawal_id) FROM raw_data.withdrawals AS withdrawal
                   WHERE withdrawal.source_file_id = coming.source_file_id AND what = {version} AND undone_at IS NULL)
FROM coming WHERE state = 'withdrawn';

UPDATE raw_data.withdrawals AS withdrawal
SET rows_withdrawn = (SELECT coalesce(sum(dates.rows_withdrawn), 0) FROM raw_data.source_file_dates AS dates
                      WHERE dates.source_file_id = withdrawal.source_file_id)
WHERE source_file_id = ANY({numbers}::bigint[]) AND what = {version} AND undone_at IS NULL
"""

_MOVE: Final = f"""
CREATE TEMP TABLE repeated ON COMMIT DROP AS
SELECT meterpoint_id, interval_start FROM leaving WHERE reference_date = {{day}} AND NOT withdrawn
UNION
SELECT meterpoint_id, interval_start FROM coming WHERE reference_date = {{day}} AND state = 'stored';

ANALYZE repeated;

CREATE TEMP TABLE deliveries ON COMMIT DROP AS
SELECT delivery.*, version.delivered_at, version.url
FROM (
  SELECT * FROM ({merge.DELIVERED_AGAIN}) AS delivered
  WHERE NOT EXISTS (
    SELECT FROM leaving WHERE leaving.reference_date = {{day}}
    AND (leaving.source_file_id, leaving.source_position) = (delivered.source_file_id, delivered.source_position))
  UNION ALL
  SELECT {{columns}}, NULL, NULL FROM coming WHERE reference_date = {{day}} AND state = 'stored'
) AS delivery
JOIN raw_data.source_file_versions AS version USING (source_file_id);

DELETE FROM raw_data.repeated_readings AS old USING repeated
WHERE reference_date = {{day}}
  AND (old.meterpoint_id, old.interval_start) = (repeated.meterpoint_id, repeated.interval_start)
"""  # noqa: S608 - text of this module
"""Collects every delivery of the half hours of a date of which one leaves or comes; `merge.resolve_in_place` does the
rest."""

_REJECTED_NO_MORE: Final = """
WITH gone AS (
  DELETE FROM raw_data.rejected_readings AS old
  WHERE source_file_id = ANY({numbers}::bigint[]) AND NOT EXISTS (
    SELECT FROM {now} AS now
    WHERE (now.source_file_id, now.source_position) = (old.source_file_id, old.source_position)
      AND (now.reference_date, now.meterpoint_id, now.raw_text, now.reason, now.detail, now.consumption_delta)
        IS NOT DISTINCT FROM
        (old.reference_date, old.meterpoint_id, old.raw_text, old.reason, old.detail, old.consumption_delta))
  RETURNING reference_date)
SELECT DISTINCT reference_date FROM gone WHERE reference_date IS NOT NULL
"""

_REJECTED_NOW: Final = """
WITH come AS (
  INSERT INTO raw_data.rejected_readings ({columns}) SELECT {columns} FROM {now}
  ON CONFLICT (source_file_id, source_position) DO NOTHING RETURNING reference_date)
SELECT DISTINCT reference_date FROM come WHERE reference_date IS NOT NULL
"""

_LEARNT: Final = """
UPDATE raw_data.source_file_versions AS version
SET fingerprint = now.fingerprint, first_interval = now.first_interval, last_interval = now.last_interval,
    rows_in_file = now.rows_in_file, rows_rejected = now.rows_rejected, rows_ambiguous = now.rows_ambiguous,
    outcome = now.outcome, error = now.error, reading_rules = {rules}
FROM unnest({numbers}::bigint[], {fingerprints}::text[], {firsts}::timestamptz[], {lasts}::timestamptz[],
            {rows}::bigint[], {rejected}::bigint[], {ambiguous}::bigint[], {outcomes}::text[], {errors}::text[])
  AS now(source_file_id, fingerprint, first_interval, last_interval, rows_in_file, rows_rejected, rows_ambiguous,
         outcome, error)
WHERE version.source_file_id = now.source_file_id
"""

_UNACCOUNTED: Final = """
SELECT source_file_id FROM raw_data.source_files
WHERE source_file_id = ANY({numbers}::bigint[]) AND rows_in_file
  <> rows_stored + rows_rejected + rows_redelivered + rows_replaced + rows_withdrawn + rows_pending + rows_pruned
"""


@dataclass(slots=True)
class Reread:
    """What reading files again has changed.

    Attributes:
        files: file versions that were read again.
        gone: file versions that were read under other rules and are not there any more as they were.
        rows_out: rows that were accepted for a date and are not any more.
        rows_in: rows that are accepted for a date and were not before; those of dates that wait to be loaded are not
            counted.
        rejected_before: rejected rows of the files.
        rejected_now: rejected rows of the files, under the rules of today.
        dates: whose readings or rejected rows have changed, so that their analytics are older than these.
        waiting: dates with rows of the files that wait to be loaded.
    """

    files: int = 0
    gone: int = 0
    rows_out: int = 0
    rows_in: int = 0
    rejected_before: int = 0
    rejected_now: int = 0
    dates: list[date] = field(default_factory=list)
    waiting: list[date] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Version:
    """A file version that was read under other rules."""

    source_file_id: int
    stamp: str
    fingerprint: str | None
    seen_at: datetime
    is_newest: bool
    file: ListedFile | None

    @property
    def may_be_there(self) -> bool:
        """Whether the file that lies at its URL may still be this version; its content tells."""
        return (
            self.is_newest and self.file is not None and (self.fingerprint is not None or self.file.stamp == self.stamp)
        )


@dataclass(frozen=True, slots=True)
class _Task:
    """What stays the same while files are read again."""

    settings: Settings
    folder: ReadingFolder
    listed: ListedFiles
    erased: Erased
    started: datetime
    lake: Lake | None
    log: Log

    @property
    def rules(self) -> RulesInForce:
        """The rules of today."""
        return RulesInForce(self.settings, self.folder)


def reread(
    database: Database,
    settings: Settings,
    folder: ReadingFolder,
    *,
    first: date | None = None,
    last: date | None = None,
    reason: str | None = None,
    lake: Lake | None = None,
    log: Log = lambda _: None,
) -> Reread:
    """Reads the files again that were read under other rules than those of the settings and of this code.

    Args:
        database: with the tables.
        settings: the market's conventions.
        folder: where the files are.
        first: with `last`, only files with rows, accepted or rejected, of reference dates from this one on.
        last: the last of these dates, included.
        reason: only files with rows that were rejected for it: a code of `feeds.validation.Reason`.
        lake: has the readings of dates that are put away.
        log: told about progress.

    Raises:
        SourceUnavailableError: the folder cannot be listed.
        ContractViolationError: the database's rules for values are not those of today yet.
        LockHeldError: someone else writes one of the dates all the time.
        PermanentError: see `take_out`.
    """
    started = datetime.now(UTC)
    done = Reread()
    with sessions.begin(database) as writer:
        lock(writer, log)
        erased = Erased.find(writer, settings)
        listed = ListedFiles(writer)
        Walk(writer, folder, listed, erased, Effort(full=True), started=started, night=started).tree()
        task = _Task(settings, folder, listed, erased, started, lake, log)
        wanted = _wanted(writer, task, first, last, reason)
        there = [version for version in wanted if version.may_be_there]
        log(f"{len(there):,} files are read again")
        accounts = _stage(writer, task, there)
        writer.commit()
        done.files, done.gone = len(accounts), len(wanted) - len(accounts)
        if accounts:
            _publish(writer, task, accounts, done)
    if accounts and erased.new_meters:
        erased_meters.forget_samples(database)
    return done


def lock(writer: Session, log: Log) -> None:
    """Waits until no other process reads files again; held until the session ends."""
    wait_for(
        writer,
        sql.SQL("SELECT pg_advisory_lock({})").format(sql.Literal(_LOCK)),
        sql.SQL("SELECT {key}::bigint >> 32, {key}::bigint").format(key=sql.Literal(_LOCK)),
        what="reading files again",
        log=log,
    )


def _wanted(writer: Session, task: _Task, first: date | None, last: date | None, reason: str | None) -> list[_Version]:
    rows = writer.fetch(
        sql.SQL(_WANTED).format(
            rules=task.rules.reading(_URL),
            fields=FIELDS,
            listed=task.listed.relation,
            reason=sql.Literal(reason),
            first=sql.Literal(first),
            last=sql.Literal(last),
        )
    )
    return [
        _Version(number, stamp, fingerprint, seen_at, newest, listed_file(file) if file[0] is not None else None)
        for number, stamp, fingerprint, seen_at, newest, *file in rows
    ]


def _stage(writer: Session, task: _Task, versions: Sequence[_Version]) -> dict[int, FileAccount]:
    """Reads files into tables of the session; returns the accounts of those that are still the versions they were."""
    settings = task.settings
    for name, table in ((_NEW_READINGS, _READINGS), (_NEW_REJECTED, _REJECTED)):
        writer.execute(sql.SQL("CREATE TEMP TABLE {} ({})").format(name, table.definitions(checked=False)))
    retracted: list[pa.Table] = []
    accounts: dict[int, FileAccount] = {}
    known = {version.source_file_id: version for version in versions}
    files = [
        # Without its fingerprint, so that it is decided anew whether the file is held back.
        FileToRead(
            version.file,
            version.source_file_id,
            settlement.reference_date(version.seen_at, settings.zone),
        )
        for version in versions
        if version.file
    ]
    for batch in read(
        task.folder,
        files,
        zone=settings.zone,
        first_date=settings.first_reference_date,
        last_date=settlement.reference_date(task.started, settings.zone),
        label_at_end=settings.interval_label == "end",
        wait_for_growing=False,
    ):
        for table in batch.readings:
            rows = with_particulars(_stamped(task.erased.of_readings(table), task.started))
            writer.copy(_NEW_READINGS, validate(_READINGS, rows, unique=False))
        if batch.rejected.num_rows:
            rows = _stamped(task.erased.of_rejected(batch.rejected), task.started)
            writer.copy(_NEW_REJECTED, validate(_REJECTED, rows, unique=False))
        if batch.retracted.num_rows:
            retracted.append(batch.retracted)
        for account in batch.accounts:
            wanted = known[account.source_file_id].fingerprint
            if not account.still_growing and wanted in {None, account.fingerprint}:
                accounts[account.source_file_id] = account
    _keep_only(writer, accounts, retracted)
    return accounts


def _stamped(rows: pa.Table, started: datetime) -> pa.Table:
    return rows.append_column("loaded_at", pa.array([started] * rows.num_rows, settlement.INSTANT))


def _keep_only(writer: Session, accounts: Mapping[int, FileAccount], retracted: Sequence[pa.Table]) -> None:
    """Takes out what was read and does not count."""
    read_through = [number for number, account in accounts.items() if not account.malformed]
    accepted = [number for number in read_through if not accounts[number].held_back]
    for table, numbers in ((_NEW_READINGS, accepted), (_NEW_REJECTED, read_through)):
        writer.execute(
            sql.SQL("DELETE FROM {} WHERE source_file_id <> ALL({}::bigint[])").format(table, sql.Literal(numbers))
        )
    if retracted:
        contradicting = sql.Identifier("contradicting")
        writer.execute(
            sql.SQL("CREATE TEMP TABLE {} (source_file_id bigint, source_position integer)").format(contradicting)
        )
        writer.copy(contradicting, pa.concat_tables(retracted))
        writer.execute(
            sql.SQL(
                "DELETE FROM {} AS row USING {} AS other WHERE (row.source_file_id, row.source_position) "
                "= (other.source_file_id, other.source_position)"
            ).format(_NEW_READINGS, contradicting)
        )
    for table in (_NEW_READINGS, _NEW_REJECTED):
        writer.execute(sql.SQL("ANALYZE {}").format(table))


def _publish(writer: Session, task: _Task, accounts: Mapping[int, FileAccount], done: Reread) -> None:
    """Puts what was read in the place of what was stored, in one transaction."""
    numbers = sql.Literal(list(accounts))
    before = _dates_of(writer, numbers)
    days = sorted({*before, *(day for account in accounts.values() for day in account.rows_per_date)})
    date_locks.lock_dates(writer, _READINGS, days, log=task.log)
    take_out(writer, days, task.lake)
    lost.forget_dates(writer, before, task.listed)
    entries = _entries(writer, accounts, numbers, today=settlement.reference_date(task.started, task.settings.zone))
    _compare(writer, entries, numbers, before)
    merge.run(writer, _RECORD, numbers=numbers, started=sql.Literal(task.started), version=sql.Literal(VERSION))
    changed = _move(writer, task.started)
    rejected = _reject(writer, numbers, done)
    _learn(writer, accounts, task.rules)
    if rejected:
        writer.execute(partition_notes.note_rejected(rejected, loaded_at=task.started))
    if wrong := writer.fetch(sql.SQL(_UNACCOUNTED).format(numbers=numbers)):
        raise RuntimeError(f"the rows of source file {wrong[0][0]} are not accounted for after it was read again")
    ((done.rows_out, done.rows_in),) = writer.fetch(
        sql.SQL("SELECT (SELECT count(*) FROM leaving), (SELECT count(*) FROM coming)")
    )
    if meters := task.erased.new_meters:
        catalogue.lock(writer, log=task.log)
        erased_meters.hide(writer, task.erased.with_meters(meters), meters)
    writer.commit()
    done.dates = sorted({*changed, *rejected})
    done.waiting = sorted({day for _, day, _, state in entries if state == _PENDING})


def _dates_of(writer: Session, numbers: sql.Literal) -> list[date]:
    rows = writer.fetch(
        sql.SQL("SELECT DISTINCT reference_date FROM {} WHERE source_file_id = ANY({}::bigint[]) ORDER BY 1").format(
            tables.SOURCE_FILE_DATES.identifier, numbers
        )
    )
    return [day for (day,) in rows]


def _entries(
    writer: Session, accounts: Mapping[int, FileAccount], numbers: sql.Literal, *, today: date
) -> list[tuple[int, date, int, str]]:
    """What becomes of the accepted rows of each version and date: version, date, number of rows, state.

    Rows of a date that was not loaded wait as before. Those of a date that the version had no rows of are stored at once
    where other rows of it are, so that none is out of sight that only changes its date; else they wait, too.
    """
    states: dict[int, dict[date, str]] = {number: {} for number in accounts}
    for number, day, loaded, withdrawn, moved in writer.fetch(
        sql.SQL(
            "SELECT source_file_id, reference_date, loaded_at IS NOT NULL, rows_withdrawn > 0, EXISTS ("
            "  SELECT FROM {} AS row WHERE (row.reference_date, row.source_file_id) "
            "  = (dates.reference_date, dates.source_file_id)) "
            "FROM {} AS dates WHERE source_file_id = ANY({}::bigint[])"
        ).format(tables.WITHDRAWN_READINGS.identifier, tables.SOURCE_FILE_DATES.identifier, numbers)
    ):
        taken = _WITHDRAWN if moved else _NEVER_STORED
        states[number][day] = _PENDING if not loaded else taken if withdrawn else _STORED
    withdrawn_versions = {
        number
        for (number,) in writer.fetch(
            sql.SQL(
                "SELECT source_file_id FROM {} WHERE what = {} AND undone_at IS NULL "
                "AND source_file_id = ANY({}::bigint[])"
            ).format(tables.WITHDRAWALS.identifier, sql.Literal(VERSION), numbers)
        )
    }
    entries = []
    for number, account in accounts.items():
        is_withdrawn, known = number in withdrawn_versions, states[number]
        in_tables = bool({_STORED, _WITHDRAWN}.intersection(known.values()))
        for day, rows in account.rows_per_date.items():
            if (in_tables or is_withdrawn) and day < today:
                otherwise = _WITHDRAWN if is_withdrawn else _STORED
            else:
                otherwise = _NEVER_STORED if is_withdrawn else _PENDING
            entries.append((number, day, rows, known.get(day, otherwise)))
    return entries


def _compare(
    writer: Session, entries: Sequence[tuple[int, date, int, str]], numbers: sql.Literal, before: Sequence[date]
) -> None:
    """Finds which rows leave and which come: the tables `leaving` and `coming`, besides `entries`."""
    files, days, rows, states = zip(*entries, strict=True) if entries else ((), (), (), ())
    writer.execute(
        sql.SQL(
            "CREATE TEMP TABLE entries ON COMMIT DROP AS "
            "SELECT * FROM unnest({}::bigint[], {}::date[], {}::bigint[], {}::text[]) "
            "AS entry(source_file_id, reference_date, rows, state)"
        ).format(*(sql.Literal(list(each)) for each in (files, days, rows, states)))
    )
    writer.execute(sql.SQL("ANALYZE entries"))
    merge.run(writer, _BEFORE, numbers=numbers, days=sql.Literal(list(before)))
    for day in before:
        if child := child_tables.attached_child(writer, _READINGS, day):
            merge.run(writer, _BEFORE_OF_DATE, numbers=numbers, readings=child.identifier)
    merge.run(writer, _COMPARE, now=_NEW_READINGS)


def _move(writer: Session, started: datetime) -> list[date]:
    """Puts the half hours right of which rows leave or come; returns their dates."""
    changed = [
        day
        for (day,) in writer.fetch(
            sql.SQL(
                "SELECT reference_date FROM leaving WHERE NOT withdrawn "
                "UNION SELECT reference_date FROM coming WHERE state = 'stored' ORDER BY 1"
            )
        )
    ]
    for day in changed:
        child = ensure_child(writer, day)
        merge.run(writer, _MOVE, day=sql.Literal(day), readings=child.identifier)
        merge.resolve_in_place(writer, child.identifier, day, now=started)
    return changed


def _reject(writer: Session, numbers: sql.Literal, done: Reread) -> list[date]:
    """Puts the rejected rows of today in the place of those of before; returns the dates that differ."""
    count = sql.SQL("SELECT count(*) FROM {} WHERE source_file_id = ANY({}::bigint[])").format(
        _REJECTED.identifier, numbers
    )
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in _REJECTED.columns)
    ((done.rejected_before,),) = writer.fetch(count)
    gone = writer.fetch(sql.SQL(_REJECTED_NO_MORE).format(numbers=numbers, now=_NEW_REJECTED))
    come = writer.fetch(sql.SQL(_REJECTED_NOW).format(columns=columns, now=_NEW_REJECTED))
    ((done.rejected_now,),) = writer.fetch(count)
    return sorted({day for (day,) in [*gone, *come]})


def _learn(writer: Session, accounts: Mapping[int, FileAccount], rules: RulesInForce) -> None:
    """Enters what was learnt of the files, and under which rules."""
    read_again = list(accounts.values())
    writer.execute(
        sql.SQL(_LEARNT).format(
            rules=rules.reading(_URL),
            numbers=sql.Literal([account.source_file_id for account in read_again]),
            fingerprints=sql.Literal([account.fingerprint for account in read_again]),
            firsts=sql.Literal([account.first_interval for account in read_again]),
            lasts=sql.Literal([account.last_interval for account in read_again]),
            rows=sql.Literal([account.rows_in_file for account in read_again]),
            rejected=sql.Literal([account.rows_rejected for account in read_again]),
            ambiguous=sql.Literal([account.rows_ambiguous for account in read_again]),
            outcomes=sql.Literal([catalogue.outcome(account) for account in read_again]),
            errors=sql.Literal([account.malformed or account.held_back for account in read_again]),
        )
    )
