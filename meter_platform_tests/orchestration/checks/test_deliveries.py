"""Checks of deliveries: conflicts within a file, times ahead, and what only overwritten versions say."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from meter_platform.ingestion.withdraw import undo, withdraw
from meter_platform.orchestration.checks import deliveries
from meter_platform.orchestration.checks.finding import Inspection
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database
from meter_platform_tests.ingestion import delivered
from meter_platform_tests.ingestion.delivered import OLD, DeliveryFolder
from meter_platform_tests.ingestion.oracle import CHANGE, DATES, EVE, Row
from meter_platform_tests.orchestration.checks.conftest import examples, failing, is_green, number

NOON, ONE, MIDNIGHT = '"2021-10-30 12:00:00"', '"2021-10-30T23:30:00"', '"2021-10-31 00:00:00"'


def reading(value: str, *, time: str = NOON, meterpoint: str = '"a"') -> Row:
    return Row(meterpoint, time, value)


class Deliveries:
    """Files that are delivered, loaded and looked at."""

    def __init__(self, database: Database, settings: Settings, folder: DeliveryFolder) -> None:
        self.database = database
        self.settings = settings
        self.folder = folder

    def deliver(self, name: str, *rows: Row, modified: int = OLD, load: bool = True) -> None:
        self.folder.write(name, rows, modified=modified)
        if load:
            delivered.load(self.database, self.settings, self.folder.path, DATES)

    def look(self, check: Callable[[Inspection], object], *dates: date) -> dg.AssetCheckResult:
        (found,) = [each for each in deliveries.CHECKS if each.evaluate is check]
        with self.database.connect() as connection:
            inspection = Inspection(connection, dates or DATES, self.settings, dict)
            result = found.evaluate(inspection).result(found)
        assert result.severity is dg.AssetCheckSeverity.WARN
        assert '"a"' not in repr(result), "metadata names no meterpoint"
        return result


@pytest.fixture
def files(database: Database, settings: Settings, tmp_path: Path) -> Iterator[Deliveries]:
    (tmp_path / "readings").mkdir()
    return Deliveries(database, settings.replace(today=date(2021, 11, 2)), DeliveryFolder(tmp_path / "readings"))


class TestConflictsInFiles:
    check = staticmethod(deliveries.conflicts_in_files)

    def test_rows_kwh_and_file_are_told_until_the_file_is_corrected(self, files: Deliveries) -> None:
        files.deliver("a.json", reading("0.5", meterpoint='"b"'))
        assert is_green(files.look(self.check))
        files.deliver("b.json", reading("0.412"), reading("1.905"), reading("0", time=ONE), reading("2", time=ONE))
        result = files.look(self.check)
        assert failing(result) == {str(EVE): 4}
        assert examples(result) == [
            f"{EVE}: 4 rows of source file 2, 4.317 kWh between them, 1 of them say 0",
        ]
        assert number(result, "kwh") == 4.317
        assert is_green(files.look(self.check, CHANGE))
        files.deliver("b.json", reading("0.412"), modified=OLD + 1)
        assert is_green(files.look(self.check))


class TestDeliveredFromTheFuture:
    check = staticmethod(deliveries.delivered_from_the_future)

    def test_the_file_is_named_by_its_number_until_it_is_written_again(self, files: Deliveries) -> None:
        now = datetime.now(UTC)
        files.deliver("a.json", reading("0.1"), modified=int(now.timestamp() * 1_000_000))
        assert is_green(files.look(self.check)), "the clocks of two machines are never the same"
        ahead = now + timedelta(hours=3)
        files.deliver("b.json", reading("0.2"), reading("0.2", time=MIDNIGHT), modified=int(ahead.timestamp() * 10**6))
        result = files.look(self.check)
        assert failing(result) == {str(EVE): 1, str(CHANGE): 1}
        (example,) = examples(result)
        assert example.startswith(f"source file 2: modified at {ahead:%Y-%m-%d %H:%M} UTC, but seen at ")
        files.deliver("b.json", reading("0.2"), reading("0.3", time=MIDNIGHT))
        assert is_green(files.look(self.check))

    def test_a_file_that_cannot_be_read_is_named_too(self, files: Deliveries, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("meter_platform.feeds.reading.SETTLE_SECONDS", 0.01)
        files.folder.damage("a.json", "truncated", modified=4_000_000_000_000_000)
        delivered.load(files.database, files.settings, files.folder.path, DATES)
        assert failing(files.look(self.check)) == {"none": 1}


class TestRowsOfOverwrittenVersions:
    check = staticmethod(deliveries.rows_of_overwritten_versions)

    def test_a_row_that_a_newer_version_lacks_is_told_with_kwh_and_file(self, files: Deliveries) -> None:
        files.deliver("a.json", reading("9.6", meterpoint='"wrong"'), reading("4.8", meterpoint='"b"'))
        assert is_green(files.look(self.check))
        files.deliver("a.json", reading("9.6"), reading("4.8", meterpoint='"b"'), modified=OLD + 1)
        result = files.look(self.check)
        assert failing(result) == {str(EVE): 1}
        assert examples(result) == [
            f"{EVE}: 1 rows of source file 1, 9.6 kWh (meter-platform withdraw --left-over 1 takes them back)"
        ]
        assert number(result, "kwh") == 9.6
        assert is_green(files.look(self.check, CHANGE))

        withdraw(files.database, 1, left_over=True)
        assert is_green(files.look(self.check))
        undo(files.database, 2, left_over=True)
        assert failing(files.look(self.check)) == {str(EVE): 1}

    def test_a_date_that_a_newer_version_no_longer_holds_is_told_with_those_it_does(self, files: Deliveries) -> None:
        files.deliver("a.json", reading("0.1"), reading("0.2", time=MIDNIGHT))
        files.deliver("a.json", reading("0.2", time=MIDNIGHT), modified=OLD + 1)
        assert failing(files.look(self.check, CHANGE)) == {str(EVE): 1}

    def test_what_any_file_of_now_says_has_not_been_left_over(self, files: Deliveries) -> None:
        files.deliver("a.json", reading("0.1"), reading("0.2", time=ONE))
        files.deliver("b.json", reading("0.1"), modified=OLD + 1)
        files.deliver("c.json", reading("0.1"), modified=OLD + 2)
        files.deliver("a.json", reading("0.2", time=ONE), modified=OLD + 3)
        assert is_green(files.look(self.check))
        # Only b is of now, and its row is neither the value's first delivery nor its newest.
        files.deliver("c.json", reading("0.4", time=ONE), modified=OLD + 4)
        assert is_green(files.look(self.check))
        files.deliver("b.json", reading("0.4", time=ONE), modified=OLD + 5)
        assert failing(files.look(self.check)) == {str(EVE): 1}

    def test_a_corrected_value_has_not_been_left_over(self, files: Deliveries) -> None:
        files.deliver("a.json", reading("0.1"))
        files.deliver("a.json", reading("0.2"), modified=OLD + 1)
        assert is_green(files.look(self.check))

    def test_a_newer_version_that_waits_to_be_loaded_or_cannot_be_read_is_not_yet_asked(
        self, files: Deliveries
    ) -> None:
        files.deliver("a.json", reading("0.1"), reading("0.2", time=ONE))
        files.folder.damage("a.json", "truncated")
        delivered.load(files.database, files.settings, files.folder.path, DATES)
        assert is_green(files.look(self.check))
        files.deliver("a.json", reading("0.1"), modified=OLD + 1, load=False)
        delivered.scan(files.database, files.settings, files.folder.path)
        assert is_green(files.look(self.check))

    def test_a_deleted_file_counts_and_is_not_told(self, files: Deliveries) -> None:
        files.deliver("a.json", reading("0.1"))
        files.folder.delete("a.json")
        delivered.load(files.database, files.settings, files.folder.path, DATES)
        assert is_green(files.look(self.check))
