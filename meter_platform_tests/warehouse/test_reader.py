"""Reading what is stored: read-only, exact, and as quick on a large table as on a small one."""

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import psycopg
import pytest

from meter_platform.app import figures
from meter_platform.errors import ServerUnavailableError
from meter_platform.warehouse import reader_tables, tables
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.reader import ANALYTICS, READINGS, Reader

FIRST, LAST = date(2021, 3, 27), date(2021, 3, 29)


@pytest.fixture
def reader(database: Database) -> Reader:
    """A reader of a database with one half hour a day, and a spring clock change on the second of three."""
    with database.connect() as connection:
        connection.execute(
            "INSERT INTO analytics.half_hourly_consumption SELECT day + interval '12 hours', day::date, 25, 3, 1.10, 1.00, "
            "0.10, '2021-04-01Z', 3, 1.10, 0 FROM generate_series('2021-03-27'::timestamptz, '2021-03-29', '1 day') AS day"
        )
    return Reader(database, "Europe/London")


def test_it_cannot_write(reader: Reader) -> None:
    with (
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
        reader.session() as connection,
    ):
        connection.execute("DELETE FROM analytics.half_hourly_consumption")
    assert reader.value("SELECT count(*) FROM analytics.half_hourly_consumption") == 3


def test_it_imports_neither_dagster_nor_pandas() -> None:
    heavy = "('dagster', 'pandas', 'pyarrow')"
    code = f"import sys, meter_platform.warehouse.reader; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_decimals_are_exact_and_instants_local(reader: Reader) -> None:
    rows = figures.consumption_by_half_hour(reader, FIRST, LAST).to_pylist()
    assert [row["total_kwh"] for row in rows] == [Decimal("1.10")] * 3
    assert [str(row["datetime"]) for row in rows] == [
        "2021-03-27 12:00:00+00:00",
        "2021-03-28 13:00:00+01:00",
        "2021-03-29 13:00:00+01:00",
    ]
    assert rows[0]["datetime"] == datetime(2021, 3, 27, 12, tzinfo=UTC)


def test_dates_are_those_that_have_rows(reader: Reader) -> None:
    assert reader.dates("analytics.half_hourly_consumption") == [FIRST, date(2021, 3, 28), LAST]
    assert reader.dates("analytics.daily_product_consumption") == []
    assert reader.dates(READINGS) == []


def test_the_stamp_changes_with_a_load_and_only_then(reader: Reader, database: Database) -> None:
    before = Reader.stamp_of(reader.loads())
    assert Reader.stamp_of(reader.loads()) == before
    with database.connect() as connection:
        connection.execute(
            "UPDATE analytics.half_hourly_consumption SET loaded_at = '2021-04-02Z' WHERE reference_date = '2021-03-28'"
        )
    assert Reader.stamp_of(reader.loads()) != before
    assert set(reader.loads()) == {READINGS, *ANALYTICS, "raw_data.source_file_versions"}


@pytest.mark.parametrize(
    "figure",
    [
        figures.consumption_by_day,
        figures.consumption_by_half_hour,
        figures.completeness_by_day,
        figures.products_by_day,
        figures.switches,
        figures.active_agreements,
        figures.agreement_changes,
        figures.rejected,
        figures.superseded,
        figures.files,
        figures.files_quarantined,
    ],
)
def test_a_figure_of_nothing_has_its_columns_and_no_rows(reader: Reader, figure: figures.Figure) -> None:
    rows = figure(reader, date(1999, 1, 1), date(1999, 1, 2))
    assert rows.num_rows == 0
    assert rows.num_columns >= 3


@pytest.mark.parametrize("table", tables.DATA_TABLES, ids=lambda table: table.name)
def test_every_table_has_a_page_with_the_contracts_columns(reader: Reader, table: tables.Table) -> None:
    page = reader_tables.page(reader, table, FIRST, LAST)
    assert page.rows.column_names == [column.name for column in table.columns]
    assert page.next is None
    assert page.rows.num_rows == (3 if table is tables.HALF_HOURLY_CONSUMPTION else 0)


def test_pages_cover_every_row_once_across_dates(reader: Reader, database: Database) -> None:
    with database.connect() as connection:
        connection.execute(
            "INSERT INTO analytics.meterpoint_completeness SELECT 'm' || n, day::date, 48, 48, 0, 0, false, 7, '2021-04-01Z', "
            "NULL, 48, 0, 7, 0 "
            "FROM generate_series(1, 7) AS n, generate_series('2021-03-27'::date, '2021-03-29', '1 day') AS day"
        )
    seen, place, turns = [], None, 0
    while turns == 0 or place is not None:
        page = reader_tables.page(reader, tables.METERPOINT_COMPLETENESS, FIRST, LAST, after=place, rows=5)
        seen += [(row["reference_date"], row["meterpoint_id"]) for row in page.rows.to_pylist()]
        place, turns = page.next, turns + 1
    assert turns == 5
    assert len(seen) == 21
    assert seen == sorted(set(seen))
    one_date = reader_tables.page(reader, tables.METERPOINT_COMPLETENESS, LAST, LAST)
    assert {row["reference_date"] for row in one_date.rows.to_pylist()} == {LAST}


@pytest.fixture
def millions(database: Database) -> Iterator[None]:
    """Two million readings of two dates."""
    with database.connect() as connection:
        for day in (FIRST, LAST):
            name = f"raw_data_partitions.raw_meter_readings_{day:%Y%m%d}"
            connection.execute(f"CREATE TABLE {name} (LIKE raw_data.raw_meter_readings INCLUDING CONSTRAINTS)")
            connection.execute(
                f"INSERT INTO {name} SELECT 'm' || lpad(m::text, 7, '0'), '{day}Z'::timestamptz + n * interval '30 minutes', "  # noqa: S608 - our own
                f"'{day}', 0.125, 1, n + 1, '2021-04-01Z', 'import', 'unknown', '' "
                "FROM generate_series(1, 20833) AS m, generate_series(0, 47) AS n"
            )
            connection.execute(f"ALTER TABLE {name} ADD PRIMARY KEY (meterpoint_id, interval_start, register, serial)")
            connection.execute(
                f"ALTER TABLE raw_data.raw_meter_readings ATTACH PARTITION {name} FOR VALUES IN ('{day}')"
            )
            connection.execute(f"ANALYZE {name}")
    yield
    with database.connect() as connection:
        for day in (FIRST, LAST):
            connection.execute(f"DROP TABLE raw_data_partitions.raw_meter_readings_{day:%Y%m%d}")


@pytest.mark.whole
@pytest.mark.usefixtures("millions")
def test_a_table_of_millions_opens_at_once(reader: Reader) -> None:
    begun = time.perf_counter()
    about = reader_tables.about_rows(reader, tables.RAW_METER_READINGS)
    dates = reader_tables.dates_of(reader, tables.RAW_METER_READINGS)
    page = reader_tables.page(reader, tables.RAW_METER_READINGS, FIRST, LAST)
    deep = reader_tables.Place(day=LAST, key=("m0020000", datetime(2021, 3, 29, 12, tzinfo=UTC), "import", ""))
    later = reader_tables.page(reader, tables.RAW_METER_READINGS, FIRST, LAST, after=deep)
    assert time.perf_counter() - begun < 0.5
    assert about == pytest.approx(1_999_968, rel=0.02)
    assert dates == [FIRST, LAST]
    assert page.rows.num_rows == 200
    assert later.rows.slice(0, 1).to_pylist()[0]["meterpoint_id"] == "m0020000"
    assert later.rows.slice(0, 1).to_pylist()[0]["interval_start"] == datetime(2021, 3, 29, 12, 30, tzinfo=UTC)


def test_a_server_that_is_gone_is_named_without_its_password() -> None:
    gone = Reader(Database("postgresql://me:secret@/gone?host=/nonexistent"))
    with pytest.raises(ServerUnavailableError, match="cannot be used") as caught:
        gone.value("SELECT 1")
    assert "secret" not in str(caught.value)
