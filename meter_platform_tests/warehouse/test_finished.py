"""When a date is finished, by the notes that its tables were stored with, and what is said of one that is not."""

from datetime import UTC, date, datetime

import psycopg
import pytest

from meter_platform.errors import (
    ContractError,
    DroppedTableError,
    PartitionBusyError,
    ServerUnavailableError,
    SettingsError,
    SourceError,
    SourceUnavailableError,
)
from meter_platform.settings import Settings
from meter_platform.warehouse import finished, lineage, partition_notes
from meter_platform.warehouse.database import Database

DAY, NEXT = date(2021, 1, 1), date(2021, 1, 2)
THEN = datetime(2021, 1, 3, tzinfo=UTC)

VERSIONS = {
    "raw_agreements": 1,
    "raw_products": 2,
    "raw_meterpoints": 3,
    "rejected_readings": 4,
    "active_agreements": 6,
    "half_hourly_consumption": 7,
    "meterpoint_completeness": 8,
    "daily_product_consumption": 9,
    "unattributed_consumption": 10,
}
"""A date without readings, all of whose tables are there. Written by hand, as are the sources below."""

SOURCES = {
    "active_agreements": "raw_agreements=1 raw_products=2",
    "half_hourly_consumption": "raw_meter_readings=0 active_agreements=6",
    "meterpoint_completeness": "raw_meter_readings=0 rejected_readings=4 raw_meterpoints=3",
    "daily_product_consumption": "meterpoint_completeness=8 active_agreements=6",
    "unattributed_consumption": "meterpoint_completeness=8 raw_agreements=1 active_agreements=6",
}


def store(
    database: Database, settings: Settings, *, without: str = "", rows: int = 0, day: date = DAY, **versions: int
) -> None:
    """Notes as they stand once a date's tables were stored; then some of other versions, and one missing."""
    with database.connect() as connection:
        for table, version in (VERSIONS | versions).items():
            if table != without:
                connection.execute(
                    "INSERT INTO raw_data.partition_versions VALUES (%s, %s, %s, %s, %s, %s, %s)",
                    (
                        day, table, version, rows, SOURCES.get(table, ""),
                        lineage.rules_digest(table, settings) if table in SOURCES else "", THEN,
                    ),
                )  # fmt: skip


def question(database: Database, settings: Settings) -> dict[date, dict[str, str]]:
    """What is wrong with the tables of each date that is not finished."""
    with database.connect() as connection:
        return {each.day: dict(each.tables) for each in finished.unfinished(connection, settings)}


class TestQuestion:
    def test_a_date_whose_tables_were_built_from_what_is_there_is_finished(
        self, database: Database, settings: Settings
    ) -> None:
        store(database, settings)

        assert question(database, settings) == {}

    @pytest.mark.parametrize("table", [name for name in VERSIONS if name != "rejected_readings"])
    def test_a_table_that_was_never_built_is_missing(self, database: Database, settings: Settings, table: str) -> None:
        store(database, settings)
        store(database, settings, without=table, day=NEXT)

        found = question(database, settings)

        assert found.keys() == {NEXT}
        assert found[NEXT][table] == "never built"

    @pytest.mark.parametrize(
        ("table", "older"),
        [
            ("raw_agreements", {"active_agreements", "unattributed_consumption"}),
            ("raw_products", {"active_agreements"}),
            ("raw_meterpoints", {"meterpoint_completeness"}),
            ("rejected_readings", {"meterpoint_completeness"}),
            ("raw_meter_readings", {"half_hourly_consumption", "meterpoint_completeness"}),
            (
                "active_agreements",
                {"half_hourly_consumption", "daily_product_consumption", "unattributed_consumption"},
            ),
            ("meterpoint_completeness", {"daily_product_consumption", "unattributed_consumption"}),
            ("daily_product_consumption", set()),
        ],
    )
    @pytest.mark.parametrize("version", [5, 99])
    def test_what_was_built_from_another_version_is_older(
        self, database: Database, settings: Settings, table: str, older: set[str], version: int
    ) -> None:
        store(database, settings, **{table: version})

        assert question(database, settings).get(DAY, {}) == dict.fromkeys(older, "older than their input")

    def test_what_was_built_by_other_rules_or_for_another_zone_is_named(
        self, database: Database, settings: Settings
    ) -> None:
        store(database, settings.replace(timezone="Europe/Paris"))

        assert question(database, settings) == {DAY: dict.fromkeys(SOURCES, "built by other rules")}

    def test_readings_whose_table_somebody_dropped_are_gone(self, database: Database, settings: Settings) -> None:
        with database.connect() as connection:
            connection.execute(
                "INSERT INTO raw_data.partition_versions VALUES (%s, 'raw_meter_readings', 5, 48, '', '', %s)",
                (DAY, THEN),
            )

        assert question(database, settings)[DAY]["raw_meter_readings"] == "gone"

    def test_rejected_rows_alone_begin_no_date(self, database: Database, settings: Settings) -> None:
        with database.connect() as connection:
            connection.execute(
                "INSERT INTO raw_data.partition_versions VALUES (%s, 'rejected_readings', 5, 0, '', '', %s)",
                (DAY, THEN),
            )

        assert question(database, settings) == {}

    def test_thousands_of_dates_are_one_question(self, database: Database, settings: Settings) -> None:
        store(database, settings)
        with database.connect() as connection:
            connection.execute(
                "INSERT INTO raw_data.partition_versions "
                "SELECT reference_date + n, table_name, version, rows_stored, built_from, rules, "
                "loaded_at + n * interval '1 day' "
                "FROM raw_data.partition_versions, generate_series(1, 4999) AS n"
            )
            connection.execute(
                "UPDATE raw_data.partition_versions SET version = 77 "
                "WHERE reference_date = '2030-01-01' AND table_name = 'raw_meterpoints'"
            )

        assert question(database, settings) == {date(2030, 1, 1): {"meterpoint_completeness": "older than their input"}}


class TestFailures:
    def test_a_failure_is_told_until_the_table_is_stored(self, database: Database, settings: Settings) -> None:
        store(database, settings)
        with database.connect() as connection:
            for error, may_pass in ((SourceError("it has no table"), False), (SourceUnavailableError("locked"), True)):
                partition_notes.note_failure(
                    connection, "raw_products", [DAY], error, may_pass=may_pass, since=datetime.now(UTC)
                )
                (found,) = finished.unfinished(connection, settings)
                assert found.waits_for_input != may_pass
                assert str(error) in str(found)
            assert "may pass, and is tried again (locked)" in str(found)

            connection.execute(partition_notes.noted("raw_products", {DAY: 3}, loaded_at=datetime.now(UTC)))
            (found,) = finished.unfinished(connection, settings)

        assert not found.failures
        assert found.tables == {"active_agreements": "older than their input"}

    def test_dates_of_a_range_that_were_stored_before_it_failed_are_none_of_its_failures(
        self, database: Database, settings: Settings
    ) -> None:
        since = datetime.now(UTC)
        with database.connect() as connection:
            connection.execute(partition_notes.noted("raw_meter_readings", {DAY: 0}, loaded_at=datetime.now(UTC)))
            partition_notes.note_failure(
                connection, "raw_meter_readings", [DAY, NEXT], PartitionBusyError("busy"), may_pass=True, since=since
            )
            found = {each.day: list(each.failures) for each in finished.unfinished(connection, settings)}

        assert found == {DAY: [], NEXT: ["raw_meter_readings"]}

    def test_of_an_error_that_is_not_ours_only_the_kind_is_kept(self, database: Database, settings: Settings) -> None:
        with database.connect() as connection:
            partition_notes.note_failure(
                connection, "raw_products", [DAY], ValueError("home-1"), may_pass=True, since=datetime.now(UTC)
            )
            (found,) = finished.unfinished(connection, settings)

        assert found.failures["raw_products"].error == "ValueError"

    @pytest.mark.parametrize(
        ("error", "passes"),
        [
            (SourceUnavailableError("locked"), True),
            (ServerUnavailableError("starting"), True),
            (PartitionBusyError("busy"), True),
            (psycopg.errors.AdminShutdown("terminating"), True),
            (DroppedTableError("made again"), True),
            (OSError("reset by peer"), True),
            (SourceError("no table"), False),
            (ContractError("a rule"), False),
            (SettingsError("no zone"), False),
            (psycopg.errors.UndefinedColumn("no column"), False),
            (psycopg.errors.UniqueViolation("twice"), False),
        ],
    )
    def test_what_may_pass(self, error: Exception, *, passes: bool) -> None:
        assert partition_notes.may_pass(error) == passes


class TestAdoption:
    def test_a_database_without_notes_gets_versions_of_its_raw_tables_and_what_was_computed_counts_as_unfinished(
        self, database: Database, settings: Settings
    ) -> None:
        with database.connect() as connection:
            for table, columns in (
                ("raw_agreements", "1, %s, '2020-01-01', NULL, 'p', 'm', NULL, now()"),
                ("raw_products", "'p', %s, 1, 'Flexible', 1, now()"),
                ("raw_meterpoints", "'m', %s, NULL, now()"),
            ):
                connection.execute(f"INSERT INTO raw_data.{table} VALUES ({columns})".encode(), [DAY])  # noqa: S608 - names
            connection.execute("INSERT INTO raw_data.source_file_dates VALUES (1, %s, 2, 0, 0, 2, now(), 0, 0)", [DAY])
            connection.execute("DROP TABLE raw_data.partition_versions")

        database.create_tables()

        assert question(database, settings) == {DAY: dict.fromkeys(SOURCES, "never built")}
