"""A file that is held back: nothing of it is stored, all of it is on record, and a corrected version loads."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.partitions import StoreReport
from meter_platform_tests.ingestion import delivered
from meter_platform_tests.ingestion.delivered import OLD, DeliveryFolder, everything
from meter_platform_tests.ingestion.oracle import AFTER, CHANGE, EVE, Row

EVES = ['"2021-10-30 12:00:00"', '"2021-10-30T23:30:00"']


def readings(*values: str, time: str = EVES[0]) -> list[Row]:
    """A row for each value, of different meterpoints."""
    return [Row(f'"m{number}"', time, value) for number, value in enumerate(values)]


WATT_HOURS = readings(*["310"] * 32, *["12"] * 16)
IN_KWH = readings(*["0.31"] * 32, *["0.012"] * 16)


@dataclass
class Platform:
    """Loads from one folder into one database."""

    database: Database
    settings: Settings
    folder: DeliveryFolder

    def load(self, *dates: date) -> StoreReport:
        return delivered.load(self.database, self.settings, self.folder.path, dates)

    def fetch(self, query: str) -> list[tuple[Any, ...]]:
        with self.database.connect() as connection:
            return connection.execute(query.encode()).fetchall()

    def files(self) -> list[tuple[Any, ...]]:
        return self.fetch(
            "SELECT outcome, rows_in_file, rows_stored, rows_rejected, rows_redelivered, rows_replaced, rows_pending "
            "FROM raw_data.source_files ORDER BY url, delivered_at"
        )


@pytest.fixture
def platform(database: Database, settings: Settings, folder: DeliveryFolder) -> Platform:
    return Platform(database, settings, folder)


@pytest.mark.parametrize("dates", [[EVE], [EVE, CHANGE, AFTER]], ids=["one date", "several dates"])
def test_nothing_of_it_is_stored_and_all_of_it_is_on_record(platform: Platform, dates: list[date]) -> None:
    platform.folder.write("a.json", WATT_HOURS)
    platform.folder.write("b.json", readings("0.5", "0.25", time=EVES[1]))

    report = platform.load(*dates)

    assert report.rows_per_date == dict.fromkeys(dates, 0) | {EVE: 2}
    assert platform.files() == [("held_back", 48, 0, 48, 0, 0, 0), ("read", 2, 2, 0, 0, 0, 0)]
    assert platform.fetch(
        "SELECT reason, count(*), sum(consumption_delta) FROM raw_data.rejected_readings GROUP BY 1 ORDER BY 1"
    ) == [("file_held_back", 16, Decimal(192)), ("impossible", 32, Decimal(9920))]
    assert platform.fetch("SELECT DISTINCT source_position FROM raw_data.rejected_readings ORDER BY 1") == [
        (place,) for place in range(1, 49)
    ]
    assert report.facts["files_quarantined"] == 1
    (told,) = report.facts["quarantined_examples"].values()
    assert told.startswith("mostly_rejected: 32 of 48 rows are impossible: ")


def test_a_date_whose_only_file_is_held_back_is_left_as_it_was(platform: Platform) -> None:
    platform.folder.write("a.json", readings("0.5"))
    platform.load(EVE)
    platform.folder.write("b.json", WATT_HOURS)

    report = platform.load(EVE)

    assert report.unchanged == {EVE}
    assert report.rows_per_date == {EVE: 1}


@pytest.mark.parametrize("looked_before", [False, True])
def test_a_corrected_version_of_the_same_name_loads(platform: Platform, *, looked_before: bool) -> None:
    platform.folder.write("a.json", WATT_HOURS)
    if looked_before:
        delivered.scan(platform.database, platform.settings, platform.folder.path)
    platform.load(EVE)
    platform.folder.write("a.json", IN_KWH, modified=OLD + 10**6)

    report = platform.load(EVE)

    assert report.rows_per_date == {EVE: 48}
    assert platform.files() == [("held_back", 48, 0, 48, 0, 0, 0), ("read", 48, 48, 0, 0, 0, 0)]
    assert platform.fetch("SELECT sum(consumption_delta) FROM raw_data.raw_meter_readings") == [(Decimal("10.112"),)]


def test_what_an_older_version_delivered_stays(platform: Platform) -> None:
    platform.folder.write("a.json", IN_KWH)
    platform.load(EVE)
    before = everything(platform.database)["raw_meter_readings"]
    platform.folder.write("a.json", WATT_HOURS, modified=OLD + 10**6)

    platform.load(EVE)

    assert everything(platform.database)["raw_meter_readings"] == before


def test_it_is_read_once_and_loading_again_changes_nothing(platform: Platform) -> None:
    platform.folder.write("a.json", WATT_HOURS)
    platform.load(EVE)
    before = everything(platform.database)

    assert platform.load(EVE).facts["files_read"] == 0
    platform.folder.touch("a.json", modified=OLD + 10**6)
    platform.load(EVE)

    after = everything(platform.database)
    assert {name: rows for name, rows in after.items() if "file" not in name} == {
        name: rows for name, rows in before.items() if "file" not in name
    }
    assert platform.files() == [("held_back", 48, 0, 48, 0, 0, 0)]
