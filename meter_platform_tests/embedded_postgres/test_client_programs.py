"""Which client program is used for which server."""

from pathlib import Path
from typing import Final

import pytest

from meter_platform.embedded_postgres import programs
from meter_platform.embedded_postgres.client_programs import find_client, has_tls
from meter_platform.errors import ServerSetupError

SOCKET: Final = "postgresql://me@/meters?host=/run/postgresql&sslmode=require"
ANY: Final = "postgresql://me@db.example/meters"
PLAIN: Final = f"{ANY}?sslmode=disable"
TLS: Final = f"{ANY}?sslmode=verify-full"

WHEEL: Final = next(programs.folders())
"""The embedded server's own programs, which have no TLS."""


def installed(folder: Path, *names: str, major: int = 16) -> Path:
    """A folder with programs that have TLS, as a distribution's package puts them on a machine."""
    folder.mkdir(parents=True)
    for name in names:
        program = folder / name
        program.write_text(
            f'#!/bin/sh\ncase "$1" in\n--version) echo "{name} (PostgreSQL) {major}.3 (Debian {major}.3-1)";;\n'
            "*) echo 'connection to server on socket failed: No such file or directory' >&2; exit 2;;\nesac\n"
        )
        program.chmod(0o755)
    return folder


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of client programs with TLS, on a machine that has the wheel and this."""
    folder = installed(tmp_path / "16/bin", "psql", "pg_dump")
    monkeypatch.setattr(programs, "_SYSTEM", ((str(tmp_path), "*/bin"),))
    monkeypatch.setenv("PATH", "")
    return folder


def test_the_wheel_s_programs_have_no_tls_and_say_so() -> None:
    assert not has_tls(WHEEL)


def test_on_a_socket_and_without_tls_the_wheel_s_program_will_do(beside: Path) -> None:
    assert find_client("psql", SOCKET) == WHEEL / "psql"
    assert find_client("psql", PLAIN) == WHEEL / "psql"
    assert has_tls(beside)


def test_one_with_tls_is_used_where_the_url_needs_it_and_preferred_where_it_says_nothing(beside: Path) -> None:
    assert find_client("pg_dump", TLS) == beside / "pg_dump"
    assert find_client("pg_dump", ANY) == beside / "pg_dump"
    (beside / "pg_dump").unlink()
    assert find_client("pg_dump", ANY) == WHEEL / "pg_dump"


def test_where_none_has_tls_that_is_said_with_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(programs, "_SYSTEM", ())
    monkeypatch.setenv("PATH", "")

    with pytest.raises(
        ServerSetupError, match=r"no pg_dump with TLS on this machine \(built without TLS, and"
    ) as error:
        find_client("pg_dump", TLS)
    assert "sslmode=verify-full needs it" in str(error.value)
    assert "install a client of Postgres, as the package postgresql-client has it" in str(error.value)

    with pytest.raises(ServerSetupError, match=f"no psql with TLS in METER_PLATFORM_PG_BIN={WHEEL} "):
        find_client("psql", TLS, pg_bin=WHEEL)
    with pytest.raises(ServerSetupError, match=f"no psql in METER_PLATFORM_PG_BIN={tmp_path}: install"):
        find_client("psql", SOCKET, pg_bin=tmp_path)


def test_programs_that_are_older_than_the_server_are_passed_over(beside: Path, tmp_path: Path) -> None:
    newer = installed(tmp_path / "19/bin", "pg_dump", major=19)

    assert find_client("pg_dump", TLS) == newer / "pg_dump"  # the newest of the system's
    assert find_client("pg_dump", TLS, pg_bin=beside, oldest_major=16) == beside / "pg_dump"
    with pytest.raises(ServerSetupError, match=r"no pg_dump of Postgres 17 or newer with TLS in"):
        find_client("pg_dump", TLS, pg_bin=beside, oldest_major=17)
    with pytest.raises(ServerSetupError, match=r"no pg_dump of Postgres 20 or newer on this machine: "):
        find_client("pg_dump", SOCKET, oldest_major=20)
