"""Each login may do what it is for, and each thing beyond that is denied."""

import base64
import hashlib
import hmac
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from psycopg import sql

from meter_platform.embedded_postgres import server
from meter_platform.embedded_postgres.client_programs import find_client
from meter_platform.errors import PermanentError
from meter_platform.postgres.urls import database_url
from meter_platform.typed_sql import role as typed_sql_role
from meter_platform.typed_sql.guard import SqlGuard
from meter_platform.warehouse import operations, roles, tables
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.exporter_grants import DAGSTER_COLUMNS, DATA_COLUMNS, EXPORTER_ROLE
from meter_platform.warehouse.roles import BACKUP, DAGSTER, LOADER, OWNER
from meter_platform_tests.databases import AFTER_AUTOVACUUM
from meter_platform_tests.embedded_postgres.servers import eventually
from meter_platform_tests.warehouse import migrating
from meter_platform_tests.warehouse.test_migrations import named_readings, store

DATA: Final = "roled"
DAGSTER_DATABASE: Final = "roled_dagster"
SECRET: Final = "correct horse"  # noqa: S105 - of this test


DIGEST: Final = (
    """
SELECT rolname, rolsuper, rolreplication, rolcanlogin, rolconnlimit, rolpassword IS NULL FROM pg_authid
WHERE rolname LIKE 'meter\\_%' ORDER BY 1""",
    """
SELECT rolname, relname, relowner::regrole::text,
       (SELECT array_agg(attname ORDER BY 1) FROM pg_attribute
        WHERE attrelid = pg_class.oid AND attnum > 0 AND has_column_privilege(rolname, pg_class.oid, attnum, 'SELECT')),
       has_table_privilege(rolname, pg_class.oid, 'INSERT'), has_table_privilege(rolname, pg_class.oid, 'UPDATE, DELETE')
FROM pg_class CROSS JOIN pg_roles WHERE relkind IN ('r', 'p', 'v') AND relnamespace >= 2200
  AND relnamespace <> 'information_schema'::regnamespace AND rolname LIKE 'meter\\_%' ORDER BY 1, 2""",
    """
SELECT rolname, nspname, nspowner::regrole::text, has_schema_privilege(rolname, pg_namespace.oid, 'USAGE'),
       has_schema_privilege(rolname, pg_namespace.oid, 'CREATE')
FROM pg_namespace CROSS JOIN pg_roles WHERE nspname NOT LIKE 'pg\\_%' AND rolname LIKE 'meter\\_%' ORDER BY 1, 2""",
    """
SELECT datname, datdba::regrole::text, (SELECT array_agg(entry::text ORDER BY entry::text) FROM unnest(datacl) AS entry)
FROM pg_database WHERE datname LIKE 'roled%' ORDER BY 1""",
    "SELECT setrole::regrole::text, setconfig::text FROM pg_db_role_setting WHERE setrole <> 0 ORDER BY 1",
)
"""Everything that the roles may do."""


@dataclass(frozen=True)
class Server:
    """The session's server, with two databases of the platform and the roles."""

    data: Database
    dagster: Database

    def as_(self, role: str, database: str = DATA) -> Database:
        """What a login sees. The server trusts whoever reaches it."""
        url = database_url(self.data.url, database)
        return Database(url.replace("//meter_platform@", f"//{role}@"))

    def set_up(self, **passwords: str) -> list[str]:
        with self.data.connect() as data, self.dagster.connect() as dagster:
            return roles.set_up(data, dagster, passwords)

    def digest(self) -> list[Any]:
        """Everything that the roles may do."""
        return [run(database, query) for database in (self.data, self.dagster) for query in DIGEST]


@pytest.fixture(scope="module")
def prepared(home: Path) -> Iterator[Server]:
    with migrating.empty_databases(Database(server.ensure_running(home)), DATA, DAGSTER_DATABASE) as (data, dagster):
        migrating.restore(migrating.RELEASED[0], data)
        data.create_tables(may_migrate=True)
        with dagster.connect() as connection:
            for table, columns in DAGSTER_COLUMNS.items():
                fields = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(name)) for name in columns)
                connection.execute(
                    sql.SQL("CREATE TABLE {} ({}, more text)").format(sql.Identifier(*table.split(".")), fields)
                )
        made = Server(data, dagster)
        assert made.set_up(**{LOADER: SECRET}) == []
        with data.connect() as connection:
            assert typed_sql_role.set_up(connection, login=False)  # which takes functions from everybody
        yield made
    with Database(server.ensure_running(home)).connect() as connection:
        for role in (*roles.LOGINS, OWNER):
            # Here a role owns nothing, but has rights on the server's parameters.
            connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def run(database: Database, statements: str) -> list[tuple[Any, ...]]:
    """Executes statements, each in a transaction of its own, and returns the rows of the last."""
    with database.connect(autocommit=True) as connection:
        for statement in statements.split("; "):
            cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


# Making them


def test_roles_are_made_while_others_use_the_tables_in_another_order(prepared: Server) -> None:
    run(prepared.data, "CREATE TABLE analytics.first_ (n int); CREATE TABLE analytics.second_ (n int)")
    waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'analytics.second_'::regclass AND NOT granted"
    with prepared.data.connect() as other, prepared.data.connect() as data, prepared.dagster.connect() as dagster:
        other.execute("SET deadlock_timeout = '1min'")  # so that it is the roles that are refused
        other.execute("LOCK TABLE analytics.second_")
        data.execute("SET deadlock_timeout = '2s'")
        data.commit()
        with ThreadPoolExecutor(1) as pool:
            made = pool.submit(roles.set_up, data, dagster, {})
            eventually(lambda: run(prepared.data, waiting) == [(1,)])
            other.execute("LOCK TABLE analytics.first_")
            other.commit()
            assert made.result(60) == []
    owners = "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relname IN ('first_', 'second_')"
    assert run(prepared.data, owners) == [(OWNER,)]
    run(prepared.data, "DROP TABLE analytics.first_; DROP TABLE analytics.second_")


# What each is for


def test_the_loader_loads_publishes_and_migrates_and_what_it_makes_is_the_owner_s(prepared: Server) -> None:
    loader = prepared.as_(LOADER)
    loader.create_tables(may_migrate=True)
    for value in ("0.5", "0.75"):  # the second takes the place of the first
        store(
            loader,
            named_readings(tables.RAW_METER_READINGS.contract),
            date(2021, 11, 2),
            consumption_delta=Decimal(value),
        )
    run(loader, "CREATE SCHEMA made; CREATE TABLE made.table_ (n int); DROP SCHEMA made CASCADE")
    with operations.noted(loader, "prune"):
        pass

    owners = run(prepared.data, "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relname LIKE 'raw_meter%'")
    assert owners == [(OWNER,)]
    assert run(loader, "SELECT current_user, session_user") == [(OWNER, LOADER)]


def test_the_loader_s_app_runs_typed_sql(prepared: Server) -> None:
    guard = SqlGuard(prepared.as_(LOADER), timezone="UTC", trusts_socket=False)
    assert guard.run("SELECT count(*) AS files FROM raw_data.source_files").table.to_pylist() == [{"files": 5}]


def test_dagster_s_login_owns_dagster_s_database(prepared: Server) -> None:
    login = prepared.as_(DAGSTER, DAGSTER_DATABASE)
    run(login, "CREATE TABLE more_runs (n int); DROP TABLE more_runs; INSERT INTO runs (status) VALUES ('STARTED')")
    assert run(login, "SELECT status FROM runs") == [("STARTED",)]


def test_the_exporter_reads_its_columns(prepared: Server) -> None:
    for database, granted in ((DATA, DATA_COLUMNS), (DAGSTER_DATABASE, DAGSTER_COLUMNS)):
        for table, columns in granted.items():
            query = f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608 - names of the platform's own
            run(prepared.as_(EXPORTER_ROLE, database), query)
    login = prepared.as_(EXPORTER_ROLE)
    assert run(login, "SHOW statement_timeout") == [("5s",)]
    run(login, "SELECT set_config('work_mem', '4MB', false), last_archived_time FROM pg_stat_archiver")
    run(login, "SELECT pg_database_size(oid) FROM pg_database WHERE datname = 'roled_dagster'")


def test_the_backup_s_login_notes_what_it_did(prepared: Server) -> None:
    with operations.noted(prepared.as_(BACKUP), "backup"):
        pass
    assert run(prepared.data, "SELECT count(*) FROM operations.log WHERE operation = 'backup'") == [(1,)]


# What is denied


DENIED: Final = {
    LOADER: [
        "SET ROLE meter_platform",
        "CREATE ROLE other",
        "CREATE DATABASE other",
        "ALTER ROLE meter_loader SUPERUSER",
        "SELECT * FROM pg_authid",
        "COPY raw_data.raw_products TO PROGRAM 'cat'",
        "SELECT pg_read_file('postgresql.conf')",
        "ALTER SYSTEM SET work_mem = '1GB'",
    ],
    EXPORTER_ROLE: [
        "SELECT meterpoint_id FROM raw_data.rejected_readings",
        "SELECT meterpoint_id FROM raw_data.raw_meter_readings",
        "SELECT count(*) FROM raw_data.raw_meter_readings",
        "SELECT meterpoint_id FROM analytics.meterpoint_completeness",
        "SELECT account_id FROM raw_data.raw_agreements",
        "SELECT url FROM raw_data.source_file_versions",
        "SELECT error FROM raw_data.failed_partitions",
        "SELECT detail FROM operations.log",
        "SELECT * FROM raw_data.partition_versions",
        "SELECT raw_text FROM raw_data.rejected_readings",
        "SET default_transaction_read_only = off; INSERT INTO operations.log VALUES ('prune', now(), now(), true, '', null)",
        "SET default_transaction_read_only = off; DELETE FROM raw_data.partition_versions",
        "SET default_transaction_read_only = off; CREATE TABLE raw_data.more (n int)",
        "SET default_transaction_read_only = off; CREATE TEMPORARY TABLE more (n int)",
        "SET ROLE meter_owner",
        "SELECT rolpassword FROM pg_authid",
    ],
    BACKUP: [
        "SELECT count(*) FROM raw_data.raw_meter_readings",
        "SELECT count(*) FROM analytics.half_hourly_consumption",
        "SELECT count(*) FROM raw_data.schema_version",
        "SELECT count(*) FROM operations.log",
        "DELETE FROM operations.log",
        "UPDATE operations.log SET succeeded = true",
        "CREATE TABLE operations.more (n int)",
        "CREATE TEMPORARY TABLE more (n int)",
        "SET ROLE meter_owner",
    ],
}


@pytest.mark.parametrize(
    ("role", "statement"), [(role, statement) for role, statements in DENIED.items() for statement in statements]
)
def test_a_login_is_denied(prepared: Server, role: str, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        run(prepared.as_(role), statement)


def test_the_exporter_writes_nothing_unless_it_asks_to_and_waits_for_nobody(prepared: Server) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        run(prepared.as_(EXPORTER_ROLE), "CREATE TABLE public.more (n int)")
    with prepared.data.connect() as busy:
        busy.execute("LOCK TABLE operations.log")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            run(prepared.as_(EXPORTER_ROLE), "SELECT succeeded FROM operations.log")


@pytest.mark.parametrize(
    ("role", "database"), [(LOADER, DAGSTER_DATABASE), (BACKUP, DAGSTER_DATABASE), (DAGSTER, DATA), (OWNER, DATA)]
)
def test_a_login_cannot_enter_the_other_database_and_nobody_is_the_owner(
    prepared: Server, role: str, database: str
) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"permission denied for database|is not permitted to log in"):
        psycopg.connect(prepared.as_(role, database).url)


def test_a_login_of_somebody_else_s_enters_neither(prepared: Server) -> None:
    run(prepared.data, "CREATE ROLE somebody LOGIN")
    try:
        for database in (DATA, DAGSTER_DATABASE):
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                psycopg.connect(prepared.as_("somebody", database).url)
    finally:
        run(prepared.data, "DROP ROLE somebody")


# Making them


def test_making_them_again_changes_nothing_and_takes_away_what_is_too_much(prepared: Server) -> None:
    before = prepared.digest()
    run(prepared.data, "GRANT SELECT ON raw_data.raw_products TO meter_exporter, meter_backup")
    run(prepared.data, "GRANT SELECT (url) ON raw_data.source_file_versions TO meter_exporter")
    run(prepared.data, "ALTER ROLE meter_backup SUPERUSER; ALTER TABLE raw_data.raw_products OWNER TO meter_platform")
    assert prepared.digest() != before

    assert prepared.set_up() == []

    assert prepared.digest() == before


def test_what_is_printed_does_the_same(prepared: Server, tmp_path: Path) -> None:
    before = prepared.digest()
    text = "\n".join(roles.script(DATA, DAGSTER_DATABASE))
    assert SECRET not in text
    for database in (prepared.data, prepared.dagster):
        run(database, f"{AFTER_AUTOVACUUM}; DROP OWNED BY meter_exporter, meter_backup")
    run(prepared.data, "ALTER TABLE raw_data.raw_products OWNER TO meter_platform; DROP ROLE meter_exporter")
    assert prepared.digest() != before
    (tmp_path / "roles.sql").write_text(text)

    psql = find_client("psql", prepared.data.url)
    command = [psql, "-qX", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-f", tmp_path / "roles.sql", prepared.data.url]
    subprocess.run(command, check=True)

    assert prepared.digest() == before


def test_a_password_reaches_the_server_as_its_digest(prepared: Server) -> None:
    ((stored,),) = run(prepared.data, "SELECT rolpassword FROM pg_authid WHERE rolname = 'meter_loader'")
    method, parameters, keys = stored.split("$")
    iterations, salt = parameters.split(":")
    salted = hashlib.pbkdf2_hmac("sha256", SECRET.encode(), base64.b64decode(salt), int(iterations))
    client = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    assert method == "SCRAM-SHA-256"
    assert keys.split(":")[0] == base64.b64encode(client).decode()


def test_passwords_are_those_of_the_files_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"There is no password in .*: a file is called meter_loader_password"):
        roles.passwords_in(tmp_path)
    (tmp_path / "meter_loader_password").write_text("a b \n")
    (tmp_path / "other_password").write_text("x")
    assert roles.passwords_in(tmp_path) == {LOADER: "a b "}
    (tmp_path / "meter_backup_password").write_text("\n")
    with pytest.raises(PermanentError, match="meter_backup_password is empty"):
        roles.passwords_in(tmp_path)


def test_a_login_that_may_make_no_roles_is_told_what_to_do(prepared: Server) -> None:
    dagster = prepared.as_(DAGSTER, DAGSTER_DATABASE)
    with (
        prepared.as_(LOADER).connect() as data,
        dagster.connect() as beside,
        pytest.raises(PermanentError, match=r"may not make roles: give a superuser's in METER_PLATFORM_POSTGRES_URL"),
    ):
        roles.set_up(data, beside, {})


def test_tables_that_are_not_there_yet_are_told(prepared: Server) -> None:
    run(prepared.dagster, "ALTER TABLE runs RENAME TO later")
    try:
        assert prepared.set_up() == ["public.runs"]
    finally:
        run(prepared.dagster, "ALTER TABLE later RENAME TO runs")
        prepared.set_up()


def test_the_schemas_are_those_of_the_tables() -> None:
    assert set(roles._SCHEMAS) == set(tables.SCHEMAS)  # noqa: SLF001 - a list that stands twice
