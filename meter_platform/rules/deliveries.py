"""Which of several deliveries of one half hour counts.

A half hour of a register is identified by (meterpoint, register, interval start), and each meter that measured it by its
serial number. Delivered again with the same value, it is a re-delivery and changes nothing. Of several values that one
counts which is delivered as no estimate, then by the newer revision, then by the newer delivery; the others are superseded.
Two values are the same if they are equal when rounded to a billionth of a kWh, for further decimals are a float's rounding
noise, and if either both are estimates or neither is. The result depends on the deliveries alone, never on the order in
which they were loaded: for each value only its first delivery (which the row is credited to) and the one of highest rank
(which decides) matter, and both are kept.

Deliveries are ordered by the file's time of delivery, then its URL, then the position in the file. A delivery that says no
time of revision was revised when it was delivered, and none was revised later. Where one file has two values for a half
hour, both were rejected before (`feeds/conflicts.py`).

Two meters of one register, on the day of an exchange, both count: their sum is what the meterpoint used. A delivery that
names no meter is about the whole half hour. Beside others that name some, it counts alone or not at all, whichever ranks
highest.
"""

from typing import Final

import ibis

from meter_platform.contracts.readings import SAME_DECIMALS
from meter_platform.rules.registers import is_estimate

_REGISTER: Final = ["reference_date", "meterpoint_id", "interval_start", "register"]
_METER: Final = [*_REGISTER, "serial"]


def resolve(deliveries: ibis.Table) -> ibis.Table:
    """Says what becomes of each delivered row.

    Args:
        deliveries: the columns of `raw_meter_readings`, delivered_at, url, and any others.

    Returns:
        The same rows and columns with two more. `outcome`: "stored", the first delivery of the value that counts;
        "superseded", the first delivery of another value; "redelivered", the repeat of a value that ranks highest;
        "repeated", any other repeat. `replaced_by_source_file_id`: the file whose delivery of the half hour counts.
    """
    valued = deliveries.mutate(
        value=deliveries.consumption_delta.cast(f"decimal(38, {SAME_DECIMALS})"),
        # An integer, for engines differ in how they order true and false.
        is_estimate=is_estimate(deliveries).ifelse(1, 0),
        revision=ibis.least(deliveries.delivered_at, deliveries.revised_at.coalesce(deliveries.delivered_at)),
    )
    order = [valued.delivered_at, valued.url, valued.source_position]
    highest_first = [valued.is_estimate, *(ibis.desc(column) for column in (valued.revision, *order))]
    by_value = [*_METER, "value", "is_estimate"]
    ranked = valued.mutate(
        from_first=ibis.row_number().over(group_by=by_value, order_by=order),
        from_highest=ibis.row_number().over(group_by=by_value, order_by=highest_first),
        value_of_meter=valued.value.first().over(group_by=_METER, order_by=highest_first),
        is_estimate_of_meter=valued.is_estimate.first().over(group_by=_METER, order_by=highest_first),
        file_of_meter=valued.source_file_id.first().over(group_by=_METER, order_by=highest_first),
        serial_of_register=valued.serial.first().over(group_by=_REGISTER, order_by=highest_first),
        file_of_register=valued.source_file_id.first().over(group_by=_REGISTER, order_by=highest_first),
    )
    names_a_meter_as_wanted = (ranked.serial == "") == (ranked.serial_of_register == "")
    is_first = ranked.from_first == 0
    is_value = (ranked.value == ranked.value_of_meter) & (ranked.is_estimate == ranked.is_estimate_of_meter)
    return ranked.mutate(
        outcome=ibis.cases(
            (is_first & is_value & names_a_meter_as_wanted, "stored"),
            (is_first, "superseded"),
            (ranked.from_highest == 0, "redelivered"),
            else_="repeated",
        ),
        replaced_by_source_file_id=names_a_meter_as_wanted.ifelse(ranked.file_of_meter, ranked.file_of_register),
    ).select(*deliveries.columns, "outcome", "replaced_by_source_file_id")
