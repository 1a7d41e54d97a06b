"""Registers, qualities, meters and revisions of readings: what is stored of them, in whatever way they are loaded."""

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any

import psycopg
import pytest

from meter_platform.feeds.configured import feeds_of
from meter_platform.feeds.files import ReadingFolder
from meter_platform.ingestion.erase import erase
from meter_platform.ingestion.publish import InPlace
from meter_platform.ingestion.reread import reread
from meter_platform.ingestion.withdraw import undo, withdraw
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.tables import TABLES
from meter_platform_tests.databases import empty
from meter_platform_tests.ingestion import delivered

DAY, NEXT = date(2021, 6, 1), date(2021, 6, 2)
NEVER, ALWAYS = InPlace(most=0, least=0), InPlace(most=1_000, least=0)
FEED = """[feeds.a]
format = "csv"
paths = "**/*.csv"
columns = { meterpoint = "id", time = "at", value = "kwh", register = "dir", quality = "q", serial = "sn", revised_at = "rev" }
registers = { I = "import", E = "export" }
qualities = { A = "actual", E = "estimated" }
"""
HEAD = "id,at,kwh,dir,q,sn,rev"


class Platform:
    """Files of a feed that says all that a reading may have."""

    def __init__(self, database: Database, settings: Settings, folder: Path) -> None:
        self.database = database
        self.readings = folder / "readings"
        self.readings.mkdir()
        toml = folder / "feeds.toml"
        toml.write_text(FEED)
        self.settings = settings.replace(readings_url=str(self.readings), feeds=toml, today=date(2021, 6, 9))

    def deliver(self, name: str, *rows: str, meterpoint: str = "m") -> None:
        """Rows such as `10:00,0.5,I,A,,` of a meterpoint; each file is as old as its name says."""
        lines = [HEAD, *(f"{meterpoint},{'' if row.startswith('2021') else '2021-06-01 '}{row}" for row in rows)]
        modified = datetime(2021, 6, 3, int(name[0]), tzinfo=UTC).timestamp()
        (self.readings / name).write_text("\n".join(lines))
        os.utime(self.readings / name, (modified, modified))

    def load(self, dates: Sequence[date] = (DAY,), *, in_place: InPlace = NEVER) -> None:
        delivered.load(self.database, self.settings, self.readings, dates, in_place=in_place)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.database.connect() as connection:
            return connection.execute(query.encode()).fetchall()

    def stored(self) -> set[tuple[Any, ...]]:
        found = self.rows(
            "SELECT (interval_start AT TIME ZONE 'Europe/London')::time::text, consumption_delta, register, quality, serial, "
            "revised_at IS NULL FROM raw_data.raw_meter_readings"
        )
        return {(start[:5], value, *rest) for start, value, *rest in found}

    def number(self, name: str) -> int:
        ((number,),) = self.rows(f"SELECT source_file_id FROM raw_data.source_file_versions WHERE url LIKE '%{name}'")  # noqa: S608 - our own names
        return int(number)

    def tables_with(self, text: str) -> set[str]:
        """The tables of which a row has a text in it, with those of what Postgres knows of columns."""
        names = {table.name: table.qualified_name for table in TABLES} | {
            f"pg_{name}": f"pg_catalog.pg_{name}" for name in ("attribute", "stats")
        }
        rows = {name: self.rows(f"SELECT row::text FROM {place} AS row") for name, place in names.items()}  # noqa: S608 - our own names
        return {name for name, found in rows.items() if any(text in row for (row,) in found)}

    def all_tables(self) -> dict[str, list[str]]:
        """Every row of every raw table, but for when and in what order that happened."""
        names = self.rows("SELECT source_file_id::text, url FROM raw_data.source_file_versions")
        found = {}
        for table in ("raw_meter_readings", "superseded_readings", "redelivered_readings", "repeated_readings"):
            columns = "meterpoint_id, interval_start, consumption_delta, register, quality, serial, revised_at"
            found[table] = sorted(
                str((dict(names)[number], *row))
                for number, *row in self.rows(f"SELECT source_file_id::text, {columns} FROM raw_data.{table}")  # noqa: S608 - our own names
            )
        return found


@pytest.fixture
def platform(database: Database, settings: Settings, tmp_path: Path) -> Platform:
    return Platform(database, settings, tmp_path)


DELIVERIES = {
    "1.csv": ("10:00,0.512,I,A,,", "10:30,0.1,I,E,,", "11:00,0.2,I,A,old,2021-06-02 08:00", "11:00,0.3,I,A,new,"),
    "2.csv": ("10:00,0.3,I,E,,", "10:30,0.31,I,E,,", "11:00,0.25,I,A,old,2021-06-02 07:00", "11:00,1.5,E,A,,"),
    "3.csv": ("10:30,0.1,I,E,,", "11:30,0.4,,,,", "11:00,1.5,E,,,"),
}
EXPECTED = {
    ("10:00", Decimal("0.512"), "import", "actual", "", True),
    ("10:30", Decimal("0.1"), "import", "estimated", "", True),
    ("11:00", Decimal("0.2"), "import", "actual", "old", False),
    ("11:00", Decimal("0.3"), "import", "actual", "new", True),
    ("11:00", Decimal("1.5"), "export", "actual", "", True),
    ("11:30", Decimal("0.4"), "import", "unknown", "", True),
}


@pytest.mark.whole
def test_the_value_that_counts_is_the_same_in_whatever_order_and_way_the_files_are_loaded(platform: Platform) -> None:
    outcomes = []
    for order in [["1.csv", "2.csv", "3.csv"], *map(list, permutations(DELIVERIES))]:
        for in_place in (NEVER, ALWAYS) if order != sorted(order) or not outcomes else ():
            empty(platform.database)
            for path in platform.readings.iterdir():
                path.unlink()
            for name in order:
                platform.deliver(name, *DELIVERIES[name])
                platform.load(in_place=in_place)
            assert platform.stored() == EXPECTED, (order, in_place)
            outcomes.append(platform.all_tables())
    empty(platform.database)
    platform.load([DAY, NEXT])
    outcomes.append(platform.all_tables())

    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert len(outcomes[0]["superseded_readings"]) == 3


@pytest.mark.parametrize("in_place", [NEVER, ALWAYS], ids=["a copy", "in place"])
def test_what_is_withdrawn_gives_way_to_what_it_outranked(platform: Platform, in_place: InPlace) -> None:
    for name, rows in DELIVERIES.items():
        platform.deliver(name, *rows)
        platform.load(in_place=in_place)
    before = platform.all_tables()
    number = platform.number("1.csv")

    withdraw(platform.database, number)

    assert platform.stored() == {
        ("10:00", Decimal("0.3"), "import", "estimated", "", True),
        ("10:30", Decimal("0.1"), "import", "estimated", "", True),
        ("11:00", Decimal("0.25"), "import", "actual", "old", False),
        ("11:00", Decimal("1.5"), "export", "actual", "", True),
        ("11:30", Decimal("0.4"), "import", "unknown", "", True),
    }
    undo(platform.database, number)
    assert platform.all_tables() == before


def test_a_meter_of_whom_a_later_file_says_nothing_is_not_added_to_it(platform: Platform) -> None:
    platform.deliver("1.csv", "10:00,0.5,I,A,old,", "10:00,0.1,I,A,new,", "10:30,0.7,I,A,new,")
    platform.deliver("2.csv", "10:00,0.6,I,A,,")
    for dates, in_place in (([DAY, NEXT], NEVER), ([DAY], NEVER), ([DAY], ALWAYS)):
        empty(platform.database)
        platform.load(dates, in_place=in_place)
        assert {row[:2] for row in platform.stored()} == {("10:00", Decimal("0.6")), ("10:30", Decimal("0.7"))}


def test_two_values_of_one_register_of_one_meter_in_a_file_contradict_each_other_and_others_do_not(
    platform: Platform,
) -> None:
    platform.deliver(
        "1.csv",
        *("10:00,0.5,I,A,,", "10:00,0.6,E,A,,", "10:30,0.5,I,A,s,", "10:30,0.6,I,A,t,"),
        *("11:00,0.5,E,A,s,", "11:00,0.6,E,A,s,", "11:30,0.5,I,A,,", "11:30,0.6,I,E,,"),
        *("12:00,0.5,I,A,,2021-06-02 08:00", "12:00,0.6,I,A,,2021-06-02 09:00"),
    )
    platform.load()

    assert sorted(row[:2] for row in platform.stored()) == [
        *(("10:00", Decimal("0.5")), ("10:00", Decimal("0.6")), ("10:30", Decimal("0.5")), ("10:30", Decimal("0.6"))),
        ("12:00", Decimal("0.6")),
    ]
    rejected = platform.rows("SELECT source_position, reason FROM raw_data.rejected_readings ORDER BY 1")
    assert rejected == [(position, "conflict_in_file") for position in (5, 6, 7, 8)]


def test_a_register_that_is_none_is_a_fault_of_its_row(platform: Platform) -> None:
    platform.deliver("1.csv", "10:00,0.5,Q,A,,", "10:30,0.5,I,A,,soon", "11:00,0.5,I,A,,")
    platform.load()
    assert {row[:2] for row in platform.stored()} == {("11:00", Decimal("0.5"))}
    rejected = platform.rows("SELECT source_position, reason FROM raw_data.rejected_readings ORDER BY 1")
    assert rejected == [(1, "bad_particulars"), (2, "bad_particulars")]


def test_import_and_export_keep_their_own_order_through_the_repeated_autumn_hour(platform: Platform) -> None:
    times = ["00:30", "01:00", "01:30", "01:00", "01:30", "02:00"]
    upwards = [
        f"2021-10-31 {time},{number}.{digit},{code},A,,"
        for number, time in enumerate(times, start=1)
        for digit, code in ((1, "I"), (2, "E"))
    ]
    wanted = {
        register: [Decimal(f"{number}.{digit}") for number in range(1, 7)]
        for digit, register in ((1, "import"), (2, "export"))
    }
    platform.settings = platform.settings.replace(today=date(2021, 11, 9))
    for rows in (upwards, upwards[::-1]):
        empty(platform.database)
        platform.deliver("1.csv", *rows)
        platform.load([date(2021, 10, 31)])
        found = platform.rows(
            "SELECT register, array_agg(consumption_delta ORDER BY interval_start) FROM raw_data.raw_meter_readings "
            "GROUP BY 1"
        )
        assert dict(found) == wanted


def test_what_a_feed_says_of_registers_later_reaches_what_is_stored(platform: Platform) -> None:
    toml = platform.settings.feeds
    assert toml is not None
    toml.write_text(FEED.replace('register = "dir", ', "").replace('registers = { I = "import", E = "export" }', ""))
    platform.deliver("1.csv", "10:00,0.5,E,A,,", "10:30,0.6,E,A,,")
    platform.load()
    assert {row[2] for row in platform.stored()} == {"import"}

    toml.write_text(FEED)
    reread(platform.database, platform.settings, ReadingFolder(str(platform.readings), feeds_of(platform.settings)))

    assert {(row[1], row[2]) for row in platform.stored()} == {(Decimal("0.5"), "export"), (Decimal("0.6"), "export")}
    assert platform.rows("SELECT count(*) FROM raw_data.superseded_readings") == [(0,)]


def test_a_column_that_has_one_value_in_all_rows_of_a_date_takes_no_room_in_them(platform: Platform) -> None:
    platform.deliver(
        "1.csv", *(f"{hour:02}:{half}0,0.5,I,A,,2021-06-02 08:00" for hour in range(10, 20) for half in (0, 3))
    )
    platform.load()
    absent = (
        "SELECT attname, attmissingval::text FROM pg_attribute JOIN pg_inherits ON inhrelid = attrelid "
        "WHERE inhparent = 'raw_data.raw_meter_readings'::regclass AND atthasmissing ORDER BY 1"
    )
    assert [name for name, _ in platform.rows(absent)] == ["quality", "register", "revised_at", "serial"]
    assert {row[2:] for row in platform.stored()} == {("import", "actual", "", False)}

    platform.deliver("2.csv", "20:00,0.5,I,E,,2021-06-02 08:00", "20:00,0.7,E,E,,2021-06-02 08:00")
    platform.load()

    assert [name for name, _ in platform.rows(absent)] == ["quality", "revised_at", "serial"], (
        "the new rows say one thing"
    )
    assert {row[2:] for row in platform.stored()} == {
        ("import", "actual", "", False),
        ("import", "estimated", "", False),
        ("export", "estimated", "", False),
    }


@pytest.mark.whole
@pytest.mark.parametrize("row", ["10:00,0.5,,,,", "10:00,0.5,E,A,,"], ids=["says nothing", "says all"])
def test_a_date_whose_rows_are_there_before_their_columns_lets_no_bad_value_in(platform: Platform, row: str) -> None:
    platform.deliver("1.csv", row)
    platform.load()

    for column in ("register", "quality"):
        with pytest.raises(psycopg.errors.CheckViolation, match=f"raw_meter_readings_{column}_1"):
            platform.rows(f"UPDATE raw_data.raw_meter_readings SET {column} = 'none of them' RETURNING 1")  # noqa: S608 - our own names


def test_the_serial_numbers_of_an_erased_meterpoint_are_gone_and_do_not_come_back(platform: Platform) -> None:
    platform.settings = platform.settings.replace(erasure_key="5a" * 32)
    readings = ReadingFolder(str(platform.readings), feeds_of(platform.settings))
    platform.deliver("1.csv", "10:00,0.5,I,A,L77-0815,", "10:30,0.5,I,A,L77-0815,")
    platform.deliver(
        "2.csv",
        "10:00,0.5,I,A,L78-4711,",
        "10:00,0.6,I,A,L77-0815,",
        "10:30,0.5,I,A,L77-0815,",
        "11:00,0.6,?,A,L77-0815,",
    )
    platform.deliver("3.csv", "10:30,0.5,I,A,L77-0815,", "11:30,0.6,I,A,L78-4711,", "11:30,0.7,I,A,L78-4711,")
    platform.deliver("4.csv", "10:00,0.9,I,A,L77-0815,", "10:30,0.5,I,A,L77-0815,")
    platform.deliver("5.csv", "10:00,0.9,I,A,L79-1234,", meterpoint="n")
    for name in sorted(platform.readings.iterdir()):
        name.rename(name.with_suffix(".later"))
    for number in range(1, 6):
        (platform.readings / f"{number}.later").rename(platform.readings / f"{number}.csv")
        platform.load(in_place=ALWAYS)
    withdraw(platform.database, platform.number("4.csv"))
    delivered_rows = {f"{kind}_readings" for kind in ("superseded", "redelivered", "repeated", "withdrawn", "rejected")}
    assert platform.tables_with("L77-0815") >= delivered_rows | {"raw_meter_readings", "changes_in_place"}
    values = [row[:4] for row in platform.stored()]

    erase(platform.database, platform.settings, readings, "m", forget_agreements=lambda _: None)

    assert (platform.tables_with("L77-"), platform.tables_with("L78-")) == (set(), set())
    assert sorted(row[:4] for row in platform.stored()) == sorted(values)
    assert platform.tables_with("L79-1234") >= {"raw_meter_readings", "changes_in_place"}

    platform.deliver("6.csv", "10:00,0.8,I,A,L77-0815,", "11:00,0.5,I,A,L78-4711,", "11:30,0.6,?,A,L78-4711,")
    platform.load(in_place=ALWAYS)
    undo(platform.database, platform.number("4.csv"))
    reread(platform.database, platform.settings, readings)

    assert (platform.tables_with("L77-"), platform.tables_with("L78-")) == (set(), set())
    at_ten = sorted(value for start, value, *_ in platform.stored() if start == "10:00")
    assert at_ten == [Decimal("0.5"), Decimal("0.8"), Decimal("0.9")], "a meter is the same one under its pseudonym"
