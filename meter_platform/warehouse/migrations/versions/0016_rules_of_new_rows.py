"""The rules for a reading's register and quality hold for rows that are written: those that are there are not read again.

A date whose files say nothing of them gets both columns when it has its rows already, each with one value in all of them.
"""

from meter_platform.warehouse.migrations import steps

revision = "0016"
down_revision = "0015"

_READINGS = "raw_data.raw_meter_readings"


def upgrade() -> None:
    """Replaces both rules, which takes no time: rows that are there have obeyed them so far."""
    steps.replace_check(
        _READINGS, "raw_meter_readings_register_1", "register IN ('export', 'import')", of_new_rows=True
    )
    steps.replace_check(
        _READINGS, "raw_meter_readings_quality_1", "quality IN ('actual', 'estimated', 'unknown')", of_new_rows=True
    )
