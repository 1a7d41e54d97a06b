"""Withdrawals, repeated deliveries, notes on what is built and what fails; `off_grid` is now `misaligned_interval`.

What is stored is kept as it is. Tables that were computed from it count as built by other rules, for they were: every
date is computed once more, from the readings that are stored (docs/decisions/migrations.md).
"""

from psycopg import sql

from meter_platform.warehouse.migrations import steps

revision = "0002"
down_revision = "0001"

_NEW_TABLES = """
CREATE TABLE IF NOT EXISTS raw_data.repeated_readings (
  meterpoint_id text COLLATE "C" NOT NULL,
  interval_start timestamptz NOT NULL,
  consumption_delta numeric NOT NULL
    CONSTRAINT repeated_readings_consumption_delta_1 CHECK (consumption_delta >= 0)
    CONSTRAINT repeated_readings_consumption_delta_2 CHECK (consumption_delta <= 24),
  reference_date date NOT NULL,
  source_file_id bigint NOT NULL,
  source_position integer NOT NULL
    CONSTRAINT repeated_readings_source_position_1 CHECK (source_position >= 1),
  loaded_at timestamptz NOT NULL,
  PRIMARY KEY (reference_date, source_file_id, source_position)
);
CREATE TABLE IF NOT EXISTS raw_data.withdrawn_readings (
  meterpoint_id text COLLATE "C" NOT NULL,
  interval_start timestamptz NOT NULL,
  consumption_delta numeric NOT NULL
    CONSTRAINT withdrawn_readings_consumption_delta_1 CHECK (consumption_delta >= 0)
    CONSTRAINT withdrawn_readings_consumption_delta_2 CHECK (consumption_delta <= 24),
  reference_date date NOT NULL,
  source_file_id bigint NOT NULL,
  source_position integer NOT NULL
    CONSTRAINT withdrawn_readings_source_position_1 CHECK (source_position >= 1),
  loaded_at timestamptz NOT NULL,
  withdrawal_id bigint NOT NULL,
  PRIMARY KEY (reference_date, source_file_id, source_position)
);
CREATE TABLE IF NOT EXISTS raw_data.withdrawals (
  withdrawal_id bigint NOT NULL
    CONSTRAINT withdrawals_withdrawal_id_1 CHECK (withdrawal_id >= 1),
  source_file_id bigint NOT NULL,
  what text COLLATE "C" NOT NULL
    CONSTRAINT withdrawals_what_1 CHECK (what IN ('left_over', 'version')),
  rows_withdrawn bigint NOT NULL
    CONSTRAINT withdrawals_rows_withdrawn_1 CHECK (rows_withdrawn >= 0),
  withdrawn_at timestamptz NOT NULL,
  undone_at timestamptz,
  PRIMARY KEY (withdrawal_id)
);
CREATE TABLE IF NOT EXISTS raw_data.partition_versions (
  reference_date date NOT NULL,
  table_name text COLLATE "C" NOT NULL,
  version bigint NOT NULL
    CONSTRAINT partition_versions_version_1 CHECK (version >= 1),
  rows_stored bigint NOT NULL
    CONSTRAINT partition_versions_rows_stored_1 CHECK (rows_stored >= 0),
  built_from text COLLATE "C" NOT NULL,
  rules text COLLATE "C" NOT NULL,
  loaded_at timestamptz NOT NULL,
  PRIMARY KEY (reference_date, table_name)
);
CREATE TABLE IF NOT EXISTS raw_data.failed_partitions (
  reference_date date NOT NULL,
  table_name text COLLATE "C" NOT NULL,
  error text COLLATE "C" NOT NULL,
  may_pass boolean NOT NULL,
  failed_at timestamptz NOT NULL,
  PRIMARY KEY (reference_date, table_name)
);
CREATE TABLE IF NOT EXISTS raw_data.failing_checks (
  check_name text COLLATE "C" NOT NULL,
  reference_date date NOT NULL,
  failing_count bigint NOT NULL
    CONSTRAINT failing_checks_failing_count_1 CHECK (failing_count >= 1),
  what text COLLATE "C" NOT NULL,
  severity text COLLATE "C" NOT NULL
    CONSTRAINT failing_checks_severity_1 CHECK (severity IN ('ERROR', 'WARN')),
  looked_at timestamptz NOT NULL,
  PRIMARY KEY (check_name, reference_date)
);
CREATE INDEX IF NOT EXISTS failing_checks_reference_date ON raw_data.failing_checks (reference_date);
CREATE TABLE IF NOT EXISTS raw_data.deleted_files (
  reference_date date NOT NULL,
  source_file_id bigint NOT NULL,
  noticed_at timestamptz NOT NULL,
  PRIMARY KEY (reference_date, source_file_id)
);
CREATE SEQUENCE IF NOT EXISTS raw_data.partition_version;
CREATE SEQUENCE IF NOT EXISTS raw_data.withdrawal_id;
"""

_NAMES = (
    "raw_data.repeated_readings",
    "raw_data.withdrawn_readings",
    "raw_data.withdrawals",
    "raw_data.partition_versions",
    "raw_data.failed_partitions",
    "raw_data.failing_checks",
    "raw_data.deleted_files",
)

_SOURCE_FILES = """
SELECT version.*,
       dates.reference_date,
       coalesce(dates.rows_per_reference_date, '{}') AS rows_per_reference_date,
       coalesce(dates.rows_stored, 0) AS rows_stored,
       coalesce(dates.rows_redelivered, 0) AS rows_redelivered,
       coalesce(dates.rows_replaced, 0) AS rows_replaced,
       coalesce(dates.rows_withdrawn, 0) AS rows_withdrawn,
       coalesce(dates.rows_pending, 0) AS rows_pending,
       dates.loaded_at
FROM raw_data.source_file_versions AS version
LEFT JOIN LATERAL (
  SELECT max(reference_date) AS reference_date,
         jsonb_object_agg(reference_date, rows_accepted) AS rows_per_reference_date,
         sum(rows_stored)::bigint AS rows_stored,
         sum(rows_redelivered)::bigint AS rows_redelivered,
         sum(rows_replaced)::bigint AS rows_replaced,
         sum(rows_withdrawn)::bigint AS rows_withdrawn,
         (sum(rows_accepted) FILTER (WHERE loaded_at IS NULL))::bigint AS rows_pending,
         max(loaded_at) AS loaded_at
  FROM raw_data.source_file_dates
  WHERE source_file_id = version.source_file_id
) AS dates ON true"""

# Of each table: its rows of a date, its rules, and from which of its rows a date is known.
_STORED = (
    ("raw_data.source_file_dates", "raw_meter_readings", "sum(rows_stored)", "", "loaded_at IS NOT NULL"),
    ("raw_data.rejected_readings", "rejected_readings", "0", "", "reference_date IS NOT NULL"),
    ("raw_data.raw_agreements", "raw_agreements", "count(*)", "", "true"),
    ("raw_data.raw_products", "raw_products", "count(*)", "", "true"),
    ("raw_data.raw_meterpoints", "raw_meterpoints", "count(*)", "", "true"),
    ("analytics.active_agreements", "active_agreements", "count(*)", "0.1.0", "true"),
    ("analytics.half_hourly_consumption", "half_hourly_consumption", "count(*)", "0.1.0", "true"),
    ("analytics.meterpoint_completeness", "meterpoint_completeness", "count(*)", "0.1.0", "true"),
    ("analytics.daily_product_consumption", "daily_product_consumption", "count(*)", "0.1.0", "true"),
    ("analytics.unattributed_consumption", "unattributed_consumption", "count(*)", "0.1.0", "true"),
)

_RENAMED = {"off_grid": "misaligned_interval"}


def upgrade() -> None:
    """Adds tables and columns, translates the renamed code, notes what is stored."""
    adopted = steps.exists("raw_data.partition_versions")  # by a state of the code between two versions
    steps.run(_NEW_TABLES)
    steps.let_read(_NAMES, like="raw_data.source_files")

    steps.add_column("raw_data.rejected_readings", "consumption_delta", "numeric", nullable=True)
    steps.add_column("raw_data.source_file_dates", "rows_withdrawn", "bigint", constant="0")
    steps.replace_check("raw_data.source_file_dates", "source_file_dates_rows_withdrawn_1", "rows_withdrawn >= 0")
    steps.add_column("raw_data.source_file_versions", "modified_at", "timestamptz", computed="delivered_at")
    steps.replace_check(
        "raw_data.source_file_versions",
        "source_file_versions_outcome_1",
        "outcome IN ('held_back', 'malformed', 'read')",
    )
    steps.replace_view(
        "raw_data.source_files", _SOURCE_FILES, of=("raw_data.source_file_versions", "raw_data.source_file_dates")
    )
    steps.add_column("analytics.meterpoint_completeness", "largest_reading_kwh", "numeric", nullable=True)
    steps.replace_check(
        "analytics.meterpoint_completeness",
        "meterpoint_completeness_largest_reading_kwh_1",
        "largest_reading_kwh >= 0",
    )

    steps.translate("raw_data.rejected_readings", "reason", _RENAMED)
    steps.translate_quoted("raw_data.source_file_versions", "error", _RENAMED, where="outcome = 'held_back'")

    if not adopted:
        for name, table, rows, rules, known in _STORED:
            _note(name, table, rows, rules, known)
    if steps.exists("analytics.half_hourly_consumption"):
        steps.run("COMMENT ON SCHEMA analytics IS NULL")  # a digest of the contracts: the version table says more


def _note(name: str, table: str, rows: str, rules: str, known: str) -> None:
    """Gives each stored date of a table a version."""
    if steps.exists(name):
        steps.run(
            sql.SQL(
                "INSERT INTO raw_data.partition_versions "
                "SELECT reference_date, {table}, nextval('raw_data.partition_version'), rows, '', {rules}, loaded_at "
                "FROM (SELECT reference_date, {rows}::bigint AS rows, max(loaded_at) AS loaded_at FROM {name} "
                "WHERE {known} GROUP BY reference_date) AS stored"
            ).format(
                table=sql.Literal(table),
                rules=sql.Literal(rules),
                rows=sql.SQL(rows),
                name=sql.Identifier(*name.split(".")),
                known=sql.SQL(known),
            )
        )
