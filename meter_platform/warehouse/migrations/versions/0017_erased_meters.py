"""Serial numbers of erased meterpoints' meters are on record as tokens; of those erased so far none is known any more."""

from meter_platform.warehouse.migrations import steps

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Makes the table."""
    steps.run("""
CREATE TABLE IF NOT EXISTS raw_data.erased_meters (
  token text COLLATE "C" NOT NULL,
  serial_characters bigint NOT NULL
    CONSTRAINT erased_meters_serial_characters_1 CHECK (serial_characters >= 1),
  PRIMARY KEY (token)
)""")
