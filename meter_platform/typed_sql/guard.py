"""Runs SQL that a person typed, so that nothing typed can write, look elsewhere, or hold anything up.

What belongs here: running one statement within limits of time, rows and memory, and saying why it failed in Postgres's own
words. What does not: what the role may do (`role.py`), and the page.

Nothing here reads the text to find out whether it is harmless: the server decides. The text is put behind
`DECLARE ... CURSOR FOR`, where Postgres's grammar has room for one query and nothing else, and sent by the protocol
that takes one statement; the session is the reader role's, in a read-only transaction that is never committed.
"""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
import pyarrow as pa
from psycopg import sql
from psycopg.types.string import TextLoader

from meter_platform.errors import MeterPlatformError, PermanentError, first_line
from meter_platform.postgres.connecting import connect_patiently
from meter_platform.typed_sql import role
from meter_platform.typed_sql.watch import Watch
from meter_platform.warehouse.arrow_rows import to_arrow
from meter_platform.warehouse.database import Database

_MIB: Final = 1024**2
_DECLARE: Final = f"{'DECLARE typed NO SCROLL CURSOR FOR':<160}\n"
_EXPLAIN: Final = f"{'EXPLAIN':<160}\n"
"""What typed text is appended to. Padded to 160 characters because a server that is refused memory writes a report into its
log, with the first hundred characters of each statement that it holds: so none of what is typed comes into the log."""

_MESSAGE_CHARACTERS: Final = 600
_DETAIL_CHARACTERS: Final = 2_000
"""How much of Postgres's message and detail is kept: an error quotes the value it is about, which may be of any length."""

_APPLICATION: Final = "typed SQL"
_CONNECT_SECONDS: Final = 5
_AT_ONCE: Final = 4
"""Queries that one app runs at the same time; a further one is refused, not queued."""

_GRACE_SECONDS: Final = 2.0
"""How much later than the server's own `statement_timeout` the watch ends a query that the server has not ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one typed query may use.

    Attributes:
        seconds: from the start of the statement to its last row.
        rows: rows that are returned; more are cut off, and the result says so.
        result_bytes: of the values that are returned; more are cut off, and the result says so.
        cells: values that are returned, nulls included; each takes memory of its own, however short it is.
        server_bytes: memory that the server's process may add to what it starts with, where it runs on this machine.
        characters: of the text.
        step_seconds: how long each way of ending a query gets, before a firmer one follows.
    """

    seconds: float = 30.0
    rows: int = 10_000
    result_bytes: int = 16 * _MIB
    cells: int = 500_000
    server_bytes: int = 256 * _MIB
    characters: int = 100_000
    step_seconds: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlResult:
    """What a query gave.

    Attributes:
        table: the rows.
        cut: which limit cut rows off; `None` where all are there.
        seconds: from sending it to the last row.
        is_plan: the rows are the lines of a plan, in the one column `plan`.
    """

    table: pa.Table
    cut: str | None
    seconds: float
    is_plan: bool = False


class TypedSqlError(PermanentError):
    """A typed query was refused or failed.

    Attributes:
        position: the character it is about, counted from 1 in the typed text; `None` where Postgres names none.
        detail: what Postgres says beyond the message, on lines of its own.
        sqlstate: Postgres's code; `None` where the query did not reach it.
    """

    def __init__(
        self, message: str, *, position: int | None = None, detail: str = "", sqlstate: str | None = None
    ) -> None:
        super().__init__(message)
        self.position, self.detail, self.sqlstate = position, detail, sqlstate


class TypedSqlOffError(TypedSqlError):
    """Typed queries do not run here, because nothing would keep them harmless. `detail` says what to do."""


@dataclass(slots=True)
class RunningQuery:
    """A query under way in a thread of its own."""

    _watch: Watch
    _done: threading.Event = field(default_factory=threading.Event)
    _result: SqlResult | None = None
    _error: TypedSqlError | None = None

    def cancel(self) -> None:
        """Ends the query at the server; returns at once."""
        self._watch.end("it was cancelled")

    def wait(self, seconds: float) -> bool:
        """Waits up to so long; whether the query is over."""
        return self._done.wait(seconds)

    @property
    def seconds(self) -> float:
        """Since it was started."""
        return time.monotonic() - self._watch.started

    @property
    def note(self) -> str:
        """What a person should know while it does not end although it was asked to; empty otherwise."""
        return self._watch.note

    def result(self) -> SqlResult:
        """What the query gave, once it is over.

        Raises:
            TypedSqlError: it was refused, failed, or reached a limit.
        """
        self._done.wait()
        if self._error is not None:
            raise self._error
        assert self._result is not None  # noqa: S101 - one of the two is set before `_done`
        return self._result


class SqlGuard:
    """Runs typed queries on a database."""

    def __init__(self, database: Database, *, timezone: str, trusts_socket: bool, limits: Limits | None = None) -> None:
        """Prepares; nothing is connected to yet.

        Args:
            database: the one that queries run on, with the platform's own login.
            timezone: the zone of the sessions, in which `date_trunc('day', ...)` counts and instants are returned.
            trusts_socket: the server trusts whoever reaches it, as the embedded one does: the role logs in without a
                password.
            limits: what each query may use.
        """
        self.limits = limits or Limits()
        self._database, self._timezone, self._login = database, timezone, trusts_socket
        self._free = threading.BoundedSemaphore(_AT_ONCE)

    def set_up(self) -> None:
        """Sets the role up where this login may, and proves that a session of it can do no harm.

        Raises:
            TypedSqlOffError: it cannot be proved.
            ServerUnavailableError: the server does not answer.
        """
        with self._database.connect() as connection:
            role.set_up(connection, login=self._login)
        with self._session():
            pass

    def start(self, text: str, *, plan: bool = False) -> RunningQuery:
        """Begins to run a query.

        Args:
            text: one SELECT, WITH, VALUES or TABLE statement.
            plan: show how Postgres would run it, instead of running it.

        Raises:
            TypedSqlError: too many are running, or the text cannot be sent.
        """
        if len(text) > self.limits.characters:
            raise TypedSqlError(f"The text is longer than {self.limits.characters:,} characters.")
        if not text.strip():
            raise TypedSqlError("There is nothing to run.")
        if any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in text):
            raise TypedSqlError("The text holds a character that Postgres has no text for.")
        if not self._free.acquire(blocking=False):
            raise TypedSqlError(f"{_AT_ONCE} queries are running already: wait for one to end, or cancel it.")
        watch = Watch(
            seconds=self.limits.seconds + _GRACE_SECONDS,
            server_bytes=self.limits.server_bytes,
            step_seconds=self.limits.step_seconds,
            terminate=self._terminate,
            ours=self._login,
        )
        query = RunningQuery(watch)
        threading.Thread(target=self._work, args=(query, text, plan), daemon=True, name="typed-sql").start()
        return query

    def run(self, text: str, *, plan: bool = False) -> SqlResult:
        """Runs a query and waits for it: `start` and `result` in one."""
        return self.start(text, plan=plan).result()

    def _work(self, query: RunningQuery, text: str, plan: bool) -> None:  # noqa: FBT001 - a thread's positional call
        try:
            query._result = self._run(text, plan=plan, watch=query._watch)  # noqa: SLF001 - it is ours
        except TypedSqlError as error:
            query._error = error  # noqa: SLF001
        except psycopg.Error as error:
            query._error = _explained(error, text, query._watch)  # noqa: SLF001
        finally:
            if query._result is None and query._error is None:  # noqa: SLF001
                query._error = TypedSqlError("The query failed before it gave a result.")  # noqa: SLF001
            query._done.set()  # noqa: SLF001
            self._free.release()

    def _run(self, text: str, *, plan: bool, watch: Watch) -> SqlResult:
        with self._session(watch) as connection:
            begun = time.monotonic()
            statement = _DECLARE + text
            # Prepared: the protocol for prepared statements takes exactly one.
            connection.execute(statement, prepare=True)
            if plan:
                # The cursor exists, thus the text is a query, and EXPLAIN has nothing else to explain.
                connection.execute("CLOSE typed")
                rows = connection.execute(_EXPLAIN + text, prepare=True).fetchall()
                lines = pa.table({"plan": pa.array([row[0] for row in rows], pa.string())})
                return SqlResult(table=lines, cut=None, seconds=time.monotonic() - begun, is_plan=True)
            table, cut = self._fetch(connection)
            return SqlResult(table=table, cut=cut, seconds=time.monotonic() - begun)

    def _fetch(self, connection: psycopg.Connection[Any]) -> tuple[pa.Table, str | None]:
        limits, size, cut = self.limits, 0, None
        # From the cursor and not from a row: a result without rows has columns, too.
        described = connection.pgconn.describe_portal(b"typed")
        count = described.nfields
        names = [(described.fname(index) or b"").decode(connection.info.encoding, "replace") for index in range(count)]
        types = [described.ftype(index) for index in range(count)]
        rows: list[tuple[str | None, ...]] = []
        most = min(limits.rows, limits.cells // max(count, 1))
        with connection.cursor() as cursor:
            fetch = sql.SQL("FETCH FORWARD {} FROM typed").format(most + 1)
            # Row by row: the client holds one row beyond the limit, never a result of any size.
            for row in cursor.stream(fetch, size=1):
                if len(rows) == most:
                    cut = f"the first {most:,} rows"
                    if most < limits.rows:
                        cut += f", for more would be above {limits.cells:,} values"
                    break
                size += sum(len(value) for value in row if value is not None)
                if size > limits.result_bytes:
                    if not rows:
                        raise TypedSqlError(
                            f"One row holds more than {limits.result_bytes // _MIB} MB, which is the most that is "
                            "returned: choose fewer columns, or a part of a long one, as in left(column, 1000)."
                        )
                    cut = f"the first {len(rows):,} rows, which hold {limits.result_bytes // _MIB} MB"
                    break
                rows.append(row)
        columns = [[row[index] for row in rows] for index in range(count)]
        return to_arrow(names, types, columns, timezone=self._timezone), cut

    @contextmanager
    def _session(self, watch: Watch | None = None) -> Iterator[psycopg.Connection[Any]]:
        """A session of the reader role, in a read-only transaction that is rolled back; watched from its beginning."""
        connection = self._connect()
        with closing(connection), watch.over(connection) if watch else nullcontext():
            self._become_reader(connection)
            connection.execute("BEGIN READ ONLY")
            faults = role.faults(connection)
            if faults:
                raise _off("; ".join(faults))
            for info in connection.adapters.types:
                for number in (info.oid, info.array_oid):
                    if number:
                        connection.adapters.register_loader(number, TextLoader)
            yield connection

    def _become_reader(self, connection: psycopg.Connection[Any]) -> None:
        try:
            milliseconds = str(int(self.limits.seconds * 1000))
            for name, value in (
                # A query ends soon after its client has died, or the client's whole machine.
                ("tcp_user_timeout", "30s"),
                ("tcp_keepalives_idle", "15"),
                ("tcp_keepalives_interval", "5"),
                ("tcp_keepalives_count", "3"),
                ("statement_timeout", milliseconds),
                ("idle_in_transaction_session_timeout", milliseconds),
                ("lock_timeout", "5s"),
                # What only a superuser may change: a role that logs in has them as its own settings.
                *(() if self._login else role.SETTINGS.items()),
                ("work_mem", "32MB"),
                ("hash_mem_multiplier", "1"),
                # One process, whose memory is then the query's.
                ("max_parallel_workers_per_gather", "0"),
                ("jit", "off"),
                ("timezone", self._timezone),
                ("datestyle", "ISO, YMD"),
                ("client_min_messages", "error"),
                ("search_path", "analytics, raw_data, analytics_models"),
            ):
                connection.execute(
                    sql.SQL("SET {} = {}").format(
                        sql.SQL(name), sql.SQL(value) if name == "search_path" else sql.Literal(value)
                    )
                )
            # Not every system can tell a server that a client is gone.
            with suppress(psycopg.errors.InvalidParameterValue):
                connection.execute("SET client_connection_check_interval = '2s'")
            if not self._login:
                connection.execute(f"SET ROLE {role.READER_ROLE}")
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue) as error:
            # No such role, no leave to become it, or no leave to limit the disk it uses.
            raise _off(error.diag.message_primary or "the role cannot be set up") from None

    def _connect(self) -> psycopg.Connection[Any]:
        user = {"user": role.READER_ROLE} if self._login else {}
        url = psycopg.conninfo.make_conninfo(
            self._database.url, connect_timeout=_CONNECT_SECONDS, application_name=_APPLICATION, **user
        )
        return connect_patiently(url, autocommit=True)

    def _terminate(self, pid: int) -> None:
        """Asks the server to end a session of typed SQL; it does so the next time its code checks for such requests."""
        with suppress(psycopg.Error, MeterPlatformError), self._database.connect(autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s AND application_name = %s",
                (pid, _APPLICATION),
            )


def _off(why: str) -> TypedSqlOffError:
    return TypedSqlOffError(
        "SQL is off here, because this server does not keep it harmless: " + why + ".",
        detail="A superuser of the server turns it on by running the script of docs/decisions/safe-sql.md in the "
        "platform's database, once.",
    )


def _explained(error: psycopg.Error, text: str, watch: Watch) -> TypedSqlError:
    """Postgres's message, at its place in the typed text."""
    diagnosis = error.diag
    message = diagnosis.message_primary or first_line(error)
    position = int(diagnosis.statement_position) - len(_DECLARE) if diagnosis.statement_position else None
    if position is not None and not 1 <= position <= len(text) + 1:
        position = None
    detail = "\n".join(
        _cut(line, _DETAIL_CHARACTERS)
        for line in (diagnosis.message_detail, diagnosis.message_hint, _hint(error, text))
        if line
    )
    if watch.reason is not None:
        # The reason is known here; what the server says of it, if anything, is less clear.
        message, detail = f"The query was ended: {watch.reason}.", watch.note
    elif isinstance(error, psycopg.errors.QueryCanceled):
        message = "The query was ended: it took too long."
    elif isinstance(error, psycopg.errors.OutOfMemory):
        message = f"The query was ended: it needs more memory than one query may use ({message})."
    return TypedSqlError(
        _cut(message, _MESSAGE_CHARACTERS), position=position, detail=detail, sqlstate=diagnosis.sqlstate
    )


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[:characters]} … ({len(text):,} characters)"


def _hint(error: psycopg.Error, text: str) -> str:
    opening = re.sub(r"(?s)\A(?:\s+|--[^\n]*\n|/\*.*?\*/|\()+", "", text)[:10].lower()
    if isinstance(error, psycopg.errors.SyntaxError) and not opening.startswith(("select", "with", "values", "table")):
        return "One query runs here: SELECT, WITH, VALUES or TABLE."
    return ""
