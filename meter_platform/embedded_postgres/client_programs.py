"""Which client program of Postgres (`psql`, `pg_dump`, …) can talk to a server.

What belongs here: looking for one that is new enough and has TLS where the server's URL needs it. What does not: running
it, and the server's own programs (`programs.py`).

The programs of the wheels are built without TLS: on this machine's socket they do, for a server that requires TLS they
cannot. libpq, which they share with every other program in their folder, refuses `sslmode=require` before it looks for
a server: so one can be asked.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from psycopg.conninfo import conninfo_to_dict

from meter_platform.embedded_postgres import names, programs
from meter_platform.errors import ServerSetupError

_TLS_MODES: Final = {"require", "verify-ca", "verify-full"}
"""`sslmode` with which libpq connects by TLS or not at all."""

_WITHOUT_TLS: Final = "disable"

_ASKED: Final = ("psql", "pg_dump")
"""Programs that look at `PGSSLMODE` before anything else."""

_NOWHERE: Final = {"PGHOST": "/nonexistent", "PGSSLMODE": "require", "PGCONNECT_TIMEOUT": "1", "LC_ALL": "C"}
_NOT_COMPILED_IN: Final = "SSL support is not compiled in"


def find_client(program: str, url: str, *, pg_bin: Path | None = None, oldest_major: int = 0) -> Path:
    """The program to use for a server: of those that can, the first in the order of `programs.folders`.

    Where the URL leaves TLS open, as it does unless it says otherwise, one that has TLS is preferred.

    Args:
        program: by name, such as `pg_dump`.
        url: libpq URL of the server.
        pg_bin: the folder that a user named, if any (`Settings.pg_bin`): then nothing else is looked at.
        oldest_major: the oldest major version that will do: `pg_dump` reads no server that is newer than itself.

    Raises:
        ServerSetupError: there is none; it says which one is needed.
    """
    tls = _tls(url)
    found = [path for path in _installed(program, pg_bin) if not oldest_major or _major(path) >= oldest_major]
    able = [path for path in found if tls == _WITHOUT_TLS or has_tls(path.parent)]
    if able or (found and tls not in _TLS_MODES):
        return (able or found)[0]
    wanted = f"{program} of Postgres {oldest_major} or newer" if oldest_major else program
    if tls in _TLS_MODES:
        wanted += " with TLS"
    lacking = f" (built without TLS, and sslmode={tls} needs it: {', '.join(map(str, found))})" if found else ""
    where = f"in {names.PROGRAMS_SETTING}={pg_bin}" if pg_bin else "on this machine"
    raise ServerSetupError(
        f"There is no {wanted} {where}{lacking}: install a client of Postgres, as the package postgresql-client has it, "
        f"or name the folder of its programs in {names.PROGRAMS_SETTING}."
    )


@cache
def has_tls(folder: Path) -> bool:
    """Whether the programs in a folder can talk TLS. Starts one of them, which takes some milliseconds."""
    for name in _ASKED:
        if os.access(folder / name, os.X_OK):
            said = subprocess.run(  # noqa: S603 - a program that is going to be run anyway
                [folder / name, "--no-password", "--dbname=none"],
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **_NOWHERE},
                check=False,
            )
            return _NOT_COMPILED_IN not in said.stderr
    return False


def _tls(url: str) -> str:
    """The URL's `sslmode`. On a socket of this machine there is no TLS, whatever it says."""
    parameters = conninfo_to_dict(url)
    host = str(parameters.get("hostaddr") or parameters.get("host") or os.environ.get("PGHOST", ""))
    if not host or host.startswith(("/", "@")):
        return _WITHOUT_TLS
    return str(parameters.get("sslmode") or os.environ.get("PGSSLMODE", "prefer"))


def _installed(program: str, pg_bin: Path | None) -> Iterator[Path]:
    for folder in dict.fromkeys([pg_bin] if pg_bin else programs.folders()):
        if os.access(folder / program, os.X_OK):
            yield folder / program


@cache
def _major(path: Path) -> int:
    """The major version of a client program; 0 where it does not run."""
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603 - as above
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.search(r"\(PostgreSQL\) (\d+)", said)
    return int(found[1]) if found else 0
