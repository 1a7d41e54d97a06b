"""Readings that are pushed by MQTT: a real broker, in plain and by TLS."""

import errno
import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from paho.mqtt import publish

from meter_platform.errors import PermanentError, SettingsError
from meter_platform.feeds.configured import NO_FEEDS, Feeds
from meter_platform.feeds.malformed import MalformedFileError
from meter_platform.receive.bindings import bindings
from meter_platform.receive.feed_files import FeedFiles
from meter_platform.receive.landing import Landing
from meter_platform.receive.mqtt import Broker, Subscription, delivery_of
from meter_platform_tests.embedded_postgres.servers import eventually
from meter_platform_tests.feeds.configured import feeds
from meter_platform_tests.receive.brokers import PASSWORD, Running, broker, needs_mosquitto

pytestmark = needs_mosquitto


def line(number: int) -> str:
    return f'{{"meterpoint_id": "{number}", "interval_start": "2021-01-04 00:30:00", "consumption_delta": 0.10}}'


def send(to: Running, *payloads: str | bytes, topic: str = "meters/x/readings") -> None:
    """Hands messages over to the broker."""
    authority = to.url.partition("?ca=")[2]
    publish.multiple(
        [{"topic": topic, "payload": payload, "qos": 1} for payload in payloads],
        hostname="localhost" if to.tls else "127.0.0.1",
        port=to.port,
        auth={"username": "meter", "password": PASSWORD},
        tls={"ca_certs": authority} if to.tls else None,
    )


def send_until(to: Running, payload: str, found: Callable[[], bool]) -> None:
    """Sends a message again and again, for before the subscription is there it reaches nobody."""

    def sent_and_found() -> bool:
        send(to, payload)
        return found()

    eventually(sent_and_found)


@contextmanager
def received(
    by: Running, folder: Path, given: str = "homes=meters/+/readings", of: Feeds = NO_FEEDS
) -> Iterator[Subscription]:
    """Takes messages until the block ends, in a session of the folder's own: no other test's messages come to it."""
    landing = Landing(folder, file_bytes=1)
    session = replace(Broker.of(by.url), client=str(folder))
    subscription = Subscription(session, bindings(given, of), landing, FeedFiles(folder, of))
    thread = threading.Thread(target=subscription.run)
    thread.start()
    try:
        yield subscription
    finally:
        subscription.end()
        thread.join(60)
        landing.close()


def numbers(folder: Path) -> set[str]:
    """The meterpoints of the readings that are in files."""
    found = set()
    for path in folder.rglob("[!.]*.json"):
        document = json.loads(path.read_bytes())
        found |= {dict(zip(document["columns"], row, strict=True))["meterpoint_id"] for row in document["data"]}
    return found


@pytest.fixture(scope="module", params=["plain", "tls"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("broker")
    if request.param == "plain":
        with broker(folder) as made:
            yield made
        return
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(folder / "authority.crt")
    issued.cert_chain_pems[0].write_to_path(folder / "broker.crt")
    issued.private_key_pem.write_to_path(folder / "broker.key")
    with broker(
        folder, certificate=(folder / "broker.crt", folder / "broker.key"), authority=folder / "authority.crt"
    ) as made:
        yield made


def test_messages_become_files_also_those_that_came_while_nobody_received(running: Running, tmp_path: Path) -> None:
    with received(running, tmp_path):
        send_until(running, line(1), lambda: numbers(tmp_path) == {"1"})
    send(running, line(2), line(3) + "\n" + line(4))
    with received(running, tmp_path):
        eventually(lambda: numbers(tmp_path) == {"1", "2", "3", "4"})


def test_what_is_not_acknowledged_comes_again(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with received(running, tmp_path):
        send_until(running, line(4), lambda: numbers(tmp_path) == {"4"})
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        with received(running, tmp_path):
            send(running, line(5))
            eventually(lambda: bool(list(tmp_path.rglob(".2*.json"))))
        assert numbers(tmp_path) == {"4"}
    with received(running, tmp_path):
        eventually(lambda: numbers(tmp_path) == {"4", "5"})


def test_a_message_that_cannot_be_read_is_kept_as_it_is(running: Running, tmp_path: Path) -> None:
    with received(running, tmp_path):
        send_until(running, "geheim", lambda: bool(list(tmp_path.rglob("[!.]*.json"))))

    assert "geheim" in {path.read_text() for path in tmp_path.rglob("[!.]*.json")}


def test_a_message_of_a_bound_topic_is_a_file_of_its_feed(running: Running, tmp_path: Path) -> None:
    of = feeds(
        tmp_path,
        """[feeds.esb]
        format = "csv"
        paths = "esb/**/{meterpoint}-*.csv"
        topics = "gateways/{meterpoint}/csv"
        columns = { time = 1, value = 2 }
        """,
    )
    text = "2021-01-04 00:30,0.1\n"

    def found() -> list[Path]:
        return sorted(tmp_path.rglob("[!.]*.csv"))

    with received(running, tmp_path, of=of):
        send_until(running, line(1), lambda: '"1"' in str(kept(tmp_path)))
        send(running, text, gzip.compress(text.encode()), topic="gateways/1200010001/csv")
        send(running, "no path may have this", topic="gateways/.. ../csv")
        eventually(lambda: len(found()) == 2 and "no path may have this" in kept(tmp_path))

    assert {path.read_text() for path in found()} == {text}
    assert {path.name.partition("-")[0] for path in found()} == {"1200010001"}
    assert {path.parent.parent.relative_to(tmp_path) for path in found()} == {Path("esb/received/mqtt")}
    assert {taken.feed for path in found() if (taken := of.taking(str(path.relative_to(tmp_path))))} == {"esb"}


def kept(folder: Path) -> set[str]:
    """The content of files that are no feed's."""
    return {path.read_text() for path in folder.rglob("[!.]*.json")}


def test_a_broker_that_went_away_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    with broker(tmp_path / "broker") as running, received(running, tmp_path / "in"):
        send_until(running, line(1), lambda: numbers(tmp_path / "in") == {"1"})
        running.stop()
        running.start()
        send(running, line(2))
        eventually(lambda: numbers(tmp_path / "in") == {"1", "2"})


def test_a_wrong_password_is_told(running: Running, tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    wrong = Broker.of(running.url.replace(PASSWORD, "other"))
    try:
        subscription = Subscription(wrong, bindings("homes=meters/#", NO_FEEDS), landing, FeedFiles(tmp_path, NO_FEEDS))
        with pytest.raises(PermanentError, match=r"refuses: (Not authorized|Bad user name or password)"):
            subscription.run()
    finally:
        landing.close()


@pytest.mark.parametrize(
    "url",
    [
        "broker:1883",
        "mqtt://",
        "http://broker",
        "mqtt://broker:port",
        "mqtt://me:geheim@broker/topic",
        "mqtts://b?key=geheim",
    ],
)
def test_a_url_that_is_none_is_told_and_not_shown(url: str) -> None:
    with pytest.raises(SettingsError, match="METER_PLATFORM_RECEIVE_MQTT_URL") as told:
        Broker.of(url)
    assert "geheim" not in str(told.value)


def test_a_url_names_everything() -> None:
    found = Broker.of("mqtts://me:a%40b@broker.example?ca=/a.crt&client=second")

    assert (found.host, found.port, found.tls, found.authority) == ("broker.example", 8883, True, "/a.crt")
    assert (found.user, found.password, found.client) == ("me", "a@b", "second")
    assert "a@b" not in repr(found)
    assert Broker.of("mqtt://broker").port == 1883


def test_a_message_is_a_document_or_lines_packed_or_not() -> None:
    document = b'{"columns": ["interval_start", "consumption_delta", "meterpoint_id"], "data": [["x", 1, "2"]]}'

    assert delivery_of(document).rows == b'["x", 1, "2"]'
    assert delivery_of(gzip.compress(document)) == delivery_of(document)
    assert delivery_of(line(1).encode()).count == 1
    for broken in (gzip.compress(document)[:-9], gzip.compress(document) * 2):
        with pytest.raises(MalformedFileError):
            delivery_of(broken)
