"""CSV with a row a day: each cell is a row, and days of every length have as many as they have half hours."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from meter_platform_tests.feeds.configured import accepted, assert_accounted, read_file, rejected

CLOCK = """
[feeds.wide]
format = "csv_days"
paths = "*.csv"
by = "clock"
date_format = "%d/%m/%Y"
columns = { meterpoint = "MPAN", date = "Date", first_value = "00:00" }
"""

ENDS = CLOCK.replace('"00:00"', '"[00:30]"') + 'label = "end"\n'

EDF = """
[feeds.edf]
format = "csv_days"
paths = "*.csv"
by = "count"
values = 50
qualities = { A = "actual", E = "estimated" }
columns = { meterpoint = "MPAN", date = "Date", first_value = "kWh_1", first_quality = "AE_1" }
"""

TIMES = [f"{number // 2:02}:{number % 2 * 30:02}" for number in range(48)]


def wide(*days: tuple[str, list[str]], titles: list[str] = TIMES) -> str:
    return "\n".join([",".join(["MPAN", "Date", *titles]), *(f"m,{day},{','.join(values)}" for day, values in days)])


@pytest.mark.parametrize(("toml", "titles"), [(CLOCK, TIMES), (ENDS, [f"[{time}]" for time in [*TIMES[1:], "00:00"]])])
def test_columns_that_are_times_of_the_clock(tmp_path: Path, toml: str, titles: list[str]) -> None:
    values = [f"0.{number:03}" for number in range(48)]

    read = read_file(tmp_path, toml, "a.csv", wide(("01/06/2021", values), ("02/06/2021", values), titles=titles))

    found = accepted(read)
    assert len(found) == 96
    assert found[0] == ("m", "05-31 23:00Z", Decimal(0))
    assert found[47] == ("m", "06-01 22:30Z", Decimal("0.047"))
    assert found[48] == ("m", "06-01 23:00Z", Decimal(0))
    assert_accounted(read)


@pytest.mark.parametrize(
    ("day", "filled", "stored", "reasons"),
    [
        ("28/03/2021", {}, 46, []),
        ("28/03/2021", {2: "0.5"}, 46, ["nonexistent_time"]),
        ("01/06/2021", {5: "", 6: "-"}, 46, ["not_a_number", "not_a_number"]),
    ],
)
def test_what_stands_in_a_time_that_the_clocks_skip(
    tmp_path: Path, day: str, filled: dict[int, str], stored: int, reasons: list[str]
) -> None:
    values = ["" if day == "28/03/2021" and number in {2, 3} else "0.1" for number in range(48)]
    for place, value in filled.items():
        values[place] = value

    read = read_file(tmp_path, CLOCK, "a.csv", wide((day, values)))

    assert len(read.accepted) == stored
    assert [row[0] for row in rejected(read)] == reasons
    assert_accounted(read)


@pytest.mark.parametrize(("day", "periods"), [("2021-03-28", 46), ("2021-06-01", 48), ("2021-10-31", 50)])
def test_columns_that_are_counted_each_with_a_quality(tmp_path: Path, day: str, periods: int) -> None:
    titles = [f"kWh_{number}" for number in range(1, 51)] + [f"AE_{number}" for number in range(1, 51)]
    values = [f"0.{number:03}" if number < periods else "-" for number in range(50)]
    qualities = ["A" if number < periods else "-" for number in range(50)]

    read = read_file(tmp_path, EDF, "a.csv", wide((day, [*values, *qualities]), titles=titles))

    assert read.rejected == {}
    found = accepted(read)
    assert len({start for _, start, _ in found}) == len(found) == periods
    assert [kwh for *_, kwh in found] == [Decimal(f"0.{number:03}").normalize() for number in range(periods)]
    assert_accounted(read)


def test_a_value_beyond_the_end_of_its_day_and_lines_that_are_none(tmp_path: Path) -> None:
    titles = [f"kWh_{number}" for number in range(1, 51)] + [f"AE_{number}" for number in range(1, 51)]
    values = ["0.1"] * 49 + [""] + ["A"] * 50
    good = ("2021-06-03", ["0.1"] * 48 + ["", ""] + ["A"] * 50)
    text = wide(("2021-06-01", values), ("soon", values), good, titles=titles) + "\nm,2021-06-02,1\n"

    read = read_file(tmp_path, EDF, "a.csv", text)

    assert len(read.accepted) == 96
    assert {(row[0], row[1]) for row in rejected(read)} == {
        ("bad_time", date(2021, 6, 1)),
        ("bad_time", None),
        ("not_a_row", None),
    }
    assert read.rejected[49][3] == "2021-06-01, m, kWh_49=0.1"
    assert sum(row[3] == "m,2021-06-02,1" for row in rejected(read)) == 1
    assert_accounted(read)


def test_a_quality_after_each_value_columns_by_number_and_quarters(tmp_path: Path) -> None:
    toml = """
[feeds.quarters]
format = "csv_days"
paths = "{meterpoint}.csv"
by = "count"
values = 96
every = 2
has_names = false
separator = ";"
interval_minutes = 15
decimal = ","
columns = { date = 1, first_value = 2, first_quality = 3 }
"""
    cells = ";".join(f"0,{number:03};A" for number in range(96))

    read = read_file(tmp_path, toml, "1012345.csv", f"2021-06-01;{cells}\n2021-06-02;{cells.replace('0,001', '')}\n")

    found = accepted(read)
    assert found[0] == ("1012345", "05-31 23:00Z", Decimal("0.001"))
    assert len(found) == 95
    assert [row[0] for row in rejected(read)] == ["not_a_number"]
    assert_accounted(read)


@pytest.mark.parametrize(
    ("titles", "malformed"),
    [
        (TIMES[:40], "missing_column: the first line has 42 columns: fewer than 48 values take"),
        ([*TIMES[:47], "total"], 'bad_columns: the column "total" is not named by a time of the day'),
    ],
)
def test_files_with_other_columns_are_quarantined(tmp_path: Path, titles: list[str], malformed: str) -> None:
    read = read_file(tmp_path, CLOCK, "a.csv", wide(("01/06/2021", ["1"] * len(titles)), titles=titles))

    assert read.account is not None
    assert read.account.malformed == malformed
