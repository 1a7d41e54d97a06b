"""The reference database on a server of Postgres that is reached with TLS, as Amazon RDS is."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import trustme

from meter_platform.errors import SourceRefusedError
from meter_platform.reference.database import ReferenceDatabase
from meter_platform.warehouse.tables import RAW_METERPOINTS
from meter_platform_tests.reference.test_database import METERPOINTS, SCRIPT, read
from meter_platform_tests.reference.tls_server import TlsServer, tls_server


@pytest.fixture(scope="module")
def server() -> Iterator[TlsServer]:
    with tls_server() as started:
        with psycopg.connect(started.owner) as connection:
            connection.execute(SCRIPT)
        yield started


def refused(url: str) -> str:
    with pytest.raises(SourceRefusedError) as caught:
        read(ReferenceDatabase(url), RAW_METERPOINTS)
    assert "hunter2" not in str(caught.value)
    return str(caught.value)


def test_a_server_is_reached_whose_certificate_is_of_its_host_and_of_a_trusted_authority(server: TlsServer) -> None:
    database = ReferenceDatabase(server.url(f"sslmode=verify-full&sslrootcert={server.authority}"))
    assert read(database, RAW_METERPOINTS).to_pylist() == METERPOINTS


def test_another_authority_is_refused(server: TlsServer, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    said = refused(server.url(f"sslmode=verify-full&sslrootcert={tmp_path}/other.pem"))
    assert "not signed by an authority that is trusted: name the authority's file by sslrootcert=" in said
    assert f"postgresql://reader:***@localhost:{server.port}/supplier?sslmode=verify-full" in said
    said = refused(server.url(f"sslmode=verify-full&sslrootcert={tmp_path}/absent.pem"))
    assert "name the authority's file by sslrootcert=" in said


def test_another_host_is_refused(server: TlsServer) -> None:
    said = refused(
        server.url(f"sslmode=verify-full&sslrootcert={server.authority}&hostaddr=127.0.0.1", host="db.example")
    )
    assert "its certificate is another host's" in said


def test_a_server_that_asks_for_tls_refuses_plain_connections(server: TlsServer) -> None:
    assert "it may ask for TLS (sslmode=verify-full)" in refused(server.url("sslmode=disable"))


def test_a_server_without_tls_is_refused_where_it_is_asked_for(server: TlsServer) -> None:
    with psycopg.connect(server.owner, autocommit=True) as connection:
        try:
            connection.execute("ALTER SYSTEM SET ssl = off")
            connection.execute("SELECT pg_reload_conf()")
            url = server.url(f"sslmode=verify-full&sslrootcert={server.authority}")
            assert "the URL asks for TLS and the server has none" in _refused_soon(url)
        finally:
            connection.execute("ALTER SYSTEM RESET ssl")
            connection.execute("SELECT pg_reload_conf()")


def test_a_wrong_password_is_told(server: TlsServer) -> None:
    assert "correct user and password" in refused(server.url("sslmode=require", password="hunter2-old"))  # noqa: S106 - of a test


def _refused_soon(url: str) -> str:
    """What is said once the server has read its settings again."""
    for _ in range(600):
        try:
            read(ReferenceDatabase(url), RAW_METERPOINTS)
        except SourceRefusedError as error:
            return str(error)
    raise AssertionError("it is not refused")
