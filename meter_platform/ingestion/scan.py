"""A scan of the folder: reads new and changed files through, once, and records what is in them.

What belongs here: one scan, shared by the sensor (which wants to know what is new) and the load (which wants the rows as
well). What does not: placing readings in partitions (`load.py`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from itertools import chain
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from meter_platform import settlement
from meter_platform.feeds.chunks import FileToRead
from meter_platform.feeds.files import ReadingFolder
from meter_platform.feeds.reading import FileAccount, ReadBatch, read
from meter_platform.feeds.unread import UnreadFiles
from meter_platform.ingestion import catalogue, erased_meters, folders
from meter_platform.ingestion.catalogue import NewVersion, Version
from meter_platform.ingestion.erased import Erased
from meter_platform.ingestion.folders import last_night
from meter_platform.ingestion.listed import ListedFiles
from meter_platform.ingestion.rules_in_force import RulesInForce
from meter_platform.ingestion.tree import Effort, Tree, Walk
from meter_platform.ingestion.whereabouts import Whereabouts
from meter_platform.settings import Settings
from meter_platform.warehouse import partition_notes, pruned, tables
from meter_platform.warehouse.sessions import Session
from meter_platform.warehouse.validation import validate

_EVERY_CHANGE: Final = Effort()
"""Every folder that has to be looked into, however long it takes."""


@dataclass(slots=True)
class ScanReport:
    """What a scan of the folder found.

    Attributes:
        files_listed: files in the folder, and in all below it.
        files_read: new or changed files that were read through.
        rows_read: rows of them.
        rejected: rows rejected, for each reason code.
        malformed: number and reason of each file that was quarantined.
        growing: URLs of files that are still being written; the next scan sees them again.
        left: new files that the scan did not get to.
        folders_left: folders that have to be looked into and that the scan did not get to.
        unread: files that lie in the folder and are not read.
    """

    files_listed: int = 0
    files_read: int = 0
    rows_read: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    malformed: dict[int, str] = field(default_factory=dict)
    growing: list[str] = field(default_factory=list)
    left: int = 0
    folders_left: int = 0
    unread: UnreadFiles = field(default_factory=UnreadFiles)


@dataclass(frozen=True, slots=True)
class Touched:
    """A file that was written again with the content that it had.

    Attributes:
        before: the version that the catalogue knows.
        now: the same with its new stamp; its rows were handed over under this one's number.
        account: of the file.
    """

    before: Version
    now: NewVersion
    account: FileAccount


@dataclass(frozen=True, slots=True)
class Scanned:
    """What is known when all files of a scan have been read. Nothing changes it any more, so that threads may share it.

    Attributes:
        report: for people.
        started: when the scan began.
        rules: the rules that files were read under.
        accounts: by number of the version, of the files that were read to their end and count.
        new: those of them that the catalogue does not know yet.
        touched: files that were only touched.
        undone: versions of which rows were handed over that do not count, for the file turned out to be malformed, is
            still being written, or was only touched.
        undone_new: those of them that the catalogue does not know.
        held_back: versions of which readings were handed over that do not count, for all rows of the file are rejected.
        retracted: single rows that were handed over and do not count, for their file contradicts itself.
        tree: the folders.
        not_read: URLs of new files that are not known yet: left, or still being written.
        erased: meterpoints that were erased.
    """

    report: ScanReport
    started: datetime
    rules: RulesInForce
    accounts: Mapping[int, FileAccount]
    new: Sequence[tuple[NewVersion, FileAccount]]
    touched: Sequence[Touched]
    undone: Sequence[int]
    undone_new: Sequence[int]
    held_back: Sequence[int]
    retracted: Sequence[pa.Table]
    tree: Tree
    not_read: Sequence[str]
    erased: Erased


class Scan:
    """One scan of the folder of reading files, in one transaction of the catalogue.

    New files are read through while `batches` is iterated, by one thread. Then `result` says what was found, for `record`
    to put on record. Nothing is recorded of a file that was not read to its end.

    Args:
        ledger: the transaction; rejected rows are stored in it while files are read.
        settings: the market's conventions.
        folder: where the files are; those of its folders that are due are listed at once.
        started: when the scan began, an aware time.
        effort: how much of the folder is looked into.

    Attributes:
        whereabouts: which files are there, as far as the scan knows.
    """

    def __init__(
        self,
        ledger: Session,
        settings: Settings,
        folder: ReadingFolder,
        *,
        started: datetime,
        effort: Effort = _EVERY_CHANGE,
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._folder = folder
        self._started = started
        self._erased = Erased.find(ledger, settings)
        listed = ListedFiles(ledger)
        night = last_night(started, settings.zone, settings.full_scan_hour)
        self._tree = Walk(ledger, folder, listed, self._erased, effort, started=started, night=night).tree()
        self.whereabouts = Whereabouts(self._tree, listed)
        versions = catalogue.new_versions(ledger, listed, listed_at=datetime.now(UTC))
        self._new = {version.source_file_id: version for version in versions}
        self._report = ScanReport(
            files_listed=self._tree.file_count,
            left=len(versions),
            folders_left=self._tree.left,
            unread=self._tree.unread,
        )
        self._undone: list[int] = []
        self._held_back: list[int] = []
        self._accounts: dict[int, FileAccount] = {}
        self._touched: list[Touched] = []
        self._retracted: list[pa.Table] = []

    def batches(
        self,
        also: Iterable[FileToRead] = (),
        *,
        wait_for_growing: bool = True,
        stop: Callable[[], bool] = lambda: False,
        progress: Callable[[int, int], None] = lambda _files, _rows: None,
    ) -> Iterator[ReadBatch]:
        """Reads the new files through, and known ones that the caller wants rows of.

        Args:
            also: known files to read before the new ones, with their fingerprints. Nothing is recorded of them.
            wait_for_growing: see `feeds.reading.read`.
            stop: asked before each new file whether to leave it, and those after it, for another scan. Another thread
                asks than the one that iterates.
            progress: told after each batch how many files and rows were read so far.

        Raises:
            ContractViolationError: the reader rejected a row in a way that the contract of rejected rows forbids.
        """
        today = settlement.reference_date(self._started, self._settings.zone)
        for batch in read(
            self._folder,
            chain(also, self._new_files(today, stop)),
            zone=self._settings.zone,
            first_date=self._settings.first_reference_date,
            last_date=today,
            label_at_end=self._settings.interval_label == "end",
            wait_for_growing=wait_for_growing,
        ):
            for account in batch.accounts:
                self._note(account)
            self._keep_rejected(batch.rejected)
            if batch.retracted.num_rows:
                self._retracted.append(batch.retracted)
            yield replace(batch, readings=tuple(map(self._erased.of_readings, batch.readings)))
            progress(self._report.files_read, self._report.rows_read)

    def result(self) -> Scanned:
        """What was found, once `batches` is exhausted."""
        known = {*self._accounts, *(touched.now.source_file_id for touched in self._touched)}
        return Scanned(
            report=self._report,
            started=self._started,
            rules=RulesInForce(self._settings, self._folder),
            accounts=self._accounts,
            new=[(self._new[number], account) for number, account in self._accounts.items() if number in self._new],
            touched=self._touched,
            undone=self._undone,
            undone_new=[number for number in self._undone if number in self._new],
            held_back=self._held_back,
            retracted=self._retracted,
            tree=self._tree,
            not_read=[version.file.url for number, version in self._new.items() if number not in known],
            erased=self._erased,
        )

    def _new_files(self, today: date, stop: Callable[[], bool]) -> Iterator[FileToRead]:
        for number, version in self._new.items():
            if stop():
                return
            yield FileToRead(version.file, number, today)

    def _note(self, account: FileAccount) -> None:
        version = self._new.get(account.source_file_id)
        if version:
            self._report.left -= 1
        if account.still_growing:
            self._undone.append(account.source_file_id)
            if version:
                self._report.growing.append(version.file.url)
        elif version and version.before and account.fingerprint and account.fingerprint == version.before.fingerprint:
            self._undone.append(account.source_file_id)
            self._touched.append(Touched(version.before, version, account))
        else:
            self._accounts[account.source_file_id] = account
            self._report.files_read += 1
            self._report.rows_read += account.rows_in_file
            if account.malformed:
                self._undone.append(account.source_file_id)
                if version:
                    self._report.malformed[account.source_file_id] = account.malformed
            elif account.held_back:
                self._held_back.append(account.source_file_id)
                self._report.malformed[account.source_file_id] = account.held_back

    def _keep_rejected(self, rejected: pa.Table) -> None:
        """Stores rejected rows of new files; those of known files are stored already."""
        new = rejected.filter(pc.is_in(rejected["source_file_id"], pa.array(list(self._new), pa.int64())))
        if new.num_rows:
            started = pa.array([self._started] * new.num_rows, settlement.INSTANT)
            stamped = self._erased.of_rejected(new).append_column("loaded_at", started)
            rows = validate(tables.REJECTED_READINGS, stamped, unique=False)
            self._ledger.copy(tables.REJECTED_READINGS.identifier, rows)
            self._report.rejected.update(new["reason"].to_pylist())


def record(ledger: Session, scanned: Scanned) -> None:
    """Records what was read through; visible to others at once.

    Where rows tell of a new meter of an erased meterpoint, names of files are others afterwards.

    Args:
        ledger: the session of the scan. No other thread may use it meanwhile.
        scanned: what was found.
    """
    if scanned.undone_new:
        ledger.execute(
            sql.SQL("DELETE FROM {} WHERE source_file_id = ANY({}::bigint[])").format(
                tables.REJECTED_READINGS.identifier, sql.Literal(list(scanned.undone_new))
            )
        )
    catalogue.record(ledger, scanned.new, seen_at=scanned.started, rules=scanned.rules.of)
    catalogue.record_touched(ledger, [touched.now for touched in scanned.touched])
    if scanned.new and ledger.fetch(pruned.ANY):
        for statement in pruned.account(files=[version.source_file_id for version, _ in scanned.new]):
            ledger.execute(statement)
    if with_rejected := [version.source_file_id for version, account in scanned.new if account.rows_rejected]:
        days = catalogue.rejected_dates(ledger, with_rejected)
        ledger.execute(partition_notes.note_rejected(days, loaded_at=scanned.started))
    folders.save(ledger, scanned.tree.found, scanned.tree.gone, scanned.not_read)
    if meters := scanned.erased.new_meters:
        erased_meters.hide(ledger, scanned.erased.with_meters(meters), meters)
    ledger.commit()
