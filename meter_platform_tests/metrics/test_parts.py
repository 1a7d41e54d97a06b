"""What `/metrics` says where there is nothing yet, where a part fails, and where there is no server."""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meter_platform.metrics import server
from meter_platform.metrics.collector import platform_collector
from meter_platform.postgres.urls import database_url
from meter_platform.settings import Settings
from meter_platform.warehouse import operations
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.exporter_grants import DAGSTER_COLUMNS, DATA_COLUMNS
from meter_platform_tests.market import dagster_on_postgres
from meter_platform_tests.metrics.scraped import heartbeat, numbers, scraped, tick

NOON = datetime(2021, 1, 8, 12, tzinfo=UTC).timestamp()
HOUR = 3600.0


@pytest.mark.usefixtures("database")
def test_an_empty_platform_has_every_series_at_zero(settings: Settings, home: Path) -> None:
    with dagster_on_postgres(home):
        found = scraped(settings)

    assert found["meter_newest_reference_date_timestamp_seconds"] == 0
    assert found['dagster_daemon_last_heartbeat_timestamp_seconds{daemon="sensor"}'] == 0
    assert found['meter_source_files{outcome="malformed"}'] == 0
    assert found["meter_backup_last_success_timestamp_seconds"] == 0
    assert {value for name, value in found.items() if "_success{" in name} == {1}
    apart = ("meter_exporter", "meter_database_size", "meter_today", "meter_wal", "dagster_table_rows")
    assert {name: value for name, value in found.items() if value and not name.startswith(apart)} == {}


def test_the_last_backup_and_drill_that_ended_well_are_told(database: Database, settings: Settings) -> None:
    def done(operation: operations.Operation, hour: int, *, succeeded: bool) -> operations.Done:
        began = datetime(2021, 1, 8, hour, tzinfo=UTC)
        return operations.Done(
            operation=operation,
            started_at=began,
            finished_at=began + timedelta(minutes=5),
            succeeded=succeeded,
            detail="",
        )

    with database.connect() as connection:
        operations.write(connection, done("backup", 3, succeeded=True))
        operations.write(connection, done("backup", 4, succeeded=False))
        operations.write(connection, done("restore_drill", 2, succeeded=True))
        operations.write(connection, done("prune", 5, succeeded=True))
    found = scraped(settings)

    at = datetime(2021, 1, 8, tzinfo=UTC).timestamp() + 300
    assert found["meter_backup_last_success_timestamp_seconds"] == at + 3 * HOUR
    assert found["meter_restore_drill_last_success_timestamp_seconds"] == at + 2 * HOUR


def test_a_part_fails_alone_says_why_once_and_comes_back(
    database: Database, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    collector = platform_collector(settings)
    caplog.set_level(logging.WARNING)
    with database.connect(autocommit=True) as connection:
        connection.execute("ALTER TABLE raw_data.rejected_readings RENAME TO elsewhere")
        try:
            broken = numbers(server.once(collector))
            server.once(collector)
        finally:
            connection.execute("ALTER TABLE raw_data.elsewhere RENAME TO rejected_readings")
    whole = numbers(server.once(collector))

    failed = {name for name, value in broken.items() if "_success{" in name and value == 0}
    assert failed == {'meter_exporter_collector_success{collector="rejections"}'}
    assert {name.partition("{")[0] for name in whole.keys() - broken.keys()} == {"meter_rejected_rows"}
    assert [record.getMessage() for record in caplog.records] == [
        'The metrics of rejections cannot be had: UndefinedTable: relation "raw_data.rejected_readings" does not exist',
        "The metrics of rejections are back.",
    ]


def test_a_server_that_is_gone_fails_every_part_and_no_password_is_told(caplog: pytest.LogCaptureFixture) -> None:
    gone = Settings(postgres_url="postgresql://meter_exporter:hunter2@127.0.0.1:1/meter_platform")
    found = scraped(gone)

    assert {value for name, value in found.items() if "_success{" in name} == {0}
    assert {name.partition("{")[0] for name in found} == {
        "meter_exporter_collector_success",
        "meter_exporter_collector_duration_seconds",
    }
    assert "Connection refused" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_day_that_is_pretended_is_told(settings: Settings) -> None:
    clock = settings.clock_date()
    assert scraped(settings.replace(today=None))["meter_today_offset_seconds"] == 0
    assert scraped(settings.replace(today=clock - timedelta(days=3)))["meter_today_offset_seconds"] == 3 * 24 * HOUR


def test_no_granted_column_can_name_a_person() -> None:
    personal = {
        "meterpoint_id",
        "account_id",
        "agreement_id",
        "url",
        "raw_text",
        "detail",
        "error",
        "consumption_delta",
    }
    for columns in (*DATA_COLUMNS.values(), *DAGSTER_COLUMNS.values()):
        assert not personal.intersection(columns)


def test_a_server_in_another_time_zone_tells_the_same_times(database: Database, settings: Settings, home: Path) -> None:
    """Dagster keeps times without a zone, in that of its sessions."""
    with database.connect(autocommit=True) as connection:
        connection.execute("ALTER DATABASE dagster SET timezone = 'America/St_Johns'")
        try:
            with dagster_on_postgres(home) as instance:
                heartbeat(instance, "SENSOR", NOON)
                tick(instance, "every_morning", "SCHEDULE", "SUCCESS", NOON)
                found = scraped(settings)
        finally:
            connection.execute("ALTER DATABASE dagster RESET timezone")

    assert found['dagster_daemon_last_heartbeat_timestamp_seconds{daemon="sensor"}'] == NOON
    assert (
        found['dagster_instigator_last_tick_timestamp_seconds{name="every_morning",status="success",type="schedule"}']
        == NOON
    )


def test_dagsters_database_may_be_another(database: Database, settings: Settings) -> None:
    elsewhere = database_url(database.url, "runs")
    with database.connect(autocommit=True) as connection:
        connection.execute("CREATE DATABASE runs")
        try:
            found = scraped(settings.replace(postgres_url=database.url, dagster_url=elsewhere))
        finally:
            connection.execute("DROP DATABASE runs WITH (FORCE)")

    assert 'meter_database_size_bytes{database="runs"}' in found
    assert found['meter_exporter_collector_success{collector="dates"}'] == 1
    # Nothing of Dagster's is in it.
    assert found['meter_exporter_collector_success{collector="runs"}'] == 0
