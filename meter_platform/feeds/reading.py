"""Streams reading files as checked readings, at the speed of the machine and in constant memory.

What belongs here: how chunks of files become Arrow batches of accepted readings, rejected rows, and an account of each
file. What does not: opening and reading files (`chunks.py`), their form (`formats/`), the rules that decide
(`validation.py`), plainly good rows (`bulk_validation.py`), what is stored (`ingestion/`).

Plainly good rows are validated in bulk, every other row one by one. Reading, validating and the consumer's own work overlap.
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache, partial
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from meter_platform import settlement
from meter_platform.contracts.raw_data import FILE_COLUMNS
from meter_platform.feeds import repeated_in_bulk
from meter_platform.feeds.allowance import Allowance, AllowanceSpentError, checkpoint
from meter_platform.feeds.bulk_validation import BulkValidation, ValidatedChunks
from meter_platform.feeds.chunks import FilePart, FileToRead, batches, file_parts
from meter_platform.feeds.columns import (
    AROUND_SCHEMA,
    PARTICULARS,
    READINGS_SCHEMA,
    REJECTED_SCHEMA,
    RETRACTED_SCHEMA,
    VALIDATED_SCHEMA,
    without_unsaid,
)
from meter_platform.feeds.configured import Taken
from meter_platform.feeds.conflicts import Conflicts
from meter_platform.feeds.files import ListedFile, ReadingFolder
from meter_platform.feeds.formats import in_bulk
from meter_platform.feeds.formats.format import WHOLE_BYTES, Chunk, Format, Row
from meter_platform.feeds.held_back import Suspicion
from meter_platform.feeds.malformed import MalformedFileError, too_slow
from meter_platform.feeds.validation import Accepted, FileValidation, Reason, Rejected, RowRules, Waiting, readable_kwh
from meter_platform.stages import run_ahead
from meter_platform.warehouse.left_out import with_particulars

SETTLE_SECONDS: Final = 5.0
"""A file that cannot be read is still being written, as far as anyone can tell, until its age is this."""

_OF_VERDICTS: Final = [name for name in VALIDATED_SCHEMA.names if name not in PARTICULARS]
_NO_READINGS: Final = READINGS_SCHEMA.empty_table()
_NONE_AROUND: Final = AROUND_SCHEMA.empty_table()
_METERPOINT, _TIME, _CONSUMPTION = map(FILE_COLUMNS.index, ("meterpoint_id", "interval_start", "consumption_delta"))


@dataclass(slots=True)
class FileAccount:
    """What was learnt of a file version by reading it through.

    rows_in_file = rows_rejected + the sum of rows_per_date. A malformed file has no rows; of one that is held back all
    are rejected.
    """

    source_file_id: int
    fingerprint: str | None = None
    rows_in_file: int = 0
    rows_rejected: int = 0
    rows_ambiguous: int = 0
    first_interval: datetime | None = None
    last_interval: datetime | None = None
    rows_per_date: dict[date, int] = field(default_factory=dict)
    malformed: str | None = None
    """Why the file is malformed; rows of it that were handed over before that was found out do not count."""
    held_back: str | None = None
    """Why the file is held back: all its rows are rejected. Readings that were handed over before do not count."""
    still_growing: bool = False
    """The file was being written while it was read, or the disk failed: nothing can be said of it yet."""


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """Part of what was read. Nothing of a file comes after its account."""

    readings: tuple[pa.Table, ...]
    """Accepted rows, of READINGS_SCHEMA but each table with decimals of its own, and perhaps without PARTICULARS."""

    rejected: pa.Table
    """Rejected rows, of REJECTED_SCHEMA."""

    accounts: tuple[FileAccount, ...]
    """Of the files that end with this batch."""

    retracted: pa.Table = field(default_factory=RETRACTED_SCHEMA.empty_table)
    """Readings that do not count although they were, or will be, handed over: they are rejected after all. Of
    RETRACTED_SCHEMA; always before the account of their file."""

    sources: Mapping[int, FileToRead] = field(default_factory=dict)
    """The files that end with this batch, by their number."""


@dataclass(slots=True)
class _OpenFile:
    """A file between its first chunk and its end."""

    account: FileAccount
    taken: Taken
    validation: FileValidation
    allowance: Allowance
    error: MalformedFileError | None = None
    complete: bool = False
    """All rows have been validated, whatever chunks come."""
    waiting: dict[int, Row] = field(default_factory=dict)
    """Rows that are validated when the file has ended, by their position."""
    suspicion: Suspicion | None = None
    """What the rejected rows say, once there is any: tiny files come by the thousand."""

    @property
    def format(self) -> Format:
        """The format of the file."""
        return self.taken.format


@dataclass(slots=True)
class _Verdicts:
    """Rows that were validated one by one, as Arrow makes tables of them.

    Attributes:
        accepted: rows of READINGS_SCHEMA.
        rejected: rows of REJECTED_SCHEMA.
    """

    accepted: list[dict[str, object]] = field(default_factory=list)
    rejected: list[dict[str, object]] = field(default_factory=list)

    def add(
        self, verdict: Accepted | Rejected, position: int, opened: _OpenFile, *, value: object, text: Callable[[], str]
    ) -> None:
        """Adds a row.

        Args:
            verdict: of the rules.
            position: of the row in its file.
            opened: the file. A rejected row is counted in its account.
            value: the row's consumption_delta; `None` where it has none.
            text: gives the row's text, which most rows are not asked for.
        """
        place: dict[str, object] = {"source_file_id": opened.account.source_file_id, "source_position": position}
        if isinstance(verdict, Accepted):
            self.accepted.append(
                {name: getattr(verdict, name) for name in _OF_VERDICTS}
                | {name: getattr(verdict.particulars, name) for name in PARTICULARS}
                | place
            )
            return
        opened.account.rows_rejected += 1
        opened.suspicion = opened.suspicion or Suspicion()
        opened.suspicion.note(position, verdict.reason, value)
        self.rejected.append(
            {
                "reference_date": verdict.reference_date,
                "meterpoint_id": verdict.meterpoint_id,
                "consumption_delta": readable_kwh(value),
                "raw_text": text(),
                "reason": verdict.reason.value,
                "detail": verdict.detail,
            }
            | place
        )

    def add_row(self, verdict: Accepted | Rejected, position: int, opened: _OpenFile, row: Row) -> None:
        """Adds a row that its format has taken apart."""
        value = row.values[_CONSUMPTION] if row.values else None
        self.add(verdict, position, opened, value=value, text=lambda: opened.format.text(row))


@dataclass(slots=True)
class _BatchChunk:
    """A chunk of a batch, and what becomes of it.

    Attributes:
        source: its file.
        chunk: its rows.
        opened: the file as it is known so far.
        offset: rows of the file before it.
        is_dropped: no row of it that was validated in bulk counts.
    """

    source: FileToRead
    chunk: Chunk
    opened: _OpenFile
    offset: int = 0
    is_dropped: bool = False


def read(
    folder: ReadingFolder,
    files: Iterable[FileToRead],
    *,
    zone: ZoneInfo,
    first_date: date,
    last_date: date,
    label_at_end: bool = False,
    wait_for_growing: bool = True,
) -> Iterator[ReadBatch]:
    """Reads files through, once each and in the order given.

    Args:
        folder: where they are, and which feeds they are of.
        files: which; taken one by one as they are read.
        zone: the market's time zone.
        first_date: rows of an earlier reference date are rejected.
        last_date: today. No file was first seen later.
        label_at_end: times name the end of their half hour, where their feed does not say.
        wait_for_growing: before a file is called malformed that was written a moment ago, wait and list it again. Without
            it such a file is called growing at once.
    """
    reader = _Reader(folder, zone, first_date, last_date, label_at_end=label_at_end, wait=wait_for_growing)
    conflicts = Conflicts(folder, zone)
    yield from run_ahead(conflicts.retract(reader.read(files)))


class _Reader:
    def __init__(
        self,
        folder: ReadingFolder,
        zone: ZoneInfo,
        first_date: date,
        last_date: date,
        *,
        label_at_end: bool,
        wait: bool,
    ) -> None:
        self._folder = folder
        # A cache of the reader's own: one of the class would keep the reader, and what its bulk validation remembers.
        self._rules = cache(
            lambda conventions, last_date: RowRules(
                zone=zone,
                first_date=first_date,
                last_date=last_date,
                label_at_end=label_at_end if conventions.label_at_end is None else conventions.label_at_end,
                label_zone=None if conventions.zone == zone else conventions.zone,
                order=conventions.order,
            )
        )
        self._wait = wait
        self._open: dict[int, _OpenFile] = {}
        self._around: list[pa.Table] = []
        self._held_back: list[tuple[FileToRead, _OpenFile]] = []
        self._bulk = cache(lambda conventions: BulkValidation(self._rules(conventions, last_date)))

    def read(self, files: Iterable[FileToRead]) -> Iterator[ReadBatch]:
        """Reads files; those that turn out to be held back a second time, for the text of each row."""
        for batch in run_ahead(batches(file_parts(self._folder, files))):
            yield self._read_batch(batch)
            while self._held_back:
                yield from self._hold_back(*self._held_back.pop())

    def _read_batch(self, batch: list[FilePart]) -> ReadBatch:
        """Validates the rows of consecutive parts of files."""
        chunks = [_BatchChunk(part.source, part.chunk, self._opened(part)) for part in batch if part.chunk]
        ended = [part for part in batch if part.chunk is None]
        validated = ValidatedChunks([0] * len(chunks))
        kinds = [(chunk.opened.taken.conventions, chunk.opened.format, chunk.chunk) for chunk in chunks]
        for rows in in_bulk(kinds):
            conventions, _, _ = kinds[rows.chunks[0]]
            self._bulk(conventions).validate(rows, [chunks[index].source.seen_on for index in rows.chunks], validated)
        verdicts = _Verdicts()
        for index, chunk in enumerate(chunks):
            self._read_chunk(chunk, validated.row_counts[index], validated.odd.get(index, ()), verdicts)
        self._around += _of_files(validated.around, chunks)
        placed = self._place({part.source.source_file_id for part in ended}, verdicts)
        singly = (pa.Table.from_pylist(verdicts.accepted, READINGS_SCHEMA), placed)
        found = (*_of_files(validated.plain, chunks), *map(without_unsaid, singly))
        tables = [table for table in found if table.num_rows]
        for table in tables:
            self._tally(table)
        return ReadBatch(
            tuple(tables),
            pa.Table.from_pylist(verdicts.rejected, REJECTED_SCHEMA),
            tuple(account for part in ended if (account := self._close(part))),
            sources={part.source.source_file_id: part.source for part in ended},
        )

    def _read_chunk(self, chunk: _BatchChunk, count: int, odd: Sequence[int], verdicts: _Verdicts) -> None:
        """Validates those rows of a chunk one by one that are not plainly good.

        Args:
            chunk: learns its offset, and whether what was validated in bulk counts.
            count: how many rows were validated in bulk, 0 for none.
            odd: which of them are not plainly good.
            verdicts: gets the rows.
        """
        opened = chunk.opened
        account = opened.account
        chunk.offset = account.rows_in_file
        if opened.error or opened.complete:
            chunk.is_dropped = True
            return
        if count and not odd:
            account.rows_in_file += count
            return
        try:
            with opened.allowance:
                rows = self._rows_to_validate(chunk.source, chunk.chunk, odd if count else None, opened)
                validated = _validate(rows, opened, verdicts)
        except (MalformedFileError, AllowanceSpentError) as error:
            opened.error = error if isinstance(error, MalformedFileError) else too_slow(opened.allowance.seconds)
            chunk.is_dropped = True
            return
        chunk.is_dropped = opened.complete
        account.rows_in_file += count if count and not opened.complete else validated

    def _hold_back(self, source: FileToRead, first: _OpenFile) -> Iterator[ReadBatch]:
        """Rejects the rows of a file that were accepted when it was read first; its account comes last."""
        account = first.account
        why = account.held_back or ""
        already = first.suspicion.sorted_positions() if first.suspicion else ()
        again = self._new(source, first.taken)
        for part in file_parts(self._folder, [source]):
            if part.chunk is None:
                account.still_growing = part.fingerprint != account.fingerprint
                break
            if again.complete:
                continue
            try:
                rows = list(self._rows_to_validate(source, part.chunk, None, again))
            except (MalformedFileError, OSError):  # it is not the file any more that was read first
                account.still_growing = True
                break
            again.account.rows_in_file += len(rows)
            left = {position: row for position, row in rows if not _is_among(already, position)}
            verdicts = _Verdicts()
            _validate(left.items(), again, verdicts)
            yield ReadBatch((), _held_back_rows(left, verdicts, again.format, why), ())
        verdicts = _Verdicts()
        for position, verdict in again.validation.finish():
            verdicts.add_row(verdict, position, again, again.waiting[position])
        yield ReadBatch(
            (),
            _held_back_rows(again.waiting, verdicts, again.format, why),
            (account,),
            sources={source.source_file_id: source},
        )

    def _rows_to_validate(
        self, source: FileToRead, chunk: Chunk, odd: Sequence[int] | None, opened: _OpenFile
    ) -> Iterable[tuple[int, Row]]:
        """Rows of a chunk, each with its position in the file: the odd ones, or all.

        Raises:
            MalformedFileError: the file is not of its format after all.
        """
        offset = opened.account.rows_in_file
        try:
            rows = opened.format.rows(chunk)
        except MalformedFileError as error:
            if source.file.size > WHOLE_BYTES:
                raise MalformedFileError(error.reason, f"after row {offset:,}, {error.detail}") from error
            # The whole file's error names the place in the file. Or there is none, for more stands after the rows.
            with self._folder.open(source.file) as stream:
                whole = opened.format.rows_of_file(stream.read())
            opened.complete = True
            return enumerate(islice(whole, offset, None), start=offset + 1)
        if odd is not None:
            return [(offset + number, rows[number - 1]) for number in odd]
        return enumerate(rows, start=offset + 1)

    def _opened(self, part: FilePart) -> _OpenFile:
        number = part.source.source_file_id
        if number not in self._open:
            self._open[number] = self._new(part.source, part.taken)
        return self._open[number]

    def _new(self, source: FileToRead, taken: Taken) -> _OpenFile:
        validation = FileValidation(self._rules(taken.conventions, source.seen_on))
        return _OpenFile(FileAccount(source.source_file_id), taken, validation, Allowance(source.file.size))

    def _place(self, ended: set[int], verdicts: _Verdicts) -> pa.Table:
        """Validates the rows that waited for the end of their file.

        Args:
            ended: the files.
            verdicts: gets what was read one by one, and whatever is rejected.

        Returns:
            The others, of READINGS_SCHEMA.
        """
        validations = {number: self._open[number].validation for number in ended if number in self._open}
        if not validations or not (self._around or any(validation.around for validation in validations.values())):
            return _NO_READINGS
        clocks = {validation.rules.clocks for validation in validations.values()}
        tables = [
            self._place_by_one_clock(
                {number: each for number, each in validations.items() if each.rules.clocks == those}, verdicts
            )
            for those in clocks
        ]
        return pa.concat_tables(tables) if len(tables) > 1 else tables[0]

    def _place_by_one_clock(self, validations: Mapping[int, FileValidation], verdicts: _Verdicts) -> pa.Table:
        """The same for files of the same zone and order."""
        rows = pa.concat_tables(
            [
                _NONE_AROUND,
                *(with_particulars(table).select(AROUND_SCHEMA.names).cast(AROUND_SCHEMA) for table in self._around),
            ]
        )
        is_over = pc.is_in(rows["source_file_id"], pa.array(validations, pa.int64()))
        # Files are read one after another: few rows are kept twice.
        left = rows.filter(pc.invert(is_over))
        self._around = [left] if left.num_rows else []
        placed = repeated_in_bulk.place(rows.filter(is_over), validations)
        for row in placed.others:
            opened = self._open[row.source_file_id]
            if row.text is None:
                verdicts.add_row(row.verdict, row.position, opened, opened.waiting.pop(row.position))
            else:
                verdicts.add(row.verdict, row.position, opened, value=row.value, text=partial(str, row.text))
        return placed.accepted.select(READINGS_SCHEMA.names) if placed.accepted else _NO_READINGS

    def _tally(self, table: pa.Table) -> None:
        # Instants as integers: Arrow takes ten times as long to make a datetime as all else here.
        micros = table.select(["source_file_id", "reference_date"])
        micros = micros.append_column("interval_start", table["interval_start"].cast(pa.int64()))
        groups = micros.group_by(["source_file_id", "reference_date"]).aggregate(
            [("interval_start", "min"), ("interval_start", "max"), ("interval_start", "count")]
        )
        columns = (groups[name].to_pylist() for name in _TALLY_COLUMNS)
        for source_file_id, day, first, last, count in zip(*columns, strict=True):
            account = self._open[source_file_id].account
            account.rows_per_date[day] = account.rows_per_date.get(day, 0) + count
            since, until = _instant(first), _instant(last)
            account.first_interval = min(account.first_interval or since, since)
            account.last_interval = max(account.last_interval or until, until)

    def _close(self, part: FilePart) -> FileAccount | None:
        """The account of a file that has ended; `None` while a file that is held back is still to be read again."""
        opened = self._opened(part)
        del self._open[part.source.source_file_id]
        error = part.error or opened.error
        wanted = part.source.fingerprint
        if wanted and wanted != part.fingerprint:
            return FileAccount(part.source.source_file_id, still_growing=True)
        if error is None:
            opened.account.fingerprint = part.fingerprint
            opened.account.rows_ambiguous = opened.validation.ambiguous
            # What was decided when a known version was new is not decided again.
            if not wanted and opened.suspicion and (why := opened.suspicion.verdict(opened.account.rows_in_file)):
                opened.account = FileAccount(
                    part.source.source_file_id,
                    fingerprint=part.fingerprint,
                    rows_in_file=opened.account.rows_in_file,
                    rows_rejected=opened.account.rows_in_file,
                    held_back=why,
                )
                self._held_back.append((part.source, opened))
                return None
            return opened.account
        growing = part.may_pass or self._is_growing(part.source.file)
        return FileAccount(part.source.source_file_id, malformed=str(error), still_growing=growing)

    def _is_growing(self, file: ListedFile) -> bool:
        seconds = file.seconds_to_settle(datetime.now(UTC), SETTLE_SECONDS)
        if seconds:
            if not self._wait:
                return True
            time.sleep(seconds)
        now = self._folder.as_it_is_now(file)
        return now is None or now.stamp != file.stamp


@lru_cache
def _instant(microseconds: int) -> datetime:
    """Of tiny files thousands begin at the same half hour."""
    return settlement.EPOCH + timedelta(microseconds=microseconds)


_CHECKED_ROWS: Final = 1_000
"""Rows that are validated between two checkpoints: some hundredths of a second."""

_TALLY_COLUMNS: Final = (
    "source_file_id",
    "reference_date",
    "interval_start_min",
    "interval_start_max",
    "interval_start_count",
)


def _validate(rows: Iterable[tuple[int, Row]], opened: _OpenFile, verdicts: _Verdicts) -> int:
    """Validates rows one by one, in file order; says how many."""
    count = 0
    for count, (position, row) in enumerate(rows, start=1):
        if count % _CHECKED_ROWS == 0:
            checkpoint()
        if row.fault is not None:
            verdict: Accepted | Rejected | Waiting = _refused(row, row.fault, opened)
        else:
            verdict = opened.validation.validate(*row.values, position=position, extras=row.extras)
        if isinstance(verdict, Waiting):
            opened.waiting[position] = row
        else:
            verdicts.add_row(verdict, position, opened, row)
    return count


def _refused(row: Row, fault: str, opened: _OpenFile) -> Rejected:
    meterpoint, time = (row.values[_METERPOINT], row.values[_TIME]) if row.values else (None, None)
    return opened.validation.refused(meterpoint, time, reason=Reason(row.code), detail=fault)


def _held_back_rows(rows: Mapping[int, Row], verdicts: _Verdicts, written_in: Format, why: str) -> pa.Table:
    """Rows that break no rule themselves as rejected rows.

    Args:
        rows: by their positions.
        verdicts: what the rules made of them.
        written_in: the file's format.
        why: the file is held back.
    """
    detail = f"the row breaks no rule, but its file is held back ({why})"
    kept = [
        {name: row[name] for name in REJECTED_SCHEMA.names if name in row}
        | {
            "raw_text": written_in.text(rows[int(str(row["source_position"]))]),
            "reason": Reason.FILE_HELD_BACK.value,
            "detail": detail,
        }
        for row in (*verdicts.accepted, *verdicts.rejected)
    ]
    return pa.Table.from_pylist(kept, REJECTED_SCHEMA)


def _is_among(places: Sequence[int], place: int) -> bool:
    """Whether a place is one of sorted ones."""
    index = bisect_left(places, place)
    return index < len(places) and places[index] == place


def _of_files(tables: Iterable[pa.Table], chunks: Sequence[_BatchChunk]) -> list[pa.Table]:
    """Rows that were validated in bulk, with the file and the position that they come from, if they count."""
    dropped = pa.array([index for index, chunk in enumerate(chunks) if chunk.is_dropped], pa.int32())
    source_file_ids = pa.array([chunk.source.source_file_id for chunk in chunks], pa.int64())
    offsets = pa.array([chunk.offset for chunk in chunks], pa.int32())
    found = []
    for table in tables:
        rows = table.filter(pc.invert(pc.is_in(table["chunk"], dropped))) if len(dropped) else table
        found.append(
            rows.drop_columns(["chunk", "ordinal"])
            .append_column("source_file_id", pc.take(source_file_ids, rows["chunk"]))
            .append_column("source_position", pc.add(pc.take(offsets, rows["chunk"]), rows["ordinal"]))
        )
    return found
