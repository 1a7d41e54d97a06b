"""The serial number of an erased meterpoint's meter is hidden in names and texts, wherever it stands alone."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_platform.feeds.configured import feeds_of
from meter_platform.feeds.files import ReadingFolder
from meter_platform.ingestion.discover import Discovery, discover
from meter_platform.ingestion.erase import erase, on_record
from meter_platform.ingestion.erased import Erased
from meter_platform.ingestion.pseudonyms import Pseudonyms
from meter_platform.ingestion.reread import reread
from meter_platform.ingestion.serial_numbers import can_be_hidden
from meter_platform.ingestion.tree import Effort
from meter_platform.settings import Settings
from meter_platform.warehouse import child_tables
from meter_platform.warehouse.database import Database
from meter_platform_tests.ingestion.delivered import interrupted_at_the_second_date
from meter_platform_tests.ingestion.test_registers import DAY, FEED, HEAD, NEXT, Platform

WHO, OTHER = "1200010001234", "1200010005678"
METER, EXCHANGED, READ_BY_A_RUN = "L77-0815", "Z18N123456", "19E5008523"


class Meters(Platform):
    """Files in folders, of a feed that says which meter a row is of."""

    def __init__(self, database: Database, settings: Settings, folder: Path) -> None:
        super().__init__(database, settings.replace(erasure_key="5a" * 32), folder)

    @property
    def folder(self) -> ReadingFolder:
        return ReadingFolder(str(self.readings), feeds_of(self.settings))

    def put(self, name: str, *rows: tuple[str, str, str]) -> None:
        """A file with rows of a meterpoint, a time of 2021-06, such as `01 10:00`, and a meter."""
        path = self.readings / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([HEAD, *(f"{who},2021-06-{time},0.5,I,A,{meter}," for who, time, meter in rows)]))
        os.utime(path, (datetime(2021, 6, 3, tzinfo=UTC).timestamp(),) * 2)

    def look(self) -> Discovery:
        """Looks into every folder, as the sensor does."""
        found = discover(self.database, self.settings, self.folder, effort=Effort(full=True))
        assert found
        return found

    def erase(self) -> None:
        erase(self.database, self.settings, self.folder, WHO, forget_agreements=lambda _: None)

    def names(self) -> list[str]:
        urls = self.rows("SELECT url FROM raw_data.source_file_versions ORDER BY source_file_id")
        return [url.removeprefix(f"file://{self.readings}/") for (url,) in urls]

    def account(self) -> list[tuple[Any, ...]]:
        """What became of the rows of every file version, and what is stored."""
        return self.rows(
            "SELECT source_file_id, rows_stored, rows_rejected, rows_redelivered, rows_replaced, rows_pending "
            "FROM raw_data.source_files UNION ALL "
            "SELECT 0, count(*), 0, 0, 0, sum(consumption_delta) FROM raw_data.raw_meter_readings ORDER BY 1"
        )


@pytest.fixture
def meters(database: Database, settings: Settings, tmp_path: Path) -> Meters:
    return Meters(database, settings, tmp_path)


def test_a_serial_number_is_hidden_above_the_id_too_and_nothing_is_read_again(meters: Meters) -> None:
    row = (WHO, "01 10:00", METER)
    meters.put(f"{METER}/{WHO}.csv", row)
    meters.put(f"{METER}/{WHO}/{METER}.csv", row)
    meters.put(f"of {METER}/{WHO} {METER}.csv", row)
    meters.put(f"{METER}.csv", ("", "01 11:00", METER), (OTHER, "01 12:00", ""))
    meters.put("2021/20210601/a.csv", (WHO, "01 13:00", "2021"), (WHO, "01 13:30", "20210601"))
    meters.put("other/a.csv", (WHO, "02 10:00", METER), (OTHER, "02 10:00", "R11-2222"))
    meters.load([DAY, NEXT])
    meters.look()  # takes note of folders
    assert meters.tables_with(METER) > {"source_file_versions", "scanned_folders", "rejected_readings"}
    before = meters.account()

    with interrupted_at_the_second_date(child_tables, "attached_child"):
        meters.erase()
    assert not [name for name in meters.names() if METER in name], "that goes with the rows of the first date"
    meters.erase()

    assert (meters.tables_with(METER), meters.tables_with(WHO)) == (set(), set())
    assert [name for name in meters.names() if "erased-" not in name] == ["2021/20210601/a.csv", "other/a.csv"]
    found = meters.look()
    assert (found.report.files_read, found.deleted, found.pending) == (0, 0, {})
    meters.load([DAY, NEXT])
    assert meters.account() == before

    meters.put(f"again/{METER}/b.csv", row, (OTHER, "01 14:00", ""))
    found = meters.look()
    assert (found.report.files_read, found.deleted, set(found.pending)) == (1, 0, {DAY})
    assert (meters.tables_with(METER), meters.tables_with(WHO)) == (set(), set())


def test_a_meter_that_comes_after_the_erasure_is_hidden_by_whoever_reads_its_first_row(meters: Meters) -> None:
    meters.put("a.csv", (WHO, "01 10:00", METER))
    meters.load()
    meters.erase()

    meters.put(f"{EXCHANGED}/c.csv", (WHO, "01 14:30", EXCHANGED), ("", "01 15:00", EXCHANGED), (OTHER, "01 15:00", ""))
    found = meters.look()
    assert (found.report.files_read, found.deleted, set(found.pending)) == (1, 0, {DAY})
    assert meters.tables_with(EXCHANGED) == set()
    meters.put(f"{READ_BY_A_RUN}/d.csv", (WHO, "01 15:30", READ_BY_A_RUN))
    meters.load()
    assert meters.tables_with(READ_BY_A_RUN) == set()

    found = meters.look()
    assert (found.report.files_read, found.deleted, found.pending) == (0, 0, {})
    assert (meters.tables_with(EXCHANGED), meters.tables_with(READ_BY_A_RUN)) == (set(), set())
    assert meters.rows("SELECT count(*), sum(rows_stored) FROM raw_data.source_files") == [(3, 4)]


def test_after_a_restored_backup_the_token_of_the_meterpoint_is_enough(meters: Meters) -> None:
    meters.put(f"{METER}/a.csv", (WHO, "01 10:00", METER))
    meters.load()
    meters.erase()
    ((token,),) = meters.rows("SELECT token FROM raw_data.erased_meterpoints")
    with meters.database.connect() as connection:  # as the backup has it
        connection.execute("TRUNCATE raw_data.erased_meterpoints, raw_data.erased_meters")
        connection.execute("UPDATE raw_data.raw_meter_readings SET meterpoint_id = %s, serial = %s", [WHO, METER])
        connection.execute(
            "UPDATE raw_data.source_file_versions SET url = %s", [f"file://{meters.readings}/{METER}/a.csv"]
        )

    assert list(on_record(meters.database, meters.settings, [token])) == [WHO]
    meters.erase()
    assert (meters.tables_with(METER), meters.tables_with(WHO)) == (set(), set())
    assert meters.look().report.files_read == 0


def test_a_meter_that_only_reading_files_again_tells_of_is_hidden_then(meters: Meters) -> None:
    assert meters.settings.feeds
    meters.settings.feeds.write_text(FEED.replace(', serial = "sn"', ""))
    meters.put(f"{METER}/a.csv", (WHO, "01 10:00", METER))
    meters.load()
    meters.erase()
    assert meters.names() == [f"{METER}/a.csv"], "nothing says whose it is"
    meters.look()
    with meters.database.connect(autocommit=True) as connection:
        connection.execute("ANALYZE raw_data.source_file_versions, raw_data.scanned_folders")
    assert meters.tables_with(METER) > {"pg_stats", "scanned_folders"}

    meters.settings.feeds.write_text(FEED)
    assert reread(meters.database, meters.settings, meters.folder).files == 1
    assert meters.tables_with(METER) == set()
    assert meters.look().report.files_read == 0
    assert meters.tables_with(METER) == set()


KEY = Pseudonyms(b"k" * 32)
IDS = {KEY.token(WHO): len(WHO)}
KNOWN = Erased(IDS, KEY)
MORE = KNOWN.with_meters([METER, EXCHANGED])
PARTS = st.sampled_from(
    [
        WHO,
        METER,
        EXCHANGED,
        f"x{EXCHANGED}",
        f"{EXCHANGED}.Z18",
        f"{METER}_{WHO}",
        f"of {METER}",
        "2021",
        "-",
        f"{METER}1",
        OTHER,
    ]
)


@given(st.lists(PARTS, min_size=1, max_size=5), st.sampled_from(["", ".json", ".csv.gz"]))
def test_the_name_of_a_file_lies_in_that_of_its_folder_whatever_is_known_of_meters(parts: list[str], kind: str) -> None:
    folder = "/".join(["file:///in", *parts[:-1]])
    file = f"{folder}/{parts[-1]}{kind}"
    for erased in (KNOWN, MORE):
        assert erased.name(file).rpartition("/")[0] == erased.name(folder)
        assert erased.name(file).endswith(kind)
        assert erased.name(erased.name(file)) == erased.name(file)
    # A name that was hidden before a meter was known becomes what it would have been.
    assert MORE.name(KNOWN.name(file)) == MORE.name(file)
    hidden = MORE.name(file).replace(f"{METER}1", "").replace(f"x{EXCHANGED}", "")
    assert not any(text in hidden for text in (WHO, METER, EXCHANGED))


@pytest.mark.parametrize("serial", [METER, EXCHANGED, "123456", "00310815", "20211301", "18500101", "19E5008523"])
def test_a_serial_number_is_hidden(serial: str) -> None:
    assert can_be_hidden(serial)


@pytest.mark.parametrize(
    "serial",
    [
        "",
        "01",
        "2021",
        "Z1234",
        "unknown",
        "202106",
        "210601",
        "20210601",
        "01062021",
        "2021-06-01",
        "2021-06-01 10:00:00",
    ],
)
def test_what_is_too_short_or_a_word_or_a_date_is_no_serial_number_that_can_be_hidden(serial: str) -> None:
    assert not can_be_hidden(serial)
