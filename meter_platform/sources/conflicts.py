"""Finds half hours that one file gives more than one value, and takes their rows back.

What belongs here: which rows of a file contradict each other, found without keeping the file. What does not: two files
that differ (`rules/deliveries.py`: the newer one corrects the older), how rows are parsed and judged.

Nobody corrects himself within a delivery: of two values in one file neither is certain. They may be two registers, two
meters, a day that stands there twice. All rows of such a half hour are rejected, wherever they stand in the file, so
that this is known only when the file has ended. By then its rows have been handed over: they are taken back.

Of each row of the file that is being read, 32 bytes are kept; of a file of many rows, on disk. Files that begin and end
within a batch are looked at together, for they come by the thousand. The text of the rows, needed for hardly any file,
is read from the file again.
"""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import IO, TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from meter_platform import calendar
from meter_platform.contracts.raw_data import SAME_DECIMALS
from meter_platform.sources.documents import Chunk, MalformedFileError, parse, parse_json, row_text
from meter_platform.sources.files import ReadingFolder
from meter_platform.sources.pieces import FileToRead, pieces
from meter_platform.sources.rows import Reason

if TYPE_CHECKING:
    from meter_platform.sources.reading_files import FileAccount, ReadBatch

MOST_ROWS: Final = 1 << 20
"""Rows of a file that are kept in memory, 32 MiB; those of a larger file wait in a temporary file."""

_BUCKETS: Final = 64
"""Parts of a temporary file, each with all rows of its half hours: of a file of 64 million rows, a million each."""

_ROW: Final = np.dtype([("file", "<i8"), ("meterpoint", "<u8"), ("value", "<i8"), ("minute", "<i4"), ("position", "<i4")])
"""What is kept of a row: meterpoint as a digest, value in units of the last decimal that tells values apart, minutes
since 1970."""

_MICROSECONDS: Final = 60_000_000

Rows = npt.NDArray[np.void]
Numbers = npt.NDArray[np.uint64]

_FIRST: Final = np.uint64(0x9E3779B97F4A7C15)
_SECOND: Final = np.uint64(0xBF58476D1CE4E5B9)
_THIRD: Final = np.uint64(0x94D049BB133111EB)
"""Of SplitMix64 (Steele, Lea, Flood 2014), whose last step spreads every bit of a number over all of them."""

RETRACTED_SCHEMA: Final = pa.schema({"source_file_id": pa.int64(), "source_position": pa.int32()})


class Conflicts:
    """Looks at what is read of files, one batch after another.

    Args:
        folder: where the files are.
        zone: the market's time zone.
    """

    def __init__(self, folder: ReadingFolder, zone: ZoneInfo) -> None:
        self._folder = folder
        self._zone = zone
        self._sources: dict[int, FileToRead] = {}
        self._open: dict[int, _Kept] = {}

    def of(self, files: Iterable[FileToRead]) -> Iterator[FileToRead]:
        """Hands files on, and remembers those that have not ended."""
        for file in files:
            self._sources[file.source_file_id] = file
            yield file

    def settle(self, batches: Iterable["ReadBatch"]) -> Iterator["ReadBatch"]:
        """Hands batches on, before each what is taken back of the files that end with it.

        Args:
            batches: all rows that break no rule of their own, of all files.

        Raises:
            OSError: there is no room for a temporary file.
        """
        for batch in batches:
            ended = {account.source_file_id: account for account in batch.accounts}
            for account, found in self._conflicts(batch, ended):
                yield from self._taken_back(batch, account, found)
            for number in ended:
                self._sources.pop(number, None)
            yield batch

    def _conflicts(
        self, batch: "ReadBatch", ended: dict[int, "FileAccount"]
    ) -> Iterator[tuple["FileAccount", "_Found"]]:
        """The files that end with a batch and contradict themselves."""
        rows = [_rows(table) for table in batch.readings]
        numbers = {number for part in rows for number in np.unique(part["file"]).tolist()}
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
            conflicting = _conflicting(whole)
            for number in np.unique(conflicting["file"]).tolist():
                if _counts(ended[number]):
                    mine = whole[whole["file"] == number]
                    yield ended[number], _Found.among([(mine, conflicting[conflicting["file"] == number])])
        for number in [number for number in ended if number in self._open]:
            kept = self._open.pop(number)
            with kept:
                if _counts(ended[number]):
                    found = _Found.among((part, _conflicting(part)) for part in kept.parts())
                    if len(found.positions):
                        yield ended[number], found

    def _taken_back(self, batch: "ReadBatch", account: "FileAccount", found: "_Found") -> Iterator["ReadBatch"]:
        """The rows of a file that contradict each other, with their text; its account is put right."""
        number = account.source_file_id
        days = {minute: calendar.reference_date(_instant(minute), self._zone) for minute in np.unique(found.minutes)}
        account.rows_rejected += len(found.positions)
        for minute, count in zip(*np.unique(found.minutes, return_counts=True), strict=True):
            account.rows_per_date[days[minute]] -= int(count)
        account.rows_per_date = {day: rows for day, rows in account.rows_per_date.items() if rows}
        account.first_interval = _instant(found.first) if found.first is not None else None
        account.last_interval = _instant(found.last) if found.last is not None else None
        for texts in filter(None, self._texts(account, found.positions)):
            places = np.searchsorted(found.positions, [position for position, _, _ in texts])
            rejected = [
                {
                    "source_file_id": number,
                    "source_position": position,
                    "reference_date": days[found.minutes[place]],
                    "meterpoint_id": meterpoint,
                    "raw_text": text,
                    "reason": Reason.CONFLICT_IN_FILE.value,
                    "detail": f"row {found.others[place]:,} of the file gives the same half hour another value, "
                    "and neither is certain",
                }
                for place, (position, meterpoint, text) in zip(places, texts, strict=True)
            ]
            retracted = {
                "source_file_id": [number] * len(texts),
                "source_position": [position for position, _, _ in texts],
            }
            yield replace(
                batch,
                readings=(),
                rejected=pa.Table.from_pylist(rejected, batch.rejected.schema),
                accounts=(),
                retracted=pa.table(retracted, RETRACTED_SCHEMA),
            )

    def _texts(
        self, account: "FileAccount", positions: npt.NDArray[np.int32]
    ) -> Iterator[list[tuple[int, str, str]]]:
        """Position, meterpoint and text of rows, from the file as it is now.

        Where that is no longer what was read, nothing can be said of the file yet.
        """
        source = self._sources[account.source_file_id]
        wanted = set(positions.tolist())
        offset, complete, same = 0, False, False
        for piece in pieces(self._folder, [source]):
            same = piece.fingerprint == account.fingerprint
            if piece.chunk and not complete:
                rows, complete = self._parsed(source, piece.chunk, offset)
                place = piece.chunk.columns.meterpoint_id - 1
                yield [
                    (position, str(row[place]), row_text(row))
                    for position, row in enumerate(rows, start=offset + 1)
                    if position in wanted
                ]
                offset += len(rows)
        account.still_growing = not same

    def _parsed(self, source: FileToRead, chunk: Chunk, offset: int) -> tuple[list[Any], bool]:
        """A chunk's rows, or all that are left where it was cut in the wrong place."""
        try:
            rows: list[Any] = parse_json(chunk.text, within=1)
        except MalformedFileError:
            with self._folder.open(source.file) as stream:
                return parse(stream.read()).rows[offset:], True
        return rows, False


def _counts(account: "FileAccount") -> bool:
    return not account.malformed and not account.still_growing


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
    def among(cls, parts: Iterable[tuple[Rows, Rows]]) -> "_Found":
        """Of all rows of a file, in parts that have no half hour in common, and those among them that conflict."""
        conflicting, extremes = [], []
        for rows, part in parts:
            conflicting.append(part)
            left = rows["minute"][~np.isin(rows["position"], part["position"])]
            if len(left):
                extremes += [int(left.min()), int(left.max())]
        found = _joined(conflicting)
        found = found[np.argsort(found["position"])]
        return cls(
            found["position"],
            found["minute"],
            found["other"],
            min(extremes, default=None),
            max(extremes, default=None),
        )


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

    def parts(self) -> Iterator[Rows]:
        """The rows, all of a half hour in the same part."""
        if self._file is None:
            yield _joined(self._rows)
            return
        self._write()
        size = _ROW.itemsize
        for bucket in range(_BUCKETS):
            parts, begin = [], 0
            for counts in self._written:
                self._file.seek((begin + int(counts[:bucket].sum())) * size)
                parts.append(np.frombuffer(self._file.read(int(counts[bucket]) * size), _ROW))
                begin += int(counts.sum())
            yield _joined(parts)

    def _write(self) -> None:
        if not self._count:
            return
        self._file = self._file or tempfile.TemporaryFile(prefix="meter-platform-")  # noqa: SIM115 - closed on exit
        rows = _joined(self._rows)
        buckets = (_keys(rows) >> np.uint64(64 - _BUCKETS.bit_length() + 1)).astype(np.int64)
        self._file.seek(0, 2)
        self._file.write(rows[np.argsort(buckets, kind="stable")].tobytes())
        self._written.append(np.bincount(buckets, minlength=_BUCKETS))
        self._rows, self._count = [], 0


def _rows(table: pa.Table) -> Rows:
    """What is kept of accepted rows."""
    rows = np.empty(table.num_rows, _ROW)
    rows["file"] = table["source_file_id"].to_numpy()
    rows["meterpoint"] = _digests(table["meterpoint_id"])
    rows["value"] = _values(table["consumption_delta"])
    rows["minute"] = table["interval_start"].cast(pa.int64()).to_numpy() // _MICROSECONDS
    rows["position"] = table["source_position"].to_numpy()
    return rows


def _conflicting(rows: Rows) -> Rows:
    """The rows of half hours with more than one value, each with the position of another one (`other`)."""
    none = np.empty(0, [*_ROW.descr, ("other", "<i4")])
    keys = _keys(rows)
    in_order = np.sort(keys)
    repeated = in_order[1:][in_order[1:] == in_order[:-1]]
    if not len(repeated):
        return none
    # Few rows are left, or nearly all. From here on keys are compared, not digests of them.
    some = rows[np.isin(keys, repeated)]
    some = some[np.lexsort([some[name] for name in ("position", "value", "minute", "meterpoint", "file")])]
    names = ("file", "meterpoint", "minute")
    begins = np.concatenate([[True], np.any([some[name][1:] != some[name][:-1] for name in names], axis=0)])
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(some)) - 1
    lengths = last - first + 1
    lowest, highest = (np.repeat(some["value"][at], lengths) for at in (first, last))
    differ = lowest != highest
    if not np.any(differ):
        return none
    other = np.where(
        some["value"] == lowest, np.repeat(some["position"][last], lengths), np.repeat(some["position"][first], lengths)
    )
    found = np.empty(int(differ.sum()), none.dtype)
    for name in _ROW.names or ():
        found[name] = some[name][differ]
    found["other"] = other[differ]
    return found


def _joined(parts: list[Rows]) -> Rows:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty(0, _ROW)


def _keys(rows: Rows) -> Numbers:
    """Digests of file, meterpoint and half hour."""
    place = rows["minute"].astype(np.uint64) * _FIRST + rows["file"].astype(np.uint64) * _SECOND
    return _spread(rows["meterpoint"] ^ place)


def _digests(texts: pa.ChunkedArray) -> Numbers:
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
    return calendar.EPOCH + timedelta(minutes=int(minute))
