"""Whatever happens to files between scans: a scan sees at once what it promises to, and a full scan sees everything.

The scans' clock is the test's, the file system's is real: folders can become quiet in a moment.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from meter_platform.feeds.files import ReadingFolder
from meter_platform.ingestion import catalogue, folders, lost
from meter_platform.ingestion.scan import Scan, ScanReport, record
from meter_platform.ingestion.tree import Effort
from meter_platform.settings import Settings
from meter_platform.warehouse import partitions, sessions
from meter_platform.warehouse.database import Database
from meter_platform_tests.databases import empty

_TICK = 0.02
"""Seconds in which the clock of any file system moves on."""

QUICK = Effort(quiet_seconds=0)
"""As little as a scan does that may take as long as it has to."""


@dataclass
class World:
    """A folder, what a platform knows of it, and what it has to know of it."""

    database: Database
    settings: Settings
    path: Path
    now: datetime = field(default_factory=lambda: datetime(2021, 6, 1, 12, tzinfo=UTC))
    told: set[Path] = field(default_factory=set)
    """Files that came, went or were replaced since the last scan: their folder tells of it."""
    _writes: int = 0

    def write(self, folder: str, name: str) -> None:
        """A new file, or one written in place of which nobody tells."""
        path = self.path / folder / name
        new = not path.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._content())
        os.utime(path, (1_600_000_000, 1_600_000_000))
        if new:
            self.told.add(path)

    def replace(self, folder: str, name: str) -> None:
        """A file that is written beside its place and then put there."""
        path = self.path / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{name}")
        beside.write_text(self._content())
        beside.rename(path)
        self.told.add(path)

    def delete(self, folder: str, name: str) -> None:
        path = self.path / folder / name
        if path.exists():
            path.unlink()
            self.told.add(path)

    def move(self, folder: str, to: str) -> None:
        """A whole folder moves to where there is none."""
        source, target = self.path / folder, self.path / to
        if folder and source.exists() and not target.exists() and source not in target.parents:
            inside = [file.relative_to(source) for file in source.rglob("*.json")]
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)
            self.told |= {place / file for file in inside for place in (source, target)}

    def remove(self, folder: str) -> None:
        if folder and (self.path / folder).exists():
            self.told |= set((self.path / folder).rglob("*.json"))
            shutil.rmtree(self.path / folder)

    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    def scan(self, most: float | None) -> None:
        """A scan that looks only into what it must, and perhaps not even into all of that."""
        effort = QUICK if most is None else Effort(most_seconds=most, quiet_seconds=0)
        report = self._scan(effort)
        if most is None:
            assert report.folders_left == 0
            known, there = self._known(), dict(self._there())
            for path in self.told:
                url = f"file://{path}"
                assert known.get(url) == there[url] if url in there else not self._is_loadable(url)
            self.told.clear()

    def look(self) -> None:
        """A scan that looks into everything that is due."""
        self._scan(Effort())

    def full(self) -> None:
        """After a full scan everything is known as after a first one."""
        report = self._scan(Effort(full=True))
        known, there = self._known(), dict(self._there())
        assert {url: known.get(url) for url in there} == there
        assert not any(self._is_loadable(url) for url in known.keys() - there.keys())
        listing = ReadingFolder(str(self.path)).listing()
        assert (report.files_listed, report.unread) == (len(listing.files), listing.unread)
        self.told.clear()

    def _scan(self, effort: Effort) -> ScanReport:
        with sessions.begin(self.database) as ledger:
            scan = Scan(ledger, self.settings, ReadingFolder(str(self.path)), started=self.now, effort=effort)
            for _ in scan.batches(wait_for_growing=False):
                pass
            scanned = scan.result()
            record(ledger, scanned)
            lost.note_deleted(ledger, scan.whereabouts)
            dates = catalogue.pending_dates(ledger, scan.whereabouts)
            ledger.commit()
            waits = ledger.fetch(_SQL_WAITS)
        assert set(dates) == {day for (day,) in waits}
        time.sleep(_TICK)
        return scanned.report

    def _content(self) -> str:
        self._writes += 1
        row = ["m", f"2021-01-0{self._writes % 5 + 1} 12:00:00", self._writes / 1000]
        return json.dumps({"columns": ["meterpoint_id", "interval_start", "consumption_delta"], "data": [row]})

    def _there(self) -> Iterator[tuple[str, str]]:
        return ((file.url, file.stamp) for file in ReadingFolder(str(self.path)).list())

    def _known(self) -> dict[str, str]:
        with self.database.connect() as connection:
            return dict(
                connection.execute(
                    "SELECT DISTINCT ON (url) url, stamp FROM raw_data.source_file_versions ORDER BY url, delivered_at DESC"
                ).fetchall()
            )

    def _is_loadable(self, url: str) -> bool:
        """Whether a run would be asked for because of a version of the file."""
        with self.database.connect() as connection:
            found = connection.execute(
                "SELECT FROM raw_data.source_file_versions JOIN raw_data.source_file_dates AS dates USING (source_file_id) "
                "WHERE url = %s AND NOT EXISTS (SELECT FROM raw_data.deleted_files AS deleted "
                "WHERE (deleted.source_file_id, deleted.reference_date) = (dates.source_file_id, dates.reference_date))",
                [url],
            )
            return found.fetchone() is not None


_SQL_WAITS: Any = partitions.sql.SQL(
    "SELECT DISTINCT reference_date FROM raw_data.source_file_dates AS dates "
    "JOIN raw_data.source_file_versions AS version USING (source_file_id) "
    "WHERE NOT EXISTS (SELECT FROM raw_data.deleted_files AS deleted "
    "WHERE (deleted.source_file_id, deleted.reference_date) = (dates.source_file_id, dates.reference_date)) "
    "AND NOT EXISTS (SELECT FROM raw_data.source_file_versions AS newer "
    "WHERE newer.url = version.url AND newer.delivered_at > version.delivered_at)"
)

FOLDERS = ["", "2021-01-01", "2021-01-02", "late/2021-01-01", "late"]
folder = st.sampled_from(FOLDERS)
names = st.sampled_from(["a.json", "b.json", "c.json"])
waits = st.sampled_from([1, 30, 700, 7_000, 90_000])
ARGUMENTS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "write": {"folder": folder, "name": names},
    "replace": {"folder": folder, "name": names},
    "delete": {"folder": folder, "name": names},
    "move": {"folder": folder, "to": folder},
    "remove": {"folder": folder},
    "wait": {"seconds": waits},
    "scan": {"most": st.sampled_from([None, None, 0])},
    "full": {},
}
happenings = st.sampled_from([*["write"] * 4, *["scan"] * 4, *["wait"] * 2, *ARGUMENTS])
steps = st.lists(
    happenings.flatmap(lambda name: st.tuples(st.just(name), st.fixed_dictionaries(ARGUMENTS[name]))),
    min_size=5,
    max_size=16,
)


Steps = list[tuple[str, dict[str, Any]]]


@hypothesis_settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
def test_scans_see_what_they_promise_to_whatever_happens(
    database: Database, settings: Settings, tmp_path: Path, steps: Steps
) -> None:
    assert_scans_see_what_they_promise(database, settings, tmp_path / "in", steps)


@pytest.mark.whole
@hypothesis_settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
def test_scans_see_what_they_promise_to_in_many_cases(
    database: Database, settings: Settings, tmp_path: Path, steps: Steps
) -> None:
    assert_scans_see_what_they_promise(database, settings, tmp_path / "in", steps)


def assert_scans_see_what_they_promise(database: Database, settings: Settings, path: Path, steps: Steps) -> None:
    """Does the steps, and a full scan at the end."""
    empty(database)
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    world = World(database, settings, path)
    for name, arguments in steps:
        getattr(world, name)(**arguments)
    world.full()


def test_a_new_folder_that_a_scan_had_no_time_for_is_looked_into_by_the_next_however_late(world: World) -> None:
    world.scan(most=None)
    world.write("late/2021-01-01", "a.json")
    world.scan(most=0)
    world.wait(700)

    world.scan(most=None)

    assert versions(world) == 1


@pytest.fixture
def world(database: Database, settings: Settings, tmp_path: Path) -> World:
    return World(database, settings, tmp_path)


def versions(world: World) -> int:
    with world.database.connect() as connection:
        (count,) = connection.execute("SELECT count(*) FROM raw_data.source_file_versions").fetchone() or (0,)
    return int(count)


def test_a_file_that_is_written_in_place_is_found_while_its_folder_is_lively_or_due_or_by_night(world: World) -> None:
    world.write("2021-01-01", "a.json")
    world.look()
    world.wait(500)
    world.write("2021-01-01", "a.json")
    world.look()
    assert versions(world) == 2, "the folder has just changed"

    world.wait(10_000)
    world.look()
    world.write("2021-01-01", "a.json")
    world.wait(60)
    world.look()
    assert versions(world) == 2, "the folder has been quiet, and nobody tells of such a file"
    world.wait(60)
    world.look()
    assert versions(world) == 3, "a hundredth of the time has passed"

    world.wait(86_400 * 100)
    world.look()
    world.write("2021-01-01", "a.json")
    world.wait(14 * 3_600)
    world.look()
    assert versions(world) == 4, "it was night"


def test_a_full_scan_finds_it_at_once(world: World) -> None:
    world.write("2021-01-01", "a.json")
    world.scan(None)
    world.wait(86_400)
    world.scan(None)
    world.write("2021-01-01", "a.json")
    world.full()
    assert versions(world) == 2


def test_a_scan_of_a_tree_that_was_quiet_lists_no_folder(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        world.write(f"2021-01-{number + 1:02}", "a.json")
    world.scan(None)
    world.wait(7_000)
    world.look()

    def never(*_: object) -> None:
        raise AssertionError("a folder is listed")

    monkeypatch.setattr(ReadingFolder, "files_in", never)
    world.wait(30)
    with sessions.begin(world.database) as ledger:
        found = Scan(ledger, world.settings, ReadingFolder(str(world.path)), started=world.now).result()
    assert (found.report.files_listed, found.report.left) == (30, 0)


def test_a_catalogue_that_was_dropped_is_filled_anew(world: World) -> None:
    world.write("2021-01-01", "a.json")
    world.scan(None)
    world.wait(7_000)
    world.scan(None)
    with world.database.connect() as connection:
        connection.execute("DROP TABLE raw_data.source_file_versions CASCADE")
    world.database.create_tables()

    world.scan(None)

    assert versions(world) == 1


def test_folders_of_other_trees_are_left_alone(world: World) -> None:
    for name in ("one", "one-more"):
        world.write(name, "a.json")
    world.scan(None)
    with sessions.begin(world.database) as ledger:
        url = f"file://{world.path}"
        assert set(folders.load(ledger, f"{url}/one")) == {f"{url}/one"}
        assert set(folders.load(ledger, url)) == {url, f"{url}/one", f"{url}/one-more"}
        assert folders.holding(ledger, [date(2021, 1, 2)]) == {f"{url}/one"}
