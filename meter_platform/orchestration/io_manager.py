"""The IO manager: stores what assets return in Postgres, validated, and hands it to the assets that ask for it.

What belongs here: what one asset and its partitions need of Postgres: which rows to replace, which to load and as what,
what to report. What does not: SQL (`warehouse/partitions.py`), the contract (`warehouse/validation.py`), any one table.

An asset may return a `pandas.DataFrame`, an `ibis.Table` (computed by the engine of the settings, `engines/`), `Computed` (the
same where there is something to compute, and else only what follows from changes of its inputs, always in Postgres, where
they are on record), `Chunks` of frames or Arrow tables (streamed, so that memory stays flat), or a `Load`, which stores
itself. An asset's input is a lazy `ibis.Table` or a `pandas.DataFrame`, as its annotation says, of just the partitions
that the asset needs.
"""

import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Final, Protocol, runtime_checkable

import dagster as dg
import ibis
import pandas as pd
import psycopg
import pyarrow as pa
from adbc_driver_postgresql import dbapi
from psycopg import sql

from meter_platform.engines.postgres import PostgresEngine, in_sql
from meter_platform.engines.protocol import Engine, Versions, lazy
from meter_platform.errors import DroppedTableError, MeterPlatformError, PermanentError
from meter_platform.lake.lake import Lake, open_lake
from meter_platform.orchestration.column_lineage import column_lineage, lineage_metadata
from meter_platform.orchestration.computed import Computed, among
from meter_platform.orchestration.partitions import dates_of
from meter_platform.postgres.refusals import translated
from meter_platform.settings import Settings
from meter_platform.settlement import INSTANT
from meter_platform.warehouse import lineage, partition_notes, tables
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.follow import Followed, Since, follow
from meter_platform.warehouse.partitions import StoreReport, replace_rows
from meter_platform.warehouse.tables import Table
from meter_platform.warehouse.validation import ContractViolationError, typed

_UNDEFINED_TABLE: Final = "42P01"
"""Postgres's code for a table that is not there."""

_UNIFY: Final = {"promote_options": "permissive"}
"""Chunks may have their decimals at different scales."""

Summary = Callable[[pd.DataFrame], Mapping[str, Any]]
"""Turns the rows just stored into metadata for people: a picture, a preview."""


@dataclass(frozen=True, slots=True)
class Chunks:
    """Frames or Arrow tables that are stored one after another.

    An asset cannot return a generator itself: Dagster takes what comes out of one for its own events.
    """

    frames: Iterable[pd.DataFrame | pa.Table]

    def __iter__(self) -> Iterator[pd.DataFrame | pa.Table]:
        return iter(self.frames)


@runtime_checkable
class Load(Protocol):
    """What an asset returns whose rows are too many, or too particular, to be handed over."""

    def store(self, database: Database, dates: Sequence[date]) -> StoreReport:
        """Replaces the partitions of `dates`, each whole."""


@dataclass(frozen=True, slots=True)
class _Handed:
    """The inputs of a step, and in which versions it was given them.

    Attributes:
        versions: of each date of each input table, noted before the first input was read.
        tables: the inputs that it was given so far.
    """

    versions: Versions
    tables: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Stored:
    """What was stored, and how.

    Attributes:
        report: of the rows.
        frame: the rows, where they are to be shown.
        engines: that computed each date; none where nothing was computed.
        expression: of the rows that were computed whole.
    """

    report: StoreReport
    frame: pd.DataFrame | None = None
    engines: Mapping[date, str] = field(default_factory=dict)
    expression: ibis.Table | None = None


class PostgresIOManager(dg.IOManager):
    """Keeps each asset in the Postgres table that has its name.

    Args:
        open_database: opens the database when it is first needed, so that definitions load without I/O.
        tables: the table of each asset, by name.
        settings: of the platform; the digest of a table's rules depends on them. None: no digest is noted.
        summaries: for tables whose new rows fit on a screen, what to show of them.
        open_engine: opens what computes expressions, when there is one to compute. None: Postgres.
    """

    def __init__(
        self,
        open_database: Callable[[], Database],
        tables: Iterable[Table],
        *,
        settings: Settings | None = None,
        summaries: Mapping[Table, Summary] | None = None,
        open_engine: Callable[[Database], Engine] | None = None,
    ) -> None:
        self._open_database = open_database
        self._open_engine = open_engine
        self._tables = {table.name: table for table in tables}
        self._summaries = {table.name: summary for table, summary in (summaries or {}).items()}
        self._settings = settings
        self._kept: psycopg.Connection[Any] | None = None
        self._end_kept: Callable[[], object] | None = None
        self._handed: dict[str, _Handed] = {}
        """Inputs of the steps that have not stored their output yet, by step."""

    @cached_property
    def _database(self) -> Database:
        return self._open_database()

    @cached_property
    def _postgres(self) -> PostgresEngine:
        return PostgresEngine(self._database)

    @cached_property
    def _engine(self) -> Engine:
        return self._open_engine(self._database) if self._open_engine else self._postgres

    @cached_property
    def _lake(self) -> Lake | None:
        return open_lake(self._settings) if self._settings else None

    @property
    def _connection(self) -> psycopg.Connection[Any]:
        """A connection that is kept, and opened anew once the server has ended it: a retry finds the next one."""
        if self._kept is None or self._kept.closed:
            self._kept = self._database.open_connection()
            self._end_kept = weakref.finalize(self, self._kept.close)
        return self._kept

    def close(self) -> None:
        """Closes what is kept open; it is opened again when it is needed."""
        if self._end_kept is not None:
            self._end_kept()
        self._kept = self._end_kept = None
        if engine := self.__dict__.pop("_engine", None):
            engine.close()

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:  # noqa: ANN401 - Dagster's signature
        """Stores an asset's partitions and reports what was stored."""
        table = self._tables[context.asset_key.path[-1]]
        dates = dates_of(context.asset_partition_keys)
        began = time.monotonic()
        handed = self._handed.pop(context.op_def.name, None)
        with permanent_failures(), self._noting_failure(table, dates), _dropped_table_named(table.name):
            stored = self._store(table, dates, obj, handed.versions if handed else {})
        report, frame = stored.report, stored.frame
        seconds = time.monotonic() - began
        # What describes the table, or shows the newest date, is on record once: a run of a year notes 365 dates.
        newest = {
            "dagster/column_schema": column_schema(table),
            **_lineage(table, dates, obj, stored.expression),
            **(self._summaries[table.name](frame) if frame is not None else {}),
        }
        for day in dates:
            of_date: dict[str, Any] = {"dagster/partition_row_count": report.rows_per_date.get(day, 0)}
            if day in stored.engines:
                of_date["engine"] = stored.engines[day]
            if day in report.unchanged:
                of_date["unchanged"] = "nothing new has come for this date, so that it was left as it was"
            if self._settings and day >= self._settings.clock_date():
                of_date["running"] = "the day has not ended: this is what has come so far"
            if day == dates[-1]:
                of_date |= newest
            context.step_context.add_asset_metadata(of_date, partition_key=day.isoformat())
        context.add_output_metadata(
            {
                "dagster/row_count": sum(report.rows_per_date.values()),
                "dagster/table_name": table.qualified_name,
                "seconds": round(seconds, 3),
                **{name: _linked(fact) for name, fact in report.facts.items()},
            }
        )

    def load_input(self, context: dg.InputContext) -> Any:  # noqa: ANN401 - Dagster's signature
        """Hands over the partitions that an asset needs of an upstream asset."""
        table = self._tables[context.asset_key.path[-1]]
        dates = dates_of(context.asset_partition_keys)
        with permanent_failures(), _dropped_table_named(context.op_def.name):
            self._note_handed(context.op_def.name, table, dates)
            if context.dagster_type.typing_type is pd.DataFrame:
                return self._frame(table, dates)
        stored = lazy(table)
        return stored.filter(among(stored.reference_date, dates))

    def _note_handed(self, step: str, table: Table, dates: Sequence[date]) -> None:
        """Notes the versions of all inputs of a step, before it is given the first of them."""
        handed = self._handed.get(step)
        # An input that is given once more belongs to another try of the step.
        if handed is None or table.name in handed.tables or table.name not in handed.versions:
            connection = self._connection
            with connection.transaction():
                inputs = {table.name, *lineage.INPUTS.get(step, ())}
                handed = self._handed[step] = _Handed(partition_notes.versions(connection, inputs, dates))
        handed.tables.add(table.name)

    @contextmanager
    def _noting_failure(self, table: Table, dates: Sequence[date]) -> Iterator[None]:
        """Notes in the database which partitions could not be stored, and why, if there is a database."""
        since = datetime.now(UTC)
        try:
            yield
        except Exception as error:
            with suppress(MeterPlatformError, psycopg.Error), self._database.connect() as connection:
                partition_notes.note_failure(
                    connection, table.name, dates, error, may_pass=partition_notes.may_pass(error), since=since
                )
            raise

    def _store(
        self,
        table: Table,
        dates: Sequence[date],
        obj: Any,  # noqa: ANN401 - whatever an asset returns
        read: Versions,
    ) -> _Stored:
        if isinstance(obj, Load):
            return _Stored(obj.store(self._database, dates))
        if isinstance(obj, Computed):
            return self._follow_or_compute(table, dates, obj, read)
        noted: Any = {
            "sources": {day: lineage.built_from(table.name, read, day) for day in dates},
            "rules": self._rules(table),
        }
        if self._lake and table in self._lake:
            noted["before_commit"] = self._lake.put_stored
        if isinstance(obj, ibis.Table):
            return self._compute(table, dates, obj, read, noted)
        frames = [obj] if isinstance(obj, pd.DataFrame | pa.Table) else obj
        return _Stored(*self._replace(table, dates, frames, noted))

    def _compute(
        self, table: Table, dates: Sequence[date], expression: ibis.Table, read: Versions, noted: Mapping[str, Any]
    ) -> _Stored:
        """Has the engine compute all rows of the dates."""
        of_dates = {name: {day: versions.get(day, 0) for day in dates} for name, versions in read.items()}
        computation = self._engine.compute(expression, of_dates)
        # Closed, so that an engine that is tried again is not still at work.
        with closing(computation.rows) as rows:
            report, frame = self._replace(table, dates, rows, noted)
        report.facts |= computation.facts
        return _Stored(report, frame, dict.fromkeys(dates, self._engine.name), expression)

    def _replace(
        self,
        table: Table,
        dates: Sequence[date],
        frames: Iterable[pd.DataFrame | pa.Table],
        noted: Mapping[str, Any],
    ) -> tuple[StoreReport, pd.DataFrame | None]:
        """Puts rows in the place of those that the dates had."""
        started = datetime.now(UTC)
        stamped = (_stamped(frame, started) for frame in frames)
        if table.name not in self._summaries:
            return replace_rows(self._database, table, stamped, dates, **noted), None
        rows = pa.concat_tables(
            [table.arrow_schema.empty_table(), *(typed(table, frame) for frame in stamped)], **_UNIFY
        )
        return replace_rows(self._database, table, [rows], dates, **noted), _to_pandas(rows)

    def _follow_or_compute(self, table: Table, dates: Sequence[date], obj: Computed, read: Versions) -> _Stored:
        """Lets the dates follow what has changed that can, and computes the others whole."""
        changes, stored = lazy(tables.CHANGES_IN_PLACE), lazy(table)

        def changed(since: Since) -> Followed:
            touched = obj.touched(changes, since)
            rows = self._postgres.compute(obj.followed(changes, since, stored), {}).rows
            return Followed(rows, None if touched is None else in_sql(touched))

        followed = follow(self._database, table, dates, rules=self._rules(table), compute=changed)
        engines = dict.fromkeys(followed.rows_per_date, self._postgres.name)
        if not (rest := [day for day in dates if day not in followed.rows_per_date]):
            shown = self._frame(table, dates) if table.name in self._summaries else None
            return _Stored(followed, shown, engines)
        whole = self._store(table, rest, obj.whole(rest), read)
        both = StoreReport(followed.rows_per_date | whole.report.rows_per_date, followed.facts | whole.report.facts)
        return _Stored(both, whole.frame, {**engines, **whole.engines}, whole.expression)

    def _rules(self, table: Table) -> str:
        return lineage.rules_digest(table.name, self._settings) if self._settings else ""

    def _frame(self, table: Table, dates: Sequence[date]) -> pd.DataFrame:
        """Stored partitions as a frame, Arrow-backed and exact."""
        with self._database.connect_arrow() as connection, connection.cursor() as cursor:
            cursor.execute(
                sql.SQL("SELECT {} FROM {} WHERE reference_date = ANY({}::date[]) ORDER BY {}")
                .format(
                    sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns),
                    table.identifier,
                    sql.Literal(list(dates)),
                    sql.SQL(", ").join(map(sql.Identifier, table.key)),
                )
                .as_string(None)
            )
            rows = cursor.fetch_arrow_table()
        return _to_pandas(typed(table, rows))


def _lineage(table: Table, dates: Sequence[date], obj: Any, computed: ibis.Table | None) -> dict[str, Any]:  # noqa: ANN401 - as above
    """Which columns the table is made from: of a rule, all of whose rows may have followed what had changed."""
    if computed is None and isinstance(obj, Computed):
        computed = obj.whole(dates)
    return {} if computed is None else lineage_metadata(column_lineage(computed, table.arrow_schema.names))


def column_schema(table: Table) -> dg.TableSchema:
    """A contract as Dagster shows it: columns, types, meaning, constraints."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.postgres_type.partition(" COLLATE")[0],
                description=column.comment,
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable,
                    unique=table.key == (column.name,),
                    other=[words for words, _ in column.rules],
                ),
            )
            for column in table.columns
        ],
        constraints=dg.TableConstraints(other=[f"unique: {', '.join(table.key)}"]),
    )


def definition_metadata(table: Table) -> dict[str, Any]:
    """What the UI shows of a stored asset before it is ever materialised."""
    return {
        "dagster/table_name": table.qualified_name,
        "dagster/column_schema": column_schema(table),
        "partition_expr": "reference_date",
    }


@contextmanager
def permanent_failures() -> Iterator[None]:
    """Turns errors that no retry can mend into Dagster failures that are not retried.

    An error of Postgres is translated into one that says what to do. A broken contract shows its failure cases as a table.

    Raises:
        dagster.Failure: for a permanent error; with `allow_retries=False`.
    """
    try:
        yield
    except ContractViolationError as error:
        records = [dg.TableRecord(asdict(violation)) for violation in error.violations]
        raise dg.Failure(
            str(error), metadata={"failure_cases": dg.MetadataValue.table(records)}, allow_retries=False
        ) from error
    except PermanentError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    except Exception as error:
        known = translated(error)
        if isinstance(known, PermanentError):
            raise dg.Failure(str(known), allow_retries=False) from error
        if known is None or known is error:
            raise
        raise known from error


@contextmanager
def _dropped_table_named(name: str) -> Iterator[None]:
    """Turns the error of a missing table into one that says what happens next: no retry of this run makes it again."""
    try:
        yield
    except (psycopg.errors.UndefinedTable, dbapi.ProgrammingError) as error:
        if error.sqlstate != _UNDEFINED_TABLE:
            raise
        raise DroppedTableError(
            f"A table that {name} needs is not there: somebody dropped it ({str(error).strip().splitlines()[0]}). The "
            "next run, or the sensor's next tick, makes it again, empty. The dates that were in it count as unfinished, "
            "and are asked for again."
        ) from error


def _linked(fact: Any) -> Any:  # noqa: ANN401 - whatever is a fact
    """A fact as the UI is to show it: an address is a link."""
    return dg.MetadataValue.url(fact) if isinstance(fact, str) and fact.startswith("http") else fact


def _stamped(frame: pd.DataFrame | pa.Table, started: datetime) -> pd.DataFrame | pa.Table:
    """Adds `loaded_at`."""
    if isinstance(frame, pd.DataFrame):
        return frame if "loaded_at" in frame.columns else frame.assign(loaded_at=pd.Timestamp(started))
    if "loaded_at" in frame.column_names:
        return frame
    return frame.append_column("loaded_at", pa.array([started], INSTANT).take(pa.array([0] * frame.num_rows)))


def _to_pandas(rows: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = rows.to_pandas(types_mapper=pd.ArrowDtype)
    return frame
