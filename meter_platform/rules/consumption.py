"""How much energy was used, in kWh: by half hour, by product and day, and by no product at all.

Every sum is exact, and the three agree: product totals + unattributed = half-hour totals = readings.
"""

from typing import Final

import ibis

from meter_platform.rules.days import half_hours
from meter_platform.rules.in_force import ever_in_force, in_force
from meter_platform.rules.registers import further_readings, is_estimate, is_export

_SUMS: Final = (
    "total_consumption_kwh",
    "export_consumption_kwh",
    "actual_consumption_kwh",
    "estimated_consumption_kwh",
)
"""The sums that every table here has; half hours have that of import besides."""


def half_hourly_consumption(readings: ibis.Table, active: ibis.Table, days: ibis.Table) -> ibis.Table:
    """Energy of each half hour over all meterpoints.

    The total includes export, as the case study's does; import and export stand beside it. Export is what an export
    register counted, and what is supplied to an export product. Other energy counts as import, for nothing says otherwise.
    Actual is what nobody estimated. The settlement period is the number
    of the half hour within its local day (Elexon: 46, 48 or 50 a day).

    Args:
        readings: `raw_meter_readings`.
        active: `active_agreements` of the same dates.
        days: `days.day_values` of the same dates.

    Returns:
        datetime, reference_date, settlement_period, meterpoint_count, reading_count, total_consumption_kwh, and of it
        import_consumption_kwh, export_consumption_kwh, actual_consumption_kwh, estimated_consumption_kwh.
    """
    # The table as it is, for Postgres knows its rows: of a subquery it knows nothing, and hashes or sorts all readings instead.
    exporters = active.filter(active.is_sole & active.is_export)
    marked = readings.left_join(exporters, ["reference_date", "meterpoint_id"]).select(
        "reference_date",
        "interval_start",
        "consumption_delta",
        is_export=is_export(readings) | exporters.is_export.fill_null(False),  # noqa: FBT003 - Ibis's form
        is_estimate=is_estimate(readings),
    )
    # Each reading is added once, to the energy of its kind; the sums of all kinds are sums of the few rows of these.
    kinds = marked.group_by("reference_date", "interval_start", "is_export", "is_estimate").agg(
        readings=marked.count(), kwh=marked.consumption_delta.sum()
    )
    # Sums, and no difference of two: Spark gives the difference of two such decimals a decimal less.
    both = kinds.group_by("reference_date", "interval_start").agg(
        reading_count=kinds.readings.sum().cast("int64"),
        total_consumption_kwh=kinds.kwh.sum(),
        # An integer 0: a decimal one would round the others to its own number of decimals.
        import_consumption_kwh=kinds.kwh.sum(where=~kinds.is_export).fill_null(0),
        export_consumption_kwh=kinds.kwh.sum(where=kinds.is_export).fill_null(0),
        actual_consumption_kwh=kinds.kwh.sum(where=~kinds.is_estimate).fill_null(0),
        estimated_consumption_kwh=kinds.kwh.sum(where=kinds.is_estimate).fill_null(0),
    )
    further = further_readings(readings)
    # Energy outside the half hours of its day keeps its row, without a period: validation then refuses the partition.
    key = ["reference_date", "interval_start"]
    numbered = both.left_join(half_hours(days), key).drop("reference_date_right", "interval_start_right")
    counted = numbered.left_join(further, key)
    return counted.select(
        "reference_date",
        "reading_count",
        *_SUMS,
        "import_consumption_kwh",
        "settlement_period",
        datetime=counted.interval_start,
        meterpoint_count=counted.reading_count - counted.further.fill_null(0).cast("int64"),
    )


def daily_product_consumption(received: ibis.Table, active: ibis.Table) -> ibis.Table:
    """Energy of each product and day, under the agreement in force on the day.

    Several product ids share a display name; the report is by display name (case study). The join is by
    date, too: without it a meterpoint would count under every agreement that it ever had.

    Args:
        received: `meterpoint_completeness`, which has the energy of each meterpoint and day.
        active: `active_agreements` of the same dates.

    Returns:
        product_display_name, reference_date, date, is_export, meterpoint_count, total_consumption_kwh, and of it
        export_consumption_kwh, actual_consumption_kwh, estimated_consumption_kwh.
    """
    used = received.filter(received.received_readings > 0)
    supplied = used.inner_join(active.filter(active.is_sole), ["reference_date", "meterpoint_id"])
    by_product = supplied.group_by("reference_date", "display_name").agg(
        is_export=supplied.is_export.any(),
        meterpoint_count=supplied.count(),
        total_consumption_kwh=supplied.total_consumption_kwh.sum(),
        export_consumption_kwh=supplied.is_export.ifelse(
            supplied.total_consumption_kwh, supplied.export_consumption_kwh
        ).sum(),
        actual_consumption_kwh=supplied.actual_consumption_kwh.sum(),
        estimated_consumption_kwh=supplied.estimated_consumption_kwh.sum(),
    )
    return by_product.select(
        "reference_date",
        "is_export",
        "meterpoint_count",
        *_SUMS,
        product_display_name=by_product.display_name,
        date=by_product.reference_date,
    )


def unattributed_consumption(received: ibis.Table, agreements: ibis.Table, active: ibis.Table) -> ibis.Table:
    """Energy used while no agreement was in force, or more than one was. It is kept apart, never dropped.

    The reason is the first that holds: `overlap` (several in force), `unknown_product` (one in force, for a product the
    source does not have), `ended` (the newest ended before), `not_started` (the first begins later), `no_agreement`.

    Args:
        received: `meterpoint_completeness`, which has the energy of each meterpoint and day.
        agreements: `raw_agreements` of the same dates.
        active: `active_agreements` of the same dates.

    Returns:
        meterpoint_id, reference_date, total_consumption_kwh, export_consumption_kwh, actual_consumption_kwh,
        estimated_consumption_kwh, reading_count, reason, days_since_last_agreement.
    """
    key = ["reference_date", "meterpoint_id"]
    used = received.filter(received.received_readings > 0).anti_join(active.filter(active.is_sole), key)
    theirs = agreements.semi_join(used, key)
    # A cancelled agreement of zero length was never in force: its dates are no reason.
    real = theirs.filter(ever_in_force(theirs))
    history = real.group_by(key).agg(
        in_force_count=in_force(real).sum(),
        last_end=real.agreement_valid_to.max(where=real.agreement_valid_to <= real.reference_date),
    )
    overlapping = active.filter(~active.is_sole).group_by(key).agg(active_count=ibis._.count())
    known = used.left_join(history, key).drop("reference_date_right", "meterpoint_id_right")
    known = known.left_join(overlapping, key).drop("reference_date_right", "meterpoint_id_right")
    return known.select(
        "meterpoint_id",
        "reference_date",
        *_SUMS,
        reading_count=known.received_readings,
        reason=ibis.cases(
            (known.active_count.notnull(), "overlap"),
            (known.in_force_count > 0, "unknown_product"),
            (known.last_end.notnull(), "ended"),
            (known.in_force_count.notnull(), "not_started"),
            else_="no_agreement",
        ),
        days_since_last_agreement=known.reference_date.delta(known.last_end, unit="day").cast("int64"),
    )
