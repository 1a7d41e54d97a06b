"""A backup is of one moment, whole or not there, and only as many are kept as are wanted."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from meter_platform.backup import dump, folder, manifest, take
from meter_platform.backup import restore as restore_module
from meter_platform.backup.client import Client, refusal
from meter_platform.backup.errors import BackupBusyError, BackupError, BrokenBackupError
from meter_platform.embedded_postgres import programs
from meter_platform.errors import ServerSetupError, ServerUnavailableError
from meter_platform.postgres.urls import database_url
from meter_platform.settings import Settings
from meter_platform.warehouse import operations, tables
from meter_platform.warehouse.database import open_database
from meter_platform_tests.backup.conftest import TAKEN, Pair
from meter_platform_tests.embedded_postgres.servers import eventually
from meter_platform_tests.warehouse.test_migrations import store

TAKE = """
import sys
from pathlib import Path
from meter_platform.backup.take import take
from meter_platform.settings import Settings
take(Settings(postgres_url=sys.argv[1], backup_folder=Path(sys.argv[2])), kind="dump")
"""


@pytest.fixture
def settings(pair: Pair, tmp_path: Path) -> Settings:
    """The pair's server as a given one, on which nothing was noted yet."""
    pair.execute("DELETE FROM operations.log")
    return Settings(home=tmp_path, postgres_url=pair.data.url, backup_folder=tmp_path / "backups", backup_kind="dump")


def noted(settings: Settings) -> operations.Done:
    with open_database(settings).connect() as connection:
        return operations.last(connection)["backup"]


def taking(settings: Settings) -> "subprocess.Popen[str]":
    """Begins to take a backup in a process of its own."""
    command = [sys.executable, "-c", TAKE, str(settings.postgres_url), str(settings.backup_folder)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def test_only_the_newest_of_the_kind_are_kept_and_it_is_noted(settings: Settings) -> None:
    place = take.folder_of(settings)
    days = iter(range(100))

    def clock() -> datetime:
        return TAKEN + timedelta(days=next(days))

    names = [take.take(settings, keep=2, clock=clock).backup.path.name for _ in range(3)]

    assert [backup.path.name for backup in folder.backups(place)] == names[1:]
    assert sorted(path.name for path in place.iterdir()) == [".lock", *names[1:]]
    done = noted(settings)
    assert (done.succeeded, done.detail) == (True, "dump of Postgres 18.4; 2 kept, 1 removed")
    assert done.size_bytes == folder.backups(place)[-1].manifest.size_bytes > 10_000


def test_what_fails_leaves_nothing_and_is_noted(settings: Settings) -> None:
    class BrokenError(Exception):
        pass

    def fill(partial: Path) -> manifest.Manifest:
        (partial / "half").touch()
        raise BrokenError

    place = take.folder_of(settings)
    with folder.exclusively(place), pytest.raises(BrokenError):
        folder.make(place, "dump", TAKEN, fill)
    assert [path.name for path in place.iterdir()] == [".lock"]

    with pytest.raises(BackupError, match=r"no log of changes that its files could be .*--kind dump"):
        take.take(settings, kind="base")
    assert [path.name for path in place.iterdir()] == [".lock"]
    assert noted(settings).succeeded is False
    assert noted(settings).detail.startswith("This server writes no log of changes")


def test_a_folder_that_cannot_be_used_is_told(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BackupError, match=r"Backups cannot be kept in .*/file/below: Not a directory\."):
        take.take(settings, into=tmp_path / "file" / "below")


# One moment


@contextmanager
def writing(pair: Pair) -> Iterator[None]:
    """While this lasts, new dates are published and rows stored all the time, each on Dagster's record after that."""
    ended = threading.Event()

    def write() -> None:
        number = 10
        with pair.data.connect(autocommit=True) as data, pair.dagster.connect(autocommit=True) as dagster:
            while not ended.is_set():
                number += 1
                store(pair.data, tables.RAW_METER_READINGS, date(2022, 1, 1) + timedelta(days=number))
                data.execute("INSERT INTO public.written VALUES (%s)", [number])
                dagster.execute("INSERT INTO event_logs VALUES (%s, 'stored')", [number])

    pair.execute("CREATE TABLE public.written (number bigint PRIMARY KEY)")
    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        pair.execute("DROP TABLE public.written")
        with pair.dagster.connect() as dagster:
            dagster.execute("TRUNCATE event_logs")


def test_while_others_write_the_numbers_are_those_of_the_dump_and_dagster_claims_nothing_that_data_lacks(
    pair: Pair, tmp_path: Path
) -> None:
    with writing(pair):
        eventually(lambda: rows(pair.dagster.url, "SELECT count(*) FROM event_logs") > [(2,)])
        backup = pair.take(tmp_path)

    names = {dump.DATA: "moment", dump.DAGSTER: "moment_dagster"}
    urls = {which: database_url(pair.data.url, name) for which, name in names.items()}
    try:
        restore_module.restore(backup, urls, Client(pair.data.url))  # which compares
        ((stored,),) = rows(urls[dump.DATA], "SELECT max(number) FROM public.written")
        ((published,),) = rows(
            urls[dump.DATA], "SELECT count(*) FROM raw_data.raw_meter_readings WHERE reference_date > '2022-01-01'"
        )
        ((recorded,),) = rows(urls[dump.DAGSTER], "SELECT max(id) FROM event_logs")
    finally:
        with pair.data.connect(autocommit=True) as connection:
            for name in names.values():
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
    assert 10 < recorded <= stored <= published + 10


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


# A process that is killed


@pytest.mark.whole
@pytest.mark.parametrize("seconds", [0.0, 0.15, 0.3, 0.6])
def test_a_backup_that_is_killed_is_whole_or_not_there(settings: Settings, seconds: float) -> None:
    place = take.folder_of(settings)
    killed = taking(settings)
    eventually(lambda: killed.poll() is not None or list(place.glob(".partial-*")))
    time.sleep(seconds)
    killed.kill()
    killed.communicate()

    found = folder.backups(place)

    assert all(list(manifest.damage(backup.path, backup.manifest)) == [] for backup in found)
    assert len(found) + len(list(place.glob(".partial-*"))) <= 1


@pytest.mark.whole
def test_a_program_that_outlives_its_killed_process_is_waited_for_and_what_it_left_goes(
    settings: Settings, pair: Pair
) -> None:
    place = take.folder_of(settings)
    with pair.data.connect() as busy:
        busy.execute("LOCK TABLE raw_data.raw_products")  # so that the dump has to wait
        killed = taking(settings)
        eventually(lambda: (place / ".lock").exists() and dumping(pair))
        killed.kill()
        killed.communicate()

        with pytest.raises(BackupBusyError, match="Another process is making a backup in"):
            take.take(settings)
        assert folder.backups(place) == []
    eventually(lambda: not dumping(pair))

    taken = take.take(settings)

    assert folder.backups(place) == [taken.backup]
    assert list(place.glob(".partial-*")) == []


def dumping(pair: Pair) -> bool:
    return bool(rows(pair.data.url, "SELECT FROM pg_stat_activity WHERE application_name = 'pg_dump'"))


def test_what_is_half_removed_does_not_look_whole(tmp_path: Path) -> None:
    for day in (5, 6):
        (tmp_path / f"202111{day:02}T070000Z-dump").mkdir()
        (tmp_path / f"202111{day:02}T070000Z-dump" / "file").touch()
    assert [backup.taken_at for backup in folder.backups(tmp_path)] == [TAKEN, TAKEN + timedelta(days=1)]

    (removed,) = folder.remove_old(tmp_path, "dump", 1)

    assert removed.taken_at == TAKEN
    assert [path.name for path in tmp_path.iterdir()] == ["20211106T070000Z-dump"]
    assert folder.remove_old(tmp_path, "base", 1) == []


# The programs


def test_no_password_is_among_the_arguments_of_a_process() -> None:
    url = "postgresql://me:pa%20ss@127.0.0.1:1/meters"
    client = Client(url)
    with client.start("pg_dump") as running:
        assert "pa ss" not in str(running.process.args)
        with pytest.raises(ServerUnavailableError, match=r"pg_dump could not talk to postgresql://me:.*@127") as error:
            running.output()
    assert "pa ss" not in f"{error.value}{client!r}"
    assert "pa%20ss" not in f"{error.value}{client!r}"


def test_a_server_that_requires_tls_needs_programs_that_have_it() -> None:
    wheel = next(programs.folders())
    client = Client("postgresql://me@db.example/meters?sslmode=require", pg_bin=wheel)
    with pytest.raises(ServerSetupError, match=r"no pg_dump with TLS in METER_PLATFORM_PG_BIN=.*: install a client"):
        client.run("pg_dump")


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (
            "pg_basebackup: error: FATAL:  no pg_hba.conf entry for replication connection from host",
            BackupError,
            "give it the attribute REPLICATION",
        ),
        ("FATAL:  permission denied to start WAL sender", BackupError, "give it the attribute REPLICATION"),
        ('FATAL:  no pg_hba.conf entry for host "db", user "me", no encryption', BackupError, "do not agree about TLS"),
        ("could not write to file: No space left on device", BackupError, "The disk is full: make room"),
        ("connection to server at db failed: Connection refused", ServerUnavailableError, "could not talk to"),
        ("warning: x\npg_dump: error: something else", BackupError, "pg_dump failed: warning: x; pg_dump: error: some"),
        ("", BackupError, "pg_dump failed: it said nothing"),
    ],
)
def test_what_a_program_says_becomes_what_to_do(said: str, kind: type[Exception], words: str) -> None:
    error = refusal("pg_dump", said, "postgresql://me:secret@db/meters")
    assert type(error) is kind
    assert words in str(error)
    assert "secret" not in str(error)


def test_a_dump_that_lists_less_than_was_there_is_not_kept(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Client.run
    monkeypatch.setattr(
        Client, "run", lambda *arguments, **options: run(*arguments, **options).replace(" raw_products ", " ")
    )
    with pytest.raises(BrokenBackupError, match=r"The dump of kept lacks tables: raw_data\.raw_products"):
        pair.take(tmp_path, datetime(2021, 11, 5, tzinfo=UTC))
    assert folder.backups(tmp_path) == []


def test_one_backup_at_a_time(tmp_path: Path) -> None:
    with folder.exclusively(tmp_path), pytest.raises(BackupBusyError), folder.exclusively(tmp_path):
        pass
    with folder.exclusively(tmp_path):
        pass


def test_the_kind_follows_from_the_server(tmp_path: Path) -> None:
    assert take.kind_of(Settings(home=tmp_path)) == "dump"
    assert take.kind_of(Settings(home=tmp_path, postgres_url="postgresql://db/meters")) == "base"
    assert take.kind_of(Settings(home=tmp_path, backup_kind="base")) == "base"
    assert take.folder_of(Settings(home=tmp_path)) == tmp_path / "backups"


def test_the_tables_that_decide_whether_there_is_data_are_there(pair: Pair) -> None:
    for table in restore_module._HOLDING_DATA[dump.DATA]:  # noqa: SLF001 - names that stand twice
        assert rows(pair.data.url, f"SELECT '{table}'::regclass")
