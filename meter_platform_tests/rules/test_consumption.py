"""How much energy was used, and under which product: exact sums, and none of it lost."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import pytest

from meter_platform import settlement
from meter_platform.rules import agreements as agreement_rules
from meter_platform.rules import consumption
from meter_platform.rules.completeness import meterpoint_completeness
from meter_platform.rules.days import day_values
from meter_platform.warehouse import tables
from meter_platform_tests.rules.engines import Engine
from meter_platform_tests.rules.given import DAY, Given, agreement, day, product, reading, readings, utc

PLAIN = product("P", "Plain")


@dataclass(frozen=True, kw_only=True)
class Computed:
    """What the rules give for one input."""

    half_hours: list[dict[str, Any]]
    products: list[dict[str, Any]]
    unattributed: list[dict[str, Any]]


def compute(
    engine: Engine,
    given_readings: list[Given],
    agreements: list[Given],
    products: list[Given] | None = None,
    *,
    last: date = DAY,
    zone: str = "Europe/London",
) -> Computed:
    """Every rule of consumption, for the dates from the first reading's to `last`."""
    stored = engine.table(tables.RAW_METER_READINGS, given_readings)
    raw_agreements = engine.table(tables.RAW_AGREEMENTS, agreements)
    raw_products = engine.table(tables.RAW_PRODUCTS, [PLAIN] if products is None else products)
    active = agreement_rules.active_agreements(raw_agreements, raw_products)
    first = min((row["reference_date"] for row in given_readings), default=last)
    days = day_values(settlement.day_table(first, last, ZoneInfo(zone)))

    sent = meterpoint_completeness(
        stored, engine.table(tables.REJECTED_READINGS, []), engine.table(tables.RAW_METERPOINTS, []), days
    )

    def rows(rule: ibis.Table, *order: str) -> list[dict[str, Any]]:
        return sorted(engine.rows(rule), key=lambda row: [row[name] for name in order])

    return Computed(
        half_hours=rows(consumption.half_hourly_consumption(stored, active, days), "datetime"),
        products=rows(consumption.daily_product_consumption(sent, active), "reference_date", "product_display_name"),
        unattributed=rows(
            consumption.unattributed_consumption(sent, raw_agreements, active), "reference_date", "meterpoint_id"
        ),
    )


def test_a_half_hour_sums_its_meterpoints_exactly_and_its_columns_are_the_contracts(engine: Engine) -> None:
    computed = compute(
        engine,
        [*readings("a", "0.1", "0.3"), *readings("b", "0.2"), *readings("c", "0.00000000000000000001")],
        [agreement(number, meterpoint, "2021-01-01", None) for number, meterpoint in enumerate("abc")],
    )

    assert computed.half_hours == [
        {
            "datetime": utc("2021-01-02 00:00"),
            "reference_date": DAY,
            "settlement_period": 1,
            "meterpoint_count": 3,
            "total_consumption_kwh": Decimal("0.30000000000000000001"),
            "import_consumption_kwh": Decimal("0.30000000000000000001"),
            "export_consumption_kwh": Decimal(0),
            "reading_count": 3,
            "actual_consumption_kwh": Decimal("0.30000000000000000001"),
            "estimated_consumption_kwh": Decimal(0),
        },
        {
            "datetime": utc("2021-01-02 00:30"),
            "reference_date": DAY,
            "settlement_period": 2,
            "meterpoint_count": 1,
            "total_consumption_kwh": Decimal("0.3"),
            "import_consumption_kwh": Decimal("0.3"),
            "export_consumption_kwh": Decimal(0),
            "reading_count": 1,
            "actual_consumption_kwh": Decimal("0.3"),
            "estimated_consumption_kwh": Decimal(0),
        },
    ]
    assert {*computed.half_hours[0], "loaded_at"} == {c.name for c in tables.HALF_HOURLY_CONSUMPTION.columns}


def test_a_half_hour_that_nobody_sent_has_no_row_and_one_of_zero_has(engine: Engine) -> None:
    given = [reading("m", "2021-01-02 00:00", "0"), reading("m", "2021-01-02 23:30", "1.5")]

    found = compute(engine, given, [agreement(1, "m", "2021-01-01", None)]).half_hours

    assert [(row["settlement_period"], row["total_consumption_kwh"]) for row in found] == [
        (1, Decimal(0)),
        (48, Decimal("1.5")),
    ]


def test_no_readings_give_no_rows(engine: Engine) -> None:
    computed = compute(engine, [], [agreement(1, "m", "2021-01-01", None)])

    assert computed == Computed(half_hours=[], products=[], unattributed=[])


def test_import_and_export_are_told_apart_by_the_product_and_the_total_has_both(engine: Engine) -> None:
    computed = compute(
        engine,
        [*readings("home", "0.4"), *readings("roof", "0.25"), *readings("nobody", "0.125")],
        [agreement(1, "home", "2021-01-01", None), agreement(2, "roof", "2021-01-01", None, "OUT")],
        [PLAIN, product("OUT", "Outgoing Flexible")],
    )

    half_hour = computed.half_hours[0]
    assert half_hour["total_consumption_kwh"] == Decimal("0.775")
    assert half_hour["export_consumption_kwh"] == Decimal("0.25")
    assert half_hour["import_consumption_kwh"] == Decimal("0.525")  # with what no agreement says is export
    assert [(row["product_display_name"], row["is_export"]) for row in computed.products] == [
        ("Outgoing Flexible", True),
        ("Plain", False),
    ]


def test_a_meterpoint_with_an_export_agreement_beside_an_import_one_is_counted_once_and_as_import(
    engine: Engine,
) -> None:
    computed = compute(
        engine,
        readings("m", "0.4"),
        [agreement(1, "m", "2021-01-01", None, "OUT"), agreement(2, "m", "2021-01-01", None)],
        [PLAIN, product("OUT", "Outgoing Flexible")],
    )

    assert [
        (row["meterpoint_count"], row["total_consumption_kwh"], row["export_consumption_kwh"])
        for row in computed.half_hours
    ] == [(1, Decimal("0.4"), Decimal(0))]


# Periods of half hours around a clock change, worked out by hand: label, instant (UTC), period.
CLOCKS = [
    pytest.param(
        "Europe/London",
        "2021-03-28",  # 01:00 to 01:59 does not exist
        {"2021-03-28 00:00": 1, "2021-03-28 00:30": 2, "2021-03-28 01:00": 3, "2021-03-28 22:30": 46},
        id="London's spring has 46",
    ),
    pytest.param(
        "Europe/London",
        "2021-10-31",  # 01:00 and 01:30 occur twice
        {
            "2021-10-30 23:00": 1,
            "2021-10-31 00:00": 3,  # 01:00 BST
            "2021-10-31 01:00": 5,  # 01:00 GMT
            "2021-10-31 23:30": 50,
        },
        id="London's autumn has 50",
    ),
    pytest.param(
        "Europe/London", "2021-07-01", {"2021-06-30 23:00": 1, "2021-07-01 22:30": 48}, id="London's summer has 48"
    ),
    pytest.param(
        "Asia/Kolkata", "2021-07-01", {"2021-06-30 18:30": 1, "2021-07-01 18:00": 48}, id="Kolkata is half an hour off"
    ),
    pytest.param(
        "Australia/Lord_Howe",
        "2021-10-03",  # the clocks go forward by half an hour, from UTC+10:30 to UTC+11
        {"2021-10-02 13:30": 1, "2021-10-02 15:00": 4, "2021-10-02 15:30": 5, "2021-10-03 12:30": 47},
        id="Lord Howe's spring has 47",
    ),
    pytest.param(
        "Australia/Lord_Howe",
        "2021-04-04",  # and back
        {"2021-04-03 13:00": 1, "2021-04-03 15:00": 5, "2021-04-04 13:00": 49},
        id="Lord Howe's autumn has 49",
    ),
]


@pytest.mark.parametrize(("zone", "on", "periods"), CLOCKS)
def test_settlement_periods_count_the_half_hours_of_the_local_day(
    engine: Engine, zone: str, on: str, periods: dict[str, int]
) -> None:
    given = [reading("m", start, "0.1", on=day(on)) for start in periods]

    found = compute(engine, given, [], [], last=day(on), zone=zone).half_hours

    assert {row["datetime"]: row["settlement_period"] for row in found} == {
        utc(start): period for start, period in periods.items()
    }


def test_several_dates_at_once_keep_each_half_hour_in_its_own_day(engine: Engine) -> None:
    given = [
        reading("m", "2021-03-27 23:30", "0.1", on=day("2021-03-27")),
        reading("m", "2021-03-28 00:00", "0.2", on=day("2021-03-28")),
        reading("m", "2021-03-28 23:00", "0.3", on=day("2021-03-29")),
    ]

    found = compute(engine, given, [], [], last=day("2021-03-29")).half_hours

    assert [(row["reference_date"], row["settlement_period"], row["total_consumption_kwh"]) for row in found] == [
        (day("2021-03-27"), 48, Decimal("0.1")),
        (day("2021-03-28"), 1, Decimal("0.2")),
        (day("2021-03-29"), 1, Decimal("0.3")),
    ]


def test_several_product_ids_with_one_display_name_are_one_row_of_the_report(engine: Engine) -> None:
    computed = compute(
        engine,
        [*readings("a", "0.1", "0.2"), *readings("b", "1"), *readings("c", "5")],
        [
            agreement(1, "a", "2021-01-01", None, "V1"),
            agreement(2, "b", "2021-01-01", None, "V2"),
            agreement(3, "c", "2021-01-01", None),
        ],
        [PLAIN, product("V1", "Variable", variable=1), product("V2", "Variable", variable=1)],
    )

    assert computed.products == [
        {
            "product_display_name": "Plain",
            "reference_date": DAY,
            "date": DAY,
            "is_export": False,
            "meterpoint_count": 1,
            "total_consumption_kwh": Decimal(5),
            "export_consumption_kwh": Decimal(0),
            "actual_consumption_kwh": Decimal(5),
            "estimated_consumption_kwh": Decimal(0),
        },
        {
            "product_display_name": "Variable",
            "reference_date": DAY,
            "date": DAY,
            "is_export": False,
            "meterpoint_count": 2,
            "total_consumption_kwh": Decimal("1.3"),
            "export_consumption_kwh": Decimal(0),
            "actual_consumption_kwh": Decimal("1.3"),
            "estimated_consumption_kwh": Decimal(0),
        },
    ]
    assert {*computed.products[0], "loaded_at"} == {c.name for c in tables.DAILY_PRODUCT_CONSUMPTION.columns}


def test_a_home_that_switches_on_the_day_is_counted_once_under_the_new_product(engine: Engine) -> None:
    computed = compute(
        engine,
        readings("m", "0.5", "0.25"),
        [agreement(1, "m", "2020-01-01", "2021-01-02", "OLD"), agreement(2, "m", "2021-01-02", None, "NEW")],
        [product("OLD", "Old"), product("NEW", "New")],
    )

    assert [
        (row["product_display_name"], row["meterpoint_count"], row["total_consumption_kwh"])
        for row in computed.products
    ] == [("New", 1, Decimal("0.75"))]
    assert computed.unattributed == []


def test_a_product_with_agreements_and_no_readings_has_no_row(engine: Engine) -> None:
    assert compute(engine, readings("m", "1"), [agreement(1, "other", "2021-01-01", None)]).products == []


# Why the energy of a meterpoint belongs to no product: its agreements as (since, until, product), and the day's reason.
REASONS = [
    pytest.param([], "no_agreement", None, id="it never had one"),
    pytest.param([("2020-01-01", "2020-01-01", "P")], "no_agreement", None, id="it had one of zero length"),
    pytest.param([("2021-01-02", "2021-01-02", "P")], "no_agreement", None, id="it had one of zero length on the day"),
    pytest.param([("2020-01-01", "2021-01-02", "P")], "ended", 0, id="the day before was the last"),
    pytest.param([("2020-01-01", "2021-01-01", "P")], "ended", 1, id="it ended a day before that"),
    pytest.param(
        [("2019-01-01", "2020-01-02", "P"), ("2018-01-01", "2019-01-01", "P")],
        "ended",
        366,
        id="it ended in a leap year",
    ),
    pytest.param(
        [("2020-01-01", "2020-12-31", "P"), ("2021-01-03", None, "P")], "ended", 2, id="between the old and the next"
    ),
    pytest.param([("2021-01-03", None, "P")], "not_started", None, id="it begins the day after"),
    pytest.param(
        [("2021-01-03", None, "P"), ("2021-01-01", "2021-01-01", "P")], "not_started", None, id="one was cancelled"
    ),
    pytest.param([("2021-01-01", None, "P"), ("2020-01-01", None, "P")], "overlap", None, id="two at once"),
    pytest.param(
        [("2021-01-01", None, "P"), ("2020-01-01", "2021-01-03", "P"), ("2019-01-01", "2020-06-01", "P")],
        "overlap",
        215,
        id="two at once and one before",
    ),
    pytest.param([("2021-01-01", None, "GONE")], "unknown_product", None, id="its product is not there"),
    pytest.param(
        [("2021-01-01", None, "GONE"), ("2020-01-01", "2021-01-01", "P")],
        "unknown_product",
        1,
        id="its product is not there and one ended before",
    ),
]


@pytest.mark.parametrize(("validity", "reason", "days_since"), REASONS)
def test_energy_of_no_product_says_why_and_for_how_long(
    engine: Engine, validity: list[tuple[str, str | None, str]], reason: str, days_since: int | None
) -> None:
    others = agreement(99, "supplied", "2021-01-01", None)
    computed = compute(
        engine,
        [*readings("m", "0.5", "0.25", "0"), *readings("supplied", "7")],
        [others, *(agreement(number, "m", *terms) for number, terms in enumerate(validity))],
    )

    assert computed.unattributed == [
        {
            "meterpoint_id": "m",
            "reference_date": DAY,
            "total_consumption_kwh": Decimal("0.75"),
            "export_consumption_kwh": Decimal(0),
            "actual_consumption_kwh": Decimal("0.75"),
            "estimated_consumption_kwh": Decimal(0),
            "reading_count": 3,
            "reason": reason,
            "days_since_last_agreement": days_since,
        }
    ]
    assert {*computed.unattributed[0], "loaded_at"} == {c.name for c in tables.UNATTRIBUTED_CONSUMPTION.columns}
    assert [(row["meterpoint_count"], row["total_consumption_kwh"]) for row in computed.products] == [(1, Decimal(7))]


def test_every_reason_is_one_that_the_contract_knows() -> None:
    (column,) = (c for c in tables.UNATTRIBUTED_CONSUMPTION.columns if c.name == "reason")
    words, _ = column.rules[0]

    assert words == "one of " + ", ".join(sorted({*(case.values[1] for case in REASONS)}))


def test_overlapping_agreements_never_double_the_energy(engine: Engine) -> None:
    computed = compute(
        engine,
        readings("m", "0.5"),
        [agreement(1, "m", "2021-01-01", None, "A"), agreement(2, "m", "2021-01-01", None, "B")],
        [product("A", "One"), product("B", "Other")],
    )

    assert computed.products == []
    assert [row["total_consumption_kwh"] for row in computed.half_hours] == [Decimal("0.5")]
    assert [(row["reason"], row["total_consumption_kwh"]) for row in computed.unattributed] == [
        ("overlap", Decimal("0.5"))
    ]


def test_days_of_several_dates_are_counted_from_each(engine: Engine) -> None:
    first, second = day("2021-01-01"), day("2021-01-02")
    computed = compute(
        engine,
        [*readings("m", "1", on=first), *readings("m", "2", on=second)],
        [
            agreement(1, "m", "2020-01-01", "2020-12-25", on=first),
            agreement(1, "m", "2020-01-01", "2020-12-25", on=second),
        ],
        [product("P", "Plain", on=first), product("P", "Plain", on=second)],
    )

    assert [(row["reference_date"], row["days_since_last_agreement"]) for row in computed.unattributed] == [
        (first, 7),
        (second, 8),
    ]


def test_a_day_of_many_meterpoints_adds_up_to_the_last_decimal(engine: Engine) -> None:
    # 0.1 and 0.2 are no binary fractions: 4,800 of them as floats do not add up.
    given = [
        {**reading(f"m{meterpoint}", "2021-01-02", value), "interval_start": start}
        for meterpoint in range(50)
        for start, value in zip(
            [utc("2021-01-02") + number * timedelta(minutes=30) for number in range(48)],
            ["0.1", "0.2"] * 24,
            strict=True,
        )
    ]
    computed = compute(engine, given, [agreement(number, f"m{number}", "2021-01-01", None) for number in range(50)])

    assert [row["total_consumption_kwh"] for row in computed.products] == [Decimal("360.0")]
    assert [row["total_consumption_kwh"] for row in computed.half_hours] == [Decimal(5), Decimal(10)] * 24
    assert all(isinstance(row["datetime"], datetime) for row in computed.half_hours)


def test_energy_that_is_in_no_half_hour_of_its_day_is_kept_without_a_period(engine: Engine) -> None:
    given = [reading("m", "2021-01-02 00:10", "0.1"), reading("m", "2021-01-03 00:00", "0.2")]

    found = compute(engine, given, []).half_hours

    assert [(row["settlement_period"], row["total_consumption_kwh"]) for row in found] == [
        (None, Decimal("0.1")),
        (None, Decimal("0.2")),
    ]


def test_export_is_what_its_register_counted_and_what_an_export_product_is_paid_for(engine: Engine) -> None:
    exported = {"register": "export"}
    computed = compute(
        engine,
        [
            *readings("m", "0.4", "0.1"),
            *(row | exported for row in readings("m", "2.5")),
            *readings("out", "7"),
            *(row | exported for row in readings("nobody", "1")),
        ],
        [agreement(1, "m", "2021-01-01", None), agreement(2, "out", "2021-01-01", None, "OUT")],
        [PLAIN, product("OUT", "Outgoing")],
    )

    assert [
        (row["meterpoint_count"], row["reading_count"], row["import_consumption_kwh"], row["export_consumption_kwh"])
        for row in computed.half_hours
    ] == [(3, 4, Decimal("0.4"), Decimal("10.5")), (1, 1, Decimal("0.1"), Decimal(0))]
    assert [
        (row["product_display_name"], row["total_consumption_kwh"], row["export_consumption_kwh"])
        for row in computed.products
    ] == [("Outgoing", Decimal(7), Decimal(7)), ("Plain", Decimal(3), Decimal("2.5"))]
    assert [(row["total_consumption_kwh"], row["export_consumption_kwh"]) for row in computed.unattributed] == [
        (Decimal(1), Decimal(1))
    ]


def test_totals_are_split_into_what_was_estimated_and_what_was_not(engine: Engine) -> None:
    estimated, actual = {"quality": "estimated"}, {"quality": "actual"}
    computed = compute(
        engine,
        [
            *(row | estimated for row in readings("m", "0.4")),
            *(row | actual for row in readings("n", "0.1")),
            *readings("o", "0.01"),
        ],
        [agreement(1, "m", "2021-01-01", None), agreement(2, "n", "2021-01-01", None)],
    )

    for row in (*computed.half_hours, *computed.products, *computed.unattributed):
        assert row["actual_consumption_kwh"] + row["estimated_consumption_kwh"] == row["total_consumption_kwh"]
    assert [row["estimated_consumption_kwh"] for row in computed.half_hours] == [Decimal("0.4")]
    assert [row["actual_consumption_kwh"] for row in (*computed.products, *computed.unattributed)] == [
        Decimal("0.1"),
        Decimal("0.01"),
    ]


def test_two_meters_in_a_half_hour_are_one_meterpoint(engine: Engine) -> None:
    def by(serial: str, *kwh: str) -> list[Given]:
        return [row | {"serial": serial} for row in readings("m", *kwh)]

    computed = compute(
        engine,
        [*by("old", "0.12", "0"), *by("new", "0.08", "0.3"), *readings("n", "1")],
        [agreement(1, "m", "2021-01-01", None)],
    )

    assert [(row["meterpoint_count"], row["total_consumption_kwh"]) for row in computed.half_hours] == [
        (2, Decimal("1.20")),
        (1, Decimal("0.3")),
    ]
    assert [(row["meterpoint_count"], row["total_consumption_kwh"]) for row in computed.products] == [
        (1, Decimal("0.5"))
    ]
