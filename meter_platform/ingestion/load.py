"""Puts the readings of reference dates in place: every row of every file that holds them, exactly once.

What belongs here: which files a load reads, where their rows wait, and the order of steps that makes a date change in
one moment. What does not: parsing, the merge rule, locks and exchanges (`warehouse/partitions.py`).
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
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
from meter_platform.feeds.files import ListedFile, ReadingFolder
from meter_platform.feeds.reading_rules import reading_rules
from meter_platform.ingestion import catalogue, lost, merge
from meter_platform.ingestion.scan import Look, LookReport
from meter_platform.settings import Settings
from meter_platform.warehouse import finished, partitions, tables
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.partitions import Child, Session, StoreReport
from meter_platform.warehouse.validation import validate

_TABLE: Final = tables.RAW_METER_READINGS
_WAITING: Final = "waiting_readings"
_TELL_SECONDS: Final = 5.0
_EXAMPLES: Final = 10

Log = Callable[[str], None]


class ReadingsLoad:
    """A load of reading files into `raw_meter_readings`, run when it is stored.

    Args:
        settings: the market's conventions.
        folder: where the files are.
        log: told about progress.
    """

    def __init__(self, settings: Settings, folder: ReadingFolder, *, log: Log) -> None:
        self._settings = settings
        self._folder = folder
        self._log = log

    def store(self, database: Database, dates: Sequence[date]) -> StoreReport:
        """Loads what is new for the dates, and replaces their partitions where anything is.

        One date's rows are copied straight into its new child table. Those of several wait together in a temporary
        table, so that each file is read once, and each date is finished and visible before the next is begun.

        Raises:
            SourceUnavailableError: the folder cannot be listed.
            ContractViolationError: the reader let a row through that the contract forbids.
            PartitionBusyError: a table was being read all the time.
        """
        started = datetime.now(UTC)
        with (
            partitions.session(database) as writer,
            ExitStack() as reading,
            ThreadPoolExecutor(1, "catalogue") as beside,
        ):
            partitions.lock_dates(writer, _TABLE, dates, log=self._log)
            waiting = _Waiting(writer, dates, started)
            ledger = reading.enter_context(partitions.session(database))
            catalogue.lock(ledger, log=self._log)
            look = Look(ledger, self._settings, self._folder, started=started)
            lost.forget_dates(ledger, dates, look.listed)
            known = _Known.find(ledger, look.listed, dates, self._settings)
            progress = _Progress(self._log, look.report)
            waiting.fill(_readings(look, known, progress))
            # The catalogue takes note of the files while the server indexes their rows.
            recorded = beside.submit(_record, look, reading)
            waiting.retract(look.retracted)
            accounts = dict(look.accounts)
            for version, number, account in look.touched:
                if days := known.pending.get(version.source_file_id):
                    waiting.credit(number, version.source_file_id, days)
                    accounts[version.source_file_id] = account
            waiting.remove([*look.undone, *look.held_back])
            stored: dict[date, int] = {}
            unchanged: set[date] = set()
            for number, day in enumerate(dates, start=1):
                versions = [
                    number
                    for number, account in accounts.items()
                    if account.rows_per_date.get(day) and day in known.pending.get(number, [day])
                ]
                if versions:
                    _replace(writer, waiting.child(day), versions, started, recorded)
                else:
                    unchanged.add(day)
                    waiting.drop(day)
                recorded.result()
                stored[day] = catalogue.stored_rows(writer, day)
                if versions:
                    writer.execute(finished.noted(_TABLE.name, {day: stored[day]}, loaded_at=started))
                else:
                    writer.execute(finished.mended(_TABLE.name, [day]))
                writer.commit()
                if len(dates) > 1:
                    self._log(f"{day}: {stored[day]:,} readings stored ({number} of {len(dates)} dates)")
        gone = [number for number in known.pending if number not in accounts]
        return StoreReport(stored, facts=_facts(look.report, gone), unchanged=frozenset(unchanged))


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
    def find(
        cls, ledger: Session, listed: dict[str, ListedFile], dates: Sequence[date], settings: Settings
    ) -> "_Known":
        files = []
        versions = catalogue.pending_versions(ledger, dates, rules=reading_rules(settings))
        of_dates = {(day, version.source_file_id): version.url for version in versions for day in version.dates}
        lost.note_deleted(ledger, of_dates, listed)
        for version in versions:
            file = listed.get(version.url)
            if file and file.stamp == version.stamp:
                seen_on = settlement.reference_date(version.seen_at, settings.zone)
                files.append(FileToRead(file, version.source_file_id, seen_on, version.fingerprint))
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


def _record(look: Look, reading: ExitStack) -> None:
    """Puts on record what was read; the end of the look's session lets others read new files."""
    look.finish()
    reading.close()


def _readings(look: Look, known: _Known, progress: "_Progress") -> Iterator[pa.Table]:
    """What a look hands over, without what is stored already."""
    for batch in look.batches(known.files):
        for readings in batch.readings:
            yield known.without_loaded(readings)
        progress.tell()


class _Waiting:
    """Where readings wait until their date is complete: in the date's child, or together in a temporary table."""

    def __init__(self, writer: Session, dates: Sequence[date], started: datetime) -> None:
        self._writer = writer
        self._dates = pa.array(dates, pa.date32())
        self._started = started
        self._child: Child | None = None
        if len(dates) == 1:
            self._child = partitions.create_child(writer, _TABLE, dates[0])
        else:
            writer.execute(
                sql.SQL("CREATE TEMP TABLE {} ({})").format(sql.Identifier(_WAITING), _TABLE.definitions(checked=False))
            )
        self._indexed = False

    def fill(self, readings: Iterable[pa.Table]) -> None:
        """Lets readings of the wanted dates through the gate, and copies them to where they wait."""
        self._writer.copy_stream(
            self._place,
            _TABLE.arrow_schema.names,
            self._admitted(readings),
            constants={"loaded_at": self._started} | ({"reference_date": self._child.day} if self._child else {}),
            freeze=self._child is not None,  # only a new table can be
        )

    def _admitted(self, readings: Iterable[pa.Table]) -> Iterator[pa.Table]:
        started = pa.scalar(self._started, settlement.INSTANT)
        for table in readings:
            wanted = table.filter(pc.is_in(table["reference_date"], self._dates))
            if wanted.num_rows:
                stamped = wanted.append_column("loaded_at", pa.repeat(started, wanted.num_rows))
                yield validate(_TABLE, stamped, unique=False)

    def credit(self, number: int, version: int, days: Sequence[date]) -> None:
        """Hands rows of some dates over from one version to another."""
        self._writer.execute(
            sql.SQL(
                "UPDATE {} SET source_file_id = {} WHERE source_file_id = {} AND reference_date = ANY({}::date[])"
            ).format(self._place, sql.Literal(version), sql.Literal(number), sql.Literal(list(days)))
        )

    def retract(self, rows: Sequence[pa.Table]) -> None:
        """Takes out single rows that turned out not to count."""
        if not rows:
            return
        retracted = sql.Identifier("retracted_readings")
        self._writer.execute(
            sql.SQL("CREATE TEMP TABLE {} (source_file_id bigint, source_position integer) ON COMMIT DROP").format(
                retracted
            )
        )
        self._writer.copy(retracted, pa.concat_tables(rows))
        self._writer.execute(sql.SQL("ANALYZE {}").format(retracted))
        self._writer.execute(
            sql.SQL(
                "DELETE FROM {} AS reading USING {} AS retracted "
                "WHERE (reading.source_file_id, reading.source_position) "
                "= (retracted.source_file_id, retracted.source_position)"
            ).format(self._place, retracted)
        )

    def remove(self, versions: Sequence[int]) -> None:
        """Takes out what turned out not to count."""
        if versions:
            self._writer.execute(
                sql.SQL("DELETE FROM {} WHERE source_file_id = ANY({}::bigint[])").format(
                    self._place, sql.Literal(list(versions))
                )
            )

    def child(self, day: date) -> Child:
        """The date's new child, filled."""
        if self._child:
            return self._child
        if not self._indexed:
            self._writer.execute(sql.SQL("CREATE INDEX ON {} (reference_date)").format(sql.Identifier(_WAITING)))
            self._writer.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(_WAITING)))
            self._indexed = True
        child = partitions.create_child(self._writer, _TABLE, day)
        _append(self._writer, child, sql.Identifier(_WAITING), sql.SQL("reference_date = {}").format(sql.Literal(day)))
        return child

    @property
    def _place(self) -> sql.Identifier:
        return self._child.identifier if self._child else sql.Identifier(_WAITING)

    def drop(self, day: date) -> None:
        """Leaves the date as it is: nothing has come for it."""
        if self._child and self._child.day == day:
            self._writer.execute(sql.SQL("DROP TABLE {}").format(self._child.identifier))


def _append(writer: Session, child: Child, source: sql.Composable, condition: sql.Composable) -> None:
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in _TABLE.columns)
    writer.execute(
        sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} WHERE {}").format(
            child.identifier, columns, columns, source, condition
        )
    )


def _replace(writer: Session, child: Child, versions: Sequence[int], started: datetime, recorded: Future[None]) -> None:
    """Completes a date's new child with what is stored, settles repeats, and exchanges it.

    Args:
        writer: in whose transaction that happens.
        child: holds the date's new rows.
        versions: which delivered them.
        started: when the load began.
        recorded: done when the catalogue has the versions.
    """
    old = partitions.attached_child(writer, _TABLE, child.day)
    if old:
        _append(writer, child, old.identifier, sql.SQL("true"))
    # Nearly always every half hour was delivered once: then the key itself is the proof, and nothing else is looked at.
    has_key = partitions.add_key(writer, child)
    recorded.result()
    catalogue.mark_loaded(writer, child.day, versions, started=started)
    if not has_key:
        merge.settle(writer, child, now=sql.Literal(started))
        if not partitions.add_key(writer, child):
            raise RuntimeError(f"{_TABLE.qualified_name} of {child.day} has a key twice after repeats were settled")
    partitions.publish(writer, child, old)


class _Progress:
    """Says every few seconds how far reading has come."""

    def __init__(self, log: Log, report: LookReport) -> None:
        self._log = log
        self._report = report
        self._last = time.monotonic()

    def tell(self) -> None:
        if time.monotonic() - self._last >= _TELL_SECONDS:
            self._last = time.monotonic()
            self._log(f"{self._report.files_read:,} files and {self._report.rows_read:,} readings read so far")


def _facts(report: LookReport, gone: Sequence[int]) -> dict[str, Any]:
    """What the run's metadata says about the files and rows that were met.

    Files go by their number in `raw_data.source_files`: their names may be those of meterpoints.
    """
    facts: dict[str, Any] = {
        "files_listed": report.files_listed,
        "files_read": report.files_read,
        "rows_read": report.rows_read,
        "rows_rejected": sum(report.rejected.values()),
        "files_set_aside": len(report.malformed),
    }
    if report.rejected:
        facts["rejected_by_reason"] = dict(sorted(report.rejected.items()))
    if report.malformed:
        facts["set_aside_examples"] = {
            f"source file {number}": error for number, error in list(report.malformed.items())[:_EXAMPLES]
        }
    if report.unread.count:
        facts["files_not_read"] = report.unread.counted
    if report.growing:
        facts["files_still_being_written"] = len(report.growing)
    if gone:
        facts["files_gone_before_they_were_loaded"] = [f"source file {number}" for number in gone[:_EXAMPLES]]
    return facts
