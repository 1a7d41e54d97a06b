"""Reads agreements, products and meterpoints from the reference database: any that SQLAlchemy can reach.

What belongs here: connecting, reading, and saying what is wrong with a source that is absent, locked, half refreshed or
of another form. What does not: what the tables mean (contracts), and which agreements count (rules).
"""

import datetime as dt
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from meter_platform.errors import (
    InternalError,
    MeterPlatformError,
    SettingsError,
    SourceError,
    SourceRefusedError,
    SourceUnavailableError,
    first_line,
)
from meter_platform.redaction import is_host, redact, redact_text
from meter_platform.reference import refusals
from meter_platform.reference.sqlite_files import opened
from meter_platform.stages import UNBOUNDED, run_ahead
from meter_platform.warehouse.tables import RAW_AGREEMENTS, RAW_METERPOINTS, RAW_PRODUCTS, Table

SOURCE_TABLES: Final = {RAW_AGREEMENTS: "agreement", RAW_PRODUCTS: "product", RAW_METERPOINTS: "meterpoint"}
"""The source's name of the table that each of ours is a snapshot of. The columns have the same names in both."""

_ADDED: Final = {"reference_date", "loaded_at"}
"""Columns of ours that the source does not have."""

_LARGEST: Final = 2**63 - 1

_CHUNK_ROWS: Final = 100_000
"""Rows that are checked and copied at a time, at most: a year of a small table is one chunk."""

_READ_ROWS: Final = 10_000
"""Rows that are held as Python objects at a time: in Arrow they take a tenth of the memory."""

_BUSY_SECONDS: Final = 5
"""How long a reader waits for a database that is in the middle of its refresh; after that the step is retried later."""


_PERSONAL: Final = {"meterpoint_id", "account_id"}
"""Columns whose values stay out of messages."""

_LONGEST_SHOWN: Final = 40
"""Characters of a key in a message."""

_SQLITE_NOT_UTF8: Final = "Could not decode to UTF-8"
"""The beginning of the message of Python's driver for a text that is not UTF-8; the value follows."""

_POSTGRES_NOT_UTF8: Final = "22021"
"""The server's code for text that it does not hand over as UTF-8."""

_NOT_UTF8: Final = "the text is not UTF-8, which Postgres cannot store"

_LOOKED_AT: Final = 1_000
"""Rows that are read at a time to find the one with a text that is not UTF-8."""


def source_fields(table: Table) -> list[pa.Field]:
    """The columns of a snapshot that are read from the source: all of the contract's but those that storing adds."""
    return [field for field in table.arrow_schema if field.name not in _ADDED]


@dataclass(frozen=True)
class ReferenceDatabase:
    """The database with `agreement`, `product` and `meterpoint`, by SQLAlchemy URL (SQLite, Postgres/RDS, …)."""

    url: str = field(repr=False)

    @property
    def shown(self) -> str:
        """The URL without anything secret, for messages."""
        return redact(self.url)

    def read(self, table: Table) -> Iterator[pa.Table]:
        """Reads one table whole, in the state in which it is when the first rows are asked for.

        The source is in use until the last rows were taken.

        Args:
            table: ours; the source's table in `SOURCE_TABLES` is read.

        Yields:
            Some thousands of its rows at a time: the contract's columns but reference_date and loaded_at, in the
            contract's types.

        Raises:
            SourceUnavailableError: the database is absent, busy, or does not answer, or the table is empty; it may be
                otherwise later.
            SourceError: the table or a column is missing, or a value cannot be read.
            SourceRefusedError: the server refuses the login, or is not whom the URL asks for.
            SettingsError: the URL cannot be used.
        """
        with self._opened() as opened:
            yield from self._rows(opened, table)

    def read_together(self, tables: Iterable[Table]) -> Generator[tuple[Table, Iterator[pa.Table]]]:
        """Reads several tables, one after another, as they are at one moment where the source is a Postgres.

        Nothing else holds a moment for long without keeping its writers waiting: each table of another source is read
        in the state in which it is then.

        Args:
            tables: ours; each has to be read to its end before the next.

        Yields:
            Each table with its rows, as `read` yields them, and with its errors.
        """
        with self._opened() as opened:
            if not opened.is_postgres:
                for table in tables:
                    yield table, self._rows(opened, table)
                return
            try:
                with opened.engine.connect() as connection:
                    at_once = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                    for table in tables:
                        yield table, self._rows(opened, table, at_once)
            except sa.exc.DBAPIError as error:
                raise self._refused(error, opened) from None

    def _rows(self, opened: "_Opened", table: Table, connection: sa.Connection | None = None) -> Iterator[pa.Table]:
        name = SOURCE_TABLES[table]
        fields = source_fields(table)
        selected = sa.select(*(sa.column(field.name) for field in fields)).select_from(sa.table(name))
        count = 0
        source = _Source(name, self.shown, fields, table.key)
        try:
            with nullcontext(connection) if connection else opened.engine.connect() as connected:
                self._require(connected, name, [field.name for field in fields])
                for rows in connected.execution_options(yield_per=_READ_ROWS).execute(selected).partitions():
                    yield _table(source, rows, before=count)
                    count += len(rows)
        except UnicodeDecodeError:
            raise _undecodable(opened.engine, source) from None
        except sa.exc.DBAPIError as error:
            if _is_undecodable(error):
                raise _undecodable(opened.engine, source) from None
            raise self._refused(error, opened) from None
        if not count:
            raise SourceUnavailableError(
                f'Table "{name}" of the reference database {self.shown} is empty: is it in the middle of its refresh?'
            )

    def _refused(self, error: sa.exc.DBAPIError, opened: "_Opened") -> MeterPlatformError:
        """The platform's error for what a driver raised."""
        why = self._why(error)
        database = f"The reference database {self.shown}{opened.mode}"
        if opened.is_postgres and (what_to_do := refusals.what_to_do(str(error.orig or error))):
            return SourceRefusedError(f"{database} cannot be read ({why}): {what_to_do}.")
        if isinstance(error, sa.exc.OperationalError):
            return SourceUnavailableError(
                f"{database} cannot be read now ({why}): is it absent, locked, or in the middle of its refresh?"
            )
        return SourceError(f"{database} cannot be read: {why}.")

    @contextmanager
    def _opened(self) -> "Iterator[_Opened]":
        """An engine that leaves no file beside the database."""
        try:
            url = sa.make_url(self.url)
        except (sa.exc.ArgumentError, ValueError):
            raise SettingsError(
                "METER_PLATFORM_REFERENCE_URL is no SQLAlchemy URL: write it as sqlite:////data/reference.db or "
                "postgresql://user:password@host/database."
            ) from None
        if not is_host(url.host or "") or (url.host and "@" in (url.database or "")):
            # What SQLAlchemy takes for the host, or the database, may be the end of a password.
            raise SettingsError(
                "METER_PLATFORM_REFERENCE_URL can be read in two ways: in user and password write every @ as %40, : as "
                "%3A and / as %2F (the URL is not shown, for it may hold a password)."
            )
        if url.get_backend_name() != "sqlite":
            options: dict[str, Any] = {}
            if url.get_backend_name() == "postgresql":
                url = url.set(drivername="postgresql+psycopg")
                options["connect_args"] = {
                    "client_encoding": "utf8",  # a server without an encoding would hand over bytes
                    "connect_timeout": _BUSY_SECONDS,
                    "options": f"-c lock_timeout={_BUSY_SECONDS}s",
                }
            yield _Opened(self._engine(url, **options), is_postgres=bool(options))
            return
        # SQLite makes a missing file, and writes beside one: a source is only read.
        path = Path(url.database or "").absolute()
        if not path.is_file():
            raise SourceUnavailableError(
                f"The reference database {path} is not there: check METER_PLATFORM_REFERENCE_URL."
            )
        with opened(path) as file:
            query = {"mode": "ro", "uri": "true", "timeout": str(_BUSY_SECONDS)}
            if file.immutable:
                query["immutable"] = "1"
            engine = self._engine(sa.make_url("sqlite://").set(database=f"file:{quote(str(file.path))}", query=query))
            yield _Opened(engine, ", which is in WAL mode," if file.in_wal_mode else "")

    def _engine(self, url: sa.URL, **options: object) -> sa.Engine:
        try:
            return sa.create_engine(url, poolclass=sa.NullPool, **options)
        except (sa.exc.NoSuchModuleError, ImportError) as error:
            raise SettingsError(
                f"METER_PLATFORM_REFERENCE_URL needs a driver that is not installed: {redact_text(str(error), self.url)}."
            ) from None

    def _why(self, error: sa.exc.DBAPIError) -> str:
        """The driver's first line, which may quote the URL."""
        return redact_text(first_line(error.orig or error), self.url)

    def _require(self, connection: sa.Connection, name: str, wanted: Sequence[str]) -> None:
        inspector = sa.inspect(connection)
        if not inspector.has_table(name):
            raise SourceError(f'The reference database {self.shown} has no table "{name}".')
        present = {column["name"] for column in inspector.get_columns(name)}
        missing = [column for column in wanted if column not in present]
        if missing:
            raise SourceError(
                f'Table "{name}" of the reference database {self.shown} lacks the column {" and ".join(missing)}.'
            )


@dataclass(frozen=True, slots=True)
class _Opened:
    """A database that can be read.

    Attributes:
        engine: makes connections to it.
        mode: words for errors on how it is read.
        is_postgres: whether it is one.
    """

    engine: sa.Engine
    mode: str = ""
    is_postgres: bool = False


@dataclass(frozen=True, slots=True)
class _Source:
    """A table of the source, as errors about its rows name it.

    Attributes:
        table: its name.
        database: the URL as it may be shown.
        fields: the columns that are read.
        key: the columns that name a row.
    """

    table: str
    database: str
    fields: Sequence[pa.Field]
    key: Sequence[str]

    def fault(self, number: int, column: str, why: str, row: Sequence[Any] = ()) -> SourceError:
        """The error of a value of a row, which is named by its number and by what may be shown of its key."""
        named = [
            f"{field.name} {value}"
            for field, value in zip(self.fields, row, strict=False)
            if field.name in self.key and field.name not in {column, *_PERSONAL} and _may_be_shown(value)
        ]
        key = f" (the row with {' and '.join(named)})" if named else ""
        return SourceError(
            f'Table "{self.table}" of the reference database {self.database}, row {number}, column {column}: {why}{key}.'
        )


def _may_be_shown(value: object) -> bool:
    return value is not None and len(text := str(value)) <= _LONGEST_SHOWN and text.isprintable()


def _table(source: _Source, rows: Sequence[sa.Row[Any]], *, before: int) -> pa.Table:
    """Rows that come after `before` others, in the contract's types."""
    columns = zip(*rows, strict=True)
    return pa.table(
        {
            field.name: _column(source, field, values, rows, before=before)
            for field, values in zip(source.fields, columns, strict=True)
        }
    )


def _column(
    source: _Source, field: pa.Field, values: Sequence[Any], rows: Sequence[sa.Row[Any]], *, before: int
) -> pa.Array:
    plain = _plain_column(values, field.type)
    if plain is not None:
        return plain
    convert = _CONVERSIONS[field.type]
    converted = []
    for number, value in enumerate(values, start=1):
        try:
            converted.append(None if value is None else convert(value))
        except _TextError as error:
            raise source.fault(before + number, field.name, str(error), rows[number - 1]) from None
        except (ValueError, TypeError, OverflowError):
            why = f"the value is not of type {field.type}"
            if isinstance(value, str) and not value:
                why += ": it is an empty text, for which NULL has to be written"
            raise source.fault(before + number, field.name, why, rows[number - 1]) from None
    return pa.array(converted, field.type)


def _is_undecodable(error: sa.exc.DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) == _POSTGRES_NOT_UTF8 or _SQLITE_NOT_UTF8 in str(error.orig)


def _undecodable(engine: sa.Engine, source: _Source) -> SourceError:
    """The error of the first text that is not UTF-8, found by reading each column on its own."""
    for column in source.fields:
        query: sa.Select[Any] = sa.select(sa.column(column.name)).select_from(sa.table(source.table))
        before, is_readable = _readable_rows(engine, query, together=_LOOKED_AT)
        if not is_readable:
            more, _ = _readable_rows(engine, query.offset(before), together=1)
            return source.fault(before + more + 1, column.name, _NOT_UTF8)
    return SourceError(f'Table "{source.table}" of the reference database {source.database}: {_NOT_UTF8}.')


def _readable_rows(engine: sa.Engine, query: sa.Select[Any], *, together: int) -> tuple[int, bool]:
    """How many rows can be read, some at a time, and whether that is all of them."""
    count = 0
    with engine.connect() as connection:
        try:
            for rows in connection.execution_options(yield_per=together).execute(query).partitions():
                count += len(rows)
        except (UnicodeDecodeError, sa.exc.DBAPIError):
            return count, False
    return count, True


@dataclass(frozen=True, slots=True)
class Snapshots:
    """The same rows for each of several reference dates, in chunks of 100,000 rows at most.

    Attributes:
        rows: of the source, some at a time. They are read as fast as the source gives them, not as fast as Postgres stores
            them, so that a refresh of the source does not wait for Postgres.
        dates: the reference dates.
    """

    rows: Iterable[pa.Table]
    dates: Sequence[dt.date]

    def __iter__(self) -> Iterator[pa.Table]:
        with closing(run_ahead(self.rows, waiting=UNBOUNDED)) as tables:
            for rows in tables:
                yield from self._repeated(rows)

    def _repeated(self, rows: pa.Table) -> Iterator[pa.Table]:
        count = rows.num_rows
        together = max(1, _CHUNK_ROWS // count)
        for start in range(0, len(self.dates), together):
            days = self.dates[start : start + together]
            repeated = rows.take(pa.array(np.tile(np.arange(count), len(days))))
            column = pa.array(days, pa.date32()).take(pa.array(np.repeat(np.arange(len(days)), count)))
            yield repeated.append_column("reference_date", column)


class _TextError(InternalError):
    """A text that Postgres cannot hold; the message says why."""


def _plain_column(values: Sequence[Any], wanted: pa.DataType) -> pa.Array | None:
    """A column whose values all have the expected type, converted at once; `None` if each has to be converted by itself."""
    try:
        column = pa.array(values)
        # SQLite has no dates: they are text there.
        is_plain = column.type == wanted or (pa.types.is_string(column.type) and pa.types.is_date32(wanted))
        if pa.types.is_string(column.type) and pc.any(pc.match_substring(column, "\0")).as_py():
            return None
        return column.cast(wanted) if is_plain else None
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError):
        return None


def _to_date(value: object) -> dt.date:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    # SQLite has no dates: they are text there, some followed by midnight. With another time of day, or a zone, nobody can
    # tell which day is meant.
    moment = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
    if moment.timetz() != dt.time():
        raise ValueError(value)
    return moment.date()


def _to_int(value: object) -> int:
    number = int(value) if isinstance(value, str) else value
    if isinstance(number, float | Decimal) and number == int(number):
        number = int(number)
    if isinstance(number, int) and abs(number) <= _LARGEST:
        return int(number)
    raise ValueError(value)


def _to_text(value: object) -> str:
    # A binary float does not tell how the id was written, and bytes do not tell their encoding.
    if not isinstance(value, str | int | UUID) or isinstance(value, bool):
        raise TypeError(value)
    text = str(value)
    if "\0" in text:
        raise _TextError("the text holds a zero byte (NUL), which Postgres cannot store")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _TextError(_NOT_UTF8) from None
    return text


_CONVERSIONS: Final[dict[pa.DataType, Callable[[Any], Any]]] = {
    pa.date32(): _to_date,
    pa.int64(): _to_int,
    pa.string(): _to_text,
}
