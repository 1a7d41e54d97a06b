"""Whose a session is, whichever driver opened it, and that no import changes the process."""

import os

import pytest
import sqlalchemy as sa

from meter_platform.postgres.connecting import connect_patiently, make_engines_patient
from meter_platform.warehouse.database import Database
from meter_platform_tests.embedded_postgres.servers import python

MINE = f"meter_platform process {os.getpid()} on "
ASK = "SELECT current_setting('application_name')"


def name_by_psycopg(database: Database) -> object:
    with database.connect() as connection:
        return connection.execute(ASK).fetchone()


def name_by_patient_psycopg(database: Database) -> object:
    with connect_patiently(database.url) as connection:
        return connection.execute(ASK).fetchone()


def name_by_adbc(database: Database) -> object:
    with database.connect_arrow() as connection, connection.cursor() as cursor:
        cursor.execute(ASK)
        return cursor.fetchone()


def name_by_sqlalchemy(database: Database) -> object:
    make_engines_patient()
    engine = sa.create_engine(database.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return connection.execute(sa.text(ASK)).one()


@pytest.mark.parametrize("name", [name_by_psycopg, name_by_patient_psycopg, name_by_adbc, name_by_sqlalchemy])
def test_a_session_has_the_name_of_its_process_whichever_driver_opened_it(database: Database, name) -> None:  # noqa: ANN001
    (found,) = name(database)
    assert found.startswith(MINE)


def test_a_name_that_the_url_gives_wins(database: Database) -> None:
    with Database(f"{database.url}&application_name=mine").connect() as connection:
        assert connection.execute(ASK).fetchone() == ("mine",)


def test_an_import_changes_nothing_of_the_process() -> None:
    code = """
import os
before = dict(os.environ)
import meter_platform.embedded_postgres.server, meter_platform.typed_sql.guard, meter_platform.warehouse.partitions
assert dict(os.environ) == before, set(os.environ) ^ set(before)
"""
    python(code)
