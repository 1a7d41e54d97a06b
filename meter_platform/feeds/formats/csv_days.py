"""The format of CSV files with a row a day: a column for each interval of it, with or without one for its quality.

What belongs here: from the cells of a line to rows. What does not: lines (`lines.py`, `separated.py`), and all that
formats of tables share (`taken_apart.py`).

A row of the platform is a cell here. Cells beyond the day's end are none if there is nothing in them, for a line has room
for the longest day. Within the day an empty cell is a value that is not there, and is rejected.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache, partial
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from meter_platform import settlement
from meter_platform.feeds import cells
from meter_platform.feeds.feed import Keys
from meter_platform.feeds.formats.csv_rows import COLUMN_NAMES, Column
from meter_platform.feeds.formats.format import Readable
from meter_platform.feeds.formats.lines import Encoding, blocks, header, places
from meter_platform.feeds.formats.only import FeedOfColumns
from meter_platform.feeds.formats.separated import Lines, names_of, with_runs
from meter_platform.feeds.formats.taken_apart import FormatOfTables, Found
from meter_platform.feeds.malformed import FileReason, MalformedFileError

_CLOCK: Final = re.compile(r"\D*(\d\d?):?(\d\d)\D*", re.ASCII)
"""A time of the day in the name of a column: 00:30, [00:30], 0030."""
_NOTHING: Final = ("", "-")
_VALUE, _QUALITY = "value", "quality"


class DayColumns(Keys):
    """Where things stand in a line.

    Attributes:
        date: the day.
        first_value: the first interval's value; those of the others follow.
        meterpoint: its id; not needed where the path says it.
        first_quality: the first interval's code of quality; those of the others follow.
        serial: of the meter.
        register_code: the code of the register, the key `register`.
    """

    date: Column
    first_value: Column
    meterpoint: Column | None = None
    first_quality: Column | None = None
    serial: Column | None = None
    register_code: Annotated[Column | None, Field(alias="register")] = None


class CsvDaysFeed(FeedOfColumns):
    """A feed of CSV files with a row a day.

    Attributes:
        columns: where things stand in a line.
        values: how many intervals a line has room for: 48, or up to 50 for the day on which clocks go back.
        every: how many columns one value is from the next: 2 where each is followed by its quality.
        by: `clock`: the columns are times of the clock, which their names say, such as 00:30; a time that the clocks
            repeat stands once. `count`: the columns are the intervals of the day, one after another.
        separator: between values.
        encoding: of the text.
        has_names: the first line names the columns.
        skip_lines: lines before that.
        date_format: how dates are written, as for Python's strptime; ISO 8601 where it is not given.
    """

    format: Literal["csv_days"]
    columns: DayColumns
    by: Literal["clock", "count"]
    values: Annotated[int, Field(ge=1, le=300)] = 48
    every: Literal[1, 2] = 1
    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: Encoding = "utf-8"
    has_names: bool = True
    skip_lines: Annotated[int, Field(ge=0)] = 0
    date_format: str | None = None

    @model_validator(mode="after")
    def _columns_that_can_be_found(self) -> Self:
        if not self.has_names and (
            self.only
            or self.by == "clock"
            or any(isinstance(column, str) for _, column in self.columns if column is not None)
        ):
            raise ValueError("key 'columns': without has_names, columns are numbers, counted from 1, and `by` is count")
        return self

    @property
    def gives_instants(self) -> bool:
        """Whether columns are counted, so that each is an instant."""
        return self.by == "count"

    def places_needed(self) -> Sequence[str]:
        """The meterpoint, where no column has it."""
        return () if self.columns.meterpoint is not None else ("meterpoint",)

    def reader(self, said: dict[str, str]) -> "CsvDays":
        """The format of its files."""
        return CsvDays(self, said)


@dataclass(frozen=True)
class CsvDays(FormatOfTables):
    """CSV files with a row a day; see `Format` for what its methods do."""

    feed: CsvDaysFeed

    def tables(self, stream: Readable, size: int, chunk_bytes: int) -> Iterator[Found]:  # noqa: ARG002 - the protocol's signature
        """The cells of some lines at a time."""
        feed = self.feed
        line, rest = header(blocks(stream, chunk_bytes, feed.encoding), feed.skip_lines, has_names=feed.has_names)
        names = names_of(line, feed.separator) if line is not None else None
        given = {name.removesuffix("_code"): column for name, column in feed.columns if column is not None}
        where = places(given | feed.columns_of_only, names)
        values = self._run(where.pop("first_value"), names)
        first_quality = where.pop("first_quality", None)
        qualities = self._run(first_quality, names) if first_quality is not None else []
        titles = [names[place].strip() for place in values] if names else [str(n + 1) for n in range(feed.values)]
        layout = _Layout(where, titles, _instants(feed, tuple(titles)))
        runs = {_VALUE: values} | ({_QUALITY: qualities} if qualities else {})
        for block in rest:
            lines = with_runs(block, feed.separator, len(names) if names else None, sorted(set(where.values())), runs)
            yield _cells(lines, layout, len(block))
            if lines.faults is not None:
                yield Found.with_texts(_no_rows(lines.written.all, lines.faults))

    def _run(self, first: int, names: list[str] | None) -> list[int]:
        """The places of columns, one for each interval."""
        found = list(range(first, first + self.feed.values * self.feed.every, self.feed.every))
        if names is not None and found[-1] >= len(names):
            raise MalformedFileError(
                FileReason.MISSING_COLUMN,
                f"the first line has {len(names)} columns: fewer than {self.feed.values} values take",
            )
        return found


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where things stand in the lines of a file.

    Attributes:
        where: places of the columns that all cells of a line have in common.
        titles: what the columns of values are called.
        instants: when their intervals are.
    """

    where: dict[str, int]
    titles: Sequence[str]
    instants: "_Instants"


def _cells(lines: Lines, layout: _Layout, text_bytes: int) -> Found:
    """The cells of some lines that are rows, line by line."""
    where, width = layout.where, len(layout.titles)
    values, dates = lines.runs[_VALUE], lines.columns[where["date"]]
    # A time for each different date and column, then a number of one for each cell.
    times = [time for text in dates.dictionary.to_pylist() for time in layout.instants.of(text)]
    of_times = pa.array([text for text, _ in times], pa.string())
    time_of_cell = (dates.indices.to_numpy()[:, None] * np.int32(width) + np.arange(width, dtype=np.int32)).ravel()
    are_rows = np.ones(len(values), np.bool_)
    is_beyond = np.array([beyond for _, beyond in times], np.bool_)
    if is_beyond.any():
        nothing = pc.is_in(pc.utf8_trim_whitespace(values.dictionary), pa.array(_NOTHING))
        are_rows = ~(is_beyond[time_of_cell] & nothing.to_numpy(zero_copy_only=False)[values.indices.to_numpy()])
    if lines.faults is not None:
        are_rows &= np.repeat(lines.faults.is_null().to_numpy(zero_copy_only=False), width)
    kept = np.flatnonzero(are_rows)
    line_of_cell = kept // width
    table = {
        "interval_start": _chosen(pa.DictionaryArray.from_arrays(pa.array(time_of_cell), of_times), kept),
        "consumption_delta": _chosen(values, kept),
    }
    for name, place in where.items():
        if name != "date":
            table[COLUMN_NAMES.get(name, name)] = _chosen(lines.columns[place], line_of_cell)
    if _QUALITY in lines.runs:
        table["quality"] = _chosen(lines.runs[_QUALITY], kept)
    return Found(pa.table(table), partial(_texts, lines, layout, kept), text_bytes)


def _texts(lines: Lines, layout: _Layout, cells_of_rows: npt.NDArray[np.int64], rows: pa.Array) -> pa.Array:
    """The texts of some rows: what all cells of their line have in common, and what their own column is called."""
    places_of = cells_of_rows[rows.to_numpy()]
    line, place = np.divmod(places_of, len(layout.titles))
    beside = [_chosen(lines.columns[column], line).cast(pa.string()) for column in layout.where.values()]
    title = pa.array(layout.titles, pa.string()).take(pa.array(place))
    cell = pc.binary_join_element_wise(title, _chosen(lines.runs[_VALUE], places_of).cast(pa.string()), "=")
    return pc.binary_join_element_wise(*beside, cell, ", ")


def _chosen(column: pa.DictionaryArray, rows: npt.NDArray[np.int64]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(column.indices.to_numpy()[rows]), column.dictionary, safe=False)


def _no_rows(lines: pa.Array, faults: pa.Array) -> pa.Table:
    """The lines that are no rows."""
    written = lines.filter(faults.is_valid())
    empty = pa.array([""] * len(written), pa.string())
    return pa.table(
        {
            "meterpoint_id": empty,
            "interval_start": empty,
            "consumption_delta": empty,
            "raw_text": written,
            "fault": faults.drop_null(),
            "code": pa.array(["not_a_row"] * len(written), pa.string()),
        }
    )


class _Instants:
    """When the intervals of a day are, column by column, as the rules of validation know times."""

    def __init__(self, feed: CsvDaysFeed, titles: Sequence[str]) -> None:
        self._feed = feed
        self._titles = titles
        self._dates = cells.dates(feed.date_format)
        self.of = lru_cache(1 << 12)(self._of)

    @cached_property
    def _clock(self) -> list[str]:
        """The times of the clock that columns are named by."""
        found = []
        for title in self._titles:
            match = _CLOCK.fullmatch(title)
            if match is None or int(match[2]) not in range(60) or int(match[1]) not in range(25):
                raise MalformedFileError(
                    FileReason.BAD_COLUMNS, f'the column "{title}" is not named by a time of the day'
                )
            found.append(f"{int(match[1]):02}:{match[2]}")
        # The last column of a day of ends is the day's own end, whichever of its two names that has.
        return [*found[:-1], "24:00"] if self._feed.label == "end" and found[-1] == "00:00" else found

    def _of(self, text: str) -> list[tuple[str, bool]]:
        """The time of each column of a day, and whether the day does not have it: then there may be nothing in its cell."""
        day = self._dates(text)
        if day is None:
            return [(f"{text.strip()} is no date", False)] * len(self._titles)
        zone = ZoneInfo(self._feed.zone or "UTC")
        if self._feed.by == "clock":
            return [(time, _is_skipped(time, zone)) for time in (f"{day} {clock}" for clock in self._clock)]
        minutes = self._feed.interval_minutes
        has = cells.intervals(day, minutes, zone)
        numbers = range(1, len(self._titles) + 1)
        return [(cells.instant_of(day, number, minutes, zone), number > has) for number in numbers]


@lru_cache(1 << 12)
def _is_skipped(text: str, zone: ZoneInfo) -> bool:
    if text.endswith("24:00"):
        return False
    return not settlement.instants(datetime.fromisoformat(text), zone)


@lru_cache
def _instants(feed: CsvDaysFeed, titles: tuple[str, ...]) -> _Instants:
    """The same object for all files of a feed with the same columns: it remembers days."""
    return _Instants(feed, titles)
