"""Files that are read again under other rules: every table is as if those rules had always held."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import dagster as dg
import pyarrow as pa
import pytest
from click.testing import CliRunner
from hypothesis import Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from psycopg import sql

from meter_platform.cli import main
from meter_platform.contracts import readings
from meter_platform.errors import WithdrawalError
from meter_platform.feeds import bulk_validation, validation
from meter_platform.feeds.files import ReadingFolder
from meter_platform.feeds.reading_rules import reading_rules
from meter_platform.ingestion import merge
from meter_platform.ingestion.reread import Reread, reread
from meter_platform.ingestion.withdraw import undo, withdraw
from meter_platform.orchestration.checks.deliveries import read_under_other_rules
from meter_platform.orchestration.checks.finding import Inspection
from meter_platform.settings import PREFIX, Settings
from meter_platform.settlement import days
from meter_platform.warehouse.database import Database, open_database
from meter_platform.warehouse.tables import TABLES
from meter_platform_tests.databases import empty
from meter_platform_tests.ingestion import delivered
from meter_platform_tests.ingestion.delivered import OLD, DeliveryFolder, everything, interrupted_at_the_second_date
from meter_platform_tests.ingestion.oracle import AFTER, CHANGE, EVE, GOOD_TIMES, Row
from meter_platform_tests.market import Agreement, Market, dagster_on_postgres, day_of

NOON, LATE, MIDNIGHT = '"2021-10-30 12:00:00"', '"2021-10-30 23:30:00"', '"2021-10-31 00:00:00"'

ALL_DATES: Final = list(days(date(2021, 10, 28), date(2021, 11, 2)))
"""Every date that a row of these tests may be of, whatever the zone."""

STAMPS: Final = {"loaded_at", "replaced_at", "seen_at", "withdrawn_at", "looked_at", "failed_at", "noticed_at"}
NUMBERS: Final = {"source_file_id", "replaced_by_source_file_id"}


@dataclass(frozen=True)
class Rules:
    """Rules to read files under, where they are not the usual ones."""

    limit: int = 24
    settings: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def hold(self, settings: Settings) -> Iterator[Settings]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(readings, "IMPOSSIBLE_KWH", self.limit)
            patch.setattr(validation, "IMPOSSIBLE_KWH", self.limit)
            most = pa.scalar(Decimal(self.limit), bulk_validation._MOST_KWH.type)  # noqa: SLF001 - made on import
            patch.setattr(bulk_validation, "_MOST_KWH", most)
            yield settings.replace(**self.settings)


USUAL: Final = Rules()

CHANGES: Final = {
    "a raised limit": (Rules(limit=10), USUAL),
    "a lowered limit": (USUAL, Rules(limit=10)),
    "another zone": (USUAL, Rules(settings={"timezone": "America/New_York"})),
    "another label": (USUAL, Rules(settings={"interval_label": "end"})),
    "an earlier first date": (Rules(settings={"first_reference_date": CHANGE}), USUAL),
    "a later first date": (USUAL, Rules(settings={"first_reference_date": CHANGE})),
}


@dataclass
class Platform:
    """Files that are delivered, loaded and read again."""

    database: Database
    settings: Settings
    folder: DeliveryFolder

    def deliver(self, name: str, *rows: tuple[str, str], modified: int = OLD) -> None:
        self.folder.write(name, [Row('"a"', time, value) for time, value in rows], modified=modified)

    def load(self, *dates: date) -> None:
        delivered.load(self.database, self.settings, self.folder.path, dates or ALL_DATES)

    def scan(self) -> None:
        delivered.scan(self.database, self.settings, self.folder.path)

    def reread(self, **chosen: Any) -> Reread:  # noqa: ANN401 - as of the function
        return reread(self.database, self.settings, ReadingFolder(str(self.folder.path)), **chosen)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.database.connect() as connection:
            return connection.execute(query.encode()).fetchall()

    def values(self) -> dict[date, list[str]]:
        found: dict[date, list[str]] = {}
        for day, value in self.rows(
            "SELECT reference_date, trim_scale(consumption_delta)::text FROM raw_data.raw_meter_readings ORDER BY 1, 2"
        ):
            found.setdefault(day, []).append(value)
        return found

    def withdraw(self, url: str) -> None:
        ((number,),) = self.rows(f"SELECT source_file_id FROM raw_data.source_files WHERE url = '{url}'")  # noqa: S608
        withdraw(self.database, number)

    def undo_all(self) -> None:
        for (number,) in self.rows("SELECT source_file_id FROM raw_data.withdrawals WHERE undone_at IS NULL"):
            if self.rows(f"SELECT FROM raw_data.source_files WHERE source_file_id = {number} AND outcome = 'read'"):
                undo(self.database, number)

    def make_sure_all_is_accounted_for(self) -> None:
        assert (
            self.rows(
                "SELECT url FROM raw_data.source_files WHERE rows_in_file <> rows_stored + rows_rejected + rows_redelivered "
                "+ rows_replaced + rows_withdrawn + rows_pending"
            )
            == []
        )
        for table, column in (
            ("raw_meter_readings", "rows_stored"),
            ("superseded_readings", "rows_replaced"),
            ("rejected_readings", "rows_rejected"),
        ):
            assert (
                self.rows(
                    f"SELECT url FROM raw_data.source_files WHERE {column} <> "  # noqa: S608 - of this test
                    f"(SELECT count(*) FROM raw_data.{table} AS row WHERE row.source_file_id = source_files.source_file_id)"
                )
                == []
            ), table

    def comparable(self) -> dict[str, list[str]]:
        """Every raw table, with files by their names, without stamps and numbers of the platform's own."""
        urls = dict(self.rows("SELECT source_file_id, url FROM raw_data.source_file_versions"))
        found: dict[str, list[str]] = {}
        with self.database.connect() as connection:
            for table in TABLES:
                if table.schema != "raw_data" or table.name in {
                    "withdrawals",
                    "partition_versions",
                    "changes_in_place",
                    "scanned_folders",
                }:
                    continue
                rows = connection.execute(sql.SQL("SELECT to_jsonb(t) FROM {} AS t").format(table.identifier))
                found[table.name] = sorted(_comparable(row, urls) for (row,) in rows)
        found["partition_versions"] = [
            str(row)
            for row in self.rows(
                "SELECT reference_date, table_name, rows_stored FROM raw_data.partition_versions "
                "WHERE rows_stored > 0 ORDER BY 1, 2"
            )
        ]
        return found


def _comparable(row: dict[str, Any], urls: dict[int, str]) -> str:
    loaded = "loaded_at" in row and row["loaded_at"] is not None
    kept = {
        name: urls[value] if name in NUMBERS else value
        for name, value in row.items()
        if name not in STAMPS and name != "withdrawal_id"
    }
    return json.dumps(kept | {"loaded": loaded}, sort_keys=True)


@pytest.fixture
def platform(database: Database, settings: Settings, folder: DeliveryFolder) -> Platform:
    return Platform(database, settings, folder)


# As if the rules had always held

good_times = list(GOOD_TIMES)
rows = st.lists(
    st.builds(
        Row,
        st.sampled_from(['"a"', '"a"', '"b"', '""']),
        st.sampled_from([*good_times, *good_times, LATE, MIDNIGHT, '"2021-10-31 03:30:00"', '"2021-10-30 12:37:27"']),
        st.sampled_from(["0.1", "0.2", "0.1", "12.5", "9.5", "24.5", "null"]),
    ),
    min_size=1,
    max_size=8,
)
# Some files are held back under one of the limits.
rows = st.one_of(
    rows,
    rows,
    st.builds(lambda few, fault: few + [fault] * 22, rows, st.sampled_from([Row('"c"', NOON, "12.5")])),
)
deliveries = st.lists(
    st.tuples(
        rows,
        st.sampled_from([OLD, OLD, OLD + 1, OLD - 10**9]),
        st.one_of(
            st.just("scan"),
            st.just("nothing"),
            st.lists(st.sampled_from([EVE, CHANGE, AFTER]), min_size=1, max_size=3, unique=True).map(sorted),
        ),
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("examples", [3, pytest.param(15, marks=pytest.mark.whole)])
def test_every_table_is_that_of_a_database_loaded_anew_under_the_new_rules(platform: Platform, examples: int) -> None:
    @hypothesis_settings(max_examples=examples, phases=[Phase.explicit, Phase.reuse, Phase.generate])
    @given(st.sampled_from(list(CHANGES)), deliveries, st.one_of(st.none(), st.integers(0, 3)))
    def as_loaded_anew(change: str, delivered: list[tuple[list[Row], int, Any]], taken_back: int | None) -> None:
        assert_as_loaded_anew(platform, change, delivered, taken_back)

    as_loaded_anew()


def assert_as_loaded_anew(
    platform: Platform, change: str, deliveries: list[tuple[list[Row], int, Any]], taken_back: int | None
) -> None:
    """Reads files again under new rules, takes that back, and loads a database anew."""
    usual = platform.settings
    try:
        before, after = CHANGES[change]
        empty(platform.database)
        platform.folder.clear()
        withdrawn: str | None = None
        with before.hold(usual) as platform.settings:
            for number, (content, modified, action) in enumerate(deliveries):
                platform.folder.write(f"{number}.json", content, modified=modified)
                if action == "scan":
                    platform.scan()
                elif action != "nothing":
                    platform.load(*action)
            if taken_back is not None:
                platform.load()
                withdrawn = platform.folder.url(f"{taken_back % len(deliveries)}.json")
                try:
                    platform.withdraw(withdrawn)
                except WithdrawalError:
                    withdrawn = None  # the file is held back
        with after.hold(usual) as platform.settings:
            platform.reread()
            platform.make_sure_all_is_accounted_for()
            platform.load()
            platform.make_sure_all_is_accounted_for()
            reread_tables = platform.comparable()
            assert platform.reread().files == 0
            platform.undo_all()
            platform.load()
            undone_tables = platform.comparable()

            empty(platform.database)
            platform.load()
            loaded_anew = platform.comparable()
            if withdrawn:
                with suppress(WithdrawalError):  # it is held back under the new rules
                    platform.withdraw(withdrawn)
            for name, expected in platform.comparable().items():
                assert reread_tables[name] == expected, name
            for name, expected in loaded_anew.items():
                assert undone_tables[name] == expected, name
    finally:
        platform.settings = usual


def test_a_raised_limit_lets_a_value_through_that_corrects_another(platform: Platform) -> None:
    platform.deliver("a.json", (NOON, "0.1"), (MIDNIGHT, "0.2"))
    platform.deliver("b.json", (NOON, "12.5"), modified=OLD + 1)
    with Rules(limit=10).hold(platform.settings):
        platform.load()
        assert platform.values() == {EVE: ["0.1"], CHANGE: ["0.2"]}
    found = platform.reread()
    assert (found.files, found.gone, found.rows_in, found.rows_out) == (2, 0, 0, 0)
    assert (found.rejected_before, found.rejected_now) == (1, 0)
    assert (found.dates, found.waiting) == ([EVE], [EVE]), "b.json had no rows, of which none was loaded"
    platform.load(EVE)
    assert platform.values() == {EVE: ["12.5"], CHANGE: ["0.2"]}
    assert platform.rows("SELECT trim_scale(consumption_delta)::text FROM raw_data.superseded_readings") == [("0.1",)]


def test_a_row_that_changes_its_date_is_in_one_table_of_dates_or_the_other_all_the_time(platform: Platform) -> None:
    platform.deliver("a.json", (NOON, "0.1"), (MIDNIGHT, "0.2"))
    platform.load()
    platform.settings = platform.settings.replace(interval_label="end")
    found = platform.reread()
    assert platform.values() == {EVE: ["0.1", "0.2"]}
    assert (found.rows_out, found.rows_in, found.dates, found.waiting) == (2, 2, [EVE, CHANGE], [])


def test_repeats_and_corrections_may_change_their_date_and_stay_on_record_where_their_file_is_gone(
    platform: Platform,
) -> None:
    one_in_utc = '"2021-10-31 01:00:00+00:00"'
    for number, value in enumerate(("0.1", "0.1", "0.2", "0.2")):
        platform.deliver(f"{number}.json", (one_in_utc, value), modified=OLD + number)
    platform.load()
    platform.folder.delete("1.json")
    platform.settings = platform.settings.replace(timezone="America/New_York")
    found = platform.reread()
    assert (found.files, found.gone, found.dates) == (3, 1, [EVE, CHANGE])
    assert platform.values() == {EVE: ["0.2"], CHANGE: ["0.1"]}
    platform.make_sure_all_is_accounted_for()


def test_rows_that_are_judged_as_before_are_left_as_they_are(platform: Platform) -> None:
    platform.deliver("a.json", (NOON, "0.1"), (MIDNIGHT, "0.2"))
    platform.load()
    before = everything(platform.database)
    platform.settings = platform.settings.replace(first_reference_date=date(2020, 1, 1))
    assert platform.reread().dates == []
    after = everything(platform.database)
    assert {name for name in after if after[name] != before[name]} == {"source_file_versions", "source_files"}


# Which files


def test_exactly_the_files_are_read_whose_rules_have_changed_and_that_are_asked_for(platform: Platform) -> None:
    with Rules(limit=10).hold(platform.settings):
        platform.deliver("noon.json", (NOON, "12.5"))
        platform.deliver("midnight.json", (MIDNIGHT, "12.5"), (NOON, "0.1"))
        platform.deliver("bad.json", ('"noon"', "0.1"))
        platform.load()
    platform.deliver("new.json", (MIDNIGHT, "0.1"))
    platform.load()
    assert platform.reread(reason="bad_time").files == 1
    assert platform.reread(first=CHANGE, last=CHANGE).files == 1
    assert platform.reread(first=AFTER).files == 0
    assert platform.reread(reason="impossible").files == 1
    assert platform.reread().files == 0
    assert platform.rows("SELECT DISTINCT reading_rules FROM raw_data.source_files") == [
        (reading_rules(platform.settings),)
    ]


def test_what_overwritten_and_deleted_files_delivered_stays_and_is_told(platform: Platform) -> None:
    with Rules(limit=10).hold(platform.settings):
        platform.deliver("pruned.json", (NOON, "12.5"), (MIDNIGHT, "0.1"))
        platform.deliver("overwritten.json", (LATE, "0.2"))
        platform.deliver("changed.json", ('"2021-11-01 00:00:00"', "0.4"))
        platform.load()
        platform.deliver("overwritten.json", (LATE, "0.3"), modified=OLD + 1)
        platform.load()
    platform.folder.delete("pruned.json")
    platform.deliver("changed.json", ('"2021-11-01 00:00:00"', "0.5"), modified=OLD + 1)
    before = everything(platform.database)
    found = platform.reread()
    assert (found.files, found.gone, found.dates) == (1, 3, [])
    after = everything(platform.database)
    assert {name for name in after if after[name] != before[name]} == {"source_file_versions", "source_files"}
    platform.load()
    assert platform.values() == {EVE: ["0.3"], CHANGE: ["0.1"], AFTER: ["0.5"]}


def test_files_of_which_nobody_knows_the_rules_are_read_again_once(platform: Platform) -> None:
    platform.deliver("a.json", (NOON, "0.1"))
    platform.load()
    with platform.database.connect() as connection:
        connection.execute("UPDATE raw_data.source_file_versions SET reading_rules = ''")
    assert platform.reread().files == 1
    assert platform.reread().files == 0


def test_rows_that_wait_under_other_rules_are_not_loaded_before_their_file_is_read_again(platform: Platform) -> None:
    platform.deliver("a.json", (NOON, "0.1"), (MIDNIGHT, "0.2"))
    platform.scan()
    platform.settings = platform.settings.replace(interval_label="end")
    platform.load()
    assert platform.values() == {}
    platform.make_sure_all_is_accounted_for()
    assert platform.reread().waiting == [EVE]
    platform.load()
    assert platform.values() == {EVE: ["0.1", "0.2"]}
    platform.make_sure_all_is_accounted_for()


# Interruptions


def test_one_that_is_interrupted_between_two_dates_has_changed_nothing_and_the_next_does_all(
    platform: Platform,
) -> None:
    platform.deliver("a.json", (NOON, "0.1"), (MIDNIGHT, "12.5"))
    platform.load()
    before = everything(platform.database)
    platform.settings = platform.settings.replace(interval_label="end")
    with interrupted_at_the_second_date():
        platform.reread()
    assert everything(platform.database) == before
    platform.reread()
    assert platform.values() == {EVE: ["0.1", "12.5"]}


def test_meanwhile_readers_see_what_was_stored_other_dates_load_and_loads_of_the_same_date_wait(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.deliver("a.json", (NOON, "0.1"), (MIDNIGHT, "0.2"))
    platform.load(EVE, CHANGE, AFTER)
    usual, resolve, seen = platform.settings, merge.resolve_in_place, []

    def meanwhile(*arguments: Any, **named: Any) -> None:  # noqa: ANN401 - as the function
        resolve(*arguments, **named)
        if len(seen) == 1:  # one date of two has changed
            with monkeypatch.context() as patch:
                patch.setattr(merge, "resolve_in_place", resolve)
                platform.deliver("b.json", ('"2021-11-01 12:00:00"', "0.3"))
                platform.load(AFTER)
        seen.append(platform.values())
        ((free,),) = platform.rows(
            f"SELECT pg_try_advisory_lock(hashtext('raw_data.raw_meter_readings'), {EVE.toordinal()})"
        )
        assert not free, "whoever loads this date waits"

    with monkeypatch.context() as patch:
        patch.setattr(merge, "resolve_in_place", meanwhile)
        platform.settings = usual.replace(interval_label="end")
        platform.reread()
    before = {EVE: ["0.1"], CHANGE: ["0.2"]}
    assert seen == [before, before | {AFTER: ["0.3"]}]
    assert platform.values() == {EVE: ["0.1", "0.2"], AFTER: ["0.3"]}
    platform.make_sure_all_is_accounted_for()


# What is told


def look_at(platform: Platform) -> Any:  # noqa: ANN401 - a finding
    with platform.database.connect(autocommit=True) as connection:
        settings = platform.settings.replace(readings_url=str(platform.folder.path))
        return read_under_other_rules(Inspection(connection, ALL_DATES, settings, set))


def test_a_check_says_how_many_files_were_read_under_other_rules(platform: Platform) -> None:
    with Rules(limit=10).hold(platform.settings):
        platform.deliver("a.json", (NOON, "12.5"))
        platform.deliver("b.json", (NOON, "0.5"))
        platform.deliver("gone.json", (MIDNIGHT, "0.5"))
        platform.load()
        assert look_at(platform).passed
    platform.folder.delete("gone.json")
    found = look_at(platform)
    assert (dict(found.failing), found.facts) == ({None: 2}, {"files_gone_since": 1, "files_of_unknown_rules": 0})
    assert "meter-platform reread" in found.examples[0]
    platform.reread()
    found = look_at(platform)
    assert (found.passed, found.facts) == (True, {"files_gone_since": 1, "files_of_unknown_rules": 0})


# From the command to every table


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dagster_on_postgres(home) as opened:
        yield opened


@pytest.mark.whole
def test_the_command_reads_files_again_and_rebuilds_what_changes(
    settings: Settings, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    empty(open_database(settings))
    market = Market(settings.replace(today=date(2021, 11, 2)), tmp_path, instance)
    market.refresh([Agreement(1, "home-1")])
    market.deliver("a.json", day_of("home-1", "2021-06-03", "0.2"))
    market.deliver("b.json", day_of("home-1", "2021-06-04", "12.5"))
    total = "SELECT reference_date, sum(total_consumption_kwh) FROM analytics.daily_product_consumption GROUP BY 1 ORDER BY 1"
    with Rules(limit=10).hold(settings):
        assert market.run("2021-06-03", checks=False).success
        market.run("2021-06-04", checks=False)
        assert market.rows(total) == [(date(2021, 6, 3), Decimal("9.6"))]
    environment = {
        f"{PREFIX}HOME": str(settings.home),
        f"{PREFIX}READINGS_URL": str(market.settings.readings_url),
        f"{PREFIX}REFERENCE_URL": str(market.settings.reference_url),
        f"{PREFIX}TODAY": "2021-11-02",
    }
    done = CliRunner().invoke(main, ["reread", "--reason", "impossible"], env=environment)
    assert done.exit_code == 0, done.output
    assert "1 files read again: 0 stored rows taken out and 0 put in, 48 rows rejected before and 0 now" in done.output
    assert market.rows(total) == [(date(2021, 6, 3), Decimal("9.6")), (date(2021, 6, 4), Decimal(600))]

    done = CliRunner().invoke(main, ["reread", "--reason", "nonsense"], env=environment)
    assert done.exit_code == 2
    assert "impossible" in done.output
