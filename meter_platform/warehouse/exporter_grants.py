"""What the metrics' login may read: columns of two databases, none of which can name a person.

What belongs here: tables and their columns, for whoever makes the role, and whoever tests that no metric needs more. What
does not: making the role, and the queries (`metrics/`).

No column here holds a meterpoint, an account, or the name of a file: files may be called after meterpoints. The texts of
Dagster (`evaluation_event`, `instigator_body`) name none, for what checks and sensors say never does.
"""

from collections.abc import Mapping
from typing import Final

EXPORTER_ROLE: Final = "meter_exporter"

EXPORTER_MEMBER_OF: Final = "pg_monitor"
"""Gives the sizes of databases, and what Postgres counts of its archiver."""

EXPORTER_SETTINGS: Final[Mapping[str, str]] = {
    "default_transaction_read_only": "on",
    "statement_timeout": "5s",
    "lock_timeout": "500ms",
    "idle_in_transaction_session_timeout": "10s",
}
"""Of every session of the role: a scrape waits for nobody for long, and nobody waits for it."""

DATA_FUNCTIONS: Final = ("set_config(text, text, boolean)", "pg_database_size(oid)")
"""Functions of Postgres that nobody may call unasked where typed SQL is set up (`typed_sql/role.sql`)."""

DATA_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "raw_data.partition_versions": ("reference_date", "table_name", "rows_stored"),
    "raw_data.failed_partitions": ("reference_date", "table_name"),
    "raw_data.newest_file_versions": ("source_file_id", "outcome"),
    "raw_data.source_file_versions": ("source_file_id", "rows_rejected"),
    "raw_data.source_file_dates": (
        "source_file_id",
        "reference_date",
        "rows_accepted",
        "rows_stored",
        "rows_redelivered",
        "rows_replaced",
        "rows_withdrawn",
        "rows_pruned",
        "loaded_at",
    ),
    "raw_data.deleted_files": ("reference_date", "source_file_id"),
    "raw_data.rejected_readings": ("reason",),
    "analytics.half_hourly_consumption": ("reference_date", "meterpoint_count", "total_consumption_kwh"),
    "analytics.meterpoint_completeness": ("reference_date", "expected_readings", "received_readings"),
    "operations.log": ("operation", "finished_at", "succeeded"),
}
"""Columns of the platform's database, by qualified table."""

DAGSTER_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "public.daemon_heartbeats": ("daemon_type", "timestamp"),
    "public.runs": ("id", "pipeline_name", "status", "create_timestamp", "start_time", "end_time"),
    "public.job_ticks": ("selector_id", "status", "timestamp"),
    "public.instigators": ("selector_id", "instigator_type", "instigator_body"),
    "public.asset_keys": ("asset_key",),
    "public.event_logs": ("id", "asset_key", "dagster_event_type", "timestamp"),
    "public.asset_check_executions": (
        "id",
        "asset_key",
        "check_name",
        "execution_status",
        "evaluation_event",
        "evaluation_event_timestamp",
    ),
}
"""Columns of Dagster's database, by qualified table."""
