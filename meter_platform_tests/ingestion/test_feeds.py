"""Feeds and what is stored: which files are known, and what happens to both when the file of feeds changes."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from meter_platform.feeds.configured import feeds_of
from meter_platform.feeds.files import ReadingFolder
from meter_platform.ingestion.discover import discover
from meter_platform.ingestion.reread import Reread, reread
from meter_platform.ingestion.tree import Effort
from meter_platform.orchestration.checks.deliveries import read_under_other_rules
from meter_platform.orchestration.checks.finding import Inspection
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database
from meter_platform_tests.feeds.reading import write
from meter_platform_tests.ingestion import delivered

DAY = date(2021, 6, 1)
A = '[feeds.a]\nformat = "csv"\npaths = "a/*.csv"\ncolumns = { meterpoint = "id", time = "at", value = "value" }\n'
B = A.replace("feeds.a", "feeds.b").replace("a/*.csv", "b/*.csv")


class Platform:
    """Files below a folder, and feeds of them that change."""

    def __init__(self, database: Database, settings: Settings, folder: Path) -> None:
        self.database = database
        self.readings = folder / "readings"
        self.toml = folder / "feeds.toml"
        self.settings = settings.replace(readings_url=str(self.readings), feeds=self.toml, today=date(2021, 6, 2))

    def feeds(self, toml: str) -> None:
        self.toml.write_text(toml)

    def deliver(self, name: str, *values: str) -> None:
        lines = [
            f"m,2021-06-01 {12 + number // 2:02}:{number % 2 * 30:02},{value}" for number, value in enumerate(values)
        ]
        (self.readings / name).parent.mkdir(parents=True, exist_ok=True)
        write(self.readings / name, "\n".join(["id,at,value", *lines]).encode())

    def load(self, dates: Sequence[date] = (DAY,)) -> None:
        delivered.load(self.database, self.settings, self.readings, dates)

    def reread(self) -> Reread:
        return reread(self.database, self.settings, ReadingFolder(str(self.readings), feeds_of(self.settings)))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.database.connect() as connection:
            return connection.execute(query.encode()).fetchall()

    def kwh(self) -> Decimal:
        return Decimal(self.rows("SELECT coalesce(sum(consumption_delta), 0) FROM raw_data.raw_meter_readings")[0][0])

    def under_other_rules(self) -> int:
        with self.database.connect() as connection:
            found = read_under_other_rules(Inspection(connection, [DAY], self.settings, dict))
        return sum(found.failing.values())


@pytest.fixture
def platform(database: Database, settings: Settings, tmp_path: Path) -> Platform:
    return Platform(database, settings, tmp_path)


def test_a_changed_feed_is_followed_by_its_files_and_no_others(platform: Platform) -> None:
    platform.feeds(A + B)
    platform.deliver("a/1.csv", "1", "2")
    platform.deliver("b/1.csv", "3")
    platform.load()
    assert platform.kwh() == Decimal(5)  # the newer of two values for noon: b's
    assert platform.under_other_rules() == 0

    platform.feeds(A + 'unit = "Wh"\n' + B)
    assert platform.under_other_rules() == 1
    assert platform.reread().files == 1
    assert platform.kwh() == Decimal("3.002")
    assert platform.under_other_rules() == 0
    assert platform.reread().files == 0

    platform.feeds(A.replace("a/*", "a/x*") + B.replace('"b/*.csv"', '["b/*.csv", "a/*.csv"]'))
    assert platform.under_other_rules() == 2
    assert platform.reread().files == 2
    assert platform.kwh() == Decimal(5)


def test_a_new_feed_takes_files_that_nobody_read_before(platform: Platform) -> None:
    platform.feeds(A)
    platform.deliver("a/1.csv", "1")
    platform.deliver("b/1.csv", "3", "4")
    platform.load()
    folder = ReadingFolder(str(platform.readings), feeds_of(platform.settings))
    found = discover(platform.database, platform.settings, folder, effort=Effort())
    assert found is not None
    assert found.report.unread.counted == "1 file lies there that is not read (1 x .csv): no feed takes such names"
    assert platform.kwh() == Decimal(1)

    platform.feeds(A + B)
    platform.load()
    assert platform.kwh() == Decimal(7)


def test_rows_that_wait_are_not_loaded_under_the_rules_of_a_feed_that_has_changed(platform: Platform) -> None:
    platform.feeds(A)
    platform.deliver("a/1.csv", "1")
    delivered.scan(platform.database, platform.settings, platform.readings)
    platform.feeds(A + 'unit = "Wh"\n')
    platform.load()
    assert platform.kwh() == 0
    assert platform.reread().waiting == [DAY]
    platform.load()
    assert platform.kwh() == Decimal("0.001")


def test_a_position_names_the_half_hour_of_a_feed_of_hours(platform: Platform) -> None:
    platform.feeds(A + "interval_minutes = 60\n")
    write_hours = "id,at,value\nm,2021-06-01 12:00,1\nm,2021-06-01 13:00,x\nm,2021-06-01 14:00,3\n"
    (platform.readings / "a").mkdir(parents=True)
    write(platform.readings / "a" / "1.csv", write_hours.encode())
    platform.load()

    assert platform.rows(
        "SELECT source_position, interval_start, consumption_delta FROM raw_data.raw_meter_readings ORDER BY 1"
    ) == [
        (position, datetime(2021, 6, 1, hour, minute, tzinfo=UTC), Decimal(kwh))
        for position, hour, minute, kwh in [
            (1, 11, 0, "0.5"),
            (2, 11, 30, "0.5"),
            (5, 13, 0, "1.5"),
            (6, 13, 30, "1.5"),
        ]
    ]
    assert platform.rows("SELECT source_position, raw_text FROM raw_data.rejected_readings ORDER BY 1") == [
        (3, "m,2021-06-01 13:00,x"),
        (4, "m,2021-06-01 13:00,x"),
    ]
    assert platform.rows("SELECT rows_in_file, rows_stored, rows_rejected FROM raw_data.source_files") == [(6, 4, 2)]
