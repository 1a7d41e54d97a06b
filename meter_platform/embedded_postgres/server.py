"""The embedded server: started when it is first needed, shared by every process, stopped only on request.

What belongs here: starting, stopping and looking at the one server of a home, whatever state the last one left it in.
What does not: whether this server is used at all (the caller decides), connections for work, and tables.

Two advisory locks carry everything, because the kernel drops them with the process, however it ends:

- `lock` is held by whoever starts or stops the server, for as long as that takes.
- `alive` is handed down to the server itself: the postmaster and all it forks hold it by inheritance. Whoever gets this
  lock knows that no process of the server lives, not even an orphan of a postmaster that was killed, nor one in another
  container. Only then is anything cleared away, and only with it is a server started: a data directory can never have
  two.
"""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from meter_platform.embedded_postgres import accounts, configuration, names, processes, programs
from meter_platform.embedded_postgres.accounts import Account
from meter_platform.embedded_postgres.cluster import Cluster
from meter_platform.embedded_postgres.programs import find_binaries
from meter_platform.errors import ServerSetupError, ServerUnavailableError
from meter_platform.postgres.connecting import OLDEST_MAJOR, start_again_with
from meter_platform.postgres.urls import database_url

START_SECONDS: Final = 600
"""A server that was killed replays up to 8 GB of log before it answers."""

STOP_SECONDS: Final = 120
"""A server that is stopped writes what is in its memory to disk first."""

KILL_SECONDS: Final = 10
"""How long a process has to obey SIGQUIT or SIGKILL."""

PATIENCE_SECONDS: Final = 30
"""How long a server is waited for that refuses connections, as it does while it recovers from the crash of one of them."""

_ANSWER_SECONDS: Final = 5
"""A bound for a server on the same machine, which answers in milliseconds if it answers at all."""

_POLL_SECONDS: Final = 0.01

_BUILTIN_LOCALES: Final = 17
"""The first major version that brings a locale of its own, which no update of the system's libraries changes."""

_IN_BACKGROUND: Final = '"$@" >&2 & echo $!'
"""Starts a command in the background and prints its process id. Of our files the command has only stderr, which is the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatus:
    """What is known of a home's server.

    Attributes:
        running: it answers.
        version: of the running server, such as `18.4`; else the major version of its data; `None` without data.
        data_directory: where its data is, or will be.
        pid: its postmaster, also while it starts or stops.
        url: of the data database, if it runs.
        log: what it printed.
    """

    running: bool
    version: str | None
    data_directory: Path
    pid: int | None
    url: str | None
    log: Path


def ensure_running(home: Path, *, pg_bin: Path | None = None) -> str:
    """Start the embedded server of `home` unless it runs.

    Any number of processes may call this at once. Takes a few milliseconds when the server runs, about a second for
    the very first start, and as long as recovery takes after a crash. A process that has called it starts the server
    again whenever a connection finds that it was killed; one that was stopped on request stays stopped until the next
    call.

    Args:
        home: the folder that the server's files are in, below `postgres/` (`Settings.home`); created if it does not
            exist.
        pg_bin: the folder with the programs of Postgres, if it is to be these (`Settings.pg_bin`); else they are looked
            for. A server that runs already goes on with those that it was started with.

    Returns:
        The libpq URL of the data database. Use `postgres.urls.database_url` for another one.

    Raises:
        ServerSetupError: it cannot run here, or not on this data; the message says what to do.
        ServerUnavailableError: it runs, but does not answer (yet).
    """
    with _explaining_refusals(home):
        cluster = Cluster.of(home)
        url = _url(cluster)
        if url is not None and _answer(url) is not None:
            cluster.trim_log()
        else:
            cluster.base.mkdir(parents=True, mode=0o700, exist_ok=True)
            with cluster.exclusively():
                url = _start_unless_running(Cluster.of(home), pg_bin)
        start_again_with(str(conninfo_to_dict(url)["host"]), partial(_start_where_killed, home, pg_bin))
        return url


def _start_where_killed(home: Path, pg_bin: Path | None) -> None:
    """Starts the server where it did not end by itself: it has left the file that names its postmaster behind."""
    cluster = Cluster.of(home)
    if cluster.was_killed:
        ensure_running(home, pg_bin=pg_bin)


def stop(home: Path) -> bool:
    """Stop the embedded server of `home`, and make sure that nothing of it is left behind.

    Open transactions are rolled back and clients are disconnected; what was committed is on disk.

    Returns:
        Whether any process of it was alive.

    Raises:
        ServerUnavailableError: its processes are out of reach: they run in another container.
    """
    with _explaining_refusals(home):
        if not Cluster.of(home).base.exists():
            return False
        with Cluster.of(home).exclusively():
            cluster = Cluster.of(home)
            sockets = processes.recorded_socket_directory(cluster.data)
            with cluster.nobody_alive() as alive:
                running = alive is None
            if running:
                _end(cluster)
            with _ready_or_nobody_alive(cluster) as alive:
                if alive is None:
                    raise ServerUnavailableError(f"The embedded Postgres in {cluster.place} does not stop.")
                cluster.clear(sockets)
            return running


def status(home: Path) -> ServerStatus:
    """Look at the embedded server of `home`, without starting it or waiting for it."""
    with _explaining_refusals(home):
        cluster = Cluster.of(home)
        url, postmaster, major = _url(cluster), cluster.postmaster, cluster.major
    version = None if url is None else _answer(url)
    return ServerStatus(
        running=version is not None,
        version=version or (None if major is None else str(major)),
        data_directory=cluster.data,
        pid=None if postmaster is None else postmaster.pid,
        url=None if version is None else url,
        log=cluster.log,
    )


def _url(cluster: Cluster) -> str | None:
    """The URL of the data database; `None` if there is no socket to connect to."""
    folder = cluster.socket_directory
    if folder is None:
        return None
    # The path needs no encoding, see `Cluster`. The port is named because PGPORT would decide it otherwise.
    return f"postgresql://{names.SUPERUSER}@/{names.DATA_DATABASE}?host={folder}&port={configuration.PORT}"


def _start_unless_running(cluster: Cluster, pg_bin: Path | None) -> str:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        with _ready_or_nobody_alive(cluster) as alive:
            if alive is not None:
                cluster = _start(cluster, alive, pg_bin)
        url = _url(cluster)
        try:
            if url is not None:
                _create_databases(url)
                return url
        except psycopg.OperationalError as error:
            # One of its processes was killed, and it recovers; or it was killed itself just now.
            if time.monotonic() > deadline:
                raise ServerUnavailableError(f"The embedded Postgres runs, but refuses connections: {error}") from error
        if url is None and cluster.postmaster is not None:
            raise ServerUnavailableError(
                f"The embedded Postgres in {cluster.place} runs, but its socket was removed: stop it, then start it again."
            )
        time.sleep(_POLL_SECONDS)


def _start(cluster: Cluster, alive: int, pg_bin: Path | None) -> Cluster:
    """Start a server of which nothing lives, and return once it is ready, and where it is."""
    _end_server_of_deleted_home(cluster)
    cluster.clear(processes.recorded_socket_directory(cluster.data))
    binaries = _binaries(cluster, pg_bin)
    account, place = accounts.choose(cluster.base, place=cluster.place)
    cluster = cluster.moved(place)
    cluster.turn_log_over()
    binaries = accounts.reachable(binaries, version=programs.version(binaries), account=account)
    for leftover in place.glob("initialising-*"):
        # Someone was killed here. An initdb of theirs that still writes finds its folder gone and gives up.
        if leftover.is_symlink():
            leftover.unlink()
        else:
            shutil.rmtree(leftover, ignore_errors=True)
    with os.fdopen(cluster.open_log(account), "ab") as log:
        if cluster.major is None:
            _initialise(cluster, account, binaries, log)
        _configure(cluster, account, binaries)
        launched = account.run(
            ["/bin/sh", "-c", _IN_BACKGROUND, "sh", binaries / "postgres", "-D", cluster.data],
            cwd=place,
            stderr=log,
            keep_open=[alive],
        )
    if launched.returncode != 0:
        raise cluster.failure("could not be started")
    _wait_until_ready(cluster, pid=int(launched.stdout))
    return cluster


def _binaries(cluster: Cluster, pg_bin: Path | None) -> Path:
    """Programs that fit the data, if there is any."""
    major = cluster.major
    try:
        return find_binaries(pg_bin, major=major)
    except ServerSetupError:
        if major is None:
            raise
        found = programs.version(find_binaries(pg_bin))
        if major < OLDEST_MAJOR:
            raise ServerSetupError(
                f"The data in {cluster.data} was written by Postgres {major}, and the platform needs {OLDEST_MAJOR} or newer: "
                f"write it out with the pg_dump of Postgres {major} and restore it into a new home; or, if the data can be "
                "loaded again, move that folder away."
            ) from None
        raise ServerSetupError(
            f"The data in {cluster.data} was written by Postgres {major}, but the programs found here are Postgres "
            f"{found}, which cannot read it. Install Postgres {major} or name its bin folder in "
            f"{names.PROGRAMS_SETTING}; or, if the data can be loaded again, move that folder away."
        ) from None


def _initialise(cluster: Cluster, account: Account, binaries: Path, log: IO[bytes]) -> None:
    """Create the data directory: whole, or not at all."""
    fresh = account.make_folder(cluster.place, "initialising-")
    if programs.major_version(binaries) >= _BUILTIN_LOCALES:
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    else:
        locale = ["--locale=C"]
    result = account.run(
        [
            binaries / "initdb",
            f"--pgdata={fresh}",
            f"--username={names.SUPERUSER}",
            # Whoever reaches the socket is trusted, and it is in a folder that only the server's owner can enter. That
            # is the same circle of people who could read the files, and a password beside them would not narrow it.
            "--auth=trust",
            "--encoding=UTF8",
            # Text sorts by code point: fast, and the same on every machine.
            *locale,
            # Halves the time. Who loses power in the first minute starts with an empty one again.
            "--no-sync",
        ],
        cwd=cluster.place,
    )
    if result.returncode != 0:
        log.write(result.stdout + result.stderr)
        log.flush()
        shutil.rmtree(fresh, ignore_errors=True)
        raise cluster.failure("could not be initialised")
    account.write(fresh / "postgresql.conf", configuration.INCLUDE, append=True)
    fresh.rename(cluster.data)


def _configure(cluster: Cluster, account: Account, binaries: Path) -> None:
    """Write the platform's settings beside the data."""
    # What a build supports only the build knows. Asked without our file, which may be of another version.
    asked: list[str | Path] = [binaries / "postgres", "-D", cluster.data, "-c", "config_file=/dev/null"]
    lz4 = account.run([*asked, "-c", "wal_compression=lz4", "-C", "wal_compression"], cwd=cluster.place).returncode == 0
    text = configuration.configuration(
        machine=configuration.measure(cluster.data),
        socket_directory=cluster.make_socket_directory(account),
        cluster_name=processes.cluster_name(cluster.data),
        wal_compression="lz4" if lz4 else "off",
    )
    account.write(cluster.data / names.CONFIGURATION_FILE, text)


def _wait_until_ready(cluster: Cluster, *, pid: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while (postmaster := cluster.postmaster) is None or not postmaster.ready:
        if not processes.is_alive(pid):
            raise cluster.failure("did not start")
        if time.monotonic() > deadline:
            raise ServerUnavailableError(
                f"The embedded Postgres has not finished its recovery after {START_SECONDS} s: see {cluster.log}."
            )
        time.sleep(_POLL_SECONDS)


@contextmanager
def _ready_or_nobody_alive(cluster: Cluster) -> Iterator[int | None]:
    """Wait until the server is ready (`None`), or until none of its processes lives (the lock that says so).

    Processes that a dead postmaster left behind are ended.
    """
    begun = time.monotonic()
    while True:
        # In this order: a server that has children had its postmaster before them.
        children = processes.children(cluster.data)
        postmaster = cluster.postmaster
        waited = time.monotonic() - begun
        if postmaster is None:
            with cluster.nobody_alive() as alive:
                if alive is not None:
                    yield alive
                    return
            if waited > 2 * KILL_SECONDS:
                raise ServerUnavailableError(
                    f"Processes that cannot be seen from here use {cluster.data}: it is in use by another container or "
                    "another machine. Stop them there."
                )
            # Orphans that wait for a client, or still compute. SIGQUIT is what their postmaster would have sent them: they
            # end at once, and the next start recovers.
            for pid in children:
                _send(pid, signal.SIGQUIT if waited < KILL_SECONDS else signal.SIGKILL)
        elif postmaster.ready:
            yield None
            return
        elif waited > START_SECONDS:
            raise ServerUnavailableError(
                f"The embedded Postgres (process {postmaster.pid}) does not become ready: see {cluster.log}."
            )
        time.sleep(_POLL_SECONDS)


def _end_server_of_deleted_home(cluster: Cluster) -> None:
    """End a server whose home was deleted while it ran: when it notices, within a minute, it removes its socket by name.

    By then that is the socket of the server that is started now.
    """
    begun = time.monotonic()
    while pids := processes.of_deleted_folder(cluster.data):
        waited = time.monotonic() - begun
        if waited > 2 * KILL_SECONDS:
            return  # not ours to end
        for pid in pids:
            _send(pid, signal.SIGQUIT if waited < KILL_SECONDS else signal.SIGKILL)
        time.sleep(_POLL_SECONDS)


def _end(cluster: Cluster) -> None:
    """Ask the postmaster to shut down, more firmly each time."""
    for number, seconds in (
        (signal.SIGINT, STOP_SECONDS),  # disconnects clients, writes a checkpoint
        (signal.SIGQUIT, KILL_SECONDS),  # leaves recovery to the next start
        (signal.SIGKILL, KILL_SECONDS),
    ):
        postmaster = cluster.postmaster
        if postmaster is None:
            return
        _send(postmaster.pid, number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and processes.is_postmaster(postmaster.pid, cluster.data):
            time.sleep(_POLL_SECONDS)


def _send(pid: int, number: signal.Signals) -> None:
    # Not permitted: a process of another account that has the same title. The lock tells whether ours are gone.
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _create_databases(url: str) -> None:
    """Create what is absent of the two databases."""
    with psycopg.connect(database_url(url, "postgres"), autocommit=True, connect_timeout=_ANSWER_SECONDS) as connection:
        present = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
        # The data database last: who can connect to it, as a warm start does, knows that both are there.
        for name in (names.DAGSTER_DATABASE, names.DATA_DATABASE):
            if name not in present:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        if names.DAGSTER_DATABASE not in present:
            connection.execute(
                sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(sql.Identifier(names.DAGSTER_DATABASE))
            )


def _answer(url: str) -> str | None:
    """The version of the server that answers at `url`; `None` if none does."""
    try:
        with psycopg.connect(url, connect_timeout=_ANSWER_SECONDS) as connection:
            return (connection.info.parameter_status("server_version") or "").split()[0]
    except psycopg.OperationalError:
        return None


@contextmanager
def _explaining_refusals(home: Path) -> Iterator[None]:
    """Turn what the operating system says about the files of a server into a `ServerSetupError`."""
    try:
        yield
    except OSError as error:
        base = home.absolute() / "postgres"
        with suppress(OSError):
            owner = base.stat().st_uid
            if isinstance(error, PermissionError) and owner != os.geteuid():
                raise ServerSetupError(
                    f"{base} belongs to user id {owner}, and this process runs as {os.geteuid()}: run as that user, or "
                    f"set {names.HOME_SETTING} to a folder of your own."
                ) from error
        raise ServerSetupError(f"The embedded Postgres in {base} cannot be used: {error}.") from error
