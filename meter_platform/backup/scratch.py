"""A server that exists for one restore drill: made, started, looked at, and gone without a trace.

What belongs here: both ways to have one: empty, and from the files of another server. What does not: what is looked at.

It listens on a socket in a folder of its own, which only its owner can enter, and never on the network.
"""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from meter_platform.backup import recovery
from meter_platform.backup.errors import BrokenBackupError
from meter_platform.backup.folder import Backup
from meter_platform.embedded_postgres import accounts, programs, server
from meter_platform.embedded_postgres.configuration import PORT
from meter_platform.postgres import connecting

_PREFIX: Final = "mp-drill-"

_POLL_SECONDS: Final = 0.1

_CONFIGURATION: Final = """\
listen_addresses = ''
port = {port}
unix_socket_directories = '{place}'
hba_file = '{place}/hba.conf'
ident_file = '{place}/ident.conf'
hot_standby = off
archive_mode = off
archive_command = ''
primary_conninfo = ''
shared_preload_libraries = ''
ssl = off
logging_collector = off
huge_pages = off
fsync = off
autovacuum = off
shared_buffers = '128MB'
max_locks_per_transaction = 512
"""
"""In the place of the other server's: the machine may be another, and nothing of the drill may reach its archive."""


@contextmanager
def empty(pg_bin: Path | None) -> Iterator[str]:
    """An embedded server with both databases, empty.

    Args:
        pg_bin: the folder with the programs of Postgres, if it is to be these.

    Yields:
        The URL of its data database.
    """
    with _folder() as home:
        try:
            yield server.ensure_running(home, pg_bin=pg_bin)
        finally:
            server.stop(home)


@contextmanager
def recovered(backup: Backup, *, archive: Path | None, database: str, pg_bin: Path | None) -> Iterator[str]:
    """A server from the files of another, after it has played back every change that is archived.

    Args:
        backup: of a whole server.
        archive: the folder of its changes, if there is one.
        database: the name of the platform's database in it.
        pg_bin: the folder with the programs of Postgres, if it is to be these. Their major version is the backup's.

    Yields:
        The URL of the platform's database.

    Raises:
        BrokenBackupError: it does not start.
    """
    said = backup.manifest
    binaries = programs.find_binaries(pg_bin, major=said.server_major)
    with _folder() as folder:
        place = folder / "server"
        data = place / "data"
        place.mkdir(mode=0o700)
        recovery.lay_out(backup, data, archive=archive)
        account, place = accounts.choose(place, place=place)
        binaries = accounts.reachable(binaries, version=programs.version(binaries), account=account)
        (data / "postgresql.conf").write_text("", encoding="utf-8")
        with (data / recovery.LAST_READ).open("a", encoding="utf-8") as settings:
            settings.write(_CONFIGURATION.format(port=PORT, place=place))
        account.write(place / "hba.conf", "local all all trust\n")
        account.write(place / "ident.conf", "")
        url = f"postgresql://{said.superuser}@/{database}?host={place}&port={PORT}"
        control = _Control(account, binaries / "pg_ctl", data, place / "log")
        try:
            control.start(url)
            yield url
        finally:
            control.stop()


@dataclass(frozen=True, slots=True)
class _Control:
    """Starts and stops a server by `pg_ctl`.

    Attributes:
        account: that it runs as.
        program: `pg_ctl`.
        data: its files.
        log: what it prints.
    """

    account: accounts.Account
    program: Path
    data: Path
    log: Path

    def start(self, url: str) -> None:
        """Starts it, and waits until it has played back all changes and lets us in.

        Raises:
            BrokenBackupError: it ends instead.
        """
        self._run("start", f"--log={self.log}")
        while True:
            try:
                connecting.connect_once(url).close()
            except psycopg.OperationalError:
                if self._run("status").returncode:
                    raise BrokenBackupError(
                        f"The server does not start from the backup: {_end_of(self.log)}."
                    ) from None
                time.sleep(_POLL_SECONDS)
            else:
                return

    def stop(self) -> None:
        """Stops it, if it runs; nothing of it is needed any more."""
        self._run("stop", "--mode=immediate")

    def _run(self, what: str, *options: str) -> subprocess.CompletedProcess[bytes]:
        return self.account.run([self.program, what, f"--pgdata={self.data}", *options], cwd=self.log.parent)


@contextmanager
def _folder() -> Iterator[Path]:
    # A short path, for a socket's has a limit.
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _end_of(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    fatal = [line for line in lines if "FATAL" in line or "PANIC" in line]
    return (fatal or lines or ["it said nothing"])[-1]
