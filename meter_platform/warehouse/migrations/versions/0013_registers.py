"""A reading has a register, a quality, a meter's serial number and a time of revision, and its key is wider.

What is stored was read from files of which nobody asked for them: it has what a reading has whose file says nothing.
"""

from meter_platform.warehouse.migrations import steps

revision = "0013"
down_revision = "0012"

_READINGS = "raw_data.raw_meter_readings"
_BY_VALUE = ("raw_data.superseded_readings", "raw_data.redelivered_readings")
_VALUE = ("consumption_delta", "register", "serial", "quality")
_BY_POSITION = ("raw_data.repeated_readings", "raw_data.withdrawn_readings")


def upgrade() -> None:
    """Adds the columns to every table of delivered rows, which takes no time, and makes the keys anew, which does."""
    for table in (_READINGS, *_BY_VALUE, *_BY_POSITION):
        name = table.partition(".")[2]
        steps.add_column(table, "register", 'text COLLATE "C"', constant="'import'")
        steps.add_column(table, "quality", 'text COLLATE "C"', constant="'unknown'")
        steps.add_column(table, "serial", 'text COLLATE "C"', constant="''")
        steps.add_column(table, "revised_at", "timestamptz", nullable=True)
        steps.replace_check(table, f"{name}_register_1", "register IN ('export', 'import')")
        steps.replace_check(table, f"{name}_quality_1", "quality IN ('actual', 'estimated', 'unknown')")
    steps.replace_key(_READINGS, ("meterpoint_id", "interval_start", "register", "serial"))
    for table in _BY_VALUE:
        # With the date: a half hour is of another one in another zone, and files that are gone keep theirs.
        steps.replace_key(table, ("reference_date", "meterpoint_id", "interval_start", *_VALUE))
        steps.run(f"DROP INDEX IF EXISTS {table}_reference_date")  # the key begins with it
