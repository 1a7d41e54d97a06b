"""Nothing is lost and nothing is doubled: whatever the agreements, products + unattributed = half hours = readings.

The oracle attributes each reading by itself, in a loop over agreements, with `decimal` alone.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, localcontext
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import strategies as st

from meter_platform import settlement
from meter_platform.rules import agreements as agreement_rules
from meter_platform.rules import consumption
from meter_platform.rules.completeness import meterpoint_completeness
from meter_platform.rules.days import day_values
from meter_platform.warehouse import tables
from meter_platform_tests.rules.engines import Engine, for_examples
from meter_platform_tests.rules.given import Given, agreement, product, reading

FIRST, LAST = date(2021, 3, 27), date(2021, 3, 29)
"""Around a clock change."""

DATES = [FIRST + timedelta(days=number) for number in range(3)]
DAY_STARTS = {"2021-03-27": "2021-03-27 00:00", "2021-03-28": "2021-03-28 00:00", "2021-03-29": "2021-03-28 23:00"}
PRODUCTS = {"P1": "Plain", "P2": "Plain", "T": "Tracker", "OUT": "Outgoing Flexible"}

kwh = st.one_of(
    st.decimals(min_value=0, max_value=24, places=3),
    st.decimals(min_value=0, max_value=24, places=9),
    st.decimals(min_value=0, max_value=24, places=20),
)
meterpoints = st.sampled_from(["a", "b", "c", "d"])
# Dates before, within and after the range, so that any two agreements may abut, overlap or miss each other.
boundaries = st.dates(min_value=FIRST - timedelta(days=2), max_value=LAST + timedelta(days=2))


@dataclass(frozen=True)
class World:
    """Some readings, and agreements that are the same in each date's snapshot."""

    readings: list[Given]
    agreements: list[tuple[str, date, date | None, str]]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    keys = draw(st.lists(st.tuples(meterpoints, st.sampled_from(DATES), st.integers(0, 3)), unique=True, max_size=12))
    readings = []
    for meterpoint, on, number in keys:
        start = reading(meterpoint, DAY_STARTS[on.isoformat()], "0", on=on)
        readings.append(
            {
                **start,
                "interval_start": start["interval_start"] + number * timedelta(minutes=30),
                "consumption_delta": draw(kwh),
            }
        )
    terms = st.tuples(meterpoints, boundaries, st.one_of(st.none(), boundaries), st.sampled_from([*PRODUCTS, "GONE"]))
    return World(readings, draw(st.lists(terms, max_size=8)))


def names(world: World, meterpoint: str, on: date) -> list[str | None]:
    """The display names of the agreements in force; None for a product that is not there."""
    return [
        PRODUCTS.get(product_id)
        for whose, since, until, product_id in world.agreements
        if whose == meterpoint and since <= on and (until is None or on < until)
    ]


def test_product_totals_and_unattributed_are_the_half_hour_totals_and_the_readings_exactly(engine: Engine) -> None:
    for_examples(engine, 10, nothing_is_lost_or_doubled, world=worlds())


@pytest.mark.whole
def test_nothing_is_lost_or_doubled_in_many_worlds(engine: Engine) -> None:
    for_examples(engine, 60, nothing_is_lost_or_doubled, world=worlds())


def nothing_is_lost_or_doubled(engine: Engine, world: World) -> None:
    # Expected: reading by reading.
    by_product: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    homes: dict[tuple[date, str], set[str]] = defaultdict(set)
    unattributed: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    half_hours: dict[Any, list[Decimal]] = defaultdict(list)
    exported: dict[Any, Decimal] = defaultdict(Decimal)
    with localcontext(prec=60):
        for row in world.readings:
            on, meterpoint, value = row["reference_date"], row["meterpoint_id"], row["consumption_delta"]
            half_hours[row["interval_start"]].append(value)
            active = [name for name in names(world, meterpoint, on) if name is not None]
            if len(active) == 1:
                by_product[on, active[0]] += value
                homes[on, active[0]].add(meterpoint)
                exported[row["interval_start"]] += value if active[0].startswith("Outgoing") else 0
            else:
                unattributed[on, meterpoint] += value
        totals = {start: sum(values, Decimal(0)) for start, values in half_hours.items()}

    # Computed.
    stored = engine.table(tables.RAW_METER_READINGS, world.readings)
    raw_agreements = engine.table(
        tables.RAW_AGREEMENTS,
        [
            {**agreement(number, meterpoint, str(since), until and str(until), product_id, on=on)}
            for on in DATES
            for number, (meterpoint, since, until, product_id) in enumerate(world.agreements)
        ],
    )
    raw_products = engine.table(
        tables.RAW_PRODUCTS, [product(product_id, name, on=on) for on in DATES for product_id, name in PRODUCTS.items()]
    )
    active_rows = agreement_rules.active_agreements(raw_agreements, raw_products)
    days = day_values(settlement.day_table(FIRST, LAST, ZoneInfo("Europe/London")))
    sent = meterpoint_completeness(
        stored, engine.table(tables.REJECTED_READINGS, []), engine.table(tables.RAW_METERPOINTS, []), days
    )
    found_half_hours = engine.rows(consumption.half_hourly_consumption(stored, active_rows, days))
    found_products = engine.rows(consumption.daily_product_consumption(sent, active_rows))
    found_unattributed = engine.rows(consumption.unattributed_consumption(sent, raw_agreements, active_rows))

    # Each row is what the oracle says, and no key comes twice.
    assert {
        (row["reference_date"], row["product_display_name"]): row["total_consumption_kwh"] for row in found_products
    } == by_product
    assert len(found_products) == len(by_product)
    assert {
        (row["reference_date"], row["product_display_name"]): row["meterpoint_count"] for row in found_products
    } == {key: len(names) for key, names in homes.items()}
    assert {
        (row["reference_date"], row["meterpoint_id"]): row["total_consumption_kwh"] for row in found_unattributed
    } == unattributed
    assert len(found_unattributed) == len(unattributed)
    assert {row["datetime"]: row["total_consumption_kwh"] for row in found_half_hours} == totals
    assert len(found_half_hours) == len(totals)
    assert {row["datetime"]: row["meterpoint_count"] for row in found_half_hours} == {
        start: len(values) for start, values in half_hours.items()
    }
    assert {row["datetime"]: row["export_consumption_kwh"] for row in found_half_hours} == {
        start: exported[start] for start in totals
    }

    # And whole: the sums agree to the last decimal.
    with localcontext(prec=60):
        used = sum((row["consumption_delta"] for row in world.readings), Decimal(0))
        assert sum((row["total_consumption_kwh"] for row in found_half_hours), Decimal(0)) == used
        assert sum((row["total_consumption_kwh"] for row in [*found_products, *found_unattributed]), Decimal(0)) == used
        assert (
            sum(
                (row["import_consumption_kwh"] + row["export_consumption_kwh"] for row in found_half_hours),
                Decimal(0),
            )
            == used
        )
