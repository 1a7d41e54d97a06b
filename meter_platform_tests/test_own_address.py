"""Which requests a web page from elsewhere could have sent, and that both UIs refuse them: real HTTP, real websockets."""

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from meter_platform.errors import PermanentError
from meter_platform.own_address import OwnAddressOnly, make_sure_is_free
from meter_platform.settings import PREFIX
from meter_platform_tests.market import dagster_on_postgres

LINK: Final = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}

FOREIGN: Final = {
    "another name, pointed to this machine": {"Host": "evil.example:{port}"},
    "a name that begins like ours": {"Host": "localhost.evil.example:{port}"},
    "a name behind a login": {"Host": "localhost@evil.example"},
    "another site's page": {"Origin": "http://evil.example"},
    "another program's page on this machine": {"Origin": "http://localhost:1"},
    "a page without an origin": {"Origin": "null"},
    "a picture on another site's page": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    "a frame on another site's page": LINK | {"Sec-Fetch-Dest": "iframe"},
    "a page of another port": {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
}
"""What a browser says of requests that no page of ours made."""

OWN: Final = {
    "a program": {},
    "by name": {"Host": "localhost:{port}", "Origin": "http://localhost:{port}", "Sec-Fetch-Site": "same-origin"},
    "by address": {"Host": "127.0.0.1:{port}", "Origin": "http://127.0.0.1:{port}"},
    "through a tunnel": {"Host": "localhost:1234", "Origin": "http://localhost:1234"},
    "typed by a person": {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    "a link on another site": LINK,
}


def answer(
    headers: dict[str, str], *, host: str = "localhost", method: str = "GET", path: str = "/", query: str = ""
) -> int:
    """The status with which a guarded application answers; it says 200 to all that it is asked."""
    sent: list[MutableMapping[str, Any]] = []

    async def application(*channels: Callable[..., Any]) -> None:
        await channels[2]({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    named = {"Host": "localhost:3000"} | {name: value.format(port=3000) for name, value in headers.items()}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in named.items()],
    }
    asyncio.run(OwnAddressOnly(application, host=host, json_only=True)(scope, receive, send))
    return int(sent[0]["status"])


@pytest.mark.parametrize("name", FOREIGN)
def test_what_a_foreign_page_sends_is_refused(name: str) -> None:
    assert answer(FOREIGN[name]) == 403


@pytest.mark.parametrize("name", OWN)
def test_own_pages_programs_and_people_are_answered(name: str) -> None:
    assert answer(OWN[name]) == 200


@given(st.from_regex(r"[a-z0-9.-]{1,20}(:[0-9]{1,5})?", fullmatch=True))
def test_no_other_name_is_answered(host: str) -> None:
    name = host.partition(":")[0]
    if name not in {"localhost", "127.0.0.1"}:
        assert answer({"Host": host}) == 403


def test_a_server_for_others_answers_to_any_address_and_to_no_foreign_name() -> None:
    for host in ("192.0.2.7:3000", "[2001:db8::1]:3000", socket.gethostname()):
        assert answer({"Host": host}, host="0.0.0.0") == 200  # noqa: S104 - nothing listens
        assert answer({"Host": host}) == 403 or host == "localhost"
    assert answer({"Host": "evil.example"}, host="0.0.0.0") == 403  # noqa: S104
    assert answer({"Host": "meters.internal:3000"}, host="meters.internal") == 200


@pytest.mark.parametrize(
    ("method", "query", "headers", "status"),
    [
        ("POST", "", {"Content-Type": "application/json"}, 200),
        ("POST", "", {"Content-Type": "application/json; charset=utf-8"}, 200),
        ("POST", "", {"Content-Type": "text/plain"}, 415),
        ("POST", "", {"Content-Type": "text/plain; x=application/json"}, 415),
        ("POST", "query=mutation", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ("POST", "query=mutation", {}, 415),
        ("GET", "query=mutation", {}, 405),
        ("GET", "query=mutation", {"Accept": "text/html"}, 405),
        ("GET", "query=mutation", LINK, 405),
        ("GET", "", {"Accept": "text/html"}, 200),
    ],
)
def test_graphql_is_taken_as_json_and_by_post_alone(
    method: str, query: str, headers: dict[str, str], status: int
) -> None:
    for path in ("/graphql", "/graphql/", "/prefix/graphql"):
        assert answer(headers, method=method, path=path, query=query) == status


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PermanentError, match=f"Port {port} is taken.*--port"):
            make_sure_is_free("127.0.0.1", port)
    make_sure_is_free("127.0.0.1", port)
    with pytest.raises(PermanentError, match="no address to listen on"):
        make_sure_is_free("nowhere.invalid", port)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(
    port: int, path: str, headers: dict[str, str] | None = None, *, method: str = "GET", body: str | None = None
) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        sent = {name: value.format(port=port) for name, value in (headers or {}).items()}
        connection.request(method, path, body=body, headers=sent)
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    finally:
        connection.close()


def shakes_hands(port: int, path: str, headers: dict[str, str], protocols: list[str]) -> bool:
    """Whether the server accepts a websocket."""
    sent = {name: value.format(port=port) for name, value in headers.items()}
    host = sent.pop("Host", f"127.0.0.1:{port}")
    named, _, number = host.rpartition("@")[2].partition(":")
    with socket.create_connection(("127.0.0.1", port)) as plain:
        try:
            with connect(
                f"ws://{named}:{number or 80}{path}",
                sock=plain,
                origin=sent.pop("Origin", None),
                additional_headers=sent,
                subprotocols=protocols,
                open_timeout=60,
            ):
                return True
        except InvalidStatus as error:
            return error.response.status_code != 403


def command(home: Path, *arguments: str, **settings: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    environment |= {f"{PREFIX}HOME": str(home), **{PREFIX + name: value for name, value in settings.items()}}
    return subprocess.Popen(
        [sys.executable, "-m", "meter_platform", *arguments],
        env=environment,
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # as a service's, so that a signal meets this process alone
    )


def wait_for(process: subprocess.Popen[str], port: int, path: str) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            if ask(port, path)[0] == 200:
                return
        except OSError:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.1)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def ends_with_its_command(process: subprocess.Popen[str], port: int, number: signal.Signals) -> None:
    process.send_signal(number)
    process.communicate(timeout=120)
    deadline = time.monotonic() + 60
    while not is_free(port):
        assert time.monotonic() < deadline, "it still answers"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def dagster_ui(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of the Dagster UI as a script starts it in the background, with nothing to load."""
    port = free_port()
    nothing = tmp_path_factory.mktemp("nothing")
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does then, for whatever it starts
    process = command(home, "dev", "--port", str(port), READINGS_URL=str(nothing), REFERENCE_URL="sqlite:///nothing.db")
    signal.signal(signal.SIGINT, before)
    try:
        wait_for(process, port, "/server_info")
        yield port
        ends_with_its_command(process, port, signal.SIGTERM)
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()


@pytest.mark.whole
def test_a_foreign_page_changes_nothing_in_the_dagster_ui(dagster_ui: int, home: Path) -> None:
    run_id = str(uuid.uuid4())
    delete = f'mutation {{ deleteRun(runId: "{run_id}") {{ __typename }} }}'
    link = f"/graphql?{urlencode({'query': delete})}"
    body = json.dumps({"query": delete})
    is_json = {"Content-Type": "application/json"}
    with dagster_on_postgres(home) as dagster:
        dagster.add_run(dg.DagsterRun(job_name="anything", run_id=run_id))
        assert ask(dagster_ui, link)[0] == 405
        assert ask(dagster_ui, link, LINK)[0] == 405
        assert ask(dagster_ui, "/graphql", {"Content-Type": "text/plain"}, method="POST", body=body)[0] == 415
        for headers in FOREIGN.values():
            assert ask(dagster_ui, link, headers)[0] == 403
            assert ask(dagster_ui, "/graphql", headers | is_json, method="POST", body=body)[0] == 403
            assert not shakes_hands(dagster_ui, "/graphql", headers, ["graphql-ws"])
        assert dagster.get_run_by_id(run_id) is not None
        # Its own page does it.
        status, told = ask(dagster_ui, "/graphql", OWN["by address"] | is_json, method="POST", body=body)
        assert (status, "DeletePipelineRunSuccess" in told) == (200, True), told
        assert dagster.get_run_by_id(run_id) is None
    assert shakes_hands(dagster_ui, "/graphql", OWN["by name"], ["graphql-ws"])
    assert ask(dagster_ui, "/", LINK)[1].startswith("<!DOCTYPE html>")


@pytest.mark.whole
def test_a_second_dagster_ui_on_a_port_says_so(dagster_ui: int, home: Path) -> None:
    second = command(home, "dev", "--port", str(dagster_ui))
    told, _ = second.communicate(timeout=120)
    assert second.returncode == 1
    assert told.startswith(f"Error: Port {dagster_ui} is taken")


@pytest.mark.whole
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_app_answers_its_own_pages_and_ends_with_its_command(
    home: Path, tmp_path: Path, number: signal.Signals
) -> None:
    port = free_port()
    process = command(home, "app", "--port", str(port), "--headless", READINGS_URL=str(tmp_path))
    try:
        wait_for(process, port, "/_stcore/health")
        if number == signal.SIGTERM:
            for headers in FOREIGN.values():
                assert ask(port, "/", headers)[0] == 403
                assert not shakes_hands(port, "/_stcore/stream", headers, ["streamlit"])
            for headers in (OWN["by name"], OWN["by address"], LINK):
                assert ask(port, "/", headers)[0] == 200
            assert shakes_hands(port, "/_stcore/stream", OWN["by name"], ["streamlit"])
            second = command(home, "app", "--port", str(port), "--headless")
            told, _ = second.communicate(timeout=120)
            assert second.returncode == 1
            assert told.startswith(f"Error: Port {port} is taken")
        ends_with_its_command(process, port, number)
    finally:
        process.kill()
        process.communicate()
