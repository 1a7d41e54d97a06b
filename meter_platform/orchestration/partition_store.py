"""Stores what an asset returned as partitions of its table, whatever form it returned.

What belongs here: which form is stored in which way, by which engine, and beside it in the lake. What does not: Dagster's
own side (`io_manager.py`), SQL (`warehouse/partitions.py`), the contract (`warehouse/validation.py`), any one table.

An asset may return a `pandas.DataFrame`, an `ibis.Table` (computed by the engine of the settings, `engines/`), `Computed`
(the same where there is something to compute, and else only what follows from changes of its inputs, always in Postgres,
where they are on record), `Chunks` of frames or Arrow tables (streamed, so that memory stays flat), or a `Load`, which
stores itself.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Final, Protocol, runtime_checkable

import ibis
import pandas as pd
import pyarrow as pa
from psycopg import sql

from meter_platform.engines.postgres import PostgresEngine, in_sql
from meter_platform.engines.protocol import Engine, Versions, lazy
from meter_platform.lake.lake import Lake, open_lake
from meter_platform.lake.take_out import have_in_postgres
from meter_platform.orchestration.computed import Computed
from meter_platform.settings import Settings
from meter_platform.settlement import INSTANT
from meter_platform.warehouse import lineage, tables
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.follow import Followed, Since, follow
from meter_platform.warehouse.partitions import StoreReport, replace_rows
from meter_platform.warehouse.tables import Table
from meter_platform.warehouse.validation import typed

_UNIFY: Final = {"promote_options": "permissive"}
"""Chunks may have their decimals at different scales."""


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
class Stored:
    """What was stored, and how.

    Attributes:
        report: of the rows.
        frame: the rows, where they are to be shown.
        engines: that computed each date; none where nothing was computed.
        origins: of the tables that an engine does not have itself, where it read each date.
        expression: of the rows that were computed whole.
    """

    report: StoreReport
    frame: pd.DataFrame | None = None
    engines: Mapping[date, str] = field(default_factory=dict)
    origins: Mapping[str, Mapping[date, str]] = field(default_factory=dict)
    expression: ibis.Table | None = None

    def computed_by(self, day: date) -> dict[str, Any]:
        """Which engine computed a date, and from where, if one has."""
        if day not in self.engines:
            return {}
        read = {table: where[day] for table, where in self.origins.items() if day in where}
        return {"engine": self.engines[day], **({"read_from": read} if read else {})}


class PartitionStore:
    """Stores partitions, and reads them back.

    Args:
        open_database: opens the database when it is first needed.
        settings: of the platform; the digest of a table's rules depends on them. None: no digest is noted.
        shown: names of the tables whose rows are handed back, for they are to be shown.
        open_engine: opens what computes expressions, when there is one to compute. None: Postgres.
    """

    def __init__(
        self,
        open_database: Callable[[], Database],
        *,
        settings: Settings | None,
        shown: Iterable[str],
        open_engine: Callable[[Database, Lake | None], Engine] | None,
    ) -> None:
        self._open_database = open_database
        self._settings = settings
        self._shown = frozenset(shown)
        self._open_engine = open_engine

    @cached_property
    def database(self) -> Database:
        """The database of the tables."""
        opened = self._open_database()
        if self._settings and self._settings.executor == "in_process":
            opened.open_arrow_ahead()  # the run's first steps do without; one of the next does not
        return opened

    @cached_property
    def _postgres(self) -> PostgresEngine:
        return PostgresEngine(self.database)

    @cached_property
    def _engine(self) -> Engine:
        return self._open_engine(self.database, self._lake) if self._open_engine else self._postgres

    @cached_property
    def _lake(self) -> Lake | None:
        return open_lake(self._settings) if self._settings else None

    def have_readings(self, dates: Sequence[date]) -> None:
        """Sees to it that Postgres has the readings of dates that are put away in the lake, before anything reads them."""
        have_in_postgres(self.database, dates, lambda: self._lake)

    def close(self) -> None:
        """Ends the engine; it is opened again when it is needed."""
        if engine := self.__dict__.pop("_engine", None):
            engine.close()

    def store(
        self,
        table: Table,
        dates: Sequence[date],
        obj: Any,  # noqa: ANN401 - whatever an asset returns
        read: Versions,
    ) -> Stored:
        """Replaces the partitions of `dates` by what an asset returned.

        Args:
            table: of the asset.
            dates: its partitions, each replaced whole.
            obj: what the asset returned: see the module's docstring.
            read: versions of the partitions that the asset was given, by table and date.
        """
        if isinstance(obj, Load):
            return Stored(obj.store(self.database, dates))
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
        return Stored(*self._replace(table, dates, frames, noted))

    def _compute(
        self, table: Table, dates: Sequence[date], expression: ibis.Table, read: Versions, noted: Mapping[str, Any]
    ) -> Stored:
        """Has the engine compute all rows of the dates."""
        of_dates = {name: {day: versions.get(day, 0) for day in dates} for name, versions in read.items()}
        computation = self._engine.compute(expression, of_dates)
        try:
            # Closed, so that an engine that is tried again is not still at work.
            with closing(computation.rows) as rows:
                report, frame = self._replace(table, dates, rows, noted)
        except Exception:
            # Another try begins with what is there then: the files that were read may be gone.
            self.close()
            raise
        report.facts |= computation.facts
        return Stored(report, frame, dict.fromkeys(dates, self._engine.name), computation.origins, expression)

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
        if table.name not in self._shown:
            return replace_rows(self.database, table, stamped, dates, **noted), None
        rows = pa.concat_tables(
            [table.arrow_schema.empty_table(), *(typed(table, frame) for frame in stamped)], **_UNIFY
        )
        return replace_rows(self.database, table, [rows], dates, **noted), _to_pandas(rows)

    def _follow_or_compute(self, table: Table, dates: Sequence[date], obj: Computed, read: Versions) -> Stored:
        """Lets the dates follow what has changed that can, and computes the others whole."""
        changes, stored = lazy(tables.CHANGES_IN_PLACE), lazy(table)

        def changed(since: Since) -> Followed:
            touched = obj.touched(changes, since)
            rows = self._postgres.compute(obj.followed(changes, since, stored), {}).rows
            return Followed(rows, None if touched is None else in_sql(touched))

        followed = follow(self.database, table, dates, rules=self._rules(table), compute=changed)
        engines = dict.fromkeys(followed.rows_per_date, self._postgres.name)
        if not (rest := [day for day in dates if day not in followed.rows_per_date]):
            shown = self.frame(table, dates) if table.name in self._shown else None
            return Stored(followed, shown, engines)
        whole = self.store(table, rest, obj.whole(rest), read)
        both = StoreReport(followed.rows_per_date | whole.report.rows_per_date, followed.facts | whole.report.facts)
        return Stored(both, whole.frame, {**engines, **whole.engines}, whole.origins, whole.expression)

    def _rules(self, table: Table) -> str:
        return lineage.rules_digest(table.name, self._settings) if self._settings else ""

    def frame(self, table: Table, dates: Sequence[date]) -> pd.DataFrame:
        """Stored partitions as a frame, Arrow-backed and exact."""
        with self.database.connect_arrow() as connection, connection.cursor() as cursor:
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
