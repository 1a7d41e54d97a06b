"""A dump restores to exactly what was there, or says what is not; and nothing with data in it is overwritten."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from psycopg import sql

from meter_platform.backup import contents, manifest
from meter_platform.backup.client import Client
from meter_platform.backup.errors import BackupError, BrokenBackupError
from meter_platform.backup.folder import Backup, backup_at
from meter_platform.backup.restore import Restored, restore
from meter_platform.errors import LockHeldError
from meter_platform.postgres.urls import database_url
from meter_platform.warehouse.database import Database
from meter_platform_tests.backup.conftest import Pair
from meter_platform_tests.warehouse.migrating import schema_of

NOW = datetime(2021, 11, 6, 8, 30, tzinfo=UTC)
ROW_OF_TODAY = "INSERT INTO operations.log VALUES ('prune', '2021-11-05Z', '2021-11-05Z', true, '', null)"


@pytest.fixture
def elsewhere(pair: Pair) -> Iterator[Pair]:
    """Where it is restored to: databases that are not there yet."""
    server = pair.data
    target = Pair(Database(database_url(server.url, "back")), Database(database_url(server.url, "back_dagster")))
    yield target
    with server.connect(autocommit=True) as connection:
        for (name,) in connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'back%'").fetchall():
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def restored(backup: Backup, target: Pair, *, replace: bool = False) -> Restored:
    return restore(backup, target.urls, Client(target.data.url), replace=replace, now=NOW)


def of(database: Database) -> contents.Contents:
    with database.connect() as connection:
        return contents.contents(connection)


def beside(pair: Pair) -> Database:
    return Database(database_url(pair.data.url, "postgres"))


def databases(pair: Pair) -> set[str]:
    with beside(pair).connect() as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'back%'")}


def test_a_dump_restores_to_the_same_schema_and_the_same_rows(pair: Pair, backup: Backup, elsewhere: Pair) -> None:
    done = restored(backup, elsewhere)

    assert schema_of(elsewhere.data, without="none") == schema_of(pair.data, without="none")
    assert of(elsewhere.data) == of(pair.data)
    assert of(elsewhere.dagster) == of(pair.dagster)
    assert {table: rows for table, (rows, _) in of(pair.dagster).items()} == {"public.event_logs": 0, "public.runs": 3}
    with pair.data.connect() as connection:
        assert done.rows == 3 + sum(
            connection.execute(sql.SQL("SELECT FROM {}").format(sql.Identifier(*name.split(".")))).rowcount
            for name in of(pair.data)
        )
    assert done.set_aside == ()
    assert databases(elsewhere) == {"back", "back_dagster"}


@pytest.mark.whole
def test_what_has_data_in_it_is_refused_or_kept_under_another_name_and_never_taken_from_who_uses_it(
    backup: Backup, elsewhere: Pair
) -> None:
    restored(backup, elsewhere)
    elsewhere.execute(ROW_OF_TODAY)
    with elsewhere.data.connect(autocommit=True) as connection:
        connection.execute("ALTER DATABASE back SET search_path = raw_data, public")

    with pytest.raises(
        BackupError, match=r"There is data in back_dagster and back of this server, and nothing was res"
    ):
        restored(backup, elsewhere)
    with (
        elsewhere.data.connect(),
        pytest.raises(LockHeldError, match=r"back_dagster or back is in use: stop runs, .* Nothing was changed"),
    ):
        restored(backup, elsewhere, replace=True)
    assert of(elsewhere.data)["operations.log"][0] == 1
    assert not any("before" in name for name in databases(elsewhere))

    done = restored(backup, elsewhere, replace=True)

    assert done.set_aside == ("back_dagster_before_20211106T083000", "back_before_20211106T083000")
    assert of(elsewhere.data)["operations.log"][0] == 0
    assert of(Database(database_url(elsewhere.data.url, done.set_aside[1])))["operations.log"][0] == 1
    with elsewhere.data.connect() as connection:
        assert connection.execute("SHOW search_path").fetchall() == [("raw_data, public",)]


@pytest.mark.whole
def test_empty_databases_make_room_and_what_a_killed_restore_left_goes(backup: Backup, elsewhere: Pair) -> None:
    with beside(elsewhere).connect(autocommit=True) as connection:
        for name in ("back", "back_dagster", "back_restoring", "back_dagster_restoring"):
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    elsewhere.data.create_tables()

    assert restored(backup, elsewhere).set_aside == ()

    assert databases(elsewhere) == {"back", "back_dagster"}
    assert of(elsewhere.data)["raw_data.source_file_versions"][0] == 5


# What is wrong with a backup is found


@pytest.fixture
def copied(backup: Backup, tmp_path: Path) -> Backup:
    """A copy, to be damaged."""
    return backup_at(shutil.copytree(backup.path, tmp_path / "copy"))


def test_a_changed_a_missing_and_a_further_file_are_found(copied: Backup, elsewhere: Pair) -> None:
    toc, *_ = sorted((copied.path / "data").glob("*.gz"))
    content = bytearray(toc.read_bytes())
    content[-1] ^= 1
    toc.write_bytes(content)
    (copied.path / "dagster" / "toc.dat").unlink()
    (copied.path / "more").touch()

    assert list(manifest.damage(copied.path, copied.manifest)) == [
        "dagster/toc.dat is missing",
        f"data/{toc.name} has changed",
        "more was added",
    ]
    with pytest.raises(BrokenBackupError, match=r"is not as it was when it was taken: dagster/toc\.dat is missing, "):
        restored(copied, elsewhere)
    assert databases(elsewhere) == set()


@pytest.mark.whole
def test_what_does_not_restore_to_what_was_dumped_takes_no_place(copied: Backup, elsewhere: Pair) -> None:
    said = copied.manifest
    tables = dict(said.contents["data"])
    rows, checksum = tables["raw_data.raw_products"]
    tables["raw_data.raw_products"] = (rows, str(int(checksum) + 1))
    tables["raw_data.raw_agreements"] = (1_000_000, "1")
    altered = {**said.__dict__, "contents": {**said.contents, "data": tables}}
    manifest.Manifest(**altered).write(copied.path)

    with pytest.raises(BrokenBackupError) as error:
        restored(backup_at(copied.path), elsewhere)

    assert f"raw_data.raw_products has other values in its {rows} rows" in str(error.value)
    assert "rows in place of 1,000,000" in str(error.value)
    assert databases(elsewhere) <= {"back_restoring", "back_dagster_restoring"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, r"is no backup of the platform: its manifest\.json cannot be read \(FileNotFoundError\)"),
        ("{", r"is no backup of the platform: its manifest\.json cannot be read \(JSONDecodeError\)"),
        ('{"format": 2}', "was made by a later version of the platform"),
    ],
)
def test_what_is_no_backup_is_told(tmp_path: Path, text: str | None, said: str) -> None:
    if text:
        (tmp_path / manifest.MANIFEST).write_text(text)
    with pytest.raises(BrokenBackupError, match=said):
        backup_at(tmp_path)
    with pytest.raises(BackupError, match="There is no backup in"):
        backup_at(tmp_path / "elsewhere")
