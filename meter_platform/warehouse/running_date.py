"""The running date: the local day that has not ended, of which readings may be stored as they come.

What belongs here: which rows are of it, and how much of it can be there, as SQL: the server's clock says what time it is.
What does not: whether it has a partition (`orchestration/partitions.py`).
"""

from psycopg import sql


def has_ended(column: str, zone: str) -> sql.Composed:
    """The condition that the day of a reference date has ended.

    Args:
        column: of the reference date, perhaps with its table (`stored.reference_date`).
        zone: the market's.
    """
    return sql.SQL("{} < (now() AT TIME ZONE {})::date").format(sql.Identifier(*column.split(".")), sql.Literal(zone))


def expected_so_far(zone: str) -> sql.Composed:
    """The half hours of a row of `meterpoint_completeness` that can have been received: those that are over.

    Of a day that has ended these are all of them, 46, 48 or 50.

    Args:
        zone: the market's.
    """
    return sql.SQL(
        "least(expected_readings, greatest(0, "
        "floor(extract(epoch FROM now() - (reference_date::timestamp AT TIME ZONE {})) / 1800)))"
    ).format(sql.Literal(zone))
