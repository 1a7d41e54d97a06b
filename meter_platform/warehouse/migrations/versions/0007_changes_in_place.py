"""Few changed rows of a large date are changed in place; what they were is on record until everything has followed.

Of what is stored every row counts as replaced at the version that it has: whatever changes from here on is on record.
"""

from meter_platform.warehouse.migrations import steps

revision = "0007"
down_revision = "0005"

_CHANGES = """
CREATE TABLE IF NOT EXISTS raw_data.changes_in_place (
  reference_date date NOT NULL,
  change_id bigint NOT NULL
    CONSTRAINT changes_in_place_change_id_1 CHECK (change_id >= 1),
  table_name text COLLATE "C" NOT NULL,
  version bigint NOT NULL
    CONSTRAINT changes_in_place_version_1 CHECK (version >= 1),
  meterpoint_id text COLLATE "C" NOT NULL,
  interval_start timestamptz NOT NULL,
  is_new boolean NOT NULL,
  readings bigint NOT NULL
    CONSTRAINT changes_in_place_readings_1 CHECK (readings >= 0),
  consumption_kwh numeric NOT NULL
    CONSTRAINT changes_in_place_consumption_kwh_1 CHECK (consumption_kwh >= 0),
  PRIMARY KEY (reference_date, table_name, version, change_id)
);
CREATE SEQUENCE IF NOT EXISTS raw_data.change_id;
"""

_VERSIONS = "raw_data.partition_versions"


def upgrade() -> None:
    """Adds the table of changes, and the two versions that say since when it is complete and what was recounted."""
    steps.run(_CHANGES)
    steps.let_read(["raw_data.changes_in_place"], like="raw_data.source_files")
    # The checks of every load so far have recounted it.
    recounted = "CASE WHEN table_name = 'raw_meter_readings' THEN version END"
    for column, computed in (("whole_version", "version"), ("recounted_version", recounted)):
        steps.add_column(_VERSIONS, column, "bigint", nullable=True, computed=computed)
        steps.replace_check(_VERSIONS, f"partition_versions_{column}_1", f"{column} >= 1")
