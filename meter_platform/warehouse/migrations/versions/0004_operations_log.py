"""A log of backups, restore drills, prunings and erasures, in a schema of its own."""

from meter_platform.warehouse.migrations import steps

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Makes the schema and its table; nothing that was done before is known."""
    steps.run("CREATE SCHEMA IF NOT EXISTS operations")
    steps.run("""
CREATE TABLE IF NOT EXISTS operations.log (
  operation text COLLATE "C" NOT NULL
    CONSTRAINT log_operation_1 CHECK (operation IN ('backup', 'erase', 'prune', 'restore_drill')),
  started_at timestamptz NOT NULL,
  finished_at timestamptz NOT NULL,
  succeeded boolean NOT NULL,
  detail text COLLATE "C" NOT NULL,
  size_bytes bigint
    CONSTRAINT log_size_bytes_1 CHECK (size_bytes >= 0),
  PRIMARY KEY (operation, started_at)
)""")
