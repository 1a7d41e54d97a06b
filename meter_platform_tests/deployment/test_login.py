"""The one way in: nothing is shown without a login, with it there are both UIs, and other sites get nothing."""

import base64
import json
import os
import socket

import pytest

from meter_platform_tests.deployment.stack import Stack, wait_for

pytestmark = pytest.mark.deployment

PAGES = ["/dagster/graphql", "/_stcore/stream"]
"""What the pages of Dagster and of the app keep a websocket to."""


def basic(name: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


def websocket(stack: Stack, path: str, *, login: bool, origin: str | None = None) -> int:
    """The status with which a request for a websocket is answered; 101 opens it."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: localhost:{stack.port}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        f"Sec-WebSocket-Protocol: {'graphql-ws' if 'graphql' in path else 'streamlit'}",
        f"Origin: {origin or f'https://localhost:{stack.port}'}",
    ]
    if login:
        lines.append(f"Authorization: {basic('operator', stack.secret('operator_password'))}")
    with (
        socket.create_connection(("127.0.0.1", stack.port), timeout=30) as plain,
        stack.authority().wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return int(connection.recv(64).split()[1])


@pytest.mark.parametrize(
    "path", ["/", "/dagster", "/dagster/graphql", "/dagster/server_info", "/_stcore/health", "/nowhere"]
)
def test_nothing_is_shown_without_a_login(stack: Stack, path: str) -> None:
    assert stack.get(path, login=False)[0] == 401
    assert stack.ask(path, login=False, body={"query": "{version}"})[0] == 401
    assert stack.get(path, login=False, Authorization=basic("operator", "wrong"))[0] == 401


def test_with_a_login_there_are_both_uis(stack: Stack) -> None:
    for path, word in (("/", "Streamlit"), ("/dagster", "Dagster"), ("/dagster/", "Dagster")):
        status, page = stack.get(path)
        assert (status, word in page) == (200, True), path
    status, answer = stack.ask("/dagster/graphql", body={"query": "{ version }"})
    assert (status, json.loads(answer)["data"]["version"].count(".")) == (200, 2)


@pytest.mark.parametrize("path", PAGES)
def test_a_websocket_needs_the_login_too(stack: Stack, path: str) -> None:
    assert websocket(stack, path, login=False) == 401
    assert websocket(stack, path, login=True) == 101


@pytest.mark.parametrize("path", PAGES)
def test_the_page_of_another_site_gets_nothing_even_with_the_login(stack: Stack, path: str) -> None:
    elsewhere = "https://elsewhere.example"

    assert websocket(stack, path, login=True, origin=elsewhere) == 403
    assert stack.ask(path, headers={"Origin": elsewhere}, body={"query": "{ version }"})[0] == 403


def test_who_may_only_look_may_change_nothing(stack: Stack) -> None:
    logins = stack.secrets / "logins"
    logins.chmod(0o644)
    logins.write_text(logins.read_text() + logins.read_text().replace("operator ", "view-ann "))
    stack.compose("restart", "proxy")
    wait_for("the proxy knows the login", lambda: stack.ask("/dagster", name="view-ann")[0] == 200)

    def may(name: str) -> bool:
        asked = {"query": "{ permissions { permission value } }"}
        answer = json.loads(stack.ask("/dagster/graphql", name=name, body=asked)[1])
        return any(each["value"] for each in answer["data"]["permissions"])

    assert may("operator")
    assert not may("view-ann")
