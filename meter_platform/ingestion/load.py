"""Loads the readings of reference dates: every row of every file that holds them, exactly once.

What belongs here: which files a load reads, and the order of steps of a load. What does not: reading files (`scan.py`),
where their rows are kept until their date is published (`new_rows.py`), how a date changes in one moment (`publish.py`),
locks (`warehouse/date_locks.py`).

A load has three steps. *Read*: what is new in the folder goes into new tables that nobody sees. *Record*: the catalogue
learns of the files; a thread does it while the server indexes their rows. *Publish*: one date after another changes.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from meter_platform import settlement
from meter_platform.feeds.chunks import FileToRead
from meter_platform.feeds.files import ReadingFolder
from meter_platform.ingestion import catalogue, erased_meters, folders, lost
from meter_platform.ingestion.new_rows import NewRows, RowsOfFirstLoads, new_rows
from meter_platform.ingestion.publish import Arrival, InPlace, publish_date, publish_first_loads
from meter_platform.ingestion.rules_in_force import RulesInForce
from meter_platform.ingestion.scan import Scan, Scanned, record
from meter_platform.ingestion.tree import Effort
from meter_platform.ingestion.whereabouts import Whereabouts
from meter_platform.lake.lake import Lake
from meter_platform.lake.take_out import take_out
from meter_platform.settings import Settings
from meter_platform.warehouse import date_locks, partition_notes, sessions, tables
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.partitions import StoreReport
from meter_platform.warehouse.put_away import span
from meter_platform.warehouse.sessions import Session

_TABLE: Final = tables.RAW_METER_READINGS
_TELL_SECONDS: Final = 5.0
_EXAMPLES: Final = 10
_IN_PLACE: Final = InPlace()

_QUIET_SECONDS: Final = 0.2
"""For folders that need not be looked into at once. Where a sensor runs there are hardly any: it has done so."""

Log = Callable[[str], None]


class ReadingsLoad:
    """A load of reading files into `raw_meter_readings`, run when it is stored.

    Args:
        settings: the market's conventions.
        folder: where the files are.
        log: told about progress, by whichever thread makes it.
        in_place: which dates change in place.
        lake: keeps the same readings.
    """

    def __init__(
        self,
        settings: Settings,
        folder: ReadingFolder,
        *,
        log: Log,
        in_place: InPlace = _IN_PLACE,
        lake: Lake | None = None,
    ) -> None:
        self._settings = settings
        self._lake = lake
        self._folder = folder
        self._log = log
        self._in_place = in_place

    def store(self, database: Database, dates: Sequence[date]) -> StoreReport:
        """Loads what is new for the dates, and replaces their partitions where anything is.

        Raises:
            SourceUnavailableError: the folder cannot be listed.
            ContractViolationError: the reader let a row through that the contract forbids.
            PartitionBusyError: a table was being read all the time.
            PermanentError: a date was pruned, or its readings are in a lake and there is none.
            LakeUnavailableError: the lake's store does not answer; the dates that it has are stored here, too.
        """
        report = self._store(database, dates)
        if self._lake:
            self._lake.catch_up(database, dates)
        return report

    def _store(self, database: Database, dates: Sequence[date]) -> StoreReport:
        started = datetime.now(UTC)
        with (
            sessions.begin(database) as writer,
            ExitStack() as reading,
            ThreadPoolExecutor(1, "catalogue") as beside,
        ):
            date_locks.lock_dates(writer, _TABLE, dates, log=self._log)
            date_locks.refuse_pruned(writer, dates)
            if out := take_out(writer, dates, self._lake):
                self._log(f"{span(out)} taken out of the lake")
            rows = new_rows(writer, dates, started)
            ledger = reading.enter_context(sessions.begin(database))
            catalogue.lock(ledger, log=self._log)
            found = read_new(ledger, rows, self._settings, self._folder, dates, log=self._log)
            # From here on the ledger belongs to the other thread alone.
            recorded = beside.submit(_record, ledger, found.scanned, reading)
            deliveries = count_deliveries(rows, found)
            report = publish(
                writer,
                rows,
                deliveries,
                recorded,
                in_place=self._in_place,
                lake=self._lake,
                log=self._log,
                facts=_facts(found),
            )
        if found.scanned.erased.new_meters:
            erased_meters.forget_samples(database)
        return report


@dataclass(frozen=True, slots=True)
class Found:
    """What was read for a load.

    Attributes:
        scanned: of all files that were read.
        pending: the dates to load of each version that the catalogue knew, files that have changed or gone included.
    """

    scanned: Scanned
    pending: Mapping[int, tuple[date, ...]]


def read_new(
    ledger: Session, rows: NewRows, settings: Settings, folder: ReadingFolder, dates: Sequence[date], *, log: Log
) -> Found:
    """Reads all rows of the dates that were not loaded before, from new files and from known ones.

    Args:
        ledger: the catalogue's transaction; nothing of it is committed.
        rows: gets the readings. Some of them may turn out not to count: see `count_deliveries`.
        settings: the market's conventions.
        folder: where the files are.
        dates: that are to be loaded.
        log: told about progress.

    Raises:
        SourceUnavailableError: the folder cannot be listed.
        ContractViolationError: the reader let a row through that the contract forbids.
    """
    effort = Effort(wanted=folders.holding(ledger, dates), quiet_seconds=_QUIET_SECONDS)
    scan = Scan(ledger, settings, folder, started=rows.started, effort=effort)
    lost.forget_dates(ledger, dates, scan.whereabouts.listed)
    known = _Known.find(ledger, scan.whereabouts, dates, RulesInForce(settings, folder))
    rows.fill(
        known.without_loaded(readings)
        for batch in scan.batches(known.files, progress=_Progress(log).tell)
        for readings in batch.readings
    )
    return Found(scan.result(), known.pending)


def count_deliveries(rows: NewRows, found: Found) -> dict[date, list[int]]:
    """Takes out of the new rows what turned out not to count.

    Returns:
        For each date the file versions that deliver new rows of it.
    """
    scanned = found.scanned
    rows.retract(scanned.retracted)
    accounts = dict(scanned.accounts)
    for touched in scanned.touched:
        number = touched.before.source_file_id
        if days := found.pending.get(number):
            rows.credit(touched.now.source_file_id, number, days)
            accounts[number] = touched.account
    rows.remove([*scanned.undone, *scanned.held_back])
    deliveries: dict[date, list[int]] = {}
    for number, account in accounts.items():
        for day, count in account.rows_per_date.items():
            if count and day in found.pending.get(number, [day]):
                deliveries.setdefault(day, []).append(number)
    return deliveries


def publish(
    writer: Session,
    rows: NewRows,
    deliveries: Mapping[date, Sequence[int]],
    recorded: Future[None],
    *,
    in_place: InPlace = _IN_PLACE,
    lake: Lake | None = None,
    log: Log,
    facts: dict[str, Any],
) -> StoreReport:
    """Publishes each date that has new rows: dates without readings all at once, else one after the other.

    Args:
        writer: the transaction that made the new rows.
        rows: the new rows of all dates.
        deliveries: for each date the versions that deliver new rows; dates without are left as they are.
        recorded: done when the catalogue has the versions: no row is seen before.
        in_place: which dates change in place.
        lake: gets each date before it is published.
        log: told about progress.
        facts: for the report.

    Raises:
        PartitionBusyError: a table was being read all the time.
    """
    if isinstance(rows, RowsOfFirstLoads):
        stored = publish_first_loads(writer, rows, deliveries, recorded, lake=lake)
        log(f"{sum(stored.values()):,} readings of {len(rows.dates)} dates stored")
    else:
        stored = _publish_one_by_one(writer, rows, deliveries, recorded, in_place=in_place, lake=lake, log=log)
    unchanged = frozenset(day for day in rows.dates if not deliveries.get(day))
    return StoreReport(stored, facts=facts, unchanged=unchanged)


def _publish_one_by_one(
    writer: Session,
    rows: NewRows,
    deliveries: Mapping[date, Sequence[int]],
    recorded: Future[None],
    *,
    in_place: InPlace,
    lake: Lake | None,
    log: Log,
) -> dict[date, int]:
    """Each date is finished and visible before the next is begun. Returns how many readings each has."""
    stored: dict[date, int] = {}
    for number, day in enumerate(rows.dates, start=1):
        versions = deliveries.get(day)
        if versions:
            come = Arrival(rows.child(day), versions, rows.started, recorded)
            publish_date(writer, come, in_place=in_place, lake=lake)
        else:
            rows.drop(day)
            recorded.result()
            writer.execute(partition_notes.mended(_TABLE.name, [day]))
        stored[day] = catalogue.stored_rows(writer, day)
        writer.commit()
        if len(rows.dates) > 1:
            log(f"{day}: {stored[day]:,} readings stored ({number} of {len(rows.dates)} dates)")
    return stored


@dataclass(frozen=True, slots=True)
class _Known:
    """Catalogued versions with rows of the wanted dates that were not loaded before.

    Attributes:
        files: those that are in the folder as they were, to be read again.
        pending: the dates to load of each version, files that have changed or gone since included.
    """

    files: list[FileToRead]
    pending: dict[int, tuple[date, ...]]

    @classmethod
    def find(cls, ledger: Session, whereabouts: Whereabouts, dates: Sequence[date], rules: RulesInForce) -> "_Known":
        files = []
        lost.note_deleted(ledger, whereabouts, dates)
        judging = rules.judging(sql.Identifier("version", "url"))
        versions = catalogue.pending_versions(ledger, dates, whereabouts.listed, rules=judging)
        for version in versions:
            if version.file:
                seen_on = settlement.reference_date(version.seen_at, rules.settings.zone)
                files.append(FileToRead(version.file, version.source_file_id, seen_on, version.fingerprint))
        return cls(
            files,
            pending={version.source_file_id: version.dates for version in versions},
        )

    def without_loaded(self, readings: pa.Table) -> pa.Table:
        """Leaves out rows of known versions that are stored already."""
        known = pc.is_in(readings["source_file_id"], pa.array(self.pending, pa.int64()))
        if not pc.any(known).as_py():
            return readings
        pairs = [(number, day) for number, days in self.pending.items() for day in days]
        ids, days = zip(*pairs, strict=True)
        pending = pa.table({"source_file_id": pa.array(ids, pa.int64()), "reference_date": pa.array(days, pa.date32())})
        wanted = readings.filter(known).join(pending, ["source_file_id", "reference_date"], join_type="left semi")
        return pa.concat_tables([readings.filter(pc.invert(known)), wanted])


def _record(ledger: Session, scanned: Scanned, reading: ExitStack) -> None:
    """Puts on record what was read; the end of the ledger's session lets others read new files."""
    record(ledger, scanned)
    reading.close()


class _Progress:
    """Says every few seconds how far reading has come."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._last = time.monotonic()

    def tell(self, files: int, rows: int) -> None:
        if time.monotonic() - self._last >= _TELL_SECONDS:
            self._last = time.monotonic()
            self._log(f"{files:,} files and {rows:,} readings read so far")


def _facts(found: Found) -> dict[str, Any]:
    """What the run's metadata says about the files and rows that were met.

    Files go by their number in `raw_data.source_files`: their names may be those of meterpoints.
    """
    report = found.scanned.report
    loaded = {*found.scanned.accounts, *(touched.before.source_file_id for touched in found.scanned.touched)}
    gone = [number for number in found.pending if number not in loaded]
    facts: dict[str, Any] = {
        "files_listed": report.files_listed,
        "files_read": report.files_read,
        "rows_read": report.rows_read,
        "rows_rejected": sum(report.rejected.values()),
        "files_quarantined": len(report.malformed),
    }
    if report.rejected:
        facts["rejected_by_reason"] = dict(sorted(report.rejected.items()))
    if report.malformed:
        facts["quarantined_examples"] = {
            f"source file {number}": error for number, error in list(report.malformed.items())[:_EXAMPLES]
        }
    if report.unread.count:
        facts["files_not_read"] = report.unread.counted
    if report.growing:
        facts["files_still_being_written"] = len(report.growing)
    if gone:
        facts["files_gone_before_they_were_loaded"] = [f"source file {number}" for number in gone[:_EXAMPLES]]
    return facts
