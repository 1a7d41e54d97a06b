"""Which database it is, how its tables come to be, and what a connection is when it is used again."""

import re
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import psycopg
import pytest

from meter_platform.embedded_postgres import names
from meter_platform.errors import PermanentError, ServerSetupError, ServerUnavailableError, SettingsError
from meter_platform.postgres import connecting
from meter_platform.postgres.urls import database_url
from meter_platform.settings import Settings
from meter_platform.warehouse import database as module
from meter_platform.warehouse import idle_connections
from meter_platform.warehouse.database import Database, dagster_url, data_url, open_database


@pytest.fixture
def fresh(database: Database) -> Iterator[Database]:
    """An empty database on the session's server."""
    name = "meters elsewhere"
    with database.connect(autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
        # What this process knows of the last database of that name.
        module._TABLES_SEEN.clear()  # noqa: SLF001
        module._create_database_once.cache_clear()  # noqa: SLF001
        yield Database(database_url(database.url, name))
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def tables_of(database: Database) -> set[str]:
    with database.connect() as connection:
        found = connection.execute(
            "SELECT schemaname || '.' || tablename FROM pg_tables "
            "WHERE schemaname IN ('raw_data', 'analytics', 'operations')"
        )
        return {name for (name,) in found}


ALL = {
    "raw_data.raw_meter_readings",
    "raw_data.raw_agreements",
    "raw_data.raw_products",
    "raw_data.raw_meterpoints",
    "raw_data.rejected_readings",
    "raw_data.superseded_readings",
    "raw_data.redelivered_readings",
    "raw_data.repeated_readings",
    "raw_data.withdrawn_readings",
    "raw_data.withdrawals",
    "raw_data.source_file_versions",
    "raw_data.source_file_dates",
    "raw_data.scanned_folders",
    "raw_data.partition_versions",
    "raw_data.changes_in_place",
    "raw_data.failed_partitions",
    "raw_data.failing_checks",
    "raw_data.deleted_files",
    "raw_data.erased_meterpoints",
    "raw_data.erased_meters",
    "raw_data.pruned_dates",
    "raw_data.dates_put_away",
    "raw_data.schema_version",
    "analytics.active_agreements",
    "analytics.half_hourly_consumption",
    "analytics.daily_product_consumption",
    "analytics.unattributed_consumption",
    "analytics.meterpoint_completeness",
    "operations.log",
}


# Which database


@pytest.mark.parametrize(
    "given",
    [
        "postgresql://me:pa%20ss@db:5433/meters?sslmode=require",
        "postgres://me:pa%20ss@db:5433/meters?sslmode=require",
        "postgresql+psycopg2://me:pa%20ss@db:5433/meters?sslmode=require",
    ],
)
def test_a_url_in_anyones_spelling_is_libpqs(settings: Settings, given: str) -> None:
    assert data_url(settings.replace(postgres_url=given)) == "postgresql://me:pa%20ss@db:5433/meters?sslmode=require"


@pytest.mark.parametrize("password", ["x?y", "x#y", "x:y", "x[y", "x]y", "%25", "é", "x&y=z"])
def test_a_password_that_libpq_can_read_is_taken_as_it_is(settings: Settings, password: str) -> None:
    given = f"postgresql://me:{password}@db:5433/meters?sslmode=require"

    assert data_url(settings.replace(postgres_url=given)) == given
    assert psycopg.conninfo.conninfo_to_dict(given)["password"] == unquote(password)


def test_programs_that_a_setting_names_are_the_embedded_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("METER_PLATFORM_PG_BIN", "METER_PLATFORM_HOME"):  # the environment would win
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"METER_PLATFORM_PG_BIN={tmp_path}/bin\nMETER_PLATFORM_HOME={tmp_path}/home\n")

    with pytest.raises(ServerSetupError, match=f"METER_PLATFORM_PG_BIN={tmp_path}/bin does not hold the programs"):
        data_url(Settings.from_environment())


def test_a_socket_is_as_good_as_a_host(settings: Settings) -> None:
    url = "postgresql:///meters?host=/var/run/postgresql"

    assert data_url(settings.replace(postgres_url=url)) == url


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("mysql://me:hunter2@db/meters", "is no Postgres URL: write it as postgresql://"),
        ("me:hunter2@db/meters", "is no Postgres URL: write it as postgresql://"),
        ("host=db password=hunter2 dbname=meters", "is no Postgres URL: write it as postgresql://"),
        ("postgresql://me:hunter2@db", "names no database: end it with /meter_platform"),
        ("postgresql://me:hunter2%@db/meters", "is written wrongly, or can be read in two ways: in user and password"),
        ("postgresql://me:hunter2/x@db/meters", "is written wrongly, or can be read in two ways: in user and password"),
        ("postgresql://me:hunter2@hunter2@db/meters", "is written wrongly, or can be read in two ways"),
        ("postgresql://me:1/hunter2@db/meters", "is written wrongly, or can be read in two ways"),
        ("postgresql://me:x@db/meters?hunter2", "is written wrongly, or can be read in two ways"),
        ("postgresql://me:hunter2@db/?sslmode=require", "names no database: end it with /meter_platform"),
    ],
)
def test_what_is_no_url_of_a_postgres_database_is_refused_without_being_shown(
    settings: Settings, given: str, message: str
) -> None:
    with pytest.raises(SettingsError) as refusal:
        data_url(settings.replace(postgres_url=given))

    assert f"METER_PLATFORM_POSTGRES_URL {message}" in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def test_dagsters_database_stands_beside_the_platforms_and_is_made_when_it_is_missing(
    settings: Settings, fresh: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "DAGSTER_DATABASE", "dagster elsewhere")
    given = settings.replace(postgres_url=fresh.url)

    with fresh.connect(autocommit=True) as connection:
        try:
            url = dagster_url(given)
            with Database(url).connect() as beside:
                assert beside.info.dbname == "dagster elsewhere"
                assert beside.info.host == connection.info.host
            assert dagster_url(given) == url
        finally:
            connection.execute('DROP DATABASE IF EXISTS "dagster elsewhere" WITH (FORCE)')


def test_dagsters_database_is_utf8_on_a_server_that_makes_others(
    settings: Settings, fresh: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remake_template(connection: psycopg.Connection[tuple[object, ...]], encoding: str) -> None:
        connection.execute("ALTER DATABASE template1 IS_TEMPLATE false")
        connection.execute("DROP DATABASE template1")
        connection.execute(
            f"CREATE DATABASE template1 TEMPLATE template0 ENCODING '{encoding}' LOCALE_PROVIDER libc LOCALE 'C' "
            "IS_TEMPLATE true".encode()
        )

    monkeypatch.setattr(names, "DAGSTER_DATABASE", "dagster elsewhere")
    with fresh.connect(autocommit=True) as connection:
        remake_template(connection, "SQL_ASCII")
        try:
            with Database(dagster_url(settings.replace(postgres_url=fresh.url))).connect() as beside:
                assert beside.info.parameter_status("server_encoding") == "UTF8"
        finally:
            connection.execute('DROP DATABASE IF EXISTS "dagster elsewhere" WITH (FORCE)')
            remake_template(connection, "UTF8")


def test_dagsters_database_can_be_given_apart_and_then_nothing_asks_for_the_platforms(settings: Settings) -> None:
    # Nothing listens there: a connection would be refused.
    given = settings.replace(postgres_url="postgresql://me@127.0.0.1:1/meters", dagster_url="postgres://it@other/runs")

    assert dagster_url(given) == "postgresql://it@other/runs"


def test_a_process_without_the_platforms_database_does_not_get_an_embedded_one(tmp_path: Path) -> None:
    web_server = Settings(home=tmp_path, dagster_url="postgresql://me:hunter2@db/dagster")

    with pytest.raises(
        SettingsError, match="set METER_PLATFORM_POSTGRES_URL, too, where it is to read or to load data"
    ):
        data_url(web_server)
    assert not list(tmp_path.iterdir())


def test_a_wrong_url_of_dagsters_database_is_refused_by_its_own_name(settings: Settings) -> None:
    with pytest.raises(SettingsError) as refusal:
        dagster_url(settings.replace(dagster_url="postgresql://me:hunter2@db"))

    assert str(refusal.value) == "METER_PLATFORM_DAGSTER_URL names no database: end it with /dagster, for example."


def test_a_login_that_may_not_make_dagsters_database_is_told_what_to_grant(
    settings: Settings, fresh: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "DAGSTER_DATABASE", "dagster elsewhere")
    with fresh.connect(autocommit=True) as connection:
        connection.execute("CREATE ROLE newcomer LOGIN")
        try:
            with pytest.raises(PermanentError) as refusal:
                dagster_url(settings.replace(postgres_url=fresh.url.replace(f"{names.SUPERUSER}@", "newcomer@", 1)))
        finally:
            connection.execute("DROP ROLE newcomer")

    assert '"CREATE DATABASE dagster elsewhere OWNER <login>") or grant CREATEDB.' in str(refusal.value)


# What it must be


def test_a_database_whose_text_is_not_utf8_is_refused_when_it_is_opened(settings: Settings, fresh: Database) -> None:
    with fresh.connect(autocommit=True) as connection:
        connection.execute(
            "CREATE DATABASE plain TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'"
        )
        try:
            given = settings.replace(postgres_url=database_url(fresh.url, "plain"))
            with pytest.raises(PermanentError) as refusal:
                open_database(given)
            # What it says to do, done.
            (statement,) = re.findall(r"\((CREATE DATABASE .*)\)", str(refusal.value))
            connection.execute(statement)
            open_database(given.replace(postgres_url=database_url(fresh.url, "plain_utf8")))
        finally:
            connection.execute("DROP DATABASE plain WITH (FORCE)")
            connection.execute("DROP DATABASE IF EXISTS plain_utf8 WITH (FORCE)")

    assert 'The database "plain" at postgresql://' in str(refusal.value)
    assert "keeps text as SQL_ASCII, and the platform needs UTF8" in str(refusal.value)


def test_a_server_that_is_too_old_is_refused_when_it_is_opened(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "OLDEST_MAJOR", 99)

    with (
        pytest.raises(PermanentError, match=r"is Postgres \d\d, and the platform needs 99 or newer"),
        database.connect(),
    ):
        pass


# Its tables


def test_a_given_server_gets_the_same_tables(settings: Settings, fresh: Database) -> None:
    opened = open_database(settings.replace(postgres_url=fresh.url))

    assert opened == fresh
    assert tables_of(opened) == ALL


def test_tables_are_made_once_however_many_begin_at_the_same_time(fresh: Database) -> None:
    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(fresh.create_tables) for _ in range(6)]:
            done.result(timeout=60)

    assert tables_of(fresh) == ALL


def test_making_tables_again_waits_for_no_one_and_changes_nothing(database: Database) -> None:
    with database.connect() as busy:
        busy.execute("LOCK TABLE raw_data.raw_products IN ACCESS EXCLUSIVE MODE")
        with ThreadPoolExecutor(1) as pool:
            pool.submit(database.create_tables).result(timeout=60)


def test_what_was_dropped_by_hand_is_made_again_though_the_version_is_on_record(fresh: Database) -> None:
    fresh.create_tables()
    with fresh.connect() as connection:
        connection.execute("INSERT INTO raw_data.raw_meterpoints VALUES ('m', '2021-01-01', NULL, now())")

    tables = sorted(ALL - {"raw_data.schema_version"})  # without it nobody can tell which version it is
    for dropped in (*(f"TABLE {name}" for name in tables), "SCHEMA analytics", "VIEW raw_data.source_files"):
        with fresh.connect() as connection:
            kept = connection.execute("SELECT count(*) FROM raw_data.raw_meterpoints").fetchone()
            connection.execute(f"DROP {dropped} CASCADE".encode())
        fresh.create_tables()

        assert tables_of(fresh) == ALL
        with fresh.connect() as connection:
            assert connection.execute("SELECT count(*) FROM raw_data.source_files").fetchone() == (0,)
            rest = connection.execute("SELECT count(*) FROM raw_data.raw_meterpoints").fetchone()
            assert rest == ((0,) if dropped.endswith("raw_meterpoints") else kept), "nothing else is lost"


@pytest.mark.parametrize("dropped", ["raw_data.raw_products", "analytics.active_agreements"])
def test_nothing_claims_that_a_dropped_table_holds_what_it_held(fresh: Database, dropped: str) -> None:
    fresh.create_tables()
    with fresh.connect() as connection:
        for table in ("raw_products", "active_agreements", "raw_agreements"):
            connection.execute(
                "INSERT INTO raw_data.partition_versions VALUES ('2021-01-01', %s, 1, 1, '', '', now())", [table]
            )
        connection.execute(f"DROP TABLE {dropped}".encode())

    fresh.create_tables()

    with fresh.connect() as connection:
        noted = connection.execute("SELECT table_name FROM raw_data.partition_versions").fetchall()
    assert {name for (name,) in noted} == {"raw_products", "active_agreements", "raw_agreements"} - {
        dropped.split(".")[1]
    }


def test_a_process_that_lives_on_finds_a_dropped_table_at_its_next_look(
    settings: Settings, fresh: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TABLES_SECONDS", -1)
    given = settings.replace(postgres_url=fresh.url)
    opened = open_database(given)
    with opened.connect() as connection:
        connection.execute("DROP TABLE analytics.active_agreements")

    open_database(given)

    assert tables_of(opened) == ALL


def test_tables_of_no_version_are_refused_and_left_alone(fresh: Database) -> None:
    fresh.create_tables()
    with fresh.connect() as connection:
        connection.execute("ALTER TABLE raw_data.raw_meterpoints DROP COLUMN region")
        connection.execute("DROP TABLE raw_data.raw_products")

    for _ in range(2):
        with pytest.raises(
            PermanentError, match=r'not those of any version of the platform \(column "region" of relation'
        ):
            fresh.create_tables()


# Connections


def test_a_connection_commits_at_its_end_and_rolls_back_an_error(database: Database) -> None:
    insert = "INSERT INTO raw_data.raw_meterpoints VALUES (%s, '2021-01-01', NULL, now())"
    with database.connect() as connection:
        connection.execute(insert, ["kept"])
    with pytest.raises(psycopg.errors.DivisionByZero), database.connect() as connection:
        connection.execute(insert, ["lost"]) and connection.execute("SELECT 1 / 0")

    with database.connect() as connection:
        assert connection.execute("SELECT meterpoint_id FROM raw_data.raw_meterpoints").fetchall() == [("kept",)]
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)


@pytest.mark.parametrize("kind", ["connect", "connect_arrow", "open_connection"])
def test_a_server_that_does_not_answer_is_named_without_its_password(kind: str) -> None:
    unreachable = Database("postgresql://me:hunter2@127.0.0.1:1/meters?sslpassword=hunter3")

    with pytest.raises(ServerUnavailableError) as refusal, ExitStack() as stack:
        stack.enter_context(getattr(unreachable, kind)())

    assert str(refusal.value).startswith(
        "Postgres at postgresql://me:***@127.0.0.1:1/meters?sslpassword=*** cannot be used: "
    )
    assert "hunter" not in f"{refusal.value} {refusal.value.__cause__} {unreachable!r}"
    assert "\n" not in str(refusal.value)


def test_an_arrow_connection_is_used_again_without_what_its_session_held(database: Database) -> None:
    with database.connect_arrow() as first, first.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE held AS SELECT 1")
        cursor.execute("SELECT pg_advisory_lock(186)")
        cursor.execute("INSERT INTO raw_data.raw_meterpoints VALUES ('lost', '2021-01-01', NULL, now())")

    with database.connect_arrow() as second, second.cursor() as cursor:
        assert second is first
        cursor.execute("SELECT to_regclass('held') IS NULL, (SELECT count(*) FROM raw_data.raw_meterpoints)")
        assert cursor.fetchone() == (True, 0)
        with database.connect() as other:
            assert other.execute("SELECT pg_try_advisory_lock(186)").fetchone() == (True,)


def test_an_arrow_connection_is_not_used_by_two_at_once_nor_after_an_error(database: Database) -> None:
    with database.connect_arrow() as first, database.connect_arrow() as second:
        assert first is not second
    with pytest.raises(ZeroDivisionError), database.connect_arrow() as third:
        raise ZeroDivisionError
    with database.connect_arrow() as fourth, database.connect_arrow() as fifth:
        assert third not in (fourth, fifth)


def test_an_arrow_connection_that_the_server_has_ended_is_replaced(database: Database) -> None:
    with database.connect_arrow():
        pass
    with database.connect(autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )

    with database.connect_arrow() as replaced, replaced.cursor() as cursor:
        cursor.execute("SELECT 186")
        assert cursor.fetchone() == (186,)


def test_an_arrow_connection_is_opened_ahead_once_and_waited_for(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle = idle_connections.IdleConnections()
    monkeypatch.setattr(module, "_IDLE_ARROW", idle)
    opened = Counter[str]()
    begun, go_on = threading.Event(), threading.Event()
    connect = connecting.open_connection

    def slow(*args: Any, **how: Any) -> Any:  # noqa: ANN401 - as it is called
        opened[threading.current_thread().name.partition("_")[0]] += 1
        begun.set()
        assert go_on.wait(60)
        return connect(*args, **how)

    monkeypatch.setattr(module.connecting, "open_connection", slow)
    database.open_arrow_ahead()
    database.open_arrow_ahead()
    assert begun.wait(60)
    threading.Timer(0.2, go_on.set).start()
    with database.connect_arrow() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 186")
        assert cursor.fetchone() == (186,)
    database.open_arrow_ahead()
    with database.connect_arrow() as again:
        assert again is connection
    assert opened == {"arrow-connection": 1}
    idle.close()


def test_an_arrow_connection_that_could_not_be_opened_ahead_is_opened_when_it_is_needed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle = idle_connections.IdleConnections()
    monkeypatch.setattr(module, "_IDLE_ARROW", idle)
    connect, answers = connecting.open_connection, [ServerUnavailableError("not yet")]

    def unavailable_at_first(*args: Any, **how: Any) -> Any:  # noqa: ANN401 - as it is called
        if answers:
            raise answers.pop()
        return connect(*args, **how)

    monkeypatch.setattr(module.connecting, "open_connection", unavailable_at_first)
    database.open_arrow_ahead()
    with database.connect_arrow() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 186")
    assert not answers
    database.open_arrow_ahead()  # there is one
    idle.close()


def test_no_other_process_closes_what_waits(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with database.connect_arrow() as mine:
        pass
    monkeypatch.setattr(idle_connections.os, "getpid", lambda: -1)  # as a forked child sees it

    with database.connect_arrow() as childs:
        assert childs is not mine
    module._IDLE_ARROW.close()  # noqa: SLF001 - there is no such process to close it at its end
    monkeypatch.undo()
    with database.connect_arrow() as again:
        assert again is mine
