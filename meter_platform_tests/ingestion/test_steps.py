"""The steps of a load, each alone: reading, recording and publishing."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from psycopg import sql

from meter_platform.feeds.columns import READINGS_SCHEMA
from meter_platform.feeds.files import ReadingFolder
from meter_platform.ingestion.load import Found, count_deliveries, publish, read_new
from meter_platform.ingestion.new_rows import (
    MOST_TOGETHER,
    NewRows,
    RowsOfADate,
    RowsOfFirstLoads,
    RowsOfSomeDates,
    new_rows,
)
from meter_platform.ingestion.scan import record
from meter_platform.settings import Settings
from meter_platform.settlement import INSTANT
from meter_platform.warehouse import child_tables, sessions, tables
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.sessions import Session
from meter_platform.warehouse.tables import Table
from meter_platform_tests.ingestion.delivered import DeliveryFolder
from meter_platform_tests.ingestion.oracle import AFTER, CHANGE, DATES, EVE, Row

NOW = datetime(2022, 1, 1, tzinfo=UTC)
NOON, MIDNIGHT = '"2021-10-30 12:00:00"', '"2021-10-31 00:00:00"'
Count = Callable[[str], int]


@pytest.fixture
def count(database: Database) -> Count:
    """How many rows a table has, for someone else than the load."""

    def rows(table: str) -> int:
        with database.connect() as connection:
            found = connection.execute(
                sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("raw_data", table))
            ).fetchone()
            assert found
            return int(found[0])

    return rows


@pytest.fixture
def files(folder: DeliveryFolder) -> DeliveryFolder:
    folder.write("a.json", [Row('"a"', NOON, "0.1"), Row('"b"', MIDNIGHT, "0.2"), Row('"a"', NOON, "-1")])
    folder.damage("b.json", "truncated")
    return folder


def read(ledger: Session, rows: NewRows, settings: Settings, files: DeliveryFolder) -> Found:
    return read_new(ledger, rows, settings, ReadingFolder(str(files.path)), DATES, log=lambda _: None)


def done() -> Future[None]:
    recorded: Future[None] = Future()
    recorded.set_result(None)
    return recorded


def test_reading_tells_what_is_new_and_nobody_sees_it(
    database: Database, settings: Settings, files: DeliveryFolder, count: Count
) -> None:
    with sessions.begin(database) as writer, sessions.begin(database) as ledger:
        rows = new_rows(writer, DATES, NOW)

        found = read(ledger, rows, settings, files)
        deliveries = count_deliveries(rows, found)

        (number,) = [number for number, account in found.scanned.accounts.items() if not account.malformed]
        assert deliveries == {EVE: [number], CHANGE: [number]}
        assert found.scanned.report.left == 0
        assert list(found.scanned.report.malformed) == list(found.scanned.undone)
        assert count("source_file_versions") == count("rejected_readings") == count("raw_meter_readings") == 0
    assert count("source_file_versions") == count("rejected_readings") == 0


def test_recording_puts_files_and_rejected_rows_on_record_and_no_reading(
    database: Database, settings: Settings, files: DeliveryFolder, count: Count
) -> None:
    with sessions.begin(database) as writer, sessions.begin(database) as ledger:
        found = read(ledger, new_rows(writer, DATES, NOW), settings, files)

        record(ledger, found.scanned)

        assert (count("source_file_versions"), count("source_file_dates")) == (2, 2)
        assert (count("rejected_readings"), count("raw_meter_readings")) == (1, 0)


@pytest.mark.parametrize("kind", [RowsOfFirstLoads, RowsOfSomeDates])
def test_publishing_makes_each_date_visible_and_leaves_dates_without_news(
    database: Database, settings: Settings, files: DeliveryFolder, count: Count, kind: type[NewRows]
) -> None:
    with sessions.begin(database) as writer, sessions.begin(database) as ledger:
        rows = kind(writer, DATES, NOW)
        found = read(ledger, rows, settings, files)
        record(ledger, found.scanned)
        deliveries = count_deliveries(rows, found)
        said: list[str] = []

        report = publish(writer, rows, deliveries, done(), log=said.append, facts={"a": 1})

        assert count("raw_meter_readings") == 2
        assert report.rows_per_date == {EVE: 1, CHANGE: 1, AFTER: 0}
        assert report.unchanged == {AFTER}
        assert report.facts == {"a": 1}
        assert said
        left = writer.fetch(
            sql.SQL(
                "SELECT count(*) FROM pg_class WHERE relnamespace = {}::regnamespace AND relkind IN ('r', 'p')"
            ).format(sql.Literal(tables.PARTITIONS_SCHEMA))
        )
        assert left == [(2,)], "a table for each date that has readings, and nothing else"


@pytest.mark.parametrize(
    ("dates", "stored", "kind"),
    [
        (DATES[:1], [], RowsOfADate),
        (DATES, [], RowsOfFirstLoads),
        (DATES, DATES[:1], RowsOfSomeDates),
        ([date(2021, 1, 1) + timedelta(days=day) for day in range(MOST_TOGETHER + 1)], [], RowsOfSomeDates),
    ],
)
def test_the_dates_say_where_new_rows_are_kept(
    database: Database, dates: Sequence[date], stored: Sequence[date], kind: type[NewRows]
) -> None:
    with sessions.begin(database) as writer:
        for day in stored:
            child = child_tables.create_child(writer, tables.RAW_METER_READINGS, day)
            child_tables.add_key(writer, child)
            child_tables.publish(writer, child, None)

        assert type(new_rows(writer, dates, NOW)) is kind


def test_first_loads_of_several_dates_keep_decimals_of_every_scale(database: Database) -> None:
    given = {"0.1": 1, "16.12345678901234567891": 20, "2.25": 2}
    with sessions.begin(database) as writer:
        rows = RowsOfFirstLoads(writer, DATES, NOW)

        rows.fill(
            pa.table(
                {
                    "meterpoint_id": ["a", "b"],
                    "interval_start": pa.array([NOW, NOW], INSTANT),
                    "reference_date": [day, other],
                    "consumption_delta": pa.array([Decimal(text)] * 2, pa.decimal128(38, scale)),
                    "source_file_id": [1, 2],
                    "source_position": pa.array([1, 1], pa.int32()),
                }
            )
            for (text, scale), day, other in zip(given.items(), DATES, [*DATES[1:], DATES[0]], strict=True)
        )

        kept: list[Decimal] = []
        for day in DATES:
            found = writer.fetch(
                sql.SQL("SELECT reference_date, consumption_delta FROM {}").format(rows.child(day).identifier)
            )
            assert {of for of, _ in found} == {day}
            kept += [value for _, value in found]
    assert sorted(kept) == sorted(Decimal(text) for text in given for _ in range(2))


def test_nothing_is_published_that_could_not_be_recorded(
    database: Database, settings: Settings, files: DeliveryFolder, count: Count
) -> None:
    failed: Future[None] = Future()
    failed.set_exception(OSError("the connection is lost"))
    with sessions.begin(database) as writer, sessions.begin(database) as ledger:
        rows = new_rows(writer, DATES, NOW)
        deliveries = count_deliveries(rows, read(ledger, rows, settings, files))

        with pytest.raises(OSError, match="the connection is lost"):
            publish(writer, rows, deliveries, failed, log=lambda _: None, facts={})
    assert count("raw_meter_readings") == 0


@pytest.mark.parametrize(
    "table",
    [
        tables.SUPERSEDED_READINGS,
        tables.REDELIVERED_READINGS,
        tables.REPEATED_READINGS,
        tables.WITHDRAWN_READINGS,
    ],
    ids=lambda table: table.name,
)
def test_a_reading_keeps_every_column_whatever_table_it_moves_to(table: Table) -> None:
    types = {column.name: column.postgres_type for column in table.columns}

    assert {column.name: types.get(column.name) for column in tables.RAW_METER_READINGS.columns} == {
        column.name: column.postgres_type for column in tables.RAW_METER_READINGS.columns
    }


def test_the_reader_hands_over_the_columns_of_the_contract() -> None:
    assert READINGS_SCHEMA.names == [
        name for name in tables.RAW_METER_READINGS.arrow_schema.names if name != "loaded_at"
    ]
