"""A wait for another process's lock is told, has an end, and names who it waited for."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from psycopg import sql

from meter_platform.errors import LockHeldError, TransientError
from meter_platform.ingestion import catalogue
from meter_platform.warehouse import date_locks, sessions, tables, waiting
from meter_platform.warehouse.database import Database
from meter_platform_tests.embedded_postgres.servers import eventually

MINE = f"meter_platform process {os.getpid()} on "
DAYS = [date(2021, 1, 2), date(2021, 1, 1)]


def test_a_wait_for_the_catalogue_ends_with_the_name_of_the_process_that_reads(database: Database) -> None:
    with sessions.begin(database) as reads, sessions.begin(database) as waits:
        catalogue.lock(reads)

        with pytest.raises(LockHeldError) as ended:
            catalogue.lock(waits, patience=0.2)

        assert isinstance(ended.value, TransientError)
        assert str(ended.value).startswith("The scan for new files waited for 0 seconds for " + MINE)
        assert "end that process if it hangs, or try again" in str(ended.value)
        assert not catalogue.try_lock(waits), "the session goes on, and the lock is still the other's"


def test_waits_are_told_as_long_as_they_last_and_end_with_the_lock(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_TELL_SECONDS", 0.05)
    told: list[str] = []
    with sessions.begin(database) as waits, ThreadPoolExecutor(1) as beside:
        with sessions.begin(database) as writes:
            date_locks.lock_dates(writes, tables.RAW_PRODUCTS, DAYS[:1])
            done = beside.submit(date_locks.lock_dates, waits, tables.RAW_PRODUCTS, DAYS, log=told.append)
            eventually(lambda: len(told) > 2)
            assert not done.done()
        done.result(timeout=60)

        assert told[0].startswith(f"the load of raw_data.raw_products waits for {MINE}")
        with pytest.raises(LockHeldError, match="The load of a date"), sessions.begin(database) as third:
            waiting.wait_for(
                third, *_dates_lock(DAYS[0]), what="the load of a date", patience=0.1
            )  # the date is now the other's


def test_a_statement_after_the_wait_waits_as_long_as_it_did_before(database: Database) -> None:
    with sessions.begin(database) as session:
        catalogue.lock(session)

        assert session.fetch(sql.SQL("SHOW lock_timeout")) == [("0",)]


def _dates_lock(day: date) -> tuple[sql.Composed, sql.Composed]:
    number = sql.Literal(day.toordinal())
    name = sql.Literal("raw_data.raw_products")
    return (
        sql.SQL("SELECT pg_advisory_lock(hashtext({}), {})").format(name, number),
        sql.SQL("SELECT hashtext({})::bigint, {}::bigint").format(name, number),
    )
