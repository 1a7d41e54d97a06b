"""Readings that are pushed by HTTP: a real server, asked by a real client."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from meter_platform.errors import SettingsError
from meter_platform.feeds.configured import NO_FEEDS, Feeds
from meter_platform.receive import http
from meter_platform.receive.feed_files import FeedFiles
from meter_platform.receive.http_server import HttpServer
from meter_platform.receive.landing import Landing
from meter_platform.receive.senders import Senders
from meter_platform_tests.embedded_postgres.servers import eventually
from meter_platform_tests.feeds.configured import feeds

TOKEN = "a-token-of-24-characters"  # noqa: S105 - of these tests alone
COLUMNS = ["interval_start", "consumption_delta", "meterpoint_id"]
DOCUMENT = {"columns": COLUMNS, "data": [["2021-01-04 00:30:00", 0.186, "1200010001"]]}
LINES = '{"meterpoint_id": "1200010001", "interval_start": "2021-01-04 00:30:00", "consumption_delta": 0.10}\n'
NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("received")


@contextmanager
def served(landing_folder: Path, readings: Path, known: Feeds, prefix: str = "") -> Iterator[httpx.Client]:
    """A client with a token, of a server whose files end with every delivery."""
    senders, files = Senders(f"homes:{TOKEN} other:{TOKEN[::-1]}"), FeedFiles(readings, known)
    with ExitStack() as ended:
        landing = Landing(landing_folder, file_bytes=1)
        ended.callback(landing.close)
        server = HttpServer(landing, senders, files, host="127.0.0.1", port=0, prefix=prefix)
        thread = threading.Thread(target=server.run)
        thread.start()
        ended.callback(thread.join, 60)
        ended.callback(server.end)
        address = server.said.split(" ")[4].removesuffix("/readings;")
        with httpx.Client(base_url=address, timeout=60, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
            yield client


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[httpx.Client]:
    """Of a receiver without feeds."""
    with served(folder, folder, NO_FEEDS) as client:
        yield client


def files(folder: Path) -> list[Path]:
    """Those that have ended, which each delivery makes its file do a moment after it is acknowledged."""
    return sorted(folder.rglob("[!.]*.json"))


@pytest.mark.parametrize(
    ("content", "headers", "kwh"),
    [
        (json.dumps(DOCUMENT).encode(), {}, 0.186),
        (LINES.encode(), NDJSON, 0.1),
        (gzip.compress(LINES.encode()), {**NDJSON, "Content-Encoding": "gzip"}, 0.1),
        (json.dumps(DOCUMENT).encode(), {"Content-Type": "application/json; charset=utf-8"}, 0.186),
    ],
)
def test_what_is_acknowledged_is_in_a_file(
    client: httpx.Client, folder: Path, content: bytes, headers: dict[str, str], kwh: float
) -> None:
    before = files(folder)

    answer = client.post("/readings", content=content, headers=headers)

    assert (answer.status_code, answer.json()) == (200, {"rows": 1})
    eventually(lambda: len(files(folder)) == len(before) + 1)
    assert kwh in json.loads(files(folder)[-1].read_bytes())["data"][0]


@pytest.mark.parametrize(
    ("content", "headers", "answered"),
    [
        (b"{", {}, (400, "truncated")),
        (b"", {}, (400, "empty")),
        (LINES.encode(), {"Content-Type": "text/csv"}, (415, "application/x-ndjson")),
        (LINES.encode(), {**NDJSON, "Content-Encoding": "br"}, (415, "gzip")),
        (LINES.encode(), {**NDJSON, "Content-Encoding": "gzip"}, (400, "not packed with gzip")),
        (gzip.compress(LINES.encode())[:-9], {**NDJSON, "Content-Encoding": "gzip"}, (400, "ends too early")),
        (gzip.compress(LINES.encode()) * 2, {**NDJSON, "Content-Encoding": "gzip"}, (400, "follows the end")),
        (gzip.compress(bytes(64 << 20), 1), {**NDJSON, "Content-Encoding": "gzip"}, (413, "8 MB")),
        (bytes(9 << 20), NDJSON, (413, "8 MB")),
    ],
    ids=["broken", "nothing", "csv", "brotli", "no gzip", "half a gzip", "two gzips", "a bomb", "large"],
)
def test_what_cannot_be_read_is_refused_with_the_reason(
    client: httpx.Client, folder: Path, content: bytes, headers: dict[str, str], answered: tuple[int, str]
) -> None:
    before = files(folder)

    answer = client.post("/readings", content=content, headers=headers)

    assert answer.status_code == answered[0]
    assert answered[1] in answer.json()["detail"]
    assert files(folder) == before


@pytest.mark.parametrize("shown", ["", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
def test_nobody_sends_anything_without_a_token(client: httpx.Client, shown: str) -> None:
    answer = client.post("/readings", content=LINES, headers={**NDJSON, "Authorization": shown})

    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_too_much_at_once_is_refused_with_a_time_to_come_again(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "BODIES_BYTES", 100)
    check = http._Bodies._refuse_too_much  # noqa: SLF001 - to be told of what no answer says
    counted, go_on = threading.Event(), threading.Event()

    def told(bodies: Any, size: int) -> None:  # noqa: ANN401 - private
        counted.set()
        check(bodies, size)

    monkeypatch.setattr(http._Bodies, "_refuse_too_much", told)  # noqa: SLF001 - as above

    def slowly() -> Iterator[bytes]:
        yield LINES.encode()
        go_on.wait(60)

    first: list[httpx.Response] = []
    other = threading.Thread(target=lambda: first.append(client.post("/readings", content=slowly(), headers=NDJSON)))
    other.start()
    assert counted.wait(60)
    refused = client.post("/readings", content=LINES, headers=NDJSON)
    go_on.set()
    other.join(60)

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    assert first[0].status_code == 200
    assert client.post("/readings", content=LINES, headers=NDJSON).status_code == 200


def test_a_page_says_how_and_health_needs_no_token(client: httpx.Client) -> None:
    described = client.get("/openapi.json").json()

    assert set(described["paths"]) == {"/readings", "/feeds/{feed}/readings"}
    for path in described["paths"].values():
        assert {"400", "401", "404", "413", "415", "429", "503"} <= set(path["post"]["responses"])
    assert "openapi" in client.get("/docs").text
    assert httpx.get(client.base_url.join("/health")).status_code == 200


@pytest.mark.parametrize(
    "given", ["", "homes", "homes:short", "../up:a-token-of-24-characters", ":a-token-of-24-characters"]
)
def test_a_wrong_setting_is_told_without_a_token(given: str) -> None:
    with pytest.raises(SettingsError, match="METER_PLATFORM_RECEIVE_TOKENS") as told:
        Senders(given)
    assert "short" not in str(told.value)
    assert "24-characters" not in str(told.value)


@pytest.fixture(scope="module")
def of_feeds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Path]]:
    """A client, and the folder of a receiver to which feeds are configured."""
    folder = tmp_path_factory.mktemp("of_feeds") / "readings"
    known = feeds(
        folder,
        """
        [feeds.esb]
        format = "csv"
        paths = "esb/{serial}/**/*.csv"
        columns = { meterpoint = 1, time = 2, value = 3 }
        """,
    )
    with served(folder / "received", folder, known, "/receive") as client:
        yield client, folder


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_of_a_feed_is_put_where_the_feed_looks_for_it(
    of_feeds: tuple[httpx.Client, Path], *, packed: bool
) -> None:
    client, folder = of_feeds
    content = f"1200010001,2021-01-04 00:30,0.{packed:d}\n".encode()
    body, headers = (gzip.compress(content), {"Content-Encoding": "gzip"}) if packed else (content, {})

    answer = client.post("/feeds/esb/readings", params={"serial": "19L1"}, content=body, headers=headers)

    assert (answer.status_code, answer.json()) == (200, {"bytes": len(content)})
    found = [path for path in folder.rglob("[!.]*.csv") if path.read_bytes() == content]
    assert [path.parent.parent.relative_to(folder) for path in found] == [Path("esb/19L1/received/homes")]
    assert found[0].name.endswith("-homes.csv")


@pytest.mark.parametrize(
    ("path", "token", "status", "said"),
    [
        ("/feeds/esb/readings", TOKEN, 404, "The serial is not said"),
        ("/feeds/esb/readings?serial=..%2F..%2Fx", TOKEN, 404, "not of letters"),
        ("/feeds/other/readings", TOKEN, 404, "no feed of that name"),
        ("/feeds/esb/readings?serial=1", "another", 401, "no such token"),
        # The receiver's own form, which no feed takes there.
        ("/readings", TOKEN, 404, "No feed takes received/homes/"),
    ],
)
def test_what_no_feed_takes_is_refused(
    of_feeds: tuple[httpx.Client, Path], path: str, token: str, status: int, said: str
) -> None:
    client, folder = of_feeds
    before = sorted(folder.rglob("*"))

    answer = client.post(path, content=json.dumps(DOCUMENT), headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == status
    assert said in answer.json()["detail"]
    assert sorted(folder.rglob("*")) == before


def test_a_proxy_may_have_it_at_a_path(of_feeds: tuple[httpx.Client, Path]) -> None:
    client, _ = of_feeds
    assert client.get("/health").json() == {"status": "ok"}
    assert "/receive/openapi.json" in client.get("/docs").text
    assert client.get("/openapi.json").json()["servers"] == [{"url": "/receive"}]


def test_a_file_that_the_disk_does_not_take_is_not_acknowledged(
    of_feeds: tuple[httpx.Client, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, folder = of_feeds
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))

    answer = client.post("/feeds/esb/readings", params={"serial": "full"}, content=b"1,2,3")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert [path for path in (folder / "esb" / "full").rglob("*") if path.is_file()] == []
