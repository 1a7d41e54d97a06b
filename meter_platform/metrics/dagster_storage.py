"""What Dagster has on record: daemons, runs, ticks, materialisations, the latest result of each check.

What belongs here: queries of Dagster's own tables, in SQL, and the names that have series before anything has happened. An
import of Dagster, or of the contracts, would take seconds and much memory: tests hold the lists here to both. What does
not: anything of the platform's own database.

Dagster keeps most times without a zone, in that of its sessions, which is the server's or the database's. So the sessions
of these queries keep that zone too, and cast such times to `timestamptz`.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

import psycopg
from prometheus_client.metrics_core import Metric

from meter_platform.metrics.part import Labels, Part, gauge, gauges
from meter_platform.warehouse import lineage

DAEMONS: Final = (
    "ASSET",
    "BACKFILL",
    "EVENT_LOG_CONSUMER",
    "FRESHNESS_DAEMON",
    "MONITORING",
    "QUEUED_RUN_COORDINATOR",
    "SCHEDULER",
    "SENSOR",
)
"""The daemons that an instance with our `dagster.yaml` has, whether or not they ever ran."""

RUN_STATUSES: Final = (
    "QUEUED",
    "NOT_STARTED",
    "MANAGED",
    "STARTING",
    "STARTED",
    "SUCCESS",
    "FAILURE",
    "CANCELING",
    "CANCELED",
    "SUSPENDED",
)
TICK_STATUSES: Final = ("STARTED", "SKIPPED", "SUCCESS", "FAILURE")
ASSETS: Final = (
    lineage.READINGS,
    *lineage.SNAPSHOTS,
    lineage.REJECTED,
    "superseded_readings",
    *lineage.INPUTS,
)
"""The assets that have series from the first scrape on."""

_CHECK_STATUSES: Final = ("passed", "warn", "error")

_GROWING: Final = ("asset_check_executions", "event_logs", "job_ticks", "runs")


def _daemons(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
    yield gauges(
        "dagster_daemon_last_heartbeat_timestamp_seconds",
        "When each daemon was last heard of; 0 where never.",
        ["daemon"],
        {
            (daemon.lower(),): heard_at
            for daemon, heard_at in connection.execute(
                "SELECT daemon_type, extract(epoch FROM timestamp::timestamptz)::float8 FROM daemon_heartbeats"
            )
        },
        known=[(daemon.lower(),) for daemon in DAEMONS],
    )


def _runs(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
    yield gauges(
        "dagster_runs",
        "Runs on record, by status.",
        ["status"],
        {
            (status.lower(),): count
            for status, count in connection.execute("SELECT status, count(*) FROM runs GROUP BY status")
        },
        known=[(status.lower(),) for status in RUN_STATUSES],
    )
    queued_since, started_at = connection.execute(
        "SELECT coalesce(extract(epoch FROM min(create_timestamp::timestamptz) "
        "                FILTER (WHERE status IN ('QUEUED', 'NOT_STARTED'))), 0)::float8, "
        "       coalesce(min(coalesce(start_time, extract(epoch FROM create_timestamp::timestamptz))) "
        "                FILTER (WHERE status IN ('STARTING', 'STARTED', 'CANCELING')), 0)::float8 "
        "FROM runs WHERE status IN ('QUEUED', 'NOT_STARTED', 'STARTING', 'STARTED', 'CANCELING')"
    ).fetchone() or (0.0, 0.0)
    yield gauge(
        "dagster_oldest_queued_run_timestamp_seconds",
        "When the run was asked for that waits longest; 0 where none waits.",
        queued_since,
    )
    yield gauge(
        "dagster_oldest_started_run_timestamp_seconds",
        "When the run began that has been under way longest; 0 where none is.",
        started_at,
    )
    yield gauges(
        "dagster_run_last_duration_seconds",
        "How long the last run took that ended in this way.",
        ["job_name", "status"],
        {
            (job, status.lower()): seconds
            for job, status, seconds in connection.execute(
                "SELECT DISTINCT ON (pipeline_name, status) pipeline_name, status, end_time - start_time FROM runs "
                "WHERE end_time IS NOT NULL AND start_time IS NOT NULL ORDER BY pipeline_name, status, id DESC"
            )
        },
    )


def _ticks(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
    # The daemon enters each sensor and schedule when it first meets it; anew under another code location, as `dagster dev`
    # and a code server have: the newest tick counts.
    ticks = connection.execute(
        "SELECT instigator_body::jsonb #>> '{origin,job_name}', instigator_type, last.status, "
        "       extract(epoch FROM last.timestamp::timestamptz)::float8 "
        "FROM instigators "
        "LEFT JOIN (SELECT selector_id, status, max(timestamp) AS timestamp FROM job_ticks GROUP BY 1, 2) AS last "
        "  USING (selector_id) ORDER BY last.timestamp NULLS FIRST"
    ).fetchall()
    yield gauges(
        "dagster_instigator_last_tick_timestamp_seconds",
        "When a sensor or schedule last had a tick of this status; 0 where never.",
        ["name", "type", "status"],
        {(name, kind.lower(), status.lower()): ticked_at for name, kind, status, ticked_at in ticks if status},
        known=[(name, kind.lower(), status.lower()) for name, kind, *_ in ticks for status in TICK_STATUSES],
    )


def _materializations(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
    yield gauges(
        "meter_asset_last_materialization_timestamp_seconds",
        "When a partition of the asset was last materialised; 0 where never.",
        ["asset"],
        {
            (_asset(key),): materialized_at
            for key, materialized_at in connection.execute(
                "SELECT asset_key, extract(epoch FROM timestamp::timestamptz)::float8 FROM asset_keys "
                "JOIN LATERAL (SELECT timestamp FROM event_logs WHERE event_logs.asset_key = asset_keys.asset_key "
                "  AND dagster_event_type = 'ASSET_MATERIALIZATION' ORDER BY id DESC LIMIT 1) AS last ON true"
            )
        },
        known=[(asset,) for asset in ASSETS],
    )


def _checks(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
    statuses: dict[Labels, float] = {}
    evaluated: dict[Labels, float] = {}
    for key, check, outcome, severity, evaluated_at in connection.execute(
        "SELECT asset_key, check_name, execution_status, "
        "       CASE WHEN execution_status <> 'SUCCEEDED' THEN "
        "         evaluation_event::jsonb #>> '{dagster_event,event_specific_data,severity,__enum__}' END, "
        "       extract(epoch FROM evaluation_event_timestamp::timestamptz)::float8 "
        "FROM (SELECT max(id) AS id FROM asset_check_executions WHERE execution_status <> 'PLANNED' "
        "      GROUP BY asset_key, check_name) AS latest JOIN asset_check_executions USING (id)"
    ):
        asset = _asset(key)
        # A failure of unknown severity counts as the worst.
        found = "passed" if outcome == "SUCCEEDED" else "warn" if severity == "AssetCheckSeverity.WARN" else "error"
        statuses |= {(asset, check, status): float(status == found) for status in _CHECK_STATUSES}
        evaluated[asset, check] = evaluated_at
    yield gauges(
        "meter_asset_check_status",
        "1 for the status of the check's latest evaluation, 0 for the others.",
        ["asset", "check", "status"],
        statuses,
    )
    yield gauges(
        "meter_asset_check_last_evaluation_timestamp_seconds",
        "When the check was last evaluated.",
        ["asset", "check"],
        evaluated,
    )


def _growth(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
    yield gauges(
        "dagster_table_rows",
        "Rows of Dagster's tables that grow, by Postgres's estimate.",
        ["table"],
        {
            (table,): rows
            for table, rows in connection.execute(
                "SELECT relname, greatest(reltuples, 0) FROM pg_class "
                "WHERE oid IN (SELECT to_regclass(name) FROM unnest(%s::text[]) AS name)",
                (list(_GROWING),),
            )
        },
        known=[(table,) for table in _GROWING],
    )


PARTS: Final = (
    Part("daemons", _daemons),
    Part("runs", _runs),
    Part("ticks", _ticks),
    Part("materializations", _materializations),
    Part("checks", _checks),
    Part("growth", _growth),
)


def _asset(key: str) -> str:
    """The name of an asset: Dagster keeps its path as JSON."""
    return "/".join(json.loads(key))
