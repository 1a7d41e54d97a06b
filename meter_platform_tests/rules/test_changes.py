"""Touched-only is whole: what follows from a few changed rows is what the rule makes of all rows, on every engine."""

from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from meter_platform import settlement
from meter_platform.rules.changes import added_up, of_meterpoints, touched_meterpoints
from meter_platform.rules.completeness import meterpoint_completeness
from meter_platform.rules.consumption import half_hourly_consumption
from meter_platform.rules.days import day_values
from meter_platform.warehouse import tables
from meter_platform_tests.rules.engines import Engine, Row, for_examples
from meter_platform_tests.rules.given import Given, utc

DAY = date(2021, 3, 28)
"""A day of 46 half hours."""

HALF_HOURS = [utc("2021-03-28 00:00") + number * timedelta(minutes=30) for number in range(3)]
SUMS = (
    "meterpoint_count",
    "reading_count",
    "total_consumption_kwh",
    "import_consumption_kwh",
    "export_consumption_kwh",
    "actual_consumption_kwh",
    "estimated_consumption_kwh",
)

kwh = st.one_of(st.just(Decimal(0)), *(st.decimals(min_value=0, max_value=24, places=places) for places in (3, 20)))
registers = st.sampled_from(["import", "import", "export"])
keys = st.tuples(
    st.sampled_from(["solar", "a", "b", "c"]), st.sampled_from(HALF_HOURS), registers, st.sampled_from(["", "", "s"])
)
days = st.dictionaries(keys, st.tuples(kwh, st.sampled_from(["unknown", "actual", "estimated"])), max_size=9)
"""What each meterpoint, half hour, register and meter has: energy and quality."""

Readings = dict[tuple[str, object, str, str], tuple[Decimal, str]]


def as_readings(values: Readings) -> list[Given]:
    return [
        {
            "meterpoint_id": meterpoint,
            "interval_start": start,
            "reference_date": DAY,
            "consumption_delta": value,
            "register": register,
            "serial": serial,
            "quality": quality,
        }
        for (meterpoint, start, register, serial), (value, quality) in values.items()
    ]


def ordered(rows: list[Row]) -> list[str]:
    """Rows to be compared: the same number is the same, whatever its type and its zeros at the end."""

    def comparable(value: object) -> object:
        return Decimal(value).normalize() if isinstance(value, Decimal | int) else value

    return sorted(str({name: comparable(value) for name, value in row.items()}) for row in rows)


def test_what_follows_from_the_changes_is_what_the_rule_makes_of_all_rows(engine: Engine) -> None:
    for_examples(engine, 8, sums_follow, before=days, after=days)


def sums_follow(
    engine: Engine,
    before: Readings,
    after: Readings,
) -> None:
    local_days = day_values(settlement.day_table(DAY, DAY, ZoneInfo("Europe/London")))
    # A half hour of a meterpoint of which any reading changes is taken out and put in whole.
    changed = {key[:2] for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    taken, put = ({key: value for key, value in values.items() if key[:2] in changed} for values in (before, after))
    solar = {"reference_date": DAY, "meterpoint_id": "solar", "is_export": True, "is_sole": True}
    active = engine.table(tables.ACTIVE_AGREEMENTS, [solar])

    def summed(values: Readings) -> list[Row]:
        readings = engine.table(tables.RAW_METER_READINGS, as_readings(values))
        return engine.rows(half_hourly_consumption(readings, active, local_days))

    # Each of the three is computed by itself, and kept in a table with the columns that a stored one has.
    stored, put_in, taken_out = (summed(values) for values in (before, put, taken))
    whole = summed(after)
    columns = engine.table(tables.HALF_HOURLY_CONSUMPTION, [])
    parts = engine.table(
        tables.HALF_HOURLY_CONSUMPTION,
        [
            {**row, "loaded_at": utc(f"2021-04-0{number}")}
            for number, rows in enumerate((stored, put_in, taken_out), start=1)
            for row in rows
        ],
    )
    names = [name for name in columns.columns if name != "loaded_at"]
    before_, put_, taken_ = (
        parts.filter(parts.loaded_at == utc(f"2021-04-0{number}")).select(*names) for number in (1, 2, 3)
    )
    assert ordered(engine.rows(added_up(before_, put_, taken_, SUMS))) == ordered(
        [{name: row[name] for name in names} for row in whole]
    )


def test_rows_of_meterpoints_that_were_not_touched_stay_as_they_were(engine: Engine) -> None:
    for_examples(engine, 8, rows_of_meterpoints_follow, before=days, after=days)


def rows_of_meterpoints_follow(
    engine: Engine,
    before: Readings,
    after: Readings,
) -> None:
    local_days = day_values(settlement.day_table(DAY, DAY, ZoneInfo("Europe/London")))
    rejected = engine.table(tables.REJECTED_READINGS, [])
    meterpoints = engine.table(tables.RAW_METERPOINTS, [{"reference_date": DAY, "meterpoint_id": "silent"}])
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    changes = engine.table(
        tables.CHANGES_IN_PLACE, [{"reference_date": DAY, "meterpoint_id": meterpoint} for meterpoint, *_ in changed]
    )

    def completeness(values: Readings, *, touched: bool) -> list[Row]:
        inputs = [engine.table(tables.RAW_METER_READINGS, as_readings(values)), rejected, meterpoints]
        if touched:
            inputs = [of_meterpoints(each, touched_meterpoints(changes)) for each in inputs]
        return engine.rows(meterpoint_completeness(*inputs, local_days))

    of_touched = {meterpoint for meterpoint, *_ in changed}
    kept = [row for row in completeness(before, touched=False) if row["meterpoint_id"] not in of_touched]
    assert ordered(kept + completeness(after, touched=True)) == ordered(completeness(after, touched=False))
