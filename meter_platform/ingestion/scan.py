"""Reads new and changed files through, once, and records what is in them.

What belongs here: one look at the folder, shared by the sensor (which wants to know) and the load (which wants the rows
as well). What does not: placing readings in partitions (`load.py`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from meter_platform import settlement
from meter_platform.feeds.chunks import FileToRead
from meter_platform.feeds.files import ReadingFolder, UnreadFiles
from meter_platform.feeds.reading import FileAccount, ReadBatch, read
from meter_platform.feeds.reading_rules import reading_rules
from meter_platform.ingestion import catalogue
from meter_platform.ingestion.catalogue import Version
from meter_platform.settings import Settings
from meter_platform.warehouse import finished, tables
from meter_platform.warehouse.partitions import Session
from meter_platform.warehouse.validation import validate


@dataclass(slots=True)
class LookReport:
    """What a look at the folder found.

    Attributes:
        files_listed: files in the folder.
        files_read: new or changed files that were read through.
        rows_read: rows of them.
        rejected: rows rejected, for each reason code.
        malformed: number and reason of each file that was set aside.
        growing: URLs of files that are still being written; the next look sees them again.
        left: new files that the look did not get to.
        unread: files that lie in the folder and are not read.
    """

    files_listed: int = 0
    files_read: int = 0
    rows_read: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    malformed: dict[int, str] = field(default_factory=dict)
    growing: list[str] = field(default_factory=list)
    left: int = 0
    unread: UnreadFiles = field(default_factory=UnreadFiles)


class Look:
    """One look at the folder of reading files, in one transaction of the catalogue.

    New files are read through while `batches` is iterated; `finish` records them. Nothing is recorded of a file that
    was not read to its end.

    Attributes:
        report: what was found, complete once `batches` is exhausted.
        listed: the files in the folder, by URL.
        undone: versions of which rows were handed over that do not count, for the file turned out to be malformed, is
            still being written, or was only touched.
        held_back: versions of which readings were handed over that do not count, for all rows of the file are rejected.
        accounts: of the files that were read to their end and count.
        touched: of the files that were only touched: the known version, the number that their rows were handed over
            under, and their account.
        retracted: rows that were handed over and do not count, for their file contradicts itself.
    """

    def __init__(self, ledger: Session, settings: Settings, folder: ReadingFolder, *, started: datetime) -> None:
        self._ledger = ledger
        self._settings = settings
        self._folder = folder
        self._started = started
        listing = folder.listing()
        listed = listing.files
        self.listed = {file.url: file for file in listed}
        self.report = LookReport(files_listed=len(listed), unread=listing.unread)
        self.undone: list[int] = []
        self.held_back: list[int] = []
        self.accounts: dict[int, FileAccount] = {}
        versions = catalogue.new_versions(
            ledger, listed, catalogue.newest_versions(ledger), listed_at=datetime.now(UTC)
        )
        self._new = {version.source_file_id: version for version in versions}
        self.touched: list[tuple[Version, int, FileAccount]] = []
        self.retracted: list[pa.Table] = []

    def batches(
        self,
        also: Iterable[FileToRead] = (),
        *,
        wait_for_growing: bool = True,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[ReadBatch]:
        """Reads the new files through, and known ones that the caller wants rows of.

        Args:
            also: known files to read before the new ones, with their fingerprints. Nothing is recorded of them.
            wait_for_growing: see `reading_files.read`.
            stop: asked before each new file whether to leave it, and those after it, for another look.
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
                self.retracted.append(batch.retracted)
            yield batch

    def finish(self) -> None:
        """Records what was read through; visible to others at once."""
        if undone := [number for number in self.undone if number in self._new]:
            self._ledger.execute(
                sql.SQL("DELETE FROM {} WHERE source_file_id = ANY({}::bigint[])").format(
                    tables.REJECTED_READINGS.identifier, sql.Literal(undone)
                )
            )
        read_through = [
            (self._new[number], account) for number, account in self.accounts.items() if number in self._new
        ]
        catalogue.record(self._ledger, read_through, seen_at=self._started, rules=reading_rules(self._settings))
        catalogue.record_touched(self._ledger, [self._new[number] for _, number, _ in self.touched])
        if with_rejected := [version.source_file_id for version, account in read_through if account.rows_rejected]:
            days = catalogue.rejected_dates(self._ledger, with_rejected)
            self._ledger.execute(finished.note_rejected(days, loaded_at=self._started))
        self._ledger.commit()

    def _new_files(self, today: date, stop: Callable[[], bool]) -> Iterator[FileToRead]:
        for count, (number, version) in enumerate(self._new.items()):
            if stop():
                self.report.left = len(self._new) - count
                return
            yield FileToRead(version.file, number, today)

    def _note(self, account: FileAccount) -> None:
        version = self._new.get(account.source_file_id)
        if account.still_growing:
            self.undone.append(account.source_file_id)
            if version:
                self.report.growing.append(version.file.url)
        elif version and version.before and account.fingerprint and account.fingerprint == version.before.fingerprint:
            self.undone.append(account.source_file_id)
            self.touched.append((version.before, account.source_file_id, account))
        else:
            self.accounts[account.source_file_id] = account
            self.report.files_read += 1
            self.report.rows_read += account.rows_in_file
            if account.malformed:
                self.undone.append(account.source_file_id)
                if version:
                    self.report.malformed[account.source_file_id] = account.malformed
            elif account.held_back:
                self.held_back.append(account.source_file_id)
                self.report.malformed[account.source_file_id] = account.held_back

    def _keep_rejected(self, rejected: pa.Table) -> None:
        """Stores rejected rows of new files; those of known files are stored already."""
        new = rejected.filter(pc.is_in(rejected["source_file_id"], pa.array(list(self._new), pa.int64())))
        if new.num_rows:
            started = pa.array([self._started] * new.num_rows, settlement.INSTANT)
            rows = validate(tables.REJECTED_READINGS, new.append_column("loaded_at", started), unique=False)
            self._ledger.copy(tables.REJECTED_READINGS.identifier, rows)
            self.report.rejected.update(new["reason"].to_pylist())
