"""The reference database as suppliers have it: read as it is, never written to, and its faults named."""

import datetime as dt
import os
import sqlite3
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import psycopg
import pyarrow as pa
import pytest
from psycopg import sql

from meter_platform.embedded_postgres import server
from meter_platform.errors import SettingsError, SourceError, SourceUnavailableError
from meter_platform.postgres.urls import database_url
from meter_platform.reference import database, sqlite_files
from meter_platform.reference.database import ReferenceDatabase, Snapshots
from meter_platform.reference.one_moment import OneMoment
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.tables import RAW_AGREEMENTS, RAW_METERPOINTS, RAW_PRODUCTS, Table
from meter_platform_tests.forked import run_forked

SCRIPT: Final = """
CREATE TABLE agreement (
  agreement_id integer, agreement_valid_from date, agreement_valid_to date, product_id text, meterpoint_id text,
  account_id text);
CREATE TABLE product (product_id text, id integer, display_name text, is_variable integer);
CREATE TABLE meterpoint (meterpoint_id text, region text);
INSERT INTO agreement VALUES
  (1, '2021-01-01', NULL, 'P1', '1030061234567', 'A-1'), (2, '2020-02-29', '2021-01-01', 'P2', 'm2', NULL);
INSERT INTO product VALUES ('P1', 7, 'Fixed ☀', 0), ('P2', NULL, 'Variable', 1);
INSERT INTO meterpoint VALUES ('1030061234567', 'C'), ('m2', NULL)
"""
AGREEMENTS: Final = [
    {
        "agreement_id": 1,
        "agreement_valid_from": dt.date(2021, 1, 1),
        "agreement_valid_to": None,
        "product_id": "P1",
        "meterpoint_id": "1030061234567",
        "account_id": "A-1",
    },
    {
        "agreement_id": 2,
        "agreement_valid_from": dt.date(2020, 2, 29),
        "agreement_valid_to": dt.date(2021, 1, 1),
        "product_id": "P2",
        "meterpoint_id": "m2",
        "account_id": None,
    },
]
PRODUCTS: Final = [
    {"product_id": "P1", "id": 7, "display_name": "Fixed ☀", "is_variable": 0},
    {"product_id": "P2", "id": None, "display_name": "Variable", "is_variable": 1},
]
METERPOINTS: Final = [{"meterpoint_id": "1030061234567", "region": "C"}, {"meterpoint_id": "m2", "region": None}]

Change = Callable[[str], None]


def read(database: ReferenceDatabase, table: Table) -> pa.Table:
    """A table of the source, whole."""
    return pa.concat_tables(database.read(table))


@pytest.fixture
def sqlite(tmp_path: Path) -> Path:
    """A SQLite file with the three tables, in a folder that URLs do not like."""
    folder = tmp_path / "a b%20#&"
    folder.mkdir()
    path = folder / "reference.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCRIPT)
    return path


@pytest.fixture(scope="session")
def source_url(home: Path) -> str:
    """A database for sources, beside the platform's own."""
    url = server.ensure_running(home)
    with Database(url).connect(autocommit=True) as connection:
        connection.execute("CREATE DATABASE supplier")
    return database_url(url, "supplier")


@pytest.fixture
def postgres(source_url: str) -> Iterator[str]:
    """A Postgres with the three tables."""
    with psycopg.connect(source_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        connection.execute(SCRIPT)
    return source_url


@pytest.fixture(params=["sqlite", "postgres"])
def source(request: pytest.FixtureRequest) -> tuple[ReferenceDatabase, Change]:
    """A source of either kind, and a way to change it."""
    if request.param == "sqlite":
        path: Path = request.getfixturevalue("sqlite")

        def change(script: str) -> None:
            with closing(sqlite3.connect(path)) as connection:
                connection.executescript(script)

        return ReferenceDatabase(f"sqlite:///{path}"), change
    url: str = request.getfixturevalue("postgres")

    def execute(script: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(script.encode())

    return ReferenceDatabase(url), execute


@pytest.mark.parametrize(
    ("table", "expected"), [(RAW_AGREEMENTS, AGREEMENTS), (RAW_PRODUCTS, PRODUCTS), (RAW_METERPOINTS, METERPOINTS)]
)
def test_each_table_is_read_in_the_contracts_types(
    source: tuple[ReferenceDatabase, Change], table: Table, expected: list[dict[str, object]]
) -> None:
    rows = read(source[0], table)
    assert sorted(rows.to_pylist(), key=str) == sorted(expected, key=str)
    for field in rows.schema:
        assert field.type == table.arrow_schema.field(field.name).type


def test_other_columns_and_views_are_fine(source: tuple[ReferenceDatabase, Change]) -> None:
    database, change = source
    change("ALTER TABLE meterpoint RENAME TO meters; ALTER TABLE meters ADD COLUMN postcode text DEFAULT 'SW1'")
    change("CREATE VIEW meterpoint AS SELECT postcode, region, meterpoint_id FROM meters")
    assert read(database, RAW_METERPOINTS).to_pylist() == METERPOINTS


def test_a_change_is_seen_by_the_next_reader(source: tuple[ReferenceDatabase, Change]) -> None:
    database, change = source
    assert read(database, RAW_METERPOINTS).num_rows == 2
    change("INSERT INTO meterpoint VALUES ('m3', 'A')")
    assert read(database, RAW_METERPOINTS).num_rows == 3


# What is wrong with a source


def test_an_empty_table_may_be_in_the_middle_of_its_refresh(source: tuple[ReferenceDatabase, Change]) -> None:
    database, change = source
    change("DELETE FROM product")
    with pytest.raises(
        SourceUnavailableError, match=r'Table "product" .* is empty: is it in the middle of its refresh'
    ):
        read(database, RAW_PRODUCTS)
    assert read(database, RAW_AGREEMENTS).num_rows == 2


def test_a_missing_table_is_named(source: tuple[ReferenceDatabase, Change]) -> None:
    database, change = source
    change("DROP TABLE product")
    with pytest.raises(SourceError, match='has no table "product"'):
        read(database, RAW_PRODUCTS)


def test_missing_columns_are_named(source: tuple[ReferenceDatabase, Change]) -> None:
    database, change = source
    change("ALTER TABLE product RENAME COLUMN is_variable TO variable")
    change("ALTER TABLE product RENAME COLUMN display_name TO name")
    with pytest.raises(SourceError, match=r'Table "product" .* lacks the column display_name and is_variable'):
        read(database, RAW_PRODUCTS)


def test_an_uncommitted_refresh_is_not_seen(sqlite: Path) -> None:
    with closing(sqlite3.connect(sqlite, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM meterpoint")
        assert read(ReferenceDatabase(f"sqlite:///{sqlite}"), RAW_METERPOINTS).to_pylist() == METERPOINTS


def test_a_locked_sqlite_is_busy(sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.1)
    with closing(sqlite3.connect(sqlite, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SourceUnavailableError, match=r"cannot be read now \(database is locked\)"):
            read(ReferenceDatabase(f"sqlite:///{sqlite}"), RAW_METERPOINTS)
        writer.execute("ROLLBACK")
    assert read(ReferenceDatabase(f"sqlite:///{sqlite}"), RAW_METERPOINTS).num_rows == 2


def test_a_locked_postgres_table_is_busy(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_BUSY_SECONDS", 1)
    with psycopg.connect(postgres) as writer:
        writer.execute("LOCK TABLE meterpoint IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(SourceUnavailableError, match=r"cannot be read now .*lock timeout"):
            read(ReferenceDatabase(postgres), RAW_METERPOINTS)
    assert read(ReferenceDatabase(postgres), RAW_METERPOINTS).num_rows == 2


@pytest.mark.parametrize("kind", ["absent", "a folder", "no file"])
def test_an_absent_sqlite_is_named_and_not_made(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "reference.db"
    if kind == "a folder":
        path.mkdir()
    before = sorted(tmp_path.iterdir())
    url = "sqlite://" if kind == "no file" else f"sqlite:///{path}"
    with pytest.raises(SourceUnavailableError, match="is not there: check METER_PLATFORM_REFERENCE_URL"):
        read(ReferenceDatabase(url), RAW_METERPOINTS)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("content", [b"meterpoint_id,region\nm1,C\n" * 100, b"SQLite format 3\x00" + bytes(5000)])
def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "reference.db"
    path.write_bytes(content)
    with pytest.raises(SourceError, match="cannot be read: file is not a database"):
        read(ReferenceDatabase(f"sqlite:///{path}"), RAW_METERPOINTS)
    assert path.read_bytes() == content


def test_an_empty_file_has_no_tables(tmp_path: Path) -> None:
    path = tmp_path / "reference.db"
    path.touch()
    with pytest.raises(SourceError, match='has no table "meterpoint"'):
        read(ReferenceDatabase(f"sqlite:///{path}"), RAW_METERPOINTS)
    assert path.stat().st_size == 0


def test_a_relative_path_is_from_here(sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sqlite.parent)
    assert read(ReferenceDatabase("sqlite:///reference.db"), RAW_METERPOINTS).num_rows == 2


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_sqlite_is_left_byte_for_byte(sqlite: Path, journal: str) -> None:
    with closing(sqlite3.connect(sqlite)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal}")
    before = sqlite.read_bytes(), sqlite.stat().st_mtime_ns
    for table in (RAW_AGREEMENTS, RAW_PRODUCTS, RAW_METERPOINTS):
        assert read(ReferenceDatabase(f"sqlite:///{sqlite}"), table).num_rows == 2
    assert (sqlite.read_bytes(), sqlite.stat().st_mtime_ns) == before


# A database in WAL mode


def become(account: int) -> None:
    """This process goes on as another account, which may read nothing that only we may."""
    os.setgroups([])
    os.setresgid(account, account, account)
    os.setresuid(account, account, account)


def refresh_as(account: int, path: Path, how: str = "") -> None:
    become(account)
    connection = sqlite3.connect(path, timeout=3)
    connection.execute("INSERT INTO meterpoint VALUES ('m3', 'A')")
    connection.commit()
    print("written", flush=True)  # noqa: T201 - the answer
    if how == "and die":
        os._exit(0)
    connection.close()


def read_as(account: int, path: Path) -> None:
    become(account)
    print(read(ReferenceDatabase(f"sqlite:///{path}"), RAW_METERPOINTS).num_rows)  # noqa: T201 - the answer


def refresh(path: Path, how: str = "") -> str:
    """The owner adds a meterpoint, in a process of his own; he may die of it. What he says of it."""
    return said(run_forked(refresh_as, OWNER, path, how))


def meterpoints_of(path: Path) -> str:
    """How many meterpoints another account reads, in a process of its own; or the error."""
    return said(run_forked(read_as, READER, path))


def said(done: "subprocess.CompletedProcess[str]") -> str:
    return (done.stdout + done.stderr).strip()


OWNER, READER = 64_001, 64_002
IN_WAL_MODE: Final = "PRAGMA journal_mode = WAL"


@pytest.fixture
def foreign() -> Iterator[Path]:
    """A SQLite in WAL mode that another account owns, in a folder where everyone may write."""
    if os.geteuid() != 0:
        pytest.skip("only root can run programs as two other accounts")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        path = folder / "reference.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(IN_WAL_MODE)
            connection.executescript(SCRIPT)
        os.chown(path, OWNER, OWNER)
        path.chmod(0o644)
        yield path


def test_an_owner_can_write_after_another_account_has_read(foreign: Path) -> None:
    assert meterpoints_of(foreign) == "2"
    assert [path.name for path in foreign.parent.iterdir()] == ["reference.db"]
    assert refresh(foreign) == "written"
    assert meterpoints_of(foreign) == "3"


def test_so_it_can_after_a_crash_that_left_what_was_written_last_beside_the_database(foreign: Path) -> None:
    assert refresh(foreign, "and die") == "written"
    before = {path.name: (path.stat().st_uid, path.read_bytes()) for path in foreign.parent.iterdir()}
    assert "reference.db-wal" in before

    assert meterpoints_of(foreign) == "3"

    assert {path.name: (path.stat().st_uid, path.read_bytes()) for path in foreign.parent.iterdir()} == before
    assert refresh(foreign) == "written"


def test_a_folder_where_nobody_else_may_write_is_no_obstacle(foreign: Path) -> None:
    os.chown(foreign.parent, OWNER, OWNER)
    foreign.parent.chmod(0o755)
    assert meterpoints_of(foreign) == "2"
    assert refresh(foreign, "and die") == "written"
    assert meterpoints_of(foreign) == "3"


def test_what_cannot_be_read_of_a_database_is_said_to_be_its_wal_file(foreign: Path) -> None:
    assert refresh(foreign, "and die") == "written"
    foreign.with_name("reference.db-wal").chmod(0o600)
    assert "is in WAL mode, and a copy of it and of its -wal file cannot be made" in meterpoints_of(foreign)


@pytest.fixture
def in_wal_mode(sqlite: Path) -> Path:
    with closing(sqlite3.connect(sqlite)) as connection:
        connection.execute(IN_WAL_MODE)
    return sqlite


def test_what_a_live_owner_has_committed_is_read_and_what_he_has_not_is_not(in_wal_mode: Path) -> None:
    database = ReferenceDatabase(f"sqlite:///{in_wal_mode}")
    with closing(sqlite3.connect(in_wal_mode, isolation_level=None)) as owner:
        owner.execute("INSERT INTO meterpoint VALUES ('m3', 'A')")
        assert read(database, RAW_METERPOINTS).num_rows == 3
        owner.execute("BEGIN IMMEDIATE")
        owner.execute("DELETE FROM meterpoint")
        assert read(database, RAW_METERPOINTS).num_rows == 3
        owner.execute("COMMIT")
        owner.execute("INSERT INTO meterpoint VALUES ('m4', 'A')")
        assert read(database, RAW_METERPOINTS).num_rows == 1
    assert read(database, RAW_METERPOINTS).to_pylist() == [{"meterpoint_id": "m4", "region": "A"}]
    assert [path.name for path in in_wal_mode.parent.iterdir()] == ["reference.db"]


def test_what_was_written_last_is_found_through_a_link(in_wal_mode: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(in_wal_mode)
    with closing(sqlite3.connect(in_wal_mode, isolation_level=None)) as owner:
        owner.execute("INSERT INTO meterpoint VALUES ('m3', 'A')")
        assert read(ReferenceDatabase(f"sqlite:///{link}"), RAW_METERPOINTS).num_rows == 3


def test_a_database_that_is_refreshed_while_it_is_read_is_read_again_later(
    in_wal_mode: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_READ_ROWS", 1)
    rows = ReferenceDatabase(f"sqlite:///{in_wal_mode}").read(RAW_METERPOINTS)
    next(rows)
    with closing(sqlite3.connect(in_wal_mode)) as owner:
        owner.execute("INSERT INTO meterpoint VALUES ('m3', 'A')")
        owner.commit()
    with pytest.raises(SourceUnavailableError, match="in WAL mode, was written while it was read"):
        list(rows)


def test_a_database_that_is_written_all_the_time_is_said_to_be(
    in_wal_mode: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What was written within a minute counts as being written.
    monkeypatch.setattr(sqlite_files, "_STILL_SECONDS", 60.0)
    monkeypatch.setattr(sqlite_files, "_COPY_SECONDS", 0.2)
    with closing(sqlite3.connect(in_wal_mode, isolation_level=None)) as owner:
        owner.execute("INSERT INTO meterpoint VALUES ('m3', 'A')")
        with pytest.raises(SourceUnavailableError, match="in WAL mode, is being written all the time"):
            read(ReferenceDatabase(f"sqlite:///{in_wal_mode}"), RAW_METERPOINTS)


# Text that Postgres cannot hold


NUL, OTHER = "the text holds a zero byte", "the text is not UTF-8"
UNFIT: Final = {
    "zero in account": (RAW_AGREEMENTS, "agreement(account_id)", "'SECRET' || char(0) || 'Y'", NUL),
    "zero in meterpoint": (RAW_AGREEMENTS, "agreement(meterpoint_id)", "'SECRET' || char(0)", NUL),
    "zero in name": (RAW_PRODUCTS, "product(display_name)", "char(0)", NUL),
    "bytes in account": (RAW_AGREEMENTS, "agreement(account_id)", "CAST(x'ff534543524554' AS TEXT)", OTHER),
    "bytes in date": (RAW_AGREEMENTS, "agreement(agreement_valid_from)", "CAST(x'ff534543524554' AS TEXT)", OTHER),
    "half a letter": (RAW_METERPOINTS, "meterpoint(region)", "CAST(x'534543524554c3' AS TEXT)", OTHER),
    "a surrogate": (RAW_METERPOINTS, "meterpoint(meterpoint_id)", "CAST(x'eda080' AS TEXT)", OTHER),
}
"""A text in a column that Postgres cannot hold, and what is said of it."""


@pytest.mark.parametrize("rows_before", [0, 2_345])
@pytest.mark.parametrize("kind", UNFIT)
def test_a_text_that_postgres_cannot_hold_is_named_at_once_and_not_shown(
    sqlite: Path, kind: str, rows_before: int
) -> None:
    table, place, text, why = UNFIT[kind]
    name, _, column = place.rstrip(")").partition("(")
    with closing(sqlite3.connect(sqlite)) as connection:
        connection.execute(f"DELETE FROM {name}")  # noqa: S608 - names of ours
        width = len(connection.execute(f"PRAGMA table_info({name})").fetchall())
        nulls = f"INSERT INTO {name} VALUES ({', '.join('?' * width)})"  # noqa: S608 - as above
        connection.executemany(nulls, [[None] * width] * rows_before)
        connection.execute(f"INSERT INTO {place} VALUES ({text})")  # noqa: S608 - as above
        connection.commit()

    with pytest.raises(
        SourceError, match=rf'Table "{name}" .*, row {rows_before + 1}, column {column}: {why}'
    ) as caught:
        read(ReferenceDatabase(f"sqlite:///{sqlite}"), table)

    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_postgres_that_holds_other_text_is_named_too(source_url: str) -> None:
    with psycopg.connect(source_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS latin")
        connection.execute("CREATE DATABASE latin ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    url = database_url(source_url, "latin")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE meterpoint (meterpoint_id text, region text)")
        connection.execute("INSERT INTO meterpoint SELECT 'm' || i, 'C' FROM generate_series(1, 1500) AS i")
        connection.execute(r"INSERT INTO meterpoint VALUES ('m', E'caf\xe9')")
    with pytest.raises(SourceError, match=r'Table "meterpoint" .*, row 1501, column region: the text is not UTF-8'):
        read(ReferenceDatabase(url), RAW_METERPOINTS)


# Values


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("agreement_valid_from", "'2021-01-31 00:00:00'", dt.date(2021, 1, 31)),
        ("agreement_valid_from", "'2021-01-31 00:00:00.000000'", dt.date(2021, 1, 31)),
        ("agreement_valid_from", "'2021-01-31T00:00:00'", dt.date(2021, 1, 31)),
        ("agreement_valid_to", "'9999-12-31'", dt.date(9999, 12, 31)),
        ("agreement_id", "'17'", 17),
        ("agreement_id", "17.0", 17),
        ("agreement_id", "9223372036854775807", 9223372036854775807),
        ("product_id", "17", "17"),
        ("meterpoint_id", "1030061234567", "1030061234567"),
        ("account_id", "''", ""),
    ],
)
def test_sqlite_may_write_a_value_in_several_ways(sqlite: Path, column: str, value: str, expected: object) -> None:
    _write_loosely(sqlite, column, value)
    rows = read(ReferenceDatabase(f"sqlite:///{sqlite}"), RAW_AGREEMENTS)
    assert rows[column].to_pylist()[1] == expected


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("agreement_valid_from", "'31/01/2021'"),
        ("agreement_valid_from", "'2021-02-29'"),
        ("agreement_valid_from", "''"),
        ("agreement_valid_from", "'2021-01-31 13:00:00'"),
        ("agreement_valid_from", "'2021-01-31 00:00:00+01:00'"),
        ("agreement_valid_from", "18628"),
        ("agreement_valid_to", "'infinity'"),
        ("agreement_id", "'A-1'"),
        ("agreement_id", "1.5"),
        ("agreement_id", "9e18 * 9"),
        ("agreement_id", "9e999"),
        ("agreement_id", "x'00'"),
        ("meterpoint_id", "1030061234567.5"),
        ("meterpoint_id", "1030061234567.0"),
        ("meterpoint_id", "x'31'"),
    ],
)
def test_a_value_of_another_type_is_named_by_row_and_column(sqlite: Path, column: str, value: str) -> None:
    _write_loosely(sqlite, column, value)
    with pytest.raises(SourceError, match=f'Table "agreement" .*, row 2, column {column}: the value is not of type'):
        read(ReferenceDatabase(f"sqlite:///{sqlite}"), RAW_AGREEMENTS)


@pytest.mark.parametrize(
    ("column", "value", "named"),
    [
        (
            "agreement_valid_to",
            "''",
            r": it is an empty text, for which NULL has to be written \(the row with agreement_id 2\)",
        ),
        ("agreement_valid_from", "'soon'", r" \(the row with agreement_id 2\)"),
        ("agreement_id", "'x'", ""),
        ("meterpoint_id", "x'31'", r" \(the row with agreement_id 2\)"),
    ],
)
def test_a_row_is_named_by_its_key_unless_that_is_at_fault(sqlite: Path, column: str, value: str, named: str) -> None:
    _write_loosely(sqlite, column, value)
    with pytest.raises(SourceError, match=rf"row 2, column {column}: the value is not of type \w+(\[day\])?{named}\.$"):
        read(ReferenceDatabase(f"sqlite:///{sqlite}"), RAW_AGREEMENTS)


def test_no_meterpoint_and_nothing_long_names_a_row(sqlite: Path) -> None:
    with closing(sqlite3.connect(sqlite)) as connection:
        connection.execute("UPDATE meterpoint SET region = x'00' WHERE meterpoint_id = 'm2'")
        connection.execute("UPDATE product SET id = 'x', product_id = ? WHERE product_id = 'P2'", ("x" * 50,))
        connection.commit()
    with pytest.raises(SourceError, match=r"row 2, column region: the value is not of type string\.$"):
        read(ReferenceDatabase(f"sqlite:///{sqlite}"), RAW_METERPOINTS)
    with pytest.raises(SourceError, match=r"row 2, column id: the value is not of type int64\.$"):
        read(ReferenceDatabase(f"sqlite:///{sqlite}"), RAW_PRODUCTS)


@pytest.mark.parametrize(
    ("column", "type_", "value", "expected"),
    [
        ("agreement_valid_from", "timestamp", "2021-01-31 00:00:00", dt.date(2021, 1, 31)),
        ("agreement_id", "smallint", "17", 17),
        ("agreement_id", "numeric", "17.00", 17),
        ("agreement_id", "text", "17", 17),
        ("product_id", "uuid", "00000000-0000-4000-8000-000000000017", "00000000-0000-4000-8000-000000000017"),
        ("meterpoint_id", "bigint", "1030061234567", "1030061234567"),
        ("meterpoint_id", "varchar(13)", "1030061234567", "1030061234567"),
    ],
)
def test_postgres_may_have_other_types_that_mean_the_same(
    postgres: str, column: str, type_: str, value: str, expected: object
) -> None:
    _retype(postgres, column, type_, value)
    assert read(ReferenceDatabase(postgres), RAW_AGREEMENTS)[column].to_pylist() == [expected]


@pytest.mark.parametrize(
    ("column", "type_", "value"),
    [
        ("agreement_valid_from", "timestamp", "2021-01-31 13:00:00"),
        ("agreement_valid_from", "timestamptz", "2021-01-31 00:00:00+01"),
        ("agreement_valid_from", "text", "soon"),
        ("agreement_id", "numeric", "17.5"),
        ("agreement_id", "numeric", "NaN"),
        ("meterpoint_id", "double precision", "1030061234567"),
        ("meterpoint_id", "bytea", "1030061234567"),
        ("meterpoint_id", "boolean", "true"),
        ("meterpoint_id", "text[]", "{1030061234567}"),
    ],
)
def test_postgres_values_that_do_not_mean_the_same_are_named(
    postgres: str, column: str, type_: str, value: str
) -> None:
    _retype(postgres, column, type_, value)
    with pytest.raises(SourceError, match=f'Table "agreement" .*, row 1, column {column}: the value is not of type'):
        read(ReferenceDatabase(postgres), RAW_AGREEMENTS)


def test_a_date_that_never_comes_is_said_to_be_unreadable(postgres: str) -> None:
    _retype(postgres, "agreement_valid_to", "date", "infinity")
    with pytest.raises(SourceError, match=r"reference database .* cannot be read: .*date"):
        read(ReferenceDatabase(postgres), RAW_AGREEMENTS)


def test_a_flag_may_be_true_or_false(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("ALTER TABLE product ALTER is_variable TYPE boolean USING is_variable = 1")
    assert read(ReferenceDatabase(postgres), RAW_PRODUCTS)["is_variable"].to_pylist() == [0, 1]


LOOSELY: Final = """
CREATE TABLE new AS SELECT {names} FROM agreement;
DROP TABLE agreement;
ALTER TABLE new RENAME TO agreement;
UPDATE agreement SET {column} = {value} WHERE agreement_id = 2;
"""


def _write_loosely(path: Path, column: str, value: str) -> None:
    """Writes a value into columns without a type, which keep it as it is given."""
    names = ", ".join(f"+{name} AS {name}" for name in AGREEMENTS[0])
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(LOOSELY.format(names=names, column=column, value=value))


def _retype(url: str, column: str, type_: str, value: str) -> None:
    """One agreement, of which a column has another type."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DELETE FROM agreement WHERE agreement_id = 2")
        connection.execute(
            sql.SQL("ALTER TABLE agreement ALTER {} TYPE {} USING {}::text::{}").format(
                sql.Identifier(column), sql.SQL(type_), sql.Literal(value), sql.SQL(type_)
            )
        )


# URLs


@pytest.mark.parametrize("url", ["reference.db", "", "://", "postgresql://user:secret@host:port/db"])
def test_what_is_no_url_is_a_matter_of_settings(url: str) -> None:
    with pytest.raises(SettingsError, match="METER_PLATFORM_REFERENCE_URL is no SQLAlchemy URL") as caught:
        read(ReferenceDatabase(url), RAW_METERPOINTS)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["nothing://user:secret@host/db", "oracle://user:secret@host/db"])
def test_a_driver_that_is_not_installed_is_a_matter_of_settings(url: str) -> None:
    with pytest.raises(SettingsError, match="needs a driver that is not installed") as caught:
        read(ReferenceDatabase(url), RAW_METERPOINTS)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://reader:secret@localhost:1/reference",
        "postgresql+psycopg2://reader:secret@localhost:1/reference",
        "postgresql://reader@localhost:1/reference?password=secret",
        "postgresql://reader:secret@/reference?host=/nowhere&port=1",
    ],
)
def test_a_server_that_does_not_answer_is_named_without_its_password(url: str) -> None:
    with pytest.raises(
        SourceUnavailableError, match=r"The reference database postgresql.*cannot be read now"
    ) as caught:
        read(ReferenceDatabase(url), RAW_METERPOINTS)
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(caught.value.__context__)
    assert "reader" in str(caught.value)


def test_no_error_about_a_source_shows_its_password(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP TABLE product; DELETE FROM meterpoint; ALTER TABLE agreement DROP COLUMN account_id")
    # Nobody is asked for a password here: any will do.
    database = ReferenceDatabase(postgres.replace("@", ":secret@", 1))
    for table in (RAW_PRODUCTS, RAW_METERPOINTS, RAW_AGREEMENTS):
        with pytest.raises((SourceError, SourceUnavailableError), match=r"postgresql://\w+:\*\*\*@") as caught:
            read(database, table)
        assert "secret" not in str(caught.value)


def test_a_snapshot_is_the_same_for_each_of_its_dates() -> None:
    rows = pa.table({"meterpoint_id": ["a", "b", "c"]})
    dates = [dt.date(2021, 1, 1), dt.date(2021, 1, 2)]
    snapshots = pa.concat_tables(Snapshots([rows.slice(0, 2), rows.slice(2)], dates)).to_pylist()
    expected = [{"meterpoint_id": name, "reference_date": day} for day in dates for name in ("a", "b", "c")]
    assert sorted(snapshots, key=lambda row: (row["reference_date"], row["meterpoint_id"])) == expected


def test_a_source_is_free_again_before_its_rows_are_stored() -> None:
    free = threading.Event()

    def rows() -> Iterator[pa.Table]:
        for number in range(100):
            yield pa.table({"meterpoint_id": [f"m{number}"]})
        free.set()

    chunks = iter(Snapshots(rows(), [dt.date(2021, 1, 1)]))
    next(chunks)
    assert free.wait(10), "the source waits for those who store its rows"
    assert len(list(chunks)) == 99


# One moment


def test_all_tables_are_read_as_they_were_at_one_moment(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as supplier:
        moment = OneMoment(ReferenceDatabase(postgres), (RAW_AGREEMENTS, RAW_PRODUCTS, RAW_METERPOINTS))
        agreements = pa.concat_tables(moment.read(RAW_AGREEMENTS)).to_pylist()
        # A customer comes between the reads of two steps.
        supplier.execute("INSERT INTO meterpoint VALUES ('m3', 'A')")
        assert pa.concat_tables(moment.read(RAW_METERPOINTS)).to_pylist() == METERPOINTS
        assert (agreements, pa.concat_tables(moment.read(RAW_PRODUCTS)).to_pylist()) == (AGREEMENTS, PRODUCTS)
        moment.close()


def test_a_change_in_the_middle_of_reading_is_not_seen(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as supplier:
        found = {}
        for table, rows in ReferenceDatabase(postgres).read_together((RAW_AGREEMENTS, RAW_METERPOINTS)):
            found[table] = pa.concat_tables(rows).to_pylist()
            supplier.execute("DELETE FROM meterpoint WHERE meterpoint_id = 'm2'")
        assert found == {RAW_AGREEMENTS: AGREEMENTS, RAW_METERPOINTS: METERPOINTS}


def test_a_table_that_cannot_be_read_keeps_no_other_from_being_read(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as supplier:
        supplier.execute("ALTER TABLE product RENAME TO products")
        moment = OneMoment(ReferenceDatabase(postgres), (RAW_AGREEMENTS, RAW_PRODUCTS, RAW_METERPOINTS))
        assert pa.concat_tables(moment.read(RAW_AGREEMENTS)).to_pylist() == AGREEMENTS
        with pytest.raises(SourceError, match='has no table "product"'):
            list(moment.read(RAW_PRODUCTS))
        assert pa.concat_tables(moment.read(RAW_METERPOINTS)).to_pylist() == METERPOINTS
        supplier.execute("ALTER TABLE products RENAME TO product")
        assert pa.concat_tables(moment.read(RAW_PRODUCTS)).to_pylist() == PRODUCTS
        moment.close()
