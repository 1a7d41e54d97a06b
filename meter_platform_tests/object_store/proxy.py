"""A proxy before an object store: hands requests on, and answers some itself, as a store does that refuses them.

What belongs here: HTTP. What does not: which requests are refused; a test says so.
"""

import re
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, NamedTuple

_HOP: Final = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


class Asked(NamedTuple):
    """A request: its method, its path with its query, and the key id of whoever asks."""

    method: str
    path: str
    key_id: str

    @property
    def is_list(self) -> bool:
        return "list-type=2" in self.path

    @property
    def is_object(self) -> bool:
        """Whether it reads an object."""
        return self.method == "GET" and not self.is_list


class Refusal(NamedTuple):
    """What a store says in place of an answer."""

    status: int
    code: str


SLOW_DOWN: Final = Refusal(503, "SlowDown")
EXPIRED: Final = Refusal(400, "ExpiredToken")
DENIED: Final = Refusal(403, "AccessDenied")


@dataclass
class Proxy:
    """A running proxy.

    Attributes:
        url: of it, for `AWS_ENDPOINT_URL`.
        refuse: says for each request what to answer in the store's place; `None`: the store answers.
        refuse_after: the same, after the store has done what it was asked for: its own answer is lost.
        ignored_headers: names, in lower case, of what the store is not told.
        asked: how often each method was asked for.
        most_at_once: requests that were being answered at the same time.
    """

    url: str = ""
    refuse: Callable[[Asked], Refusal | None] = lambda _: None
    refuse_after: Callable[[Asked], Refusal | None] = lambda _: None
    ignored_headers: Collection[str] = ()
    asked: Counter[str] = field(default_factory=Counter)
    most_at_once: int = 0
    now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def counted(self, asked: Asked) -> Iterator[None]:
        """Counts a request while it is answered."""
        with self._lock:
            self.asked[asked.method] += 1
            self.now += 1
            self.most_at_once = max(self.most_at_once, self.now)
        try:
            yield
        finally:
            with self._lock:
                self.now -= 1


@contextmanager
def proxied(port: int, certificate: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """A proxy before the server at a port of this machine, with TLS where a certificate is given."""
    proxy = Proxy()
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": proxy, "port": port})) as server:
        if certificate:
            server.socket = certificate.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        proxy.url = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        server.daemon_threads = True
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection; a subclass knows the proxy and the server's port."""

    protocol_version = "HTTP/1.1"
    proxy: Proxy
    port: int

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (OSError, ssl.SSLError):
            self.close_connection = True  # whoever asked has gone, or does not trust the certificate

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        signed = re.search("Credential=([^/]*)/", self.headers.get("Authorization") or "")
        asked = Asked(self.command, self.path, signed[1] if signed else "")
        with self.proxy.counted(asked):
            if refusal := self.proxy.refuse(asked):
                self._refuse(refusal)
            else:
                self._hand_on(asked, body)

    def _refuse(self, refusal: Refusal) -> None:
        said = f"<Error><Code>{refusal.code}</Code><Message>refused</Message></Error>".encode()
        self._send(refusal.status, {"Content-Type": "application/xml"}, said)

    def _hand_on(self, asked: Asked, body: bytes) -> None:
        told = {name: value for name, value in self.headers.items() if name.lower() not in self.proxy.ignored_headers}
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(self.command, self.path, body or None, told)
            answer = connection.getresponse()
            if refusal := self.proxy.refuse_after(asked):
                answer.read()
                self._refuse(refusal)
                return
            headers = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
            length = answer.getheader("Content-Length") if self.command == "HEAD" else None
            self._send(answer.status, headers, answer.read(), length)

    def _send(self, status: int, headers: dict[str, str], body: bytes, length: str | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 - as the library calls them

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Says nothing."""
