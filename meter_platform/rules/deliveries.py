"""Which of several deliveries of one half hour counts.

A half hour of a meterpoint is identified by (meterpoint, interval start). Delivered again with the same value, it is a
re-delivery and changes nothing; with another value, it is a correction, and the newest delivery wins. Two values are the
same if they are equal when rounded to a billionth of a kWh: further decimals are a float's rounding noise. The result
depends on the deliveries alone, never on the order in which they were loaded: for each value only its first delivery
(which the row is credited to) and its newest (which decides) matter, and both are kept.

Deliveries are ordered by the file's time of delivery, then its URL, then the position in the file. Where one
file has two values for a half hour, both were rejected before (`feeds/conflicts.py`).
"""

import ibis

from meter_platform.contracts.raw_data import SAME_DECIMALS

_KEY = ["reference_date", "meterpoint_id", "interval_start"]


def resolve(deliveries: ibis.Table) -> ibis.Table:
    """Says what becomes of each delivered row.

    Args:
        deliveries: reference_date, meterpoint_id, interval_start, consumption_delta, source_file_id, source_position,
            delivered_at, url, and any others.

    Returns:
        The same rows and columns with two more. `outcome`: "stored", the first delivery of the value that counts;
        "superseded", the first delivery of another value; "redelivered", the newest repeat of a value; "repeated", any
        other repeat. `replaced_by_source_file_id`: the file that delivered the half hour last.
    """
    valued = deliveries.mutate(value=deliveries.consumption_delta.cast(f"decimal(38, {SAME_DECIMALS})"))
    order = [valued.delivered_at, valued.url, valued.source_position]
    newest_first = [ibis.desc(column) for column in order]
    by_value = [*_KEY, "value"]
    ranked = valued.mutate(
        from_first=ibis.row_number().over(group_by=by_value, order_by=order),
        from_newest=ibis.row_number().over(group_by=by_value, order_by=newest_first),
        winner=valued.value.first().over(group_by=_KEY, order_by=newest_first),
        replaced_by_source_file_id=valued.source_file_id.first().over(group_by=_KEY, order_by=newest_first),
    )
    return ranked.mutate(
        outcome=ibis.cases(
            ((ranked.from_first == 0) & (ranked.value == ranked.winner), "stored"),
            (ranked.from_first == 0, "superseded"),
            (ranked.from_newest == 0, "redelivered"),
            else_="repeated",
        )
    ).drop("value", "from_first", "from_newest", "winner")
