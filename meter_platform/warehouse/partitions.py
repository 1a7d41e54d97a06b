"""Publishes the rows of reference dates: whole, in one transaction, or not at all.

What belongs here: locks, the transaction, putting a new child table in the place of the old one. What does not: which rows
there are (assets and `ingestion/` say), the contract (`validation.py` checks).

Small tables replace a date's rows in place. A natively partitioned table gets a new child for the date, which is filled and
indexed before anyone sees it, and then takes the place of the old child in a moment. A reader sees the old rows or the new
ones, whenever it looks and however the writer ends. Two writers of one date wait for each other.
"""

import logging
import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final

import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from pgpq import ArrowToPostgresBinaryEncoder
from psycopg import sql

from meter_platform.errors import PartitionBusyError
from meter_platform.stages import run_ahead
from meter_platform.warehouse import partition_notes, pruned
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.left_out import LeftOut
from meter_platform.warehouse.tables import PARTITIONS_SCHEMA, Table
from meter_platform.warehouse.validation import REPEATED_KEY, ContractViolationError, Violation, validate
from meter_platform.warehouse.waiting import wait_for

_WAIT_SECONDS: Final = 0.15
"""How long publishing stands in the queue for a table's lock: as long as other readers wait behind it."""

_PAUSE_SECONDS: Final = 0.25
"""Between two tries, so that readers get through."""

_POLITE_SECONDS: Final = 15.0
"""How long it tries like that. Short reads that overlap without a gap would keep it out for as long as they go on."""

_LONGEST_WAIT_SECONDS: Final = 4.0
"""How long it stands in the queue at most, after that. Reads that end within this time cannot keep it out: those before
it end, those after it wait. Whoever reads with a lock timeout of 5 s, as typed SQL does, never notices."""

_PATIENCE_SECONDS: Final = 600.0
"""A query on the table may run this long before publishing gives up."""

_COPY_ROWS: Final = 65_536
"""Rows encoded at a time, some 5 MB: they fit into the processor's cache, and the connection takes them in a few calls."""

_SEND_BUFFER_BYTES: Final = 4 << 20
"""The send buffer that is asked for; the system gives as much of it as it allows."""

_STATISTICS_TARGET: Final = 20
"""Makes `ANALYZE` sample 6,000 rows, enough to estimate how many meterpoints there are; Postgres's default samples 30,000."""

SMALL_SAMPLES: Final = sql.SQL("SET default_statistics_target = {}").format(sql.Literal(_STATISTICS_TARGET))
"""Has a session take such samples."""

_SAMPLE_OF_A_TARGET: Final = 300
"""Rows in `ANALYZE`'s sample for each of the target's number."""

_LOG: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class StoreReport:
    """What was stored.

    Attributes:
        rows_per_date: how many rows each reference date has now.
        facts: further facts for people, by their names.
        unchanged: dates that were left as they were because there was nothing new for them.
    """

    rows_per_date: dict[date, int] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    unchanged: frozenset[date] = frozenset()


class Session:
    """One connection to Postgres and its transaction, with the few calls that writers need.

    Attributes:
        impatient: a date of this session has waited long to be published: the dates after it do not begin with short waits
            again.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self.impatient = False

    def execute(self, statement: sql.SQL | sql.Composed) -> None:
        """Runs a statement in the session's transaction.

        Raises:
            psycopg.Error: Postgres refuses it; the transaction is then of no more use, unless within `savepoint`.
        """
        self._connection.execute(statement)

    def fetch(self, statement: sql.SQL | sql.Composed) -> list[tuple[Any, ...]]:
        """Runs a query and returns its rows."""
        return self._connection.execute(statement).fetchall()

    def copy(self, target: sql.Identifier, rows: pa.Table) -> None:
        """Appends rows to a table by binary COPY.

        Args:
            target: the table.
            rows: with columns of the table's names.
        """
        if rows.num_rows:
            self._copy(target, rows.column_names, _encoded([rows]), freeze=False)

    def copy_stream(
        self,
        target: sql.Identifier,
        names: Iterable[str],
        tables: Iterable[pa.Table],
        *,
        constants: Mapping[str, date | datetime] | None = None,
        freeze: bool = False,
    ) -> None:
        """Appends rows to a table by one binary COPY, which takes them while those after them are made and encoded.

        Args:
            target: the table.
            names: of its columns.
            tables: the rows, with these columns. They are made in another thread.
            constants: columns that have one value in every row. They become the column's default while the rows are copied,
                which spares a sixth of the server's work; the table must be one that no one else uses.
            freeze: copy with `FREEZE`, so that no later reader has to look up whether this transaction was committed. The
                table must have been created in this transaction.
        """
        alter = sql.SQL("ALTER TABLE {} ALTER COLUMN {} {} DEFAULT {}")
        constants = constants or {}
        for name, value in constants.items():
            self.execute(alter.format(target, sql.Identifier(name), sql.SQL("SET"), sql.Literal(value)))
        copied = [name for name in names if name not in constants]
        self._buffer_generously()
        # Closed, so that the thread that makes rows ends when the server refuses some.
        with closing(run_ahead(_encoded(table.select(copied) for table in tables))) as blocks:
            self._copy(target, copied, blocks, freeze=freeze)
        for name in constants:
            self.execute(alter.format(target, sql.Identifier(name), sql.SQL("DROP"), sql.SQL("")))

    def copy_to_each(self, parts: Iterable[tuple[sql.Identifier, sql.Composed | None, pa.Table]]) -> None:
        """Appends rows to tables by binary COPY, while those after them are made and encoded.

        Args:
            parts: each a table that was created in this transaction, a statement to run before, and rows with columns of
                the table's names. They are made in another thread.
        """
        encoded = (
            (target, None if begin else before, rows.column_names, b"".join(_encoded([rows.slice(begin, _COPY_ROWS)])))
            for target, before, rows in parts
            for begin in range(0, rows.num_rows, _COPY_ROWS)
        )
        self._buffer_generously()
        with closing(run_ahead(encoded)) as ahead:
            for target, before, names, block in ahead:
                if before:
                    self.execute(before)
                self._copy(target, names, [block], freeze=True)

    def copy_out(self, query: sql.Composed) -> Iterator[bytes]:
        """The rows of a query as CSV, some at a time; no statement may run in the session until the last was taken."""
        statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(query)
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for block in copy:
                yield bytes(block)

    def _buffer_generously(self) -> None:
        """Enlarges the send buffer of a connection to a server on this machine, so that it holds two blocks of rows.

        While rows are made, the thread that sends them often waits for the interpreter's lock. Meanwhile the server works on
        what is in the buffer. The buffer of a network connection grows by itself unless it is set, and is left alone.
        """
        if not self._connection.info.host.startswith("/"):
            return
        with socket.socket(fileno=os.dup(self._connection.fileno())) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)

    def _copy(self, target: sql.Identifier, names: Sequence[str], blocks: Iterable[bytes], *, freeze: bool) -> None:
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary, FREEZE {})").format(
            target, sql.SQL(", ").join(map(sql.Identifier, names)), sql.Literal(freeze)
        )
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for block in blocks:
                copy.write(block)

    def commit(self) -> None:
        """Makes the transaction's changes visible; the next statement begins another."""
        self._connection.commit()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What runs inside is undone by an error, and the transaction goes on."""
        with self._connection.transaction():
            yield


def _encoded(tables: Iterable[pa.Table]) -> Iterator[bytes]:
    """Tables in Postgres's binary COPY format, as one stream: a header, the rows, a trailer."""
    empty = ArrowToPostgresBinaryEncoder(pa.schema({}))
    yield empty.write_header()
    trailer = empty.finish()
    for table in tables:
        # One encoder for each table: the scale of its decimals may differ, though the bytes for Postgres do not depend on it.
        encoder = ArrowToPostgresBinaryEncoder(table.schema)
        encoder.write_header()
        for batch in table.to_batches(max_chunksize=_COPY_ROWS):
            yield encoder.write_batch(batch)
        yield encoder.finish().removesuffix(trailer)  # the last rows, which it keeps back
    yield trailer


@contextmanager
def session(database: Database) -> Iterator[Session]:
    """A connection for writing; nothing is kept unless it is committed.

    Raises:
        ServerUnavailableError: the server does not answer, or refuses the login.
    """
    with database.connect() as connection:
        yield Session(connection)
        connection.rollback()


def lock_dates(
    writer: Session, table: Table, dates: Iterable[date], *, log: Callable[[str], None] | None = None
) -> None:
    """Takes the lock of each of these dates of the table, and waits for whoever has one; held until the session ends.

    Dates are locked in order, so that two writers with dates in common wait and never block each other.

    Raises:
        LockHeldError: another process has had one of them for 600 seconds.
    """
    numbers = sorted(day.toordinal() for day in dates)
    name, every = sql.Literal(table.qualified_name), sql.Literal(numbers)
    wait_for(
        writer,
        sql.SQL(
            "SELECT pg_advisory_lock(hashtext({}), day) FROM unnest({}::int[]) WITH ORDINALITY AS d(day, n) ORDER BY n"
        ).format(name, every),
        sql.SQL("SELECT hashtext({})::bigint, day::bigint FROM unnest({}::int[]) AS day").format(name, every),
        what=f"the load of {table.qualified_name}",
        log=log,
    )


def refuse_pruned(writer: Session, dates: Iterable[date]) -> None:
    """Refuses to store dates that were pruned.

    Args:
        writer: that has their locks: a date that is pruned at this moment is known by then.
        dates: that are to be stored.

    Raises:
        PermanentError: one of them was.
    """
    if found := writer.fetch(pruned.among(dates)):
        raise pruned.refusal(found[0][0])


def locked_dates(session: Session, table: Table) -> list[date]:
    """The dates of a table whose lock some process has, or waits for."""
    rows = session.fetch(
        sql.SQL(
            "SELECT DISTINCT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
            "AND classid::bigint = hashtext({})::bigint & 4294967295"
        ).format(sql.Literal(table.qualified_name))
    )
    return [date.fromordinal(number) for (number,) in rows]


def replace_rows(
    database: Database,
    table: Table,
    frames: Iterable[pd.DataFrame | pa.Table],
    dates: Sequence[date],
    *,
    sources: Mapping[date, str] | None = None,
    rules: str = "",
    before_commit: Callable[[Session, Table, Sequence[date]], None] | None = None,
) -> StoreReport:
    """Replaces the rows of `dates` in a small table by those of `frames`.

    Args:
        database: the one with the table.
        table: not a natively partitioned one.
        frames: the new rows, whole or in chunks; each chunk is validated before it is written.
        dates: the reference dates that are replaced. Rows of other dates break the contract.
        sources: what each date was computed from, by `lineage.built_from`.
        rules: what it was computed by, by `lineage.rules_digest`.
        before_commit: done when the new rows are in the table, and nobody sees them yet.

    Raises:
        ContractViolationError: the rows break the contract; the stored ones are as they were.
        LockHeldError: another process writes one of the dates all the time.
        PermanentError: one of the dates was pruned.
    """
    counts: Counter[date] = Counter(dict.fromkeys(dates, 0))
    # In a single frame pandera checks the key, with a better message; over several chunks only Postgres can.
    single = isinstance(frames, list | tuple) and len(frames) == 1

    def validated() -> Iterator[pa.Table]:
        for frame in frames:
            rows = validate(table, frame, unique=single)
            _only(table, rows, dates)
            for item in pc.value_counts(rows["reference_date"]).to_pylist():
                counts[item["values"]] += item["counts"]
            yield rows

    started = datetime.now(UTC)
    with session(database) as writer:
        lock_dates(writer, table, dates)
        refuse_pruned(writer, dates)
        writer.execute(
            sql.SQL("DELETE FROM {} WHERE reference_date = ANY({}::date[])").format(
                table.identifier, sql.Literal(list(dates))
            )
        )
        with _key_violations(table):
            writer.copy_stream(table.identifier, table.arrow_schema.names, validated())
        writer.execute(partition_notes.noted(table.name, counts, loaded_at=started, sources=sources, rules=rules))
        if before_commit:
            before_commit(writer, table, dates)
        writer.commit()
        analyse(writer, table.identifier)
        writer.commit()
    return StoreReport(rows_per_date=dict(counts))


def analyse(writer: Session, table: sql.Identifier) -> None:
    """Gives Postgres statistics of rows that have just been written.

    With the statistics from before, the first queries on a new date would be planned for an empty table. A small sample
    tells the sizes without reading a large table whole; autovacuum takes a larger one later.
    """
    _analyse(writer, [table], target=_STATISTICS_TARGET)


def analyse_all(writer: Session, filled: Iterable[tuple[sql.Identifier, int]]) -> None:
    """Gives Postgres statistics of several tables, in few statements: of few rows a sample of a tenth is enough.

    Args:
        writer: the session.
        filled: each table, and how many rows it has.
    """
    tables_of: dict[int, list[sql.Identifier]] = {}
    for table, count in filled:
        target = min(max(count // (10 * _SAMPLE_OF_A_TARGET), 1), _STATISTICS_TARGET)
        tables_of.setdefault(target, []).append(table)
    for target, together in tables_of.items():
        _analyse(writer, together, target=target)


def _analyse(writer: Session, together: Sequence[sql.Identifier], *, target: int) -> None:
    writer.execute(sql.SQL("SET LOCAL default_statistics_target = {}").format(sql.Literal(target)))
    writer.execute(sql.SQL("ANALYZE {}").format(sql.SQL(", ").join(together)))


@dataclass(frozen=True, slots=True)
class StoredRows:
    """What an asset returns when the load of another asset has stored its rows already: they are counted, not written."""

    table: Table

    def store(self, database: Database, dates: Sequence[date]) -> StoreReport:
        """Counts the rows of the dates, and notes that the table did not fail for them."""
        counts = dict.fromkeys(dates, 0)
        with session(database) as reader:
            reader.execute(partition_notes.mended(self.table.name, dates))
            found = reader.fetch(
                sql.SQL(
                    "SELECT reference_date, count(*) FROM {} WHERE reference_date = ANY({}::date[]) GROUP BY 1"
                ).format(self.table.identifier, sql.Literal(list(dates)))
            )
            reader.commit()
        return StoreReport(rows_per_date=counts | dict(found))


def _only(table: Table, rows: pa.Table, dates: Sequence[date]) -> None:
    other = pc.invert(pc.is_in(rows["reference_date"], pa.array(dates, pa.date32())))
    count = pc.sum(other).as_py() or 0
    if count:
        examples = ", ".join(map(str, pc.unique(rows["reference_date"].filter(other)).slice(0, 5).to_pylist()))
        raise ContractViolationError(
            table.qualified_name,
            [Violation("reference_date", "the date is not one of the partitions being stored", count, examples)],
        )


@contextmanager
def _key_violations(table: Table) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.UniqueViolation:
        raise ContractViolationError(
            table.qualified_name, [Violation(", ".join(table.key), REPEATED_KEY, 1, "")]
        ) from None


@dataclass(frozen=True, slots=True)
class Child:
    """The table that holds, or will hold, one reference date of a natively partitioned table.

    Attributes:
        table: whose child it is.
        day: the reference date.
        name: of the child.
        left_out: the columns that it does not have yet; `None` where it has all.
    """

    table: Table
    day: date
    name: str
    left_out: LeftOut | None = field(default=None, compare=False)

    @property
    def identifier(self) -> sql.Identifier:
        """`"schema"."table"`, for SQL."""
        return sql.Identifier(PARTITIONS_SCHEMA, self.name)


def create_child(writer: Session, table: Table, day: date) -> Child:
    """Creates an empty table for a date, not yet part of its parent.

    It has no index, and where `wal_level` is minimal Postgres writes no log for rows that are copied into it within this
    transaction. The parent is not locked: otherwise writers of other dates would wait for this transaction to end.
    """
    child = Child(table, day, f"{_name_begins(table, day)}{time.time_ns():x}")
    _create(writer, child, ())
    return child


def create_narrow_child(
    writer: Session, table: Table, day: date, *, values: Mapping[str, Any] | None = None
) -> tuple[Child, LeftOut]:
    """The same without the columns that may have one value in every row; `complete` adds those that are left.

    Args:
        writer: the session.
        table: of delivered rows.
        day: the date.
        values: the columns that it is to be without, if that is known before it is filled.
    """
    name = f"{_name_begins(table, day)}{time.time_ns():x}"
    left_out = LeftOut(sql.Identifier(PARTITIONS_SCHEMA, name), table, values)
    child = Child(table, day, name, left_out)
    _create(writer, child, left_out.values)
    return child, left_out


def _create(writer: Session, child: Child, without: Collection[str]) -> None:
    # With this check Postgres attaches the child without reading its rows.
    its_date = sql.SQL("CHECK (reference_date = {})").format(sql.Literal(child.day))
    columns = child.table.definitions(its_date, packed=True, without=without)
    writer.execute(sql.SQL("CREATE TABLE {} ({})").format(child.identifier, columns))


def complete(writer: Session, child: Child) -> None:
    """Adds the columns that a child does not have yet."""
    if child.left_out and (statement := child.left_out.complete()):
        writer.execute(statement)


def _name_begins(table: Table, day: date) -> str:
    """How the name of a date's child begins; what follows tells it from the one whose place it takes."""
    return f"{table.name}_{day:%Y%m%d}_"


def attached_days(session: Session, table: Table) -> set[date]:
    """The dates of which a natively partitioned table has a child."""
    rows = session.fetch(
        sql.SQL(
            "SELECT substring(pg_get_expr(relpartbound, oid) FROM '\\d{{4}}-\\d\\d-\\d\\d')::date "
            "FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = {}::regclass"
        ).format(sql.Literal(table.identifier.as_string(None)))
    )
    return {day for (day,) in rows if day}


def attached_child(writer: Session, table: Table, day: date) -> Child | None:
    """The table that holds a date now; `None` for a date without rows that was never published.

    It is looked for by its name, in an index: to read what each child is for takes time in proportion to the stored dates.
    """
    begins = _name_begins(table, day)
    found = writer.fetch(
        sql.SQL(
            "SELECT child.relname FROM pg_class AS child JOIN pg_inherits ON child.oid = inhrelid "
            "WHERE inhparent = {}::regclass AND child.relname BETWEEN {} AND {} "
            "AND pg_get_expr(child.relpartbound, child.oid) = {}"
        ).format(
            sql.Literal(table.identifier.as_string(None)),
            sql.Literal(begins),
            sql.Literal(f"{begins}g"),  # hexadecimal digits follow
            sql.Literal(f"FOR VALUES IN ('{day}')"),
        )
    )
    return Child(table, day, found[0][0]) if found else None


def append(writer: Session, child: Child, source: sql.Composable, condition: sql.Composable) -> None:
    """Copies rows of another table into a child, with the columns that the child has.

    Args:
        writer: in whose transaction.
        child: gets the rows. What it is without has the same value in these rows.
        source: the other table.
        condition: which of its rows.
    """
    names = child.left_out.names if child.left_out else child.table.arrow_schema.names
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    writer.execute(
        sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} WHERE {}").format(
            child.identifier, columns, columns, source, condition
        )
    )


def append_date(writer: Session, child: Child, old: Child) -> None:
    """Copies all rows of the child that holds a date now into the one that will."""
    if child.left_out and (statement := child.left_out.admit_rows_of(old.identifier, writer.fetch)):
        writer.execute(statement)
    append(writer, child, old.identifier, sql.SQL("true"))


def add_key(writer: Session, child: Child) -> bool:
    """Indexes a child, which has all columns, by its table's key. False where the key occurs twice; it is then as it was."""
    key = sql.SQL(", ").join(map(sql.Identifier, child.table.key))
    try:
        with writer.savepoint():
            writer.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(child.identifier, key))
    except psycopg.errors.UniqueViolation:
        return False
    return True


def publish(writer: Session, new: Child, old: Child | None) -> None:
    """Attaches a new child in the place of the old one, which is dropped; visible once the transaction is committed.

    For the first 15 s readers of the table wait 0.15 s at most at a time. If the lock was not to be had by then, the log
    says so, and they may wait up to 4 s at a time.

    Args:
        writer: the session in whose transaction `new` was created and filled.
        new: the child with the date's new rows and its key.
        old: the child that holds the date now (`attached_child`), if any.

    Raises:
        PartitionBusyError: someone has been reading the table for 600 seconds without a pause.
    """
    analyse(writer, new.identifier)
    _patiently(writer, new, lambda: _put_in_place(writer, new, old))


def publish_all(writer: Session, children: Sequence[Child], *, rows: Mapping[date, int]) -> None:
    """Attaches new children of dates that have none yet; visible once the transaction is committed.

    Args:
        writer: the session in whose transaction the children were created and filled.
        children: with the dates' new rows and their keys.
        rows: how many each date has.

    Raises:
        PartitionBusyError: others changed the table's partitions for 600 seconds without a pause.
    """
    if not children:
        return
    analyse_all(writer, [(child.identifier, rows[child.day]) for child in children])
    # Others who change the table's partitions wait from here to the commit: what the first child waits for, the others have.
    _patiently(writer, children[0], lambda: _attach(writer, children))


def remove(writer: Session, old: Child) -> None:
    """Takes a date's child away, as patiently as `publish`; gone once the transaction is committed.

    Raises:
        PartitionBusyError: as `publish`.
    """
    _patiently(writer, old, lambda: _take_away(writer, old))


def _patiently(writer: Session, child: Child, change: Callable[[], None]) -> None:
    """Changes the table of all dates when its readers let one, and tries for ten minutes."""
    began = time.monotonic()
    wait = 1.0 if writer.impatient else _WAIT_SECONDS
    while True:
        try:
            with writer.savepoint():
                timeout = sql.Literal(f"{wait * 1000:.0f}ms")
                writer.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(timeout))
                change()
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            waited = time.monotonic() - began
            if waited > _PATIENCE_SECONDS:
                raise PartitionBusyError(
                    f"{child.table.qualified_name} of {child.day} was being read for {_PATIENCE_SECONDS / 60:.0f} minutes "
                    "without a pause, and could not be changed: end the long query, or try again."
                ) from error
            # Readers get through for longer than they were kept waiting.
            time.sleep(max(_PAUSE_SECONDS, 2 * wait if wait > _WAIT_SECONDS else 0))
            if writer.impatient or waited > _POLITE_SECONDS:
                if not writer.impatient:
                    writer.impatient = True
                    _LOG.warning(
                        "%s of %s: it has waited for %.0f s for readers of the table to pause; from now on "
                        "other readers may wait for it, up to %.0f s at a time.",
                        child.table.qualified_name,
                        child.day,
                        waited,
                        _LONGEST_WAIT_SECONDS,
                    )
                wait = min(max(1.0, 2 * wait), _LONGEST_WAIT_SECONDS)
        else:
            return


def _put_in_place(writer: Session, new: Child, old: Child | None) -> None:
    if old:
        _take_away(writer, old)
    _attach(writer, [new])


def _attach(writer: Session, children: Sequence[Child]) -> None:
    attach = sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES IN ({})")
    writer.execute(
        sql.SQL("; ").join(
            attach.format(child.table.identifier, child.identifier, sql.Literal(child.day)) for child in children
        )
    )


def _take_away(writer: Session, old: Child) -> None:
    writer.execute(sql.SQL("ALTER TABLE {} DETACH PARTITION {}").format(old.table.identifier, old.identifier))
    writer.execute(sql.SQL("DROP TABLE {}").format(old.identifier))
