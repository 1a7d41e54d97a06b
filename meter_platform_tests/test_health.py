"""Whether a service answers: each kind when it does, when it says no, and when it is not there."""

import socket
import threading
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import grpc
import pytest
from click.testing import CliRunner
from grpc_health.v1 import health as grpc_health
from grpc_health.v1 import health_pb2, health_pb2_grpc

from meter_platform.cli import main
from meter_platform.errors import ServerUnavailableError
from meter_platform.health import check_daemon, check_grpc, check_http
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/well" else 500)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's name
        pass


@contextmanager
def web_server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def code_server(status: int) -> Iterator[str]:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    servicer = grpc_health.HealthServicer()
    servicer.set("DagsterApi", status)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


@pytest.fixture
def nobody() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def test_a_web_server_is_well_when_it_answers_with_200(nobody: str) -> None:
    with web_server() as address:
        check_http(f"{address}/well")
        with pytest.raises(ServerUnavailableError, match="/ill answers with status 500"):
            check_http(f"{address}/ill")
    with pytest.raises(ServerUnavailableError, match="does not answer"):
        check_http(f"http://{nobody}/well")


def test_a_code_server_is_well_when_it_serves(nobody: str) -> None:
    with code_server(health_pb2.HealthCheckResponse.SERVING) as address:
        check_grpc(address)
    with (
        code_server(health_pb2.HealthCheckResponse.NOT_SERVING) as address,
        pytest.raises(ServerUnavailableError, match="does not serve"),
    ):
        check_grpc(address)
    with pytest.raises(ServerUnavailableError, match=f"{nobody} does not answer: UNAVAILABLE"):
        check_grpc(nobody)


def test_a_daemon_is_well_as_long_as_its_heart_beats(settings: Settings, database: Database) -> None:
    given = settings.replace(dagster_url=database.url)
    with database.connect(autocommit=True) as connection:
        # As Dagster has it: naive times in the zone of its sessions, here another than UTC.
        connection.execute("CREATE TABLE public.daemon_heartbeats (daemon_type text, timestamp timestamp, body text)")
        heard = (
            "INSERT INTO daemon_heartbeats SELECT %s, at AT TIME ZONE 'Asia/Tokyo', "
            "json_build_object('timestamp', extract(epoch FROM at)) FROM (SELECT now() - %s::interval) AS t (at)"
        )
        try:
            with pytest.raises(ServerUnavailableError, match="never written a heartbeat"):
                check_daemon(given)
            connection.execute(heard, ("OLD", "1 h"))
            with pytest.raises(ServerUnavailableError, match=r"wrote its last heartbeat 36\d\d seconds ago"):
                check_daemon(given)
            connection.execute(heard, ("SENSOR", "0 s"))
            check_daemon(given)
        finally:
            connection.execute("DROP TABLE public.daemon_heartbeats")


def test_the_command_ends_with_what_it_found() -> None:
    with web_server() as address:
        well = CliRunner().invoke(main, ["health", "--http", f"{address}/well"])
        ill = CliRunner().invoke(main, ["health", "--http", f"{address}/ill"])

    assert (well.exit_code, well.output) == (0, "")
    assert (ill.exit_code, ill.output) == (1, f"Error: {address}/ill answers with status 500.\n")
    assert CliRunner().invoke(main, ["health"]).exit_code == 2
