"""Which of several deliveries of one half hour counts, and what becomes of the others."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

import pandera.pandas as pandera
import pytest
from hypothesis import strategies as st

from meter_platform.contracts.readings import UNSAID
from meter_platform.contracts.types import Count, Date, Energy, Instant, Position, Text
from meter_platform.rules.deliveries import resolve
from meter_platform.warehouse.tables import Table
from meter_platform_tests.rules.engines import Engine, for_examples
from meter_platform_tests.rules.given import DAY, Given, utc


class Deliveries(pandera.DataFrameModel):
    """Rows that were delivered, with the time and the place of their delivery."""

    reference_date: Date
    meterpoint_id: Text
    interval_start: Instant
    consumption_delta: Energy
    source_file_id: Count
    source_position: Position
    register: Text
    quality: Text
    serial: Text
    revised_at: Instant = pandera.Field(nullable=True)
    delivered_at: Instant
    url: Text

    class Config:
        """Table options."""

        name = "deliveries"


DELIVERIES = Table("pg_temp", Deliveries)


def delivered(
    file: int, position: int, kwh: str, *, hour: int | None = None, url: str | None = None, meterpoint: str = "m"
) -> Given:
    """One delivery of the day's first half hour. Files come an hour apart, in the order of their numbers."""
    return {
        "reference_date": DAY,
        "meterpoint_id": meterpoint,
        "interval_start": utc("2021-01-02"),
        "consumption_delta": Decimal(kwh),
        "source_file_id": file,
        "source_position": position,
        "delivered_at": utc("2021-01-03") + timedelta(hours=file if hour is None else hour),
        "url": url or f"file:///{file}.json",
    } | UNSAID


def resolved(engine: Engine, rows: list[Given]) -> dict[tuple[int, int], tuple[str, int]]:
    """Of each row, by file and position: its outcome, and the file that decided."""
    found = engine.rows(resolve(engine.table(DELIVERIES, rows)))
    assert [set(row) for row in found] == [{*row, "outcome", "replaced_by_source_file_id"} for row in rows]
    return {
        (row["source_file_id"], row["source_position"]): (row["outcome"], row["replaced_by_source_file_id"])
        for row in found
    }


def test_a_half_hour_that_was_delivered_once_is_stored(engine: Engine) -> None:
    assert resolved(engine, [delivered(1, 1, "0.5")]) == {(1, 1): ("stored", 1)}


def test_the_same_value_again_is_a_redelivery_and_the_first_keeps_its_place(engine: Engine) -> None:
    assert resolved(engine, [delivered(1, 1, "0.5"), delivered(2, 1, "0.500")]) == {
        (1, 1): ("stored", 2),
        (2, 1): ("redelivered", 2),
    }


def test_another_value_is_a_correction_and_the_newest_wins(engine: Engine) -> None:
    assert resolved(engine, [delivered(1, 1, "0.5"), delivered(2, 1, "0.4")]) == {
        (1, 1): ("superseded", 2),
        (2, 1): ("stored", 2),
    }


def test_a_correction_that_is_taken_back_leaves_the_first_value_in_place(engine: Engine) -> None:
    assert resolved(engine, [delivered(1, 1, "0.5"), delivered(2, 1, "0.4"), delivered(3, 1, "0.5")]) == {
        (1, 1): ("stored", 3),
        (2, 1): ("superseded", 3),
        (3, 1): ("redelivered", 3),
    }


def test_only_the_first_and_the_newest_of_many_repeats_are_kept_apart(engine: Engine) -> None:
    assert resolved(engine, [delivered(number, 1, "0.5") for number in range(1, 5)]) == {
        (1, 1): ("stored", 4),
        (2, 1): ("repeated", 4),
        (3, 1): ("repeated", 4),
        (4, 1): ("redelivered", 4),
    }


def test_a_replaced_value_that_was_delivered_twice_is_superseded_once(engine: Engine) -> None:
    assert resolved(
        engine, [delivered(1, 1, "0.5"), delivered(2, 1, "0.5"), delivered(3, 1, "0.5"), delivered(4, 1, "0.4")]
    ) == {
        (1, 1): ("superseded", 4),
        (2, 1): ("repeated", 4),
        (3, 1): ("redelivered", 4),
        (4, 1): ("stored", 4),
    }


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("0.3", "0.30000000000000004441"),
        ("0.3", "0.29999999999999998890"),
        ("0.0000000004", "0"),
        ("23.9999999996", "24"),
    ],
)
def test_the_noise_of_a_float_is_no_other_value(engine: Engine, first: str, second: str) -> None:
    assert resolved(engine, [delivered(1, 1, first), delivered(2, 1, second)]) == {
        (1, 1): ("stored", 2),
        (2, 1): ("redelivered", 2),
    }


@pytest.mark.parametrize(("first", "second"), [("0.3", "0.300000001"), ("0", "0.0000000005"), ("0.5", "0.499999999")])
def test_a_billionth_of_a_kwh_is_another_value(engine: Engine, first: str, second: str) -> None:
    assert resolved(engine, [delivered(1, 1, first), delivered(2, 1, second)]) == {
        (1, 1): ("superseded", 2),
        (2, 1): ("stored", 2),
    }


def test_a_correction_between_two_noisy_deliveries_of_a_value_is_taken_back(engine: Engine) -> None:
    assert resolved(
        engine,
        [delivered(1, 1, "0.3"), delivered(2, 1, "0.4"), delivered(3, 1, "0.30000000000000004441")],
    ) == {(1, 1): ("stored", 3), (2, 1): ("superseded", 3), (3, 1): ("redelivered", 3)}


def test_within_a_file_the_later_row_is_the_newer(engine: Engine) -> None:
    assert resolved(engine, [delivered(1, 10, "0.4"), delivered(1, 9, "0.5")]) == {
        (1, 9): ("superseded", 1),
        (1, 10): ("stored", 1),
    }


def test_of_files_delivered_at_the_same_time_the_later_url_is_the_newer(engine: Engine) -> None:
    # By bytes, on every engine: a language's order would put "a" before "B".
    assert resolved(
        engine, [delivered(1, 9, "0.4", hour=5, url="file:///a"), delivered(2, 1, "0.5", hour=5, url="file:///B")]
    ) == {
        (2, 1): ("superseded", 1),
        (1, 9): ("stored", 1),
    }


def test_the_time_of_delivery_decides_and_not_the_number_of_the_file(engine: Engine) -> None:
    assert resolved(engine, [delivered(1, 1, "0.5", hour=8), delivered(2, 1, "0.4", hour=7)]) == {
        (2, 1): ("superseded", 1),
        (1, 1): ("stored", 1),
    }


@pytest.mark.parametrize(
    "other",
    [
        {"meterpoint_id": "n"},
        {"interval_start": utc("2021-01-02 00:30")},
    ],
    ids=["another meterpoint", "another half hour"],
)
def test_other_half_hours_are_none_of_its_business(engine: Engine, other: dict[str, Any]) -> None:
    assert resolved(engine, [delivered(1, 1, "0.5"), {**delivered(2, 1, "0.4"), **other}]) == {
        (1, 1): ("stored", 1),
        (2, 1): ("stored", 2),
    }


EST = {"quality": "estimated"}
ACTUAL = {"quality": "actual"}


def revised(hour: int) -> Given:
    """The value was revised so many hours after the first file could have been delivered."""
    return {"revised_at": utc("2021-01-03") + timedelta(hours=hour)}


def test_an_estimate_of_any_age_gives_way_to_a_value_that_is_none(engine: Engine) -> None:
    for measured in ({}, ACTUAL):
        for first, second in ((measured, EST), (EST, measured)):
            found = resolved(engine, [delivered(1, 1, "0.5") | first, delivered(2, 1, "0.4") | second])
            stands, falls = ((1, 1), (2, 1)) if first == measured else ((2, 1), (1, 1))
            assert found == {stands: ("stored", stands[0]), falls: ("superseded", stands[0])}


def test_of_estimates_the_newer_counts(engine: Engine) -> None:
    assert resolved(engine, [delivered(1, 1, "0.5") | EST, delivered(2, 1, "0.4") | EST]) == {
        (1, 1): ("superseded", 2),
        (2, 1): ("stored", 2),
    }


def test_an_estimate_that_turns_out_right_is_superseded_by_the_measured_value(engine: Engine) -> None:
    assert resolved(engine, [delivered(1, 1, "0.5") | EST, delivered(2, 1, "0.5") | ACTUAL]) == {
        (1, 1): ("superseded", 2),
        (2, 1): ("stored", 2),
    }


def test_whether_a_value_that_is_no_estimate_is_said_to_be_measured_makes_it_no_other(engine: Engine) -> None:
    assert resolved(engine, [delivered(1, 1, "0.5"), delivered(2, 1, "0.5") | ACTUAL]) == {
        (1, 1): ("stored", 2),
        (2, 1): ("redelivered", 2),
    }


def test_the_newer_revision_counts_before_the_newer_delivery(engine: Engine) -> None:
    assert resolved(engine, [delivered(1, 1, "0.5") | revised(-1), delivered(2, 1, "0.4") | revised(-2)]) == {
        (1, 1): ("stored", 1),
        (2, 1): ("superseded", 1),
    }


def test_a_value_without_a_revision_is_as_new_as_its_delivery(engine: Engine) -> None:
    assert resolved(
        engine, [delivered(1, 1, "0.5") | revised(-1), delivered(2, 1, "0.4"), delivered(3, 1, "0.3") | revised(1)]
    ) == {(1, 1): ("superseded", 2), (2, 1): ("stored", 2), (3, 1): ("superseded", 2)}


def test_a_revision_after_its_delivery_is_not_believed(engine: Engine) -> None:
    assert resolved(engine, [delivered(1, 1, "0.5") | revised(99), delivered(2, 1, "0.4")]) == {
        (1, 1): ("superseded", 2),
        (2, 1): ("stored", 2),
    }


def test_import_and_export_are_two_readings(engine: Engine) -> None:
    assert resolved(engine, [delivered(1, 1, "0.5"), delivered(2, 1, "0.4") | {"register": "export"}]) == {
        (1, 1): ("stored", 1),
        (2, 1): ("stored", 2),
    }


def test_two_meters_in_one_half_hour_both_count(engine: Engine) -> None:
    assert resolved(
        engine,
        [
            delivered(1, 1, "0.5") | {"serial": "old"},
            delivered(1, 2, "0") | {"serial": "new"},
            delivered(2, 1, "0.4") | {"serial": "new"},
        ],
    ) == {(1, 1): ("stored", 1), (1, 2): ("superseded", 2), (2, 1): ("stored", 2)}


@pytest.mark.parametrize("named_last", [True, False])
def test_what_names_no_meter_is_about_the_whole_half_hour_and_never_added_to_what_does(
    engine: Engine, *, named_last: bool
) -> None:
    whole, named = (1, 3) if named_last else (3, 1)
    old, new = delivered(named, 1, "0.5") | {"serial": "old"}, delivered(named, 2, "0.1") | {"serial": "new"}
    counts, does_not = ("stored", named), ("superseded", whole)
    if named_last:
        expected = {(named, 1): counts, (named, 2): counts, (whole, 1): ("superseded", named)}
    else:
        expected = {(named, 1): does_not, (named, 2): does_not, (whole, 1): ("stored", whole)}
    assert resolved(engine, [old, new, delivered(whole, 1, "0.6")]) == expected


@dataclass(frozen=True)
class Past:
    """Deliveries in the order they are read, which is not the one they were made in."""

    rows: list[Given]


@st.composite
def pasts(draw: st.DrawFn) -> Past:
    places = draw(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 3)), unique=True, min_size=1, max_size=10))
    rows = [
        delivered(
            file,
            position,
            draw(st.sampled_from(["0.1", "0.10", "0.10000000000000000555", "0.2", "0.3"])),
            hour=(file * 5) % 4,
        )
        | {
            "register": draw(st.sampled_from(["import", "import", "export"])),
            "quality": draw(st.sampled_from(["unknown", "unknown", "actual", "estimated"])),
            "serial": draw(st.sampled_from(["", "", "s", "t"])),
        }
        | draw(st.sampled_from([{}, {}, revised(-1), revised(1), revised(9)]))
        for file, position in places
    ]
    return Past(draw(st.permutations(rows)))


def test_whatever_the_order_of_reading_the_highest_value_counts_and_each_value_is_on_record_once(
    engine: Engine,
) -> None:
    for_examples(engine, 60, the_highest_value_counts, past=pasts())


def the_highest_value_counts(engine: Engine, past: Past) -> None:
    found = resolved(engine, past.rows)
    expected: dict[tuple[int, int], tuple[str, int]] = {}
    for register in ("import", "export"):
        expected |= walked([row for row in past.rows if row["register"] == register])
    assert found == expected


def walked(rows: list[Given]) -> dict[tuple[int, int], tuple[str, int]]:
    """What becomes of the deliveries of one register: an oracle that walks through them as they were made."""
    by_meter: dict[str, list[Given]] = {}
    for row in sorted(rows, key=lambda row: (row["delivered_at"], row["url"], row["source_position"])):
        by_meter.setdefault(row["serial"], []).append(row)
    if not rows:
        return {}
    highest = max(rows, key=rank)
    outcomes = {}
    for serial, walk in by_meter.items():
        counts = max(walk, key=rank)
        is_wanted = bool(serial) == bool(highest["serial"])
        decides = (counts if is_wanted else highest)["source_file_id"]
        for row in walk:
            alike = [other for other in walk if said(other) == said(row)]
            if row is alike[0]:
                outcome = "stored" if is_wanted and said(row) == said(counts) else "superseded"
            else:
                outcome = "redelivered" if row is max(alike, key=rank) else "repeated"
            outcomes[row["source_file_id"], row["source_position"]] = (outcome, decides)
    return outcomes


def rank(row: Given) -> tuple[Any, ...]:
    """By which of two deliveries the one counts and not the other."""
    revision = min(row["delivered_at"], row["revised_at"] or row["delivered_at"])
    return row["quality"] != "estimated", revision, row["delivered_at"], row["url"], row["source_position"]


def said(row: Given) -> tuple[Decimal, bool]:
    """What makes a value another one. Far from where rounding turns: noise cuts off."""
    return row["consumption_delta"].quantize(Decimal("1e-9"), ROUND_DOWN), row["quality"] == "estimated"
