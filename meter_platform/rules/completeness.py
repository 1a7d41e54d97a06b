"""What was received from each meterpoint on a day: how many half hours, and how much energy in kWh."""

import ibis


def meterpoint_completeness(
    readings: ibis.Table, rejected: ibis.Table, meterpoints: ibis.Table, days: ibis.Table
) -> ibis.Table:
    """Received half hours against those of the local day: 46, 48 or 50 (Elexon). What is missing is never invented.

    The energy is that of the half hours received. Products and unattributed energy are computed from it, so that the
    readings are summed by meterpoint once.

    Args:
        readings: `raw_meter_readings`.
        rejected: `rejected_readings` of the same dates.
        meterpoints: `raw_meterpoints` of the same dates.
        days: `days.day_values` of the same dates.

    Returns:
        meterpoint_id, reference_date, expected_readings, received_readings, rejected_readings, zero_readings,
        is_constant, total_consumption_kwh, largest_reading_kwh; a row for each meterpoint that is known, or that
        a row of the day names.
    """
    key = ["reference_date", "meterpoint_id"]
    received = readings.group_by(key).agg(
        received=readings.count(),
        zero=readings.count(where=readings.consumption_delta == 0),
        least=readings.consumption_delta.min(),
        most=readings.consumption_delta.max(),
        kwh=readings.consumption_delta.sum(),
    )
    named = rejected.filter(rejected.meterpoint_id.notnull() & rejected.reference_date.notnull())
    refused = named.group_by(key).agg(refused=named.count())
    counted = _with_keys_of_both(received.outer_join(meterpoints.select(key), key))
    counted = _with_keys_of_both(counted.outer_join(refused, key))
    dated = counted.inner_join(days, "reference_date")
    return dated.select(
        "meterpoint_id",
        "reference_date",
        expected_readings=dated.periods,
        received_readings=dated.received.fill_null(0),
        rejected_readings=dated.refused.fill_null(0),
        zero_readings=dated.zero.fill_null(0),
        is_constant=((dated.received > 1) & (dated.least == dated.most) & (dated.most > 0)).fill_null(False),  # noqa: FBT003 - Ibis's form
        # An integer 0: a decimal one would round the others to its own number of decimals.
        total_consumption_kwh=dated.kwh.fill_null(0),
        largest_reading_kwh=dated.most,
    )


def _with_keys_of_both(joined: ibis.Table) -> ibis.Table:
    """Rows of an outer join with one date and one meterpoint each: that of whichever side has the row."""
    return joined.mutate(
        reference_date=ibis.coalesce(joined.reference_date, joined.reference_date_right),
        meterpoint_id=ibis.coalesce(joined.meterpoint_id, joined.meterpoint_id_right),
    ).drop("reference_date_right", "meterpoint_id_right")
