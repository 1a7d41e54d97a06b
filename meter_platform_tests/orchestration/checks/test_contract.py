"""Whether each stored table still obeys its contract, however it was altered by hand."""

import dagster as dg
import pytest

from meter_platform.warehouse import tables
from meter_platform.warehouse.tables import Table
from meter_platform_tests.orchestration.checks.conftest import GOOD, ODD, Look, examples, failing, is_green

DATES = (*GOOD, ODD)

every_table = pytest.mark.parametrize("table", tables.ASSET_TABLES, ids=lambda table: table.name)

BAD_VALUES = {
    "raw_meter_readings": ("consumption_delta", 2, "24.001", "at most 24"),
    "raw_products": ("is_variable", 1, "2", "one of 0, 1"),
    "superseded_readings": ("consumption_delta", 1, "-0.001", "at least 0"),
    "rejected_readings": ("source_position", 1, "0", "at least 1"),
    "half_hourly_consumption": ("settlement_period", 2, "51", "at most 50"),
    "daily_product_consumption": ("meterpoint_count", 1, "0", "at least 1"),
    "unattributed_consumption": (
        "reason",
        1,
        "'moved'",
        "one of ended, no_agreement, not_started, overlap, unknown_product",
    ),
    "meterpoint_completeness": ("received_readings", 2, "51", "at most 50"),
}
"""A column with a rule, the rule's number, a value that breaks it, the rule in words."""

with_rules = pytest.mark.parametrize("name", BAD_VALUES)


def check(table: str) -> str:
    return f"{table}.obeys_contract"


def named(name: str) -> Table:
    (table,) = [table for table in tables.ASSET_TABLES if table.name == name]
    return table


def fields(*names: str) -> str:
    return ", ".join(names)


@every_table
def test_a_table_as_it_was_made_is_green(look: Look, table: Table) -> None:
    result = look(check(table.name), *DATES)

    assert is_green(result)
    assert result.severity is dg.AssetCheckSeverity.ERROR


def test_every_table_with_rules_is_tried() -> None:
    assert {table.name for table in tables.ASSET_TABLES if any(column.rules for column in table.columns)} == set(
        BAD_VALUES
    )


@with_rules
def test_a_rule_that_was_dropped_is_red_with_the_number_of_rows_that_break_it(look: Look, name: str) -> None:
    column, number, bad, words = BAD_VALUES[name]
    table = named(name)
    look.change(f"ALTER TABLE {table.qualified_name} DROP CONSTRAINT {name}_{column}_{number}")
    nothing_yet = examples(look(check(name), *DATES))
    key = fields(*table.key)
    change = f"UPDATE {table.qualified_name} SET {column} = {bad} WHERE ({key}) = "  # noqa: S608 - names
    one = f"(SELECT {key} FROM {table.qualified_name} WHERE reference_date = ANY(%s) LIMIT 1)"  # noqa: S608 - names
    assert look.change(change + one, list(DATES)) == 1

    result = look(check(name), *DATES)

    assert nothing_yet == [f"nothing keeps rows out whose column {column} is not {words}: 0 are stored"]
    assert failing(result) == {"none": 1}
    assert examples(result) == [f"nothing keeps rows out whose column {column} is not {words}: 1 are stored"]


def test_a_rule_that_new_rows_obey_and_old_ones_may_not_is_no_rule(look: Look) -> None:
    name = "raw_products_is_variable_1"
    look.change(f"ALTER TABLE raw_data.raw_products DROP CONSTRAINT {name}")
    look.change("UPDATE raw_data.raw_products SET is_variable = 2 WHERE product_id = 'P-FIX'")
    look.change(f"ALTER TABLE raw_data.raw_products ADD CONSTRAINT {name} CHECK (is_variable IN (0, 1)) NOT VALID")

    assert examples(look(check("raw_products"), *DATES)) == [
        "nothing keeps rows out whose column is_variable is not one of 0, 1: 4 are stored"
    ]


def test_a_rule_of_a_column_that_rows_got_later_is_one_though_nobody_saw_them_obey(look: Look) -> None:
    name = "raw_meter_readings_register_1"
    assert look.change("SELECT FROM pg_constraint WHERE conname = %s AND NOT convalidated", name) > 1
    assert is_green(look(check("raw_meter_readings"), *DATES))

    look.change(f"ALTER TABLE raw_data.raw_meter_readings DROP CONSTRAINT {name}")
    changed = look.change("UPDATE raw_data.raw_meter_readings SET register = 'x' WHERE reference_date = '2021-03-28'")

    assert examples(look(check("raw_meter_readings"), *DATES)) == [
        f"nothing keeps rows out whose column register is not one of export, import: {changed} are stored"
    ]


@with_rules
def test_a_rule_that_was_changed_under_its_name_is_red(look: Look, name: str) -> None:
    column, number, _, words = BAD_VALUES[name]
    constraint = f"{name}_{column}_{number}"
    look.change(
        f"ALTER TABLE {named(name).qualified_name} DROP CONSTRAINT {constraint}, "
        f"ADD CONSTRAINT {constraint} CHECK ({column} IS NOT NULL)"
    )

    assert examples(look(check(name), *DATES)) == [
        f"constraint {constraint} is not in the contract: CHECK (({column} IS NOT NULL))",
        f"nothing keeps rows out whose column {column} is not {words}: 0 are stored",
    ]


def test_a_limit_that_was_raised_by_hand_is_red_with_the_rows_that_it_let_in(look: Look) -> None:
    name = "raw_meter_readings_consumption_delta_2"
    look.change(
        f"ALTER TABLE raw_data.raw_meter_readings DROP CONSTRAINT {name}, "
        f"ADD CONSTRAINT {name} CHECK (consumption_delta <= 48)"
    )
    changed = look.change(
        "UPDATE raw_data.raw_meter_readings SET consumption_delta = 30 "
        "WHERE reference_date = '2021-03-28' AND interval_start = '2021-03-28 12:00Z'"
    )

    assert examples(look(check("raw_meter_readings"), *DATES)) == [
        f"constraint {name} is not in the contract: CHECK ((consumption_delta <= (48)::numeric))",
        f"nothing keeps rows out whose column consumption_delta is not at most 24: {changed} are stored",
    ]


def test_a_rule_of_somebody_elses_is_red_and_one_under_another_name_is_not(look: Look) -> None:
    look.change("ALTER TABLE raw_data.raw_products RENAME CONSTRAINT raw_products_is_variable_1 TO renamed")
    assert is_green(look(check("raw_products"), *DATES))

    look.change("ALTER TABLE raw_data.raw_products ADD CONSTRAINT mine CHECK (product_id <> 'x')")
    assert examples(look(check("raw_products"), *DATES)) == [
        "constraint mine is not in the contract: CHECK ((product_id <> 'x'::text))"
    ]


@every_table
def test_a_column_that_may_be_null_now_is_red(look: Look, table: Table) -> None:
    taken = {*table.key, "reference_date"}
    column = next(column.name for column in table.columns if not column.nullable and column.name not in taken)
    look.change(f"ALTER TABLE {table.qualified_name} ALTER COLUMN {column} DROP NOT NULL")
    forget = f"UPDATE {table.qualified_name} SET {column} = NULL WHERE reference_date = ANY(%s)"  # noqa: S608 - names
    assert look.change(forget, list(DATES))

    (example,) = examples(look(check(table.name), *DATES))
    assert example.startswith(f"nothing keeps rows out whose column {column} is null: ")
    assert not example.endswith(": 0 are stored")


def test_rows_without_a_date_are_counted_too(look: Look) -> None:
    look.change("ALTER TABLE analytics.half_hourly_consumption ALTER COLUMN reference_date DROP NOT NULL")
    look.change(
        "UPDATE analytics.half_hourly_consumption SET reference_date = NULL WHERE datetime = '2021-03-28 12:00Z'"
    )

    assert examples(look(check("half_hourly_consumption"))) == [
        "nothing keeps rows out whose column reference_date is null: 1 are stored"
    ]


@every_table
def test_a_column_of_another_type_is_red(look: Look, table: Table) -> None:
    columns = [column for column in table.columns if column.name != "reference_date"]
    column = next(column for column in columns if column.postgres_type.startswith(("bigint", "text", "numeric")))
    other = "varchar" if column.postgres_type.startswith("text") else "double precision"
    was = column.postgres_type.partition(" ")[0]
    look.change(f"ALTER TABLE {table.qualified_name} ALTER COLUMN {column.name} TYPE {other}")

    now = "character varying" if other == "varchar" else other
    assert examples(look(check(table.name), *DATES)) == [f"column {column.name} is {now}, not {was}"]


@every_table
def test_a_column_too_many_is_red(look: Look, table: Table) -> None:
    look.change(f"ALTER TABLE {table.qualified_name} ADD COLUMN remark text")

    assert examples(look(check(table.name), *DATES)) == ["column remark is not in the contract"]


@every_table
def test_a_column_that_is_gone_is_red(look: Look, table: Table) -> None:
    look.change(f"ALTER TABLE {table.qualified_name} DROP COLUMN loaded_at")

    assert examples(look(check(table.name), *DATES)) == ["column loaded_at is missing, not timestamp with time zone"]


@pytest.mark.parametrize(
    "table", [table for table in tables.ASSET_TABLES if not table.natively_partitioned], ids=lambda table: table.name
)
def test_a_table_without_its_key_is_red(look: Look, table: Table) -> None:
    look.change(f"ALTER TABLE {table.qualified_name} DROP CONSTRAINT {table.name}_pkey")

    assert examples(look(check(table.name), *DATES)) == [f"{table.name} lacks the key {', '.join(table.key)}"]


def test_a_key_on_other_columns_is_no_key(look: Look) -> None:
    look.change("ALTER TABLE raw_data.raw_products DROP CONSTRAINT raw_products_pkey")
    look.change("ALTER TABLE raw_data.raw_products ADD PRIMARY KEY (product_id, reference_date, display_name)")

    assert examples(look(check("raw_products"))) == ["raw_products lacks the key reference_date, product_id"]


def test_a_partition_without_its_key_is_red(look: Look) -> None:
    ((child, key),) = look.connection.execute(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'p' AND conrelid = ("
        "  SELECT tableoid FROM raw_data.raw_meter_readings WHERE reference_date = '2021-03-28' LIMIT 1)"
    ).fetchall()
    look.change(f'ALTER TABLE {child} DROP CONSTRAINT "{key}"')

    (example,) = examples(look(check("raw_meter_readings")))
    assert (
        example
        == f"{child.split('.')[-1].strip(chr(34))} lacks the key meterpoint_id, interval_start, register, serial"
    )


def test_faults_are_counted_together(look: Look) -> None:
    look.change("ALTER TABLE raw_data.raw_products ADD COLUMN remark text, ALTER COLUMN id TYPE numeric")

    assert failing(look(check("raw_products"))) == {"none": 2}
