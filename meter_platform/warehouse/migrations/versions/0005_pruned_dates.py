"""The catalogue says which rows are of reference dates that were pruned; none was before this version."""

from meter_platform.warehouse.migrations import steps

revision = "0005"
down_revision = "0004"

_SOURCE_FILES = """
SELECT version.*,
       dates.reference_date,
       coalesce(dates.rows_per_reference_date, '{}') AS rows_per_reference_date,
       coalesce(dates.rows_stored, 0) AS rows_stored,
       coalesce(dates.rows_redelivered, 0) AS rows_redelivered,
       coalesce(dates.rows_replaced, 0) AS rows_replaced,
       coalesce(dates.rows_withdrawn, 0) AS rows_withdrawn,
       coalesce(dates.rows_pending, 0) AS rows_pending,
       dates.loaded_at,
       coalesce(dates.rows_pruned, 0) AS rows_pruned
FROM raw_data.source_file_versions AS version
LEFT JOIN LATERAL (
  SELECT max(reference_date) AS reference_date,
         jsonb_object_agg(reference_date, rows_accepted) AS rows_per_reference_date,
         sum(rows_stored)::bigint AS rows_stored,
         sum(rows_redelivered)::bigint AS rows_redelivered,
         sum(rows_replaced)::bigint AS rows_replaced,
         sum(rows_withdrawn)::bigint AS rows_withdrawn,
         (sum(rows_accepted) FILTER (WHERE loaded_at IS NULL))::bigint AS rows_pending,
         max(loaded_at) AS loaded_at,
         sum(rows_pruned)::bigint AS rows_pruned
  FROM raw_data.source_file_dates
  WHERE source_file_id = version.source_file_id
) AS dates ON true"""


def upgrade() -> None:
    """Adds the column, and shows it in the view of the catalogue."""
    steps.add_column("raw_data.source_file_dates", "rows_pruned", "bigint", constant="0")
    steps.replace_check("raw_data.source_file_dates", "source_file_dates_rows_pruned_1", "rows_pruned >= 0")
    steps.replace_view(
        "raw_data.source_files", _SOURCE_FILES, of=("raw_data.source_file_versions", "raw_data.source_file_dates")
    )
