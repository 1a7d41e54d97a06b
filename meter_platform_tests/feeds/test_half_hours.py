"""Intervals of other lengths: half hours are exact sums of all of their parts, or are rejected."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meter_platform_tests.feeds.configured import accepted, assert_accounted, read_file, rejected

TOML = """
[feeds.short]
format = "csv"
paths = "*.csv"
columns = { meterpoint = "id", time = "at", value = "value" }
"""


def lines(*rows: str) -> str:
    return "id,at,value\n" + "\n".join(rows) + "\n"


@pytest.mark.parametrize("minutes", [5, 10, 15])
def test_parts_are_summed_exactly(tmp_path: Path, minutes: int) -> None:
    count = 30 // minutes
    rows = [f"m,2021-06-01 00:{part * minutes:02},0.{part + 1}000001" for part in range(2 * count)]

    read = read_file(tmp_path, TOML + f"interval_minutes = {minutes}\n", "a.csv", lines(*rows))

    values = [Decimal(f"0.{part + 1}000001") for part in range(2 * count)]
    assert accepted(read) == [
        ("m", "05-31 23:00Z", sum(values[:count]).normalize()),
        ("m", "05-31 23:30Z", sum(values[count:]).normalize()),
    ]
    assert_accounted(read)


def test_a_half_hour_with_a_part_missing_is_rejected_with_the_parts_that_there_are(tmp_path: Path) -> None:
    rows = ["m,2021-06-01 00:00,1", "n,2021-06-01 00:15,2", "m,2021-06-01 00:30,3", "m,2021-06-01 00:45,4"]

    read = read_file(tmp_path, TOML + "interval_minutes = 15\n", "a.csv", lines(*rows))

    assert accepted(read) == [("m", "05-31 23:30Z", Decimal(7))]
    assert [(row[0], row[2], row[3]) for row in rejected(read)] == [
        ("incomplete_half_hour", "m", "m,2021-06-01 00:00,1"),
        ("incomplete_half_hour", "n", "n,2021-06-01 00:15,2"),
    ]
    assert {row[1].isoformat() for row in rejected(read) if row[1]} == {"2021-06-01"}
    assert read.rejected[2][4] == "1 of its 2 parts are not there"
    assert_accounted(read)


@pytest.mark.parametrize(
    ("part", "reason", "kwh"),
    [("-0.5", "negative", "-0.5"), ("null", "not_a_number", None), ("24", "impossible", "25")],
)
def test_a_part_that_is_no_energy_is_not_hidden_by_the_others(
    tmp_path: Path, part: str, reason: str, kwh: str | None
) -> None:
    rows = ["m,2021-06-01 00:00,1", f"m,2021-06-01 00:15,{part}"]

    read = read_file(tmp_path, TOML + "interval_minutes = 15\n", "a.csv", lines(*rows))

    assert [row[0] for row in rejected(read)] == [reason]
    assert read.rejected_kwh[1] == (kwh and Decimal(kwh))
    assert rejected(read)[0][3] == " + ".join(rows)


def test_a_time_between_intervals_is_no_part(tmp_path: Path) -> None:
    rows = ["m,2021-06-01 00:00,1", "m,2021-06-01 00:07,1", "m,soon,1", "m,2021-06-01 00:15,1"]

    read = read_file(tmp_path, TOML + "interval_minutes = 15\n", "a.csv", lines(*rows))

    assert [row[0] for row in rejected(read)] == ["misaligned_interval", "bad_time"]
    assert accepted(read) == [("m", "05-31 23:00Z", Decimal(2))]


def test_a_day_that_stands_in_a_file_twice_is_two_deliveries_of_it(tmp_path: Path) -> None:
    rows = ["m,2021-06-01 00:00,1", "m,2021-06-01 00:15,1"]

    read = read_file(tmp_path, TOML + "interval_minutes = 15\n", "a.csv", lines(*rows, *rows))

    assert accepted(read) == [("m", "05-31 23:00Z", Decimal(2))] * 2


def test_average_power_of_parts_that_have_no_end_of_decimals_is_rounded_once(tmp_path: Path) -> None:
    rows = [f"m,2021-06-01 00:{minute:02},0.1" for minute in range(0, 25, 5)] + ["m,2021-06-01 00:25,0.2"]

    read = read_file(tmp_path, TOML + 'interval_minutes = 5\nunit = "kW"\n', "a.csv", lines(*rows))

    # 0.7 kW / 12.
    assert [kwh for *_, kwh in accepted(read)] == [Decimal("0.05833333333333333333")]


def test_an_hour_is_two_exact_halves_and_only_where_the_feed_says_so(tmp_path: Path) -> None:
    rows = ["m,2021-06-01 01:00,0.001", "m,2021-06-01 02:00,x"]

    read = read_file(tmp_path / "a", TOML + 'interval_minutes = 60\nlabel = "end"\n', "a.csv", lines(*rows))

    assert accepted(read) == [("m", "05-31 23:00Z", Decimal("0.0005")), ("m", "05-31 23:30Z", Decimal("0.0005"))]
    assert [row[0] for row in rejected(read)] == ["not_a_number"] * 2
    usual = read_file(tmp_path / "b", TOML + 'label = "end"\n', "a.csv", lines(*rows))
    assert accepted(usual) == [("m", "05-31 23:30Z", Decimal("0.001"))]


def test_an_hour_that_the_clocks_repeat_and_nothing_tells_apart_is_ambiguous(tmp_path: Path) -> None:
    read = read_file(
        tmp_path, TOML + "interval_minutes = 60\n", "a.csv", lines("m,2021-10-31 01:00,1", "m,2021-10-31 02:00,1")
    )

    assert [row[:3] for row in rejected(read)] == [("ambiguous_time", datetime(2021, 10, 31).date(), "m")]  # noqa: DTZ001 - a date
    assert len(read.accepted) == 2


@dataclass(frozen=True)
class Case:
    """A file of intervals around a clock change."""

    minutes: int
    at_end: bool
    falling: bool
    by_time: bool
    zone: str
    day: str
    seed: int


CASES = st.builds(
    Case,
    minutes=st.sampled_from([5, 10, 15, 60]),
    zone=st.sampled_from(["Europe/London", "America/Chicago", "UTC", "Australia/Sydney"]),
    day=st.sampled_from(["2021-03-28", "2021-10-31", "2021-11-07", "2021-04-04", "2021-06-01"]),
    seed=st.integers(0, 1 << 16),
)


@settings(max_examples=30)
@given(case=CASES)
def test_local_times_of_any_length_sum_to_the_energy_of_each_half_hour(
    tmp_path_factory: pytest.TempPathFactory, case: Case
) -> None:
    """Three days around a clock change, in order of time or meterpoint, up or down, labels at either end."""
    chance = random.Random(case.seed)  # noqa: S311 - no secret
    local = ZoneInfo(case.zone)
    minutes = case.minutes
    begin = (datetime.fromisoformat(case.day).replace(tzinfo=local) - timedelta(days=1)).astimezone(UTC)
    count = 3 * 24 * 60 // minutes
    parts = [
        (meterpoint, begin + step * timedelta(minutes=minutes), Decimal(chance.randint(0, 999)) / 1000)
        for meterpoint in ("m", "n")
        for step in range(count)
    ]
    expected: dict[tuple[str, str], Fraction] = {}
    for meterpoint, start, kwh in parts:
        for half in range(max(1, minutes // 30)):
            instant = start + half * timedelta(minutes=30)
            instant -= timedelta(minutes=instant.minute % 30)
            key = (meterpoint, f"{instant:%m-%d %H:%MZ}")
            expected[key] = expected.get(key, Fraction(0)) + Fraction(kwh) / max(1, minutes // 30)
    if case.by_time:
        parts.sort(key=lambda part: (part[1], part[0]))
    if case.falling:
        parts.reverse()
    ends = timedelta(minutes=minutes if case.at_end else 0)
    rows = [f"{meterpoint},{(start + ends).astimezone(local):%Y-%m-%d %H:%M},{kwh}" for meterpoint, start, kwh in parts]
    toml = TOML + f'interval_minutes = {minutes}\nzone = "{case.zone}"\nlabel = "{"end" if case.at_end else "start"}"\n'

    read = read_file(tmp_path_factory.mktemp("short"), toml, "a.csv", lines(*rows))

    assert read.rejected == {}
    assert {(meterpoint, start): Fraction(kwh) for meterpoint, start, kwh in accepted(read)} == expected
