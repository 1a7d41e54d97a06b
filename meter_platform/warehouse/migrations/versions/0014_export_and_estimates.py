"""Totals are split into what was estimated and what was not, and export is known of each product and meterpoint.

Nothing that is stored was estimated, or of an export register, as far as anyone knows. All of it is computed once more, for
the rules are others.
"""

from meter_platform.warehouse.migrations import steps

revision = "0014"
down_revision = "0013"

_HALF_HOURS = "analytics.half_hourly_consumption"
_PRODUCTS = "analytics.daily_product_consumption"
_UNATTRIBUTED = "analytics.unattributed_consumption"
_COMPLETENESS = "analytics.meterpoint_completeness"
_CHANGES = "raw_data.changes_in_place"
_AT_LEAST = {"reading_count": 1}


def upgrade() -> None:
    """Adds the columns."""
    _add(_HALF_HOURS, "reading_count", "bigint", "meterpoint_count")
    _add(_COMPLETENESS, "stored_readings", "bigint", "received_readings")
    _add(_PRODUCTS, "export_consumption_kwh", "numeric", "CASE WHEN is_export THEN total_consumption_kwh ELSE 0 END")
    _add(_UNATTRIBUTED, "export_consumption_kwh", "numeric", "0")
    _add(_COMPLETENESS, "export_consumption_kwh", "numeric", "0")
    for table in (_HALF_HOURS, _PRODUCTS, _UNATTRIBUTED, _COMPLETENESS):
        _add(table, "actual_consumption_kwh", "numeric", "total_consumption_kwh")
        _add(table, "estimated_consumption_kwh", "numeric", "0")
    for column in ("register", "serial", "quality"):
        steps.add_column(_CHANGES, column, 'text COLLATE "C"', nullable=True)
    for column in ("export_kwh", "actual_kwh", "estimated_kwh"):
        steps.add_column(_CHANGES, column, "numeric", nullable=True)


def _add(table: str, column: str, kind: str, computed: str) -> None:
    steps.add_column(table, column, kind, computed=computed)
    name = table.partition(".")[2]
    steps.replace_check(table, f"{name}_{column}_1", f"{column} >= {_AT_LEAST.get(column, 0)}")
