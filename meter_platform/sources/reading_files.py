"""Streams reading files as checked readings, at the speed of the machine and in constant memory.

What belongs here: how pieces of files become Arrow batches of accepted readings, rejected rows, and an account of each
file. What does not: opening and reading files (`pieces.py`), the rules that decide (`rows.py`), rows in bulk
(`fast_lane.py`), the form of a document (`documents.py`), what is stored (`storage/`).

Rows go through one of two lanes: plainly good ones in bulk, every other row one by one through the rules. Reading,
parsing and the consumer's own work overlap.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from meter_platform import calendar
from meter_platform.ahead import ahead
from meter_platform.contracts.types import MOST_DECIMALS
from meter_platform.sources import repeated_in_bulk
from meter_platform.sources.conflicts import RETRACTED_SCHEMA, Conflicts
from meter_platform.sources.documents import (
    WHOLE_BYTES,
    Chunk,
    Columns,
    MalformedFileError,
    parse,
    parse_json,
    row_text,
)
from meter_platform.sources.fast_lane import FastLane
from meter_platform.sources.files import ListedFile, ReadingFolder
from meter_platform.sources.pieces import FileToRead, Piece, batches, pieces
from meter_platform.sources.repeated_in_bulk import AROUND_SCHEMA
from meter_platform.sources.rows import Accepted, FileJudge, Reason, Rejected, RowRules, Waiting

SETTLE_SECONDS: Final = 5.0
"""A file that cannot be read is still being written, as far as anyone can tell, until its age is this."""

READINGS_SCHEMA: Final = pa.schema(
    {
        "meterpoint_id": pa.string(),
        "interval_start": calendar.INSTANT,
        "reference_date": pa.date32(),
        "consumption_delta": pa.decimal128(38, MOST_DECIMALS),
        "source_file_id": pa.int64(),
        "source_position": pa.int32(),
    }
)

_NO_READINGS: Final = READINGS_SCHEMA.empty_table()
_NONE_AROUND: Final = AROUND_SCHEMA.empty_table()

REJECTED_SCHEMA: Final = pa.schema(
    {
        "source_file_id": pa.int64(),
        "source_position": pa.int32(),
        "reference_date": pa.date32(),
        "meterpoint_id": pa.string(),
        "consumption_delta": pa.decimal128(38, MOST_DECIMALS),
        "raw_text": pa.string(),
        "reason": pa.string(),
        "detail": pa.string(),
    }
)


@dataclass(slots=True)
class FileAccount:
    """What was learnt of a file version by reading it through.

    rows_in_file = rows_rejected + the sum of rows_per_date. A malformed file has no rows.
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
    still_growing: bool = False
    """The file was being written while it was read, or the disk failed: nothing can be said of it yet."""


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """Part of what was read. Nothing of a file comes after its account."""

    readings: tuple[pa.Table, ...]
    """Accepted rows, of READINGS_SCHEMA but each table with decimals of its own."""

    rejected: pa.Table
    """Rejected rows, of REJECTED_SCHEMA."""

    accounts: tuple[FileAccount, ...]
    """Of the files that end with this batch."""

    retracted: pa.Table = field(default_factory=RETRACTED_SCHEMA.empty_table)
    """Readings that do not count although they were, or will be, handed over: they are rejected after all. Of
    RETRACTED_SCHEMA; always before the account of their file."""


@dataclass(slots=True)
class _OpenFile:
    """A file between its first chunk and its end."""

    account: FileAccount
    judge: FileJudge
    error: MalformedFileError | None = None
    complete: bool = False
    """All rows were judged, whatever chunks come."""
    waiting: dict[int, object] = field(default_factory=dict)
    """Rows that are judged when the file has ended, by their position."""


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
        folder: where they are.
        files: which; taken one by one as they are read.
        zone: the market's time zone.
        first_date: rows of an earlier reference date are rejected.
        last_date: today. No file was first seen later.
        label_at_end: times name the end of their half hour.
        wait_for_growing: before a file is called malformed that was written a moment ago, wait and look again. Without
            it such a file is called growing at once.
    """
    reader = _Reader(folder, zone, first_date, last_date, label_at_end=label_at_end, wait=wait_for_growing)
    conflicts = Conflicts(folder, zone)
    read_ahead = ahead(batches(pieces(folder, conflicts.of(files))))
    yield from ahead(conflicts.settle(reader.parse(batch) for batch in read_ahead))


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
        # A cache of the reader's own: one of the class would keep the reader, and what its lane remembers.
        self._rules = cache(
            lambda last_date: RowRules(zone=zone, first_date=first_date, last_date=last_date, label_at_end=label_at_end)
        )
        self._wait = wait
        self._open: dict[int, _OpenFile] = {}
        self._around: list[pa.Table] = []
        self._lane = FastLane(self._rules(last_date))

    def parse(self, batch: list[Piece]) -> ReadBatch:
        """Parses and judges consecutive pieces of files."""
        chunked = [(piece.source, piece.chunk) for piece in batch if piece.chunk]
        parsed = self._lane.parse([chunk for _, chunk in chunked], [source.seen_on for source, _ in chunked])
        careful: list[dict[str, object]] = []
        rejected: list[dict[str, object]] = []
        offsets: list[int] = []
        dropped: list[int] = []
        for index, (source, chunk) in enumerate(chunked):
            opened = self._opened(source)
            offset = opened.account.rows_in_file
            offsets.append(offset)
            if opened.error or opened.complete:
                dropped.append(index)
                continue
            count, odd = parsed.row_counts[index], parsed.odd.get(index, [])
            if count and not odd:
                opened.account.rows_in_file += count
                continue
            try:
                rows = self._careful_rows(source, chunk, count, odd, opened)
            except MalformedFileError as error:
                opened.error = error
                dropped.append(index)
                continue
            if opened.complete:
                dropped.append(index)
                count = len(rows)
            _judge(rows, chunk.columns, opened, accepted=careful, rejected=rejected)
            opened.account.rows_in_file += count or len(rows)
        plain, around = parsed.plain, parsed.around
        if dropped:
            gone = pa.array(dropped, pa.int32())
            plain, *around = (table.filter(pc.invert(pc.is_in(table["chunk"], gone))) for table in (plain, *around))
        self._around += [_of_files(table, chunked, offsets) for table in around]
        placed = self._place({piece.source.source_file_id for piece in batch if piece.chunk is None}, careful, rejected)
        tables = [
            table
            for table in (
                _of_files(plain, chunked, offsets),
                pa.Table.from_pylist(careful, READINGS_SCHEMA),
                placed,
            )
            if table.num_rows
        ]
        for table in tables:
            self._tally(table)
        return ReadBatch(
            tuple(tables),
            pa.Table.from_pylist(rejected, REJECTED_SCHEMA),
            tuple(self._close(piece) for piece in batch if piece.chunk is None),
        )

    def _careful_rows(
        self, source: FileToRead, chunk: Chunk, count: int, odd: list[int], opened: _OpenFile
    ) -> list[tuple[int, object]]:
        """The rows of a chunk that are not plainly good, each with its position in the file.

        Raises:
            MalformedFileError: the file is no document after all.
        """
        offset = opened.account.rows_in_file
        try:
            rows = parse_json(chunk.text, within=1)
        except MalformedFileError as error:
            if source.file.size > WHOLE_BYTES:
                raise MalformedFileError(error.reason, f"after row {offset:,}, {error.detail}") from error
            # The whole file's error names the place in the file. Or there is none, for more stands after the rows.
            with self._folder.open(source.file) as stream:
                rows = parse(stream.read()).rows
            opened.complete = True
            return list(enumerate(rows[offset:], start=offset + 1))
        if count:
            return [(offset + number, rows[number - 1]) for number in odd]
        return list(enumerate(rows, start=offset + 1))

    def _opened(self, source: FileToRead) -> _OpenFile:
        opened = self._open.get(source.source_file_id)
        if opened is None:
            opened = _OpenFile(FileAccount(source.source_file_id), FileJudge(self._rules(source.seen_on)))
            self._open[source.source_file_id] = opened
        return opened

    def _place(self, ended: set[int], careful: list[dict[str, object]], rejected: list[dict[str, object]]) -> pa.Table:
        """Judges the rows that waited for the end of their file: the accepted ones that came by the fast lane.

        Args:
            ended: the files.
            careful: gets the other accepted ones.
            rejected: gets rejected ones.
        """
        judges = {number: self._open[number].judge for number in ended if number in self._open}
        if not judges or not (self._around or any(judge.around for judge in judges.values())):
            return _NO_READINGS
        rows = pa.concat_tables(
            [_NONE_AROUND, *(table.select(AROUND_SCHEMA.names).cast(AROUND_SCHEMA) for table in self._around)]
        )
        is_over = pc.is_in(rows["source_file_id"], pa.array(judges, pa.int64()))
        # Files are read one after another: few rows are kept twice.
        left = rows.filter(pc.invert(is_over))
        self._around = [left] if left.num_rows else []
        placed = repeated_in_bulk.place(rows.filter(is_over), judges)
        for number, position, text, verdict in placed.others:
            opened = self._open[number]
            raw_text = text if text is not None else row_text(opened.waiting.pop(position))
            _keep(verdict, position, raw_text, opened, accepted=careful, rejected=rejected)
        return placed.accepted.select(READINGS_SCHEMA.names) if placed.accepted else _NO_READINGS

    def _tally(self, table: pa.Table) -> None:
        # Instants as integers: Arrow takes ten times as long to make a datetime as all else here.
        micros = table.set_column(1, "interval_start", table["interval_start"].cast(pa.int64()))
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

    def _close(self, piece: Piece) -> FileAccount:
        opened = self._opened(piece.source)
        del self._open[piece.source.source_file_id]
        error = piece.error or opened.error
        wanted = piece.source.fingerprint
        if wanted and wanted != piece.fingerprint:
            return FileAccount(piece.source.source_file_id, still_growing=True)
        if error is None:
            opened.account.fingerprint = piece.fingerprint
            opened.account.rows_ambiguous = opened.judge.ambiguous
            return opened.account
        growing = piece.again or self._is_growing(piece.source.file)
        return FileAccount(piece.source.source_file_id, malformed=str(error), still_growing=growing)

    def _is_growing(self, file: ListedFile) -> bool:
        seconds = file.seconds_to_settle(datetime.now(UTC), SETTLE_SECONDS)
        if seconds:
            if not self._wait:
                return True
            time.sleep(seconds)
        now = self._folder.look_again(file)
        return now is None or now.stamp != file.stamp


@lru_cache
def _instant(microseconds: int) -> datetime:
    """Of tiny files thousands begin at the same half hour."""
    return calendar.EPOCH + timedelta(microseconds=microseconds)


_TALLY_COLUMNS: Final = (
    "source_file_id",
    "reference_date",
    "interval_start_min",
    "interval_start_max",
    "interval_start_count",
)


def _judge(
    rows: Iterable[tuple[int, object]],
    columns: Columns,
    opened: _OpenFile,
    *,
    accepted: list[dict[str, object]],
    rejected: list[dict[str, object]],
) -> None:
    """The careful lane: judges rows one by one, in file order."""
    for position, row in rows:
        if isinstance(row, list) and len(row) == columns.width:
            verdict = opened.judge.judge(
                row[columns.meterpoint_id - 1],
                row[columns.interval_start - 1],
                row[columns.consumption_delta - 1],
                position=position,
            )
        else:
            verdict = Rejected(Reason.NOT_A_ROW, f"the row is not a list of {columns.width} values")
        if isinstance(verdict, Waiting):
            opened.waiting[position] = row
        else:
            _keep(verdict, position, row_text(row), opened, accepted=accepted, rejected=rejected)


def _keep(
    verdict: Accepted | Rejected,
    position: int,
    raw_text: str,
    opened: _OpenFile,
    *,
    accepted: list[dict[str, object]],
    rejected: list[dict[str, object]],
) -> None:
    if isinstance(verdict, Accepted):
        accepted.append(
            {
                "meterpoint_id": verdict.meterpoint_id,
                "interval_start": verdict.interval_start,
                "reference_date": verdict.reference_date,
                "consumption_delta": verdict.consumption,
                "source_file_id": opened.account.source_file_id,
                "source_position": position,
            }
        )
    else:
        opened.account.rows_rejected += 1
        rejected.append(
            {
                "source_file_id": opened.account.source_file_id,
                "source_position": position,
                "reference_date": verdict.reference_date,
                "meterpoint_id": verdict.meterpoint_id,
                "raw_text": raw_text,
                "reason": verdict.reason.value,
                "detail": verdict.detail,
            }
        )


def _of_files(rows: pa.Table, chunked: list[tuple[FileToRead, Chunk]], offsets: list[int]) -> pa.Table:
    """The rows of the fast lane with the file and the position that they come from."""
    source_file_ids = pa.array([source.source_file_id for source, _ in chunked], pa.int64())
    positions = pc.add(pc.take(pa.array(offsets, pa.int32()), rows["chunk"]), rows["ordinal"])
    return (
        rows.drop_columns(["chunk", "ordinal"])
        .append_column("source_file_id", pc.take(source_file_ids, rows["chunk"]))
        .append_column("source_position", positions)
    )
