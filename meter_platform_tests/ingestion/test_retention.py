"""Dates that are older than readings are kept go from every table, every row stays accounted for, and they stay gone."""

from datetime import date
from typing import Any

import pytest

from meter_platform.errors import PartitionBusyError, PermanentError
from meter_platform.feeds.files import ReadingFolder
from meter_platform.ingestion.reread import reread
from meter_platform.ingestion.retention import OF_A_DATE, forget_files, prune_readings
from meter_platform.settings import Settings
from meter_platform.warehouse import child_tables, sessions, tables
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.finished import unfinished
from meter_platform_tests.ingestion.delivered import OLD, DeliveryFolder, everything, load, scan
from meter_platform_tests.ingestion.oracle import CHANGE, EVE, Row

NOON, ONE, NEXT_NOON = '"2021-10-30 12:00:00"', '"2021-10-30 12:30:00"', '"2021-10-31 12:00:00"'
LATER = OLD + 1_000_000


class Platform:
    """Two dates are loaded, of which the first is older than readings are kept."""

    def __init__(self, database: Database, settings: Settings, folder: DeliveryFolder) -> None:
        self.database = database
        self.settings = settings.replace(today=date(2021, 11, 5), keep_readings_days=5)
        self.folder = folder
        deliver = [
            Row('"a"', NOON, "0.5"),
            Row('"a"', ONE, "0.5"),
            Row('"b"', NOON, "-1"),
            Row('"a"', NEXT_NOON, "0.5"),
        ]
        folder.write("both.json", [*deliver, Row('"b"', NEXT_NOON, "-1")])
        folder.write("old.json", [Row('"a"', NOON, "0.75"), Row('"a"', ONE, "0.5")], modified=LATER)
        load(self.database, self.settings, folder.path, [EVE, CHANGE])

    def prune(self, *, dry_run: bool = False) -> list[tuple[date, int]]:
        return [
            (pruned.day, pruned.readings) for pruned in prune_readings(self.database, self.settings, dry_run=dry_run)
        ]

    def forget(self) -> int:
        return forget_files(self.database, self.settings, ReadingFolder(str(self.folder.path)))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.database.connect() as connection:
            return connection.execute(query.encode()).fetchall()

    def files(self) -> dict[str, tuple[int, ...]]:
        """For each file: rows in it, stored, rejected, pruned, and otherwise accounted for; they add up."""
        found = {}
        for url, rows, stored, rejected, pruned, others in self.rows(
            "SELECT url, rows_in_file, rows_stored, rows_rejected, rows_pruned, "
            "rows_redelivered + rows_replaced + rows_withdrawn + rows_pending FROM raw_data.source_files"
        ):
            assert rows == stored + rejected + pruned + others
            found[url.rpartition("/")[2]] = (rows, stored, rejected, pruned, others)
        return found


@pytest.fixture
def platform(database: Database, settings: Settings, folder: DeliveryFolder) -> Platform:
    return Platform(database, settings, folder)


def of_eve(platform: Platform) -> int:
    """Rows of the date that is pruned, in all tables that have no other use for them."""
    places = [table.qualified_name for table in (*OF_A_DATE, tables.RAW_METER_READINGS, tables.REJECTED_READINGS)]
    return sum(
        platform.rows(f"SELECT count(*) FROM {place} WHERE reference_date = '{EVE}'")[0][0]  # noqa: S608 - names of ours
        for place in places
    )


def test_an_old_date_goes_from_every_table_and_its_rows_stay_accounted_for(platform: Platform) -> None:
    assert platform.files() == {"both.json": (5, 2, 2, 0, 1), "old.json": (2, 1, 0, 0, 1)}
    before = everything(platform.database)
    assert platform.prune(dry_run=True) == [(EVE, 2)]
    assert everything(platform.database) == before

    assert platform.prune() == [(EVE, 2)]

    assert of_eve(platform) == 0
    assert platform.files() == {"both.json": (5, 1, 1, 3, 0), "old.json": (2, 0, 0, 2, 0)}
    assert platform.rows("SELECT reference_date, readings FROM raw_data.pruned_dates") == [(EVE, 2)]
    assert platform.rows("SELECT reference_date, count(*) FROM raw_data.raw_meter_readings GROUP BY 1") == [(CHANGE, 1)]
    assert platform.rows("SELECT count(*) FROM raw_data.rejected_readings") == [(1,)]
    with sessions.begin(platform.database) as session:
        assert child_tables.attached_child(session, tables.RAW_METER_READINGS, EVE) is None
    with platform.database.connect() as connection:
        assert [each.day for each in unfinished(connection, platform.settings)] == [CHANGE]
    assert platform.prune() == []


def test_a_pruned_date_is_not_stored_again_whatever_is_delivered(platform: Platform) -> None:
    platform.prune()
    platform.folder.copy("both.json", "copy.json", modified=LATER)
    platform.folder.write("new.json", [Row('"c"', NOON, "0.5"), Row('"c"', NOON, "-1")], modified=LATER)
    scan(platform.database, platform.settings, platform.folder.path)

    assert platform.files()["copy.json"] == (5, 0, 1, 3, 1)
    assert platform.files()["new.json"] == (2, 0, 0, 2, 0)
    assert of_eve(platform) == 0
    with pytest.raises(PermanentError, match=r"2021-10-30 was pruned.*nothing is stored of it again"):
        load(platform.database, platform.settings, platform.folder.path, [EVE, CHANGE])
    load(platform.database, platform.settings, platform.folder.path, [CHANGE])
    assert platform.files()["copy.json"] == (5, 0, 1, 3, 1)
    # Files of which a date was pruned are not read again under other rules: half of their rows are gone.
    other = platform.settings.replace(first_reference_date=date(2020, 12, 1))
    found = reread(platform.database, other, ReadingFolder(str(platform.folder.path)))
    assert (found.files, found.gone) == (0, 0)


def test_files_that_are_gone_are_forgotten_and_may_come_back(platform: Platform) -> None:
    platform.prune()
    assert platform.forget() == 0  # it is still there: a scan would take it for new
    scan(platform.database, platform.settings, platform.folder.path)
    assert set(platform.files()) == {"both.json", "old.json"}

    # Seen so late by the clock of this machine that it is not old yet.
    platform.folder.delete("old.json")
    assert platform.forget() == 0
    platform.rows("UPDATE raw_data.source_file_versions SET seen_at = '2021-10-25' RETURNING 1")
    assert platform.forget() == 1
    assert set(platform.files()) == {"both.json"}

    platform.folder.write("old.json", [Row('"a"', NOON, "0.75")])
    scan(platform.database, platform.settings, platform.folder.path)
    assert platform.files()["old.json"] == (1, 0, 0, 1, 0)
    assert of_eve(platform) == 0


def test_nothing_is_pruned_unless_it_is_asked_for(platform: Platform) -> None:
    before = everything(platform.database)
    platform.settings = platform.settings.replace(keep_readings_days=None)
    assert platform.prune() == []
    assert platform.forget() == 0
    platform.settings = platform.settings.replace(keep_readings_days=6)
    assert platform.prune() == []
    assert everything(platform.database) == before


def test_a_reader_of_the_table_is_waited_for(platform: Platform) -> None:
    with platform.database.connect() as reader:
        reader.execute("SELECT count(*) FROM raw_data.raw_meter_readings")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(child_tables, "_PATIENCE_SECONDS", 0.3)
            with pytest.raises(PartitionBusyError, match="2021-10-30 was being read"):
                platform.prune()
    assert of_eve(platform) > 0
    assert platform.prune() == [(EVE, 2)]
