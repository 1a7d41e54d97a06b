"""Runs the client programs of Postgres that backups are made of: `pg_dump`, `pg_restore`, `pg_basebackup` and their like.

What belongs here: how they are told where the server is without showing a password, and what their refusals mean. What
does not: looking for them (`embedded_postgres/client_programs.py`), and what they are asked for.
"""

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from meter_platform.backup.errors import BackupError
from meter_platform.embedded_postgres.client_programs import find_client
from meter_platform.errors import MeterPlatformError, ServerUnavailableError
from meter_platform.postgres.connecting import CONNECT_SECONDS
from meter_platform.redaction import redact, redact_text

_END_SECONDS: Final = 10
"""How long a program has to end that was asked to."""

_REFUSALS: Final = (
    (
        r"pg_hba\.conf (entry for|rejects) replication|permission denied to start WAL sender|must be .*replication role",
        BackupError,
        (
            "{server} does not let this login copy its files: give it the attribute REPLICATION, and a line `hostssl "
            "replication` in pg_hba.conf (`meter-platform migrate --roles` makes the login meter_backup); or take a dump "
            "(--kind dump)."
        ),
    ),
    (
        r"no pg_hba\.conf entry .*no encryption|SSL support is not compiled in|server does not support SSL",
        BackupError,
        (
            "{server} and {program} do not agree about TLS: use a {program} that is built with it (the wheel's is not) by "
            "METER_PLATFORM_PG_BIN, or sslmode=disable where the server allows it."
        ),
    ),
    (
        r"wal_level|max_wal_senders|number of requested standby connections",
        BackupError,
        (
            "{server} cannot have its files copied while it runs: it needs wal_level = replica and max_wal_senders of 4 or "
            "more; or take a dump (--kind dump)."
        ),
    ),
    (r"No space left on device", BackupError, "The disk is full: make room for the backup, or name another folder."),
    (
        r"could not connect|connection to server .* failed|terminating connection|closed the connection",
        ServerUnavailableError,
        "{program} could not talk to {server}: {words}",
    ),
)
"""What a program says, what that is, and what to do about it."""

_LAST_LINES: Final = 3


@dataclass(frozen=True, slots=True)
class Client:
    """The client programs to use for a server.

    Attributes:
        url: libpq URL of a database on it; may hold a password.
        pg_bin: the folder that a user named, if any (`Settings.pg_bin`).
        oldest_major: the server's major version, where the programs must not be older than it.
        keep_open: file descriptors that programs inherit: a lock that is theirs as long as they live.
    """

    url: str
    pg_bin: Path | None = None
    oldest_major: int = 0
    keep_open: Sequence[int] = ()

    def __repr__(self) -> str:
        return f"Client({redact(self.url)})"

    def at(self, url: str) -> "Client":
        """The same programs for another database."""
        return Client(url, self.pg_bin, self.oldest_major, self.keep_open)

    def start(self, program: str, *arguments: str | Path, connected: bool = True) -> "Running":
        """Begins to run a program.

        Args:
            program: by name.
            arguments: what it is given.
            connected: it is told where the server is.

        Raises:
            ServerSetupError: there is no such program, or none that can talk to the server.
        """
        path = find_client(program, self.url, pg_bin=self.pg_bin, oldest_major=self.oldest_major)
        parameters = {"connect_timeout": CONNECT_SECONDS} | conninfo_to_dict(self.url)
        # The arguments of a process can be read by everyone on the machine, its environment cannot.
        password = parameters.pop("password", None)
        environment = {**os.environ, "LC_ALL": "C", **({"PGPASSWORD": str(password)} if password else {})}
        where = [f"--dbname={make_conninfo('', **parameters)}", "--no-password"] if connected else []
        process = subprocess.Popen(  # noqa: S603 - Postgres's own program
            [path, *where, *map(str, arguments)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            pass_fds=self.keep_open,
        )
        return Running(process, program, self.url)

    def run(self, program: str, *arguments: str | Path, connected: bool = True) -> str:
        """Runs a program to its end, and returns what it printed.

        Raises:
            BackupError, ServerUnavailableError: it failed; the message says what to do.
            ServerSetupError: see `start`.
        """
        with self.start(program, *arguments, connected=connected) as running:
            return running.output()


@dataclass(frozen=True, slots=True)
class Running:
    """A program that runs; it is ended where the block that it runs in ends early."""

    process: "subprocess.Popen[str]"
    program: str
    url: str

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.communicate(timeout=_END_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.communicate()

    def output(self) -> str:
        """Waits for its end, and returns what it printed.

        Raises:
            BackupError, ServerUnavailableError: it failed.
        """
        printed, said = self.process.communicate()
        if self.process.returncode:
            raise refusal(self.program, said, self.url)
        return printed


def refusal(program: str, said: str, url: str) -> MeterPlatformError:
    """The platform's error for what a program said before it failed.

    Args:
        program: by name.
        said: its messages. Of unknown ones the last lines are shown; they name tables and files, and no data.
        url: of the server, whose secrets are hidden.
    """
    lines = [line for line in redact_text(said, url).splitlines() if line.strip()]
    words = "; ".join(lines[-_LAST_LINES:]) or "it said nothing"
    for pattern, kind, sentence in _REFUSALS:
        if re.search(pattern, said, re.IGNORECASE):
            return kind(sentence.format(server=redact(url), program=program, words=words))
    return BackupError(f"{program} failed: {words}")
