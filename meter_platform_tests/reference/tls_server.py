"""A Postgres that is reached by TCP and with TLS alone, as Amazon RDS is: one of a Linux distribution's packages.

What belongs here: starting it. What does not: what a test expects. The wheel's server was built without TLS.
"""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
import pytest
import trustme

from meter_platform.embedded_postgres import accounts

PASSWORD: Final = "hunter2"  # noqa: S105 - of a test

_TRIES: Final = 5
"""Another program may take the port before the server does."""

_CONFIGURATION: Final = """
listen_addresses = 'localhost'
port = {port}
unix_socket_directories = '{place}'
ssl = on
ssl_cert_file = '{place}/server.crt'
ssl_key_file = '{place}/server.key'
fsync = off
shared_buffers = 16MB
lc_messages = 'C'
"""

_WHO_MAY_CONNECT: Final = """
local all all trust
hostssl all reader localhost scram-sha-256
"""


@dataclass(frozen=True)
class TlsServer:
    """A running server with an empty database `supplier`.

    Attributes:
        owner: URL of the superuser, by the server's socket.
        port: where it listens, on localhost.
        authority: file of the authority that signed its certificate, which is of `localhost`.
    """

    owner: str
    port: int
    authority: Path

    def url(self, query: str, *, password: str = PASSWORD, host: str = "localhost") -> str:
        """The URL of a login that may read, with parameters."""
        return f"postgresql://reader:{password}@{host}:{self.port}/supplier?{query}"


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not found:
        pytest.skip("no Postgres that was built with TLS: install a package `postgresql` of Debian's or Ubuntu's")
    return found[-1]


@contextmanager
def tls_server() -> Iterator[TlsServer]:
    """A server in an empty folder."""
    programs = _programs()
    home = Path(tempfile.mkdtemp(prefix="mp-tls-"))  # a short path, for a socket's has a limit
    try:
        account, place = accounts.choose(home / "server", place=home / "server")
        data = place / "data"
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost")
        authority.cert_pem.write_to_path(str(home / "ca.pem"))
        account.write(place / "server.crt", certificate.cert_chain_pems[0].bytes().decode())
        account.write(place / "server.key", certificate.private_key_pem.bytes().decode())
        (place / "server.key").chmod(0o600)
        made = account.run(
            [programs / "initdb", f"--pgdata={data}", "--username=owner", "--encoding=UTF8", "--no-sync"], cwd=place
        )
        assert made.returncode == 0, made.stderr.decode()
        control = [programs / "pg_ctl", f"--pgdata={data}", f"--log={place / 'log'}", "--wait"]
        try:
            for _ in range(_TRIES):
                port = _free_port()
                settings = _CONFIGURATION.format(port=port, place=place)
                account.write(data / "postgresql.conf", settings, append=True)
                account.write(data / "pg_hba.conf", _WHO_MAY_CONNECT)
                if account.run([*control, "start"], cwd=place).returncode == 0:
                    break
            owner = f"postgresql://owner@/supplier?host={place}&port={port}"
            with psycopg.connect(owner.replace("/supplier", "/postgres"), autocommit=True) as connection:
                connection.execute("CREATE DATABASE supplier")
                connection.execute(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}' IN ROLE pg_read_all_data")
            yield TlsServer(owner, port, home / "ca.pem")
        finally:
            account.run([*control, "--mode=immediate", "stop"], cwd=place)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
