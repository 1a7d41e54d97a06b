"""The IO manager: Dagster's side of storing what assets return, and of handing it to the assets that ask for it.

What belongs here: which partitions of which table are meant, in which versions a step was given its inputs, what is
reported of what was stored. What does not: how it is stored (`partition_store.py`).

An asset's input is a lazy `ibis.Table` or a `pandas.DataFrame`, as its annotation says, of just the partitions that the
asset needs.
"""

import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import ibis
import pandas as pd
import psycopg

from meter_platform.engines.protocol import Engine, Versions, lazy
from meter_platform.errors import MeterPlatformError
from meter_platform.lake.lake import Lake
from meter_platform.orchestration.column_lineage import column_lineage, lineage_metadata
from meter_platform.orchestration.computed import Computed, among
from meter_platform.orchestration.failures import dropped_table_named, permanent_failures
from meter_platform.orchestration.partition_store import PartitionStore, Stored
from meter_platform.orchestration.partitions import dates_of
from meter_platform.orchestration.table_metadata import column_schema
from meter_platform.settings import Settings
from meter_platform.warehouse import lineage, partition_notes
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.tables import Table

Summary = Callable[[pd.DataFrame], Mapping[str, Any]]
"""Turns the rows just stored into metadata for people: a picture, a preview."""


@dataclass(frozen=True, slots=True)
class _Handed:
    """The inputs of a step, and in which versions it was given them.

    Attributes:
        versions: of each date of each input table, noted before the first input was read.
        tables: the inputs that it was given so far.
    """

    versions: Versions
    tables: set[str] = field(default_factory=set)


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
        open_engine: Callable[[Database, Lake | None], Engine] | None = None,
    ) -> None:
        self._tables = {table.name: table for table in tables}
        self._summaries = {table.name: summary for table, summary in (summaries or {}).items()}
        self._settings = settings
        self._partitions = PartitionStore(
            open_database, settings=settings, shown=self._summaries, open_engine=open_engine
        )
        self._kept: psycopg.Connection[Any] | None = None
        self._end_kept: Callable[[], object] | None = None
        self._handed: dict[str, _Handed] = {}
        """Inputs of the steps that have not stored their output yet, by step."""

    @property
    def _connection(self) -> psycopg.Connection[Any]:
        """A connection that is kept, and opened anew once the server has ended it: a retry finds the next one."""
        if self._kept is None or self._kept.closed:
            self._kept = self._partitions.database.open_connection()
            self._end_kept = weakref.finalize(self, self._kept.close)
        return self._kept

    def close(self) -> None:
        """Closes what is kept open; it is opened again when it is needed."""
        if self._end_kept is not None:
            self._end_kept()
        self._kept = self._end_kept = None
        self._partitions.close()

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:  # noqa: ANN401 - Dagster's signature
        """Stores an asset's partitions and reports what was stored."""
        table = self._tables[context.asset_key.path[-1]]
        dates = dates_of(context.asset_partition_keys)
        began = time.monotonic()
        handed = self._handed.pop(context.op_def.name, None)
        with permanent_failures(), self._noting_failure(table, dates), dropped_table_named(table.name):
            stored = self._partitions.store(table, dates, obj, handed.versions if handed else {})
        report, frame = stored.report, stored.frame
        seconds = time.monotonic() - began
        # What describes the table, or shows the newest date, is on record once: a run of a year notes 365 dates.
        newest = {
            "dagster/column_schema": column_schema(table),
            **_lineage(table, dates, obj, stored.expression),
            **(self._summaries[table.name](frame) if frame is not None else {}),
        }
        for day in dates:
            of_date = self._of_date(day, stored) | (newest if day == dates[-1] else {})
            context.step_context.add_asset_metadata(of_date, partition_key=day.isoformat())
        context.add_output_metadata(
            {
                "dagster/row_count": sum(report.rows_per_date.values()),
                "dagster/table_name": table.qualified_name,
                "seconds": round(seconds, 3),
                **{name: _linked(fact) for name, fact in report.facts.items()},
            }
        )

    def _of_date(self, day: date, stored: Stored) -> dict[str, Any]:
        """What is reported of each of the dates that were stored."""
        facts: dict[str, Any] = {
            "dagster/partition_row_count": stored.report.rows_per_date.get(day, 0),
            **stored.computed_by(day),
        }
        if day in stored.report.unchanged:
            facts["unchanged"] = "nothing new has come for this date, so that it was left as it was"
        if self._settings and day >= self._settings.clock_date():
            facts["running"] = "the day has not ended: this is what has come so far"
        return facts

    def load_input(self, context: dg.InputContext) -> Any:  # noqa: ANN401 - Dagster's signature
        """Hands over the partitions that an asset needs of an upstream asset."""
        table = self._tables[context.asset_key.path[-1]]
        dates = dates_of(context.asset_partition_keys)
        with permanent_failures(), dropped_table_named(context.op_def.name):
            if table.name == lineage.READINGS:
                self._partitions.have_readings(dates)
            self._note_handed(context.op_def.name, table, dates)
            if context.dagster_type.typing_type is pd.DataFrame:
                return self._partitions.frame(table, dates)
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
            with suppress(MeterPlatformError, psycopg.Error), self._partitions.database.connect() as connection:
                partition_notes.note_failure(
                    connection, table.name, dates, error, may_pass=partition_notes.may_pass(error), since=since
                )
            raise


def _lineage(table: Table, dates: Sequence[date], obj: Any, computed: ibis.Table | None) -> dict[str, Any]:  # noqa: ANN401 - as above
    """Which columns the table is made from: of a rule, all of whose rows may have followed what had changed."""
    if computed is None and isinstance(obj, Computed):
        computed = obj.whole(dates)
    return {} if computed is None else lineage_metadata(column_lineage(computed, table.arrow_schema.names))


def _linked(fact: Any) -> Any:  # noqa: ANN401 - whatever is a fact
    """A fact as the UI is to show it: an address is a link."""
    return dg.MetadataValue.url(fact) if isinstance(fact, str) and fact.startswith("http") else fact
