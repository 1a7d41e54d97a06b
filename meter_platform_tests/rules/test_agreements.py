"""Which agreements are in force, and which way a product's energy flows."""

from typing import Any

import pytest

from meter_platform.rules import agreements
from meter_platform.warehouse import tables
from meter_platform_tests.rules.engines import Engine
from meter_platform_tests.rules.given import DAY, Given, agreement, day, product


def active(engine: Engine, given: list[Given], products: list[Given]) -> list[dict[str, Any]]:
    """The active agreements, by id."""
    rule = agreements.active_agreements(
        engine.table(tables.RAW_AGREEMENTS, given), engine.table(tables.RAW_PRODUCTS, products)
    )
    return sorted(engine.rows(rule), key=lambda row: (row["reference_date"], row["agreement_id"]))


def active_ids(engine: Engine, *given: Given, products: list[Given] | None = None) -> list[int]:
    return [row["agreement_id"] for row in active(engine, list(given), products or [product("P", "Plain")])]


@pytest.mark.parametrize(
    ("since", "until", "in_force"),
    [
        ("2021-01-01", "2021-01-03", True),
        ("2021-01-02", "2021-01-03", True),  # its first day and its last
        ("2021-01-03", "2021-01-04", False),  # begins the day after
        ("2021-01-01", "2021-01-02", False),  # ends on the day: the day before was its last
        ("2021-01-01", None, True),  # open-ended
        ("2021-01-02", None, True),
        ("2021-01-03", None, False),
        ("2021-01-02", "2021-01-02", False),  # cancelled the same day: never in force
        ("2021-01-03", "2021-01-01", False),  # ends before it begins
    ],
)
def test_an_agreement_is_in_force_from_its_first_day_up_to_but_not_including_its_end(
    engine: Engine, *, since: str, until: str | None, in_force: bool
) -> None:
    assert active_ids(engine, agreement(1, "m", since, until)) == ([1] if in_force else [])


def test_a_meterpoint_that_switches_on_the_day_counts_once_and_under_the_new_agreement(engine: Engine) -> None:
    old, new = agreement(1, "m", "2020-01-01", "2021-01-02"), agreement(2, "m", "2021-01-02", None)

    assert active_ids(engine, old, new) == [2]


def test_a_zero_length_agreement_between_two_that_abut_changes_nothing(engine: Engine) -> None:
    ids = active_ids(
        engine,
        agreement(1, "m", "2020-01-01", "2021-01-02"),
        agreement(2, "m", "2021-01-02", "2021-01-02"),
        agreement(3, "m", "2021-01-02", None),
    )

    assert ids == [3]


def test_the_columns_are_those_of_the_contract_with_types_to_match(engine: Engine) -> None:
    rows = active(
        engine,
        [agreement(7, "m", "2021-01-01", None, "FIX"), agreement(8, "n", "2021-01-01", None, "OUT")],
        [product("FIX", "Fixed 12M", variable=0), product("OUT", "Outgoing Flexible", variable=1)],
    )

    assert rows == [
        {
            "agreement_id": 7,
            "reference_date": DAY,
            "meterpoint_id": "m",
            "display_name": "Fixed 12M",
            "is_variable": False,
            "is_export": False,
            "is_sole": True,
        },
        {
            "agreement_id": 8,
            "reference_date": DAY,
            "meterpoint_id": "n",
            "display_name": "Outgoing Flexible",
            "is_variable": True,
            "is_export": True,
            "is_sole": True,
        },
    ]
    assert {*rows[0], "loaded_at"} == {column.name for column in tables.ACTIVE_AGREEMENTS.columns}


@pytest.mark.parametrize(
    ("name", "is_export"),
    [
        ("Outgoing Octopus 12M Fixed", True),
        ("Outgoing", True),
        ("Flexible Outgoing", False),
        ("outgoing mail", False),
        ("Agile", False),
    ],
)
def test_a_product_is_for_export_when_its_name_begins_with_outgoing(
    engine: Engine, *, name: str, is_export: bool
) -> None:
    rows = active(engine, [agreement(1, "m", "2021-01-01", None)], [product("P", name)])

    assert [row["is_export"] for row in rows] == [is_export]


def test_an_agreement_for_a_product_that_the_source_does_not_have_is_left_out(engine: Engine) -> None:
    known, unknown = agreement(1, "m", "2021-01-01", None), agreement(2, "n", "2021-01-01", None, "GONE")

    assert active_ids(engine, known, unknown) == [1]


def test_each_date_is_judged_by_its_own_snapshots(engine: Engine) -> None:
    first, second = day("2021-01-01"), day("2021-01-02")
    rows = active(
        engine,
        [
            agreement(1, "m", "2020-01-01", "2021-01-02", on=first),
            agreement(1, "m", "2020-01-01", "2021-01-02", on=second),
            agreement(2, "m", "2021-01-02", None, on=second),
        ],
        # Renamed overnight: a join without the date would give each agreement both names.
        [product("P", "Old name", on=first), product("P", "New name", on=second)],
    )

    assert [(row["reference_date"], row["agreement_id"], row["display_name"]) for row in rows] == [
        (first, 1, "Old name"),
        (second, 2, "New name"),
    ]


def test_of_overlapping_agreements_none_is_picked(engine: Engine) -> None:
    given = [
        agreement(1, "twice", "2021-01-01", None),
        agreement(2, "twice", "2020-01-01", "2021-02-01"),
        agreement(3, "once", "2021-01-01", None),
    ]
    rule = agreements.active_agreements(
        engine.table(tables.RAW_AGREEMENTS, given), engine.table(tables.RAW_PRODUCTS, [product("P", "Plain")])
    )

    assert {row["agreement_id"]: row["is_sole"] for row in engine.rows(rule)} == {1: False, 2: False, 3: True}


def test_an_agreement_of_another_date_is_no_overlap(engine: Engine) -> None:
    first, second = day("2021-01-01"), day("2021-01-02")
    rule = agreements.active_agreements(
        engine.table(
            tables.RAW_AGREEMENTS,
            [agreement(1, "m", "2020-01-01", None, on=first), agreement(1, "m", "2020-01-01", None, on=second)],
        ),
        engine.table(tables.RAW_PRODUCTS, [product("P", "Plain", on=first), product("P", "Plain", on=second)]),
    )

    assert {row["reference_date"]: row["is_sole"] for row in engine.rows(rule)} == {first: True, second: True}
