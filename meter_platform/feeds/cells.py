"""What stands in a file's cells, in words that the rules of validation know: ids, times and numbers of every feed.

What belongs here: from a text as it is written to the text of an id, a time or a number. A text that cannot be read
becomes an empty one, which no rule takes for anything. What does not: where the texts stand in a file (`formats/`),
sums and units (`half_hours.py`), whether a value is acceptable (`validation.py`).

Every different text is looked at once, however many rows have it.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache, partial
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from meter_platform import settlement
from meter_platform.contracts.readings import UNSAID
from meter_platform.feeds.feed import Cleaning
from meter_platform.feeds.formats.format import TOKENS
from meter_platform.feeds.meterpoint_ids import APOSTROPHES

EXTRAS: Final = tuple(UNSAID)
"""What a row may say besides a meterpoint, a time and a value."""

_BLANKS: Final = " \t\u00a0"
_REMEMBERED: Final = 1 << 16
_FINER: Final = re.compile(r"(\.\d{6})0+(?=$|Z|[+-])", re.ASCII)
"""Decimals of a second that Python's calendar does not have, if they are zeros."""
_POINT_FIRST: Final = r"^(-?)\."
_END_OF_DAY: Final = re.compile(r"(?<!\d)24(:?)00(?::?00)?(?!\d)")
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)

Convert = Callable[[str], str]


def tokens(column: pa.Array | pa.ChunkedArray) -> pa.DictionaryArray:
    """A column of texts, each different text once; nulls are empty texts."""
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if not pa.types.is_dictionary(column.type):
        if column.null_count:
            column = column.fill_null("")
        return column.cast(pa.string()).dictionary_encode().cast(TOKENS)
    return column if column.type == TOKENS else column.cast(TOKENS)


def of_groups(texts: Sequence[str], group_of_row: npt.NDArray[np.int64]) -> pa.DictionaryArray:
    """A column that has the same text in all rows of a group.

    Args:
        texts: of each group.
        group_of_row: the number of each row's group.
    """
    column = tokens(pa.array(texts, pa.string()))
    return pa.DictionaryArray.from_arrays(pa.array(column.indices.to_numpy()[group_of_row]), column.dictionary)


def may_have_any(texts: pa.StringArray, parts: Iterable[bytes]) -> bool:
    """Whether any part may be in any of the texts."""
    joined = (texts.buffers()[-1] or pa.py_buffer(b"")).to_pybytes()
    return any(part in joined for part in parts)


def converted(column: pa.DictionaryArray, convert: Convert) -> pa.DictionaryArray:
    """A column with each of its different texts converted."""
    texts = [convert(text or "") for text in column.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(column.indices, pa.array(texts, pa.string()), safe=False)


def ids(column: pa.DictionaryArray, cleaning: Sequence[Cleaning]) -> pa.DictionaryArray:
    """Ids, without what the feed says does not belong to them."""
    if not cleaning:
        return column
    return converted(column, lambda text: _cleaned(text, cleaning))


def _cleaned(text: str, cleaning: Sequence[Cleaning]) -> str:
    if "blanks" in cleaning:
        text = text.strip(_BLANKS)
    if "apostrophe" in cleaning and text[:1] in tuple(APOSTROPHES):
        text = text[1:]
        # A spreadsheet that takes ="0123" or '0123' for text leaves one behind, too.
        text = text[:-1] if text[-1:] in tuple(APOSTROPHES) else text
    return text


def numbers(column: pa.DictionaryArray, decimal: str) -> pa.DictionaryArray:
    """Numbers with a point before their decimals and a digit before that.

    Where the mark is a comma, a point is none: who writes 1.234,5 writes 1.234 for a thousand more than it looks.
    """
    texts = pc.utf8_trim(column.dictionary, _BLANKS)
    if decimal == ",":
        texts = pc.if_else(pc.match_substring(texts, "."), "", texts)
        texts = pc.replace_substring(texts, ",", ".", max_replacements=1)
    texts = pc.replace_substring_regex(texts, _POINT_FIRST, r"\10.")
    return pa.DictionaryArray.from_arrays(column.indices, texts, safe=False)


def number(text: str) -> Decimal | None:
    """The number that a text is, as the rules read it; `None` where it is none."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def times(column: pa.DictionaryArray, written_as: str | None) -> pa.DictionaryArray:
    """Times as the rules of validation know them. "24:00" is the end of its day.

    Args:
        column: times as a file has them.
        written_as: a pattern of `datetime.strptime`; `None` where they are written as in ISO 8601.
    """
    if written_as is None and not may_have_any(column.dictionary, [b"."]):
        trimmed = pc.utf8_trim(column.dictionary, _BLANKS)
        return pa.DictionaryArray.from_arrays(column.indices, trimmed, safe=False)
    return converted(column, partial(_time, written_as=written_as))


@lru_cache(_REMEMBERED)
def _time(text: str, written_as: str | None) -> str:
    text = text.strip(_BLANKS)
    if written_as is None:
        return _FINER.sub(r"\1", text)
    end_of_day = _END_OF_DAY.search(text) if "%H" in written_as else None
    if end_of_day:
        text = f"{text[: end_of_day.start()]}{end_of_day[0].replace('24', '00', 1)}{text[end_of_day.end() :]}"
    try:
        label = datetime.strptime(text, written_as)  # noqa: DTZ007 - a naive time is local to the feed's zone
    except ValueError:
        return ""
    try:
        return (label + timedelta(days=end_of_day is not None)).isoformat(sep=" ")
    except OverflowError:
        return ""


def dates(written_as: str | None) -> Callable[[str], date | None]:
    """How dates are read: from a text to a date; `None` where it is none."""

    @lru_cache(_REMEMBERED)
    def read(text: str) -> date | None:
        text = text.strip(_BLANKS)
        try:
            if written_as is None:
                return date.fromisoformat(text)
            return datetime.strptime(text, written_as).date()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            return None

    return read


def intervals(day: date, minutes: int, zone: ZoneInfo) -> int:
    """How many intervals a local day has."""
    length = settlement.day_start(day + timedelta(days=1), zone) - settlement.day_start(day, zone)
    return length // timedelta(minutes=minutes)


def instant_of(day: date, number: int, minutes: int, zone: ZoneInfo) -> str:
    """When an interval of a local day begins, as the rules of validation know a time; where the day has none, no time.

    Args:
        day: the local day.
        number: of the interval, from 1.
        minutes: length of an interval.
        zone: of the day.
    """
    if not 1 <= number <= intervals(day, minutes, zone):
        return f"{day} interval {number}"
    begins = settlement.day_start(day, zone) + timedelta(minutes=minutes) * (number - 1)
    return begins.astimezone(UTC).isoformat(sep=" ")
