"""Which of two ways new rows of a date take, and what readers notice of it."""

from datetime import date
from typing import LiteralString

import pytest
from psycopg import sql

from meter_platform.ingestion.publish import InPlace
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database
from meter_platform_tests.ingestion.delivered import OLD, DeliveryFolder, load
from meter_platform_tests.ingestion.oracle import EVE, Row

NOON, EVENING = '"2021-10-30 12:00:00"', '"2021-10-30T23:30:00"'
ALWAYS = InPlace(most=1_000, least=0)


def child_of(database: Database, day: date) -> str:
    """The table that has the date's readings."""
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'raw_data_partitions'::regnamespace AND relkind = 'r' "
            "AND relname LIKE %s",
            [f"%_{day:%Y%m%d}_%"],
        ).fetchall()
    ((name,),) = rows
    return str(name)


def stored(database: Database, what: LiteralString) -> list[tuple[object, ...]]:
    with database.connect() as connection:
        query = sql.SQL("SELECT {} FROM raw_data.raw_meter_readings ORDER BY interval_start").format(sql.SQL(what))
        return connection.execute(query).fetchall()


@pytest.mark.parametrize(
    ("in_place", "stays"),
    [
        (InPlace(most=0.5, least=4), True),
        (InPlace(most=0.49, least=0), False),
        (InPlace(most=0.5, least=5), False),
    ],
)
def test_few_new_rows_of_a_large_date_go_into_its_table(
    database: Database, settings: Settings, folder: DeliveryFolder, in_place: InPlace, *, stays: bool
) -> None:
    rows = [Row(f'"{home}"', time, "0.1") for home in ("a", "b") for time in (NOON, EVENING)]
    folder.write("a.json", rows)
    load(database, settings, folder.path, [EVE])
    before = child_of(database, EVE)
    folder.write("late.json", [Row('"a"', NOON, "0.2"), Row('"c"', NOON, "0.2")], modified=OLD + 1)
    load(database, settings, folder.path, [EVE], in_place=in_place)
    assert (child_of(database, EVE) == before) == stays
    with database.connect() as connection:
        assert connection.execute("SELECT count(*) FROM raw_data.changes_in_place").fetchall() == [(3 if stays else 0,)]


def test_nobody_waits_for_a_change_in_place_and_what_stays_is_not_moved(
    database: Database, settings: Settings, folder: DeliveryFolder
) -> None:
    folder.write("a.json", [Row('"a"', NOON, "0.1"), Row('"a"', EVENING, "0.1")])
    load(database, settings, folder.path, [EVE])
    before = stored(database, "ctid::text, consumption_delta::text")
    with database.connect() as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        query = b"SELECT consumption_delta::text FROM raw_data.raw_meter_readings ORDER BY interval_start"
        assert reader.execute(query).fetchall() == [("0.100",), ("0.100",)]
        # A reader with the table open would keep another table from taking its place.
        folder.write("late.json", [Row('"a"', NOON, "0.2"), Row('"a"', EVENING, "0.1")], modified=OLD + 1)
        load(database, settings, folder.path, [EVE], in_place=ALWAYS)
        assert reader.execute(query).fetchall() == [("0.100",), ("0.100",)]
    assert stored(database, "consumption_delta::text") == [("0.200",), ("0.100",)]
    assert stored(database, "ctid::text, consumption_delta::text")[1] == before[1]
    # Nothing is new in a re-delivery: no row moves.
    moved = stored(database, "ctid::text")
    folder.write("again.json", [Row('"a"', NOON, "0.2"), Row('"a"', EVENING, "0.1")], modified=OLD + 2)
    load(database, settings, folder.path, [EVE], in_place=ALWAYS)
    assert stored(database, "ctid::text") == moved
