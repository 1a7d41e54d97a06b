"""Deliveries as they happen: late, twice, corrected, renamed, half-written, taken away, and loaded by many at once."""

import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from meter_platform.feeds.files import Beside, ListedFile, ReadingFolder
from meter_platform.sample.generate import generate
from meter_platform.sample.plan import SamplePlan
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database, open_database
from meter_platform.warehouse.partitions import StoreReport
from meter_platform_tests.databases import empty
from meter_platform_tests.ingestion import delivered
from meter_platform_tests.ingestion.delivered import OLD, DeliveryFolder, everything, stored_tables
from meter_platform_tests.ingestion.loader import Loader
from meter_platform_tests.ingestion.oracle import AFTER, CHANGE, DATES, EVE, Row

NOON = '"2021-10-30 12:00:00"'
MIDNIGHT = '"2021-10-31 00:00:00"'
LATER = '"2021-11-01 00:00:00"'


def reading(value: str, *, time: str = NOON, meterpoint: str = '"a"') -> Row:
    return Row(meterpoint, time, value)


@dataclass
class Platform:
    """Loads from one folder into one database."""

    database: Database
    settings: Settings
    folder: DeliveryFolder

    def load(self, *dates: date) -> StoreReport:
        return delivered.load(self.database, self.settings, self.folder.path, dates or DATES)

    def scan(self) -> None:
        delivered.scan(self.database, self.settings, self.folder.path)

    def values(self) -> dict[tuple[str, datetime], float]:
        """What is stored now, for people: other tests hold the digits."""
        return {
            (meterpoint, start): float(value) for meterpoint, start, _, value, *_ in stored_tables(self.database).stored
        }

    def counts(self, name: str, version: int = 1) -> dict[str, int]:
        """What became of the rows of a file version."""
        counts = vars(stored_tables(self.database).counts[self.folder.url(name), version])
        return {fate: rows for fate, rows in counts.items() if rows and fate != "rows"}

    def fetch(self, query: str) -> list[tuple[Any, ...]]:
        with self.database.connect() as connection:
            return connection.execute(query.encode()).fetchall()


@pytest.fixture
def platform(database: Database, settings: Settings, folder: DeliveryFolder) -> Platform:
    return Platform(database, settings, folder)


def test_a_file_is_read_once_and_stored_once(platform: Platform) -> None:
    platform.folder.write("a.json", [reading("0.1"), reading("0.2", time=MIDNIGHT), reading("-1")])
    report = platform.load()
    assert report.rows_per_date == {EVE: 1, CHANGE: 1, AFTER: 0}
    assert report.unchanged == {AFTER}
    assert (report.facts["files_listed"], report.facts["files_read"]) == (1, 1)
    assert (report.facts["rows_read"], report.facts["rows_rejected"]) == (3, 1)
    before = everything(platform.database)
    again = platform.load()
    assert again.rows_per_date == report.rows_per_date
    assert again.unchanged == set(DATES)
    assert (again.facts["files_listed"], again.facts["files_read"]) == (1, 0)
    assert everything(platform.database) == before


def test_a_load_of_one_date_leaves_the_rest_of_the_file_for_later(platform: Platform) -> None:
    platform.folder.write("a.json", [reading("0.1"), reading("0.2", time=MIDNIGHT), reading("0.3", time=LATER)])
    platform.load(CHANGE)
    assert platform.counts("a.json") == {"stored": 1, "pending": 2}
    platform.load(EVE)
    assert platform.counts("a.json") == {"stored": 2, "pending": 1}
    platform.load(EVE, CHANGE, AFTER)
    assert platform.counts("a.json") == {"stored": 3}
    assert sorted(platform.values().values()) == [0.1, 0.2, 0.3]


def test_dates_may_be_given_in_any_order(platform: Platform) -> None:
    platform.folder.write("a.json", [reading("0.1"), reading("0.2", time=MIDNIGHT), reading("0.3", time=LATER)])
    assert platform.load(AFTER, EVE, CHANGE).rows_per_date == {AFTER: 1, EVE: 1, CHANGE: 1}


def test_a_folder_may_be_empty(platform: Platform) -> None:
    report = platform.load()
    assert report.rows_per_date == dict.fromkeys(DATES, 0)
    assert report.unchanged == set(DATES)
    assert everything(platform.database)["source_file_versions"] == []


def test_a_file_may_hold_no_rows(platform: Platform) -> None:
    platform.folder.write("a.json", [])
    platform.load()
    assert platform.fetch("SELECT outcome, rows_in_file, rows_per_reference_date FROM raw_data.source_files") == [
        ("read", 0, {})
    ]


def test_what_is_delivered_twice_counts_once(platform: Platform) -> None:
    rows = [reading("0.1"), reading("0.2", time=MIDNIGHT)]
    platform.folder.write("a.json", rows)
    platform.load()
    platform.folder.write("b.json", rows, modified=OLD + 5)
    platform.load()
    assert platform.counts("a.json") == {"stored": 2}
    assert platform.counts("b.json") == {"redelivered": 2}


def test_a_row_twice_in_one_file_counts_once(platform: Platform) -> None:
    platform.folder.write("a.json", [reading("0.1"), reading("0.10"), reading("0.1")])
    platform.load()
    assert platform.counts("a.json") == {"stored": 1, "redelivered": 2}
    assert [row[5] for row in stored_tables(platform.database).stored] == [1], "the first is stored"


def test_a_correction_replaces_the_value_and_keeps_it_on_record(platform: Platform) -> None:
    platform.folder.write("a.json", [reading("0.1"), reading("0.2", time=MIDNIGHT)])
    platform.load()
    platform.folder.write("a.json", [reading("0.5"), reading("0.2", time=MIDNIGHT)], modified=OLD + 5)
    report = platform.load()
    assert report.unchanged == {AFTER}
    assert sorted(platform.values().values()) == [0.2, 0.5]
    assert platform.counts("a.json", 1) == {"stored": 1, "replaced": 1}
    assert platform.counts("a.json", 2) == {"stored": 1, "redelivered": 1}
    (((_, _, _, value, first, *_), replacement),) = stored_tables(platform.database).superseded
    assert (value, first[1], replacement[1]) == (Decimal("0.1"), 1, 2)


def test_a_correction_may_be_taken_back(platform: Platform) -> None:
    for value in ("0.1", "0.5", "0.1"):
        platform.folder.write("a.json", [reading(value)])
        platform.load()
    assert list(platform.values().values()) == [0.1]
    assert platform.counts("a.json", 1) == {"stored": 1}
    assert platform.counts("a.json", 2) == {"replaced": 1}
    assert platform.counts("a.json", 3) == {"redelivered": 1}


def test_two_values_for_a_half_hour_in_one_file_are_both_kept_out(platform: Platform) -> None:
    platform.folder.write(
        "a.json", [reading("0.1"), reading("0.5"), reading("0.1"), reading("0.3", meterpoint='"b"'), reading("0.1")]
    )
    platform.load()
    assert platform.values() == {("b", datetime(2021, 10, 30, 11, tzinfo=UTC)): 0.3}
    assert platform.counts("a.json") == {"stored": 1, "rejected": 4}
    assert platform.fetch(
        "SELECT source_position, raw_text, reason, detail FROM raw_data.rejected_readings ORDER BY 1"
    )[:2] == [
        (
            position,
            f'["a", {NOON}, {value}]',
            "conflict_in_file",
            f"row {other} of the file gives the same half hour another value, and neither is certain",
        )
        for position, value, other in [(1, "0.1", 2), (2, "0.5", 1)]
    ]


def test_a_half_hour_twice_in_a_file_with_one_value_is_a_redelivery(platform: Platform) -> None:
    platform.folder.write("a.json", [reading("0.3"), reading("0.30"), reading("0.30000000000000004441")])
    platform.load()
    assert list(platform.values().values()) == [0.3]
    assert platform.counts("a.json") == {"stored": 1, "redelivered": 2}


def test_what_another_file_says_of_a_half_hour_counts_when_one_contradicts_itself(platform: Platform) -> None:
    platform.folder.write("a.json", [reading("0.2")])
    platform.load()
    platform.folder.write("b.json", [reading("0.1"), reading("0.5")], modified=OLD + 1)
    platform.scan()
    platform.load()
    assert list(platform.values().values()) == [0.2]
    assert platform.counts("a.json") == {"stored": 1}
    assert platform.counts("b.json") == {"rejected": 2}


def test_a_day_that_stands_twice_in_a_file_once_as_zeros_is_kept_out(platform: Platform) -> None:
    times = [f'"2021-10-30 {hour:02}:{minute}:00"' for hour in range(24) for minute in ("00", "30")]
    real = ["0" if number % 6 == 0 else f"0.{number}" for number in range(48)]
    day = [reading(value, time=time) for time, value in zip(times, real, strict=True)]
    platform.folder.write("a.json", [*day, *(reading("0", time=time) for time in times)])
    platform.load()
    assert set(platform.values().values()) == {0.0}
    assert platform.counts("a.json") == {"stored": 8, "redelivered": 8, "rejected": 80}


def test_a_modification_time_that_lies_ahead_wins_over_no_later_delivery(platform: Platform) -> None:
    ahead = int((datetime.now(UTC) + timedelta(days=1)).timestamp() * 1_000_000)
    platform.folder.write("a.json", [reading("0.1")], modified=ahead)
    platform.load()
    now = int(datetime.now(UTC).timestamp() * 1_000_000)
    platform.folder.write("b.json", [reading("0.3")], modified=now)
    platform.load()
    assert list(platform.values().values()) == [0.3]
    assert platform.counts("a.json") == {"replaced": 1}
    platform.folder.write("a.json", [reading("0.4")], modified=ahead + 1)
    platform.load()
    assert list(platform.values().values()) == [0.4]
    assert platform.fetch(
        "SELECT bool_and(delivered_at <= now()), count(*) FILTER (WHERE modified_at > now()) FROM raw_data.source_files"
    ) == [(True, 2)]


def test_a_malformed_file_from_the_future_is_not_being_written_for_ever(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meter_platform.feeds.reading.SETTLE_SECONDS", 30.0)
    ahead = int((datetime.now(UTC) + timedelta(days=1)).timestamp() * 1_000_000)
    platform.folder.damage("a.json", "truncated", modified=ahead)
    report = delivered.scan(platform.database, platform.settings, platform.folder.path)
    assert report.growing == [platform.folder.url("a.json")], "it was changed a moment ago"
    monkeypatch.setattr("meter_platform.feeds.reading.SETTLE_SECONDS", 0.01)
    time.sleep(0.02)
    report = delivered.scan(platform.database, platform.settings, platform.folder.path)
    assert (report.growing, len(report.malformed)) == ([], 1)


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_the_file_with_the_newer_modification_time_counts_whichever_was_loaded_first(
    platform: Platform, order: tuple[str, str]
) -> None:
    files = {"a": ("0.1", OLD), "b": ("0.5", OLD + 1)}
    for name in order:
        value, modified = files[name]
        platform.folder.write(f"{name}.json", [reading(value)], modified=modified)
        platform.load()
    assert list(platform.values().values()) == [0.5]
    assert platform.counts("a.json") == {"replaced": 1}
    assert platform.counts("b.json") == {"stored": 1}


def test_of_files_of_the_same_moment_the_later_url_counts(platform: Platform) -> None:
    platform.folder.write("b.json", [reading("0.5")])
    platform.folder.write("a.json", [reading("0.1")])
    platform.load()
    assert list(platform.values().values()) == [0.5]


def test_a_version_is_newer_than_the_one_before_whatever_its_modification_time(platform: Platform) -> None:
    platform.folder.write("a.json", [reading("0.1")], modified=OLD)
    platform.load()
    platform.folder.write("a.json", [reading("0.5")], modified=OLD - 10**12)
    platform.load()
    assert list(platform.values().values()) == [0.5]


def test_an_old_file_that_comes_late_is_not_missed(platform: Platform) -> None:
    platform.folder.write("new.json", [reading("0.1")], modified=OLD)
    platform.load()
    platform.folder.write("old.json", [reading("0.2", time=LATER)], modified=OLD - 10**13)
    assert platform.load().rows_per_date == {EVE: 1, CHANGE: 0, AFTER: 1}


def test_a_renamed_file_brings_nothing_new(platform: Platform) -> None:
    platform.folder.write("a.json", [reading("0.1")])
    platform.load()
    platform.folder.rename("a.json", "archive/a.json")
    platform.load()
    assert list(platform.values().values()) == [0.1]
    assert platform.counts("a.json") == {"stored": 1}
    assert platform.counts("archive/a.json") == {"redelivered": 1}


def test_a_touched_file_is_the_version_it_was(platform: Platform) -> None:
    platform.folder.write("a.json", [reading("0.1")])
    platform.load()
    platform.folder.touch("a.json", modified=OLD + 99)
    report = platform.load()
    assert report.unchanged == set(DATES)
    assert report.facts["files_read"] == 0
    assert platform.fetch("SELECT count(*), max(delivered_at) < now() FROM raw_data.source_files") == [(1, True)]
    platform.scan()
    assert platform.counts("a.json") == {"stored": 1}


def test_a_touched_file_brings_the_dates_that_wait(platform: Platform) -> None:
    platform.folder.write("a.json", [reading("0.1"), reading("0.2", time=MIDNIGHT), reading("-1")])
    platform.load(EVE)
    platform.folder.touch("a.json", modified=OLD + 99)
    report = platform.load(EVE, CHANGE)
    assert report.rows_per_date == {EVE: 1, CHANGE: 1}
    assert "files_gone_before_they_were_loaded" not in report.facts
    assert platform.counts("a.json") == {"stored": 2, "rejected": 1}


def test_a_file_that_goes_away_takes_nothing_with_it(platform: Platform) -> None:
    platform.folder.write("a.json", [reading("0.1"), reading("0.2", time=MIDNIGHT)])
    platform.load(EVE)
    before = everything(platform.database)
    platform.folder.delete("a.json")
    assert platform.load(EVE).unchanged == {EVE}
    assert everything(platform.database) == before
    report = platform.load(CHANGE)
    assert report.rows_per_date == {CHANGE: 0}
    assert report.facts["files_gone_before_they_were_loaded"] == ["source file 1"]
    assert platform.counts("a.json") == {"stored": 1, "pending": 1}


def test_a_file_that_comes_back_brings_what_was_missing(platform: Platform) -> None:
    rows = [reading("0.1"), reading("0.2", time=MIDNIGHT)]
    platform.folder.write("a.json", rows)
    platform.load(EVE)
    platform.folder.delete("a.json")
    platform.load(CHANGE)
    platform.folder.write("a.json", rows)
    assert platform.load(CHANGE).rows_per_date == {CHANGE: 1}
    assert platform.counts("a.json") == {"stored": 2}


def test_a_half_written_file_is_left_for_the_next_scan(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meter_platform.feeds.reading.SETTLE_SECONDS", 30.0)
    path = platform.folder.path / "a.json"
    whole = delivered.document([reading("0.1"), reading("0.1")])
    path.write_bytes(whole[:-20])
    report = delivered.scan(platform.database, platform.settings, platform.folder.path)
    assert report.growing == [platform.folder.url("a.json")]
    assert everything(platform.database)["source_file_versions"] == []
    path.write_bytes(whole)
    assert platform.load(EVE).rows_per_date == {EVE: 1}
    assert platform.fetch("SELECT outcome, rows_in_file FROM raw_data.source_files") == [("read", 2)]


def test_a_file_that_stays_half_is_quarantined_until_it_is_whole(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meter_platform.feeds.reading.SETTLE_SECONDS", 0.3)
    path = platform.folder.path / "a.json"
    whole = delivered.document([reading("-1"), reading("0.1")])
    path.write_bytes(whole[:-3])
    report = platform.load(EVE)
    assert report.facts["files_quarantined"] == 1
    assert everything(platform.database)["rejected_readings"] == []
    assert platform.load(EVE).facts["files_read"] == 0, "it is not tried again as it is"
    path.write_bytes(whole)
    assert platform.load(EVE).rows_per_date == {EVE: 1}
    assert platform.fetch("SELECT outcome FROM raw_data.source_files ORDER BY delivered_at") == [
        ("malformed",),
        ("read",),
    ]


class MeanwhileFolder(ReadingFolder):
    """A folder in which someone does something right after it was listed."""

    def __init__(self, path: Path, meanwhile: Any) -> None:  # noqa: ANN401 - a callable
        super().__init__(str(path))
        object.__setattr__(self, "meanwhile", meanwhile)

    def files_in(self, path: str, beside: Beside) -> Iterator[ListedFile]:
        yield from super().files_in(path, beside)
        self.meanwhile()


def test_a_known_file_that_is_overwritten_while_it_is_loaded_again_keeps_its_account(platform: Platform) -> None:
    platform.folder.write("a.json", [reading("0.1"), reading("0.2", time=MIDNIGHT), reading("-1")])
    platform.load(EVE)

    def overwrite() -> None:
        platform.folder.write("a.json", [reading("0.3", time=MIDNIGHT)], modified=OLD + 5)

    folder = MeanwhileFolder(platform.folder.path, overwrite)
    report = delivered.ReadingsLoad(platform.settings, folder, log=lambda _: None).store(platform.database, [CHANGE])
    assert report.rows_per_date == {CHANGE: 0}
    assert report.facts["files_gone_before_they_were_loaded"] == ["source file 1"]
    assert platform.counts("a.json") == {"stored": 1, "rejected": 1, "pending": 1}
    assert platform.load(CHANGE).rows_per_date == {CHANGE: 1}
    assert platform.counts("a.json", 1) == {"stored": 1, "rejected": 1, "pending": 1}
    assert platform.counts("a.json", 2) == {"stored": 1}


def test_a_known_file_that_is_spoilt_or_taken_away_while_it_is_loaded_again_keeps_its_account(
    platform: Platform,
) -> None:
    rows = [reading("0.1"), reading("0.2", time=MIDNIGHT), reading("-1")]
    platform.folder.write("a.json", rows)
    platform.folder.write("b.json", rows)
    platform.load(EVE)

    def spoil() -> None:
        platform.folder.damage("a.json", "truncated")
        platform.folder.delete("b.json")

    folder = MeanwhileFolder(platform.folder.path, spoil)
    delivered.ReadingsLoad(platform.settings, folder, log=lambda _: None).store(platform.database, [CHANGE])
    assert platform.counts("a.json") == {"stored": 1, "rejected": 1, "pending": 1}
    assert platform.counts("b.json") == {"redelivered": 1, "rejected": 1, "pending": 1}


def test_a_new_file_that_vanishes_before_it_is_read_never_was(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meter_platform.feeds.reading.SETTLE_SECONDS", 0.1)
    platform.folder.write("a.json", [reading("0.1")])
    platform.folder.write("b.json", [reading("0.2", meterpoint='"b"')])
    folder = MeanwhileFolder(platform.folder.path, lambda: platform.folder.delete("a.json"))
    report = delivered.ReadingsLoad(platform.settings, folder, log=lambda _: None).store(platform.database, [EVE])
    assert report.rows_per_date == {EVE: 1}
    assert platform.fetch("SELECT url FROM raw_data.source_files") == [(platform.folder.url("b.json"),)]


def test_an_earlier_first_date_does_not_unsettle_what_is_known(platform: Platform) -> None:
    platform.settings = platform.settings.replace(first_reference_date=CHANGE)
    platform.folder.write("a.json", [reading("0.1"), reading("0.2", time=MIDNIGHT), reading("0.3", time=LATER)])
    platform.load(CHANGE)
    platform.settings = platform.settings.replace(first_reference_date=date(2021, 1, 1))
    platform.load()
    assert platform.counts("a.json") == {"stored": 2, "rejected": 1}


def test_a_scan_that_is_cut_short_goes_on_with_the_next(platform: Platform) -> None:
    for number in range(5):
        platform.folder.write(f"{number}.json", [reading("0.1", meterpoint=f'"{number}"')], modified=OLD + number)
    report = delivered.scan(platform.database, platform.settings, platform.folder.path, most=2)
    assert (report.files_listed, report.files_read, report.left) == (5, 2, 3)
    report = delivered.scan(platform.database, platform.settings, platform.folder.path)
    assert (report.files_read, report.left) == (3, 0)
    assert platform.load(EVE).rows_per_date == {EVE: 5}


def test_a_broken_load_leaves_everything_as_it_was(platform: Platform) -> None:
    platform.folder.write("a.json", [reading("0.1")])
    platform.load()
    before = everything(platform.database)
    platform.folder.write("b.json", [reading("0.5")], modified=OLD + 5)

    def log(_: str) -> None:
        raise RuntimeError("the run was ended")

    with pytest.raises(RuntimeError, match="ended"):
        delivered.ReadingsLoad(platform.settings, ReadingFolder(str(platform.folder.path)), log=log).store(
            platform.database, [EVE, CHANGE]
        )
    stored = everything(platform.database)
    # The first date was finished before it said so: it is whole.
    assert stored["raw_meter_readings"] != before["raw_meter_readings"]
    platform.load()
    assert platform.counts("a.json") == {"replaced": 1}
    assert platform.counts("b.json") == {"stored": 1}


def test_no_row_is_stored_of_a_file_that_cannot_be_put_on_record(platform: Platform) -> None:
    platform.folder.write("a.json", [reading("0.1")])
    platform.load()
    before = everything(platform.database)
    platform.folder.write("b.json", [reading("0.5", meterpoint='"b"')])
    constraint = "raw_data.source_file_versions {} CONSTRAINT refuses_all"
    with platform.database.connect() as connection:
        connection.execute(f"ALTER TABLE {constraint.format('ADD')} CHECK (false) NOT VALID")

    with pytest.raises(psycopg.errors.CheckViolation):
        platform.load()
    assert everything(platform.database) == before

    with platform.database.connect() as connection:
        connection.execute(f"ALTER TABLE {constraint.format('DROP')}")
    platform.load()
    assert platform.counts("b.json") == {"stored": 1}


def test_no_table_is_left_behind(platform: Platform) -> None:
    for value in ("0.1", "0.2", "0.3"):
        platform.folder.write("a.json", [reading(value), reading(value, time=MIDNIGHT)])
        platform.load(EVE)
        platform.load(EVE, CHANGE)
    children = "FROM pg_class WHERE relnamespace = 'raw_data_partitions'::regnamespace AND relkind = 'r'"
    assert platform.fetch(f"SELECT count(*), count(*) FILTER (WHERE relispartition) {children}") == [(2, 2)]


# Several processes

SAMPLE_DATES = [date(2021, 10, 29) + timedelta(days=number) for number in range(5)]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five days of 40 meterpoints in 20 files, each of which holds all days, and a correction of some of them."""
    folder = tmp_path_factory.mktemp("sample")
    generate(SamplePlan(meterpoints=40, first=SAMPLE_DATES[0], last=SAMPLE_DATES[-1], files=20), folder)
    files = sorted((folder / "readings").iterdir())
    for number, path in enumerate(files):
        os.utime(path, (OLD // 10**6 + number, OLD // 10**6 + number))
    for path in files[::4]:
        corrected = path.with_stem(f"{path.stem}-corrected")
        corrected.write_text(path.read_text().replace("0.1", "0.2"))
        os.utime(corrected, (OLD // 10**6 + 1000, OLD // 10**6 + 1000))
    return folder / "readings"


@pytest.fixture(scope="module")
def quietly_loaded(sample: Path, home: Path) -> Any:  # noqa: ANN401 - the oracle's tables
    """What one load in peace makes of the sample."""
    database = open_database(Settings(home=home))
    empty(database)
    Loader(database, sample).run(SAMPLE_DATES)
    return stored_tables(database)


@pytest.fixture
def loader(quietly_loaded: Any, sample: Path, database: Database) -> Loader:  # noqa: ANN401, ARG001
    """Loads of the sample, with nothing loaded."""
    return Loader(database, sample)


@pytest.mark.whole
@pytest.mark.parametrize(
    "loads",
    [
        pytest.param([SAMPLE_DATES[:3], SAMPLE_DATES[2:], SAMPLE_DATES[::4]], id="some dates"),
        pytest.param([[day] for day in SAMPLE_DATES], id="a date each"),
    ],
)
def test_loads_at_the_same_time_give_what_one_load_gives(
    loader: Loader,
    database: Database,
    quietly_loaded: Any,  # noqa: ANN401
    loads: list[list[date]],
) -> None:
    loader.run(*loads)

    assert stored_tables(database) == quietly_loaded


@pytest.mark.whole
def test_of_loads_of_the_same_dates_at_the_same_time_one_reads_the_files(
    loader: Loader,
    database: Database,
    quietly_loaded: Any,  # noqa: ANN401
    sample: Path,
) -> None:
    outcomes = loader.run(SAMPLE_DATES, SAMPLE_DATES, SAMPLE_DATES)

    assert stored_tables(database) == quietly_loaded
    read = [outcome.facts and outcome.facts["files_read"] for outcome in outcomes]
    assert sorted(read) == [0, 0, len(list(sample.iterdir()))], "a file was read twice to learn the same"


@pytest.mark.parametrize(
    "before",
    [
        pytest.param([], id="first loads at once"),
        pytest.param(SAMPLE_DATES[:1], id="dates one by one"),
    ],
)
@pytest.mark.whole
def test_a_load_that_is_killed_at_any_moment_leaves_whole_dates_and_the_next_completes_them(
    loader: Loader,
    database: Database,
    quietly_loaded: Any,  # noqa: ANN401
    before: list[date],
) -> None:
    loader.run(SAMPLE_DATES)  # the first starts what the others are forked from
    empty(database)
    (whole,) = loader.run(SAMPLE_DATES)
    moments = random.Random(2021)  # noqa: S311 - not for secrets
    full = {day: sum(stored[2] == day for stored in quietly_loaded.stored) for day in SAMPLE_DATES}
    seen: set[tuple[int, ...]] = set()
    counts = full
    for number in range(40):
        if all(counts.values()):
            empty(database)
            if before:
                loader.run(before)
        others = [[SAMPLE_DATES[2]]] if number % 4 == 3 else []
        # Another load may take longer than the one that was measured.
        loader.run(SAMPLE_DATES, *others, kill_after=moments.uniform(whole.seconds / 4, 2 * whole.seconds))
        now = stored_tables(database)
        counts = {day: sum(stored[2] == day for stored in now.stored) for day in SAMPLE_DATES}
        assert all(count in {0, full[day]} for day, count in counts.items())
        assert now.stored <= quietly_loaded.stored
        seen.add(tuple(counts.values()))
        # More where the machine is so busy that none of them came to store anything.
        if number >= 5 and len(seen) > 1:
            break
    assert len(seen) > 1, "no load was killed while it stored anything"
    loader.run(SAMPLE_DATES)
    assert stored_tables(database) == quietly_loaded
