"""Reading files in tests: content on disk, through the reader, as plain values; and the same by the rules alone.

What belongs here: both ways to read, and comparing them. What does not: which content is tried.
"""

import codecs
import hashlib
import json
import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from meter_platform.feeds.chunks import FileToRead
from meter_platform.feeds.configured import NO_FEEDS, Feeds
from meter_platform.feeds.files import ReadingFolder
from meter_platform.feeds.formats import json_document
from meter_platform.feeds.formats.format import NumberText
from meter_platform.feeds.formats.json_rows import Columns
from meter_platform.feeds.held_back import Suspicion
from meter_platform.feeds.malformed import FileReason, MalformedFileError
from meter_platform.feeds.reading import FileAccount, read
from meter_platform.feeds.validation import (
    Accepted,
    FileValidation,
    Reason,
    Rejected,
    RowRules,
    Waiting,
    readable_kwh,
)

LONDON: Final = ZoneInfo("Europe/London")
FIRST, LAST = date(2021, 1, 1), date(2021, 12, 31)
OLD: Final = 1_600_000_000
"""A modification time long before anyone reads: a file as old as this is not being written."""


@dataclass
class Read:
    """What a file gave: positions to readings, positions to what was rejected of it, and its account."""

    accepted: dict[int, tuple[str, datetime, date, Decimal]] = field(default_factory=dict)
    rejected: dict[int, tuple[str, date | None, str | None, str, str]] = field(default_factory=dict)
    """Reason, reference date, meterpoint, text, detail."""
    rejected_kwh: dict[int, Decimal | None] = field(default_factory=dict)
    account: FileAccount | None = None

    def forget_what_does_not_count(self) -> None:
        """Of a malformed file nothing counts, whatever was handed over of it; of one that is held back no reading."""
        assert self.account is not None
        if self.account.malformed:
            self.accepted.clear()
            self.rejected.clear()
            self.rejected_kwh.clear()
        elif self.account.held_back:
            self.accepted.clear()


def write(path: Path, content: bytes) -> Path:
    """Writes a file that is long finished."""
    path.write_bytes(content)
    os.utime(path, (OLD, OLD))
    return path


def by_reader(
    folder: Path,
    *,
    zone: ZoneInfo = LONDON,
    label_at_end: bool = False,
    first: date = FIRST,
    last: date = LAST,
    feeds: Feeds = NO_FEEDS,
) -> dict[str, Read]:
    """Reads a folder as a load does; results by file name."""
    source = ReadingFolder(str(folder), feeds)
    listed = source.list()
    names = {number: Path(file.path).name for number, file in enumerate(listed, start=1)}
    results = {name: Read() for name in names.values()}
    retracted: list[tuple[str, int]] = []
    files = [FileToRead(file, number, last) for number, file in enumerate(listed, start=1)]
    batches = read(
        source, files, zone=zone, first_date=first, last_date=last, label_at_end=label_at_end, wait_for_growing=False
    )
    for batch in batches:
        for table in batch.readings:
            for row in table.to_pylist():
                result = results[names[row["source_file_id"]]]
                assert result.account is None, "a reading came after the account of its file"
                assert row["source_position"] not in result.accepted
                result.accepted[row["source_position"]] = (
                    row["meterpoint_id"],
                    row["interval_start"],
                    row["reference_date"],
                    row["consumption_delta"],
                )
        for row in batch.rejected.to_pylist():
            result = results[names[row["source_file_id"]]]
            assert row["source_position"] not in result.rejected
            result.rejected[row["source_position"]] = (
                row["reason"],
                row["reference_date"],
                row["meterpoint_id"],
                row["raw_text"],
                row["detail"],
            )
            result.rejected_kwh[row["source_position"]] = row["consumption_delta"]
        for row in batch.retracted.to_pylist():
            assert results[names[row["source_file_id"]]].account is None, "retracted after the account of its file"
            retracted.append((names[row["source_file_id"]], row["source_position"]))
        for account in batch.accounts:
            assert results[names[account.source_file_id]].account is None
            results[names[account.source_file_id]].account = account
    for name, position in retracted:
        del results[name].accepted[position]
    for result in results.values():
        result.forget_what_does_not_count()
    return results


@dataclass(frozen=True)
class Parsed:
    """A document parsed by the standard library, whole."""

    columns: Columns
    rows: list[Any]


def parse_whole(content: bytes) -> Parsed:
    """What a file says, in the plainest way there is: the measure for every other way."""
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        reason = FileReason.TRUNCATED if error.reason == "unexpected end of data" else FileReason.NOT_UTF8
        raise MalformedFileError(reason, f"byte {error.start + 1} is not UTF-8: {error.reason}") from error
    if not text.strip():
        raise MalformedFileError(FileReason.EMPTY, "the file has no content")
    try:
        document = json.loads(
            text, parse_float=NumberText, parse_int=NumberText, parse_constant=NumberText, object_pairs_hook=_unique
        )
    except json.JSONDecodeError as error:
        rest = text.rstrip()[error.pos :]
        at_end = text.lstrip()[0] in "{[" and not any(character in ' \t\r\n[]{},:"' for character in rest)
        ended = error.msg.startswith("Unterminated string") or (at_end and not error.msg.startswith("Extra data"))
        reason = FileReason.TRUNCATED if ended else FileReason.NOT_JSON
        raise MalformedFileError(reason, f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    if not isinstance(document, dict):
        raise MalformedFileError(FileReason.NOT_A_DOCUMENT, "")
    names = document.get("columns")
    if isinstance(names, list) and any(isinstance(name, NumberText) for name in names):
        names = None
    columns = Columns.of(names)
    if not isinstance(document.get("data"), list):
        raise MalformedFileError(FileReason.BAD_DATA, 'the file has no "data", or it is not a list of rows')
    return Parsed(columns, document["data"])


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    (key, count) = Counter(key for key, _ in pairs).most_common(1)[0] if pairs else ("", 0)
    if count > 1:
        raise MalformedFileError(FileReason.DUPLICATE_KEY, f'an object has the key "{key}" twice')
    return dict(pairs)


def by_rules(content: bytes, *, zone: ZoneInfo = LONDON, label_at_end: bool = False) -> Read:
    """Reads a document by parsing it whole and validating each row in order."""
    try:
        document = parse_whole(content)
    except MalformedFileError as error:
        return Read(account=FileAccount(1, malformed=str(error)))
    validation = FileValidation(RowRules(zone=zone, first_date=FIRST, last_date=LAST, label_at_end=label_at_end))
    columns = document.columns
    result, suspicion = Read(), Suspicion()

    def keep(position: int, verdict: Accepted | Rejected) -> None:
        if isinstance(verdict, Accepted):
            result.accepted[position] = (
                verdict.meterpoint_id,
                verdict.interval_start,
                verdict.reference_date,
                verdict.consumption_delta,
            )
        else:
            row = document.rows[position - 1]
            is_row = isinstance(row, list) and len(row) == columns.width
            value = row[columns.places[2]] if is_row and isinstance(row, list) else None
            suspicion.note(position, verdict.reason, value)
            result.rejected_kwh[position] = readable_kwh(value)
            result.rejected[position] = (
                verdict.reason.value,
                verdict.reference_date,
                verdict.meterpoint_id,
                json_document.row_text(document.rows[position - 1]),
                verdict.detail,
            )

    for position, row in enumerate(document.rows, start=1):
        if not isinstance(row, list) or len(row) != columns.width:
            keep(position, Rejected(Reason.NOT_A_ROW, f"the row is not a list of {columns.width} values"))
            continue
        verdict = validation.validate(*(row[at] for at in columns.places), position=position)
        if not isinstance(verdict, Waiting):
            keep(position, verdict)
    for position, placed in validation.finish():
        keep(position, placed)
    why = suspicion.verdict(len(document.rows))
    if why:
        for position, (meterpoint, _, day, kwh) in result.accepted.items():
            detail = f"the row breaks no rule, but its file is held back ({why})"
            text = json_document.row_text(document.rows[position - 1])
            result.rejected[position] = ("file_held_back", day, meterpoint, text, detail)
            result.rejected_kwh[position] = kwh
        result.accepted.clear()
    _reject_conflicts(result, document)
    starts = [start for _, start, _, _ in result.accepted.values()]
    result.account = FileAccount(
        1,
        fingerprint=hashlib.sha256(content).hexdigest(),
        rows_in_file=len(document.rows),
        rows_rejected=len(result.rejected),
        rows_ambiguous=0 if why else validation.ambiguous,
        held_back=why,
        first_interval=min(starts, default=None),
        last_interval=max(starts, default=None),
        rows_per_date=dict(Counter(day for _, _, day, _ in result.accepted.values())),
    )
    return result


def _reject_conflicts(result: Read, document: Parsed) -> None:
    """Rejects all rows of each half hour that has two values, by comparing every row with every other of its key."""
    by_key: dict[tuple[str, datetime], list[int]] = {}
    for position, (meterpoint, start, _, _) in result.accepted.items():
        by_key.setdefault((meterpoint, start), []).append(position)
    for positions in by_key.values():
        values = {
            position: result.accepted[position][3].quantize(Decimal("1e-9"), ROUND_HALF_UP) for position in positions
        }
        if len(set(values.values())) == 1:
            continue
        for position in positions:
            meterpoint, _, day, kwh = result.accepted.pop(position)
            lowest, highest = min(values.values()), max(values.values())
            # The first row of the lowest value, or the last of the highest.
            other = (
                max(p for p in positions if values[p] == highest)
                if values[position] == lowest
                else min(p for p in positions if values[p] == lowest)
            )
            detail = f"row {other:,} of the file gives the same half hour another value, and neither is certain"
            text = json_document.row_text(document.rows[position - 1])
            result.rejected[position] = ("conflict_in_file", day, meterpoint, text, detail)
            result.rejected_kwh[position] = kwh


def assert_same(read_by_reader: Read, validated: Read) -> None:
    """Holds the reader to the rules: the same rows at the same places, and the same account."""
    assert read_by_reader.account is not None
    assert validated.account is not None
    assert read_by_reader.account.malformed == validated.account.malformed
    assert read_by_reader.accepted == validated.accepted
    assert read_by_reader.rejected == validated.rejected
    assert read_by_reader.rejected_kwh == validated.rejected_kwh
    if validated.account.malformed is None:
        validated.account.source_file_id = read_by_reader.account.source_file_id
        assert read_by_reader.account == validated.account
