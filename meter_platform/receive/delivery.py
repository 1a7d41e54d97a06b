"""What is pushed: one delivery, taken apart as far as it has to be to stand in a file with others.

What belongs here: the forms that a delivery may have. What does not: whether its readings are good, which is found out
where files are read (`feeds/validation.py`), so that a rejected reading is on record with its text.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from meter_platform.contracts.raw_data import FILE_COLUMNS
from meter_platform.feeds.formats.json_document import parse_json, row_text
from meter_platform.feeds.formats.json_rows import Columns
from meter_platform.feeds.malformed import FileReason, MalformedFileError

_FIRST_COLUMNS: Final = ("meterpoint_id", "interval_start")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one sender said at one time. It is stored whole or not at all.

    Attributes:
        columns: the names of the columns, as the sender has them.
        rows: the rows as JSON, with commas between them and no line break; every number as it was written.
        count: how many rows these are.
        keys: which half hours of which meterpoints they are about, as they are written.
    """

    columns: tuple[str, ...]
    rows: bytes
    count: int
    keys: frozenset[tuple[str, ...]]


def from_document(content: bytes) -> Delivery:
    """A delivery that is a JSON document: `{"columns": [...], "data": [[...], ...]}`.

    Raises:
        MalformedFileError: it is none; with the place of the fault, and no meterpoint's id.
    """
    document = parse_json(content)
    if not isinstance(document, dict):
        raise MalformedFileError(FileReason.NOT_A_DOCUMENT, 'it is not {"columns": …, "data": …}')
    rows = document.get("data")
    if not isinstance(rows, list):
        raise MalformedFileError(FileReason.BAD_DATA, 'it has no "data", or that is not a list of rows')
    return _delivery(document.get("columns"), rows)


def from_lines(content: bytes) -> Delivery:
    """A delivery of a JSON object in each line (NDJSON), all with the same keys. Empty lines do not count.

    Raises:
        MalformedFileError: naming the line.
    """
    names: list[str] | None = None
    rows: list[object] = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            found = parse_json(line)
        except MalformedFileError as error:
            raise MalformedFileError(error.reason, f"line {number}: {error.detail}") from None
        if not isinstance(found, dict):
            raise MalformedFileError(FileReason.NOT_A_DOCUMENT, f"line {number} is not a JSON object")
        names = list(found) if names is None else names
        if found.keys() != set(names):
            raise MalformedFileError(FileReason.BAD_COLUMNS, f"line {number} has other keys than the lines before it")
        rows.append([found[name] for name in names])
    if names is None:
        raise MalformedFileError(FileReason.EMPTY, "there is no line in it")
    return _delivery(names, rows)


def _delivery(names: object, rows: Iterable[object]) -> Delivery:
    columns = Columns.of(names)
    places = [columns.places[FILE_COLUMNS.index(name)] for name in _FIRST_COLUMNS]
    listed = list(rows)
    if not listed:
        raise MalformedFileError(FileReason.EMPTY, "there are no rows in it")
    keys = frozenset(
        tuple(str(row[place]) for place in places)
        for row in listed
        if isinstance(row, list) and len(row) == columns.width
    )
    text = ",".join(map(row_text, listed)).encode()
    # JSON has no line break in a value: where one stands in `row_text`'s text, it is written as two characters.
    return Delivery(tuple(map(str, names)), text, len(listed), keys)  # type: ignore[call-overload] # a list, by `of`
