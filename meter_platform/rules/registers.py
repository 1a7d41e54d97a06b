"""Registers and meters of a meterpoint: which way energy flows, and when several readings are about one half hour.

What belongs here: what rules ask of a reading's register, meter and quality. What does not: which of several deliveries
counts (`deliveries.py`).
"""

from typing import Final

import ibis

EXPORT: Final = "export"
"""The register of energy sent to the grid. Files that say nothing of registers have `import`."""

ESTIMATED: Final = "estimated"
"""The quality of a value that somebody has estimated. A file that says nothing of quality estimates nothing."""

_HALF_HOUR: Final = ["reference_date", "meterpoint_id", "interval_start"]


def is_export(readings: ibis.Table) -> ibis.Value:
    """Whether a reading is energy sent to the grid, by its register."""
    return readings.register == EXPORT


def is_estimate(readings: ibis.Table) -> ibis.Value:
    """Whether a reading's value was estimated."""
    return readings.quality == ESTIMATED


def further_readings(readings: ibis.Table) -> ibis.Table:
    """How many readings of each half hour are not the only one of their meterpoint, one of each meterpoint apart.

    Most meterpoints have one register and no meter that anyone named: of these there is one reading a half hour, by its key,
    and no row is looked at twice.

    Args:
        readings: `raw_meter_readings`.

    Returns:
        reference_date, interval_start, further; half hours without any are left out.
    """
    is_usual = (readings.register != EXPORT) & (readings.serial == "")
    unusual = readings.filter(~is_usual)
    counted = unusual.group_by(_HALF_HOUR).agg(count=unusual.count())
    usual = readings.filter(is_usual).select(*_HALF_HOUR, has_usual=ibis.literal(1, "int64"))
    together = counted.left_join(usual, _HALF_HOUR).select(
        counted.reference_date,
        counted.interval_start,
        further=counted["count"] - 1 + usual.has_usual.fill_null(0),
    )
    summed = together.group_by("reference_date", "interval_start").agg(further=together.further.sum())
    return summed.filter(summed.further > 0)


def of_named_meters(readings: ibis.Table) -> ibis.Table:
    """The energy of each half hour and register by all meters that were named, in kWh: on most days one, of an exchange two.

    Args:
        readings: `raw_meter_readings`.

    Returns:
        reference_date, meterpoint_id, interval_start, register, kwh. Readings of meters that nobody named are left out.
    """
    named = readings.filter(readings.serial != "")
    return named.group_by([*_HALF_HOUR, "register"]).agg(kwh=named.consumption_delta.sum())
