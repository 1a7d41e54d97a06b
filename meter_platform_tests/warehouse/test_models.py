"""Which dates of models are not finished: by notes alone, without dbt."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import psycopg
import pytest

from meter_platform.warehouse import lineage, models, partition_notes
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.finished import GONE, MISSING, OLDER, OTHER_RULES

FIRST, SECOND, NEXT_MONTH = date(2021, 6, 29), date(2021, 6, 30), date(2021, 7, 1)
NOW = datetime(2021, 7, 2, tzinfo=UTC)


@pytest.fixture
def connection(database: Database) -> Iterator[psycopg.Connection[object]]:
    """Three dates of which the platform has built everything, and the table of a model."""
    with database.connect() as opened:
        opened.execute("CREATE TABLE analytics_models.a_model (reference_date date, total_consumption_kwh numeric)")
        for name in lineage.INPUTS:
            opened.execute(partition_notes.noted(name, dict.fromkeys((FIRST, SECOND, NEXT_MONTH), 1), loaded_at=NOW))
        yield opened
        opened.rollback()


def version(connection: psycopg.Connection[object], day: date) -> int:
    """The version of the table that the model reads."""
    return partition_notes.versions(connection, ["daily_product_consumption"], [day])["daily_product_consumption"][day]


def build(
    connection: psycopg.Connection[object], day: date, *, newest: date | None = None, rules: str = "text"
) -> None:
    """The model is built of what is there; `newest`: of the month up to this date."""
    read = f"daily_product_consumption={version(connection, newest or day)}"
    connection.execute(
        partition_notes.noted(
            "a_model",
            {day: 1},
            loaded_at=NOW,
            sources={day: f"month:{read}" if newest else read},
            rules=rules,
        )
    )


def replace_input(connection: psycopg.Connection[object], day: date) -> None:
    """The table that the model reads is computed anew."""
    connection.execute(partition_notes.noted("daily_product_consumption", {day: 1}, loaded_at=NOW))


def found(connection: psycopg.Connection[object]) -> dict[date, dict[str, str]]:
    return {each.day: dict(each.tables) for each in models.with_models(connection, [])}


def test_without_models_nothing_is_wrong(connection: psycopg.Connection[object]) -> None:
    assert found(connection) == {}


def test_a_date_without_a_model_that_others_have_is_told(connection: psycopg.Connection[object]) -> None:
    build(connection, FIRST)

    assert found(connection) == {day: {"a_model": MISSING} for day in (SECOND, NEXT_MONTH)}


def test_a_model_of_an_input_that_was_replaced_is_older(connection: psycopg.Connection[object]) -> None:
    for day in (FIRST, SECOND, NEXT_MONTH):
        build(connection, day)
    assert found(connection) == {}

    replace_input(connection, SECOND)

    assert found(connection) == {SECOND: {"a_model": OLDER}}


def test_a_model_of_a_month_is_older_from_the_replaced_date_to_the_end_of_its_month(
    connection: psycopg.Connection[object],
) -> None:
    for day in (FIRST, SECOND, NEXT_MONTH):
        build(connection, day, newest=day)
    assert found(connection) == {}

    replace_input(connection, FIRST)

    assert found(connection) == {FIRST: {"a_model": OLDER}, SECOND: {"a_model": OLDER}}


def test_dates_built_by_another_text_than_the_newest_are_told(connection: psycopg.Connection[object]) -> None:
    build(connection, FIRST)
    build(connection, SECOND)
    build(connection, NEXT_MONTH, rules="another text")

    assert found(connection) == {FIRST: {"a_model": OTHER_RULES}, SECOND: {"a_model": OTHER_RULES}}


def test_a_table_that_somebody_dropped_is_gone(connection: psycopg.Connection[object]) -> None:
    build(connection, FIRST)
    connection.execute("DROP TABLE analytics_models.a_model")

    assert found(connection) == {day: {"a_model": GONE} for day in (FIRST, SECOND, NEXT_MONTH)}


def test_a_date_that_the_platform_has_not_finished_waits_for_it(connection: psycopg.Connection[object]) -> None:
    build(connection, FIRST)
    connection.execute(
        "DELETE FROM raw_data.partition_versions WHERE reference_date <> %s AND table_name = 'active_agreements'",
        [FIRST],
    )

    assert found(connection) == {}


def test_a_model_that_the_project_has_no_longer_is_forgotten(connection: psycopg.Connection[object]) -> None:
    build(connection, FIRST)

    models.forget(connection, keep=["another_model"])

    assert found(connection) == {}
    assert version(connection, FIRST)  # the platform's own notes stay


def test_tables_of_models_are_found_with_their_energy(connection: psycopg.Connection[object]) -> None:
    connection.execute("CREATE TABLE analytics_models.without_dates (name text)")
    connection.execute("CREATE TABLE analytics_models.without_energy (reference_date date)")

    assert models.dated_tables(connection) == [("a_model", "total_consumption_kwh"), ("without_energy", None)]
