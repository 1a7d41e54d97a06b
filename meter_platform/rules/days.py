"""The calendar as a table of values, so that no rule does time-zone arithmetic in SQL."""

import ibis
import pyarrow as pa


def day_values(days: pa.Table) -> ibis.Table:
    """Turns `settlement.day_table` into an expression that needs no table in the database.

    Returns:
        reference_date, day_start (UTC), periods (half hours of the local day).
    """
    dates, starts, periods = (
        ibis.literal(days[name].to_pylist(), type=f"array<{kind}>")
        for name, kind in (("reference_date", "date"), ("day_start", "timestamp('UTC')"), ("periods", "int64"))
    )
    numbers = ibis.range(0, days.num_rows).unnest().name("number").as_table()
    return numbers.select(
        reference_date=dates[numbers.number], day_start=starts[numbers.number], periods=periods[numbers.number]
    )


def half_hours(days: ibis.Table) -> ibis.Table:
    """Every half hour of the local days, numbered.

    Instants are only ever added to and compared: engines differ in what they make of the time between two instants
    where the session's own zone changes its clocks.

    Args:
        days: `day_values`.

    Returns:
        reference_date, interval_start (UTC), settlement_period (from 1; Elexon: 46, 48 or 50 a day).
    """
    numbered = days.mutate(number=ibis.range(0, days.periods).unnest())
    return numbered.select(
        "reference_date",
        interval_start=numbered.day_start + (numbered.number * 30).as_interval("m"),
        settlement_period=(numbered.number + 1).cast("int64"),
    )
