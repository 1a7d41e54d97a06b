"""A run of the whole graph with a lake: what rules start from is in both, and an engine reads it in the lake."""

from decimal import Decimal
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from meter_platform.lake.lake import TABLES, Lake
from meter_platform.lake.stores import LakeStore
from meter_platform.settings import Settings
from meter_platform.warehouse import put_away as notes
from meter_platform.warehouse.put_away import PutAway
from meter_platform_tests.market import Agreement, Market, day_of, failures
from meter_platform_tests.object_store.bucket import bucket
from meter_platform_tests.object_store.proxy import DENIED

DAY = "2021-01-04"


@pytest.mark.whole
@pytest.mark.usefixtures("database")
def test_a_run_stores_a_date_in_postgres_and_in_the_lake_or_in_neither(
    store_port: int, settings: Settings, tmp_path: Path
) -> None:
    with bucket(store_port, "lake-of-a-run") as store, dg.DagsterInstance.ephemeral() as instance:
        url = f"s3://{store.name}/lake"
        market = Market(settings.replace(lake_url=url, engine="duckdb"), tmp_path, instance)
        market.refresh([Agreement(1, "home-1"), Agreement(2, "home-2")])
        market.deliver("a.json", [*day_of("home-1", DAY, "0.1"), *day_of("home-2", DAY, "0.2")])

        store.proxy.refuse = lambda _: DENIED
        refused = market.run(DAY)
        assert not refused.success
        assert "cannot be used: grant s3:ListBucket" in failures(refused)["raw_meter_readings"]
        assert market.rows("SELECT count(*) FROM raw_data.raw_meter_readings") == [(0,)]

        store.proxy.refuse = lambda _: None
        done = market.run(DAY)
        assert done.success, failures(done)
        lake = Lake(LakeStore(url))
        for table in TABLES:
            names = ", ".join(table.arrow_schema.names)
            stored = market.rows(f"SELECT {names} FROM {table.qualified_name} ORDER BY {', '.join(table.key)}")  # noqa: S608 - of a contract
            each, day = lake.table(table), stored[0][table.arrow_schema.names.index("reference_date")]
            kept = pa.Table.from_batches(each.batches(each.snapshot(), day), table.arrow_schema)
            assert [tuple(row.values()) for row in kept.to_pylist()] == stored
        total = market.rows("SELECT sum(total_consumption_kwh) FROM analytics.half_hourly_consumption")
        assert total == [(Decimal("14.4"),)]
        shown = done.asset_materializations_for_node("half_hourly_consumption")[0].metadata
        assert shown["engine"].value == "duckdb"
        assert shown["read_from"].value == {"raw_meter_readings": "lake", "active_agreements": "postgres"}
        assert not any(lake.catch_up(market.database).values())


@pytest.mark.whole
@pytest.mark.usefixtures("database")
def test_readings_in_the_store_alone_wait_for_the_store(store_port: int, settings: Settings, tmp_path: Path) -> None:
    with bucket(store_port, "lake-alone") as store, dg.DagsterInstance.ephemeral() as instance:
        url = f"s3://{store.name}/lake"
        market = Market(settings.replace(lake_url=url, storage="lake"), tmp_path, instance)
        market.deliver("a.json", day_of("home-1", DAY, "0.1"))
        done = market.run(DAY)
        assert done.success, failures(done)

        def away() -> tuple[list[PutAway], int]:
            with market.database.connect() as connection:
                found = notes.found(connection)
            ((count,),) = market.rows("SELECT count(*) FROM raw_data.raw_meter_readings")
            return found, count

        (note,), count = before = away()
        assert (note.readings, note.kwh, count) == (48, Decimal("4.8"), 0)

        market.deliver("b.json", [("home-1", f"{DAY} 12:00:00", "1.1")])
        store.proxy.refuse = lambda _: DENIED
        refused = market.run(DAY)
        assert "cannot be used: grant s3:ListBucket" in failures(refused)["raw_meter_readings"]
        assert away() == before

        store.proxy.refuse = lambda _: None
        done = market.run(DAY)
        assert done.success, failures(done)
        (note,), count = away()
        assert (note.readings, note.kwh, count) == (48, Decimal("5.8"), 0)
        kept = LakeStore(url)
        log = f"{url}/raw_data/raw_meter_readings/_delta_log"
        assert (kept.has(f"{log}/{0:020}.json"), kept.has(f"{log}/{99:020}.json")) == (True, False)
