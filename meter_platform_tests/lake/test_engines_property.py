"""Whatever is delivered: all storages have the readings that count, and all engines make the same of them, to the digit.

The days are those of 46, 48 and 50 half hours, and values have up to twenty decimals. What counts is worked out here in a few
lines of Python, for files of which no version overwrites another; `test_property.py` has all other deliveries.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import ibis
import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from meter_platform import settlement
from meter_platform.engines.duckdb import DuckDbEngine
from meter_platform.engines.lake_files import LakeFiles
from meter_platform.engines.postgres import PostgresEngine, PostgresPartitions
from meter_platform.engines.protocol import Engine, lazy
from meter_platform.engines.spark import SparkEngine
from meter_platform.feeds.files import ReadingFolder
from meter_platform.ingestion.load import ReadingsLoad
from meter_platform.ingestion.publish import InPlace
from meter_platform.lake.lake import Lake
from meter_platform.lake.put_away import put_away
from meter_platform.lake.stores import LakeStore
from meter_platform.lake.take_out import have_in_postgres
from meter_platform.rules.completeness import meterpoint_completeness
from meter_platform.rules.consumption import half_hourly_consumption
from meter_platform.rules.days import day_values
from meter_platform.settings import Settings
from meter_platform.warehouse import partition_notes, tables
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.tables import ASSET_TABLES, RAW_METER_READINGS, Table
from meter_platform.warehouse.validation import typed
from meter_platform_tests.databases import empty
from meter_platform_tests.ingestion.delivered import OLD, DeliveryFolder
from meter_platform_tests.ingestion.oracle import Row
from meter_platform_tests.lake.test_lake import in_lake, in_ledger
from meter_platform_tests.sail import sail_process

HALF_HOURS = {
    date(2021, 3, 28): (datetime(2021, 3, 28, tzinfo=UTC), 46),
    date(2021, 3, 29): (datetime(2021, 3, 28, 23, tzinfo=UTC), 48),
    date(2021, 10, 31): (datetime(2021, 10, 30, 23, tzinfo=UTC), 50),
}
"""When each day begins in London, and how many half hours it has."""

DAYS = [*HALF_HOURS]
RAW = (
    RAW_METER_READINGS,
    tables.SUPERSEDED_READINGS,
    tables.REDELIVERED_READINGS,
    tables.REPEATED_READINGS,
    tables.SOURCE_FILE_DATES,
)
TIMES = {"loaded_at", "replaced_at", "redelivered_at"}
HOMES = ("home-1", "solar-2", "homeless-3")
VALUES = ("0.12345678901234567891", "0.20000000000000000001", "23.99999999999999999999", "0", "1e-8")
"""No two of them agree in nine decimals: else they were one value."""


class HalfHour(NamedTuple):
    """Of a meterpoint."""

    meterpoint: str
    start: datetime


class Delivery(NamedTuple):
    """A file: what it says, and how many seconds after the others it was written."""

    rows: Mapping[HalfHour, str]
    written: int


class Loaded(NamedTuple):
    """A load of some dates, in place or not."""

    days: list[date]
    in_place: InPlace


class Away(NamedTuple):
    """Dates are put away in the lake, where readings are kept there alone."""

    days: list[date]


half_hours = st.builds(
    lambda home, day, number: HalfHour(
        home, HALF_HOURS[day][0] + timedelta(minutes=30 * min(number, HALF_HOURS[day][1] - 1))
    ),
    st.sampled_from(HOMES),
    st.sampled_from(DAYS),
    st.sampled_from([0, 1, 2, 3, 45, 49]),  # few, so that deliveries meet
)
deliveries = st.builds(
    Delivery, st.dictionaries(half_hours, st.sampled_from(VALUES), min_size=1, max_size=8), st.integers(0, 5)
)
loads = st.builds(
    Loaded,
    st.lists(st.sampled_from(DAYS), min_size=1, unique=True).map(sorted),
    st.sampled_from([InPlace(most=0, least=0), InPlace(most=1_000, least=0)]),
)
steps = st.lists(st.one_of(deliveries, deliveries, loads), min_size=2, max_size=7)
put_aways = st.builds(Away, st.lists(st.sampled_from(DAYS), min_size=1, unique=True).map(sorted))
steps_of_storages = st.lists(st.one_of(deliveries, deliveries, loads, put_aways), min_size=2, max_size=8)

EVERY_HALF_HOUR = Delivery(
    {
        HalfHour("home-1", start + timedelta(minutes=30 * number)): VALUES[0]
        for start, count in HALF_HOURS.values()
        for number in range(count)
    },
    2,
)


class World:
    """A platform with a lake, into which deliveries come.

    Args:
        database: emptied at first.
        settings: of the platform.
        folder: for deliveries and the lake.
        storage: as `METER_PLATFORM_STORAGE` has it; with `postgres` there is a lake that nobody uses.
    """

    def __init__(self, database: Database, settings: Settings, folder: Path, storage: str = "both") -> None:
        self.database = database
        self.folder = folder
        self._storage = storage
        self.lake = Lake(LakeStore(str(folder / "lake")))
        self._settings = settings
        (folder / "in").mkdir()
        self._deliveries = DeliveryFolder(folder / "in")
        self._delivered: list[Delivery] = []
        empty(database)
        with database.connect() as connection:
            for day in DAYS:
                _agree(connection, day)

    def deliver(self, delivery: Delivery) -> None:
        rows = [
            Row(f'"{key.meterpoint}"', f'"{key.start:%Y-%m-%d %H:%M:%S}Z"', kwh) for key, kwh in delivery.rows.items()
        ]
        self._deliveries.write(f"{len(self._delivered):03}.json", rows, modified=OLD + delivery.written * 1_000_000)
        self._delivered.append(delivery)

    def load(self, load: Loaded) -> None:
        folder = ReadingFolder(str(self._deliveries.path))
        lake = None if self._storage == "postgres" else self.lake
        loading = ReadingsLoad(self._settings, folder, log=lambda _: None, in_place=load.in_place, lake=lake)
        loading.store(self.database, load.days)

    def put_away(self, days: list[date]) -> None:
        if self._storage == "lake":
            put_away(self.database, self.lake, days)

    def carry_out(self, steps: Iterable[Delivery | Loaded | Away]) -> None:
        for step in steps:
            if isinstance(step, Loaded):
                self.load(step)
            elif isinstance(step, Away):
                self.put_away(step.days)
            else:
                self.deliver(step)

    def raw_tables(self) -> dict[str, list[dict[str, Any]]]:
        """What Postgres has of deliveries, but for the times of loads."""
        return {
            table.name: sorted(
                (
                    {name: value for name, value in row.items() if name not in TIMES}
                    for row in in_ledger(self.database, table, DAYS)
                ),
                key=lambda row: repr(
                    [value.normalize() if isinstance(value, Decimal) else value for value in row.values()]
                ),
            )
            for table in RAW
        }

    def expected(self) -> dict[HalfHour, Decimal]:
        """Of each half hour the value of the newest delivery; of two of one second that of the later name."""
        found: dict[HalfHour, Decimal] = {}
        for delivery in sorted(self._delivered, key=lambda each: each.written):
            found |= {key: Decimal(kwh) for key, kwh in delivery.rows.items()}
        return found

    def computed(self, engine: Engine) -> dict[str, list[dict[str, Any]]]:
        """What an engine makes of the readings: rows in the order of their key, with the contract's types."""
        with self.database.connect() as connection:
            versions = partition_notes.versions(connection, [table.name for table in ASSET_TABLES], DAYS)
        # Nobody has noted what this test has put there itself.
        of_days = {name: {day: found.get(day, 0) for day in DAYS} for name, found in versions.items()}
        return {
            table.name: sorted(
                (
                    row
                    for part in engine.compute(expression, of_days).rows
                    for row in typed(table, _stamped(part)).to_pylist()
                ),
                key=lambda row, table=table: [row[name] for name in table.key],
            )
            for table, expression in _rules(self._settings)
        }


def _agree(connection: psycopg.Connection[Any], day: date) -> None:
    """Two meterpoints have products, one of which pays for export; the third has none."""
    for number, (meterpoint, product, is_export) in enumerate(
        [("home-1", "Flexible", False), ("solar-2", "Outgoing", True)], start=1
    ):
        connection.execute(
            "INSERT INTO analytics.active_agreements (agreement_id, reference_date, meterpoint_id, display_name, is_variable, "
            "is_export, is_sole, loaded_at) VALUES (%s, %s, %s, %s, true, %s, true, now())",
            (number, day, meterpoint, product, is_export),
        )
        connection.execute(
            "INSERT INTO raw_data.raw_meterpoints (meterpoint_id, reference_date, region, loaded_at) "
            "VALUES (%s, %s, 'London', now())",
            (meterpoint, day),
        )


def _rules(settings: Settings) -> Iterator[tuple[Table, ibis.Table]]:
    """The rules that go through all readings."""

    def of_days(table: Table) -> ibis.Table:
        return lazy(table).filter(lazy(table).reference_date.isin(DAYS))

    days = day_values(pa.concat_tables([settlement.day_table(day, day, settings.zone) for day in DAYS]))
    readings = of_days(RAW_METER_READINGS)
    yield (
        tables.HALF_HOURLY_CONSUMPTION,
        half_hourly_consumption(readings, of_days(tables.ACTIVE_AGREEMENTS), days),
    )
    yield (
        tables.METERPOINT_COMPLETENESS,
        meterpoint_completeness(readings, of_days(tables.REJECTED_READINGS), of_days(tables.RAW_METERPOINTS), days),
    )


def _stamped(part: pa.Table) -> pa.Table:
    moment = pa.scalar(datetime(2021, 11, 8, tzinfo=UTC), pa.timestamp("us", tz="UTC"))
    return part.append_column("loaded_at", pa.repeat(moment, part.num_rows))


@pytest.fixture(scope="module")
def sail() -> Iterator[str]:
    """The URL of a Spark Connect server."""
    with sail_process() as (url, _):
        yield url


@pytest.mark.whole
def test_both_storages_and_all_engines_agree_on_whatever_is_delivered(
    database: Database, settings: Settings, sail: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    @hypothesis_settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(steps=steps)
    def agree(steps: list[Delivery | Loaded]) -> None:
        world = World(database, settings, tmp_path_factory.mktemp("world"))
        world.carry_out([EVERY_HALF_HOUR, *steps, Loaded(DAYS, InPlace())])
        assert_all_agree(world, sail)

    agree()


@pytest.mark.whole
def test_every_storage_makes_the_same_tables_of_whatever_is_delivered(
    database: Database, settings: Settings, sail: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    @hypothesis_settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(steps=steps_of_storages)
    def agree(steps: list[Delivery | Loaded | Away]) -> None:
        made = []
        for storage in ("postgres", "both", "lake"):
            world = World(database, settings, tmp_path_factory.mktemp("world"), storage)
            world.carry_out([EVERY_HALF_HOUR, *steps, Loaded(DAYS, InPlace()), Away(DAYS)])
            if storage == "lake":
                assert in_ledger(database, RAW_METER_READINGS, DAYS) == []
                assert_engines_find_all_in_the_lake(world, sail, made[0][1])
                have_in_postgres(database, DAYS, lambda: world.lake)  # noqa: B023 - it is called now
            made.append((world.raw_tables(), world.computed(PostgresEngine(database))))
        postgres, both, lake = made
        assert both == postgres
        assert lake == postgres

    agree()


def assert_engines_find_all_in_the_lake(world: World, sail: str, wanted: dict[str, list[dict[str, Any]]]) -> None:
    postgres, files = PostgresPartitions(world.database), LakeFiles(world.lake)
    with ExitStack() as closing:
        for engine in (
            DuckDbEngine(postgres, folder=world.folder / "duckdb", files=files),
            SparkEngine(postgres, url=sail, files=files),
        ):
            closing.callback(engine.close)
            assert world.computed(engine) == wanted, engine.name


def assert_all_agree(world: World, sail: str) -> None:
    """Both storages, all engines, and the readings that count."""
    ledger = in_ledger(world.database, RAW_METER_READINGS, DAYS)
    expected = world.expected()
    assert in_lake(world.lake, RAW_METER_READINGS, DAYS) == ledger
    assert {
        HalfHour(row["meterpoint_id"], row["interval_start"]): row["consumption_delta"] for row in ledger
    } == expected

    postgres = PostgresPartitions(world.database)
    files = LakeFiles(world.lake)
    engines: list[Engine] = [
        DuckDbEngine(postgres, folder=world.folder / "duckdb"),
        DuckDbEngine(postgres, folder=world.folder / "duckdb", files=files),
        SparkEngine(postgres, url=sail, files=files),
    ]
    wanted = world.computed(PostgresEngine(world.database))
    assert sum(row["total_consumption_kwh"] for row in wanted["half_hourly_consumption"]) == sum(expected.values())
    periods = {
        day: max(row["settlement_period"] for row in wanted["half_hourly_consumption"] if row["reference_date"] == day)
        for day in DAYS
    }
    assert periods == {day: count for day, (_, count) in HALF_HOURS.items()}
    with ExitStack() as closing:
        for engine in engines:
            closing.callback(engine.close)
            assert world.computed(engine) == wanted, engine.name
