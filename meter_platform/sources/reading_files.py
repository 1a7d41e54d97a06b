"""Streams reading files as checked readings, at the speed of the machine and in constant memory.

What belongs here: how files become Arrow batches of accepted readings, rejected rows, and an account of each file. What
does not: the rules that decide (`rows.py`), the form of a document (`documents.py`), what is stored (`storage/`).

Rows go through one of two lanes. The fast lane lets DuckDB parse many rows at once and accepts those that are plainly
good: three plain values, a time that the calendar knows to name one half hour, a number of at most nine decimals. Every
other row goes through the careful lane, `rows.FileJudge`, which knows the rules. A test holds the lanes to each other.
Where DuckDB is more lenient than JSON, or forgets what a value was, the characters of the text tell: see `_is_simple`,
`_is_flat`, `_is_strict` and `_are_strings`. Reading, parsing and the consumer's own work overlap.
"""

import errno
import hashlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from queue import Full, Queue
from threading import Event, Thread
from typing import IO, Final, TypeVar
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from meter_platform import calendar
from meter_platform.contracts.types import MOST_DECIMALS, with_fewest_decimals
from meter_platform.sources.documents import (
    CHUNK_BYTES,
    COLUMNS,
    TAIL_BYTES,
    WHOLE_BYTES,
    Chunk,
    Columns,
    FileReason,
    MalformedFileError,
    chunks,
    occurrences,
    parse,
    parse_json,
    row_text,
)
from meter_platform.sources.files import ListedFile, ReadingFolder
from meter_platform.sources.rows import Accepted, FileJudge, Reason, Rejected, RowRules

BATCH_BYTES: Final = 8 << 20
"""Text parsed at a time: large enough for two cores to share, small enough for memory to stay flat."""

_SHARES: Final = 16

PREFETCH: Final = 2
"""Batches that wait between two stages."""

SETTLE_SECONDS: Final = 5.0
"""A file that cannot be read is still being written, as far as anyone can tell, until its age is this."""

Item = TypeVar("Item")

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

REJECTED_SCHEMA: Final = pa.schema(
    {
        "source_file_id": pa.int64(),
        "source_position": pa.int32(),
        "reference_date": pa.date32(),
        "meterpoint_id": pa.string(),
        "raw_text": pa.string(),
        "reason": pa.string(),
        "detail": pa.string(),
    }
)

# The text of a number has been through a double when DuckDB hands it over. That is exact for what passes: at most nine
# decimals and two digits before them. Chunks in which a number is written longer are left to the careful lane whole.
_PARSE: Final = r"""
SELECT chunk, ordinal, meterpoint_id, interval_start, reference_date, consumption_delta,
       coalesce(
         simple AND width = {width} AND reference_date <= last_date AND length(meterpoint_id) BETWEEN 1 AND 64
         AND consumption_delta BETWEEN 0 AND 24 AND length(value) <= 12
         AND regexp_full_match(value, '[0-9]+(\.[0-9]+)?'), false) AS plain
FROM (
  SELECT chunk, ordinal, simple, last_date, len(r) AS width, r[{meterpoint_id}] AS meterpoint_id,
         r[{consumption_delta}] AS value, try_cast(r[{consumption_delta}] AS DECIMAL(18, 9)) AS consumption_delta,
         CASE WHEN regexp_full_match(r[{interval_start}], '\d{{4}}-\d\d-\d\d[ T]([01]\d|2[0-3]):\d\d:\d\d')
              THEN try_cast(r[{interval_start}] AS TIMESTAMP) END AS label
  FROM (
    SELECT chunk, last_date, unnest(rows) AS r, generate_subscripts(rows, 1) AS ordinal, simple
    FROM (
      SELECT chunk, last_date, {rows} AS rows,
             simple AND NOT (regexp_matches(text, '\.[0-9]{{10}}')
                             OR ((contains(text, 'e-') OR contains(text, 'E-'))
                                 AND regexp_matches(text, '[0-9][eE]-[0-9]+\s*[,\]]'))) AS simple
      FROM batch
    )
  )
) LEFT JOIN labels USING (label)
"""
_NUMERIC: Final = r"^(true|false|-?([0-9]*[.e][-+.0-9e]*|nan|inf|infinity)|-[0-9]+)$"
"""The words of JSON, and its numbers but those that are digits and nothing else, which are shown as they are written."""

_QUOTE, _COMMA, _OPENING, _SPACE = b'",[ '

_ROWS: Final = """json_transform(text, '[["VARCHAR"]]')"""
_ROWS_OF_VALID: Final = f"CASE WHEN json_valid(text) THEN {_ROWS} END"


@dataclass(frozen=True, slots=True)
class FileToRead:
    """A file version that is to be read.

    Attributes:
        file: as it was listed.
        source_file_id: the version's number in the catalogue.
        seen_on: the local day on which the version was first seen; no row can be about a later one.
        fingerprint: of the content that is wanted, where it is known: any other is of a version to come.
    """

    file: ListedFile
    source_file_id: int
    seen_on: date
    fingerprint: str | None = None


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
    """Accepted rows, of READINGS_SCHEMA but each table with the decimals it needs."""

    rejected: pa.Table
    """Rejected rows, of REJECTED_SCHEMA."""

    accounts: tuple[FileAccount, ...]
    """Of the files that end with this batch."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A chunk of a file, or the end of the file: its fingerprint, or what is wrong with it."""

    source: FileToRead
    chunk: Chunk | None = None
    fingerprint: str | None = None
    error: MalformedFileError | None = None
    again: bool = False
    """The error may have gone by the next look."""


@dataclass(slots=True)
class _OpenFile:
    """A file between its first chunk and its end."""

    account: FileAccount
    judge: FileJudge
    error: MalformedFileError | None = None
    complete: bool = False
    """All rows were judged, whatever chunks come."""


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
    yield from _ahead(reader.parse(pieces) for pieces in _ahead(_batches(reader.pieces(files))))


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
        self._zone = zone
        self._first_date = first_date
        self._label_at_end = label_at_end
        self._wait = wait
        self._open: dict[int, _OpenFile] = {}
        self._rules_by_date: dict[date, RowRules] = {}
        self._duckdb = duckdb.connect(config={"threads": 2, "preserve_insertion_order": False, "memory_limit": "1GB"})
        self._duckdb.execute("SET TimeZone = 'UTC'")
        labels = calendar.label_table(first_date, last_date, zone, label_at_end=label_at_end)
        self._duckdb.register("label_table", labels)
        self._duckdb.execute("CREATE TABLE labels AS FROM label_table")

    def pieces(self, files: Iterable[FileToRead]) -> Iterator[_Piece]:
        """Reads each file's bytes."""
        for source in files:
            try:
                with self._folder.open(source.file) as stream:
                    hashed = _Hashed(stream)
                    size = source.file.size
                    last = _last_bytes(stream, size)
                    for chunk in chunks(hashed, size, last_bytes=last, chunk_bytes=CHUNK_BYTES):
                        yield _Piece(source, chunk)
                yield _Piece(source, fingerprint=hashed.hexdigest())
            except MalformedFileError as error:
                yield _Piece(source, error=error)
            except OSError as error:
                why = error.strerror or type(error).__name__
                unreadable = MalformedFileError(FileReason.UNREADABLE, f"the file cannot be read: {why}")
                yield _Piece(source, error=unreadable, again=not _lasts(error))

    def parse(self, pieces: list[_Piece]) -> ReadBatch:
        """Parses and judges consecutive pieces of files."""
        chunked = [(piece.source, piece.chunk) for piece in pieces if piece.chunk]
        parsed = self._parse_chunks(chunked)
        counts = {item["values"]: item["counts"] for item in pc.value_counts(parsed["chunk"]).to_pylist()}
        nested = [index for index, count in counts.items() if not _is_flat(chunked[index][1].text, count)]
        if nested:
            parsed = _without_plain(parsed, _of_chunks(parsed, nested))
        numeric = _is_numeric(parsed["meterpoint_id"])
        unsure = [
            index
            for index in pc.unique(parsed["chunk"].filter(numeric)).to_pylist()
            if not _are_strings(chunked[index][1], counts[index])
        ]
        if unsure:
            parsed = _without_plain(parsed, pc.and_(numeric, _of_chunks(parsed, unsure)))
        odd = _ordinals(parsed.filter(~pc.field("plain")))
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
            count = counts.get(index, 0)
            try:
                rows = self._careful_rows(source, chunk, count, odd.get(index), opened)
            except MalformedFileError as error:
                opened.error = error
                dropped.append(index)
                continue
            if opened.complete:
                dropped.append(index)
                count = len(rows)
            _judge(rows, chunk.columns, opened, accepted=careful, rejected=rejected)
            opened.account.rows_in_file += count or len(rows)
        if dropped:
            parsed = _without_plain(parsed, _of_chunks(parsed, dropped))
        tables = [
            with_fewest_decimals(table)
            for table in (
                _plain_table(parsed.filter(pc.field("plain")), chunked, offsets),
                pa.Table.from_pylist(careful, READINGS_SCHEMA),
            )
            if table.num_rows
        ]
        for table in tables:
            self._tally(table)
        return ReadBatch(
            tuple(tables),
            pa.Table.from_pylist(rejected, REJECTED_SCHEMA),
            tuple(self._close(piece) for piece in pieces if piece.chunk is None),
        )

    def _parse_chunks(self, chunked: list[tuple[FileToRead, Chunk]]) -> pa.Table:
        """The rows of all chunks, in no particular order; a chunk that is not JSON has none."""
        tables = [_NOTHING_PARSED]
        layouts: dict[Columns, list[tuple[int, FileToRead, Chunk]]] = {}
        for index, (source, chunk) in enumerate(chunked):
            layouts.setdefault(chunk.columns, []).append((index, source, chunk))
        for columns, numbered in layouts.items():
            batch = pa.table(
                {
                    "chunk": pa.array([index for index, _, _ in numbered], pa.int32()),
                    "last_date": pa.array([source.seen_on for _, source, _ in numbered], pa.date32()),
                    "simple": pa.array([_is_simple(chunk.text) for _, _, chunk in numbered], pa.bool_()),
                    "text": pa.array([chunk.text for _, _, chunk in numbered], pa.large_binary()),
                }
            )
            tables.append(self._query(batch, columns))
        return pa.concat_tables(tables)

    def _query(self, batch: pa.Table, columns: Columns) -> pa.Table:
        try:
            return self._run(batch.set_column(3, "text", batch["text"].cast(pa.large_string())), columns, _ROWS)
        except (pa.ArrowInvalid, duckdb.InvalidInputException):
            # Some chunk is not UTF-8 or not JSON: leave out those that are not, which takes a second look at each.
            texts = [_utf8_or_none(text) for text in batch["text"].to_pylist()]
            valid = batch.set_column(3, "text", pa.array(texts, pa.large_string()))
            return self._run(valid, columns, _ROWS_OF_VALID)

    def _run(self, batch: pa.Table, columns: Columns, rows: str) -> pa.Table:
        # DuckDB's threads share out record batches: enough of them to share, and not one for each tiny file.
        with_rows = batch.to_batches(max_chunksize=max(1, batch.num_rows // _SHARES))
        self._duckdb.register("batch", pa.Table.from_batches(with_rows))
        return self._duckdb.sql(_PARSE.format(rows=rows, **asdict(columns))).to_arrow_table()

    def _careful_rows(
        self, source: FileToRead, chunk: Chunk, count: int, odd: list[int] | None, opened: _OpenFile
    ) -> list[tuple[int, object]]:
        """The rows of a chunk that are not plainly good, each with its position in the file.

        Raises:
            MalformedFileError: the file is no document after all.
        """
        if count and odd is None and _is_strict(chunk.text, count, chunk.columns.width):
            return []
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
            return [(offset + number, rows[number - 1]) for number in odd or []]
        return list(enumerate(rows, start=offset + 1))

    def _opened(self, source: FileToRead) -> _OpenFile:
        opened = self._open.get(source.source_file_id)
        if opened is None:
            opened = _OpenFile(FileAccount(source.source_file_id), FileJudge(self._rules(source.seen_on)))
            self._open[source.source_file_id] = opened
        return opened

    def _rules(self, last_date: date) -> RowRules:
        # Kept here and not by a cache of the class, which would keep the reader too, and its connection to DuckDB.
        rules = self._rules_by_date.get(last_date)
        if rules is None:
            rules = self._rules_by_date[last_date] = RowRules(
                zone=self._zone, first_date=self._first_date, last_date=last_date, label_at_end=self._label_at_end
            )
        return rules

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
            since, until = _EPOCH + timedelta(microseconds=first), _EPOCH + timedelta(microseconds=last)
            account.first_interval = min(account.first_interval or since, since)
            account.last_interval = max(account.last_interval or until, until)

    def _close(self, piece: _Piece) -> FileAccount:
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
        age = (datetime.now(UTC) - file.modified_at).total_seconds()
        if age < SETTLE_SECONDS:
            if not self._wait:
                return True
            time.sleep(SETTLE_SECONDS - max(age, 0))
        now = self._folder.look_again(file)
        return now is None or now.stamp != file.stamp


class _Hashed:
    """Reads a file through, and takes a fingerprint of its content on the way."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()  # processors have instructions for it

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self._hash.update(block)
        return block

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_TALLY_COLUMNS: Final = (
    "source_file_id",
    "reference_date",
    "interval_start_min",
    "interval_start_max",
    "interval_start_count",
)

_NOTHING_PARSED: Final = pa.schema(
    {
        "chunk": pa.int32(),
        "ordinal": pa.int64(),
        "meterpoint_id": pa.string(),
        "interval_start": calendar.INSTANT,
        "reference_date": pa.date32(),
        "consumption_delta": pa.decimal128(18, 9),
        "plain": pa.bool_(),
    }
).empty_table()


def _last_bytes(stream: IO[bytes], size: int) -> bytes | None:
    """The end of a file that is read in several chunks; a smaller one is read whole, end and all."""
    if size <= CHUNK_BYTES:
        return None
    stream.seek(max(0, size - TAIL_BYTES))
    last = stream.read(TAIL_BYTES)
    stream.seek(0)
    return last


def _is_simple(text: bytes) -> bool:
    """Whether every string in the text is printable ASCII, and no value an object.

    JSON writes control characters with a backslash.
    """
    return text.isascii() and b"\\" not in text and b"\x7f" not in text and b"{" not in text


def _is_flat(text: bytes, rows: int) -> bool:
    """Whether no list, which DuckDB would show as text, is within a row. A bracket in a string counts as a list."""
    return occurrences(text, b"[") == rows + 1


def _is_strict(text: bytes, rows: int, width: int) -> bool:
    """Whether nothing is in the text, which DuckDB took for JSON, that JSON does not allow.

    DuckDB lets a comma stand after the last value, and takes "nan" and "inf" in any spelling.
    """
    if occurrences(text, b",") != rows * width - 1:
        return False
    # Among the columns that are needed such a number is not plainly good.
    return width == len(COLUMNS) or not any(name in text.lower() for name in (b"nan", b"inf"))


def _is_numeric(meterpoints: pa.ChunkedArray) -> pa.ChunkedArray:
    """Which ids may be numbers or words of JSON and not strings: DuckDB shows those as it likes."""
    ids = pc.unique(meterpoints)
    return pc.is_in(meterpoints, ids.filter(pc.match_substring_regex(ids, _NUMERIC, ignore_case=True)))


def _are_strings(chunk: Chunk, rows: int) -> bool:
    """Whether every meterpoint_id of a chunk surely stands between quotes."""
    characters = np.frombuffer(chunk.text, np.uint8)
    # A bracket begins a row; a comma a further value, or the next row: of a regular chunk, always in the same order.
    begins = np.flatnonzero((characters == _OPENING) | (characters == _COMMA))[1:]
    each = chunk.columns.width + 1
    if len(begins) != rows * each - 1 or not np.all(characters[begins[::each]] == _OPENING):
        return False
    ids = begins[chunk.columns.meterpoint_id - 1 :: each] + 1
    while np.any(blank := characters[ids] <= _SPACE):
        ids[blank] += 1
    return bool(np.all(characters[ids] == _QUOTE))


def _of_chunks(parsed: pa.Table, indexes: list[int]) -> pa.ChunkedArray:
    return pc.is_in(parsed["chunk"], pa.array(indexes, pa.int32()))


def _without_plain(parsed: pa.Table, odd: pa.ChunkedArray) -> pa.Table:
    """The same rows, of which some are not plain after all."""
    plain = pc.and_(parsed["plain"], pc.invert(odd))
    return parsed.set_column(parsed.schema.get_field_index("plain"), "plain", plain)


def _lasts(error: OSError) -> bool:
    """Whether a file cannot be read until someone changes it; other errors are the network's or the disk's."""
    return isinstance(error, PermissionError) or error.errno in {errno.ENOENT, errno.ELOOP, errno.EINVAL, errno.ENXIO}


def _utf8_or_none(text: bytes) -> str | None:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return None


def _ordinals(odd: pa.Table) -> dict[int, list[int]]:
    """Which rows of which chunks are not plainly good, in file order."""
    ordinals: dict[int, list[int]] = {}
    for index, ordinal in zip(odd["chunk"].to_pylist(), odd["ordinal"].to_pylist(), strict=True):
        ordinals.setdefault(index, []).append(ordinal)
    return {index: sorted(numbers) for index, numbers in ordinals.items()}


def _judge(
    rows: Iterable[tuple[int, object]],
    columns: Columns,
    opened: _OpenFile,
    *,
    accepted: list[dict[str, object]],
    rejected: list[dict[str, object]],
) -> None:
    """The careful lane: judges rows one by one, in file order."""
    source_file_id = opened.account.source_file_id
    for position, row in rows:
        if isinstance(row, list) and len(row) == columns.width:
            verdict = opened.judge.judge(
                row[columns.meterpoint_id - 1], row[columns.interval_start - 1], row[columns.consumption_delta - 1]
            )
        else:
            verdict = Rejected(Reason.NOT_A_ROW, f"the row is not a list of {columns.width} values")
        if isinstance(verdict, Accepted):
            accepted.append(
                {
                    "meterpoint_id": verdict.meterpoint_id,
                    "interval_start": verdict.interval_start,
                    "reference_date": verdict.reference_date,
                    "consumption_delta": verdict.consumption,
                    "source_file_id": source_file_id,
                    "source_position": position,
                }
            )
        else:
            opened.account.rows_rejected += 1
            rejected.append(
                {
                    "source_file_id": source_file_id,
                    "source_position": position,
                    "reference_date": verdict.reference_date,
                    "meterpoint_id": verdict.meterpoint_id,
                    "raw_text": row_text(row),
                    "reason": verdict.reason.value,
                    "detail": verdict.detail,
                }
            )


def _plain_table(plain: pa.Table, chunked: list[tuple[FileToRead, Chunk]], offsets: list[int]) -> pa.Table:
    """The rows of the fast lane as readings."""
    source_file_ids = pa.array([source.source_file_id for source, _ in chunked], pa.int64())
    positions = pc.add(pc.take(pa.array(offsets, pa.int64()), plain["chunk"]), plain["ordinal"])
    return pa.table(
        {
            "meterpoint_id": plain["meterpoint_id"],
            "interval_start": plain["interval_start"],
            "reference_date": plain["reference_date"],
            "consumption_delta": plain["consumption_delta"],
            "source_file_id": pc.take(source_file_ids, plain["chunk"]),
            "source_position": positions.cast(pa.int32()),
        }
    )


def _batches(pieces: Iterable[_Piece]) -> Iterator[list[_Piece]]:
    """Pieces in lists of about BATCH_BYTES."""
    batch: list[_Piece] = []
    size = 0
    for piece in pieces:
        batch.append(piece)
        size += len(piece.chunk.text) if piece.chunk else 0
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _ahead(items: Iterable[Item]) -> Iterator[Item]:
    """Runs an iterator in a thread of its own, a little ahead of its consumer; its errors reach the consumer."""
    queue: Queue[Item | BaseException | None] = Queue(PREFETCH)
    stopped = Event()

    def put(item: Item | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                queue.put(item, timeout=0.1)
            except Full:
                continue
            return

    def run() -> None:
        try:
            for item in items:
                put(item)
                if stopped.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - raised again in the consumer's thread
            put(error)
        finally:
            put(None)

    thread = Thread(target=run, name="reading-files", daemon=True)
    thread.start()
    try:
        while (item := queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()
