"""How the server is: the size of its databases, the archiving of its log, and when backups last succeeded.

What belongs here: what Postgres counts of itself, and the operations log. What does not: what is stored of readings or runs.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
from prometheus_client.metrics_core import Metric

from meter_platform.metrics.part import Part, counter, gauge, gauges


def parts(dagster: str) -> tuple[Part, ...]:
    """The parts, for one server.

    Args:
        dagster: the name of Dagster's database, whose size is told where it is on the same server.
    """

    def sizes(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
        yield gauges(
            "meter_database_size_bytes",
            "Size of the platform's database and of Dagster's, with their indexes.",
            ["database"],
            {
                (database,): size
                for database, size in connection.execute(
                    "SELECT datname, pg_database_size(oid) FROM pg_database WHERE datname IN (current_database(), %s)",
                    (dagster,),
                )
            },
        )

    return (Part("sizes", sizes), Part("archiving", _archiving), Part("backups", _backups))


def _archiving(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
    archived_at, failures = connection.execute(
        "SELECT coalesce(extract(epoch FROM last_archived_time), 0)::float8, failed_count FROM pg_stat_archiver"
    ).fetchone() or (0.0, 0)
    yield gauge(
        "meter_wal_last_archived_timestamp_seconds",
        "When a segment of the server's log (WAL) was last archived; 0 where none ever was.",
        archived_at,
    )
    yield counter("meter_wal_archive_failures", "Failed attempts to archive a segment of the server's log.", failures)


def _backups(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
    last = dict(
        connection.execute(
            "SELECT operation, extract(epoch FROM max(finished_at))::float8 FROM operations.log "
            "WHERE succeeded GROUP BY operation"
        ).fetchall()
    )
    yield gauge(
        "meter_backup_last_success_timestamp_seconds",
        "When a backup was last finished well; 0 where none was.",
        last.get("backup", 0),
    )
    yield gauge(
        "meter_restore_drill_last_success_timestamp_seconds",
        "When a backup was last restored and proved whole; 0 where none was.",
        last.get("restore_drill", 0),
    )
