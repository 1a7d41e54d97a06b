"""What a server refuses is said with what to do about it, whichever driver met it."""

from collections.abc import Callable, Iterator

import dagster as dg
import psycopg
import pytest
import sqlalchemy as sa

from meter_platform.embedded_postgres import names
from meter_platform.errors import MeterPlatformError, PermanentError, ServerUnavailableError, SettingsError
from meter_platform.orchestration.failures import permanent_failures
from meter_platform.orchestration.instance import NEEDED_CONNECTIONS, PlatformStorage
from meter_platform.postgres.refusals import translated
from meter_platform.postgres.urls import database_url
from meter_platform.settings import PREFIX, Settings
from meter_platform.warehouse.database import Database, data_url

LOGIN = "newcomer"


@pytest.fixture
def login(database: Database) -> Iterator[Database]:
    """The session's database for a login that may do nothing in particular."""
    with database.connect(autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {LOGIN} LOGIN".encode())
        try:
            yield Database(database.url.replace(f"{names.SUPERUSER}@", f"{LOGIN}@", 1))
        finally:
            connection.execute(f"DROP ROLE {LOGIN}".encode())


def by_psycopg(database: Database, statement: str) -> None:
    with database.connect() as connection:
        connection.execute(statement.encode())


def by_arrow(database: Database, statement: str) -> None:
    with database.connect_arrow() as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        cursor.fetchall()


def by_sqlalchemy(database: Database, statement: str) -> None:
    engine = sa.create_engine("postgresql+psycopg2://" + database.url.partition("://")[2], poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text(statement))


DRIVERS = pytest.mark.parametrize("run", [by_psycopg, by_arrow, by_sqlalchemy])
Run = Callable[[Database, str], None]


def met(run: Run, database: Database, statement: str) -> MeterPlatformError:
    """What a refusal in the middle of a run becomes."""
    with pytest.raises(Exception) as refusal:  # noqa: PT011 - each driver has its own
        run(database, statement)
    known = translated(refusal.value, database.shown)
    assert known is not None, refusal.value
    return known


@DRIVERS
@pytest.mark.parametrize(
    ("statement", "kind", "words"),
    [
        ("SELECT pg_terminate_backend(pg_backend_pid())", ServerUnavailableError, "ended the connection"),
        (
            "DO $$BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END$$",
            ServerUnavailableError,
            "is full: make room on it",
        ),
        (
            "DO $$BEGIN SET TRANSACTION READ ONLY; CREATE TABLE public.never (); END$$",
            PermanentError,
            "Name the primary server in METER_PLATFORM_POSTGRES_URL",
        ),
    ],
)
def test_a_server_that_fails_in_the_middle_is_told_of_by_every_driver_with_what_to_do(
    database: Database, run: Run, statement: str, kind: type[MeterPlatformError], words: str
) -> None:
    known = met(run, database, statement)

    assert type(known) is kind
    assert words in str(known)
    assert database.shown in str(known)


@DRIVERS
def test_too_few_connections_are_told_with_the_setting_and_its_server(
    database: Database, login: Database, run: Run
) -> None:
    with database.connect(autocommit=True) as connection:
        connection.execute(f"ALTER ROLE {LOGIN} CONNECTION LIMIT 0".encode())

    known = met(run, login, "SELECT 1")

    assert isinstance(known, ServerUnavailableError)
    assert f"Postgres at {login.shown} has no connection left: raise max_connections" in str(known)
    assert "lower max_concurrent_runs in dagster.yaml" in str(known)


def test_what_is_no_refusal_of_the_server_stays_what_it_is(database: Database) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero) as failed:
        by_psycopg(database, "SELECT 1 / 0")

    assert translated(failed.value) is None
    assert translated(ValueError("sorry, too many clients already")) is None, "the words may be those of data"
    mine = SettingsError("as it was")
    assert translated(mine) is mine


def test_a_step_on_a_read_only_server_is_not_tried_again_and_one_whose_server_went_is(database: Database) -> None:
    with pytest.raises(dg.Failure) as failure, permanent_failures():
        by_psycopg(database, "DO $$BEGIN SET TRANSACTION READ ONLY; CREATE TABLE public.never (); END$$")
    assert not failure.value.allow_retries
    assert "is read-only" in (failure.value.description or "")

    with pytest.raises(ServerUnavailableError, match="ended the connection"), permanent_failures():
        by_psycopg(database, "SELECT pg_terminate_backend(pg_backend_pid())")


@pytest.mark.parametrize(
    ("rest", "several"),
    [
        ("me@h1,h2/meters", True),
        ("me:pass@h1:5432,h2:5432/meters", True),
        ("/meters?host=h1,h2", True),
        ("/meters?hostaddr=10.0.0.1%2C10.0.0.2", True),
        ("me:pa,ss@h1/meters", False),
        ("h1/meters?options=-c%20a%3Db,c", False),
        ("/meters?host=/run/postgresql", False),
    ],
)
def test_several_hosts_are_refused_and_a_comma_elsewhere_is_not(
    settings: Settings, rest: str, *, several: bool
) -> None:
    given = settings.replace(postgres_url=f"postgresql://{rest}")

    if not several:
        assert data_url(given) == f"postgresql://{rest}"
        return
    with pytest.raises(SettingsError, match="names several hosts, and Dagster's storage can use only one"):
        data_url(given)


@pytest.fixture
def dagsters(database: Database, login: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """An empty database for Dagster that belongs to another login than the one that settings name."""
    name = "dagster_elsewhere"
    monkeypatch.setattr(names, "DAGSTER_DATABASE", name)
    monkeypatch.setenv(f"{PREFIX}POSTGRES_URL", login.url)
    with database.connect(autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield Database(database_url(login.url, name))
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def test_a_database_of_another_owner_for_dagster_is_told_with_what_to_do(dagsters: Database) -> None:
    with pytest.raises(PermanentError) as refusal:
        PlatformStorage.from_config_value(None, {})

    assert f"Dagster keeps its runs in {dagsters.shown}, in which this login may not create tables" in str(
        refusal.value
    )
    assert "ALTER DATABASE dagster OWNER TO" in str(refusal.value)


def test_a_login_with_few_connections_is_warned_when_dagsters_storage_is_opened(
    database: Database, dagsters: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with database.connect(autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "dagster_elsewhere" OWNER TO {LOGIN}'.encode())
        PlatformStorage.from_config_value(None, {}).run_storage.dispose()
        assert caplog.text == ""
        connection.execute(f"ALTER ROLE {LOGIN} CONNECTION LIMIT 30".encode())
        PlatformStorage.from_config_value(None, {}).run_storage.dispose()

    assert f"Postgres takes 30 connections of this login, and the platform may need {NEEDED_CONNECTIONS}" in caplog.text
    assert dagsters.shown not in caplog.text
