"""The files of a whole server: copied by a login that can read no table, proved, and brought back to any moment."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from psycopg import sql

from meter_platform.backup import base, folder, recovery, take
from meter_platform.backup.drill import drill
from meter_platform.backup.errors import BackupError, BrokenBackupError
from meter_platform.backup.folder import Backup
from meter_platform.lake.lake import Lake
from meter_platform.lake.put_away import put_away
from meter_platform.lake.stores import LakeStore
from meter_platform.lake.take_out import have_in_postgres
from meter_platform.orchestration.checks.accounts import faults
from meter_platform.postgres.urls import database_url
from meter_platform.settings import Settings
from meter_platform.warehouse import operations, roles
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.tables import RAW_METER_READINGS
from meter_platform_tests.backup.given_server import given_server, started
from meter_platform_tests.embedded_postgres.servers import eventually
from meter_platform_tests.warehouse import migrating

pytestmark = pytest.mark.whole

PASSWORD = "a b@c"  # noqa: S105 - of this test


@dataclass(frozen=True)
class Site:
    """A server with an archive, and a backup of it."""

    database: Database
    settings: Settings
    archive: Path
    backup: Backup

    def execute(self, statement: str) -> datetime:
        """Someone changes the database; returns a moment after it, before anything that comes later."""
        with self.database.connect(autocommit=True) as connection:
            connection.execute(statement.encode())
            time.sleep(0.01)
            ((now,),) = connection.execute("SELECT clock_timestamp()").fetchall()
        time.sleep(0.01)
        return now  # type: ignore[no-any-return] # the driver's

    def archive_now(self) -> None:
        """The server has all that was changed in its archive."""
        with self.database.connect(autocommit=True) as connection:
            ((name,),) = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchall()
        eventually((self.archive / name).exists)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A loaded database of a given server, roles and all, whose files were copied by the login that is for it."""
    place = Path(tempfile.mkdtemp(prefix="mp-"))
    archive = place / "it's an archive"
    archive.mkdir()
    try:
        with given_server(place / "home", archive) as url:
            database = Database(url)
            migrating.restore(migrating.RELEASED[0], database)
            database.create_tables(may_migrate=True)
            with database.connect() as data, Database(database_url(url, "dagster")).connect() as dagster:
                roles.set_up(data, dagster, {roles.BACKUP: PASSWORD})
            with database.connect(autocommit=True) as connection:
                ((command,),) = connection.execute("SHOW archive_command").fetchall()
                # In the file that is read last, where an operator's own settings are, and what an earlier recovery left.
                connection.execute(sql.SQL("ALTER SYSTEM SET archive_command = {}").format(command))
                connection.execute("ALTER SYSTEM SET archive_mode = on")
                connection.execute("ALTER SYSTEM SET recovery_target_time = '2021-01-01 00:00:00+00'")
            settings = Settings(
                home=place,
                postgres_url=url.replace("meter_platform@", "meter_backup:a%20b%40c@", 1),
                backup_folder=place / "backups",
                backup_wal=archive,
            )
            taken = take.take(settings)
            yield Site(database, settings.replace(postgres_url=url), archive, taken.backup)
    finally:
        shutil.rmtree(place)


def test_a_login_that_can_read_no_table_copies_the_files_and_notes_it(site: Site) -> None:
    assert site.backup.kind == "base"
    assert site.backup.manifest.superuser == "meter_platform"
    base.verify(site.backup.path, take.client_for(site.settings, site.database.url))
    with site.database.connect() as connection:
        done = operations.last(connection)["backup"]
    assert done.succeeded
    assert done.detail.startswith("base of Postgres 18.")
    assert PASSWORD not in (site.backup.path / "manifest.json").read_text()


def test_a_login_without_the_right_is_told_what_it_needs(site: Site, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="give it the attribute REPLICATION, and a line `hostssl replication`"):
        take.take(site.settings, into=tmp_path)
    assert folder.backups(tmp_path) == []


def test_the_drill_restores_the_copy_and_compares_it_with_what_is_stored(site: Site) -> None:
    site.execute("UPDATE raw_data.partition_versions SET version = version + 1000 WHERE table_name = 'raw_products'")

    proved = drill(site.settings, lambda connection: faults(connection, site.settings))

    with site.database.connect() as connection:
        ((places, other),) = connection.execute(
            "SELECT count(*) FILTER (WHERE version < 1000), count(*) FILTER (WHERE version >= 1000) "
            "FROM raw_data.partition_versions WHERE rows_stored > 0"
        ).fetchall()
        done = operations.last(connection)["restore_drill"]
    assert (proved.tables, proved.changed) == (places, other)
    assert proved.rows > 100
    assert done.succeeded
    assert done.detail == str(proved)
    assert not list(site.archive.glob("00000002*")), "it has archived what it did itself"


def test_the_drill_does_not_miss_readings_that_were_put_away_since(site: Site, tmp_path: Path) -> None:
    lake = Lake(LakeStore(str(tmp_path)))
    away = put_away(site.database, lake, lake.catch_up(site.database)[RAW_METER_READINGS])
    proved = drill(site.settings, lambda connection: faults(connection, site.settings))
    assert (len(away), proved.put_away) == (2, [])
    site.archive_now()
    proved = drill(site.settings, lambda connection: faults(connection, site.settings))
    assert proved.put_away == away
    assert str(proved).endswith(f"; the lake has the readings of 2 dates ({away[0]} to {away[1]})")
    have_in_postgres(site.database, away, lambda: lake)


def test_the_drill_finds_a_value_that_is_not_what_is_stored_and_accounts_that_do_not_add_up(site: Site) -> None:
    changed = "UPDATE raw_data.raw_meterpoints SET region = coalesce(region, '') || 'x'"
    back = "UPDATE raw_data.raw_meterpoints SET region = nullif(left(region, -1), '')"
    site.execute(changed)
    with pytest.raises(
        BrokenBackupError, match="What was restored is not what is stored: raw_meterpoints of 2021-10-3"
    ):
        drill(site.settings, lambda connection: faults(connection, site.settings))
    site.execute(back)

    site.execute("UPDATE raw_data.source_file_versions SET rows_in_file = rows_in_file + 1 WHERE source_file_id = 1")
    site.archive_now()
    with pytest.raises(BrokenBackupError, match=r"do not add up: \d files whose rows do not add up"):
        drill(site.settings, lambda connection: faults(connection, site.settings))
    site.execute("UPDATE raw_data.source_file_versions SET rows_in_file = rows_in_file - 1 WHERE source_file_id = 1")
    with site.database.connect() as connection:
        assert operations.last(connection)["restore_drill"].succeeded is False


def test_a_dropped_schema_is_there_again_as_it_was_just_before(site: Site) -> None:
    before = site.execute("CREATE SCHEMA reports; CREATE TABLE reports.monthly AS SELECT 77 AS kwh")
    site.execute("DROP SCHEMA reports CASCADE")
    site.archive_now()
    data = Path(tempfile.mkdtemp(prefix="mp-")) / "data"
    try:
        recovery.lay_out(site.backup, data, archive=site.archive, until=before)
        with started(data, "meter_platform") as url, Database(url).connect() as connection:
            assert connection.execute("SELECT kwh FROM reports.monthly").fetchall() == [(77,)]
            assert connection.execute("SELECT count(*) > 100 FROM raw_data.raw_meter_readings").fetchall() == [(True,)]
            connection.execute("DELETE FROM reports.monthly")  # it takes writes
    finally:
        shutil.rmtree(data.parent)
    with site.database.connect() as connection:
        assert connection.execute("SELECT to_regnamespace('reports')").fetchall() == [(None,)]


# What is refused, and what is cleared away


def test_nothing_is_laid_out_over_anything_or_for_a_moment_out_of_reach(site: Site, tmp_path: Path) -> None:
    taken = site.backup.taken_at
    full = tmp_path / "full"
    full.mkdir()
    (full / "file").touch()
    for into, archive, until, said in (
        (full, site.archive, None, "is not empty, and nothing is overwritten"),
        (tmp_path / "new", None, taken + timedelta(hours=1), "Without an archive of changes"),
        (tmp_path / "new", tmp_path / "none", None, "There is no archive of changes in"),
        (tmp_path / "new", site.archive, taken - timedelta(seconds=1), "begins after .*: take an earlier backup"),
        (tmp_path / "new", site.archive, datetime(2099, 1, 1), "has no zone: write it as"),  # noqa: DTZ001 - which is the test
    ):
        with pytest.raises(BackupError, match=said):
            recovery.lay_out(site.backup, into, archive=archive, until=until)
    assert not (tmp_path / "new").exists()
    dump = Backup(datetime(2021, 11, 5, tzinfo=UTC), "dump", tmp_path)
    with pytest.raises(BackupError, match="is a dump, of one moment"):
        recovery.lay_out(dump, tmp_path / "new", archive=None)


def test_files_that_have_changed_are_laid_out_nowhere(site: Site, tmp_path: Path) -> None:
    copy = folder.backup_at(shutil.copytree(site.backup.path, tmp_path / "copy"))
    with (copy.path / base.FILES / "PG_VERSION").open("a") as file:
        file.write("1")
    with pytest.raises(BrokenBackupError, match="data/PG_VERSION has changed"):
        recovery.lay_out(copy, tmp_path / "new", archive=None)
    with pytest.raises(BrokenBackupError, match="is not what the server sent"):
        base.verify(copy.path, take.client_for(site.settings, site.database.url))
    (copy.path / base.FILES / "backup_label").write_text("?")
    with pytest.raises(BrokenBackupError, match="does not say where it begins"):
        base.first_segment(copy.path)


def test_changes_that_no_backup_needs_go_from_the_archive(site: Site, tmp_path: Path) -> None:
    first = base.first_segment(site.backup.path)
    for name in (f"{int(first, 16) - 1:024X}", first, f"{int(first, 16) + 1:024X}"):
        (tmp_path / name).touch()

    base.clean_archive(tmp_path, site.backup, take.client_for(site.settings, site.database.url))

    assert sorted(path.name for path in tmp_path.iterdir()) == [first, f"{int(first, 16) + 1:024X}"]
