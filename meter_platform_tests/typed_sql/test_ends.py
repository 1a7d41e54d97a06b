"""Typed SQL ends, whatever it is, and what it says stays with whoever typed it.

The queries here call functions of Postgres that look at no request to end, and would take minutes or days.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import psycopg
import pytest

from meter_platform.embedded_postgres import processes, server
from meter_platform.settings import Settings
from meter_platform.typed_sql.guard import Limits, SqlGuard, TypedSqlError, TypedSqlOffError
from meter_platform.typed_sql.process import ServerProcess
from meter_platform.warehouse.arrow_rows import to_arrow
from meter_platform.warehouse.database import Database, open_database
from meter_platform_tests.places import in_memory

DEAF: Final = {
    "position": "SELECT position('b' || repeat('a', 50000) IN repeat('a', 20000000)), count(*) FROM {table}",
    "distance": "SELECT polygon(90000, circle '((0,0),1)')::path <-> polygon(90000, circle '((9,0),1)')::path, count(*) "
    "FROM {table}",
    "containment": "SELECT array_fill(1, ARRAY[900000]) <@ (array_fill(0, ARRAY[900000]) || 1), count(*) FROM {table}",
}
"""Functions that look at no request to end, on a table whose lock they then keep."""

QUICK: Final = Limits(seconds=30, step_seconds=0.3)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what a process does is seen in /proc")


def exists(pid: int) -> bool:
    return processes.command(pid).startswith("postgres:")


def until(condition: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def reader_processes(database: Database) -> list[int]:
    """The server's processes that serve typed SQL."""
    with database.connect() as connection:
        return [
            pid
            for (pid,) in connection.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'typed SQL'")
        ]


def computing(database: Database) -> int:
    """The process of typed SQL that has computed for so long that it must be inside the query's function."""
    found: list[int] = []

    def one() -> bool:
        found[:] = [pid for pid in reader_processes(database) if processor_seconds(pid) > 0.4]
        return bool(found)

    until(one)
    return found[0]


def processor_seconds(pid: int) -> float:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return 0
    return int(stat.rpartition(")")[2].split()[11]) / os.sysconf("SC_CLK_TCK")


def holds(database: Database, pid: int, table: str) -> bool:
    """Whether the process has a lock on the table."""
    with database.connect() as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_locks WHERE pid = %s AND relation = %s::regclass AND granted", (pid, table)
        ).fetchone()
    return found is not None and found[0] > 0


@pytest.mark.parametrize("name", DEAF)
def test_a_query_that_looks_at_no_request_to_end_is_ended_and_others_go_on(small: Settings, name: str) -> None:
    database = open_database(small)
    guard = SqlGuard(database, timezone="UTC", trusts_socket=True, limits=QUICK)
    guard.set_up()
    with psycopg.connect(database.url) as other:
        other.execute("CREATE TEMPORARY TABLE kept AS SELECT 1 AS one")
        query = guard.start(DEAF[name].format(table="raw_data.raw_products"))
        pid = computing(database)
        assert holds(database, pid, "raw_data.raw_products")
        query.cancel()
        assert query.wait(60)
        with pytest.raises(TypedSqlError, match="it was cancelled") as caught:
            query.result()
        assert "interrupted inside a function of Postgres" in caught.value.detail
        # What a load takes.
        with database.connect() as connection:
            connection.execute("SET LOCAL lock_timeout = '30s'")
            connection.execute("LOCK TABLE raw_data.raw_products IN ACCESS EXCLUSIVE MODE")
            connection.rollback()
        assert other.execute("SELECT one FROM kept").fetchone() == (1,), "another's session ended with it"
    assert guard.run("SELECT 1 AS one").table.to_pylist() == [{"one": 1}]


@pytest.mark.whole
def test_where_processes_are_not_ours_the_page_says_what_keeps_the_tables(small: Settings) -> None:
    database = open_database(small)
    guard = SqlGuard(database, timezone="UTC", trusts_socket=False, limits=QUICK)
    guard.set_up()
    query = guard.start(DEAF["position"].format(table="raw_data.raw_products"))
    try:
        pid = computing(database)
        query.cancel()
        until(lambda: f"process {pid} looks at no request to end" in query.note)
        assert not query.wait(1)
        assert exists(pid), "a given server's process was ended by force"
    finally:
        # What whoever runs that server can do.
        os.kill(pid, signal.SIGFPE)
    assert query.wait(60)
    with pytest.raises(TypedSqlError, match="it was cancelled"):
        query.result()


@pytest.fixture(scope="module")
def own_home() -> Iterator[Path]:
    """A server that may be hurt."""
    folder = Path(tempfile.mkdtemp(prefix="mp-", dir=in_memory()))
    yield folder
    server.stop(folder)
    shutil.rmtree(folder)


@pytest.mark.whole
def test_a_process_that_obeys_nothing_is_killed_and_the_server_recovers(own_home: Path) -> None:
    database = open_database(Settings(home=own_home))
    guard = SqlGuard(database, timezone="UTC", trusts_socket=True, limits=QUICK)
    guard.set_up()
    query = guard.start("SELECT count(*) FROM generate_series(1, 100000000000)")
    pid = computing(database)
    # Stopped, it answers no signal but one.
    os.kill(pid, signal.SIGSTOP)
    query.cancel()
    assert query.wait(60)
    with pytest.raises(TypedSqlError, match="it was cancelled") as caught:
        query.result()
    assert "its server process was killed" in caught.value.detail
    assert not exists(pid)

    def answers() -> bool:
        try:
            return guard.run("SELECT 1 AS one").table.num_rows == 1
        except TypedSqlError:
            return False

    until(answers)
    log = server.status(own_home).log.read_text(errors="replace")
    assert "was terminated by signal 9" in log
    assert "generate_series" not in log


@pytest.mark.whole
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(DEAF["position"].format(table="raw_data.raw_products"), marks=pytest.mark.whole),
        "SELECT count(*) FROM generate_series(1, 100000000000)",
    ],
)
def test_the_query_of_a_client_that_died_does_not_go_on(own_home: Path, text: str) -> None:
    database = open_database(Settings(home=own_home))
    code = """
import sys
from pathlib import Path
from meter_platform.settings import Settings
from meter_platform.warehouse.database import open_database
from meter_platform.typed_sql.guard import Limits, SqlGuard
limits = Limits(seconds=float(sys.argv[3]), step_seconds=0.2)
guard = SqlGuard(open_database(Settings(home=Path(sys.argv[1]))), timezone="UTC", trusts_socket=True, limits=limits)
guard.set_up()
guard.run(sys.argv[2])
"""
    # The first is ended by the kernel, which counts; the second by the server, which looks for its client.
    seconds = "5" if "position" in text else "600"
    client = subprocess.Popen([sys.executable, "-c", code, str(own_home), text, seconds])
    try:
        pid = computing(database)
    finally:
        client.kill()
        client.wait()
    until(lambda: not exists(pid))


def test_what_is_typed_is_not_in_the_log_nor_shown_to_others(small: Settings, guard: SqlGuard) -> None:
    log = server.status(small.home).log
    before = log.stat().st_size
    forged = "x\\n2026-01-01 00:00:00.000 UTC [1] FATAL:  a forged line"
    for text in (
        f"SELECT (E'{forged}')::int",
        "SELECT repeat('secret ', 3000000)::int",
        "SELECT 'secret', array_fill(1, ARRAY[100000000])",  # more memory than there is: the server describes itself
        "SELECT secret",
        "a secret",
    ):
        with pytest.raises(TypedSqlError):
            guard.run(text)
    query = guard.start("SELECT 'secret', count(*) FROM generate_series(1, 100000000000)")
    seen = guard.run("SELECT string_agg(a::text, ' ') AS seen FROM pg_stat_activity AS a").table["seen"][0].as_py()
    query.cancel()
    assert query.wait(30)
    assert "typed SQL" in seen
    assert "secret" not in seen
    added = log.read_bytes()[before:]
    assert b"secret" not in added
    assert b"forged" not in added
    assert len(added) < 1_000_000


def test_the_log_that_a_process_writes_to_begins_anew_once_it_is_long(own_home: Path) -> None:
    database = open_database(Settings(home=own_home))
    log = server.status(own_home).log
    with database.connect() as connection:
        process = ServerProcess.of(connection)
        assert process is not None
        with pytest.raises(psycopg.errors.UndefinedColumn):
            connection.execute("SELECT nothing")
        long = log.stat().st_size
        process.bound_log(long)
        assert log.stat().st_size == long
        process.bound_log(long - 1)
        assert log.stat().st_size == 0
        connection.rollback()
        with pytest.raises(psycopg.errors.UndefinedColumn):
            connection.execute("SELECT nothing_again")
        connection.rollback()
        process.close()
    assert "nothing_again" in log.read_text()[:300]


def test_an_error_of_any_length_is_short(guard: SqlGuard) -> None:
    with pytest.raises(TypedSqlError, match="invalid input syntax for type integer") as caught:
        guard.run("SELECT repeat('x', 5000000)::int")
    assert len(str(caught.value)) < 1_000
    assert "characters)" in str(caught.value)
    with pytest.raises(TypedSqlError, match="malformed array literal") as caught:
        guard.run("SELECT ('{' || repeat('x', 5000000))::int[]")
    assert len(str(caught.value) + caught.value.detail) < 4_000


@pytest.mark.parametrize("setting", ["log_min_messages", "log_min_error_statement", "track_activities"])
def test_nothing_runs_where_what_is_typed_would_be_shown(small: Settings, setting: str) -> None:
    database = open_database(small)
    guard = SqlGuard(database, timezone="UTC", trusts_socket=True)
    guard.set_up()
    with database.connect(autocommit=True) as connection:
        try:
            connection.execute(f"ALTER ROLE meter_platform_reader RESET {setting}")
            if setting == "log_min_error_statement":  # the embedded server's own is as strict
                connection.execute(f"ALTER ROLE meter_platform_reader SET {setting} = error")
            with pytest.raises(TypedSqlOffError, match="what is typed"):
                guard.run("SELECT 1")
        finally:
            guard.set_up()
    assert guard.run("SELECT 1 AS a").table.num_rows == 1


def test_a_result_without_rows_has_its_columns(guard: SqlGuard) -> None:
    table = guard.run("SELECT 1 AS a, now() AS b, 1.5 AS c, 'x' AS \"d é\" WHERE false").table
    assert (table.num_rows, table.column_names) == (0, ["a", "b", "c", "d é"])
    assert [str(field.type) for field in table.schema][:2] == ["int64", "timestamp[us, tz=Europe/London]"]


def test_a_row_that_is_too_large_is_said_to_be(small: Settings) -> None:
    guard = SqlGuard(open_database(small), timezone="UTC", trusts_socket=True, limits=Limits(result_bytes=1024**2))
    with pytest.raises(TypedSqlError, match="One row holds more than 1 MB"):
        guard.run("SELECT repeat('x', 2000000)")


def test_values_are_counted_and_not_only_their_letters(small: Settings) -> None:
    guard = SqlGuard(open_database(small), timezone="UTC", trusts_socket=True, limits=Limits(cells=1_000))
    columns = "SELECT " + ", ".join(f"NULL AS c{index}" for index in range(300))
    cut = guard.run(f"{columns} FROM generate_series(1, 20)")
    assert (cut.table.num_rows, cut.cut) == (3, "the first 3 rows, for more would be above 1,000 values")
    assert guard.run(f"{columns} FROM generate_series(1, 3)").cut is None
    assert Limits().cells < 1_000_000  # of fifty bytes and more each


def test_a_plan_is_told_from_a_column_of_that_name(guard: SqlGuard) -> None:
    assert not guard.run("SELECT 1 AS plan").is_plan
    assert guard.run("SELECT 1 AS plan", plan=True).is_plan


def test_the_error_of_a_plan_is_at_its_place(guard: SqlGuard) -> None:
    text = "SELECT 1,\n  1 / 0"
    with pytest.raises(TypedSqlError, match="division by zero"):
        guard.run(text, plan=True)
    with pytest.raises(TypedSqlError) as caught:
        guard.run("SELECT nothing", plan=True)
    assert caught.value.position == len("SELECT ") + 1


def test_many_columns_of_one_name_are_numbered_at_once() -> None:
    count = 1_664  # the most that Postgres returns
    begun = time.process_time()
    names = to_arrow(["?column?"] * count, [23] * count, [["1"]] * count, timezone="UTC").column_names
    assert time.process_time() - begun < 8, "it took more than a thousand times what it takes"
    assert names[:3] == ["?column?", "?column?_2", "?column?_3"]
    assert len(set(names)) == count


def test_a_numbered_name_is_never_another_columns_own() -> None:
    names = to_arrow(["a", "a", "a_2", "a", "a_2"], [23] * 5, [["1"]] * 5, timezone="UTC").column_names
    assert len(set(names)) == 5
    assert names[0] == "a"
