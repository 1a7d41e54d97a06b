"""`meter-platform feeds` and `feeds check`: what a person sees of feeds and of a file that is yet to be loaded."""

import re
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from meter_platform.cli import main
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database
from meter_platform_tests.feeds.reading import write
from meter_platform_tests.ingestion import delivered

TOML = """
[feeds.esb]
format = "csv"
paths = "esb/*.csv"
unit = "kW"
label = "end"
columns = { meterpoint = "MPRN", time = "End", value = "Read Value" }

[feeds.telling]
format = "csv"
paths = "telling/*.csv"
columns = { meterpoint = "id", time = "at", value = "kwh", register = "dir", quality = "q", serial = "sn", revised_at = "rev" }
registers = { I = "import", E = "export" }
qualities = { A = "actual", E = "estimated" }

[feeds.other]
format = "json"
paths = "other/*.json"
"""
GOOD = "MPRN,End,Read Value\n10,2021-06-01 00:30,1.5\n10,2021-06-01 01:00,-1\n10,2021-06-01 01:30,2\n10,2021-06-01 01:30,3\n"
CONFLICT = "of the file gives the same half hour another value, and neither is certain"


@pytest.fixture
def readings(database: Database, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files of feeds."""
    folder = tmp_path / "readings"
    for name in ("esb", "telling", "other"):
        (folder / name).mkdir(parents=True)
    (tmp_path / "feeds.toml").write_text(TOML)
    write(folder / "esb" / "a.csv", GOOD.encode())
    write(folder / "esb" / "b.csv", b"<html>")
    write(folder / "esb" / "c.txt", b"x")
    monkeypatch.setenv("METER_PLATFORM_HOME", str(home))
    monkeypatch.setenv("METER_PLATFORM_READINGS_URL", str(folder))
    monkeypatch.setenv("METER_PLATFORM_FEEDS", str(tmp_path / "feeds.toml"))
    settings = Settings(home=home, readings_url=str(folder), feeds=tmp_path / "feeds.toml")
    delivered.load(database, settings, folder, [date(2021, 6, 1)])
    return folder


def said(*arguments: str) -> str:
    done = CliRunner().invoke(main, list(arguments))
    assert done.exit_code == 0, done.output
    return done.output


def test_feeds_are_listed_with_their_files(readings: Path) -> None:
    lines = said("feeds").splitlines()

    assert re.fullmatch(r"esb +csv +esb/\*\.csv +2 +4 +2020-09-13 12:26 UTC +1", lines[1])
    assert re.fullmatch(r"other +json +other/\*\.json +0 +0 +0", lines[3])
    assert lines[4] == "1 file lies there that is not read (c.txt): no feed takes such names"
    assert str(readings) in lines[5]


def test_a_file_is_shown_as_it_would_be_understood(readings: Path) -> None:
    assert said("feeds", "check", str(readings / "esb" / "a.csv")).splitlines() == [
        "Feed       esb",
        "Rows       4, of which 3 rejected",
        "Row        1: 10  2021-05-31 23:00 UTC (2021-06-01)  0.750 kWh",
        "Sum        2021-06-01: 1 readings, 0.75 kWh",
        "Rejected   2 rows: conflict_in_file",
        "Rejected   1 rows: negative",
        "Row        2: negative: consumption_delta is below 0 kWh on an import register: 10,2021-06-01 01:00,-1",
        f"Row        3: conflict_in_file: row 4 {CONFLICT}: 10,2021-06-01 01:30,2",
        f"Row        4: conflict_in_file: row 3 {CONFLICT}: 10,2021-06-01 01:30,3",
    ]
    assert (
        said("feeds", "check", str(readings / "esb" / "b.csv"))
        .splitlines()[1]
        .startswith("Malformed  not_a_document: ")
    )


def test_registers_qualities_meters_and_revisions_are_shown_as_understood_where_a_file_says_any(readings: Path) -> None:
    rows = (
        "10,2021-06-01 01:00,0.5,E,E,L77,2021-06-02 08:00",
        "10,2021-06-01 01:00,2,,A,,",
        "11,2021-06-01 01:00,1,,x,,",
    )
    write(readings / "telling" / "a.csv", "\n".join(["id,at,kwh,dir,q,sn,rev", *rows]).encode())
    time = "2021-06-01 00:00 UTC (2021-06-01)"
    assert said("feeds", "check", str(readings / "telling" / "a.csv")).splitlines()[2:] == [
        f"Row        1: 10  {time}  0.500 kWh  export, estimated, meter L77, revised 2021-06-02 07:00 UTC",
        f"Row        2: 10  {time}  2.000 kWh  import, actual",
        f"Row        3: 11  {time}  1.000 kWh  import, unknown",
        "Sum        2021-06-01: 3 readings, 3.5 kWh",
    ]


def test_a_file_that_would_not_be_read_is_told(readings: Path, tmp_path: Path) -> None:
    for path, why in (
        (readings / "esb" / "c.txt", "would not be read: no feed takes it"),
        (tmp_path / "feeds.toml", "is not below the folder of reading files"),
    ):
        done = CliRunner().invoke(main, ["feeds", "check", str(path)])
        assert done.exit_code == 1
        assert why in done.output
