"""Finds half hours that one file gives more than one value, and retracts their rows.

What belongs here: which rows of a file contradict each other, found without keeping the file. What does not: two files
that differ (`rules/deliveries.py`: the newer one corrects the older), how rows are read and validated.

A supplier does not correct himself within a delivery: of two values in one file neither is certain. They may be of two
registers or two meters, or of a day that stands in the file twice. All rows of such a half hour are rejected, wherever they
stand in the file, so that this is known only when the file has ended. Its rows have been handed over by then. They are
retracted: whoever got them has to take them out again.

Of each row of the file that is being read, 32 bytes are kept; of a file of many rows, on disk. Files that begin and end
within a batch are compared together, for there may be thousands of them. The text of the rows, needed for hardly any file,
is read from the file again.
"""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from meter_platform import settlement
from meter_platform.contracts.raw_data import FILE_COLUMNS
from meter_platform.contracts.readings import SAME_DECIMALS, UNSAID
from meter_platform.feeds.chunks import FilePart, FileToRead, file_parts
from meter_platform.feeds.columns import RETRACTED_SCHEMA
from meter_platform.feeds.files import ReadingFolder
from meter_platform.feeds.formats.format import Chunk, Format, Row
from meter_platform.feeds.malformed import MalformedFileError
from meter_platform.feeds.validation import Reason

if TYPE_CHECKING:
    from meter_platform.feeds.reading import FileAccount, ReadBatch

MOST_ROWS: Final = 1 << 20
"""Rows of a file that are kept in memory, 32 MiB; those of a larger file wait in a temporary file."""

_BUCKETS: Final = 64
_BUCKET_BITS: Final = np.uint64(64 - 6)
"""Parts of a temporary file, each with all rows of its half hours: of a file of 64 million rows, a million each."""

_ROW: Final = np.dtype(
    [("file", "<i8"), ("meterpoint", "<u8"), ("value", "<i8"), ("minute", "<i4"), ("position", "<i4")]
)
"""What is kept of a row: meterpoint as a digest, value in units of the last decimal that tells values apart, minutes
since 1970."""

_MICROSECONDS: Final = 60_000_000

_CONFLICTING: Final = np.dtype([*_ROW.descr, ("other", "<i4")])
_HALF_HOUR: Final = ("file", "meterpoint", "minute")

Rows = npt.NDArray[np.void]
Slices = Callable[[], Iterable[Rows]]
Numbers = npt.NDArray[np.uint64]

_FIRST: Final = np.uint64(0x9E3779B97F4A7C15)
_SECOND: Final = np.uint64(0xBF58476D1CE4E5B9)
_THIRD: Final = np.uint64(0x94D049BB133111EB)
"""Of SplitMix64 (Steele, Lea, Flood 2014), whose last step spreads every bit of a number over all of them."""


class Conflicts:
    """Compares the rows of each file, one batch after another.

    Args:
        folder: where the files are.
        zone: the market's time zone.
    """

    def __init__(self, folder: ReadingFolder, zone: ZoneInfo) -> None:
        self._folder = folder
        self._zone = zone
        self._open: dict[int, _Kept] = {}

    def retract(self, batches: Iterable["ReadBatch"]) -> Iterator["ReadBatch"]:
        """Hands batches on, and before each batch the rows that are retracted of the files that end with it.

        Args:
            batches: all rows that break no rule of their own, of all files.

        Raises:
            OSError: there is no room for a temporary file.
        """
        for batch in batches:
            ended = {account.source_file_id: account for account in batch.accounts}
            for account, found in self._conflicts(batch, ended):
                yield from self._retracted(batch, account, found)
            yield batch

    def _conflicts(
        self, batch: "ReadBatch", ended: dict[int, "FileAccount"]
    ) -> Iterator[tuple["FileAccount", "_Found"]]:
        """The files that end with a batch and contradict themselves."""
        rows = [_rows(table) for table in batch.readings]
        numbers = {number for part in rows for number in _files(part)}
        # At most two: the one that the batch began in, and the one that it ended in.
        spanning = [number for number in numbers if number not in ended or number in self._open]
        for number in spanning:
            kept = self._open.setdefault(number, _Kept())
            for part in rows:
                kept.add(part if len(numbers) == 1 else part[part["file"] == number])
        if len(spanning) < len(numbers):
            whole = _joined(rows)
            if spanning:
                whole = whole[~np.isin(whole["file"], spanning)]
            conflicting = _conflicting(lambda: [whole])
            for number in np.unique(conflicting["file"]).tolist():
                if _counts(ended[number]):
                    found = conflicting[conflicting["file"] == number]
                    yield ended[number], _Found.among(found, [whole[whole["file"] == number]])
        for number in [number for number in ended if number in self._open]:
            with self._open.pop(number) as kept:
                if _counts(ended[number]):
                    found = _joined([_conflicting(part) for part in kept.parts()])
                    if len(found):
                        yield ended[number], _Found.among(found, (rows for part in kept.parts() for rows in part()))

    def _retracted(self, batch: "ReadBatch", account: "FileAccount", found: "_Found") -> Iterator["ReadBatch"]:
        """Batches with the rows of a file that contradict each other, as retracted and as rejected; corrects its account."""
        number = account.source_file_id
        days = {minute: settlement.reference_date(_instant(minute), self._zone) for minute in np.unique(found.minutes)}
        account.rows_rejected += len(found.positions)
        for minute, count in zip(*np.unique(found.minutes, return_counts=True), strict=True):
            account.rows_per_date[days[minute]] -= int(count)
        account.rows_per_date = {day: rows for day, rows in account.rows_per_date.items() if rows}
        account.first_interval = _instant(found.first) if found.first is not None else None
        account.last_interval = _instant(found.last) if found.last is not None else None
        for texts in filter(None, self._texts(batch.sources[number], account, found.positions)):
            places = np.searchsorted(found.positions, [text.position for text in texts])
            rejected = [
                {
                    "source_file_id": number,
                    "source_position": text.position,
                    "reference_date": days[found.minutes[place]],
                    "meterpoint_id": text.meterpoint_id,
                    "consumption_delta": text.consumption,
                    "raw_text": text.text,
                    "reason": Reason.CONFLICT_IN_FILE.value,
                    "detail": f"row {found.others[place]:,} of the file gives the same half hour another value, "
                    "and neither is certain",
                }
                for place, text in zip(places, texts, strict=True)
            ]
            retracted = {
                "source_file_id": [number] * len(texts),
                "source_position": [text.position for text in texts],
            }
            yield replace(
                batch,
                readings=(),
                rejected=pa.Table.from_pylist(rejected, batch.rejected.schema),
                accounts=(),
                sources={},
                retracted=pa.table(retracted, RETRACTED_SCHEMA),
            )

    def _texts(
        self, source: FileToRead, account: "FileAccount", positions: npt.NDArray[np.int32]
    ) -> Iterator[list["_Text"]]:
        """What stands in rows, from the file as it is now.

        Where that is no longer what was read, nothing can be said of the file yet.
        """
        offset, complete, same = 0, False, False
        for part in file_parts(self._folder, [source]):
            same = part.fingerprint == account.fingerprint
            if part.chunk and not complete:
                rows, complete = self._rows(part, part.chunk, offset)
                begin, end = np.searchsorted(positions, [offset + 1, offset + len(rows) + 1])
                wanted = [(position, rows[position - offset - 1]) for position in positions[begin:end].tolist()]
                yield [_Text.of(position, row, part.format) for position, row in wanted]
                offset += len(rows)
        account.still_growing = not same

    def _rows(self, part: FilePart, chunk: Chunk, offset: int) -> tuple[Sequence[Row], bool]:
        """A chunk's rows; or all that are left, and that they are, where it was cut in the wrong place."""
        try:
            return part.format.rows(chunk), False
        except MalformedFileError:
            with self._folder.open(part.source.file) as stream:
                return list(islice(part.format.rows_of_file(stream.read()), offset, None)), True


def _counts(account: "FileAccount") -> bool:
    """Whether rows of a file count one by one: not where the file is quarantined, or held back, as a whole."""
    return not (account.malformed or account.held_back or account.still_growing)


@dataclass(frozen=True, slots=True)
class _Text:
    """A row as it stands in the file, and what could be read of it."""

    position: int
    meterpoint_id: str
    consumption: Decimal
    text: str

    @classmethod
    def of(cls, position: int, row: Row, written_in: Format) -> "_Text":
        """Of a row that breaks no rule of its own."""
        values = dict(zip(FILE_COLUMNS, row.values, strict=True))
        consumption = abs(Decimal(str(values["consumption_delta"])))
        return cls(position, str(values["meterpoint_id"]), consumption, written_in.text(row))


@dataclass(frozen=True, slots=True)
class _Found:
    """The rows of a file that contradict each other, in file order.

    Attributes:
        positions: of the rows.
        minutes: the half hours they name, in minutes since 1970.
        others: for each the position of a row that gives its half hour another value.
        first: the first half hour that the other rows of the file name.
        last: the last one.
    """

    positions: npt.NDArray[np.int32]
    minutes: npt.NDArray[np.int32]
    others: npt.NDArray[np.int32]
    first: int | None
    last: int | None

    @classmethod
    def among(cls, conflicting: Rows, every: Iterable[Rows]) -> "_Found":
        """The conflicting rows among all rows of a file."""
        found = conflicting[np.argsort(conflicting["position"])]
        extremes = [
            extreme
            for rows in every
            if len(left := rows["minute"][~np.isin(rows["position"], found["position"])])
            for extreme in (int(left.min()), int(left.max()))
        ]
        first, last = min(extremes, default=None), max(extremes, default=None)
        return cls(found["position"], found["minute"], found["other"], first, last)


class _Kept:
    """What is kept of the rows of one file."""

    def __init__(self) -> None:
        self._rows: list[Rows] = []
        self._count = 0
        self._file: IO[bytes] | None = None
        self._written: list[npt.NDArray[np.int64]] = []
        """How many rows of each bucket were written at a time."""

    def __enter__(self) -> "_Kept":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def add(self, rows: Rows) -> None:
        """Keeps rows, in memory as long as they are not too many."""
        if not len(rows):
            return
        self._rows.append(rows)
        self._count += len(rows)
        if self._count >= MOST_ROWS:
            self._write()

    def parts(self) -> Iterator[Slices]:
        """The rows in parts, all of a half hour in the same."""
        if self._file is None:
            yield lambda: self._rows
            return
        self._write()
        for bucket in range(_BUCKETS):
            yield partial(self._bucket, self._file, bucket)

    def _bucket(self, file: IO[bytes], bucket: int) -> Iterator[Rows]:
        begin = 0
        for counts in self._written:
            file.seek((begin + int(counts[:bucket].sum())) * _ROW.itemsize)
            yield np.frombuffer(file.read(int(counts[bucket]) * _ROW.itemsize), _ROW)
            begin += int(counts.sum())

    def _write(self) -> None:
        self._file = self._file or tempfile.TemporaryFile(prefix="meter-platform-")  # noqa: SIM115 - closed on exit
        self._file.seek(0, os.SEEK_END)
        for rows in self._rows:
            buckets = (_keys(rows) >> _BUCKET_BITS).astype(np.int64)
            self._file.write(rows[np.argsort(buckets, kind="stable")].tobytes())
            self._written.append(np.bincount(buckets, minlength=_BUCKETS))
        self._rows, self._count = [], 0


def _rows(table: pa.Table) -> Rows:
    """What is kept of accepted rows."""
    rows = np.empty(table.num_rows, _ROW)
    rows["file"] = table["source_file_id"].to_numpy()
    rows["meterpoint"] = digests(table["meterpoint_id"]) ^ _told_apart(table)
    rows["value"] = _values(table["consumption_delta"])
    rows["minute"] = table["interval_start"].cast(pa.int64()).to_numpy() // _MICROSECONDS
    rows["position"] = table["source_position"].to_numpy()
    return rows


def _told_apart(table: pa.Table) -> Numbers | np.uint64:
    """What makes the half hours of two rows different ones although meterpoint and time are the same: register and meter.

    And the time of revision: a file that says when each of two values was revised says which is the newer.
    """
    digest: Numbers | np.uint64 = np.uint64(0)
    for name in ("register", "serial", "revised_at") if "register" in table.column_names else ():
        column = table[name]
        texts = column.cast(pa.int64()).cast(pa.string()).fill_null("") if name == "revised_at" else column
        is_said = pc.not_equal(texts, UNSAID[name] or "").to_numpy()
        digest = _spread(digest ^ np.where(is_said, digests(texts), np.uint64(0)))
    return digest


def _files(rows: Rows) -> list[int]:
    """The files that rows are of; those of a file stand together, mostly."""
    number: npt.NDArray[np.int64] = rows["file"]
    begins = np.flatnonzero(number[1:] != number[:-1]) + 1
    return [*number[:1].tolist(), *number[begins].tolist()]


def _conflicting(slices: Slices) -> Rows:
    """The rows of half hours with more than one value, each with the position of a row of another value (`other`).

    Args:
        slices: the rows, all of a half hour among them. Asked for once, and once more where there are such rows.
    """
    collected: list[Rows] = []
    most = MOST_ROWS
    for rows in slices():
        collected.append(rows)
        if sum(map(len, collected)) > most:
            together = _joined(collected)
            collected = [together if _are_different(_keys(together)) else _extremes(together)]
            # Where half of them stay, the next time waits for as many again: no row is sorted more than a few times.
            most = max(MOST_ROWS, 2 * len(collected[0]))
    if _are_different(np.concatenate([np.empty(0, np.uint64), *map(_keys, collected)])):  # nearly always
        return np.empty(0, _CONFLICTING)
    extremes = _of_two_values(_extremes(_joined(collected)))
    is_high = np.append(False, _same_half_hour(extremes))
    high = extremes[is_high]
    if not len(high):
        return np.empty(0, _CONFLICTING)
    low = extremes[np.flatnonzero(is_high) - 1]
    keys = _keys(low)
    order = np.argsort(keys)
    low, high, keys = low[order], high[order], keys[order]
    found = []
    for rows in slices():
        place = np.minimum(np.searchsorted(keys, _keys(rows)), len(keys) - 1)
        of_conflict = np.all([rows[name] == low[name][place] for name in _HALF_HOUR], axis=0)
        some, place = rows[of_conflict], place[of_conflict]
        part = np.empty(len(some), _CONFLICTING)
        for name in _ROW.names or ():
            part[name] = some[name]
        is_low = some["value"] == low["value"][place]
        part["other"] = np.where(is_low, high["position"][place], low["position"][place])
        found.append(part)
    return _joined(found)


def _extremes(rows: Rows) -> Rows:
    """Of each half hour the first row of the lowest and the last of the highest value, which may be one row; in order.

    They may be of the same value: another may follow. Half hours are compared here, not digests of them.
    """
    rows = rows[np.lexsort([rows[name] for name in ("position", "value", *_HALF_HOUR)])]
    again = _same_half_hour(rows)
    kept: Rows = rows[np.append(True, ~again) | np.append(~again, True)]
    return kept


def _are_different(keys: Numbers) -> bool:
    """Whether no two of some digests are equal."""
    in_order = np.sort(keys)
    return not np.any(in_order[1:] == in_order[:-1])


def _of_two_values(extremes: Rows) -> Rows:
    """Of `_extremes`, without those that are of the same value as the row before them."""
    same = _same_half_hour(extremes) & (extremes["value"][1:] == extremes["value"][:-1])
    kept: Rows = extremes[np.append(True, ~same)]
    return kept


def _same_half_hour(rows: Rows) -> npt.NDArray[np.bool_]:
    """Whether each row but the first names the half hour of the one before it."""
    same: npt.NDArray[np.bool_] = np.all([rows[name][1:] == rows[name][:-1] for name in _HALF_HOUR], axis=0)
    return same


def _joined(parts: list[Rows]) -> Rows:
    if len(parts) == 1:
        return parts[0]
    joined: Rows = np.concatenate(parts) if parts else np.empty(0, _ROW)
    return joined


def _keys(rows: Rows) -> Numbers:
    """Digests of file, meterpoint and half hour."""
    minutes: Numbers = rows["minute"].astype(np.uint64)
    files: Numbers = rows["file"].astype(np.uint64)
    meterpoints: Numbers = rows["meterpoint"]
    return _spread(meterpoints ^ (minutes * _FIRST + files * _SECOND))


def digests(texts: pa.ChunkedArray) -> Numbers:
    """Digests of meterpoint ids: of a file of half a million meterpoints, two are the same with a chance of 10^-8."""
    encoded = texts.combine_chunks().dictionary_encode()
    different = encoded.dictionary
    lengths = pc.binary_length(different).to_numpy()
    digests = np.empty(len(different), np.uint64)
    for length in np.unique(lengths).tolist():
        alike = lengths == length
        content = different.filter(pa.array(alike)).buffers()[2]
        count = int(alike.sum())
        words = np.zeros((count, -(-length // 8)), "<u8")
        words.view(np.uint8)[:, :length] = np.frombuffer(content, np.uint8, count * length).reshape(count, length)
        digest = np.full(count, length, np.uint64)
        for word in words.T:
            digest = _spread((digest ^ word) + _FIRST)
        digests[alike] = digest
    found: Numbers = digests[encoded.indices.to_numpy()]
    return found


def _spread(numbers: Numbers) -> Numbers:
    numbers = (numbers ^ (numbers >> np.uint64(30))) * _SECOND
    numbers = (numbers ^ (numbers >> np.uint64(27))) * _THIRD
    return numbers ^ (numbers >> np.uint64(31))


def _values(values: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Consumptions in units of the last decimal that tells two values apart.

    At most 24 kWh and nine decimals: half of a decimal's 16 bytes hold that.
    """
    scale = values.type.scale
    if scale > SAME_DECIMALS:
        values = pc.round(values, SAME_DECIMALS, round_mode="half_towards_infinity")
        values, scale = values.cast(pa.decimal128(38, SAME_DECIMALS)), SAME_DECIMALS
    parts = [
        np.frombuffer(chunk.buffers()[1], "<i8")[2 * chunk.offset : 2 * (chunk.offset + len(chunk)) : 2]
        for chunk in values.chunks
    ]
    joined = np.concatenate(parts) if parts else np.empty(0, np.int64)
    found: npt.NDArray[np.int64] = joined * np.int64(10 ** (SAME_DECIMALS - scale))
    return found


def _instant(minute: int | np.integer[Any]) -> datetime:
    return settlement.EPOCH + timedelta(minutes=int(minute))
