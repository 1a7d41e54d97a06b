"""A partition is replaced whole: for every reader, at every moment, however its writer ends."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from meter_platform.errors import PartitionBusyError
from meter_platform.warehouse import child_tables, date_locks, partitions, sessions, tables
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.reader import Reader
from meter_platform.warehouse.validation import ContractViolationError, validate
from meter_platform_tests.embedded_postgres.servers import ROOT, eventually
from meter_platform_tests.warehouse.partition_data import (
    DAY,
    LOADED_AT,
    NEXT,
    Seen,
    children,
    filled_child,
    meterpoints,
    readings,
    seen_meterpoints,
    seen_readings,
    store_meterpoints,
    store_readings,
)

READINGS = tables.RAW_METER_READINGS
METERPOINTS = tables.RAW_METERPOINTS


@contextmanager
def in_background(work: Callable[[], Any]) -> Iterator["Future[Any]"]:
    """Does `work` in a thread of its own; its error, if any, is the test's."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        yield future
        future.result(timeout=60)


def waiting_for_dates(connection: psycopg.Connection[Any]) -> int:
    """How many sessions wait for a date to be theirs."""
    row = connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchone()
    assert row is not None
    return int(row[0])


# Small tables


def test_a_date_is_replaced_whole_and_others_stay(database: Database) -> None:
    store_meterpoints(database, 5)
    store_meterpoints(database, 6, NEXT)

    report = partitions.replace_rows(database, METERPOINTS, [meterpoints(1)], [DAY])

    assert report.rows_per_date == {DAY: 101}
    with database.connect() as connection:
        assert seen_meterpoints(connection) == Seen(101, (1,))
        assert seen_meterpoints(connection, NEXT) == Seen(106, (6,))


def test_a_date_without_new_rows_is_emptied_and_counted(database: Database) -> None:
    store_meterpoints(database, 5)
    store_meterpoints(database, 6, NEXT)

    report = partitions.replace_rows(database, METERPOINTS, [meterpoints(1, NEXT)], [DAY, NEXT])

    assert report.rows_per_date == {DAY: 0, NEXT: 101}
    with database.connect() as connection:
        assert seen_meterpoints(connection) == Seen(0, ())


def test_no_chunks_at_all_empty_the_date(database: Database) -> None:
    store_meterpoints(database, 5)

    report = partitions.replace_rows(database, METERPOINTS, iter(()), [DAY])

    assert report.rows_per_date == {DAY: 0}
    with database.connect() as connection:
        assert seen_meterpoints(connection) == Seen(0, ())


def test_rows_come_in_chunks_of_any_dates(database: Database) -> None:
    chunks = (meterpoints(3, day).slice(start, 60) for start in (0, 60) for day in (NEXT, DAY))

    report = partitions.replace_rows(database, METERPOINTS, chunks, [DAY, NEXT])

    assert report.rows_per_date == {DAY: 103, NEXT: 103}


def refuses(database: Database, chunks: Iterator[pa.Table]) -> str:
    """Stores one generation, has another refused, and makes sure that the first is what is there."""
    store_meterpoints(database, 5)
    with pytest.raises(ContractViolationError) as refusal:
        partitions.replace_rows(database, METERPOINTS, chunks, [DAY])
    with database.connect() as connection:
        assert seen_meterpoints(connection) == Seen(105, (5,))
    return str(refusal.value)


def test_a_contract_that_breaks_in_the_middle_of_a_stream_leaves_the_date_as_it_was(database: Database) -> None:
    good, bad = meterpoints(1).slice(0, 50), meterpoints(1).slice(50)
    nameless = bad.set_column(0, "meterpoint_id", pa.nulls(bad.num_rows, pa.string()))

    message = refuses(database, iter([good, nameless]))

    assert message == (
        "raw_data.raw_meterpoints was left as it was, for the new data breaks its contract: "
        "column meterpoint_id: a value is missing (51 rows)."
    )


def test_a_key_that_comes_in_two_chunks_leaves_the_date_as_it_was_and_names_no_meterpoint(database: Database) -> None:
    message = refuses(database, iter([meterpoints(1), meterpoints(1).slice(7, 1)]))

    assert "column reference_date, meterpoint_id: the key occurs more than once" in message
    assert "m0007" not in message


def test_rows_of_a_date_that_is_not_being_stored_leave_all_as_it_was(database: Database) -> None:
    message = refuses(database, iter([meterpoints(1), meterpoints(1, NEXT)]))

    assert (
        "column reference_date: the date is not one of the partitions being stored (101 rows, such as 2021-01-02)"
        in (message)
    )


def test_a_stream_that_ends_in_an_error_leaves_the_date_as_it_was(database: Database) -> None:
    store_meterpoints(database, 5)

    def chunks() -> Iterator[pa.Table]:
        yield meterpoints(1)
        raise ConnectionError("the source went away")

    with pytest.raises(ConnectionError):
        partitions.replace_rows(database, METERPOINTS, chunks(), [DAY])

    with database.connect() as connection:
        assert seen_meterpoints(connection) == Seen(105, (5,))


def test_energy_is_stored_with_the_decimals_it_came_with(database: Database) -> None:
    values = ["0.186", "0.1234567", "0", "24", "0.00000000000000000001", "11.500"]
    chunk = readings(0).slice(0, len(values))
    with sessions.begin(database) as writer:
        child = child_tables.create_child(writer, READINGS, DAY)
        for number, value in enumerate(values):
            row = chunk.slice(number, 1).set_column(3, "consumption_delta", pa.array([Decimal(value)]))
            writer.copy(child.identifier, validate(READINGS, row, unique=False))
        child_tables.publish(writer, child, None)
        writer.commit()

    with database.connect() as connection:
        stored = connection.execute(
            "SELECT consumption_delta::text FROM raw_data.raw_meter_readings ORDER BY source_position"
        ).fetchall()
    assert [text for (text,) in stored] == [
        "0.186",
        "0.123456700",
        "0.000",
        "24.000",
        "0.00000000000000000001",
        "11.500",
    ]


# Children of a natively partitioned table


def test_a_new_child_takes_the_place_of_the_old_one_and_nothing_is_left_over(database: Database) -> None:
    store_readings(database, 1)
    store_readings(database, 9, NEXT)
    store_readings(database, 2)

    with database.connect() as connection:
        assert seen_readings(connection) == Seen(1_002, (2,))
        assert seen_readings(connection, NEXT) == Seen(1_009, (9,))
    assert len(children(database)) == 2


def test_a_child_has_its_columns_in_an_order_that_leaves_no_gaps_and_readers_see_that_of_the_contract(
    database: Database,
) -> None:
    store_readings(database, 1)

    with database.connect() as connection:
        (child,) = children(database)
        aligned = connection.execute(
            "SELECT array_agg(typalign ORDER BY attnum) FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid "
            "WHERE attrelid = ('raw_data_partitions.' || quote_ident(%s))::regclass AND attnum > 0 AND attlen > 0",
            [child],
        ).fetchall()
        seen = connection.execute("SELECT * FROM raw_data.raw_meter_readings LIMIT 1").description or []

    assert aligned == [(["d", "d", "d", "d", "i", "i"],)]
    assert [column.name for column in seen] == [column.name for column in READINGS.columns]


def test_a_child_that_is_given_up_leaves_nothing(database: Database) -> None:
    store_readings(database, 1)

    with sessions.begin(database) as writer:
        filled_child(writer, 2)

    with database.connect() as connection:
        assert seen_readings(connection) == Seen(1_001, (1,))
    assert len(children(database)) == 1


def test_a_child_is_not_seen_before_it_is_published_and_committed(database: Database) -> None:
    with database.connect(autocommit=True) as reader, sessions.begin(database) as writer:
        child = filled_child(writer, 1)
        assert seen_readings(reader) == Seen(0, ())
        child_tables.publish(writer, child, None)
        assert seen_readings(reader) == Seen(0, ())
        writer.commit()
        assert seen_readings(reader) == Seen(1_001, (1,))


def test_a_stream_of_small_tables_of_any_scale_arrives_whole_and_what_is_constant_is_not_sent(
    database: Database,
) -> None:
    rows = readings(3)
    single = [
        rows.slice(number, 1).set_column(3, "consumption_delta", pa.array([Decimal(f"{number}.186")], kind))
        for number, kind in enumerate((pa.decimal128(38, 3), pa.decimal128(38, 9), pa.decimal128(38, 20)))
    ]
    with sessions.begin(database) as writer:
        child = child_tables.create_child(writer, READINGS, DAY)
        constants = {"loaded_at": LOADED_AT, "reference_date": DAY}
        without = [table.drop_columns(list(constants)) for table in [*single, rows.slice(3)]]
        writer.copy_stream(child.identifier, rows.column_names, without, constants=constants, freeze=True)
        stored = writer.fetch(
            partitions.sql.SQL(
                "SELECT source_position, consumption_delta, reference_date, loaded_at FROM {} ORDER BY 1"
            ).format(child.identifier)
        )
        assert stored == [
            (position, Decimal(f"{position - 1}.186") if position < 4 else Decimal("0.186"), DAY, LOADED_AT)
            for position in range(1, 1_004)
        ]
        with pytest.raises(psycopg.errors.NotNullViolation):  # what was constant then is no default now
            writer.copy(child.identifier, without[0])


def test_a_stream_that_fails_stores_nothing_and_says_why(database: Database) -> None:
    store_readings(database, 1)

    def stream() -> Iterator[pa.Table]:
        yield readings(2)
        raise ValueError("the source has gone")

    with sessions.begin(database) as writer:
        child = child_tables.create_child(writer, READINGS, DAY)
        with pytest.raises(ValueError, match="the source has gone"):
            writer.copy_stream(child.identifier, READINGS.arrow_schema.names, stream())
    assert len(children(database)) == 1


def test_a_key_that_occurs_twice_is_told_and_the_transaction_goes_on(database: Database) -> None:
    with sessions.begin(database) as writer:
        child = child_tables.create_child(writer, READINGS, DAY)
        rows = validate(READINGS, readings(1), unique=False)
        writer.copy(child.identifier, rows)
        writer.copy(child.identifier, rows.slice(0, 1))
        assert child_tables.add_key(writer, child) is False
        writer.execute(partitions.sql.SQL("DELETE FROM {} WHERE source_position = 1").format(child.identifier))
        assert child_tables.add_key(writer, child) is True


def test_a_child_obeys_the_contract_whoever_writes_to_it(database: Database) -> None:
    store_readings(database, 1)
    (child,) = children(database)
    good = readings(1).slice(1_000).to_pylist()[0] | {"meterpoint_id": "new"}
    columns = ", ".join(good)
    values = ", ".join(f"%({name})s" for name in good)
    insert = f"INSERT INTO raw_data_partitions.{child} ({columns}) VALUES ({values})"  # noqa: S608 - our own names

    def insertion(**wrong: object) -> Callable[[], object]:
        def attempt() -> None:
            with database.connect() as connection:
                connection.execute(insert.encode(), good | wrong)

        return attempt

    insertion()()
    for wrong, error in (
        ({"consumption_delta": Decimal(-1)}, psycopg.errors.CheckViolation),
        ({"consumption_delta": Decimal("24.001")}, psycopg.errors.CheckViolation),
        ({"consumption_delta": None}, psycopg.errors.NotNullViolation),
        ({"meterpoint_id": None}, psycopg.errors.NotNullViolation),
        ({"source_position": 0}, psycopg.errors.CheckViolation),
        ({"reference_date": NEXT}, psycopg.errors.CheckViolation),
        ({}, psycopg.errors.UniqueViolation),  # a second time
    ):
        with pytest.raises(error):
            insertion(**wrong)()


def test_a_query_of_one_date_reads_its_child_alone_and_knows_its_size(database: Database) -> None:
    store_readings(database, 1)
    store_readings(database, 1, NEXT)

    with database.connect() as connection:
        plan = connection.execute(
            "EXPLAIN SELECT * FROM raw_data.raw_meter_readings WHERE reference_date = '2021-01-02'"
        ).fetchall()
    text = "\n".join(line for (line,) in plan)
    assert "raw_meter_readings_20210102_" in text
    assert "raw_meter_readings_20210101_" not in text
    assert "rows=1001 " in text  # analysed before it was published


# Readers


@pytest.mark.parametrize(
    ("store", "look", "size"),
    [
        pytest.param(store_meterpoints, seen_meterpoints, 100, id="small table"),
        pytest.param(store_readings, seen_readings, 1_000, id="through the parent", marks=pytest.mark.whole),
    ],
)
def test_a_reader_never_sees_an_empty_or_a_mixed_date(
    database: Database,
    store: Callable[[Database, int], None],
    look: Callable[[psycopg.Connection[Any]], Seen],
    size: int,
) -> None:
    store(database, 0)
    done = threading.Event()

    def poll() -> list[Seen]:
        found = []
        with database.connect(autocommit=True) as connection:
            while not done.is_set():
                found.append(look(connection))
        return found

    def poll_in_transactions() -> list[Seen]:
        found = []
        while not done.is_set():
            with database.connect() as connection:
                found += [look(connection) for _ in range(3)]
        return found

    with ThreadPoolExecutor(2) as pool:
        polls = [pool.submit(poll), pool.submit(poll_in_transactions)]
        try:
            for generation in range(1, 31):
                store(database, generation)
        finally:
            done.set()
        found = [seen for future in polls for seen in future.result()]

    assert [seen for seen in found if not seen.whole(size=size)] == []
    assert len({seen.generations for seen in found}) > 5, "the readers looked too seldom to prove anything"


def test_the_platforms_own_reader_sees_one_state_of_the_readings_from_its_first_query_to_its_last(
    database: Database,
) -> None:
    store_readings(database, 1)
    store_meterpoints(database, 1)

    def publish_one_of_old_and_new_rows() -> None:
        # What a load does when a few new rows come for a date that has many: the old ones are copied over.
        with sessions.begin(database) as writer:
            old = child_tables.attached_child(writer, READINGS, DAY)
            assert old is not None
            child = child_tables.create_child(writer, READINGS, DAY)
            rest = validate(READINGS, readings(2).slice(1_001), unique=False)
            writer.copy_stream(child.identifier, rest.column_names, [rest], freeze=True)
            writer.execute(
                partitions.sql.SQL("INSERT INTO {} SELECT * FROM {}").format(child.identifier, old.identifier)
            )
            assert child_tables.add_key(writer, child)
            child_tables.publish(writer, child, old)
            writer.commit()

    with Reader(database).session() as connection:
        before = seen_meterpoints(connection)
        with in_background(publish_one_of_old_and_new_rows):
            time.sleep(0.5)
            after = seen_readings(connection)
            connection.rollback()

    assert (before, after) == (Seen(101, (1,)), Seen(1_001, (1,)))
    with database.connect() as connection:
        assert seen_readings(connection).rows == 1_002


def test_a_long_reader_delays_publishing_and_other_readers_hardly_wait(database: Database) -> None:
    store_readings(database, 1)

    with database.connect() as long_reader, database.connect(autocommit=True) as other:
        assert seen_readings(long_reader) == Seen(1_001, (1,))  # and its transaction goes on
        with in_background(lambda: store_readings(database, 2)) as writing:
            seconds = []
            until = time.monotonic() + 3
            while time.monotonic() < until:
                began = time.monotonic()
                assert seen_readings(other) == Seen(1_001, (1,))
                seconds.append(time.monotonic() - began)
                time.sleep(0.005)
            assert not writing.done()
            # In its place publishing would wait until the long reader ends, and all others behind it.
            assert max(seconds) < 3
            long_reader.commit()
            writing.result(timeout=60)
        assert seen_readings(other) == Seen(1_002, (2,))


def test_short_readers_that_overlap_without_a_gap_keep_a_date_out_for_a_while_only(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(child_tables, "_POLITE_SECONDS", 0.5)
    store_readings(database, 1)
    done, begun = threading.Event(), threading.Barrier(4)
    give_up = time.monotonic() + 60

    def read_again_and_again(number: int) -> list[float]:
        waits = []
        begun.wait()
        time.sleep(number / 3)
        while not done.is_set() and time.monotonic() < give_up:
            with database.connect() as connection:
                began = time.monotonic()
                seen_readings(connection)
                waits.append(time.monotonic() - began)
                time.sleep(1)
        return waits

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read_again_and_again, number) for number in range(3)]
        begun.wait()
        time.sleep(1)
        try:
            store_readings(database, 2)
            assert time.monotonic() < give_up, "it waited until the readers had gone"
        finally:
            done.set()
        waits = [seconds for reader in readers for seconds in reader.result()]

    # How long a reader waits: not longer than one wait of publishing, and some time for a busy machine.
    assert max(waits) < 2 * child_tables._LONGEST_WAIT_SECONDS  # noqa: SLF001 - what is promised
    assert "raw_data.raw_meter_readings of 2021-01-01: it has waited" in caplog.text
    with database.connect() as connection:
        assert seen_readings(connection) == Seen(1_002, (2,))


def test_publishing_gives_up_after_a_while_and_says_what_to_do(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_tables, "_PATIENCE_SECONDS", 0.5)
    store_readings(database, 1)

    with database.connect() as long_reader:
        seen_readings(long_reader)
        with pytest.raises(PartitionBusyError, match=r"raw_data\.raw_meter_readings of 2021-01-01 was being read"):
            store_readings(database, 2)

    with database.connect() as connection:
        assert seen_readings(connection) == Seen(1_001, (1,))


# Writers


@pytest.mark.parametrize(("store", "look"), [(store_meterpoints, seen_meterpoints), (store_readings, seen_readings)])
def test_two_writers_of_one_date_wait_for_each_other(
    database: Database,
    store: Callable[[Database, int], None],
    look: Callable[[psycopg.Connection[Any]], Seen],
) -> None:
    table = METERPOINTS if store is store_meterpoints else READINGS
    store(database, 1)

    with database.connect(autocommit=True) as reader:
        with ThreadPoolExecutor(1) as pool:
            with sessions.begin(database) as first:
                date_locks.lock_dates(first, table, [NEXT, DAY])
                second = pool.submit(store, database, 2)
                eventually(lambda: waiting_for_dates(reader) == 1)
                # Committing is not the end: what a session has locked stays locked until it has done all its dates.
                first.commit()
                time.sleep(0.1)
                assert not second.done()
                assert look(reader).generations == (1,)
            second.result(timeout=60)
        assert look(reader).generations == (2,)


def test_writers_of_other_dates_and_of_other_tables_do_not_wait(database: Database) -> None:
    with sessions.begin(database) as first:
        date_locks.lock_dates(first, READINGS, [DAY])
        store_readings(database, 1, NEXT)
        store_meterpoints(database, 1)

    with database.connect() as connection:
        assert seen_readings(connection, NEXT) == Seen(1_001, (1,))


def test_two_writers_of_overlapping_ranges_in_any_order_both_finish(database: Database) -> None:
    days = [date(2021, 1, number) for number in range(1, 21)]

    def store(order: list[date], generation: int) -> None:
        for _ in range(5):
            rows = [meterpoints(generation, day) for day in order]
            partitions.replace_rows(database, METERPOINTS, [pa.concat_tables(rows)], order)

    with in_background(lambda: store(days, 1)), in_background(lambda: store(days[::-1], 2)):
        pass

    with database.connect() as connection:
        assert all(seen_meterpoints(connection, day).whole(size=100) for day in days)


def test_loads_of_different_dates_that_are_ready_at_once_both_finish(database: Database) -> None:
    store_readings(database, 1)
    store_readings(database, 1, NEXT)
    both_ready = threading.Barrier(2, timeout=60)

    def store(day: date) -> None:
        with sessions.begin(database) as writer:
            child = filled_child(writer, 2, day)
            both_ready.wait()
            child_tables.publish(writer, child, child_tables.attached_child(writer, READINGS, day))
            writer.commit()

    with in_background(lambda: store(DAY)), in_background(lambda: store(NEXT)):
        pass

    with database.connect() as connection:
        assert [seen_readings(connection, day).generations for day in (DAY, NEXT)] == [(2,), (2,)]


WRITER = """
import os, sys
from meter_platform.warehouse import database
from meter_platform_tests.warehouse.partition_data import store_meterpoints, store_readings

opened = database.Database(sys.argv[1])
for line in sys.stdin:  # for each, a process that writes until it is killed
    generation = int(line)
    process = os.fork()
    if not process:
        while True:
            generation += 1
            store_meterpoints(opened, generation)
            store_readings(opened, generation)
            print(os.getpid(), flush=True)
    os.waitpid(process, 0)
    print("killed", flush=True)
"""


def test_a_writer_that_is_killed_at_any_moment_leaves_one_whole_date_and_nothing_else(database: Database) -> None:
    store_meterpoints(database, 0)
    store_readings(database, 0)
    moments = random.Random(186)  # noqa: S311 - moments to kill at

    with (
        subprocess.Popen(
            [sys.executable, "-c", WRITER, database.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        ) as writer,
        database.connect(autocommit=True) as reader,
    ):
        assert writer.stdin is not None
        assert writer.stdout is not None
        last = 0
        for _ in range(10):
            writer.stdin.write(f"{last}\n")
            writer.stdin.flush()
            process = int(writer.stdout.readline())
            time.sleep(moments.uniform(0, 0.3))
            os.kill(process, signal.SIGKILL)
            while writer.stdout.readline() != "killed\n":
                pass  # it has stored more in the meantime
            # At once, whatever its session in Postgres is still busy with, and when that is gone.
            assert seen_meterpoints(reader).whole(size=100)
            assert seen_readings(reader).whole(size=1_000)
            eventually(lambda: not _other_sessions(reader))
            assert len(children(database)) == 1
            seen = seen_readings(reader)
            assert seen.whole(size=1_000)
            last = max(*seen.generations, *seen_meterpoints(reader).generations)
        writer.stdin.close()

    assert last >= 10
    store_readings(database, last + 1)
    with database.connect() as connection:
        assert seen_readings(connection).generations == (last + 1,)


def _other_sessions(connection: psycopg.Connection[Any]) -> list[Any]:
    return connection.execute(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = current_database() "
        "AND pid <> pg_backend_pid() AND (backend_xid IS NOT NULL OR state <> 'idle')"
    ).fetchall()
