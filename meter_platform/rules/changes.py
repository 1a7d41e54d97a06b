"""What follows for a computed table where only some rows of its inputs have changed: the same rule, on fewer rows.

Two kinds of tables can follow. Each row of the one is made from the rows of one meterpoint: it is made anew from the rows of
the meterpoints that were touched. The figures of the other are sums over rows, and sums are exact: what they were, and what
came in, without what went out.

What belongs here: these two kinds. What does not: the rules themselves, and which rows have changed.
"""

from collections.abc import Sequence

import ibis

KEY = ["reference_date", "meterpoint_id"]


def touched_meterpoints(changes: ibis.Table) -> ibis.Table:
    """The meterpoints of which rows were taken out or put in.

    Args:
        changes: rows of `changes_in_place`.

    Returns:
        reference_date, meterpoint_id; each once.
    """
    return changes.select(*KEY).distinct()


def of_meterpoints(table: ibis.Table, touched: ibis.Table) -> ibis.Table:
    """The rows of some meterpoints.

    Args:
        table: with reference_date and meterpoint_id.
        touched: `touched_meterpoints`.
    """
    return table.semi_join(touched, KEY)


def added_up(stored: ibis.Table, put_in: ibis.Table, taken_out: ibis.Table, sums: Sequence[str]) -> ibis.Table:
    """Sums by group after rows were put in and taken out.

    Args:
        stored: the sums before, one row a group, with at least the columns of the others.
        put_in: the sums of the rows that were put in, by the table's rule.
        taken_out: the sums of the rows that were taken out, by the same rule.
        sums: the columns that are sums or counts; all others name the group. `meterpoint_count` is among them, and says
            how many rows the group has.

    Returns:
        The columns of `put_in`. A group that has no row any more is left out.
    """
    groups = [name for name in put_in.columns if name not in sums]
    parts = [
        table.select(
            *(table[name].cast(put_in[name].type()).name(name) for name in groups),
            # Decimals as wide as they come: no engine is to round the one to the other's decimals.
            *((sign * table[name]).cast(_summed(put_in[name])).name(name) for name in sums),
        )
        for table, sign in ((stored, 1), (put_in, 1), (taken_out, -1))
    ]
    every = ibis.union(*parts, distinct=False)
    total = every.group_by(groups).agg(**{name: every[name].sum() for name in sums})
    return total.filter(total.meterpoint_count > 0).select(*put_in.columns)


def _summed(column: ibis.Value) -> str:
    return "int64" if column.type().is_integer() else "decimal(38, 20)"
