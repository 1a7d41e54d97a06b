"""The format of CSV files with a row a reading, whose columns a feed declares.

What belongs here: which columns there are, and how a time is put together from them. What does not: lines
(`lines.py`, `separated.py`), and all that formats of tables share (`taken_apart.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Final, Literal, Protocol, Self
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from meter_platform.feeds import cells
from meter_platform.feeds.cells import converted, tokens
from meter_platform.feeds.feed import Keys
from meter_platform.feeds.formats.format import Readable
from meter_platform.feeds.formats.lines import Encoding, blocks, header, places
from meter_platform.feeds.formats.only import FeedOfColumns
from meter_platform.feeds.formats.separated import names_of, taken_apart
from meter_platform.feeds.formats.taken_apart import FormatOfTables, Found

Column = Annotated[str, Field(min_length=1)] | Annotated[int, Field(ge=1)]
"""The name of a column, or its number counted from 1 in files whose columns have no names."""

_BETWEEN: Final = "\x1f"
"""Between the date and the period of a row: no text of a file has it."""


class Columns(Keys):
    """Where things stand in a row.

    Attributes:
        value: the reading's value.
        meterpoint: its id; not needed where the path says it.
        time: its time; with `date`, the time of that day.
        date: its date, where that has a column of its own.
        period: the number of its interval in the local day, from 1: of 24 hours that is 25 in October.
        serial: of the meter.
        register_code: the code of the register, the key `register`; see the feed's `registers`.
        quality: the code of the quality, see the feed's `qualities`.
        revised_at: when the value was revised.
    """

    value: Column
    meterpoint: Column | None = None
    time: Column | None = None
    date: Column | None = None
    period: Column | None = None
    serial: Column | None = None
    register_code: Annotated[Column | None, Field(alias="register")] = None
    quality: Column | None = None
    revised_at: Column | None = None

    @model_validator(mode="after")
    def _a_time(self) -> Self:
        given = (self.time is not None, self.date is not None, self.period is not None)
        if given not in {(True, False, False), (True, True, False), (False, True, True)}:
            raise ValueError("a row's time is `time`, or `date` and `time`, or `date` and `period`")
        return self

    @property
    def given(self) -> dict[str, Column]:
        """The columns that there are."""
        return {name.removesuffix("_code"): column for name, column in self if column is not None}


class CsvRowsFeed(FeedOfColumns):
    """A feed of CSV files with a row a reading.

    Attributes:
        columns: where things stand in a row.
        separator: between values.
        encoding: of the text.
        has_names: the first line names the columns.
        skip_lines: lines before that.
        time_format: how times are written, as for Python's strptime; ISO 8601 where it is not given. With `date` of both,
            a space between them; with `period` of the date.
    """

    format: Literal["csv"]
    columns: Columns
    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: Encoding = "utf-8"
    has_names: bool = True
    skip_lines: Annotated[int, Field(ge=0)] = 0
    time_format: str | None = None

    @model_validator(mode="after")
    def _numbers_without_names(self) -> Self:
        if not self.has_names and (self.only or any(isinstance(column, str) for column in self.columns.given.values())):
            raise ValueError("key 'columns': without has_names, columns are numbers, counted from 1")
        return self

    @property
    def gives_instants(self) -> bool:
        """Whether rows name an interval of their day."""
        return self.columns.period is not None

    def places_needed(self) -> Sequence[str]:
        """The meterpoint, where no column has it."""
        return () if self.columns.meterpoint is not None else ("meterpoint",)

    def reader(self, said: dict[str, str]) -> "CsvRows":
        """The format of its files."""
        return CsvRows(self, said)


COLUMN_NAMES: Final = {"meterpoint": "meterpoint_id", "value": "consumption_delta"}
"""The names that columns have on their way, where those differ."""


@dataclass(frozen=True)
class CsvRows(FormatOfTables):
    """CSV files with a row a reading; see `Format` for what its methods do."""

    feed: CsvRowsFeed

    def tables(self, stream: Readable, size: int, chunk_bytes: int) -> Iterator[Found]:  # noqa: ARG002 - the protocol's signature
        """The rows of some lines at a time."""
        feed = self.feed
        line, rest = header(blocks(stream, chunk_bytes, feed.encoding), feed.skip_lines, has_names=feed.has_names)
        names = names_of(line, feed.separator) if line is not None else None
        where = places(feed.columns.given | feed.columns_of_only, names)
        width = len(names) if names else None
        for block in rest:
            lines = taken_apart(block, feed.separator, width, sorted(set(where.values())))
            given = {name: lines.columns[place] for name, place in where.items()}
            table = {
                COLUMN_NAMES.get(name, name): given[name] for name in given if name not in {"time", "date", "period"}
            }
            table["interval_start"] = instants_of(given, feed)
            if lines.faults is not None:
                table["fault"] = lines.faults
                table["code"] = pc.if_else(lines.faults.is_valid(), "not_a_row", None)
            yield Found(pa.table(table), lines.written.texts, len(block))


class _Timed(Protocol):
    """What decides what the times of a feed's rows mean."""

    @property
    def time_format(self) -> str | None:
        """How times are written."""

    @property
    def interval_minutes(self) -> int:
        """Length of an interval."""

    @property
    def zone(self) -> str | None:
        """Of the times."""


def instants_of(given: Mapping[str, pa.DictionaryArray], feed: _Timed) -> pa.DictionaryArray:
    """The times of some rows, as the rules of validation know them.

    Args:
        given: columns: `time`, or `date` and `time`, or `date` and `period`.
        feed: of the rows.
    """
    if "date" not in given:
        return cells.times(given["time"], feed.time_format)
    other = given["period"] if "period" in given else given["time"]
    between = _BETWEEN if "period" in given else " "
    both = pc.binary_join_element_wise(*(column.cast(pa.string()) for column in (given["date"], other)), between)
    if "period" in given:
        return converted(tokens(both), _instants(feed.time_format, feed.interval_minutes, feed.zone or "UTC"))
    return cells.times(tokens(both), feed.time_format)


@lru_cache
def _instants(written_as: str | None, minutes: int, zone: str) -> cells.Convert:
    """From a date and the number of an interval to the instant when that begins."""
    dates = cells.dates(written_as)

    @lru_cache(1 << 16)
    def instant(text: str) -> str:
        day, _, period = text.partition(_BETWEEN)
        found, period = dates(day), period.strip()
        if found is None or not (period.isascii() and period.isdigit()):
            return text.replace(_BETWEEN, " ")
        return cells.instant_of(found, int(period), minutes, ZoneInfo(zone))

    return instant
