"""The lake beside the ledger: whatever is delivered, both have the same rows, and a reader never sees half of a date."""

import sys
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from meter_platform.engines.duckdb import DuckDbEngine
from meter_platform.engines.lake_files import LakeFiles
from meter_platform.engines.postgres import PostgresPartitions
from meter_platform.engines.protocol import lazy
from meter_platform.errors import SettingsError
from meter_platform.feeds.files import ReadingFolder
from meter_platform.ingestion import publish
from meter_platform.ingestion.load import ReadingsLoad
from meter_platform.ingestion.publish import InPlace
from meter_platform.ingestion.withdraw import withdraw
from meter_platform.lake import delta
from meter_platform.lake.delta import Snapshot
from meter_platform.lake.from_ledger import rows_of
from meter_platform.lake.lake import TABLES, Lake, open_lake
from meter_platform.lake.stores import LakeStore
from meter_platform.settings import Settings
from meter_platform.warehouse import partition_notes, partitions, sessions
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.tables import RAW_METER_READINGS, RAW_METERPOINTS, Table
from meter_platform_tests.ingestion.delivered import DeliveryFolder
from meter_platform_tests.ingestion.oracle import AFTER, CHANGE, DATES, EVE, Row
from meter_platform_tests.lake.rows import meterpoints


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(LakeStore(str(tmp_path / "lake")))


@pytest.fixture
def folder(tmp_path: Path) -> DeliveryFolder:
    (tmp_path / "in").mkdir()
    return DeliveryFolder(tmp_path / "in")


@pytest.fixture
def load(database: Database, settings: Settings, folder: DeliveryFolder, lake: Lake) -> Callable[..., None]:
    def run(*dates: date, in_place: InPlace | None = None) -> None:
        source = ReadingFolder(str(folder.path))
        ReadingsLoad(settings, source, log=lambda _: None, in_place=in_place or InPlace(), lake=lake).store(
            database, dates or DATES
        )

    return run


def reading(value: str, *, day: date = CHANGE, meterpoint: str = "a", hour: int = 12) -> Row:
    return Row(f'"{meterpoint}"', f'"{day} {hour:02}:00:00"', value)


def in_lake(lake: Lake, table: Table, days: Sequence[date] = DATES) -> list[dict[str, Any]]:
    snapshot = lake.table(table).snapshot()
    batches = [batch for day in days for batch in lake.table(table).batches(snapshot, day)]
    return pa.Table.from_batches(batches, table.arrow_schema).to_pylist()


def in_ledger(database: Database, table: Table, days: Sequence[date] = DATES) -> list[dict[str, Any]]:
    """The rows of the ledger by another way than the lake's: as Python objects."""
    with database.connect() as connection:
        found = connection.execute(
            f"SELECT {', '.join(table.arrow_schema.names)} FROM {table.qualified_name} "  # noqa: S608 - of a contract
            f"WHERE reference_date = ANY(%s) ORDER BY reference_date, {', '.join(table.key)}".encode(),
            [list(days)],
        ).fetchall()
    return [dict(zip(table.arrow_schema.names, row, strict=True)) for row in found]


def assert_same(database: Database, lake: Lake) -> None:
    rows = in_lake(lake, RAW_METER_READINGS)
    assert rows == in_ledger(database, RAW_METER_READINGS)
    with sessions.begin(database) as session:
        noted = session.fetch(
            partitions.sql.SQL(
                "SELECT reference_date, version FROM raw_data.partition_versions "
                "WHERE table_name = 'raw_meter_readings' AND rows_stored > 0"
            ).format()
        )
    assert dict(lake.table(RAW_METER_READINGS).snapshot().ledger_versions) == dict(noted)


def test_whatever_is_delivered_is_in_both(
    database: Database, folder: DeliveryFolder, load: Callable[..., None], lake: Lake
) -> None:
    exact = "0.12345678901234567891"
    folder.write("a.json", [reading("0.1"), reading(exact, day=EVE), reading("0.3", meterpoint="b")])
    load()  # several dates for the first time
    assert_same(database, lake)
    assert [row["consumption_delta"] for row in in_lake(lake, RAW_METER_READINGS, [EVE])] == [Decimal(exact)]
    before = lake.table(RAW_METER_READINGS).snapshot().version

    load()
    assert lake.table(RAW_METER_READINGS).snapshot().version == before, "nothing has come, and nothing is written"
    folder.write("b.json", [reading("0.2"), reading("0.4", day=AFTER)])
    load()  # a correction, and a date that is new
    assert_same(database, lake)
    folder.write("c.json", [reading("0.2"), reading("0.5", hour=13)])
    load(CHANGE, in_place=InPlace(most=10, least=0))  # a re-delivery, in place
    assert_same(database, lake)
    folder.write("d.json", [reading('"bad"'), reading('"x"', day=EVE)])
    load()
    assert_same(database, lake)
    assert len(in_lake(lake, RAW_METER_READINGS)) == 5


def test_what_the_ledger_changes_without_a_load_is_brought_over(
    database: Database, folder: DeliveryFolder, load: Callable[..., None], lake: Lake
) -> None:
    folder.write("a.json", [reading("0.1"), reading("0.2", day=EVE)])
    folder.write("b.json", [reading("0.3", meterpoint="b"), reading("0.4", day=EVE, meterpoint="b")])
    load()
    withdraw(database, 2)
    assert lake.catch_up(database)[RAW_METER_READINGS] == [EVE, CHANGE]
    assert_same(database, lake)
    with database.connect() as connection:
        connection.execute("DELETE FROM raw_data.partition_versions WHERE reference_date = '2021-10-30'")
    assert lake.catch_up(database)[RAW_METER_READINGS] == [EVE]
    assert in_lake(lake, RAW_METER_READINGS, [EVE]) == []
    assert len(in_lake(lake, RAW_METER_READINGS, [CHANGE])) == 1


def test_an_engine_reads_dates_of_the_lake_and_of_the_ledger_together(
    database: Database, folder: DeliveryFolder, load: Callable[..., None], lake: Lake, tmp_path: Path
) -> None:
    folder.write("a.json", [reading("0.12345678901234567891"), reading("0.2", day=EVE)])
    folder.write("b.json", [reading("0.3", meterpoint="b")])
    load()
    withdraw(database, 2)  # so that the lake is behind on one of the dates
    name, columns = RAW_METER_READINGS.name, RAW_METER_READINGS.arrow_schema.names
    with database.connect() as connection:
        versions = partition_notes.versions(connection, [name], [EVE, CHANGE])[name]
    engine = DuckDbEngine(PostgresPartitions(database), folder=tmp_path / "duckdb", files=LakeFiles(lake))
    computation = engine.compute(lazy(RAW_METER_READINGS), {name: versions})
    rows = pa.concat_tables(computation.rows).select(columns).sort_by("interval_start").to_pylist()
    engine.close()
    assert rows == in_ledger(database, RAW_METER_READINGS)
    assert computation.origins == {name: {EVE: "lake", CHANGE: "postgres"}}
    assert computation.facts == {"rows_read_out": 1}


def test_a_lake_that_comes_later_gets_what_is_there(
    database: Database, settings: Settings, folder: DeliveryFolder, lake: Lake
) -> None:
    folder.write("a.json", [reading("0.1"), reading("0.2", day=EVE), reading("0.3", day=AFTER)])
    ReadingsLoad(settings, ReadingFolder(str(folder.path)), log=lambda _: None).store(database, DATES)
    assert lake.catch_up(database)[RAW_METER_READINGS] == list(DATES)
    assert_same(database, lake)
    assert not any(lake.catch_up(database).values())


def test_a_crash_between_the_two_commits_repeats_the_date(
    database: Database,
    folder: DeliveryFolder,
    load: Callable[..., None],
    lake: Lake,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder.write("a.json", [reading("0.1")])
    load()
    folder.write("a.json", [reading("0.2"), reading("0.3", hour=13)])

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(publish.child_tables, "publish", crash)
        with pytest.raises(KeyboardInterrupt):
            load(CHANGE)
    assert len(in_lake(lake, RAW_METER_READINGS)) == 2, "the lake has committed"
    assert len(in_ledger(database, RAW_METER_READINGS)) == 1, "the ledger has not"
    load(CHANGE)
    assert_same(database, lake)
    assert len(in_lake(lake, RAW_METER_READINGS)) == 2


def test_a_pinned_snapshot_stays_until_its_files_are_tidied_away(
    database: Database, folder: DeliveryFolder, load: Callable[..., None], lake: Lake
) -> None:
    folder.write("a.json", [reading("0.1"), reading("0.5", day=EVE)])
    load()
    pinned = lake.table(RAW_METER_READINGS).snapshot()
    folder.write("a.json", [reading("0.2")])
    load(CHANGE)

    def values(snapshot: Snapshot | None = None) -> list[Decimal]:
        table = lake.table(RAW_METER_READINGS)
        rows = table.batches(snapshot or table.snapshot(), CHANGE)
        return [row["consumption_delta"] for batch in rows for row in batch.to_pylist()]

    assert (values(), values(pinned)) == ([Decimal("0.2")], [Decimal("0.1")])
    assert lake.tidy(timedelta(days=7))[RAW_METER_READINGS]["removed"] == 0
    assert values(pinned) == [Decimal("0.1")]
    assert lake.tidy(timedelta(0))[RAW_METER_READINGS]["removed"] == 1
    assert values() == [Decimal("0.2")]
    assert_same(database, lake)


def test_small_files_of_a_date_are_joined(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = meterpoints(CHANGE, 60_000, "London")
    table = lake.table(RAW_METERPOINTS)
    with monkeypatch.context() as patch:
        patch.setattr(delta, "_FILE_BYTES", 50_000)
        table.replace({CHANGE: 1}, lambda: iter([rows]))
    small = table.snapshot()
    assert len(small.files[CHANGE]) > 1
    done = lake.tidy(timedelta(0))[RAW_METERPOINTS]
    assert done == {"joined": len(small.files[CHANGE]), "removed": len(small.files[CHANGE])}
    joined = table.snapshot()
    assert (len(joined.files[CHANGE]), joined.ledger_versions) == (1, {CHANGE: 1})
    assert pa.Table.from_batches(table.batches(joined, CHANGE)).sort_by("meterpoint_id") == rows


def test_rows_leave_the_ledger_exactly_and_with_every_kind_of_text(database: Database) -> None:
    names = ["", "a,b", 'a"b', "line\nbreak", "☀", " ", "NULL", "\\N", None]
    table = TABLES[3]
    with sessions.begin(database) as session:
        for number, region in enumerate(names):
            session.execute(
                partitions.sql.SQL(
                    "INSERT INTO raw_data.raw_meterpoints VALUES ({}, '2021-10-31', {}, '2021-11-01 01:02:03.456789+02')"
                ).format(partitions.sql.Literal(f"m{number}"), partitions.sql.Literal(region))
            )
        found = pa.concat_tables(rows_of(session, table, table.identifier, CHANGE))
    assert found["region"].to_pylist() == names
    assert {str(moment) for moment in found["loaded_at"].to_pylist()} == {"2021-10-31 23:02:03.456789+00:00"}
    assert found.schema.types == table.arrow_schema.types


def test_settings_say_whether_there_is_a_lake(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = settings.replace(lake_url=str(tmp_path))
    assert open_lake(settings) is None
    assert open_lake(given.replace(storage="postgres")) is None
    assert open_lake(given) is not None
    with pytest.raises(SettingsError, match="METER_PLATFORM_STORAGE=both needs a lake: set METER_PLATFORM_LAKE_URL"):
        open_lake(settings.replace(storage="both"))
    monkeypatch.setitem(sys.modules, "deltalake", None)
    with pytest.raises(SettingsError, match=r"pip install 'meter-platform\[lake\]'"):
        Lake(LakeStore(str(tmp_path))).table(RAW_METER_READINGS).snapshot()
