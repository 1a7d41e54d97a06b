"""A server as a site has it: with an archive of changes, passwords, and roles. It is the wheel's Postgres, otherwise set up.

What belongs here: starting it, and starting one on files that were laid out. What does not: what a test expects.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg

from meter_platform.embedded_postgres import accounts, programs, server
from meter_platform_tests.embedded_postgres.servers import eventually

_SETTINGS: Final = """
wal_level = replica
max_wal_senders = 4
archive_mode = on
archive_command = 'cp "%p" "{archive}/%f"'
"""

_WHO_MAY_CONNECT: Final = """
local all meter_backup scram-sha-256
local replication meter_backup scram-sha-256
local replication all reject
local all all trust
"""


@contextmanager
def given_server(home: Path, archive: Path) -> Iterator[str]:
    """A running server that archives its changes, by the URL of its superuser, in an empty home.

    Its login `meter_backup` needs a password; it can be connected to by nobody else for replication.
    """
    server.ensure_running(home)
    data = server.status(home).data_directory
    server.stop(home)
    with (data / "postgresql.conf").open("a") as file:
        file.write(_SETTINGS.format(archive=str(archive).replace("'", "''")))
    (data / "pg_hba.conf").write_text(_WHO_MAY_CONNECT)
    try:
        yield server.ensure_running(home)
    finally:
        server.stop(home)


@contextmanager
def started(data: Path, superuser: str) -> Iterator[str]:
    """A server on files that were laid out, once it takes writes, by the URL of its superuser."""
    account, place = accounts.choose(data.parent, place=data.parent)
    control = [programs.find_binaries() / "pg_ctl", f"--pgdata={data}", f"--log={place / 'log'}"]
    options = f"-c unix_socket_directories={place} -c archive_mode=off"
    account.run([*control, f"--options={options}", "start"], cwd=place)
    url = f"postgresql://{superuser}@/meter_platform?host={place}&port=5432"

    def takes_writes() -> bool:
        assert (data / "postmaster.pid").exists(), (place / "log").read_text()
        try:
            with psycopg.connect(url) as connection:
                return connection.execute("SELECT pg_is_in_recovery()").fetchall() == [(False,)]
        except psycopg.OperationalError:
            return False

    try:
        eventually(takes_writes)
        yield url
    finally:
        account.run([*control, "--mode=immediate", "stop"], cwd=place)
