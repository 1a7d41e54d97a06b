"""The files of one embedded server, and the locks that say who may touch them.

In `postgres/` of the home there are `data/`, the socket (unless its path would be too long), `server.log`,
the two locks, and, where root had to put data and socket elsewhere, `location`.

What belongs here: where each file is, making and removing it. What does not: processes (`processes.py`), and when a server
is started or stopped (`server.py`).
"""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from meter_platform.embedded_postgres import accounts, names, processes
from meter_platform.embedded_postgres.accounts import Account
from meter_platform.embedded_postgres.configuration import PORT
from meter_platform.errors import ServerSetupError

_SOCKET: Final = f".s.PGSQL.{PORT}"

_SOCKET_BYTES: Final = 100
"""A socket's path holds at most 107 bytes on Linux and 103 on macOS."""

_PLAIN_PATH: Final = re.compile(r"[A-Za-z0-9/._+=~-]+")
"""Paths that every driver reads alike inside a URL. A comma, for one, separates hosts."""

_LOG_BYTES: Final = 10 * 1024**2
"""The size of the log beyond which it is turned over: its end is kept beside it, as much as this, and it is emptied. Whoever
starts the server or asks for it does so; a sensor asks twice a minute."""

_COPY_BYTES: Final = 1024**2

_LINE_BYTES: Final = 1000
"""How much of a line of the log an error shows."""

_LOG_LINES: Final = 15
"""How much of the log an error shows: what Postgres has to say, and not the start before it."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The files of one server.

    Attributes:
        base: `postgres` in the home: locks and log.
        place: `base`, or where the account that the server runs as can reach: data and socket.
    """

    base: Path
    place: Path

    @classmethod
    def of(cls, home: Path) -> "Cluster":
        """The server of a home, which need not exist."""
        # Resolved, so that one home has one name whichever way it is reached.
        base = home.resolve() / "postgres"
        try:
            place = Path((base / "location").read_text(encoding="utf-8").strip())
        except FileNotFoundError:
            return cls(base, base)
        if not accounts.is_elsewhere(place, noted_in=base / "location"):
            raise ServerSetupError(
                f"{base / 'location'} names a folder where no servers are kept, or is not root's: remove that file."
            )
        return cls(base, place)

    def moved(self, place: Path) -> "Cluster":
        """The same server with data and socket in `place`, which is remembered."""
        location = self.base / "location"
        if place == self.base:
            location.unlink(missing_ok=True)
        else:
            accounts.replace(location, f"{place}\n")
        return Cluster(self.base, place)

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.place / "data"

    @property
    def log(self) -> Path:
        """What the server prints: never a statement, hence never a password."""
        return self.base / "server.log"

    @property
    def major(self) -> int | None:
        """The major version that the data is bound to; `None` while there is none."""
        try:
            return int((self.data / "PG_VERSION").read_text(encoding="utf-8").split(".")[0])
        except FileNotFoundError:
            return None

    @property
    def postmaster(self) -> processes.Postmaster | None:
        """The living head of the server."""
        return processes.postmaster(self.data)

    @property
    def was_killed(self) -> bool:
        """Whether the server ended without clearing up, as it does where it is killed or the machine is restarted."""
        return (self.data / "postmaster.pid").exists() and self.postmaster is None

    @property
    def socket_directory(self) -> Path | None:
        """The folder of the server's socket; `None` if there is no socket."""
        folder = self.place
        if not _is_short_and_plain(folder):
            # Which temporary folder it is depends on who started the server: only the server knows.
            postmaster = self.postmaster
            if postmaster is None:
                return None
            folder = Path(postmaster.socket_directory)
        return folder if (folder / _SOCKET).exists() else None

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """Hold `lock`: nobody else starts or stops this server. Waits for who does."""
        with self._locked("lock", fcntl.LOCK_EX):
            yield

    @contextmanager
    def nobody_alive(self) -> Iterator[int | None]:
        """Hold `alive`, given as its file descriptor, or `None` if any process of the server holds it."""
        with self._locked("alive", fcntl.LOCK_EX | fcntl.LOCK_NB) as descriptor:
            yield descriptor

    @contextmanager
    def _locked(self, name: str, operation: int) -> Iterator[int | None]:
        descriptor = accounts.open_file(self.base / name, os.O_RDWR)
        try:
            try:
                fcntl.flock(descriptor, operation)
            except BlockingIOError:
                yield None
            else:
                yield descriptor
        finally:
            # A copy of it that a server inherited stays locked.
            os.close(descriptor)

    def make_socket_directory(self, account: Account) -> Path:
        """The folder for the socket, which nobody but the server's owner can enter, without a socket in it.

        Only for a caller that holds `alive`.

        Raises:
            ServerSetupError: someone else made a folder of its name.
        """
        if _is_short_and_plain(self.place):
            return self.place
        uid, gid = account.owner
        name = f"{processes.cluster_name(self.data)}-{uid}"
        parents = [Path(tempfile.gettempdir()).resolve(), Path("/tmp").resolve()]  # noqa: S108 - ownership is verified
        folder = next((parent / name for parent in parents if _is_short_and_plain(parent / name)), parents[-1] / name)
        try:
            folder.mkdir(mode=0o700)
            os.chown(folder, uid, gid)
        except FileExistsError:
            found = folder.lstat()
            if folder.is_symlink() or found.st_uid != uid or found.st_mode & 0o077:
                raise ServerSetupError(
                    f"{folder} should be a folder of user id {uid} that nobody else can enter, but it is not: someone "
                    f"else made it. Remove it, or set {names.HOME_SETTING} to a shorter path."
                ) from None
            # Of a server whose home was deleted: it ends by itself, within a minute.
            _remove_socket(folder)
        return folder

    def clear(self, sockets: Path | None) -> None:
        """Remove what a server leaves behind that did not end by itself. Only for a caller that holds `alive`.

        Args:
            sockets: the folder that the server recorded as its socket's.
        """
        for folder in (self.base, self.place, self.data):
            accounts.refuse_link(folder)
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        _remove_socket(self.place)
        # A home that was copied while its server ran has recorded the other's folder.
        if sockets is not None and sockets.name.startswith(processes.cluster_name(self.data)) and sockets.exists():
            _remove_socket(sockets)
            sockets.rmdir()

    def open_log(self, account: Account) -> int:
        """The log's descriptor, for whoever appends to it; nobody else may read it."""
        descriptor = accounts.open_file(self.log, os.O_WRONLY | os.O_APPEND, owner=account.owner[0])
        os.fchmod(descriptor, 0o600)
        return descriptor

    def trim_log(self) -> None:
        """Turns the log over if it has grown beyond 10 MB; the server may go on writing to it.

        Lines that the server writes at that moment are lost. Does nothing while someone starts or stops the server.
        """
        try:
            if self.log.lstat().st_size <= _LOG_BYTES:
                return
        except FileNotFoundError:
            return
        with self._locked("lock", fcntl.LOCK_EX | fcntl.LOCK_NB) as descriptor:
            if descriptor is not None:
                self.turn_log_over()

    def turn_log_over(self) -> None:
        """`trim_log` for a caller that holds `lock`: the log's end is kept as `server.log.1`, and the log is empty."""
        log = os.fdopen(accounts.open_file(self.log, os.O_RDWR), "r+b")
        with log:
            size = os.fstat(log.fileno()).st_size
            if size <= _LOG_BYTES:
                return
            kept = self.log.with_name(f"{self.log.name}.1")
            kept.unlink(missing_ok=True)
            log.seek(size - _LOG_BYTES)
            with os.fdopen(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                shutil.copyfileobj(log, file, _COPY_BYTES)
            log.truncate(0)

    def failure(self, what: str) -> ServerSetupError:
        """An error that shows how the log ends."""
        with os.fdopen(accounts.open_file(self.log, os.O_RDWR), "rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - _LOG_LINES * _LINE_BYTES))
            text = log.read(_LOG_LINES * _LINE_BYTES).decode(errors="replace")
        lines = [line[:_LINE_BYTES] for line in text.splitlines()[-_LOG_LINES:]]
        return ServerSetupError("\n  ".join([f"The embedded Postgres {what}. {self.log} ends:", *lines]))


def _is_short_and_plain(folder: Path) -> bool:
    path = str(folder / _SOCKET)
    return len(path) <= _SOCKET_BYTES and _PLAIN_PATH.fullmatch(path) is not None


def _remove_socket(folder: Path) -> None:
    for name in (_SOCKET, f"{_SOCKET}.lock"):
        (folder / name).unlink(missing_ok=True)
