"""The lake follows what is changed without a load: by a command at once, and by the night's schedule in any case."""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess

import pyarrow.parquet as pq
import pytest

from meter_platform.engines.choice import open_engine
from meter_platform.engines.protocol import lazy
from meter_platform.errors import EngineFailedError
from meter_platform.ingestion.withdraw import withdraw
from meter_platform.lake.lake import TABLES, Lake
from meter_platform.lake.stores import LakeStore
from meter_platform.orchestration import retention
from meter_platform.orchestration.composition import build_defs
from meter_platform.orchestration.partition_store import PartitionStore
from meter_platform.rules.agreements import active_agreements
from meter_platform.settings import Settings
from meter_platform.warehouse import partition_notes
from meter_platform.warehouse.database import open_database
from meter_platform.warehouse.tables import ACTIVE_AGREEMENTS
from meter_platform_tests.commands import meter_platform
from meter_platform_tests.databases import empty
from meter_platform_tests.lake.test_lake import in_lake, in_ledger
from meter_platform_tests.market import Agreement, Market, dagster_on_postgres, day_of, failures

DAYS = [date(2021, 1, 4), date(2021, 1, 5)]
FORGOTTEN = "1200010001234"
"""Whom nobody may find any more. The first of all ids: the least value of each file."""


@pytest.fixture(scope="module")
def market(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """Two dates, in Postgres and in a lake."""
    folder = tmp_path_factory.mktemp("market")
    settings = Settings(home=home, today=date(2021, 1, 8), lake_url=str(folder / "lake"), erasure_key="5a" * 32)
    empty(open_database(settings))
    with dagster_on_postgres(home) as instance:
        market = Market(settings, folder, instance)
        market.refresh([Agreement(1, FORGOTTEN), Agreement(2, "home-2")])
        for day in map(str, DAYS):
            market.deliver(f"{day}.json", [*day_of(FORGOTTEN, day, "0.1"), *day_of("home-2", day, "0.2")])
        market.deliver("more.json", [("home-3", f"{DAYS[1]} 12:00:00", "0.3")])
        loaded = market.run(*map(str, DAYS), assets=["raw_meter_readings", *(table.name for table in TABLES[1:])])
        assert loaded.success, failures(loaded)
        yield market


@pytest.fixture
def lake(market: Market) -> Lake:
    return Lake(LakeStore(market.settings.lake_url or ""))


def assert_same(market: Market, lake: Lake, days: list[date]) -> None:
    """Both have the same rows of both dates, and some of `days`."""
    for table in TABLES:
        assert in_lake(lake, table, DAYS) == in_ledger(market.database, table, DAYS), table.name
        assert in_lake(lake, table, days), table.name
    assert not any(lake.catch_up(market.database).values())


@pytest.mark.whole
def test_the_night_brings_over_what_a_store_that_did_not_answer_has_missed(market: Market, lake: Lake) -> None:
    ((number,),) = market.rows("SELECT source_file_id FROM raw_data.source_files WHERE url LIKE '%%/more.json'")
    withdraw(market.database, number)
    assert len(in_lake(lake, TABLES[0], DAYS)) == len(in_ledger(market.database, TABLES[0], DAYS)) + 1
    night = market.defs.resolve_job_def("lake").execute_in_process(instance=market.dagster)
    assert night.success
    assert_same(market, lake, DAYS)


def test_the_schedule_is_there_where_a_lake_is(market: Market) -> None:
    def schedules(settings: Settings) -> dict[str, str]:
        repository = build_defs(settings).get_repository_def()
        return {each.name: each.cron_schedule for each in repository.schedule_defs if each.job_name == "lake"}

    assert schedules(market.settings) == {"lake_every_night": "20 4 * * *"}
    assert schedules(market.settings.replace(storage="postgres")) == {}


def command(market: Market, *arguments: str, **settings: str) -> CompletedProcess[str]:
    """Runs a command on the market's platform."""
    given = {
        "LAKE_URL": market.settings.lake_url or "",
        "READINGS_URL": str(market.readings),
        "REFERENCE_URL": f"sqlite:///{market.reference}",
        "ERASURE_KEY": "5a" * 32,
        "TODAY": "2021-01-08",
        "TRANSFORMATIONS": "off",
    }
    return meter_platform(market.settings.home, *arguments, **(given | settings))


@pytest.mark.whole
def test_what_is_withdrawn_or_put_back_is_brought_over_by_the_command(market: Market, lake: Lake) -> None:
    ((number,),) = market.rows("SELECT source_file_id FROM raw_data.source_files WHERE url LIKE '%%/2021-01-05.json'")
    for undo in ([], ["--undo"]):
        done = command(market, "withdraw", str(number), *undo)
        assert done.returncode == 0, done.stderr
        assert_same(market, lake, DAYS if undo else DAYS[:1])


@pytest.mark.whole
def test_whoever_is_erased_is_in_no_file_of_the_lake(market: Market, lake: Lake) -> None:
    url = Path(market.settings.lake_url or "")
    assert FORGOTTEN in {row["meterpoint_id"] for row in in_lake(lake, TABLES[0], DAYS)}
    done = command(market, "erase", "--yes", "--meterpoint", FORGOTTEN)
    assert done.returncode == 0, done.stderr
    assert "Files of the lake still have it; the night's `lake tidy` removes them in 7 days." in done.stdout
    assert_same(market, lake, DAYS)
    assert any(FORGOTTEN in ids(file) for file in url.rglob("*.parquet")), "whoever reads still may go on"

    done = command(market, "lake", "tidy", LAKE_KEEP_DAYS="0")
    assert done.returncode == 0, done.stderr
    assert_same(market, lake, DAYS)
    assert not any(FORGOTTEN in ids(file) for file in url.rglob("*.parquet"))
    assert not any(FORGOTTEN.encode() in file.read_bytes() for file in url.rglob("*") if file.is_file())


def ids(file: Path) -> set[str]:
    """The meterpoints of a file, or what a log's checkpoint says of files."""
    read = pq.ParquetFile(file)
    return (
        set(read.read(columns=["meterpoint_id"])["meterpoint_id"].to_pylist())
        if "meterpoint_id" in read.schema_arrow.names
        else set()
    )


def test_a_run_whose_files_were_tidied_away_finds_the_new_ones_when_it_tries_again(market: Market, lake: Lake) -> None:
    settings = market.settings.replace(engine="duckdb")
    opened = partial(open_engine, settings)
    stored = PartitionStore(lambda: market.database, settings=settings, shown=(), open_engine=opened)

    def compute(day: date) -> int:
        rule = active_agreements(*(each.filter(each.reference_date == day) for each in map(lazy, TABLES[1:3])))
        with market.database.connect() as connection:
            read = partition_notes.versions(connection, [table.name for table in TABLES], [day])
        return stored.store(ACTIVE_AGREEMENTS, [day], rule, read).report.rows_per_date[day]

    assert compute(DAYS[0]) == 2
    lake.write_again(market.database, DAYS)
    lake.tidy(timedelta(0))
    with pytest.raises(EngineFailedError, match="another try reads what is there then"):
        compute(DAYS[1])
    assert compute(DAYS[1]) == 2
    stored.close()


def test_dates_that_are_pruned_are_pruned_from_the_lake(market: Market, lake: Lake) -> None:
    retention.prune(market.dagster, market.settings.replace(keep_readings_days=3))
    assert in_lake(lake, TABLES[0], DAYS[:1]) == []
    assert_same(market, lake, DAYS[1:])
