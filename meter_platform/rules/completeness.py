"""What each meterpoint has sent of a day: how many half hours, and how much energy."""

import ibis


def meterpoint_completeness(
    readings: ibis.Table, rejected: ibis.Table, meterpoints: ibis.Table, days: ibis.Table
) -> ibis.Table:
    """Received half hours against those of the local day: 46, 48 or 50 (Elexon). What is missing is never invented.

    The energy is that of the half hours received: what products and unattributed energy are made from, so that the
    readings are gone through by meterpoint once.

    Args:
        readings: `raw_meter_readings`.
        rejected: `rejected_readings` of the same dates.
        meterpoints: `raw_meterpoints` of the same dates.
        days: `days.day_values` of the same dates.

    Returns:
        meterpoint_id, reference_date, expected_readings, received_readings, rejected_readings, zero_readings,
        is_constant, total_consumption_kwh; a row for each meterpoint that is known, or that sent something.
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
    known = _keys(meterpoints).union(_keys(received), _keys(refused), distinct=True)
    counted = known.left_join(received, key).drop("reference_date_right", "meterpoint_id_right")
    counted = counted.left_join(refused, key).drop("reference_date_right", "meterpoint_id_right")
    dated = counted.inner_join(days, "reference_date")
    return dated.select(
        "meterpoint_id",
        "reference_date",
        expected_readings=dated.periods,
        received_readings=dated.received.fill_null(0),
        rejected_readings=dated.refused.fill_null(0),
        zero_readings=dated.zero.fill_null(0),
        is_constant=((dated.received > 1) & (dated.least == dated.most) & (dated.most > 0)).fill_null(False),  # noqa: FBT003 - Ibis's form
        # Filled with an integer, which has no decimals to round the others to.
        total_consumption_kwh=dated.kwh.fill_null(0),
    )


def _keys(table: ibis.Table) -> ibis.Table:
    """The meterpoints of a table by date, in types that unite: some tables allow nulls that others do not."""
    return table.select(
        reference_date=table.reference_date.cast("date"), meterpoint_id=table.meterpoint_id.cast("string")
    )
