"""A checksum finds whatever changed, and nothing where only the order did."""

import pytest

from meter_platform.backup.contents import Contents, contents, differences
from meter_platform.warehouse.database import Database

TABLE = "raw_data.raw_products"
INSERT = """
INSERT INTO raw_data.raw_products (product_id, reference_date, id, display_name, is_variable, loaded_at)
VALUES ('{0}', '2021-01-01', {1}, 'Fixed', 0, '2021-01-02Z')"""


def change(database: Database, statement: str) -> None:
    with database.connect() as connection:
        connection.execute(statement.encode())


def found(database: Database, *settings: str) -> Contents:
    with database.connect() as connection:
        for setting in settings:
            connection.execute(setting.encode())
        return contents(connection)


def insert(database: Database, products: str) -> None:
    for product in products:
        change(database, INSERT.format(product, 1 if product == "a" else "null"))


@pytest.fixture
def filled(database: Database) -> Database:
    insert(database, "ab")
    return database


def test_the_order_of_rows_and_the_session_s_settings_make_no_difference(filled: Database) -> None:
    before = found(filled)
    change(filled, "TRUNCATE raw_data.raw_products")
    insert(filled, "ba")

    after = found(filled, "SET timezone = 'Asia/Tokyo'", "SET datestyle = 'German'")

    assert after == before
    assert after[TABLE][0] == 2
    assert not any(name.startswith("raw_data_partitions.") for name in after)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM raw_data.raw_products WHERE product_id = 'a'", "has 1 rows in place of 2"),
        ("UPDATE raw_data.raw_products SET id = 2 WHERE product_id = 'b'", "has other values in its 2 rows"),
        ("UPDATE raw_data.raw_products SET display_name = 'Fixed ' WHERE id = 1", "has other values in its 2 rows"),
        ("UPDATE raw_data.raw_products SET loaded_at = loaded_at + interval '1us'", "has other values in its 2 rows"),
        ("UPDATE raw_data.raw_products SET product_id = 'c' WHERE id = 1", "has other values in its 2 rows"),
    ],
)
def test_a_row_less_and_any_other_value_are_found(filled: Database, statement: str, said: str) -> None:
    before = found(filled)
    change(filled, statement)

    assert list(differences(before, found(filled))) == [f"{TABLE} {said}"]


def test_tables_that_only_one_has_are_told() -> None:
    one: Contents = {"a": (1, "1")}
    assert list(differences(one, {"b": (1, "1")})) == ["a is missing", "b was not in the backup"]
