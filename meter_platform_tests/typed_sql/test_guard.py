"""What people may type, and what they may not: a corpus of hostile input, each refused or bounded, and nothing changed.

Everything runs twice: in a session that logs in as the reader role (the embedded server), and in one that became it (a
given server).
"""

import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import psycopg
import pyarrow as pa
import pytest
from psycopg import sql

from meter_platform.postgres.urls import database_url
from meter_platform.settings import Settings
from meter_platform.typed_sql import role
from meter_platform.typed_sql.guard import Limits, SqlGuard, TypedSqlError, TypedSqlOffError
from meter_platform.warehouse.database import Database, open_database

REFUSED: Final = {
    "insert": "INSERT INTO raw_data.raw_products SELECT * FROM raw_data.raw_products",
    "update": "UPDATE analytics.half_hourly_consumption SET total_consumption_kwh = 0",
    "delete": "DELETE FROM raw_data.raw_meter_readings",
    "truncate": "TRUNCATE analytics.half_hourly_consumption",
    "merge": "MERGE INTO raw_data.raw_products p USING raw_data.raw_products q ON true WHEN MATCHED THEN DELETE",
    "drop table": "DROP TABLE raw_data.raw_meter_readings CASCADE",
    "drop schema": "DROP SCHEMA analytics CASCADE",
    "drop database": "DROP DATABASE dagster",
    "create table": "CREATE TABLE analytics.mine (a int)",
    "create temporary table": "CREATE TEMP TABLE mine AS SELECT 1",
    "select into": "SELECT * INTO mine FROM raw_data.raw_products",
    "create function": "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "create extension": "CREATE EXTENSION dblink",
    "alter": "ALTER TABLE raw_data.raw_products ADD COLUMN a int",
    "grant": "GRANT ALL ON SCHEMA raw_data TO PUBLIC",
    "do": "DO $$ BEGIN DELETE FROM raw_data.raw_products; END $$",
    "call": "CALL mine()",
    "vacuum": "VACUUM FULL",
    "analyze": "ANALYZE",
    "lock": "LOCK TABLE raw_data.raw_products IN ACCESS EXCLUSIVE MODE",
    "copy to program": "COPY (SELECT 1) TO PROGRAM 'touch /tmp/harmed'",
    "copy from program": "COPY raw_data.raw_products FROM PROGRAM 'echo 1'",
    "copy to file": "COPY raw_data.raw_products TO '/tmp/harmed'",
    "copy to stdout": "COPY raw_data.raw_products TO STDOUT",
    "cte delete": "WITH gone AS (DELETE FROM raw_data.raw_products RETURNING *) SELECT * FROM gone",
    "cte insert": "WITH x AS (INSERT INTO raw_data.raw_products SELECT * FROM raw_data.raw_products RETURNING 1) TABLE x",
    "cte in a cte": "WITH a AS (WITH b AS (DELETE FROM raw_data.raw_products RETURNING 1) SELECT * FROM b) SELECT * FROM a",
    "stacked": "SELECT 1; DELETE FROM raw_data.raw_products",
    "stacked after a comment": "SELECT 1 --;\n; COMMIT; DROP TABLE raw_data.raw_products",
    "stacked in a comment's shadow": "SELECT 1 /* /* */ */; DELETE FROM raw_data.raw_products; --",
    "ending the transaction": "COMMIT",
    "rolling back": "SELECT 1; ROLLBACK; SET ROLE NONE; DELETE FROM raw_data.raw_products",
    "two cursors": "SELECT 1; DECLARE other CURSOR WITH HOLD FOR SELECT 2",
    "closing the statement": "SELECT 1) x; DELETE FROM raw_data.raw_products; SELECT (1",
    "prepare": "PREPARE p AS DELETE FROM raw_data.raw_products",
    "execute": "EXECUTE _pg3_0",
    "set role": "SET ROLE meter_platform",
    "reset role": "RESET ROLE",
    "set session authorization": "SET SESSION AUTHORIZATION DEFAULT",
    "set_config role": "SELECT set_config('role', 'none', false)",
    "set_config authorization": "SELECT pg_catalog.set_config('session_authorization', 'meter_platform', false)",
    "set_config by another name": "SELECT U&\"\\0073et_config\"('role', 'none', false)",
    "set_config read-only": "SELECT set_config('transaction_read_only', 'off', true)",
    "set statement_timeout": "SET statement_timeout = 0",
    "set_config statement_timeout": "SELECT set_config('statement_timeout', '0', false), 1 FROM generate_series(1, 3)",
    "set_config work_mem": "SELECT set_config('work_mem', '2TB', true)",
    "update pg_settings": "UPDATE pg_settings SET setting = '0' WHERE name = 'statement_timeout'",
    "alter role": "ALTER ROLE meter_platform_reader SUPERUSER",
    "alter system": "ALTER SYSTEM SET max_connections = 1",
    "pg_read_file": "SELECT pg_read_file('/etc/passwd')",
    "pg_read_binary_file": "SELECT pg_read_binary_file('postgresql.conf')",
    "pg_ls_dir": "SELECT * FROM pg_ls_dir('.')",
    "pg_stat_file": "SELECT pg_stat_file('/etc/passwd')",
    "hba rules": "SELECT * FROM pg_hba_file_rules",
    "configuration files": "SELECT * FROM pg_file_settings",
    "lo_import": "SELECT lo_import('/etc/passwd')",
    "lo_export": "SELECT lo_export(1, '/tmp/harmed')",
    "lo_from_bytea": "SELECT lo_from_bytea(0, 'x')",
    "lo_create": "SELECT lo_create(4711)",
    "nextval": "SELECT nextval('raw_data.source_file_id')",
    "setval": "SELECT setval('raw_data.source_file_id', 1)",
    "pg_sleep": "SELECT pg_sleep(3600)",
    "pg_sleep in a filter": "SELECT * FROM raw_data.raw_products WHERE pg_sleep(10) IS NULL",
    "pg_sleep as an operator's default": "SELECT pg_sleep_for('1 hour'::interval)",
    "advisory lock": "SELECT pg_advisory_lock(1)",
    "advisory lock of a load": "SELECT pg_try_advisory_lock(hashtext('raw_data.raw_products'), 738000)",
    "notify": "NOTIFY run_events, 'x'",
    "pg_notify": "SELECT pg_notify('run_events', 'x')",
    "listen": "LISTEN run_events",
    "terminate": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
    "cancel": "SELECT pg_cancel_backend(pid) FROM pg_stat_activity",
    "reload": "SELECT pg_reload_conf()",
    "rotate the log": "SELECT pg_rotate_logfile()",
    "write to the log of changes": "SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000000))",
    "reset statistics": "SELECT pg_stat_reset()",
    "export a snapshot": "SELECT pg_export_snapshot()",
    "switch the log": "SELECT pg_switch_wal()",
    "promote": "SELECT pg_promote()",
    "dblink": "SELECT * FROM dblink('dbname=dagster', 'SELECT 1') AS t(a int)",
    "foreign server": "CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw",
    "dagster by name": "SELECT * FROM dagster.public.event_logs",
    "query_to_xml": "SELECT query_to_xml('DELETE FROM raw_data.raw_products RETURNING 1', true, true, '')",
    "query_to_xml as a way round": "SELECT query_to_xml('SELECT set_config(''role'', ''none'', false)', true, true, '')",
    "database_to_xml": "SELECT database_to_xml(true, true, '')",
    "ts_stat": "SELECT * FROM ts_stat('SELECT to_tsvector(raw_text) FROM raw_data.rejected_readings')",
    "passwords": "SELECT * FROM pg_authid",
    "shadow": "SELECT * FROM pg_shadow",
    "another schema": "SELECT * FROM raw_data_partitions.raw_meter_readings_20211030",
    "the operations log": "SELECT * FROM operations.log",
    "large objects": "SELECT * FROM pg_largeobject",
    "for update": "SELECT * FROM raw_data.raw_products FOR UPDATE",
    "show": "SHOW data_directory",
    "explain analyze": "EXPLAIN ANALYZE DELETE FROM raw_data.raw_products",
    "parameter": "SELECT $1",
    "nothing": "  \n ",
    "only a comment": "-- nothing",
    "a null character": "SELECT 1\0; DELETE FROM raw_data.raw_products",
    "half a character": "SELECT '\ud800'",
    "too long": "SELECT 1 " + " " * 200_000,
    "too deep": "SELECT " + "(" * 20_000 + "1" + ")" * 20_000,
    "division by zero": "SELECT 1 / 0",
    "a broken cast": "SELECT 'x'::int",
}

BOUNDED: Final = {
    "a cross join of everything": "SELECT count(*) FROM raw_meter_readings a, raw_meter_readings b, raw_meter_readings c",
    "endless recursion": "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r",
    "a billion rows": "SELECT count(*) FROM generate_series(1, 100000000000)",
    "a slow pattern": "SELECT repeat('a', 50000) ~ '(a*)*(b*)*(a*)*c{1,200}', count(*) FROM generate_series(1, 100000000)",
    "a long wait for a sort": "SELECT a FROM generate_series(1, 2000000000) AS a ORDER BY -a",
    "much memory in a value": "SELECT repeat('x', 1000000000)",
    "much memory in an aggregate": "SELECT string_agg(repeat('x', 1000000), '') FROM generate_series(1, 2000)",
    "much memory in an array": "SELECT array_agg(repeat('x', 100000) || a) FROM generate_series(1, 1000000) AS a",
    "much memory in a hash": "SELECT count(*) FROM (SELECT DISTINCT md5(a::text) FROM generate_series(1, 500000000) AS a)",
    "much memory in many columns": "SELECT " + ", ".join(["repeat('x', 100000000)"] * 50),
    "much memory in json": "SELECT jsonb_agg(repeat('x', 100000) || a) FROM generate_series(1, 1000000) AS a",
    "much disk": "SELECT repeat(md5(a::text), 100) AS t FROM generate_series(1, 100000000) AS a ORDER BY t",
}


_DIGEST: Final = sql.SQL("SELECT count(*), sum(hashtextextended(t::text, 0)) FROM {} AS t")


def digest(database: Database) -> dict[str, object]:
    """Everything that is stored, who may do what with it, and what the server is set to."""
    with database.connect() as connection:
        tables = connection.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace::regnamespace::text "
            "IN ('raw_data', 'analytics', 'raw_data_partitions', 'operations', 'public') ORDER BY 1"
        ).fetchall()
        found: dict[str, object] = {
            name: connection.execute(_DIGEST.format(sql.Identifier(*name.split(".")))).fetchone() for (name,) in tables
        }
        for name, query in {
            "privileges": "SELECT sum(hashtext(oid::text || relacl::text)) FROM pg_class",
            "roles": "SELECT array_agg(r::text ORDER BY oid) FROM pg_roles AS r",
            "sequences": "SELECT array_agg(s::text ORDER BY s::text) FROM pg_sequences AS s",
            "settings": "SELECT array_agg(s::text ORDER BY s::text) FROM pg_db_role_setting AS s",
            "functions": "SELECT sum(hashtext(oid::text || coalesce(proacl::text, ''))) FROM pg_proc",
            "large objects": "SELECT count(*) FROM pg_largeobject_metadata",
            "databases": "SELECT array_agg(datname ORDER BY 1) FROM pg_database",
            "locks": "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'",
        }.items():
            found[name] = connection.execute(query.encode()).fetchone()
        return found


@pytest.fixture(scope="module")
def database(small: Settings) -> Database:
    """The database that is attacked."""
    return open_database(small)


@pytest.fixture
def _unchanged(database: Database) -> Iterator[None]:
    before = digest(database)
    yield
    assert digest(database) == before


def refuses(guard: SqlGuard, text: str) -> bool:
    """Whether a text is refused with a message, and not run."""
    try:
        guard.run(text)
    except TypedSqlError as error:
        return bool(str(error)) and "Traceback" not in str(error)
    return False


@pytest.mark.usefixtures("_unchanged")
def test_hostile_input_is_refused(guard: SqlGuard) -> None:
    assert len(REFUSED) + len(BOUNDED) >= 40
    begun = time.monotonic()
    allowed = [name for name, text in REFUSED.items() if not refuses(guard, text)]
    assert allowed == []
    assert guard.run("SELECT 1 AS one").table.to_pylist() == [{"one": 1}]
    assert time.monotonic() - begun < 60


@pytest.mark.usefixtures("_unchanged")
@pytest.mark.parametrize("name", BOUNDED)
def test_hungry_input_is_bounded(small: Settings, name: str) -> None:
    limits = Limits(seconds=0.5)
    guard = SqlGuard(open_database(small), timezone="UTC", trusts_socket=True, limits=limits)
    begun = time.monotonic()
    with pytest.raises(TypedSqlError, match=r"The query was ended|temporary file size exceeds|memory"):
        guard.run(BOUNDED[name])
    assert time.monotonic() - begun < limits.seconds + 3


@pytest.mark.usefixtures("_unchanged")
@pytest.mark.parametrize("text", ["DELETE FROM raw_data.raw_products", "ANALYZE SELECT 1", "(ANALYZE) SELECT 1 / 0"])
def test_a_plan_of_what_is_no_query_is_refused(guard: SqlGuard, text: str) -> None:
    with pytest.raises(TypedSqlError):
        guard.run(text, plan=True)


@pytest.mark.usefixtures("_unchanged")
def test_a_plan_runs_nothing(guard: SqlGuard) -> None:
    assert "Result" in guard.run("SELECT 1 / (random() * 0)", plan=True).table["plan"][0].as_py()


def test_rows_are_capped_and_the_result_says_so(small: Settings) -> None:
    guard = SqlGuard(open_database(small), timezone="UTC", trusts_socket=True, limits=Limits(rows=100))
    cut = guard.run("SELECT generate_series(1, 1000000000) AS a")
    assert (cut.table.num_rows, cut.cut) == (100, "the first 100 rows")
    whole = guard.run("SELECT a FROM generate_series(1, 100) AS a")
    assert (whole.table.num_rows, whole.cut) == (100, None)


def test_bytes_are_capped_and_the_result_says_so(small: Settings) -> None:
    limits = Limits(result_bytes=1024**2)
    guard = SqlGuard(open_database(small), timezone="UTC", trusts_socket=True, limits=limits)
    cut = guard.run("SELECT repeat('x', 300000) FROM generate_series(1, 1000)")
    assert (cut.table.num_rows, cut.cut) == (3, "the first 3 rows, which hold 1 MB")


def test_a_query_is_cancelled(guard: SqlGuard) -> None:
    query = guard.start("SELECT count(*) FROM generate_series(1, 100000000000)")
    assert not query.wait(0.3)
    query.cancel()
    assert query.wait(3)
    with pytest.raises(TypedSqlError, match="it was cancelled"):
        query.result()


def test_more_than_four_at_once_are_turned_away(guard: SqlGuard) -> None:
    queries = [guard.start("SELECT count(*) FROM generate_series(1, 100000000000)") for _ in range(4)]
    with pytest.raises(TypedSqlError, match="4 queries are running already"):
        guard.start("SELECT 1")
    for query in queries:
        query.cancel()
    assert all(query.wait(5) for query in queries)
    assert guard.run("SELECT 1 AS a").table.num_rows == 1


def test_postgres_message_and_position_of_a_typed_error(guard: SqlGuard) -> None:
    text = "SELECT 'é', -- ü\n  nothing FROM half_hourly_consumption"
    with pytest.raises(TypedSqlError, match='column "nothing" does not exist') as caught:
        guard.run(text)
    assert caught.value.position is not None
    assert text[caught.value.position - 1 :].startswith("nothing")
    assert caught.value.sqlstate == "42703"


def test_a_hint_where_something_else_than_a_query_is_typed(guard: SqlGuard) -> None:
    with pytest.raises(TypedSqlError) as caught:
        guard.run("-- clean up\nDELETE FROM raw_products")
    assert caught.value.position == len("-- clean up\n") + 1
    assert "One query runs here: SELECT, WITH, VALUES or TABLE." in caught.value.detail


def test_values_keep_their_types_and_digits(guard: SqlGuard) -> None:
    table = guard.run(
        "SELECT 1.10::numeric AS a, 2::bigint AS b, date '2021-10-31' AS c, timestamptz '2021-10-31 01:30Z' AS d, "
        "NULL::numeric AS e, true AS f, 1.5::float8 AS a, 'infinity'::date AS g, '100%' AS h, ARRAY[1, 2] AS i, "
        "12345678901234567890.123456789012345678::numeric AS j, 'NaN'::numeric AS k"
    ).table
    row = table.to_pylist()[0]
    assert (row["a"], row["b"], row["e"], row["f"], row["a_2"]) == (Decimal("1.10"), 2, None, True, 1.5)
    assert table.schema.field("d").type == pa.timestamp("us", tz="Europe/London")
    assert str(row["d"]) == "2021-10-31 01:30:00+00:00"
    assert (row["g"], row["h"], row["i"], row["k"]) == ("infinity", "100%", "{1,2}", "NaN")
    assert row["j"] == Decimal("12345678901234567890.123456789012345678")


@pytest.mark.parametrize(
    "text", ["TABLE raw_products", "VALUES (1), (2)", "(SELECT 1)", "WITH a AS (SELECT 1) SELECT * FROM a;"]
)
def test_every_form_of_a_query_runs(guard: SqlGuard, text: str) -> None:
    assert guard.run(text).table.num_rows > 0


def test_models_are_read_like_tables_also_those_that_come_later(guard: SqlGuard, database: Database) -> None:
    with database.connect() as connection:
        connection.execute("CREATE TABLE analytics_models.a_model AS SELECT 'London' AS region, 1.5 AS kwh")
    try:
        found = guard.run("SELECT region, kwh FROM a_model").table.to_pylist()
        assert found == [{"region": "London", "kwh": Decimal("1.5")}]
        assert refuses(guard, "DELETE FROM analytics_models.a_model")
    finally:
        with database.connect() as connection:
            connection.execute("DROP TABLE analytics_models.a_model")


def test_loading_goes_on_as_before(guard: SqlGuard, database: Database) -> None:
    assert guard.run("SELECT 1 AS a").table.num_rows == 1
    with database.connect() as connection:
        assert connection.execute("SELECT set_config('lock_timeout', '1s', true)").fetchone() == ("1s",)
        connection.execute("SELECT pg_advisory_xact_lock(1, 2)")


@pytest.fixture
def given(small: Settings, database: Database) -> Iterator[Database]:
    """A database on a given server whose login is no superuser, and who owns nothing but the platform's tables."""
    with database.connect(autocommit=True) as connection:
        connection.execute("CREATE ROLE tenant LOGIN CREATEROLE CREATEDB")
        connection.execute("CREATE DATABASE tenants OWNER tenant")
    assert small.postgres_url is not None
    admin = database_url(small.postgres_url, "tenants")
    url = psycopg.conninfo.make_conninfo(admin, user="tenant")
    parts = admin.replace("://meter_platform@", "://tenant@")
    assert psycopg.conninfo.conninfo_to_dict(parts) == psycopg.conninfo.conninfo_to_dict(url)
    yield open_database(small.replace(postgres_url=parts))
    with database.connect(autocommit=True) as connection:
        connection.execute("DROP DATABASE tenants WITH (FORCE)")
        connection.execute("REVOKE meter_platform_reader FROM tenant")
        for setting in role.SETTINGS:
            connection.execute(sql.SQL("REVOKE SET ON PARAMETER {} FROM tenant").format(sql.Identifier(setting)))
        connection.execute("DROP ROLE tenant")


def test_typed_sql_is_off_until_a_superuser_turns_it_on(given: Database, small: Settings) -> None:
    guard = SqlGuard(given, timezone="UTC", trusts_socket=False)
    with pytest.raises(TypedSqlOffError, match="SQL is off here") as caught:
        guard.set_up()
    assert "docs/decisions/safe-sql.md" in caught.value.detail
    with pytest.raises(TypedSqlOffError):
        guard.run("SELECT 1")
    assert small.postgres_url is not None
    with Database(database_url(small.postgres_url, "tenants")).connect() as superuser:
        superuser.execute(role.setup_script())
    guard.set_up()
    assert guard.run("SELECT count(*) AS n FROM raw_products").table.to_pylist() == [{"n": 0}]
    for text in ("SELECT set_config('role', 'none', false)", "SELECT pg_sleep(9)", "DELETE FROM raw_products"):
        with pytest.raises(TypedSqlError):
            guard.run(text)
    # What was taken from everyone was given back to the owner.
    with given.connect() as connection:
        assert connection.execute("SELECT pg_try_advisory_lock(1)").fetchone() == (True,)


@pytest.mark.parametrize(
    ("loosened", "again", "fault"),
    [
        (
            "GRANT INSERT ON raw_data.raw_products TO PUBLIC",
            "REVOKE INSERT ON raw_data.raw_products FROM PUBLIC",
            "raw_products",
        ),
        ("GRANT EXECUTE ON FUNCTION pg_sleep TO PUBLIC", "REVOKE EXECUTE ON FUNCTION pg_sleep FROM PUBLIC", "pg_sleep"),
        ("ALTER ROLE meter_platform_reader CREATEDB", "ALTER ROLE meter_platform_reader NOCREATEDB", "administrator"),
        (
            "GRANT pg_read_all_data TO meter_platform_reader",
            "REVOKE pg_read_all_data FROM meter_platform_reader",
            "pg_read_all_data",
        ),
        ("GRANT CREATE ON SCHEMA public TO PUBLIC", "REVOKE CREATE ON SCHEMA public FROM PUBLIC", "schema public"),
        ("GRANT CONNECT ON DATABASE dagster TO PUBLIC", "REVOKE CONNECT ON DATABASE dagster FROM PUBLIC", "dagster"),
        (
            "CREATE FUNCTION public.sly() RETURNS int LANGUAGE sql IMMUTABLE SECURITY DEFINER AS 'SELECT 1'",
            "DROP FUNCTION public.sly",
            "sly",
        ),
    ],
)
def test_nothing_runs_where_the_role_may_do_too_much(
    guard: SqlGuard, database: Database, loosened: str, again: str, fault: str
) -> None:
    with database.connect(autocommit=True) as connection:
        connection.execute(loosened)
        try:
            with pytest.raises(TypedSqlOffError, match=fault):
                guard.run("SELECT 1")
        finally:
            connection.execute(again)
    assert guard.run("SELECT 1 AS a").table.num_rows == 1
