"""Dagster's event log on the platform's server: the same rows as Dagster's own, in fewer statements.

What belongs here: how events are kept. What does not: which there are, runs, schedules.

A run of a year plans 365 partitions of each table and of each check. Dagster keeps each of these 4,000 events with four
statements of its own, and writes out a check's event anew for each of its dates: twelve seconds before the run begins.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from itertools import takewhile
from time import time
from typing import Any, Final

import dagster as dg
from dagster import EventLogEntry
from dagster_postgres import PostgresEventLogStorage
from sqlalchemy.engine import Engine

from meter_platform.orchestration.dagster_private import (
    CHECK_EXECUTIONS,
    CHECK_PLANNED,
    EVENT_LOGS,
    serialize_value,
)

_PLANNED: Final = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
_STEP_ENDS: Final = {
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.STEP_UP_FOR_RETRY,
}
_HELD_BACK_SECONDS: Final = 60.0
"""How long an event waits for the status of its run: a run that is dead by then has been ended by `dead_runs.py`."""


class PlatformEventLog(PostgresEventLogStorage):
    """The event log.

    It remembers the tables and columns that it has seen, for Dagster asks a hundred times in a run. What was not there
    is asked for again: a migration may have added it. None takes anything away.

    Args:
        postgres_url: SQLAlchemy URL.
        engine: the connections of all of Dagster's storage.
        interrupt: called when a step, or a try of one, has ended; raises where a signal ends the run.
        unfinished: which of some runs do not count as ended.
    """

    def __init__(
        self,
        postgres_url: str,
        engine: Engine,
        *,
        interrupt: Callable[[], None],
        unfinished: Callable[[Collection[str]], set[str]],
    ) -> None:
        super().__init__(postgres_url, should_autocreate_tables=False)  # the storage it is a part of has done so
        self._engine = engine
        self._interrupt = interrupt
        self._unfinished = unfinished
        self._tables: set[str] = set()
        self._asset_columns: set[str] = set()

    def store_event(self, event: EventLogEntry) -> None:
        """Keeps an event. After the end of a step, or of a try of one, ends a run that got a signal."""
        super().store_event(event)
        if event.dagster_event and event.dagster_event.event_type in _STEP_ENDS:
            self._interrupt()

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Keeps events: all that plan a partition in one statement, and then each of their assets once."""
        planned = [event for event in events if event.get_dagster_event().event_type == _PLANNED]
        if planned:
            with self._engine.connect() as connection:
                rows = connection.execute(
                    # The rows beside the statement: SQLAlchemy would be long in writing out one that has them in it.
                    EVENT_LOGS.insert().returning(EVENT_LOGS.c.id, sort_by_parameter_order=True),
                    [self._event_to_row(event) for event in planned],
                )
                newest = {
                    event.get_dagster_event().asset_key: (event, number)
                    for event, (number,) in zip(planned, rows, strict=True)
                }
            for event, number in newest.values():
                self.store_asset_event(event, number)
        if others := [event for event in events if event.get_dagster_event().event_type != _PLANNED]:
            super().store_event_batch(others)

    def get_logs_for_all_runs_by_log_id(
        self,
        after_cursor: int = -1,
        dagster_event_type: dg.DagsterEventType | set[dg.DagsterEventType] | None = None,
        limit: int | None = None,
    ) -> Mapping[int, EventLogEntry]:
        """Events in their order, up to the first that says a run has failed which does not count as failed yet.

        Dagster stores a failure, and then the status of its run. The daemon that starts failed runs again reads the
        failure once: between the two it would find a run that has not failed, and never look at it again.
        """
        found = super().get_logs_for_all_runs_by_log_id(after_cursor, dagster_event_type, limit)
        since = time() - _HELD_BACK_SECONDS
        failed = {event.run_id for event in found.values() if _is_failure(event) and event.timestamp > since}
        waiting = self._unfinished(failed) if failed else set()
        return dict(takewhile(lambda each: each[1].run_id not in waiting, found.items()))

    def _store_asset_check_evaluation_planned(self, event: EventLogEntry, event_id: int | None) -> None:
        """Keeps what a run will check, a row for each date; the event in it is written out once for all of them."""
        planned: Any = event.get_dagster_event().event_specific_data
        partitions = planned.partitions_subset.get_partition_keys() if planned.partitions_subset else [None]
        row = {
            "asset_key": planned.asset_key.to_string(),
            "check_name": planned.check_name,
            "run_id": event.run_id,
            "execution_status": CHECK_PLANNED,
            "evaluation_event": serialize_value(event),
            "evaluation_event_timestamp": datetime.fromtimestamp(event.timestamp, UTC).replace(tzinfo=None),
            "evaluation_event_storage_id": event_id,
        }
        with self._engine.connect() as connection:
            connection.execute(CHECK_EXECUTIONS.insert(), [row | {"partition": partition} for partition in partitions])

    def has_table(self, table_name: str) -> bool:
        """Whether there is such a table."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def has_asset_key_col(self, column_name: str) -> bool:
        """Whether the table of assets has such a column."""
        if column_name not in self._asset_columns and super().has_asset_key_col(column_name):
            self._asset_columns.add(column_name)
        return column_name in self._asset_columns


def _is_failure(event: EventLogEntry) -> bool:
    return event.dagster_event is not None and event.dagster_event.event_type == dg.DagsterEventType.RUN_FAILURE
