"""Runs of the whole graph with readings in the lake alone: what is finished is put away, and whatever needs it takes it out."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from meter_platform import status
from meter_platform.errors import SettingsError
from meter_platform.ingestion.reread import reread
from meter_platform.ingestion.withdraw import undo, withdraw
from meter_platform.lake.lake import Lake
from meter_platform.lake.put_away import finished_dates
from meter_platform.lake.stores import LakeStore
from meter_platform.lake.take_out import have_in_postgres
from meter_platform.orchestration import retention, run
from meter_platform.orchestration.composition import build_defs
from meter_platform.orchestration.sources import reading_folder
from meter_platform.settings import Settings
from meter_platform.warehouse import put_away as notes
from meter_platform.warehouse.database import open_database
from meter_platform.warehouse.finished import unfinished
from meter_platform.warehouse.tables import RAW_METER_READINGS
from meter_platform_tests.databases import empty
from meter_platform_tests.market import Agreement, Market, dagster_on_postgres, day_of, failures

DAYS = [date(2021, 1, 4), date(2021, 1, 5)]
FIRST, SECOND = map(str, DAYS)


@pytest.fixture(scope="module")
def market(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """Two dates, loaded by a run of everything."""
    folder = tmp_path_factory.mktemp("market")
    settings = Settings(home=home, today=date(2021, 1, 8), lake_url=str(folder / "lake"), storage="lake")
    empty(open_database(settings))
    with dagster_on_postgres(home) as instance:
        market = Market(settings, folder, instance)
        market.refresh([Agreement(1, "home-1"), Agreement(2, "home-2")])
        for day in (FIRST, SECOND):
            market.deliver(f"{day}.json", [*day_of("home-1", day, "0.1"), *day_of("home-2", day, "0.2")])
        loaded = market.run(FIRST, SECOND)
        assert loaded.success, failures(loaded)
        yield market


def away(market: Market) -> list[date]:
    with market.database.connect() as connection:
        return [note.day for note in notes.found(connection)]


def in_postgres(market: Market) -> list[date]:
    return [day for (day,) in market.rows("SELECT DISTINCT reference_date FROM raw_data.raw_meter_readings ORDER BY 1")]


def total(market: Market, day: str = FIRST) -> Decimal:
    ((kwh,),) = market.rows(
        "SELECT sum(total_consumption_kwh) FROM analytics.half_hourly_consumption WHERE reference_date = %s", day
    )
    return Decimal(kwh)


def test_a_run_puts_away_what_it_has_finished(market: Market) -> None:
    assert (away(market), in_postgres(market)) == (DAYS, [])
    assert total(market) == Decimal("14.4")
    with market.database.connect() as connection:
        assert unfinished(connection, market.settings) == []
    stored = {
        (found.table, found.day): (found.rows, found.kwh) for found in run.stored(market.settings, DAYS[0], DAYS[1])
    }
    assert stored["raw_data.raw_meter_readings", DAYS[0]] == (96, Decimal("14.4"))
    lines = list(status.report(market.settings))
    assert (
        "Put away   readings of 2 dates (2021-01-04 to 2021-01-05) are in the lake alone (`meter-platform lake take-out`)"
        in lines
    )
    assert not [line for line in lines if line.startswith(("Unfinished", "Failed"))]


def test_a_correction_takes_its_date_out_and_puts_it_away_again(market: Market) -> None:
    market.deliver("later.json", [("home-1", f"{FIRST} 12:00:00", "1.1")])
    before = total(market)
    done = market.run(FIRST)
    assert done.success, failures(done)
    assert total(market) == before + 1
    assert not [
        check for check in done.get_asset_check_evaluations() if not check.passed and check.severity.value == "ERROR"
    ]
    assert (away(market), in_postgres(market)) == (DAYS, [])


@pytest.mark.parametrize("engine", ["postgres", pytest.param("duckdb", marks=pytest.mark.whole)])
def test_a_table_alone_is_computed_from_all_readings(market: Market, engine: str) -> None:
    given = Market(market.settings.replace(engine=engine), market.folder / engine, market.dagster)
    before = total(market)
    market.change("DELETE FROM analytics.half_hourly_consumption WHERE reference_date = %s", FIRST)
    done = given.run(FIRST, assets=["half_hourly_consumption"], checks=False)
    assert done.success, failures(done)
    assert total(market) == before
    assert away(market) == DAYS


@pytest.mark.whole
def test_checks_of_a_date_count_its_readings(market: Market) -> None:
    found = market.run_checks(day=FIRST)
    assert [name for name, check in found.items() if check.severity.value == "ERROR" and not check.passed] == []
    assert away(market) == DAYS


@pytest.mark.whole
def test_checks_of_everything_leave_out_what_is_put_away_and_say_so(market: Market) -> None:
    found = market.run_checks()
    assert all(check.passed for check in found.values() if check.severity.value == "ERROR")
    assert away(market) == DAYS
    events = market.dagster.get_records_for_run(market.dagster.get_runs(limit=1)[0].run_id, limit=10_000).records
    said = [event.event_log_entry.user_message for event in events]
    assert any("2 dates (2021-01-04 to 2021-01-05) are put away" in line for line in said)


@pytest.mark.whole
def test_the_night_puts_away_what_was_taken_out(market: Market) -> None:
    lake = Lake(LakeStore(market.settings.lake_url or ""))
    assert have_in_postgres(market.database, DAYS, lambda: lake) == DAYS
    assert (away(market), in_postgres(market)) == ([], DAYS)
    assert finished_dates(market.database, market.settings) == DAYS
    market.change("UPDATE raw_data.partition_versions SET recounted_version = NULL WHERE reference_date = %s", FIRST)
    night = market.defs.resolve_job_def("lake").execute_in_process(instance=market.dagster)
    assert night.success
    assert away(market) == DAYS[1:], "of the other not every reading has been recounted"


def test_a_lake_has_to_be_named(market: Market) -> None:
    with pytest.raises(SettingsError, match="METER_PLATFORM_STORAGE=lake needs a lake: set METER_PLATFORM_LAKE_URL"):
        build_defs(market.settings.replace(lake_url=None))


@pytest.mark.whole
def test_what_is_withdrawn_or_read_again_is_so_for_an_engine_that_reads_the_lake(market: Market) -> None:
    given = Market(market.settings.replace(engine="duckdb"), market.folder, market.dagster)
    given.refresh([Agreement(1, "home-1"), Agreement(2, "home-2")])
    lake = Lake(LakeStore(given.settings.lake_url or ""))
    before = total(given, SECOND)

    def rebuilt(settings: Settings, days: list[date]) -> Decimal:
        market_of = replace(given, settings=settings, _defs=None)
        for first, last, assets in run.stale_ranges(settings, days):
            done = market_of.run(str(first), str(last), assets=assets or ())
            assert done.success, failures(done)
            for made in done.asset_materializations_for_node("half_hourly_consumption"):
                assert made.metadata["read_from"].value["raw_meter_readings"] == "lake"
        return total(given, SECOND)

    given.deliver("extra.json", [("home-3", f"{SECOND} 12:00:00", "3")])
    assert rebuilt(given.settings, DAYS[1:]) == before + 3
    assert DAYS[1] in away(given)
    ((number,),) = given.rows("SELECT source_file_id FROM raw_data.source_files WHERE url LIKE '%%/extra.json'")
    assert rebuilt(given.settings, withdraw(given.database, number, lake=lake).dates) == before
    assert rebuilt(given.settings, undo(given.database, number, lake=lake).dates) == before + 3

    # Under the other label each file's first half hour is the last one of the day before.
    later = given.settings.replace(interval_label="end")
    found = reread(given.database, later, reading_folder(later), lake=lake)
    assert rebuilt(later, [day for day in found.dates if day in DAYS]) == before + 3 - Decimal("0.3")
    back = reread(given.database, given.settings, reading_folder(given.settings), lake=lake)
    assert rebuilt(given.settings, [day for day in back.dates if day in DAYS]) == before + 3
    assert DAYS[1] in away(given)


def test_a_pruned_date_is_nowhere(market: Market) -> None:
    retention.prune(market.dagster, market.settings.replace(keep_readings_days=2))
    assert (away(market), in_postgres(market)) == ([], [])
    lake = Lake(LakeStore(market.settings.lake_url or ""))
    assert lake.table(RAW_METER_READINGS).snapshot().ledger_versions == {}
