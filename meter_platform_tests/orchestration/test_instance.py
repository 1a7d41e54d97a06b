"""One Dagster instance for every process of an environment, on the platform's own server."""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import dagster as dg
import psycopg
import pytest
import yaml

from meter_platform.embedded_postgres import server
from meter_platform.orchestration import dagster_home
from meter_platform.orchestration.dagster_home import prepare_dagster_home
from meter_platform.orchestration.event_log import PlatformEventLog
from meter_platform.orchestration.instance import instance
from meter_platform.settings import PREFIX, Settings
from meter_platform.warehouse.database import Database, dagster_url
from meter_platform_tests.forked import Forked
from meter_platform_tests.places import ROOT, in_memory


@dg.job
def nothing() -> None:
    """Of which a run is made."""


def say_what_there_is(environment: dict[str, str], cwd: Path, *, make_run: bool) -> None:
    """Prints how many runs there are, and a setting, after it has made a run if it is told to."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    with instance() as opened:
        if make_run:
            opened.create_run_for_job(nothing)
        print(opened.get_runs_count(), opened.get_settings("run_monitoring")["max_runtime_seconds"])  # noqa: T201


def show(home: Path, cwd: Path, *, make_run: bool = False, **variables: str) -> list[str]:
    """What another process finds, started anywhere."""
    done = start_showing(home, cwd, make_run=make_run, **variables).wait()
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def start_showing(home: Path, cwd: Path, *, make_run: bool = False, **variables: str) -> Forked:
    kept = {name: value for name, value in os.environ.items() if name not in {"DAGSTER_HOME", f"{PREFIX}POSTGRES_URL"}}
    return Forked(partial(say_what_there_is, make_run=make_run), kept | {f"{PREFIX}HOME": str(home)} | variables, cwd)


@contextmanager
def home_of_its_own() -> Iterator[Path]:
    folder = Path(
        tempfile.mkdtemp(prefix="mp-", dir=in_memory())
    )  # a short path, for a socket's path has 107 characters
    try:
        yield folder
    finally:
        server.stop(folder)
        shutil.rmtree(folder)


@pytest.fixture
def opened(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """The instance of the home that the tests share."""
    monkeypatch.setenv(f"{PREFIX}HOME", str(home))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with instance() as found:
        yield found


def test_it_is_on_the_platforms_server_in_a_database_of_its_own(
    home: Path, database: Database, opened: dg.DagsterInstance
) -> None:
    reference = opened.get_ref().custom_instance_class_data, opened.get_ref().storage_data
    assert [data and data.class_name for data in reference] == [None, "PlatformStorage"]
    scheme, _, rest = database.url.partition("://")
    for storage in (opened.run_storage, opened.event_log_storage, opened.schedule_storage):
        url = storage.postgres_url  # type: ignore[union-attr]
        assert url == f"{scheme}+psycopg2://" + rest.replace("/meter_platform?", "/dagster?")
    assert opened.storage_directory().startswith(str(home / "artifacts"))
    assert opened.run_monitoring_enabled
    assert not opened.telemetry_enabled


def test_the_event_log_remembers_what_it_has_seen_of_its_tables_and_looks_again_for_what_it_has_not(
    opened: dg.DagsterInstance,
) -> None:
    event_log = opened.event_log_storage
    assert isinstance(event_log, PlatformEventLog)
    assert event_log.has_asset_key_col("cached_status_data")
    assert not event_log.has_asset_key_col("migrated")
    assert not event_log.has_table("migrated")
    with psycopg.connect(dagster_url(Settings.from_environment()), autocommit=True) as connection:
        connection.execute("CREATE TABLE migrated ()")
        connection.execute("ALTER TABLE asset_keys ADD COLUMN migrated integer")
        assert event_log.has_table("migrated")
        assert event_log.has_asset_key_col("migrated")
        connection.execute("DROP TABLE migrated")
        connection.execute("ALTER TABLE asset_keys DROP COLUMN migrated")
    assert event_log.has_table("migrated"), "it asked again"
    assert event_log.has_asset_key_col("migrated"), "it asked again"


def test_a_failure_is_read_once_the_run_counts_as_failed_so_that_its_retry_is_not_lost(
    opened: dg.DagsterInstance,
) -> None:
    log = opened.event_log_storage
    before = log.get_maximum_record_id() or 0

    def failures() -> list[str]:
        found = log.get_logs_for_all_runs_by_log_id(before, dagster_event_type={dg.DagsterEventType.RUN_FAILURE})
        return [event.run_id for event in found.values()]

    def failure(age: timedelta) -> dg.EventLogEntry:
        run = opened.create_run_for_job(nothing)
        said = dg.DagsterEvent(dg.DagsterEventType.RUN_FAILURE.value, nothing.name, message="It has failed.")
        at = datetime.now(UTC) - age
        return dg.EventLogEntry(None, logging.ERROR, "It has failed.", run.run_id, at.timestamp(), None, None, said)

    earlier, late, later = failure(timedelta()), failure(timedelta()), failure(timedelta())
    for event in (earlier, late, later):
        log.store_event(event)  # as Dagster does, which stores the run's status after that
    for event in (earlier, later):
        assert event.dagster_event
        opened.run_storage.handle_run_event(event.run_id, event.dagster_event)

    assert failures() == [earlier.run_id], "what comes after it would take the cursor past it"
    assert late.dagster_event
    opened.run_storage.handle_run_event(late.run_id, late.dagster_event)
    assert failures() == [earlier.run_id, late.run_id, later.run_id]

    # Whoever was to store the status is dead: nothing waits for it for ever.
    old = failure(timedelta(minutes=2))
    log.store_event(old)
    assert failures()[3:] == [old.run_id]


def test_every_process_finds_the_same_one_from_wherever_it_is_started(home: Path, tmp_path: Path) -> None:
    before, _ = show(home, tmp_path)
    show(home, ROOT, make_run=True)
    after, _ = show(home, tmp_path)

    assert int(after) == int(before) + 1


@pytest.mark.whole
def test_a_process_that_is_given_dagsters_database_alone_finds_the_same_runs(home: Path, tmp_path: Path) -> None:
    show(home, ROOT, make_run=True)
    runs, _ = show(home, ROOT)
    url = dagster_url(Settings(home=home))

    assert show(tmp_path, ROOT, METER_PLATFORM_DAGSTER_URL=url)[0] == runs
    assert not (tmp_path / "postgres").exists(), "it needs no server of its own"


@pytest.mark.whole
def test_a_dagster_home_of_the_users_is_taken_with_its_own_settings(home: Path, tmp_path: Path) -> None:
    theirs = yaml.safe_load((ROOT / "dagster.yaml").read_text()) | {"run_monitoring": {"max_runtime_seconds": 186}}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(theirs))

    runs, seconds = show(home, ROOT)

    assert show(home, ROOT, DAGSTER_HOME=str(tmp_path)) == [runs, "186"]
    assert seconds == "3600"


@pytest.mark.whole
def test_processes_that_all_find_an_empty_machine_make_one_instance_and_complain_of_nothing() -> None:
    with home_of_its_own() as home:
        ends = [process.wait() for process in [start_showing(home, home) for _ in range(3)]]

    assert [(done.stdout.split()[0], done.stderr) for done in ends] == [("0", "")] * 3


def test_a_home_is_made_for_dagsters_programs_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere, clone = tmp_path / "elsewhere", tmp_path / "clone"
    elsewhere.mkdir()
    clone.mkdir()
    shutil.copyfile(ROOT / "dagster.yaml", clone / "dagster.yaml")
    settings = Settings(home=tmp_path / "home")
    monkeypatch.delenv("DAGSTER_HOME", raising=False)

    monkeypatch.chdir(elsewhere)
    made = prepare_dagster_home(settings)
    assert made == {
        "DAGSTER_HOME": str(tmp_path / "home/dagster"),
        "METER_PLATFORM_HOME": str(tmp_path / "home"),
    }
    assert (tmp_path / "home/dagster/dagster.yaml").read_text() == (ROOT / "dagster.yaml").read_text()
    assert prepare_dagster_home(settings) == made

    monkeypatch.chdir(clone)
    assert prepare_dagster_home(settings)["DAGSTER_HOME"] == str(clone)

    monkeypatch.setenv("DAGSTER_HOME", "/opt/dagster")
    assert prepare_dagster_home(settings)["DAGSTER_HOME"] == "/opt/dagster"


def test_the_configuration_is_found_beside_the_package_and_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert dagster_home.config_directory() == ROOT

    package = tmp_path / "meter_platform"
    package.mkdir()
    (package / "dagster.yaml").touch()
    monkeypatch.setattr("meter_platform.__file__", str(package / "__init__.py"))
    assert dagster_home.config_directory() == package
