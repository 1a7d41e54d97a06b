"""A loaded pair of databases on the session's server, and a dump of it: what most tests of backups begin with."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from meter_platform.backup import dump, folder
from meter_platform.backup.client import Client
from meter_platform.backup.folder import Backup
from meter_platform.embedded_postgres import server
from meter_platform.warehouse.database import Database
from meter_platform_tests.warehouse import migrating

TAKEN = datetime(2021, 11, 5, 7, tzinfo=UTC)


@dataclass(frozen=True)
class Pair:
    """The platform's database and Dagster's."""

    data: Database
    dagster: Database

    @property
    def urls(self) -> dict[str, str]:
        return {dump.DAGSTER: self.dagster.url, dump.DATA: self.data.url}

    def execute(self, statement: str) -> None:
        """Someone changes the platform's database."""
        with self.data.connect() as connection:
            connection.execute(statement.encode())

    def take(self, into: Path, at: datetime = TAKEN) -> Backup:
        """A dump of both."""
        client = Client(self.data.url)
        with folder.exclusively(into):
            return folder.make(into, "dump", at, lambda place: dump.take(place, self.urls, client, at))


@pytest.fixture(scope="module")
def pair(home: Path) -> Iterator[Pair]:
    """Two loaded dates, and some runs."""
    with migrating.empty_databases(Database(server.ensure_running(home)), "kept", "kept_dagster") as opened:
        data, dagster = opened
        migrating.restore(migrating.RELEASED[0], data)
        data.create_tables(may_migrate=True)
        with dagster.connect() as connection:
            connection.execute(
                "CREATE TABLE runs AS SELECT n AS id, 'SUCCESS' AS status FROM generate_series(1, 3) AS n"
            )
            connection.execute("CREATE TABLE event_logs (id bigint PRIMARY KEY, event text)")
        yield Pair(data, dagster)


@pytest.fixture(scope="module")
def backup(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Backup:
    """A dump of the pair as it is at first. A test that changes it makes a copy."""
    return pair.take(tmp_path_factory.mktemp("backups"))
