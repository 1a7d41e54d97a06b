"""Which rows of Dagster's own tables nobody needs any more, for Dagster itself deletes whole runs or nothing.

What belongs here: the names of tables and columns, and the statements in SQL. What never does: when they are run
(`retention.py`, `erasure.py`), and what Dagster's public methods can do.

Kept for ever: of each asset and partition the newest materialisation, and an attempt after it that failed; of each check
its newest result, and an execution after it that failed; whatever a run says that goes on, or ended a short time ago.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import psycopg

EVENTS: Final = "event_logs"
CHECKS: Final = "asset_check_executions"

_COLUMNS: Final = {
    EVENTS: ("id", "run_id", "event", "dagster_event_type", "timestamp", "asset_key", "partition"),
    CHECKS: ("id", "run_id", "asset_key", "check_name", "partition", "execution_status", "evaluation_event"),
    "asset_event_tags": ("event_id",),
    "runs": ("run_id", "status", "end_time", "update_timestamp"),
}


@dataclass(frozen=True, slots=True)
class Dispensable:
    """Rows of one kind that are not needed.

    Attributes:
        what: in words, in the plural.
        table: that has them.
        query: their ids and sizes in bytes, of runs that ended before the parameter `before` (seconds since 1970).
    """

    what: str
    table: str
    query: str


_ENDED: Final = """
ended AS MATERIALIZED (
  SELECT run_id, status FROM runs
  WHERE status IN ('SUCCESS', 'FAILURE', 'CANCELED')
    AND coalesce(end_time, extract(epoch FROM update_timestamp)) < %(before)s)
"""

ENDED: Final = f"WITH {_ENDED} SELECT run_id FROM ended"  # noqa: S608 - text of this module
"""The runs that ended before the parameter `before`."""

EVERY_RUN: Final = "SELECT run_id FROM runs"

EVENTS_OF_ENDED: Final = f"WITH {_ENDED} SELECT id, run_id FROM event_logs JOIN ended USING (run_id)"  # noqa: S608 - as above

CHECKS_OF_ENDED: Final = f"WITH {_ENDED} SELECT id, run_id FROM asset_check_executions JOIN ended USING (run_id)"  # noqa: S608 - as above

DISPENSABLE: Final = (
    Dispensable(
        "events of runs that are about no asset",
        EVENTS,
        f"""
        WITH {_ENDED}
        SELECT id, pg_column_size(event) FROM event_logs JOIN ended USING (run_id) WHERE asset_key IS NULL
        """,  # noqa: S608 - as above
    ),
    Dispensable(
        "announcements of materialisations that came, or that a later one has taken the place of",
        EVENTS,
        f"""
        WITH {_ENDED}, newest AS MATERIALIZED (
          SELECT asset_key, partition, max(id) AS id FROM event_logs
          WHERE dagster_event_type = 'ASSET_MATERIALIZATION' GROUP BY 1, 2)
        SELECT planned.id, pg_column_size(planned.event)
        FROM event_logs AS planned JOIN ended USING (run_id)
        LEFT JOIN newest ON newest.asset_key = planned.asset_key
                        AND coalesce(newest.partition, '') = coalesce(planned.partition, '')
        WHERE planned.dagster_event_type IN ('ASSET_MATERIALIZATION_PLANNED', 'ASSET_FAILED_TO_MATERIALIZE')
          AND (ended.status = 'SUCCESS' OR newest.id > planned.id)
        """,  # noqa: S608 - as above
    ),
    Dispensable(
        "materialisations, observations and freshness states with a later one of the same partition",
        EVENTS,
        f"""
        WITH {_ENDED}
        SELECT id, size FROM (
          SELECT id, run_id, pg_column_size(event) AS size, timestamp,
                 max(id) OVER (PARTITION BY asset_key, dagster_event_type, partition) AS newest
          FROM event_logs
          WHERE asset_key IS NOT NULL AND dagster_event_type IN (
            'ASSET_MATERIALIZATION', 'ASSET_OBSERVATION', 'FRESHNESS_STATE_CHANGE', 'FRESHNESS_STATE_EVALUATION')
        ) AS event
        WHERE id < newest
          AND (run_id IN (SELECT run_id FROM ended)
               OR timestamp < to_timestamp(%(before)s) AT TIME ZONE 'UTC' AND run_id NOT IN (SELECT run_id FROM runs))
        """,  # noqa: S608 - as above
    ),
    Dispensable(
        "executions of checks with a later one",
        CHECKS,
        f"""
        WITH {_ENDED}
        SELECT id, size FROM (
          SELECT id, run_id, execution_status IN ('SUCCEEDED', 'FAILED') AS is_result,
                 coalesce(pg_column_size(evaluation_event), 0) AS size,
                 max(id) OVER (PARTITION BY asset_key, check_name) AS newest,
                 max(id) FILTER (WHERE execution_status IN ('SUCCEEDED', 'FAILED'))
                   OVER (PARTITION BY asset_key, check_name, partition) AS newest_result
          FROM asset_check_executions
        ) AS execution JOIN ended USING (run_id)
        WHERE id < newest AND NOT (is_result AND id = newest_result)
        """,  # noqa: S608 - as above
    ),
)


def delete(connection: psycopg.Connection[Any], table: str, ids: list[int]) -> None:
    """Deletes rows, and the tags of events with them, in one transaction.

    Args:
        connection: to Dagster's database, committing each transaction.
        table: `EVENTS` or `CHECKS`.
        ids: of the rows; some may be gone already.
    """
    with connection.transaction():
        if table == EVENTS:
            connection.execute("DELETE FROM asset_event_tags WHERE event_id = ANY(%s)", [ids])
            connection.execute("DELETE FROM event_logs WHERE id = ANY(%s)", [ids])
        else:
            connection.execute("DELETE FROM asset_check_executions WHERE id = ANY(%s)", [ids])


_FINDINGS: Final = (
    (CHECKS, "evaluation_event", "evaluation_event LIKE '%%agreement%%'"),
    (EVENTS, "event", "dagster_event_type = 'ASSET_CHECK_EVALUATION' AND event LIKE '%%agreement%%'"),
)
"""Where what checks found is kept: table, column, and the rows that may name an agreement."""


def rewrite_findings(connection: psycopg.Connection[Any], rewrite: Callable[[str], str]) -> int:
    """Changes the texts of what checks found about agreements.

    Args:
        connection: in whose transaction.
        rewrite: gives the new text; what it changes within a text of JSON is in the middle of a string.

    Returns:
        How many were changed.
    """
    count = 0
    for table, column, condition in _FINDINGS:
        with connection.cursor(name="findings") as found:
            found.execute(f"SELECT id, {column} FROM {table} WHERE {condition}".encode(), ())  # noqa: S608 - text of this module
            changed = [(number, new) for number, text in found if (new := rewrite(text)) != text]
        with connection.cursor() as cursor:
            cursor.executemany(
                f"UPDATE {table} SET {column} = %s WHERE id = %s".encode(),  # noqa: S608 - as above
                [(new, number) for number, new in changed],
            )
        count += len(changed)
    return count


def departures(connection: psycopg.Connection[Any]) -> list[str]:
    """What Dagster's database lacks of all that is named here, as `table.column`."""
    wanted = [(table, column) for table, columns in _COLUMNS.items() for column in columns]
    tables, columns = zip(*wanted, strict=True)
    rows = connection.execute(
        "SELECT t || '.' || c FROM unnest(%s::text[], %s::text[]) AS wanted(t, c) WHERE NOT EXISTS ("
        "  SELECT FROM pg_attribute WHERE attrelid = to_regclass(t) AND attname = c AND NOT attisdropped) ORDER BY 1",
        (list(tables), list(columns)),
    )
    return [name for (name,) in rows]
