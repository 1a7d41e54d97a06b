"""What is withdrawn counts no more, in every table, until that is undone; and what cannot be withdrawn."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner

from meter_platform.cli import main
from meter_platform.errors import WithdrawalError
from meter_platform.ingestion.withdraw import undo, withdraw
from meter_platform.settings import PREFIX, Settings
from meter_platform.warehouse.database import Database, open_database
from meter_platform_tests.databases import empty
from meter_platform_tests.ingestion import delivered
from meter_platform_tests.ingestion.delivered import OLD, DeliveryFolder, everything, interrupted_at_the_second_date
from meter_platform_tests.ingestion.oracle import CHANGE, DATES, EVE, Row
from meter_platform_tests.market import OLD as WRITTEN
from meter_platform_tests.market import Agreement, Market, dagster_on_postgres, day_of

NOON, MIDNIGHT = '"2021-10-30 12:00:00"', '"2021-10-31 00:00:00"'


class Platform:
    """Files that are delivered and loaded."""

    def __init__(self, database: Database, settings: Settings, folder: DeliveryFolder) -> None:
        self.database = database
        self.settings = settings
        self.folder = folder

    def deliver(self, name: str, *rows: tuple[str, str], modified: int = OLD) -> None:
        self.folder.write(name, [Row('"a"', time, value) for time, value in rows], modified=modified)

    def load(self, *dates: date) -> None:
        delivered.load(self.database, self.settings, self.folder.path, dates or DATES)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.database.connect() as connection:
            return connection.execute(query.encode()).fetchall()

    def values(self) -> dict[date, list[str]]:
        found: dict[date, list[str]] = {}
        for day, value in self.rows(
            "SELECT reference_date, trim_scale(consumption_delta)::text FROM raw_data.raw_meter_readings ORDER BY 1, 2"
        ):
            found.setdefault(day, []).append(value)
        return found


@pytest.fixture
def platform(database: Database, settings: Settings, folder: DeliveryFolder) -> Platform:
    return Platform(database, settings, folder)


def test_a_withdrawn_correction_leaves_the_value_before_it_and_undoing_brings_it_back(platform: Platform) -> None:
    platform.deliver("a.json", (NOON, "0.1"), (MIDNIGHT, "0.2"))
    platform.deliver("b.json", (NOON, "0.3"), modified=OLD + 1)
    platform.load()
    before = platform.values()
    moved = withdraw(platform.database, 2)
    assert (moved.rows_per_date, moved.dates, moved.kwh) == ({EVE: 1}, [EVE], Decimal("0.3"))
    assert platform.values() == {EVE: ["0.1"], CHANGE: ["0.2"]}
    assert platform.rows("SELECT source_file_id, what, rows_withdrawn, undone_at FROM raw_data.withdrawals") == [
        (2, "version", 1, None)
    ]
    again = withdraw(platform.database, 2)
    assert (again.rows, again.dates) == (0, [EVE])
    platform.load()
    assert platform.values() == {EVE: ["0.1"], CHANGE: ["0.2"]}
    assert undo(platform.database, 2).rows_per_date == {EVE: 1}
    assert platform.values() == before
    assert platform.rows("SELECT count(*), count(undone_at) FROM raw_data.withdrawals") == [(1, 1)]
    with pytest.raises(WithdrawalError, match="source file 2 is not withdrawn"):
        undo(platform.database, 2)


def test_the_same_value_from_a_later_delivery_counts_although_an_earlier_was_withdrawn(platform: Platform) -> None:
    platform.deliver("a.json", (NOON, "0.1"))
    platform.load()
    withdraw(platform.database, 1)
    assert platform.values() == {}
    platform.deliver("b.json", (NOON, "0.1"), modified=OLD - 1)
    platform.load()
    assert platform.values() == {EVE: ["0.1"]}


def test_rows_that_wait_are_not_loaded_while_their_version_is_withdrawn(platform: Platform) -> None:
    platform.deliver("a.json", (NOON, "0.1"), (MIDNIGHT, "0.2"))
    platform.load(EVE)
    moved = withdraw(platform.database, 1)
    assert (moved.rows_per_date, moved.waiting) == ({EVE: 1}, 1)
    platform.load()
    assert platform.values() == {}
    assert undo(platform.database, 1).waiting == 1
    assert platform.values() == {EVE: ["0.1"]}
    platform.load()
    assert platform.values() == {EVE: ["0.1"], CHANGE: ["0.2"]}


def test_left_overs_stay_withdrawn_by_their_version_when_both_were(platform: Platform) -> None:
    platform.deliver("a.json", (NOON, "0.1"), (MIDNIGHT, "0.2"))
    platform.load()
    platform.deliver("a.json", (NOON, "0.1"), modified=OLD + 1)
    platform.load()
    assert withdraw(platform.database, 1, left_over=True).rows_per_date == {CHANGE: 1}
    assert withdraw(platform.database, 1).rows_per_date == {EVE: 1}
    undo(platform.database, 2, left_over=True)
    assert platform.values() == {EVE: ["0.1"]}
    undo(platform.database, 1)
    assert platform.values() == {EVE: ["0.1"], CHANGE: ["0.2"]}


def test_one_that_is_interrupted_between_two_dates_goes_on_when_it_is_asked_for_again(platform: Platform) -> None:
    platform.deliver("a.json", (NOON, "0.1"), (MIDNIGHT, "0.2"))
    platform.load()
    before = everything(platform.database)
    with interrupted_at_the_second_date():
        withdraw(platform.database, 1)
    assert platform.values() == {CHANGE: ["0.2"]}
    assert withdraw(platform.database, 1).dates == [EVE, CHANGE]
    assert platform.values() == {}
    assert platform.rows("SELECT rows_withdrawn FROM raw_data.withdrawals") == [(2,)]
    undo(platform.database, 1)
    after = everything(platform.database)
    for noted in (
        "withdrawals",
        "partition_versions",
        "changes_in_place",
    ):  # what was withdrawn and undone has been noted for good
        del before[noted], after[noted]
    assert after == before


def test_what_the_newest_version_says_has_to_be_known_before_left_overs_are(platform: Platform) -> None:
    platform.deliver("a.json", (NOON, "0.1"))
    platform.load()
    platform.deliver("a.json", (NOON, "0.2"), modified=OLD + 1)
    delivered.scan(platform.database, platform.settings, platform.folder.path)
    with pytest.raises(WithdrawalError, match=r"Source file 2.*meter-platform run --reference-date 2021-10-30"):
        withdraw(platform.database, 1, left_over=True)
    assert platform.rows("SELECT count(*) FROM raw_data.withdrawals") == [(0,)]


@pytest.mark.parametrize("number", [1, 7])
def test_a_file_that_could_not_be_read_or_is_none_cannot_be_withdrawn(platform: Platform, number: int) -> None:
    platform.folder.damage("a.json", "truncated")
    platform.load()
    with pytest.raises(WithdrawalError, match=f"There is no source file {number} that rows were read of"):
        withdraw(platform.database, number)


# From the command to every table


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dagster_on_postgres(home) as opened:
        yield opened


def totals(market: Market) -> tuple[Decimal, Decimal, Decimal]:
    """Energy by half hour, by product, and of no product."""
    ((halves, products, nobody),) = market.rows(
        "SELECT (SELECT sum(total_consumption_kwh) FROM analytics.half_hourly_consumption), "
        "(SELECT sum(total_consumption_kwh) FROM analytics.daily_product_consumption), "
        "(SELECT coalesce(sum(total_consumption_kwh), 0) FROM analytics.unattributed_consumption)"
    )
    assert halves == products + nobody
    return halves, products, nobody


@pytest.mark.whole
def test_the_command_takes_back_what_a_corrected_file_no_longer_says_and_rebuilds_its_date(
    settings: Settings, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    empty(open_database(settings))
    market = Market(settings.replace(today=date(2021, 11, 2)), tmp_path, instance)
    market.refresh([Agreement(1, "home-1"), Agreement(2, "home-2")])
    market.deliver("b.json", day_of("home-2", "2021-06-03", "0.1"))
    market.deliver("a.json", day_of("wrong", "2021-06-03", "0.2"))
    delivered.load(market.database, market.settings, market.readings, [date(2021, 6, 3)])
    market.deliver("a.json", day_of("home-1", "2021-06-03", "0.2"), written=WRITTEN + timedelta(days=1))
    assert market.run("2021-06-03", checks=False).success
    assert totals(market) == (Decimal("24.0"), Decimal("14.4"), Decimal("9.6"))
    number = market.rows("SELECT min(source_file_id) FROM raw_data.source_files WHERE url LIKE '%%/a.json'")[0][0]
    snapshots = "SELECT reference_date, loaded_at FROM raw_data.raw_agreements ORDER BY 1, 2"
    before = market.rows(snapshots)

    environment = {
        f"{PREFIX}HOME": str(settings.home),
        f"{PREFIX}READINGS_URL": str(market.settings.readings_url),
        f"{PREFIX}REFERENCE_URL": str(market.settings.reference_url),
        f"{PREFIX}TODAY": "2021-11-02",
    }
    done = CliRunner().invoke(main, ["withdraw", str(number), "--left-over"], env=environment)
    assert done.exit_code == 0, done.output
    assert f"Left-overs of source file {number}: 48 rows withdrawn, 9.6 kWh in 1 reference dates" in done.output
    assert totals(market) == (Decimal("14.4"), Decimal("14.4"), Decimal(0))
    assert market.rows(snapshots) == before, "the snapshot of the reference database stays"
    assert market.rows(
        "SELECT bool_and(rows_in_file = rows_stored + rows_rejected + rows_redelivered + rows_replaced "
        "+ rows_withdrawn + rows_pending) FROM raw_data.source_files"
    ) == [(True,)]

    done = CliRunner().invoke(main, ["withdraw", "99"], env=environment)
    assert (done.exit_code, done.stderr) == (
        1,
        "Error: There is no source file 99 that rows were read of: raw_data.source_files has the numbers.\n",
    )
