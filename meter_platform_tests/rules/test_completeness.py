"""What each meterpoint has sent of a day."""

from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from meter_platform import settlement
from meter_platform.rules.completeness import meterpoint_completeness
from meter_platform.rules.days import day_values
from meter_platform.warehouse import tables
from meter_platform_tests.rules.engines import Engine
from meter_platform_tests.rules.given import DAY, Given, day, readings


def rejected(position: int, meterpoint: str | None, *, on: date | None = DAY) -> Given:
    """A row of `rejected_readings`."""
    return {"source_file_id": 1, "source_position": position, "reference_date": on, "meterpoint_id": meterpoint}


def completeness(
    engine: Engine,
    given: list[Given],
    *,
    known: tuple[str, ...] = (),
    refused: tuple[Given, ...] = (),
    dates: tuple[date, ...] = (DAY,),
    zone: str = "Europe/London",
) -> dict[tuple[str, date], dict[str, Any]]:
    """Each meterpoint's row, without its key."""
    rule = meterpoint_completeness(
        engine.table(tables.RAW_METER_READINGS, given),
        engine.table(tables.REJECTED_READINGS, refused),
        engine.table(
            tables.RAW_METERPOINTS, [{"meterpoint_id": name, "reference_date": on} for name in known for on in dates]
        ),
        day_values(settlement.day_table(dates[0], dates[-1], ZoneInfo(zone))),
    )
    rows = engine.rows(rule)
    found = {(row.pop("meterpoint_id"), row.pop("reference_date")): row for row in rows}
    assert len(found) == len(rows)
    return found


def counts(
    expected: int,
    received: int,
    rejected: int = 0,
    zero: int = 0,
    *,
    constant: bool = False,
    kwh: str = "0",
    largest: str | None = None,
    stored: int | None = None,
    export: str = "0",
    estimated: str = "0",
) -> dict[str, Any]:
    return {
        "expected_readings": expected,
        "received_readings": received,
        "rejected_readings": rejected,
        "zero_readings": zero,
        "is_constant": constant,
        "largest_reading_kwh": largest and Decimal(largest),
        "total_consumption_kwh": Decimal(kwh),
        "stored_readings": received if stored is None else stored,
        "export_consumption_kwh": Decimal(export),
        "actual_consumption_kwh": Decimal(kwh) - Decimal(estimated),
        "estimated_consumption_kwh": Decimal(estimated),
    }


def test_the_columns_are_those_of_the_contract(engine: Engine) -> None:
    (row,) = completeness(engine, [], known=("m",)).values()

    assert {"meterpoint_id", "reference_date", "loaded_at", *row} == {
        column.name for column in tables.METERPOINT_COMPLETENESS.columns
    }


def test_a_known_meterpoint_that_sent_nothing_is_missing_the_whole_day(engine: Engine) -> None:
    assert completeness(engine, [], known=("m",)) == {("m", DAY): counts(48, 0)}


def test_what_was_received_is_counted_with_its_zeros(engine: Engine) -> None:
    given = [*readings("m", "0", "0.5", "0.000", "0.25"), *readings("n", *["0.1", "0.2"] * 24)]

    assert completeness(engine, given, known=("m", "n")) == {
        ("m", DAY): counts(48, 4, zero=2, kwh="0.75", largest="0.5"),
        ("n", DAY): counts(48, 48, kwh="7.2", largest="0.2"),
    }


def test_a_meterpoint_that_nobody_knows_is_counted_when_it_sent_something(engine: Engine) -> None:
    found = completeness(
        engine,
        readings("unknown", "0.1", "0.2"),
        known=("m",),
        refused=(rejected(1, "refused"), rejected(2, "refused")),
    )

    assert found == {
        ("m", DAY): counts(48, 0),
        ("unknown", DAY): counts(48, 2, kwh="0.3", largest="0.2"),
        ("refused", DAY): counts(48, 0, rejected=2),
    }


def test_a_meterpoint_that_is_known_sent_and_was_refused_has_one_row(engine: Engine) -> None:
    found = completeness(
        engine, readings("m", "0.1", "0.2", "0"), known=("m",), refused=(rejected(1, "m"), rejected(2, "m"))
    )

    assert found == {("m", DAY): counts(48, 3, rejected=2, zero=1, kwh="0.3", largest="0.2")}


def test_a_rejected_row_that_names_no_meterpoint_or_no_day_counts_for_none(engine: Engine) -> None:
    found = completeness(engine, [], known=("m",), refused=(rejected(1, None), rejected(2, "m", on=None)))

    assert found == {("m", DAY): counts(48, 0)}


@pytest.mark.parametrize(
    ("values", "is_constant"),
    [
        (["0.5", "0.5", "0.5"], True),
        (["0.5", "0.500"], True),  # the same number, however many decimals were sent
        (["0.5", "0.5", "0.50000000000000000001"], False),
        (["0", "0", "0"], False),  # an empty home or a dead meter: counted as zeros
        (["0.5"], False),  # one reading shows no pattern
        (["0", "0.5", "0.5"], False),
    ],
)
def test_a_day_is_constant_when_all_that_came_is_the_same_and_not_zero(
    engine: Engine, *, values: list[str], is_constant: bool
) -> None:
    (row,) = completeness(engine, readings("m", *values)).values()

    assert row["is_constant"] is is_constant


def test_the_energy_is_exact_to_the_last_of_twenty_decimals(engine: Engine) -> None:
    (row,) = completeness(engine, readings("m", "24", "0.00000000000000000001", "23.99999999999999999999")).values()

    assert row["total_consumption_kwh"] == Decimal(48)


@pytest.mark.parametrize(
    ("zone", "on", "expected"),
    [
        ("Europe/London", "2021-01-02", 48),
        ("Europe/London", "2021-03-28", 46),
        ("Europe/London", "2021-10-31", 50),
        ("Asia/Kolkata", "2021-03-28", 48),
        ("Australia/Lord_Howe", "2021-04-04", 49),
        ("Australia/Lord_Howe", "2021-10-03", 47),
    ],
)
def test_a_day_is_measured_against_its_own_number_of_half_hours(
    engine: Engine, zone: str, on: str, expected: int
) -> None:
    given = readings("m", *["0.1", "0.2"] * (expected // 2), *["0.3"] * (expected % 2), on=day(on), zone=zone)

    found = completeness(engine, given, dates=(day(on),), zone=zone)

    kwh = {46: "6.9", 47: "7.2", 48: "7.2", 49: "7.5", 50: "7.5"}
    assert found == {
        ("m", day(on)): counts(expected, expected, kwh=kwh[expected], largest="0.3" if expected % 2 else "0.2")
    }


def test_several_dates_are_told_apart(engine: Engine) -> None:
    before, change = day("2021-03-27"), day("2021-03-28")
    found = completeness(
        engine,
        [*readings("m", "0.1", on=before), *readings("m", "0.2", "0.2", on=change)],
        known=("m", "silent"),
        refused=(rejected(1, "m", on=change),),
        dates=(before, change),
    )

    assert found == {
        ("m", before): counts(48, 1, kwh="0.1", largest="0.1"),
        ("m", change): counts(46, 2, rejected=1, constant=True, kwh="0.4", largest="0.2"),
        ("silent", before): counts(48, 0),
        ("silent", change): counts(46, 0),
    }


def test_half_hours_of_the_import_register_count_and_those_of_export_where_that_is_all(engine: Engine) -> None:
    def out(meterpoint: str, *kwh: str) -> list[dict[str, Any]]:
        return [row | {"register": "export", "quality": "estimated"} for row in readings(meterpoint, *kwh)]

    found = completeness(engine, [*readings("m", "0.4", "0.1"), *out("m", "2", "0", "3"), *out("n", "0", "4", "4")])

    assert found == {
        ("m", DAY): counts(48, 2, kwh="5.5", largest="0.4", stored=5, export="5", estimated="5"),
        ("n", DAY): counts(48, 3, zero=1, kwh="8", largest="4", export="8", estimated="8"),
    }


def test_two_meters_in_a_half_hour_are_one_half_hour_and_the_zeros_of_a_dead_one_are_none(engine: Engine) -> None:
    def by(serial: str, *kwh: str) -> list[dict[str, Any]]:
        return [row | {"serial": serial} for row in readings("m", *kwh)]

    assert completeness(engine, [*by("old", "0.2", "0.12", "0"), *by("new", "0.08", "0.08", "0.3")]) == {
        ("m", DAY): counts(48, 3, kwh="0.78", largest="0.3", stored=6)
    }
