"""Readings in the lake alone: nothing is lost on the way out of Postgres or back, and whoever needs a date gets all of it."""

import random
import signal
import time
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from meter_platform.errors import PermanentError
from meter_platform.feeds.files import ReadingFolder
from meter_platform.ingestion.erase import erase
from meter_platform.ingestion.load import ReadingsLoad
from meter_platform.ingestion.publish import InPlace
from meter_platform.ingestion.reread import reread
from meter_platform.ingestion.withdraw import undo, withdraw
from meter_platform.lake.kept import LostReadingsError
from meter_platform.lake.lake import Lake
from meter_platform.lake.put_away import put_away
from meter_platform.lake.put_right import faults, put_right, refuse_strays, strays
from meter_platform.lake.stores import LakeStore, LakeUnavailableError
from meter_platform.lake.take_out import have_in_postgres, take_out
from meter_platform.settings import Settings
from meter_platform.warehouse import date_locks, sessions
from meter_platform.warehouse import put_away as notes
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.finished import lost_dates
from meter_platform.warehouse.reader import READINGS, Reader
from meter_platform.warehouse.tables import RAW_METER_READINGS, TABLES
from meter_platform_tests.databases import empty
from meter_platform_tests.forked import Forked
from meter_platform_tests.ingestion.delivered import DeliveryFolder
from meter_platform_tests.ingestion.oracle import CHANGE, DATES, EVE
from meter_platform_tests.lake.test_lake import in_lake, in_ledger, reading

EXACT = "0.12345678901234567891"


class Alone:
    """A platform that keeps readings in the lake alone.

    Attributes:
        database: the ledger.
        lake: with the readings.
        folder: into which files are delivered.
    """

    def __init__(self, database: Database, settings: Settings, folder: Path) -> None:
        self.database = database
        self.url = folder / "lake"
        self.lake = Lake(LakeStore(str(self.url)))
        (folder / "in").mkdir()
        self.folder = DeliveryFolder(folder / "in")
        self._settings = settings

    def load(self, *days: date, lake: Lake | None = None, in_place: InPlace | None = None) -> None:
        source = ReadingFolder(str(self.folder.path))
        ReadingsLoad(
            self._settings, source, log=lambda _: None, lake=lake or self.lake, in_place=in_place or InPlace()
        ).store(self.database, days or DATES)

    def put_away(self, *days: date) -> list[date]:
        return put_away(self.database, self.lake, days or DATES)

    def take_out(self, *days: date, lake: Lake | None = None) -> list[date]:
        with sessions.begin(self.database) as writer:
            date_locks.lock_dates(writer, RAW_METER_READINGS, days or DATES)
            return take_out(writer, days or DATES, lake or self.lake)

    def away(self) -> list[date]:
        with self.database.connect() as connection:
            return [note.day for note in notes.found(connection)]

    def rows(self) -> list[dict[str, Any]]:
        """What Postgres has."""
        return in_ledger(self.database, RAW_METER_READINGS)

    def count(self) -> int:
        """How many rows Postgres has."""
        with self.database.connect() as connection:
            ((count,),) = connection.execute("SELECT count(*) FROM raw_data.raw_meter_readings").fetchall()
        return int(count)

    def change(self, statement: str) -> None:
        with self.database.connect() as connection:
            connection.execute(statement.encode())


@pytest.fixture
def alone(database: Database, settings: Settings, tmp_path: Path) -> Alone:
    """Two dates, one with a correction; files 1 and 2."""
    alone = Alone(database, settings, tmp_path)
    alone.folder.write("a.json", [reading("0.1"), reading(EXACT, day=EVE), reading("0.3", meterpoint="b")])
    alone.folder.write("b.json", [reading("0.4"), reading("0.5", hour=13, meterpoint="c")])
    alone.load()
    return alone


def test_a_date_goes_and_comes_back_as_it_was(alone: Alone) -> None:
    before = alone.rows()
    assert {row["consumption_delta"] for row in before} >= {Decimal(EXACT)}
    assert alone.put_away() == [EVE, CHANGE]
    assert (alone.rows(), alone.away()) == ([], [EVE, CHANGE])
    assert in_lake(alone.lake, RAW_METER_READINGS) == before
    assert alone.put_away() == [], "there is nothing more to do"

    assert alone.take_out(CHANGE) == [CHANGE]
    assert alone.rows() == [row for row in before if row["reference_date"] == CHANGE]
    assert alone.take_out() == [EVE]
    assert (alone.rows(), alone.away()) == (before, [])
    assert alone.take_out() == []
    assert alone.put_away() == [EVE, CHANGE]


@pytest.mark.parametrize("most", [0, 1_000])
def test_a_load_takes_its_dates_out_first(alone: Alone, most: int) -> None:
    alone.put_away()
    alone.folder.write("c.json", [reading("0.7"), reading("0.6", hour=14)])
    alone.load(CHANGE, in_place=InPlace(most=most, least=0))
    assert [row["consumption_delta"] for row in alone.rows()] == [Decimal(kwh) for kwh in ("0.7", "0.6", "0.3", "0.5")]
    assert alone.away() == [EVE]
    with alone.database.connect() as connection:
        assert connection.execute(
            "SELECT consumption_delta FROM raw_data.superseded_readings ORDER BY 1"
        ).fetchall() == [
            (Decimal("0.1"),),
            (Decimal("0.4"),),
        ]
    rows = alone.rows()
    assert alone.put_away() == [CHANGE]
    assert in_lake(alone.lake, RAW_METER_READINGS, [CHANGE]) == rows


def test_what_is_withdrawn_is_taken_out_first_and_can_be_put_back(alone: Alone) -> None:
    before = alone.rows()
    alone.put_away()
    with pytest.raises(PermanentError, match="2021-10-31 are put away: they are in the lake alone"):
        withdraw(alone.database, 2)
    assert alone.away() == [EVE, CHANGE]

    withdraw(alone.database, 2, lake=alone.lake)
    assert alone.away() == [EVE]
    assert [row["consumption_delta"] for row in alone.rows()] == [Decimal("0.1"), Decimal("0.3")]
    assert alone.put_away() == [], "the lake has it as it was before"
    alone.lake.catch_up(alone.database)
    assert alone.put_away() == [CHANGE]
    undo(alone.database, 2, lake=alone.lake)
    alone.take_out()
    assert [row | {"loaded_at": None} for row in alone.rows()] == [row | {"loaded_at": None} for row in before]


def test_a_date_that_is_put_away_is_stored_and_not_lost(alone: Alone) -> None:
    def asked() -> tuple[list[Any], list[date], list[date]]:
        with alone.database.connect() as connection:
            lost = connection.execute(lost_dates(DATES)).fetchall()
        reader = Reader(alone.database)
        return lost, reader.dates(READINGS), sorted(reader.loads()[READINGS])

    before = asked()
    stamp = Reader.stamp_of(Reader(alone.database).loads())
    alone.put_away(CHANGE)
    assert asked() == before == ([], [EVE, CHANGE], [EVE, CHANGE])
    assert Reader.stamp_of(Reader(alone.database).loads()) != stamp, (
        "figures of raw readings are no more what they were"
    )
    alone.change("DELETE FROM raw_data.dates_put_away")
    assert asked()[0] == [(CHANGE,)]


def test_no_date_goes_that_the_lake_does_not_have_as_it_is(alone: Alone) -> None:
    withdraw(alone.database, 2)
    assert alone.put_away() == [EVE], "the other one is older in the lake"
    alone.take_out()
    alone.lake.catch_up(alone.database)

    alone.change("INSERT INTO raw_data.erased_meterpoints VALUES ('t', 3, 'c', now(), NULL)")
    assert alone.put_away() == [], "an erasure has not reached the lake"
    alone.change("UPDATE raw_data.erased_meterpoints SET completed_at = now()")

    assert put_away(alone.database, alone.lake, DATES, in_use=lambda: {EVE}) == [CHANGE]


def test_rows_under_a_number_that_was_given_twice_are_written_again(alone: Alone) -> None:
    """A ledger that was restored goes on from an older number."""
    alone.change("UPDATE raw_data.raw_meter_readings SET consumption_delta = 0.9 WHERE consumption_delta = 0.5")
    rows = alone.rows()
    assert alone.lake.catch_up(alone.database)[RAW_METER_READINGS] == [], "numbers do not tell"
    assert alone.put_away(CHANGE) == [CHANGE]
    alone.take_out()
    assert alone.rows() == rows


def test_a_store_that_does_not_answer_or_has_lost_a_date_leaves_everything_as_it_was(
    alone: Alone, tmp_path: Path
) -> None:
    before = alone.rows()
    alone.put_away(EVE)
    gone = tmp_path / "elsewhere"
    alone.url.rename(gone)
    for act in (alone.take_out, alone.load):
        with pytest.raises(LostReadingsError, match=r"does not have the readings of 2021-10-30 as they were put away"):
            act()
    assert alone.put_away(CHANGE) == [], "an empty lake has nothing"
    assert (alone.away(), len(alone.rows())) == ([EVE], len(before) - 1)

    gone.rename(alone.url)
    (file,) = (alone.url / "raw_data" / "raw_meter_readings").glob("reference_date=2021-10-30/*/*.parquet")
    kept = file.read_bytes()
    for damage, error in ((kept[:-1], LakeUnavailableError), (None, LostReadingsError)):
        file.unlink()
        if damage:
            file.write_bytes(damage)
        with pytest.raises(error, match="The lake "):
            alone.take_out(EVE)
        assert alone.away() == [EVE]
    file.write_bytes(kept)
    alone.take_out(EVE)
    assert alone.rows() == before


def test_what_came_back_is_counted(alone: Alone) -> None:
    alone.put_away(EVE)
    alone.change("UPDATE raw_data.dates_put_away SET consumption_kwh = consumption_kwh + 0.00000000000000000001")
    with pytest.raises(LostReadingsError):
        alone.take_out(EVE)
    assert alone.away() == [EVE]
    assert {row["reference_date"] for row in alone.rows()} == {CHANGE}


def test_the_lake_follows_the_ledger_and_never_empties_a_date_that_is_put_away(alone: Alone) -> None:
    before = alone.rows()
    alone.put_away()
    assert not any(alone.lake.catch_up(alone.database).values())
    alone.lake.write_again(alone.database, DATES)
    alone.change("DELETE FROM raw_data.partition_versions")
    alone.lake.catch_up(alone.database)
    alone.lake.tidy(timedelta(0))
    alone.take_out()
    assert alone.rows() == before


def backed_up(database: Database) -> Callable[[], None]:
    """Copies what a database has where every date is put away, and hands over what restores it."""
    with database.connect() as connection:
        kept = {
            table: connection.execute(sql.SQL("SELECT * FROM {}").format(table.identifier)).fetchall()
            for table in TABLES
            if not (table.view or table.natively_partitioned)
        }

    def restore() -> None:
        empty(database)
        with database.connect() as connection:
            for table, rows in kept.items():
                values = sql.SQL(", ").join([sql.Placeholder()] * len(table.columns))
                connection.cursor().executemany(
                    sql.SQL("INSERT INTO {} VALUES ({})").format(table.identifier, values), rows
                )

            connection.execute(
                "SELECT setval('raw_data.source_file_id', max(source_file_id)) FROM raw_data.source_files"
            )
            connection.execute(
                "SELECT setval('raw_data.partition_version', max(version)) FROM raw_data.partition_versions"
            )

    return restore


def test_after_a_restore_the_lake_has_the_versions_again_that_the_ledger_speaks_of(alone: Alone) -> None:
    before = alone.rows()
    alone.put_away()
    restore = backed_up(alone.database)
    alone.folder.write("c.json", [reading("0.7")])
    alone.load(CHANGE)
    alone.put_away()
    restore()
    assert [note.day for note in strays(alone.database, alone.lake)] == [CHANGE]
    with pytest.raises(PermanentError, match="`meter-platform lake sync` has put them right"):
        refuse_strays(alone.database, alone.lake)
    alone.lake.catch_up(alone.database)
    assert put_right(alone.database, alone.lake) == [CHANGE]
    assert put_right(alone.database, alone.lake) == []
    refuse_strays(alone.database, alone.lake)
    alone.lake.tidy(timedelta(0))
    alone.take_out()
    assert alone.rows() == before
    alone.load(CHANGE)
    assert Decimal("0.7") in {row["consumption_delta"] for row in alone.rows()}, "what came since is loaded"


def test_a_version_that_is_not_to_be_had_any_more_is_named(alone: Alone) -> None:
    alone.put_away()
    restore = backed_up(alone.database)
    alone.folder.write("c.json", [reading("0.7")])
    alone.load(CHANGE)
    alone.put_away()
    alone.lake.tidy(timedelta(0))
    restore()
    with pytest.raises(LostReadingsError, match=r"2021-10-31 as they were put away \(version \d+ of 2021-10-31\)"):
        put_right(alone.database, alone.lake)
    assert alone.take_out(EVE) == [EVE]


def test_a_restored_database_says_what_is_wrong_with_its_dates_in_the_lake(alone: Alone, settings: Settings) -> None:
    def wrong(given: Settings) -> list[str]:
        with alone.database.connect() as connection:
            return faults(connection, given)

    named = settings.replace(lake_url=str(alone.url))
    assert wrong(settings) == []
    alone.put_away()
    assert wrong(named) == []
    both = "the readings of 2 dates (2021-10-30 to 2021-10-31)"
    assert wrong(settings) == [f"{both} are in a lake, and none is set (METER_PLATFORM_LAKE_URL)"]
    (file,) = (alone.url / "raw_data" / "raw_meter_readings").glob("reference_date=2021-10-31/*/*.parquet")
    file.unlink()
    assert wrong(named) == [f"the lake {alone.url} does not have the readings of 2021-10-31"]
    with pytest.raises(LostReadingsError, match="2021-10-31"):
        put_right(alone.database, alone.lake)


def test_files_are_read_again_and_a_meterpoint_is_erased_where_dates_are_put_away(
    alone: Alone, settings: Settings
) -> None:
    before = alone.rows()
    alone.put_away()
    source = ReadingFolder(str(alone.folder.path))
    later = settings.replace(interval_label="end")
    with pytest.raises(PermanentError, match="are put away"):
        reread(alone.database, later, source)
    found = reread(alone.database, later, source, lake=alone.lake)
    assert (found.rows_out, found.rows_in) == (len(before) + 1, len(before) + 1), (
        "a half hour later, the replaced one too"
    )
    assert [row["interval_start"] for row in alone.rows()] == [
        row["interval_start"] - timedelta(minutes=30) for row in before
    ]

    alone.lake.catch_up(alone.database)
    assert alone.put_away() == [EVE, CHANGE]
    given = settings.replace(erasure_key="5a" * 32)
    done = erase(alone.database, given, source, "b", forget_agreements=lambda _: None, lake=alone.lake)
    assert alone.away() == [EVE], "which has no reading of it"
    assert done.rows["raw_data.raw_meter_readings"] == 1
    assert alone.put_away() == [CHANGE]
    names = {row["meterpoint_id"] for row in in_lake(alone.lake, RAW_METER_READINGS)}
    assert names > {"a", "c"}
    assert "b" not in names


def _moved(url: str, lake: str, day: date) -> None:
    """Puts a date away, or takes it out, whichever is to be done; it says when it begins."""
    database, opened = Database(url), Lake(LakeStore(lake))
    opened.table(RAW_METER_READINGS).snapshot()  # imports what takes long
    print("begun", flush=True)  # noqa: T201 - whoever started it waits for that
    if not put_away(database, opened, [day]):
        have_in_postgres(database, [day], lambda: opened)


@pytest.mark.whole
def test_whoever_is_killed_leaves_a_date_whole_on_one_side(alone: Alone) -> None:
    many = [reading(f"0.{number % 9 + 1}", hour=number % 24, meterpoint=f"m{number // 24}") for number in range(6_000)]
    alone.folder.write("many.json", many)
    alone.load(CHANGE)
    before = alone.rows()
    takes = 0.0
    for _ in range(2):
        begun = time.monotonic()
        _moved(alone.database.url, str(alone.url), CHANGE)
        takes = max(takes, time.monotonic() - begun)
    chance = random.Random(60)  # noqa: S311 - of a test
    ends, sides = [], []
    for _ in range(60):
        process = Forked(_moved, alone.database.url, str(alone.url), CHANGE)
        while not process.printed and process.is_alive():
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 1.5 * takes))
        process.send_signal(signal.SIGKILL)
        ends.append(process.wait().returncode)
        sides.append(alone.away())
        assert (sides[-1], alone.count()) in [([CHANGE], 1), ([], len(before))]
    assert set(ends) == {0, -signal.SIGKILL}
    assert sides.count([]) in range(1, len(sides))
    alone.take_out()
    assert alone.rows() == before
    assert alone.put_away(CHANGE) == [CHANGE]
    assert in_lake(alone.lake, RAW_METER_READINGS) == before
