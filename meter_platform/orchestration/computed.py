"""What an asset returns that is computed by a rule, and can follow what has changed in its inputs.

What belongs here: the two kinds of such tables, as expressions. What does not: rules, Dagster, and storing
(`warehouse/follow.py`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from operator import or_
from typing import Final

import ibis

from meter_platform.rules.changes import added_up, of_meterpoints, touched_meterpoints
from meter_platform.warehouse.follow import Since

_AS_INPUT: Final = {
    "raw_meter_readings": {
        "interval_start": "interval_start",
        "consumption_delta": "consumption_kwh",
        "register": "register",
        "serial": "serial",
        "quality": "quality",
    },
    "meterpoint_completeness": {
        "received_readings": "readings",
        "total_consumption_kwh": "consumption_kwh",
        "export_consumption_kwh": "export_kwh",
        "actual_consumption_kwh": "actual_kwh",
        "estimated_consumption_kwh": "estimated_kwh",
    },
}
"""The columns of `changes_in_place` that stand for those of a table whose changes are on record."""

_KEY: Final = ["reference_date", "meterpoint_id"]


@dataclass(frozen=True)
class OfEachMeterpoint:
    """A table each row of which is made from the rows of one meterpoint, in each of the inputs.

    Attributes:
        rule: makes the table of the inputs.
        inputs: the tables, in the order in which the rule takes them.
    """

    rule: Callable[..., ibis.Table]
    inputs: Sequence[ibis.Table]

    def whole(self, days: Sequence[date]) -> ibis.Table:
        """All rows of some of the dates."""
        return self.rule(*(_of_days(table, days) for table in self.inputs))

    def touched(self, changes: ibis.Table, since: Since) -> ibis.Table | None:
        """The keys of the rows that are made anew: reference_date, meterpoint_id."""
        return touched_meterpoints(_changed(changes, since))

    def followed(self, changes: ibis.Table, since: Since, _: ibis.Table) -> ibis.Table:
        """The rows of the meterpoints that were touched."""
        touched = touched_meterpoints(_changed(changes, since))
        return self.rule(*(of_meterpoints(_of_days(table, [since.day]), touched) for table in self.inputs))


@dataclass(frozen=True)
class Sums:
    """A table of sums over the rows of one input.

    Attributes:
        rule: makes the table of that input.
        summed: the input.
        name: of the input.
        columns: of the table that are sums or counts; the others name the group.
    """

    rule: Callable[[ibis.Table], ibis.Table]
    summed: ibis.Table
    name: str
    columns: Sequence[str] = field(
        default=(
            "meterpoint_count",
            "total_consumption_kwh",
            "export_consumption_kwh",
            "actual_consumption_kwh",
            "estimated_consumption_kwh",
        )
    )

    def whole(self, days: Sequence[date]) -> ibis.Table:
        """All rows of some of the dates."""
        return self.rule(_of_days(self.summed, days))

    def touched(self, changes: ibis.Table, since: Since) -> ibis.Table | None:  # noqa: ARG002 - as the other kind
        """Nothing: the few rows of the date are all written anew."""
        return None

    def followed(self, changes: ibis.Table, since: Since, stored: ibis.Table) -> ibis.Table:
        """The sums that are stored, with what came in and without what went out."""
        changed = _changed(changes, since)
        put_in, taken_out = (
            self.rule(rows.select(*_KEY, **{column: rows[same] for column, same in _AS_INPUT[self.name].items()}))
            for rows in (changed.filter(changed.is_new), changed.filter(~changed.is_new))
        )
        return added_up(_of_days(stored, [since.day]), put_in, taken_out, self.columns)


Computed = OfEachMeterpoint | Sums


def _of_days(table: ibis.Table, days: Sequence[date]) -> ibis.Table:
    return table.filter(among(table.reference_date, days))


def among(column: ibis.Value, days: Sequence[date]) -> ibis.Value:
    """Whether a date is one of some, in order."""
    # Consecutive dates as a range: a query for a year should not carry a list of 365.
    if len(days) > 1 and (days[-1] - days[0]).days == len(days) - 1:
        return column.between(days[0], days[-1])
    return column.isin(list(days))


def _changed(changes: ibis.Table, since: Since) -> ibis.Table:
    """The changes that have come since a date of a table was built."""
    wanted = (
        (changes.table_name == name) & (changes.version > before) & (changes.version <= now)
        for name, (before, now) in since.changed.items()
    )
    return changes.filter((changes.reference_date == since.day) & reduce(or_, wanted))
