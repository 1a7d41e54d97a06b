"""What was received from each meterpoint on a day: how many half hours, and how much energy in kWh."""

from typing import Final

import ibis

from meter_platform.rules.registers import is_estimate, is_export, of_named_meters

_IMPORT: Final = "import"
_EXPORT: Final = "export"


def meterpoint_completeness(
    readings: ibis.Table, rejected: ibis.Table, meterpoints: ibis.Table, days: ibis.Table
) -> ibis.Table:
    """Received half hours against those of the local day: 46, 48 or 50 (Elexon). What is missing is never invented.

    Counted are half hours of the import register, and those of the export register where that is all a meterpoint has sent:
    a meterpoint is complete once one of its registers is. Two meters in a half hour are one half hour. The energy is that
    of both registers. Products and unattributed energy are computed from it, so that the
    readings are summed by meterpoint once.

    Args:
        readings: `raw_meter_readings`.
        rejected: `rejected_readings` of the same dates.
        meterpoints: `raw_meterpoints` of the same dates.
        days: `days.day_values` of the same dates.

    Returns:
        meterpoint_id, reference_date, expected_readings, received_readings, rejected_readings, zero_readings,
        is_constant, total_consumption_kwh, largest_reading_kwh, stored_readings, and of the energy export_consumption_kwh
        (of the export register), actual_consumption_kwh, estimated_consumption_kwh; a row for each meterpoint that is known,
        or that a row of the day names.
    """
    key = ["reference_date", "meterpoint_id"]
    received = _received(readings, key)
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
        export_consumption_kwh=dated.export_kwh.fill_null(0),
        actual_consumption_kwh=dated.actual_kwh.fill_null(0),
        estimated_consumption_kwh=dated.estimated_kwh.fill_null(0),
        largest_reading_kwh=dated.most,
        stored_readings=dated.stored.fill_null(0).cast("int64"),
    )


def _received(readings: ibis.Table, key: list[str]) -> ibis.Table:
    """What was received from each meterpoint: half hours of the register that counts, and the energy of both."""
    # Each reading is looked at once, among those of its kind: most meterpoints have one kind, and so one row.
    marked = readings.select(
        *key,
        kwh=readings.consumption_delta,
        is_export=is_export(readings),
        is_estimate=is_estimate(readings),
        is_named=readings.serial != "",
    )
    kinds = marked.group_by([*key, "is_export", "is_estimate", "is_named"]).agg(**_summed(marked), kwh=marked.kwh.sum())
    each = kinds.group_by(key).agg(
        stored=kinds.half_hours.sum(),
        kwh=kinds.kwh.sum(),
        export_kwh=kinds.kwh.sum(where=kinds.is_export),
        actual_kwh=kinds.kwh.sum(where=~kinds.is_estimate),
        estimated_kwh=kinds.kwh.sum(where=kinds.is_estimate),
        **_half_hours(kinds, ~kinds.is_named),
    )
    # Several meters in one half hour are one half hour, with the energy of all of them.
    by_meters = of_named_meters(readings)
    by_meters = by_meters.mutate(is_export=is_export(by_meters))
    by_register = by_meters.group_by([*key, "is_export"]).agg(**_summed(by_meters))
    named = by_register.group_by(key).agg(**_half_hours(by_register, ibis.literal(True)))  # noqa: FBT003 - Ibis's form
    both = each.left_join(named, key, rname="{name}_named")
    counted = {
        name: both[name] + both[f"{name}_named"].fill_null(0)
        for way in (_IMPORT, _EXPORT)
        for name in (f"{way}s", f"zero_{way}s")
    }
    extremes = {
        f"{name}_{way}": extreme(
            both[f"{name}_{way}"].coalesce(both[f"{name}_{way}_named"]),
            both[f"{name}_{way}_named"].coalesce(both[f"{name}_{way}"]),
        )
        for way in (_IMPORT, _EXPORT)
        for name, extreme in (("least", ibis.least), ("most", ibis.greatest))
    }
    both = both.mutate(**counted, **extremes)
    is_import = both[f"{_IMPORT}s"] > 0
    return both.select(
        *key,
        *("stored", "kwh", "export_kwh", "actual_kwh", "estimated_kwh"),
        received=is_import.ifelse(both[f"{_IMPORT}s"], both[f"{_EXPORT}s"]),
        zero=is_import.ifelse(both[f"zero_{_IMPORT}s"], both[f"zero_{_EXPORT}s"]),
        least=is_import.ifelse(both[f"least_{_IMPORT}"], both[f"least_{_EXPORT}"]),
        most=is_import.ifelse(both[f"most_{_IMPORT}"], both[f"most_{_EXPORT}"]),
    )


def _summed(rows: ibis.Table) -> dict[str, ibis.Value]:
    """Of rows of a half hour each: how many, how many of zero, the least and the most energy."""
    return {
        "half_hours": rows.count(),
        "zeros": rows.count(where=rows.kwh == 0),
        "least": rows.kwh.min(),
        "most": rows.kwh.max(),
    }


def _half_hours(kinds: ibis.Table, counts: ibis.Value) -> dict[str, ibis.Value]:
    """The same of each register, of the kinds that count."""
    found: dict[str, ibis.Value] = {}
    for way, flows in ((_IMPORT, ~kinds.is_export), (_EXPORT, kinds.is_export)):
        wanted = flows & counts
        found |= {
            f"{way}s": kinds.half_hours.sum(where=wanted).fill_null(0),
            f"zero_{way}s": kinds.zeros.sum(where=wanted).fill_null(0),
            f"least_{way}": kinds.least.min(where=wanted),
            f"most_{way}": kinds.most.max(where=wanted),
        }
    return found


def _with_keys_of_both(joined: ibis.Table) -> ibis.Table:
    """Rows of an outer join with one date and one meterpoint each: that of whichever side has the row."""
    return joined.mutate(
        reference_date=ibis.coalesce(joined.reference_date, joined.reference_date_right),
        meterpoint_id=ibis.coalesce(joined.meterpoint_id, joined.meterpoint_id_right),
    ).drop("reference_date_right", "meterpoint_id_right")
