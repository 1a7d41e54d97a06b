"""Streams reading files as checked readings, at the speed of the machine and in constant memory.

What belongs here: how pieces of files become Arrow batches of accepted readings, rejected rows, and an account of each
file. What does not: opening and reading files (`chunks.py`), the rules that decide (`validation.py`), rows in bulk
(`bulk_validation.py`), the form of a document (`json_document.py`), what is stored (`storage/`).

Rows go through one of two lanes: plainly good ones in bulk, every other row one by one through the rules. Reading,
parsing and the consumer's own work overlap.
"""

import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from meter_platform import settlement
from meter_platform.contracts.types import MOST_DECIMALS
from meter_platform.feeds import repeated_in_bulk
from meter_platform.feeds.allowance import Allowance, AllowanceSpentError, checkpoint
from meter_platform.feeds.bulk_validation import FastLane
from meter_platform.feeds.chunks import FileToRead, Piece, batches, pieces
from meter_platform.feeds.conflicts import RETRACTED_SCHEMA, Conflicts
from meter_platform.feeds.files import ListedFile, ReadingFolder
from meter_platform.feeds.formats.json_document import (
    WHOLE_BYTES,
    Chunk,
    Columns,
    MalformedFileError,
    parse,
    parse_json,
    row_text,
    too_slow,
)
from meter_platform.feeds.held_back import Suspicion
from meter_platform.feeds.repeated_in_bulk import AROUND_SCHEMA
from meter_platform.feeds.validation import Accepted, FileJudge, Reason, Rejected, RowRules, Waiting, readable_kwh
from meter_platform.stages import run_ahead

SETTLE_SECONDS: Final = 5.0
"""A file that cannot be read is still being written, as far as anyone can tell, until its age is this."""

READINGS_SCHEMA: Final = pa.schema(
    {
        "meterpoint_id": pa.string(),
        "interval_start": settlement.INSTANT,
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
    allowance: Allowance
    error: MalformedFileError | None = None
    columns: Columns | None = None
    """Of its chunks, once there is one."""
    complete: bool = False
    """All rows were judged, whatever chunks come."""
    waiting: dict[int, object] = field(default_factory=dict)
    """Rows that are judged when the file has ended, by their position."""
    suspicion: Suspicion | None = None
    """What the rejected rows say, once there is any: tiny files come by the thousand."""


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
    yield from run_ahead(conflicts.settle(reader.read(conflicts.of(files))))


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
        self._held_back: list[tuple[FileToRead, _OpenFile]] = []
        self._lane = FastLane(self._rules(last_date))

    def read(self, files: Iterable[FileToRead]) -> Iterator[ReadBatch]:
        """Reads files; those that turn out to be held back a second time, for the text of each row."""
        for batch in run_ahead(batches(pieces(self._folder, files))):
            yield self._parse(batch)
            while self._held_back:
                yield from self._hold_back(*self._held_back.pop())

    def _parse(self, batch: list[Piece]) -> ReadBatch:
        """Parses and judges consecutive pieces of files."""
        chunked = [(piece.source, piece.chunk) for piece in batch if piece.chunk]
        parsed = self._lane.parse([chunk for _, chunk in chunked], [source.seen_on for source, _ in chunked])
        careful: list[dict[str, object]] = []
        rejected: list[dict[str, object]] = []
        offsets: list[int] = []
        dropped: list[int] = []
        for index, (source, chunk) in enumerate(chunked):
            opened = self._opened(source)
            opened.columns = chunk.columns
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
                with opened.allowance:
                    rows = self._careful_rows(source, chunk, count, odd, opened)
                    judged = _judge(rows, chunk.columns, opened, accepted=careful, rejected=rejected)
            except (MalformedFileError, AllowanceSpentError) as error:
                opened.error = error if isinstance(error, MalformedFileError) else too_slow(opened.allowance.seconds)
                dropped.append(index)
                continue
            if opened.complete:
                dropped.append(index)
                count = 0
            opened.account.rows_in_file += count or judged
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
            tuple(account for piece in batch if piece.chunk is None and (account := self._close(piece))),
        )

    def _hold_back(self, source: FileToRead, first: _OpenFile) -> Iterator[ReadBatch]:
        """Rejects the rows of a file that were accepted when it was read first; its account comes last."""
        account = first.account
        already = first.suspicion.sorted_positions() if first.suspicion else ()
        again = self._opened(source)
        judged: list[dict[str, object]] = []
        for piece in pieces(self._folder, [source]):
            if piece.chunk is None:
                account.still_growing = piece.fingerprint != account.fingerprint
                break
            if again.complete:
                continue
            try:
                rows = list(self._careful_rows(source, piece.chunk, 0, [], again))
            except (MalformedFileError, OSError):  # it is not the file any more that was read first
                account.still_growing = True
                break
            again.account.rows_in_file += len(rows)
            left = {place: row for place, row in rows if not _is_among(already, place)}
            again.columns, judged = piece.chunk.columns, []
            _judge(left.items(), again.columns, again, accepted=judged, rejected=judged)
            yield ReadBatch((), _held_back_rows(left, judged, account.held_back or ""), ())
        del self._open[source.source_file_id]
        judged = []
        for place, verdict in again.judge.finish():
            if again.columns:
                _keep(verdict, place, again.waiting[place], again.columns, again, accepted=judged, rejected=judged)
        yield ReadBatch((), _held_back_rows(again.waiting, judged, account.held_back or ""), (account,))

    def _careful_rows(
        self, source: FileToRead, chunk: Chunk, count: int, odd: list[int], opened: _OpenFile
    ) -> Iterable[tuple[int, object]]:
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
                document = parse(stream.read())
            opened.complete = True
            return enumerate(islice(document.rows, offset, None), start=offset + 1)
        if count:
            return [(offset + number, rows[number - 1]) for number in odd]
        return enumerate(rows, start=offset + 1)

    def _opened(self, source: FileToRead) -> _OpenFile:
        opened = self._open.get(source.source_file_id)
        if opened is None:
            judge, allowance = FileJudge(self._rules(source.seen_on)), Allowance(source.file.size)
            opened = _OpenFile(FileAccount(source.source_file_id), judge, allowance)
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
            row = parse_json(text.encode()) if text is not None else opened.waiting.pop(position)
            if opened.columns:
                _keep(verdict, position, row, opened.columns, opened, accepted=careful, rejected=rejected)
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

    def _close(self, piece: Piece) -> FileAccount | None:
        """The account of a file that has ended; `None` while a file that is held back is still to be read again."""
        opened = self._opened(piece.source)
        del self._open[piece.source.source_file_id]
        error = piece.error or opened.error
        wanted = piece.source.fingerprint
        if wanted and wanted != piece.fingerprint:
            return FileAccount(piece.source.source_file_id, still_growing=True)
        if error is None:
            opened.account.fingerprint = piece.fingerprint
            opened.account.rows_ambiguous = opened.judge.ambiguous
            # What was decided when a known version was new is not decided again.
            if not wanted and opened.suspicion and (why := opened.suspicion.verdict(opened.account.rows_in_file)):
                opened.account = FileAccount(
                    piece.source.source_file_id,
                    fingerprint=piece.fingerprint,
                    rows_in_file=opened.account.rows_in_file,
                    rows_rejected=opened.account.rows_in_file,
                    held_back=why,
                )
                self._held_back.append((piece.source, opened))
                return None
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
    return settlement.EPOCH + timedelta(microseconds=microseconds)


_CHECKED_ROWS: Final = 1_000
"""Rows that are judged between two checkpoints: some hundredths of a second."""

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
) -> int:
    """The careful lane: judges rows one by one, in file order; says how many."""
    count = 0
    for count, (position, row) in enumerate(rows, start=1):
        if count % _CHECKED_ROWS == 0:
            checkpoint()
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
            _keep(verdict, position, row, columns, opened, accepted=accepted, rejected=rejected)
    return count


def _keep(
    verdict: Accepted | Rejected,
    position: int,
    row: object,
    columns: Columns,
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
        is_row = isinstance(row, list) and len(row) == columns.width
        value = row[columns.consumption_delta - 1] if is_row and isinstance(row, list) else None
        opened.account.rows_rejected += 1
        opened.suspicion = opened.suspicion or Suspicion()
        opened.suspicion.note(position, verdict.reason, value)
        rejected.append(
            {
                "source_file_id": opened.account.source_file_id,
                "source_position": position,
                "reference_date": verdict.reference_date,
                "meterpoint_id": verdict.meterpoint_id,
                "consumption_delta": readable_kwh(value),
                "raw_text": row_text(row),
                "reason": verdict.reason.value,
                "detail": verdict.detail,
            }
        )


def _held_back_rows(rows: dict[int, object], judged: Iterable[dict[str, object]], why: str) -> pa.Table:
    """Rows that break no rule themselves as rejected rows.

    Args:
        rows: by their positions.
        judged: what the rules made of them.
        why: the file is held back.
    """
    detail = f"the row breaks no rule, but its file is held back ({why})"
    kept = [
        {name: row[name] for name in REJECTED_SCHEMA.names if name in row}
        | {
            "raw_text": row_text(rows[int(str(row["source_position"]))]),
            "reason": Reason.FILE_HELD_BACK.value,
            "detail": detail,
        }
        for row in judged
    ]
    return pa.Table.from_pylist(kept, REJECTED_SCHEMA)


def _is_among(places: Sequence[int], place: int) -> bool:
    """Whether a place is one of sorted ones."""
    index = bisect_left(places, place)
    return index < len(places) and places[index] == place


def _of_files(rows: pa.Table, chunked: list[tuple[FileToRead, Chunk]], offsets: list[int]) -> pa.Table:
    """The rows of the fast lane with the file and the position that they come from."""
    source_file_ids = pa.array([source.source_file_id for source, _ in chunked], pa.int64())
    positions = pc.add(pc.take(pa.array(offsets, pa.int32()), rows["chunk"]), rows["ordinal"])
    return (
        rows.drop_columns(["chunk", "ordinal"])
        .append_column("source_file_id", pc.take(source_file_ids, rows["chunk"]))
        .append_column("source_position", positions)
    )
