"""A server that behaves like Octopus Energy's REST API: real HTTP, a key, pages, and what goes wrong on the way.

What belongs here: the server, and the readings that it has. What does not: who asks.
"""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Literal
from urllib.parse import parse_qs, urlencode, urlsplit

KEY: Final = "sk_live_of_these_tests"
_CUT_AFTER: Final = 100

Fault = int | tuple[int, str] | Literal["cut", "closed"]
"""A status, a status with `Retry-After`, an answer that is cut off, a connection that is closed without one."""


@dataclass
class Octopus:
    """The API.

    Attributes:
        url: of it.
        readings: text of the consumption by the text of the start, of each meterpoint and serial.
        faults: what happens to the next requests instead of an answer; `None` is an answer.
        page_rows: the most rows that it puts on a page, whatever it is asked for.
        asked: path and query of each request.
        next_at: the address that further pages are said to be at.
    """

    url: str = ""
    readings: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    faults: list[Fault | None] = field(default_factory=list)
    page_rows: int = 25_000
    asked: list[str] = field(default_factory=list)
    next_at: str | None = None

    def page(self, path: str, query: dict[str, str]) -> bytes | None:
        """An answer; `None` where there is no such meter."""
        _, _, _, point, _, serial, *_ = path.split("/")
        rows = self.readings.get((point, serial))
        if rows is None:
            return None
        since = datetime.fromisoformat(query["period_from"])
        listed = sorted((start for start in rows if datetime.fromisoformat(start) >= since), key=datetime.fromisoformat)
        if query.get("order_by") != "period":
            listed.reverse()
        size = min(int(query.get("page_size", 100)), self.page_rows)
        number = int(query.get("page", 1))
        some = listed[(number - 1) * size : number * size]
        more = len(listed) > number * size
        url = f"{self.next_at or self.url}{path}?{urlencode({**query, 'page': number + 1})}"
        results = ",".join(
            f'{{"consumption":{rows[start]},"interval_start":"{start}","interval_end":"{_later(start)}"}}'
            for start in some
        )
        head = json.dumps({"count": len(listed), "next": url if more else None, "previous": None})
        return f'{head[:-1]}, "results": [{results}]}}'.encode()


def _later(start: str) -> str:
    return (datetime.fromisoformat(start) + timedelta(minutes=30)).isoformat()


class _Handler(BaseHTTPRequestHandler):
    """Answers as the API does, whose state is its class's."""

    api: Octopus
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.api.asked.append(self.path)
        fault = self.api.faults.pop(0) if self.api.faults else None
        if fault == "closed":
            self.close_connection = True
        elif isinstance(fault, tuple):
            self.answer(fault[0], b"{}", {"Retry-After": fault[1]})
        elif isinstance(fault, int):
            self.answer(fault, b'{"detail": "not today"}')
        else:
            self.readings(cut=fault == "cut")

    def readings(self, *, cut: bool) -> None:
        if self.headers.get("Authorization") != "Basic " + base64.b64encode(f"{KEY}:".encode()).decode():
            self.answer(401, b'{"detail": "Invalid API key."}')
            return
        parts = urlsplit(self.path)
        page = self.api.page(parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()})
        if page is None:
            self.answer(404, b'{"detail": "Not found."}')
        else:
            self.answer(200, page, cut=cut)

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None, *, cut: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:_CUT_AFTER] if cut else body)
        self.close_connection = cut

    def log_message(self, *_: Any) -> None:  # noqa: ANN401 - the library's signature
        """Says nothing."""


@contextmanager
def serving() -> Iterator[Octopus]:
    """The API, at an address of this machine."""
    api = Octopus()

    handler = type("Handler", (_Handler,), {"api": api})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
