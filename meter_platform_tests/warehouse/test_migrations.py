"""A database of an earlier version becomes one of this version: the same schema as a fresh one, and every row as it was."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandera.pandas as pandera
import psycopg
import pyarrow as pa
import pytest

from meter_platform.contracts.raw_data import RawMeterReadings
from meter_platform.contracts.readings import UNSAID
from meter_platform.contracts.types import Energy, Text
from meter_platform.embedded_postgres import names, server
from meter_platform.errors import LockHeldError, PermanentError
from meter_platform.orchestration.checks.contract import obeys_contract
from meter_platform.orchestration.checks.finding import Inspection
from meter_platform.postgres.urls import database_url
from meter_platform.settings import Settings
from meter_platform.warehouse import child_tables, date_locks, schema, sessions, tables
from meter_platform.warehouse import database as database_module
from meter_platform.warehouse.database import Database, open_database
from meter_platform.warehouse.tables import Table
from meter_platform_tests.databases import AFTER_AUTOVACUUM
from meter_platform_tests.embedded_postgres.servers import eventually
from meter_platform_tests.warehouse.migrating import (
    NEXT,
    RELEASED,
    Steps,
    empty_databases,
    restore,
    rows_of,
    schema_of,
    tables_in,
)

FIRST = RELEASED[0]
TRANSLATED = {"off_grid": "misaligned_interval"}
LOADED = (date(2021, 10, 30), date(2021, 10, 31))
"""The dates of the database of 0.1.0."""

MIGRATE = """
import sys
from meter_platform.warehouse import schema
from meter_platform.warehouse.database import Database
print([step.number for step in schema.migrate(Database(sys.argv[1]))])
"""


@pytest.fixture(scope="module")
def databases(home: Path) -> Iterator[list[Database]]:
    """Two databases on the session's server: one for each test to fill, and a fresh one of this version."""
    with empty_databases(Database(server.ensure_running(home)), "migrated", "fresh") as opened:
        assert opened[1].create_tables() == []
        yield opened


@pytest.fixture(scope="module")
def wanted(databases: list[Database]) -> str:
    """The schema of a fresh database."""
    return schema_of(databases[1])


@pytest.fixture
def old(databases: list[Database]) -> Database:
    """A loaded database of 0.1.0."""
    restore(FIRST, databases[0])
    return databases[0]


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Steps:
    """A folder for a further step."""
    return Steps(tmp_path, monkeypatch)


def at(database: Database) -> str | None:
    with database.connect() as connection:
        return schema.version(connection)


def number(database: Database, query: str) -> Any:  # noqa: ANN401 - any type
    with database.connect() as connection:
        ((found,),) = connection.execute(query.encode()).fetchall()
    return found


# From each released version to this one


@pytest.mark.parametrize("released", RELEASED, ids=lambda path: path.stem)
def test_a_migrated_database_is_a_fresh_one_with_every_row_as_it_was(
    released: Path, databases: list[Database], wanted: str
) -> None:
    migrated, fresh = databases
    restore(released, migrated)
    with migrated.connect() as connection:
        before = {table: rows_of(connection, table) for table in tables_in(connection)}
        began = schema.version(connection)
    assert sum(table.startswith(f"{tables.PARTITIONS_SCHEMA}.") for table in before) >= 2, "it is a loaded one"

    done = migrated.create_tables(may_migrate=True)

    assert [step.number for step in done] == [step for step in known_steps() if step > str(began)]
    assert all(step.title for step in done)
    assert schema_of(migrated) == wanted
    assert at(migrated) == at(fresh) == schema.HEAD
    with migrated.connect() as connection:
        for table, rows in before.items():
            wanted = (
                [{**row, "reason": TRANSLATED.get(row["reason"], row["reason"])} for row in rows]
                if (table == "raw_data.rejected_readings")
                else rows
            )
            now = rows_of(connection, table)
            kept = [{name: value for name, value in row.items() if name in rows[0]} for row in now] if rows else now
            assert sorted(map(str, kept)) == sorted(map(str, wanted)), table
    assert migrated.create_tables(may_migrate=True) == []


def test_every_version_that_was_released_has_its_database_here() -> None:
    changelog = Path(__file__).parents[2] / "CHANGELOG.md"

    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", changelog.read_text(), re.MULTILINE)

    assert sorted(released) == [path.stem for path in RELEASED]


def known_steps() -> list[str]:
    (folder,) = schema.step_folders()
    return sorted(file.name.partition("_")[0] for file in folder.glob("[0-9]*.py"))


def test_the_constant_names_the_newest_step() -> None:
    assert known_steps()[-1] == schema.HEAD


def test_a_renamed_code_is_translated_where_it_is_stored_and_where_it_is_quoted(old: Database) -> None:
    with old.connect() as connection:
        connection.execute("ALTER TABLE raw_data.source_file_versions DROP CONSTRAINT source_file_versions_outcome_1")
        connection.execute(
            "UPDATE raw_data.source_file_versions SET outcome = 'held_back', "
            "error = 'mostly_rejected: 15 of 20 rows are off_grid: are these readings of half hours?' "
            "WHERE source_file_id = 3"
        )
        connection.execute(
            "UPDATE raw_data.source_file_versions SET outcome = 'malformed', error = 'bad_json: \"off_grid\"' "
            "WHERE source_file_id = 4"
        )

    old.create_tables(may_migrate=True)

    assert number(old, "SELECT reason FROM raw_data.rejected_readings WHERE source_position = 3") == (
        "misaligned_interval"
    )
    assert number(old, "SELECT error FROM raw_data.source_file_versions WHERE source_file_id = 3") == (
        "mostly_rejected: 15 of 20 rows are misaligned_interval: are these readings of half hours?"
    )
    assert number(old, "SELECT error FROM raw_data.source_file_versions WHERE source_file_id = 4") == (
        'bad_json: "off_grid"'
    ), "a file's own words stay"


def test_new_columns_say_what_is_known_of_old_rows(old: Database) -> None:
    old.create_tables(may_migrate=True)

    assert number(old, "SELECT bool_and(modified_at = delivered_at) FROM raw_data.source_file_versions")
    assert number(old, "SELECT sum(rows_withdrawn) FROM raw_data.source_files") == 0
    assert number(old, "SELECT count(*) FROM raw_data.source_files") == 5


def test_who_could_read_the_old_tables_can_read_the_new_ones_and_nobody_else(old: Database) -> None:
    with old.connect() as connection:
        connection.execute("CREATE ROLE reads")
        connection.execute("CREATE ROLE reads_not")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA raw_data TO reads")
    try:
        old.create_tables(may_migrate=True)

        for table in ("raw_data.source_files", "raw_data.withdrawals", "raw_data.failing_checks"):
            assert number(old, f"SELECT has_table_privilege('reads', '{table}', 'SELECT')"), table
            assert not number(old, f"SELECT has_table_privilege('reads', '{table}', 'INSERT')"), table
            assert not number(old, f"SELECT has_table_privilege('reads_not', '{table}', 'SELECT')"), table
    finally:
        with old.connect() as connection:
            connection.execute(AFTER_AUTOVACUUM)
            connection.execute("DROP OWNED BY reads, reads_not")
            connection.execute("DROP ROLE reads, reads_not")


@pytest.mark.parametrize(
    "dropped",
    [
        "VIEW raw_data.source_files",
        "TABLE raw_data.source_file_dates CASCADE",
        "TABLE analytics.meterpoint_completeness",
        "TABLE raw_data.rejected_readings",
        "SCHEMA analytics CASCADE",
    ],
)
def test_what_somebody_dropped_before_is_made_after_the_steps(old: Database, wanted: str, dropped: str) -> None:
    with old.connect() as connection:
        connection.execute(f"DROP {dropped}".encode())

    old.create_tables(may_migrate=True)

    assert schema_of(old) == wanted


# Who migrates, and when


def test_an_earlier_database_on_a_given_server_is_refused_and_left_alone(settings: Settings, old: Database) -> None:
    before = schema_of(old)

    for _ in range(2):
        with pytest.raises(PermanentError) as refusal:
            open_database(settings.replace(postgres_url=old.url))

    assert str(refusal.value) == (
        f"The database at {old.shown} is of an earlier version (step 0001, this platform needs {schema.HEAD}): "
        "run `meter-platform migrate`."
    )
    assert schema_of(old) == before


def test_on_the_embedded_server_it_is_migrated_at_once(
    settings: Settings, old: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "_TABLES_SEEN", {})
    monkeypatch.setattr(names, "DATA_DATABASE", "migrated")

    opened = open_database(settings)

    assert opened == old
    assert at(opened) == schema.HEAD


@pytest.mark.parametrize("may_migrate", [False, True])
@pytest.mark.parametrize("found", ["9999", "0000", "mine"])
def test_a_database_of_a_later_version_or_of_none_is_refused(old: Database, found: str, *, may_migrate: bool) -> None:
    later = old
    later.create_tables(may_migrate=True)
    with later.connect() as connection:
        connection.execute("UPDATE raw_data.schema_version SET version_num = %s", [found])

    with pytest.raises(
        PermanentError, match=rf"is of a later version \(step {found}, this platform knows {schema.HEAD}\)"
    ):
        later.create_tables(may_migrate=may_migrate)
    with pytest.raises(PermanentError, match=r"is of a later version"):
        schema.migrate(later)


def test_an_empty_database_has_nothing_to_migrate(database: Database) -> None:
    empty = Database(database_url(database.url, "template1"))

    with pytest.raises(PermanentError, match="nothing to migrate"):
        schema.migrate(empty)


def test_a_created_database_is_looked_at_without_alembic_or_the_contracts(databases: list[Database]) -> None:
    script = (
        "import sys\n"
        "from meter_platform.warehouse.database import Database\n"
        "Database(sys.argv[1]).create_tables()\n"
        "print([name for name in ('alembic', 'sqlalchemy', 'pandera', 'pyarrow') if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, databases[1].url], check=True, capture_output=True, text=True, timeout=120
    )

    assert done.stdout.strip() == "[]"


# Several at once, and ends in the middle


def migrating(database: Database) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", MIGRATE, database.url], stdout=subprocess.PIPE, text=True)


def waiting(database: Database, kind: str) -> bool:
    return bool(
        number(
            database,
            f"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event = '{kind}' "  # noqa: S608 - names
            "AND datname = current_database()",
        )
    )


@pytest.mark.whole
def test_of_two_that_migrate_at_once_one_does_and_the_other_waits_and_finds_it_done(old: Database) -> None:
    with old.connect() as busy:
        busy.execute("LOCK TABLE analytics.meterpoint_completeness IN ACCESS SHARE MODE")
        first = migrating(old)
        eventually(lambda: waiting(old, "relation"))
        second = migrating(old)
        eventually(lambda: waiting(old, "advisory"))
        busy.rollback()
        said = [process.communicate(timeout=120)[0].strip() for process in (first, second)]

    assert said == [str([step for step in known_steps() if step > "0001"]), "[]"]


def test_a_step_that_is_killed_in_the_middle_is_not_done_at_all(old: Database) -> None:
    without = "raw_data.schema_version"
    before = schema_of(old, without=without)
    with old.connect() as connection:
        rows = {table: rows_of(connection, table) for table in tables_in(connection)}
    with old.connect() as busy:
        busy.execute("LOCK TABLE analytics.meterpoint_completeness IN ACCESS SHARE MODE")
        killed = migrating(old)
        eventually(lambda: waiting(old, "relation"))
        killed.kill()
        killed.communicate(timeout=60)

    eventually(lambda: not number(old, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"))
    assert schema_of(old, without=without) == before
    assert at(old) == "0001"
    with old.connect() as connection:
        assert {table: rows_of(connection, table) for table in rows} == rows
    assert [step.number for step in schema.migrate(old)] == [step for step in known_steps() if step > "0001"]


def test_a_table_that_is_in_use_all_the_time_is_told_and_nothing_was_changed(
    old: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "_LOCK_SECONDS", 0.2)
    with old.connect() as busy:
        busy.execute("LOCK TABLE analytics.meterpoint_completeness IN ACCESS SHARE MODE")
        with pytest.raises(LockHeldError, match=r"^A table was in use for 0.2 s, at postgresql://.*: end what uses"):
            schema.migrate(old)

    assert at(old) == "0001"
    assert number(old, "SELECT to_regclass('raw_data.withdrawals') IS NULL")


def test_who_waits_too_long_for_another_that_migrates_is_told(old: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "_TURN_SECONDS", 0.2)
    with old.connect() as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [schema._LOCK])  # noqa: SLF001 - as another process holds it
        with pytest.raises(LockHeldError, match=r"^Another process has been migrating it for 0.2 s, at "):
            schema.migrate(old)


# The next steps, on a loaded database


class Raised(RawMeterReadings):
    """Readings with another limit."""

    consumption_delta: Energy = pandera.Field(ge=0, le=48, description="Energy.", metadata={"unit": "kWh"})

    class Config(RawMeterReadings.Config):
        """As of those that there are."""

        name = "raw_meter_readings"


class Wider(RawMeterReadings):
    """Readings with a further column."""

    reading_type: Text = pandera.Field(isin=["actual", "estimated"], description="Whether it was measured.")

    class Config(RawMeterReadings.Config):
        """As of those that there are."""

        name = "raw_meter_readings"


def named_readings(contract: type[pandera.DataFrameModel]) -> Table:
    return replace(tables.RAW_METER_READINGS, contract=contract)


def store(database: Database, table: Table, day: date, **values: object) -> None:
    """Loads a date of one reading, as a load does."""
    row = {
        "meterpoint_id": "m",
        "interval_start": datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
        "reference_date": day,
        "consumption_delta": Decimal("0.5"),
        "source_file_id": 1,
        "source_position": 1,
        "loaded_at": datetime(2021, 11, 5, tzinfo=UTC),
    }
    rows = pa.Table.from_pylist([row | UNSAID | values], table.arrow_schema)
    with sessions.begin(database) as writer:
        date_locks.lock_dates(writer, table, [day])
        child = child_tables.create_child(writer, table, day)
        writer.copy_stream(child.identifier, rows.column_names, [rows], freeze=True)
        assert child_tables.add_key(writer, child)
        child_tables.publish(writer, child, child_tables.attached_child(writer, table, day))
        writer.commit()


def faults(database: Database, table: Table, settings: Settings) -> list[str]:
    with database.connect() as connection:
        return list(obeys_contract(Inspection(connection, LOADED, settings, set), table).examples)


def rules_of_readings(database: Database, name: str) -> dict[str, str]:
    """What a constraint says, of the table and of each date's."""
    with database.connect() as connection:
        found = connection.execute(
            "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", [name]
        ).fetchall()
    return dict(found)


def test_raising_the_limit_of_a_loaded_database_raises_it_for_every_date(
    settings: Settings, old: Database, steps: Steps
) -> None:
    rule = "raw_meter_readings_consumption_delta_2"
    raised = named_readings(Raised)
    old.create_tables(may_migrate=True)
    before = rules_of_readings(old, rule)
    rows = number(old, "SELECT sum(consumption_delta) FROM raw_data.raw_meter_readings")
    assert len(before) == 3
    assert set(before.values()) == {"CHECK ((consumption_delta <= (24)::numeric))"}
    assert faults(old, tables.RAW_METER_READINGS, settings) == []
    assert len(faults(old, raised, settings)) == 2, "nobody has raised it yet"
    steps.add(f'steps.replace_check("raw_data.raw_meter_readings", "{rule}", "consumption_delta <= 48")')

    assert [step.number for step in schema.migrate(old)] == [NEXT]

    assert rules_of_readings(old, rule) == dict.fromkeys(before, "CHECK ((consumption_delta <= (48)::numeric))")
    assert number(old, "SELECT sum(consumption_delta) FROM raw_data.raw_meter_readings") == rows
    store(old, raised, date(2021, 11, 1), consumption_delta=Decimal(30))
    store(old, raised, LOADED[0], consumption_delta=Decimal(31))
    assert number(old, "SELECT max(consumption_delta) FROM raw_data.raw_meter_readings") == 31
    assert faults(old, raised, settings) == []
    assert len(faults(old, tables.RAW_METER_READINGS, settings)) == 2
    with old.connect() as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute("UPDATE raw_data.raw_meter_readings SET consumption_delta = 49")


def test_adding_a_column_to_readings_of_a_loaded_database_adds_it_to_every_date(
    settings: Settings, old: Database, steps: Steps
) -> None:
    wider = named_readings(Wider)
    old.create_tables(may_migrate=True)
    rows = number(old, "SELECT count(*) FROM raw_data.raw_meter_readings")
    steps.add(
        'steps.add_column("raw_data.raw_meter_readings", "reading_type", \'text COLLATE "C"\', constant="\'actual\'")\n'
        '    steps.replace_check("raw_data.raw_meter_readings", "raw_meter_readings_reading_type_1", '
        "\"reading_type IN ('actual', 'estimated')\")"
    )

    assert [step.number for step in schema.migrate(old)] == [NEXT]

    assert number(old, "SELECT count(*) FROM raw_data.raw_meter_readings WHERE reading_type = 'actual'") == rows
    store(old, wider, date(2021, 11, 1), reading_type="estimated")
    store(old, wider, LOADED[0], reading_type="estimated")
    assert number(old, "SELECT count(*) FROM raw_data.raw_meter_readings WHERE reading_type = 'estimated'") == 2
    assert faults(old, wider, settings) == []
    assert faults(old, tables.RAW_METER_READINGS, settings) != []
    for bad in (None, "guessed"):
        with old.connect() as connection, pytest.raises(psycopg.IntegrityError):
            connection.execute("UPDATE raw_data.raw_meter_readings SET reading_type = %s", [bad])


def test_a_step_that_is_done_again_changes_nothing(old: Database, wanted: str) -> None:
    old.create_tables(may_migrate=True)
    with old.connect() as connection:
        rows = {table: rows_of(connection, table) for table in tables_in(connection)}
        connection.execute("DROP TABLE raw_data.schema_version")  # so that nobody knows that it was done

    old.create_tables(may_migrate=True)

    assert schema_of(old) == wanted
    with old.connect() as connection:
        assert {table: rows_of(connection, table) for table in rows} == rows
