"""What follows from a contract in Postgres: types, keys, constraints and comments, as Postgres itself has them."""

import re

import pandera.pandas as pandera
import psycopg
import pytest
from psycopg import sql

from meter_platform.contracts.types import Energy, Text
from meter_platform.warehouse import tables
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.tables import Table
from meter_platform_tests.contract_rows import bad_rows, good_row

STORED = [table for table in tables.TABLES if not table.view]
COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod), attnotnull, collname, col_description(attrelid, attnum)
FROM pg_attribute LEFT JOIN pg_collation ON pg_collation.oid = attcollation
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""


def test_readings_as_postgres_has_them(database: Database) -> None:
    with database.connect() as connection:
        found = connection.execute(COLUMNS, ["raw_data.raw_meter_readings"]).fetchall()
        kind = connection.execute(
            "SELECT pg_get_partkeydef(oid), obj_description(oid) FROM pg_class WHERE relname = 'raw_meter_readings'"
        ).fetchone()

    assert [column[:4] for column in found] == [
        ("meterpoint_id", "text", True, "C"),
        ("interval_start", "timestamp with time zone", True, None),
        ("reference_date", "date", True, None),
        ("consumption_delta", "numeric", True, None),
        ("source_file_id", "bigint", True, None),
        ("source_position", "integer", True, None),
        ("loaded_at", "timestamp with time zone", True, None),
        ("register", "text", True, "C"),
        ("quality", "text", True, "C"),
        ("serial", "text", True, "C"),
        ("revised_at", "timestamp with time zone", False, None),
    ]
    assert found[3][4] == "Energy of the half hour, exactly as delivered. [kWh]"
    assert kind is not None
    assert kind[0] == "LIST (reference_date)"
    assert kind[1].startswith(
        "Half-hourly consumption by each register of each meter: for each half hour the value that counts"
    )


@pytest.mark.parametrize("table", tables.TABLES, ids=lambda table: table.name)
def test_every_table_and_column_of_postgres_is_the_contracts_and_says_what_it_means(
    database: Database, table: Table
) -> None:
    with database.connect() as connection:
        found = connection.execute(COLUMNS, [table.qualified_name]).fetchall()
        comment = connection.execute(
            "SELECT obj_description(%s::regclass, 'pg_class')", [table.qualified_name]
        ).fetchone()

    names = {"timestamptz": "timestamp with time zone", 'text COLLATE "C"': "text"}
    assert comment == (table.description,)
    assert {name: (kind, meaning) for name, kind, _, _, meaning in found} == {
        column.name: (names.get(column.postgres_type, column.postgres_type), column.comment) for column in table.columns
    }
    if not table.view:
        assert [name for name, *_ in found] == [column.name for column in table.columns]
        assert {name: required for name, _, required, _, _ in found} == {
            column.name: not column.nullable for column in table.columns
        }


@pytest.mark.parametrize("table", [t for t in STORED if not t.natively_partitioned], ids=lambda table: table.name)
def test_postgres_refuses_by_itself_what_the_contract_refuses(database: Database, table: Table) -> None:
    """Whoever changes a row by hand, the table still obeys."""

    def insert(connection: psycopg.Connection[object], row: dict[str, object]) -> None:
        connection.execute(
            sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                table.identifier,
                sql.SQL(", ").join(map(sql.Identifier, row)),
                sql.SQL(", ").join(map(sql.Placeholder, row)),
            ),
            row,
        )

    with database.connect(autocommit=True) as connection:
        for _, _, row in bad_rows(table):
            with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.NotNullViolation)):
                insert(connection, row)
        insert(connection, good_row(table))
        with pytest.raises(psycopg.errors.UniqueViolation):
            insert(connection, good_row(table))


def test_the_asset_tables_are_tables_and_every_table_has_a_date_a_key_and_a_time_of_load() -> None:
    assert set(tables.ASSET_TABLES) < set(tables.TABLES)
    assert len({table.name for table in tables.TABLES}) == len(tables.TABLES)
    for table in tables.ASSET_TABLES:
        names = [column.name for column in table.columns]
        assert {"reference_date", "loaded_at", *table.key} <= set(names)
        assert len(table.description) > 40


def test_energy_is_in_kilowatt_hours_wherever_it_is() -> None:
    for table in tables.TABLES:
        for column in table.columns:
            assert (column.unit == "kWh") == column.is_energy
            assert re.match(r".*(consumption_delta|_kwh)$", column.name) is not None or not column.is_energy


def test_a_contract_that_postgres_could_not_enforce_is_refused() -> None:
    class WithPattern(pandera.DataFrameModel):
        """A rule without a form in SQL."""

        name_: Text = pandera.Field(str_matches="x")

    class WithFloat(pandera.DataFrameModel):
        """A type that loses decimals."""

        kwh: float

    with pytest.raises(TypeError, match="the rule 'str_matches' of column 'name_' has no SQL form"):
        Table("raw_data", WithPattern).columns  # noqa: B018 - a property
    with pytest.raises(TypeError, match=r"column 'kwh' is typed outside contracts/types\.py"):
        Table("raw_data", WithFloat).columns  # noqa: B018 - a property


def test_a_rule_becomes_words_and_a_constraint() -> None:
    class Ruled(pandera.DataFrameModel):
        """Some rules."""

        kwh: Energy = pandera.Field(ge=0, le=24, metadata={"unit": "kWh"}, description="Energy.")
        choice: Text = pandera.Field(isin=["b", "it's"], nullable=True)

        class Config:
            """Table options."""

            name = "ruled"
            unique = ["kwh"]  # noqa: RUF012 - pandera reads a plain list

    table = Table("analytics", Ruled)

    assert [[words for words, _ in column.rules] for column in table.columns] == [
        ["at least 0", "at most 24"],
        ["one of b, it's"],
    ]
    statements = [statement.as_string(None) for statement in table.create_statements()]
    assert statements[0].split("\n") == [
        'CREATE TABLE IF NOT EXISTS "analytics"."ruled" (',
        '  "kwh" numeric NOT NULL CONSTRAINT "ruled_kwh_1" CHECK ("kwh" >= 0) CONSTRAINT "ruled_kwh_2" CHECK ("kwh" <= 24),',
        '  "choice" text COLLATE "C" CONSTRAINT "ruled_choice_1" CHECK ("choice" IN (\'b\', \'it\'\'s\')),',
        '  PRIMARY KEY ("kwh")',
        ")",
    ]
