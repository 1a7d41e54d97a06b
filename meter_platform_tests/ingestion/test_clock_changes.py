"""Naive times and clock changes from file to table: each half hour where it belongs, or held back and told.

What belongs here: files as suppliers have sent them, through a load. What does not: the rule (`test_repeated_hours.py`).
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database
from meter_platform_tests.ingestion.delivered import OLD, DeliveryFolder, load, stored_tables
from meter_platform_tests.ingestion.oracle import CHANGE, Row, Tables
from meter_platform_tests.places import CASES

needs_cases = pytest.mark.skipif(
    not CASES.exists(), reason="the cases are not the project's to publish: put them into ../shared/cases"
)


def rows_of(times: str, values: str) -> list[Row]:
    """Rows of one meterpoint in the night of 2021-10-31."""
    return [
        Row('"a"', f'"2021-10-31 {time}:00"', value) for time, value in zip(times.split(), values.split(), strict=True)
    ]


def half_hours(tables: Tables) -> dict[str, Decimal]:
    """Energy by UTC time."""
    found = {f"{start:%H:%MZ}": value for _, start, _, value, *_ in tables.stored}
    assert len(found) == len(tables.stored)
    return dict(sorted(found.items()))


def kwh(**values: str) -> dict[str, Decimal]:
    return {f"{name[1:3]}:{name[3:]}Z": Decimal(value) for name, value in values.items()}


def test_a_file_may_be_newest_first(database: Database, settings: Settings, folder: DeliveryFolder) -> None:
    folder.write("a.json", rows_of("02:00 01:30 01:00 01:30 01:00 00:30", "0.6 0.5 0.4 0.3 0.2 0.1"))
    load(database, settings, folder.path, [CHANGE])
    tables = stored_tables(database)
    assert half_hours(tables) == kwh(t0000="0.2", t0030="0.3", t0100="0.4", t0130="0.5", t0200="0.6", t2330="0.1")
    assert list(tables.ambiguous.values()) == [0]


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_the_hour_may_come_in_two_files(
    database: Database, settings: Settings, folder: DeliveryFolder, order: str
) -> None:
    files = {
        "a": (rows_of("00:30 01:00 01:30", "0.1 0.2 0.3"), OLD),
        "b": (rows_of("01:00 01:30 02:00", "0.4 0.5 0.6"), OLD + 10**9),
    }
    for name in order:
        rows, modified = files[name]
        folder.write(f"{name}.json", rows, modified=modified)
        load(database, settings, folder.path, [CHANGE])
    tables = stored_tables(database)
    assert half_hours(tables) == kwh(t0000="0.2", t0030="0.3", t0100="0.4", t0130="0.5", t0200="0.6", t2330="0.1")
    assert sum(half_hours(tables).values()) == Decimal("2.1")
    assert (tables.superseded, tables.rejected) == (set(), set())
    assert set(tables.ambiguous.values()) == {0}


def test_what_a_file_does_not_tell_never_corrects_another(
    database: Database, settings: Settings, folder: DeliveryFolder
) -> None:
    folder.write("a.json", rows_of("00:30 01:00 01:30", "0.1 0.2 0.3"))
    folder.write("b.json", rows_of("01:00 01:30", "0.4 0.5"), modified=OLD + 10**9)
    folder.write("c.json", rows_of("01:30", "0.7"), modified=OLD + 2 * 10**9)
    load(database, settings, folder.path, [CHANGE])
    tables = stored_tables(database)
    assert half_hours(tables) == kwh(t0000="0.2", t0030="0.3", t2330="0.1")
    assert tables.superseded == set()
    rejected = [(row.reason, row.day, row.text) for _, row in tables.rejected]
    assert sorted(rejected) == [
        ("ambiguous_time", CHANGE, f'["a", "2021-10-31 {time}:00", {value}]')
        for time, value in (("01:00", "0.4"), ("01:30", "0.5"), ("01:30", "0.7"))
    ]


def test_a_day_of_48_names_keeps_them_and_says_which_are_ambiguous(
    database: Database, settings: Settings, folder: DeliveryFolder
) -> None:
    times = [f"{hour:02}:{minute}" for hour in range(24) for minute in ("00", "30")]
    folder.write("a.json", rows_of(" ".join(times), " ".join(["0.5"] * 48)))
    load(database, settings, folder.path, [CHANGE])
    tables = stored_tables(database)
    stored = {start: value for _, start, _, value, *_ in tables.stored}
    assert (len(stored), sum(stored.values())) == (48, Decimal(24))
    assert datetime(2021, 10, 31, 0, tzinfo=UTC) in stored
    assert datetime(2021, 10, 31, 1, tzinfo=UTC) not in stored, "no second hour is made up"
    assert list(tables.ambiguous.values()) == [2]


def test_a_day_labelled_by_its_ends_ends_at_24_00(
    database: Database, settings: Settings, folder: DeliveryFolder
) -> None:
    day = date(2021, 6, 10)
    times = [*[f"{hour:02}:{minute}" for hour in range(24) for minute in ("00", "30")][1:], "24:00", "24:30"]
    rows = [Row('"a"', f'"2021-06-10 {time}:00"', "0.5") for time in times]
    folder.write("a.json", rows)
    load(database, settings.replace(interval_label="end"), folder.path, [day])
    tables = stored_tables(database)
    starts = {start: on for _, start, on, *_ in tables.stored}
    assert set(starts.values()) == {day}
    assert len(starts) == 48
    assert max(starts) == datetime(2021, 6, 10, 22, 30, tzinfo=UTC)
    assert [(row.reason, row.day) for _, row in tables.rejected] == [("bad_time", day)]


# The cases: found in public reports of others, with what a person of the trade would expect.


def stored_of_case(
    database: Database, settings: Settings, name: str, dates: Sequence[date]
) -> tuple[dict[datetime, Decimal], Tables]:
    (case,) = CASES.glob(f"{name}-*")
    load(database, settings.replace(today=None), case / "readings", dates)
    tables = stored_tables(database)
    return {start: value for _, start, _, value, *_ in tables.stored}, tables


@needs_cases
def test_case_03_autumn_newest_first(database: Database, settings: Settings) -> None:
    stored, tables = stored_of_case(database, settings, "03", [CHANGE])
    change = datetime(2021, 10, 31, tzinfo=UTC)
    assert [stored[change + number * timedelta(minutes=30)] for number in range(4)] == [
        Decimal(value) for value in ("0.12", "0.13", "0.14", "0.15")
    ]
    assert (len(stored), sum(stored.values())) == (50, Decimal("17.25"))
    assert list(tables.ambiguous.values()) == [0]


@needs_cases
def test_case_05_autumn_already_summed(database: Database, settings: Settings) -> None:
    stored, tables = stored_of_case(database, settings, "05", [CHANGE])
    assert (len(stored), sum(stored.values())) == (48, Decimal("17.25"))
    assert list(tables.ambiguous.values()) == [2]
    assert tables.rejected == set()


@needs_cases
def test_case_07_hour_24(database: Database, settings: Settings) -> None:
    days = [date(2021, 6, 1), date(2021, 6, 2)]
    stored, tables = stored_of_case(database, settings.replace(interval_label="end"), "07", days)
    assert (len(stored), sum(stored.values())) == (48, Decimal(24))
    assert max(stored) == datetime(2021, 6, 1, 22, 30, tzinfo=UTC)
    assert {day for _, _, day, *_ in tables.stored} == {days[0]}


@needs_cases
def test_case_26_offsets_tell_the_hours_apart(database: Database, settings: Settings) -> None:
    day = date(2023, 10, 29)
    french = settings.replace(timezone="Europe/Paris", interval_label="end")
    stored, tables = stored_of_case(database, french, "26", [day])
    assert (len(stored), sum(stored.values())) == (8, Decimal("0.524"))
    assert (min(stored), max(stored)) == (
        datetime(2023, 10, 28, 22, 30, tzinfo=UTC),
        datetime(2023, 10, 29, 2, 0, tzinfo=UTC),
    )
    assert {on for _, _, on, *_ in tables.stored} == {day}
    assert list(tables.ambiguous.values()) == [0]


@needs_cases
@pytest.mark.parametrize(("zone", "stored_rows", "rejected"), [("Brisbane", 48, 0), ("Sydney", 46, 2)])
def test_case_27_a_market_without_summer_time(
    database: Database, settings: Settings, zone: str, stored_rows: int, rejected: int
) -> None:
    day = date(2021, 10, 3)
    stored, tables = stored_of_case(database, settings.replace(timezone=f"Australia/{zone}"), "27", [day])
    assert (len(stored), [row.reason for _, row in tables.rejected]) == (stored_rows, ["nonexistent_time"] * rejected)
    assert min(stored) == datetime(2021, 10, 2, 14, tzinfo=UTC)
