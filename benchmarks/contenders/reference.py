"""The fastest honest script: what a person who knows the libraries well would write by hand for this one input.

DuckDB parses, Arrow carries, binary COPY fills an unindexed table, the primary key is built once, and the analytics are
SQL for exactly these tables. There is no Dagster, no validation (a bad row stops it or is stored), no accounting, no
atomic replacement: readers would see half a load. Everything is stored that the platform stores of good input: the same
columns and types of readings, the snapshots of the reference tables, every analytics table with its key.

The rules are those of `meter_platform/rules`; they are said again here so that the two can be held to each other.
"""

import os
import socket
import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import date, datetime
from queue import Queue
from threading import Thread
from typing import Any, Final
from zoneinfo import ZoneInfo

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from pgpq import ArrowToPostgresBinaryEncoder
from psycopg import sql
from psycopg.copy import QueuedLibpqWriter

from benchmarks.contenders.labels import label_table
from benchmarks.facts import all_facts, stored_bytes
from benchmarks.job import Job, Outcome, Phases
from meter_platform.settlement import INSTANT, day_table, instants

SCHEMA: Final = "bench_reference"

_ZONE: Final = ZoneInfo("Europe/London")

_GROUP_BYTES: Final = 8 << 20
"""Text parsed at a time, of two files or more: enough for two cores to share, and the copy soon has something to do."""

_GROUP_FILES: Final = 4096

_BATCH_ROWS: Final = 65_536

_SEND_BUFFER_BYTES: Final = 4 << 20

_COLUMNS: Final = pa.schema(
    {
        "meterpoint_id": pa.string(),
        "interval_start": INSTANT,
        "reference_date": pa.date32(),
        "consumption_delta": pa.decimal128(38, 3),
        "source_file_id": pa.int64(),
        "source_position": pa.int32(),
    }
)

_CREATE: Final = (
    "DROP SCHEMA IF EXISTS bench_reference CASCADE",
    "CREATE SCHEMA bench_reference",
)

READINGS_TABLE: Final = """
CREATE TABLE raw_meter_readings (
    meterpoint_id text COLLATE "C" NOT NULL,
    interval_start timestamptz NOT NULL,
    reference_date date NOT NULL,
    consumption_delta numeric NOT NULL,
    source_file_id bigint NOT NULL,
    source_position integer NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT now()
)
"""
PRIMARY_KEY: Final = "ALTER TABLE raw_meter_readings ADD PRIMARY KEY (meterpoint_id, interval_start)"

# One `read_text` gives its files to one thread: two make use of two cores.
_PARSE: Final = """
SELECT r[3] AS meterpoint_id, interval_start, reference_date, CAST(r[2] AS DECIMAL(38, 3)) AS consumption_delta,
       source_file_id, CAST(ordinal AS INTEGER) AS source_position,
       CASE WHEN interval_start IS NULL THEN r[1] END AS label
FROM (
  SELECT source_file_id, unnest(rows) AS r, generate_subscripts(rows, 1) AS ordinal
  FROM (
    SELECT filename, json_transform(content, '{"data": [["VARCHAR"]]}').data AS rows FROM read_text($odd)
    UNION ALL
    SELECT filename, json_transform(content, '{"data": [["VARCHAR"]]}').data AS rows FROM read_text($even)
  ) JOIN files USING (filename)
)
LEFT JOIN labels ON labels.label = r[1]
"""

# SQLite builds each table's COPY text itself: no row passes through Python.
_REFERENCE_TABLES: Final = {
    "agreement": (
        r"""SELECT group_concat(agreement_id || x'09' || agreement_valid_from || x'09'
                   || coalesce(agreement_valid_to, '\N') || x'09' || product_id || x'09' || meterpoint_id || x'09'
                   || coalesce(account_id, '\N'), x'0a') FROM agreement""",
        """CREATE TEMP TABLE agreement (agreement_id bigint, agreement_valid_from date, agreement_valid_to date,
           product_id text COLLATE "C", meterpoint_id text COLLATE "C", account_id text COLLATE "C")""",
        "COPY agreement FROM STDIN",
        """CREATE TABLE raw_agreements AS
           SELECT agreement_id, reference_date, agreement_valid_from, agreement_valid_to, product_id, meterpoint_id,
                  account_id, now() AS loaded_at FROM agreement, days""",
        "ALTER TABLE raw_agreements ADD PRIMARY KEY (reference_date, agreement_id)",
    ),
    "product": (
        r"""SELECT group_concat(product_id || x'09' || coalesce(id, '\N') || x'09' || display_name || x'09'
                   || is_variable, x'0a') FROM product""",
        """CREATE TEMP TABLE product (product_id text COLLATE "C", id bigint, display_name text COLLATE "C",
           is_variable bigint)""",
        "COPY product FROM STDIN",
        """CREATE TABLE raw_products AS
           SELECT product_id, reference_date, id, display_name, is_variable, now() AS loaded_at FROM product, days""",
        "ALTER TABLE raw_products ADD PRIMARY KEY (reference_date, product_id)",
    ),
    "meterpoint": (
        r"SELECT group_concat(meterpoint_id || x'09' || coalesce(region, '\N'), x'0a') FROM meterpoint",
        'CREATE TEMP TABLE meterpoint (meterpoint_id text COLLATE "C", region text COLLATE "C")',
        "COPY meterpoint FROM STDIN",
        """CREATE TABLE raw_meterpoints AS
           SELECT meterpoint_id, reference_date, region, now() AS loaded_at FROM meterpoint, days""",
        "ALTER TABLE raw_meterpoints ADD PRIMARY KEY (reference_date, meterpoint_id)",
    ),
}

_DAYS: Final = (
    "CREATE TEMP TABLE days (reference_date date, day_start timestamptz, periods integer)",
    "INSERT INTO days SELECT * FROM unnest(%s::date[], %s::timestamptz[], %s::integer[])",
)

_ACTIVE: Final = (
    """CREATE TABLE active_agreements AS
       SELECT agreement_id, reference_date, meterpoint_id, display_name, is_variable = 1 AS is_variable,
              starts_with(display_name, 'Outgoing') AS is_export,
              count(*) OVER (PARTITION BY reference_date, meterpoint_id) = 1 AS is_sole, now() AS loaded_at
       FROM raw_agreements JOIN raw_products USING (reference_date, product_id)
       WHERE agreement_valid_from <= reference_date
         AND (agreement_valid_to IS NULL OR reference_date < agreement_valid_to)""",
    "ALTER TABLE active_agreements ADD PRIMARY KEY (reference_date, agreement_id)",
    """CREATE TEMP TABLE sole AS
       SELECT reference_date, meterpoint_id, display_name, is_export FROM active_agreements WHERE is_sole""",
    "ANALYZE sole",
)

_ANALYTICS: Final = {
    # Created, not inserted into: Postgres uses both cores only for the former. The few exporters' rows come by the key,
    # which without statistics (their making takes longer) Postgres has to be told.
    "half_hourly_consumption": (
        """CREATE TEMP TABLE half_hour AS
           SELECT interval_start, reference_date, count(*) AS meterpoint_count, sum(consumption_delta) AS kwh
           FROM raw_meter_readings GROUP BY 1, 2""",
        "SET LOCAL enable_hashjoin = off",
        "SET LOCAL enable_mergejoin = off",
        """CREATE TEMP TABLE export AS
           SELECT interval_start, sum(consumption_delta) AS kwh
           FROM sole JOIN days USING (reference_date) JOIN raw_meter_readings AS r
             ON r.meterpoint_id = sole.meterpoint_id AND interval_start >= day_start
            AND interval_start < day_start + periods * interval '30 minutes'
           WHERE is_export GROUP BY 1""",
        "SET LOCAL enable_hashjoin = on",
        "SET LOCAL enable_mergejoin = on",
        """CREATE TABLE half_hourly_consumption AS
           SELECT interval_start AS datetime, reference_date,
                  (extract(epoch FROM interval_start - day_start) / 1800)::bigint + 1 AS settlement_period,
                  meterpoint_count, half_hour.kwh AS total_consumption_kwh,
                  half_hour.kwh - coalesce(export.kwh, 0) AS import_consumption_kwh,
                  coalesce(export.kwh, 0) AS export_consumption_kwh, now() AS loaded_at
           FROM half_hour JOIN days USING (reference_date) LEFT JOIN export USING (interval_start)""",
        "ALTER TABLE half_hourly_consumption ADD PRIMARY KEY (datetime)",
    ),
    # One pass gives what three tables need. All readings are the same where the largest times their number is the sum.
    "daily_meterpoint": (
        """CREATE TEMP TABLE daily AS
           SELECT reference_date, meterpoint_id, count(*) AS reading_count, sum(consumption_delta) AS kwh,
                  count(*) FILTER (WHERE consumption_delta = 0) AS zero_readings, max(consumption_delta) AS most
           FROM raw_meter_readings GROUP BY 1, 2""",
        "ANALYZE daily",
    ),
    "daily_product_consumption": (
        """CREATE TABLE daily_product_consumption AS
           SELECT display_name AS product_display_name, reference_date, reference_date AS date,
                  bool_or(is_export) AS is_export, count(*) AS meterpoint_count, sum(kwh) AS total_consumption_kwh,
                  now() AS loaded_at
           FROM daily JOIN sole USING (reference_date, meterpoint_id) GROUP BY display_name, reference_date""",
        "ALTER TABLE daily_product_consumption ADD PRIMARY KEY (reference_date, product_display_name)",
    ),
    "unattributed_consumption": (
        """CREATE TABLE unattributed_consumption AS
           WITH used AS MATERIALIZED (
             SELECT daily.* FROM daily LEFT JOIN sole USING (reference_date, meterpoint_id)
             WHERE sole.meterpoint_id IS NULL
           ), history AS (
             SELECT reference_date, meterpoint_id,
                    count(*) FILTER (WHERE agreement_valid_from <= reference_date AND
                      (agreement_valid_to IS NULL OR reference_date < agreement_valid_to)) AS in_force,
                    max(agreement_valid_to) FILTER (WHERE agreement_valid_to <= reference_date) AS last_end
             FROM used JOIN raw_agreements USING (reference_date, meterpoint_id)
             WHERE agreement_valid_to IS NULL OR agreement_valid_from < agreement_valid_to GROUP BY 1, 2
           ), counted AS (
             SELECT reference_date, meterpoint_id, count(*) AS active
             FROM used JOIN active_agreements USING (reference_date, meterpoint_id) GROUP BY 1, 2
           )
           SELECT meterpoint_id, reference_date, kwh AS total_consumption_kwh, reading_count,
                  CASE WHEN active > 1 THEN 'overlap' WHEN in_force > 0 THEN 'unknown_product'
                       WHEN last_end IS NOT NULL THEN 'ended' WHEN in_force IS NOT NULL THEN 'not_started'
                       ELSE 'no_agreement' END AS reason,
                  (reference_date - last_end)::bigint AS days_since_last_agreement, now() AS loaded_at
           FROM used LEFT JOIN history USING (reference_date, meterpoint_id)
           LEFT JOIN counted USING (reference_date, meterpoint_id)""",
        "ALTER TABLE unattributed_consumption ADD PRIMARY KEY (reference_date, meterpoint_id)",
    ),
    "meterpoint_completeness": (
        """CREATE TABLE meterpoint_completeness AS
           SELECT meterpoint_id, reference_date, periods::bigint AS expected_readings,
                  coalesce(reading_count, 0) AS received_readings, 0::bigint AS rejected_readings,
                  coalesce(zero_readings, 0) AS zero_readings,
                  coalesce(reading_count > 1 AND most > 0 AND most * reading_count = kwh, false) AS is_constant,
                  coalesce(kwh, 0) AS total_consumption_kwh, now() AS loaded_at
           FROM raw_meterpoints FULL JOIN daily USING (reference_date, meterpoint_id)
           JOIN days USING (reference_date)""",
        "ALTER TABLE meterpoint_completeness ADD PRIMARY KEY (reference_date, meterpoint_id)",
    ),
}


def run(job: Job) -> Outcome:
    """Loads the readings and the reference tables, and computes every analytics table."""
    with closing(psycopg.connect(job.url, autocommit=True)) as connection:
        for statement in _CREATE:
            connection.execute(statement)
    phases = Phases()
    with ThreadPoolExecutor(1) as beside, closing(_connect(job)) as connection:
        # The second core has time to spare while the server copies.
        reference: Future[psycopg.Connection[Any]] = beside.submit(_load_reference_tables, job)
        with phases.phase("parse and copy"):
            connection.execute(READINGS_TABLE)
            _copy_readings(job, connection)
        with phases.phase("primary key"):
            connection.execute(PRIMARY_KEY)
        with phases.phase("commit"):
            connection.commit()
        raw_seconds = phases.total
        with phases.phase("reference tables (the rest)"), closing(reference.result()) as other:
            other.commit()
        with phases.phase("active_agreements"):
            _create_days(job, connection)
            for statement in _ACTIVE:
                connection.execute(statement)
        for name, statements in _ANALYTICS.items():
            with phases.phase(name):
                for statement in statements:
                    connection.execute(statement)
        with phases.phase("commit analytics"):
            connection.commit()
        outcome = Outcome(seconds=phases.total, raw_seconds=raw_seconds, phases=phases.seconds)
        outcome.facts = all_facts(connection, SCHEMA, SCHEMA)
        outcome.stored_bytes = stored_bytes(connection, SCHEMA)
    return outcome


def _connect(job: Job) -> psycopg.Connection[Any]:
    return psycopg.connect(job.url, options=f"-c timezone=UTC -c search_path={SCHEMA}")


def _create_days(job: Job, connection: psycopg.Connection[Any]) -> None:
    columns = day_table(job.first, job.last, _ZONE).to_pydict()
    create, insert = _DAYS
    connection.execute(create)
    connection.execute(insert, list(columns.values()))


def _load_reference_tables(job: Job) -> psycopg.Connection[Any]:
    connection = _connect(job)
    _create_days(job, connection)
    with closing(sqlite3.connect(job.reference)) as source:
        for query, staging, copy, store, key in _REFERENCE_TABLES.values():
            (text,) = source.execute(query).fetchone()
            connection.execute(staging)
            with connection.cursor().copy(copy) as stream:
                stream.write(text)
            connection.execute(store)
            connection.execute(key)
    connection.execute("ANALYZE raw_agreements, raw_products, raw_meterpoints")
    return connection


def _copy_readings(job: Job, connection: psycopg.Connection[Any]) -> None:
    tables = (table.select(_COLUMNS.names).cast(_COLUMNS) for table in _parse(job))
    # Frozen rows need no second write: else the first query after the load marks every row as committed.
    statement = sql.SQL("COPY raw_meter_readings ({}) FROM STDIN WITH (FORMAT binary, FREEZE)").format(
        sql.SQL(", ").join(map(sql.Identifier, _COLUMNS.names))
    )
    encoder = ArrowToPostgresBinaryEncoder(_COLUMNS)
    # A larger buffer between the two processes: else the server waits for the sender's turn at the interpreter.
    with socket.socket(fileno=os.dup(connection.fileno())) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
    cursor = connection.cursor()
    # This writer sends in a thread of its own, so that rows are encoded while the server takes those before them.
    with cursor.copy(statement, writer=QueuedLibpqWriter(cursor)) as copy:
        copy.write(encoder.write_header())
        for table in _ahead(tables):
            for batch in table.to_batches(max_chunksize=_BATCH_ROWS):
                copy.write(encoder.write_batch(batch))
        copy.write(encoder.finish())


def _parse(job: Job) -> Iterator[pa.Table]:
    """Readings, group of files by group of files."""
    with os.scandir(job.readings) as entries:
        files = sorted((entry.path, entry.stat().st_size) for entry in entries)
    database = duckdb.connect(config={"threads": max(1, (os.cpu_count() or 2) - 1), "preserve_insertion_order": False})
    database.execute("SET TimeZone = 'UTC'")
    # It takes a few files for a few rows, and would build its hash table of the readings instead of the labels.
    database.execute("SET disabled_optimizers = 'build_side_probe_side'")
    names = pa.table({"filename": [path for path, _ in files], "source_file_id": range(1, len(files) + 1)})
    database.register("names", names)
    database.execute("CREATE TABLE files AS FROM names")
    database.register("calendar", label_table(job.first, job.last, _ZONE))
    database.execute("CREATE TABLE labels AS SELECT * REPLACE (CAST(label AS VARCHAR) AS label) FROM calendar")
    twice: list[pa.Table] = []
    for group in _groups(files):
        table = database.sql(_PARSE, params={"odd": group[::2], "even": group[1::2]}).to_arrow_table()
        if table["interval_start"].null_count:
            twice.append(table.filter(pc.is_null(table["interval_start"])))
            table = table.filter(pc.is_valid(table["interval_start"]))
        yield table
    if twice:
        yield _repeated_hour(pa.concat_tables(twice))


def _groups(files: list[tuple[str, int]]) -> Iterator[list[str]]:
    group: list[str] = []
    size = 0
    for path, length in files:
        group.append(path)
        size += length
        if (size >= _GROUP_BYTES and len(group) > 1) or len(group) >= _GROUP_FILES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _repeated_hour(table: pa.Table) -> pa.Table:
    """The hour that occurs twice in autumn: of two equal labels the earlier row is summer time, the later winter's."""
    seen: dict[tuple[str, str], int] = {}
    starts: list[datetime] = []
    dates: list[date] = []
    table = table.sort_by([("source_file_id", "ascending"), ("source_position", "ascending")])
    for meterpoint_id, label in zip(table["meterpoint_id"].to_pylist(), table["label"].to_pylist(), strict=True):
        occurrence = seen[meterpoint_id, label] = seen.get((meterpoint_id, label), -1) + 1
        naive = datetime.fromisoformat(label)
        starts.append(instants(naive, _ZONE)[occurrence])
        dates.append(naive.date())
    return table.set_column(1, "interval_start", pa.array(starts, INSTANT)).set_column(
        2, "reference_date", pa.array(dates, pa.date32())
    )


def _ahead(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Parses in a thread of its own, one group ahead of the COPY."""
    queue: Queue[pa.Table | BaseException | None] = Queue(1)

    def fill() -> None:
        try:
            for table in tables:
                queue.put(table)
        except BaseException as error:  # noqa: BLE001 - handed over whole, and raised where the tables are used
            queue.put(error)
        else:
            queue.put(None)

    Thread(target=fill, daemon=True).start()
    while (item := queue.get()) is not None:
        if isinstance(item, BaseException):
            raise item
        yield item
