"""CSV with a row a reading, in the forms that people have: what stands in a row, and what becomes of a row that is none."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from meter_platform_tests.feeds.configured import accepted, assert_accounted, read_file, rejected

LOW_CARBON_LONDON = """
[feeds.low_carbon_london]
format = "csv"
paths = "*.csv"
zone = "UTC"
columns = { meterpoint = "LCLid", time = "DateTime", value = "KWH/hh (per half hour)" }
"""

ESB = """
[feeds.esb]
format = "csv"
paths = "*.csv"
unit = "kW"
label = "end"
order = "descending"
time_format = "%d-%m-%Y %H:%M"
registers = { "Active Import Interval (kW)" = "import", "Active Export Interval (kW)" = "export" }
[feeds.esb.columns]
meterpoint = "MPRN"
serial = "Meter Serial Number"
value = "Read Value"
register = "Read Type"
time = "Read Date and End Time"
"""

DATADIS = """
[feeds.datadis]
format = "csv"
paths = "*.csv"
separator = ";"
decimal = ","
zone = "Europe/Madrid"
interval_minutes = 60
time_format = "%Y/%m/%d"
columns = { meterpoint = "CUPS", date = "Fecha", period = "Hora", value = "AE_kWh" }
"""

SMART_METER_TEXAS = """
[feeds.smart_meter_texas]
format = "csv"
paths = "*.csv"
zone = "America/Chicago"
interval_minutes = 15
clean_ids = ["apostrophe"]
time_format = "%m/%d/%Y %H:%M"
qualities = { A = "actual", E = "estimated" }
columns = { meterpoint = "ESIID", date = "USAGE_DATE", time = "USAGE_START_TIME", value = "USAGE_KWH", quality = "EA" }
"""


def test_low_carbon_london(tmp_path: Path) -> None:
    text = (
        "LCLid,stdorToU,DateTime,KWH/hh (per half hour) \n"
        "MAC000002,Std,2021-06-01 00:30:00.0000000, 0.114 \n"
        "MAC000002,Std,2021-06-01 01:00:00.0000000,Null\n"
        "MAC000002,Std,2021-06-01 01:30:00.0000000, 0 \n"
    )

    read = read_file(tmp_path, LOW_CARBON_LONDON, "a.csv", text)

    assert accepted(read) == [
        ("MAC000002", "06-01 00:30Z", Decimal("0.114")),
        ("MAC000002", "06-01 01:30Z", Decimal(0)),
    ]
    assert rejected(read) == [
        ("not_a_number", date(2021, 6, 1), "MAC000002", "MAC000002,Std,2021-06-01 01:00:00.0000000,Null")
    ]
    assert_accounted(read)


def test_esb_newest_first_through_the_autumn_hour(tmp_path: Path) -> None:
    times = ["02:30", "02:00", "01:30", "01:00", "01:30", "01:00", "00:30"]
    lines = [f"100,S1,{number / 10},Active Import Interval (kW),31-10-2021 {time}" for number, time in enumerate(times)]
    text = "MPRN,Meter Serial Number,Read Value,Read Type,Read Date and End Time\r\n" + "\r\n".join(lines)

    read = read_file(tmp_path, ESB, "a.csv", text)

    assert [(start, kwh) for _, start, kwh in accepted(read)] == [
        ("10-31 02:00Z", Decimal(0)),
        ("10-31 01:30Z", Decimal("0.05")),
        ("10-31 01:00Z", Decimal("0.1")),
        ("10-31 00:30Z", Decimal("0.15")),
        ("10-31 00:00Z", Decimal("0.2")),
        ("10-30 23:30Z", Decimal("0.25")),
        ("10-30 23:00Z", Decimal("0.3")),
    ]
    assert read.account is not None
    assert read.account.rows_ambiguous == 0


def test_datadis_hours_of_the_day_of_25_hours_are_two_halves_each(tmp_path: Path) -> None:
    text = "CUPS;Fecha;Hora;AE_kWh;REAL\n" + "".join(f"ES1;2021/10/31;{hour};0,{hour:03};R\n" for hour in range(1, 26))

    read = read_file(tmp_path, DATADIS, "a.csv", text + "ES1;2021/10/31;26;1,0;R\nES1;2021/10/31;1;1.234;R\n")

    found = accepted(read)
    assert len(found) == 50
    assert found[:3] == [
        ("ES1", "10-30 22:00Z", Decimal("0.0005")),
        ("ES1", "10-30 22:30Z", Decimal("0.0005")),
        ("ES1", "10-30 23:00Z", Decimal("0.001")),
    ]
    assert found[-1] == ("ES1", "10-31 22:30Z", Decimal("0.0125"))
    # A point is no decimal mark here, whatever the number looks like.
    assert [row[0] for row in rejected(read)] == ["bad_time", "not_a_number", "not_a_number"]
    assert_accounted(read)


@pytest.mark.parametrize(("day", "quarters"), [("03/14/2021", 92), ("11/07/2021", 100), ("06/01/2021", 96)])
def test_smart_meter_texas_quarters_on_days_of_the_clock_change(tmp_path: Path, day: str, quarters: int) -> None:
    hours = {"03/14/2021": [0, 1, *range(3, 24)], "11/07/2021": [0, 1, 1, *range(2, 24)]}.get(day, list(range(24)))
    lines = [
        f"'1008,{day},{hour:02}:{minute:02},0.{hour:02}{minute:02},A" for hour in hours for minute in range(0, 60, 15)
    ]
    assert len(lines) == quarters

    read = read_file(
        tmp_path, SMART_METER_TEXAS, "a.csv", "ESIID,USAGE_DATE,USAGE_START_TIME,USAGE_KWH,EA\n" + "\n".join(lines)
    )

    assert read.rejected == {}
    found = accepted(read)
    assert len(found) == len({start for _, start, _ in found}) == quarters // 2
    assert found[0][0] == "1008"
    assert sum(kwh for *_, kwh in found) == sum(Decimal(line.split(",")[3]) for line in lines)
    assert_accounted(read)


def test_lines_that_are_no_rows_keep_their_places_and_the_others_load(tmp_path: Path) -> None:
    text = (
        "sep=,\n\nLCLid,x,DateTime,KWH/hh (per half hour)\n"
        "a,x,2021-06-01 00:00,1\n\n"
        "a,2021-06-01 00:30,1\n"
        '"a",x,2021-06-01 01:00,"1.5"\n'
        'a,"x,2021-06-01 01:30,1\n'
        '"a","x,y",2021-06-01 02:00,.25\n'
        "a,x,2021-06-01 02:30,1,,\n"
        ",,,\n"
    )

    read = read_file(tmp_path, LOW_CARBON_LONDON, "a.csv", text)

    assert sorted(read.accepted) == [1, 3, 5]
    assert accepted(read)[-1] == ("a", "06-01 02:00Z", Decimal("0.25"))
    assert [(row[0], row[3]) for row in rejected(read)] == [
        ("not_a_row", "a,2021-06-01 00:30,1"),
        ("not_a_row", 'a,"x,2021-06-01 01:30,1'),
        ("not_a_row", "a,x,2021-06-01 02:30,1,,"),
        ("bad_meterpoint", ",,,"),
    ]
    assert read.rejected[2][4] == "the line has 3 values, not 4"
    assert_accounted(read)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_every_end_of_line_and_files_larger_than_a_chunk(tmp_path: Path, ends: str) -> None:
    days = [f"2021-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 29)]
    lines = [f"m{number},x,{day} {hour:02}:00,0.5" for number in range(4) for day in days for hour in range(24)]
    text = ends.join(["LCLid,x,DateTime,KWH/hh (per half hour)", *lines])
    assert len(text) > 1 << 19

    read = read_file(tmp_path, LOW_CARBON_LONDON, "a.csv", text)

    assert read.account is not None
    assert (read.account.rows_in_file, len(read.accepted)) == (len(lines), len(lines))


@pytest.mark.parametrize(
    ("encoding", "said", "malformed"),
    [
        ("utf-8-sig", "utf-8", None),
        ("utf-16", "utf-16", None),
        ("utf-16-le", "utf-16-le", None),
        ("cp1252", "cp1252", None),
        (
            "utf-16",
            "utf-8",
            "not_utf8: the file begins with the byte order mark of UTF-16, and its feed says utf-8: enc",
        ),
        ("cp1252", "utf-8", "not_utf8: the file is not utf-8: invalid"),
        ("utf-16-le", "utf-8", "not_utf8: the file looks like UTF-16"),
    ],
)
def test_encodings(tmp_path: Path, encoding: str, said: str, malformed: str | None) -> None:
    text = "LCLid,x,DateTime,KWH/hh (per half hour)\nm-é,x,2021-06-01 00:00,0.5\n"

    read = read_file(tmp_path, LOW_CARBON_LONDON + f'encoding = "{said}"\n', "a.csv", text.encode(encoding))

    if malformed is None:
        assert accepted(read) == [("m-é", "06-01 00:00Z", Decimal("0.5"))]
    else:
        assert read.account is not None
        assert (read.account.malformed or "").startswith(malformed)


@pytest.mark.parametrize(
    ("content", "malformed"),
    [
        ("", "empty: the file has no content"),
        ("\n\n", "bad_columns: the file has no line with the names of its columns"),
        ("LCLid,DateTime\n", 'missing_column: the column "KWH/hh (per half hour)" is not in the first line'),
        ("LCLid,DateTime,DateTime,KWH/hh (per half hour)\n", 'missing_column: the column "DateTime" is twice in'),
        ("<!doctype html><html>", "not_a_document: the file is a web page (HTML), such as a login"),
        ("\x89PNG\r\n", "not_utf8: the file is"),
    ],
)
def test_files_that_are_no_such_csv_are_quarantined(tmp_path: Path, content: str, malformed: str) -> None:
    read = read_file(tmp_path, LOW_CARBON_LONDON, "a.csv", content.encode("latin-1"))

    assert read.account is not None
    assert (read.account.malformed or "").startswith(malformed)


def test_columns_by_number_a_preamble_and_the_meterpoint_in_the_path(tmp_path: Path) -> None:
    toml = """
[feeds.numbers]
format = "csv"
paths = "{meterpoint}/*.csv"
has_names = false
skip_lines = 2
separator = ";"
columns = { time = 1, value = 3 }
"""
    text = "Export of June\nfor a customer\n2021-06-01 00:00;x;1\n2021-06-01 24:00;x;2\n"

    read = read_file(tmp_path, toml, "1012345/a.csv", text)

    assert accepted(read) == [("1012345", "05-31 23:00Z", Decimal(1)), ("1012345", "06-01 23:00Z", Decimal(2))]


def test_a_file_without_readings_is_no_fault(tmp_path: Path) -> None:
    read = read_file(tmp_path, LOW_CARBON_LONDON, "a.csv", "LCLid,DateTime,KWH/hh (per half hour)\n")

    assert accepted(read) == []
    assert_accounted(read)


def test_two_values_for_a_half_hour_and_a_file_of_another_unit(tmp_path: Path) -> None:
    names = "LCLid,DateTime,KWH/hh (per half hour)\n"
    twice = names + "m,2021-06-01 00:00,1\nm,2021-06-01 00:00,2\nm,2021-06-01 00:30,1\n"
    of_wh = names + "".join(f"m{number},2021-06-01 00:00,{12 if number < 8 else 310}\n" for number in range(24))

    conflicting = read_file(tmp_path / "a", LOW_CARBON_LONDON, "a.csv", twice)
    held_back = read_file(tmp_path / "b", LOW_CARBON_LONDON, "a.csv", of_wh)

    assert [(row[0], row[3]) for row in rejected(conflicting)] == [
        ("conflict_in_file", "m,2021-06-01 00:00,1"),
        ("conflict_in_file", "m,2021-06-01 00:00,2"),
    ]
    assert held_back.account is not None
    assert (held_back.account.held_back or "").startswith("mostly_rejected: 16 of 24 rows are impossible")
    assert held_back.rejected[1][3] == "m0,2021-06-01 00:00,12"


@pytest.mark.parametrize(("wanted", "kwh"), [("import", "0.05"), ("export", "0.15")])
def test_one_register_of_two_under_one_id(tmp_path: Path, wanted: str, kwh: str) -> None:
    text = "MPRN,Meter Serial Number,Read Value,Read Type,Read Date and End Time\n"
    text += "1,S,0.1,Active Import Interval (kW),01-06-2021 00:30\n1,S,0.3,Active Export Interval (kW),01-06-2021 00:30\n1,2\n"
    toml = ESB.replace("[feeds.esb]", f'[feeds.esb]\nonly_register = "{wanted}"')

    read = read_file(tmp_path, toml, "a.csv", text)

    assert accepted(read) == [("1", "05-31 23:00Z", Decimal(kwh))]
    assert [row[:3] for row in rejected(read)] == [
        ("other_quantity", date(2021, 6, 1), "1"),
        ("not_a_row", None, None),
    ]


@pytest.mark.parametrize("last", ['m,2021-06-01 01:00:00,"0.5', '"m",2021-06-01 01:00:00,"0.5"6'])
def test_a_quote_in_an_odd_place_is_no_row_wherever_its_line_stands(tmp_path: Path, last: str) -> None:
    """A file that was cut off within a value has another value there."""
    toml = (
        '[feeds.f]\nformat = "csv"\npaths = "*.csv"\nzone = "UTC"\ncolumns = { meterpoint = 1, time = 2, value = 3 }\n'
    )
    good = '"m","2021-06-01 00:00:00","1"'

    for number, lines in enumerate(([good, last], [last, good])):
        read = read_file(tmp_path / str(number), toml + "has_names = false\n", "a.csv", "\n".join(lines))

        assert [kwh for *_, kwh in accepted(read)] == [Decimal(1)]
        assert [(row[0], row[3]) for row in rejected(read)] == [("not_a_row", last)]
        assert_accounted(read)
