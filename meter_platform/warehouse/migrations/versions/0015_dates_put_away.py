"""Readings of a date may be in the lake alone; of no date are they so far."""

from meter_platform.warehouse.migrations import steps

revision = "0015"
down_revision = "0014"

_TABLE = "raw_data.dates_put_away"


def upgrade() -> None:
    """Makes the table."""
    steps.run("""
CREATE TABLE IF NOT EXISTS raw_data.dates_put_away (
  reference_date date NOT NULL,
  version bigint NOT NULL
    CONSTRAINT dates_put_away_version_1 CHECK (version >= 1),
  lake_version bigint NOT NULL
    CONSTRAINT dates_put_away_lake_version_1 CHECK (lake_version >= 0),
  readings bigint NOT NULL
    CONSTRAINT dates_put_away_readings_1 CHECK (readings >= 0),
  consumption_kwh numeric NOT NULL
    CONSTRAINT dates_put_away_consumption_kwh_1 CHECK (consumption_kwh >= 0),
  put_away_at timestamptz NOT NULL,
  PRIMARY KEY (reference_date)
)""")
    steps.let_read([_TABLE], like="raw_data.source_files")
