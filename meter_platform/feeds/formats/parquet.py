"""The format of Parquet files with a row a reading, whose columns a feed declares.

What belongs here: columns of Arrow's types as texts, exactly. What does not: what the columns mean (`csv_rows.py`), and all
that formats of tables share (`taken_apart.py`).

A float is no exact number: it is refused, unless the feed says that the shortest decimals that name it are what was
written.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import IO, Final, Literal, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from meter_platform.feeds.allowance import checkpoint
from meter_platform.feeds.cells import tokens
from meter_platform.feeds.formats.csv_rows import COLUMN_NAMES, Columns, instants_of
from meter_platform.feeds.formats.format import Readable
from meter_platform.feeds.formats.only import FeedOfColumns, is_of_only
from meter_platform.feeds.formats.taken_apart import FormatOfTables, Found
from meter_platform.feeds.malformed import FileReason, MalformedFileError

_ROWS: Final = 16_384
"""Rows that are taken at once, about as many as another format's chunk has."""
_BLOCK_BYTES: Final = 1 << 20
_IN_MEMORY_BYTES: Final = 16 << 20
_MAGIC: Final = b"PAR1"
_UTC: Final = "UTC"
_WHOLE_SECOND: Final = r"\.000000$"


class ParquetFeed(FeedOfColumns):
    """A feed of Parquet files.

    Attributes:
        columns: where things stand in a row; names of columns.
        time_format: how times that are texts are written, as for Python's strptime; ISO 8601 where it is not given.
        floats_as_printed: values may be floats, and mean the shortest decimals that name them.
    """

    format: Literal["parquet"]
    columns: Columns
    time_format: str | None = None
    floats_as_printed: bool = False

    @property
    def gives_instants(self) -> bool:
        """Whether rows name an interval of their day."""
        return self.columns.period is not None

    def places_needed(self) -> Sequence[str]:
        """The meterpoint, where no column has it."""
        return () if self.columns.meterpoint is not None else ("meterpoint",)

    def reader(self, said: dict[str, str]) -> "Parquet":
        """The format of its files."""
        return Parquet(self, said)


@dataclass(frozen=True)
class Parquet(FormatOfTables):
    """Parquet files; see `Format` for what its methods do."""

    feed: ParquetFeed

    def tables(self, stream: Readable, size: int, chunk_bytes: int) -> Iterator[Found]:  # noqa: ARG002 - the protocol's signature
        """Some rows at a time. What describes a file stands at its end, so that it is kept until that has come."""
        with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES, prefix="meter-platform-") as kept:
            _keep(stream, cast("IO[bytes]", kept))
            try:
                yield from self._rows(cast("IO[bytes]", kept))
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
                raise MalformedFileError(FileReason.BAD_DATA, f"Parquet cannot be read: {_first_line(error)}") from None

    def _rows(self, file: IO[bytes]) -> Iterator[Found]:
        parquet = pq.ParquetFile(file)
        given = {name: str(column) for name, column in self.feed.columns.given.items()} | self.feed.columns_of_only
        for column in given.values():
            if parquet.schema_arrow.names.count(column) != 1:
                raise MalformedFileError(FileReason.MISSING_COLUMN, f'the file has no column "{column}", or two')
        for batch in parquet.iter_batches(_ROWS, columns=sorted(set(given.values())), use_threads=False):
            checkpoint()
            texts = {name: _texts(batch[column], column, self.feed) for name, column in given.items()}
            table = {
                COLUMN_NAMES.get(name, name): text
                for name, text in texts.items()
                if name not in {"time", "date", "period"}
            }
            table["interval_start"] = instants_of(texts, self.feed)
            said = {given[name] if is_of_only(name) else name: text for name, text in texts.items()}
            yield Found(pa.table(table), partial(_rows_of, said), sum(text.nbytes for text in texts.values()))


def _rows_of(columns: dict[str, pa.DictionaryArray], rows: pa.Array) -> pa.Array:
    """What stands in some rows, with the name of each column."""
    said = [
        pc.binary_join_element_wise(name, column.take(rows).cast(pa.string()), "=") for name, column in columns.items()
    ]
    return pc.binary_join_element_wise(*said, ", ")


def _keep(stream: Readable, kept: IO[bytes]) -> None:
    begin = b""
    while block := stream.read(_BLOCK_BYTES):
        checkpoint()
        begin = begin or block[: len(_MAGIC)]
        kept.write(block)
    if not begin:
        raise MalformedFileError(FileReason.EMPTY, "the file has no content")
    if begin != _MAGIC:
        raise MalformedFileError(FileReason.NOT_A_DOCUMENT, "the file is not Parquet")
    kept.seek(-len(_MAGIC), 2)
    if kept.read() != _MAGIC:
        raise MalformedFileError(FileReason.TRUNCATED, "the file does not end as Parquet does")
    kept.seek(0)


def _texts(column: pa.Array, name: str, feed: ParquetFeed) -> pa.DictionaryArray:
    """A column as texts, exactly."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_floating(kind) and not feed.floats_as_printed:
        raise MalformedFileError(
            FileReason.BAD_COLUMNS,
            f'the column "{name}" is of floats, which are not exact: deliver decimals or texts, or say '
            "floats_as_printed = true",
        )
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_boolean(kind):
        raise MalformedFileError(FileReason.BAD_COLUMNS, f'the column "{name}" is of type {kind}')
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(kind):
        encoded = column.cast(pa.timestamp("us", kind.tz)).dictionary_encode()
        return _without_nulls(encoded.indices, _iso(encoded.dictionary))
    if pa.types.is_decimal(kind):
        encoded = column.dictionary_encode()
        return _without_nulls(encoded.indices, encoded.dictionary.cast(pa.string()))
    return tokens(column.cast(pa.string()))


def _without_nulls(indices: pa.Array, texts: pa.Array) -> pa.DictionaryArray:
    if indices.null_count:
        indices, texts = indices.fill_null(len(texts)), pa.concat_arrays([texts, pa.array([""])])
    return pa.DictionaryArray.from_arrays(indices, texts)


def _iso(moments: pa.TimestampArray) -> pa.Array:
    """Moments as Python's calendar writes them."""
    if moments.type.tz in {None, _UTC}:
        texts = pc.replace_substring_regex(moments.cast(pa.timestamp("us")).cast(pa.string()), _WHOLE_SECOND, "")
        return pc.binary_join_element_wise(texts, "+00:00", "") if moments.type.tz else texts
    return pa.array(map(_iso_there, moments), pa.string())


def _iso_there(moment: pa.TimestampScalar) -> str:
    try:
        return str(moment.as_py().isoformat(sep=" "))
    except (ValueError, OverflowError):  # before the year 1, or after 9999
        return ""


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["it is damaged"])[0][:200]
