"""The receiver as a process: its ways in, until a signal ends it.

What belongs here: what is started and in which order it ends. What does not: any one way in.
"""

import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

import fsspec
from fsspec.implementations.local import LocalFileSystem

from meter_platform.errors import SettingsError
from meter_platform.feeds.configured import feeds_of
from meter_platform.receive.bindings import Binding, bindings
from meter_platform.receive.feed_files import FOLDER, FeedFiles
from meter_platform.receive.http_server import HttpServer
from meter_platform.receive.landing import FILE_SECONDS, Landing
from meter_platform.receive.mqtt import Broker, Subscription
from meter_platform.receive.senders import Senders
from meter_platform.settings import Settings, variable

_ENDING_SECONDS: Final = 10


class WayIn(Protocol):
    """Where readings come in.

    Attributes:
        said: a sentence for whoever has started it.
    """

    said: str

    def run(self) -> None:
        """Takes readings until `end` is called."""

    def end(self) -> None:
        """Lets `run` come back. Any thread may call it."""


def receive(
    settings: Settings,
    *,
    host: str,
    port: int,
    listening: Callable[[str], None],
    prefix: str = "",
    file_seconds: float = FILE_SECONDS,
) -> None:
    """Takes readings by HTTP, by MQTT, or both, as the settings say, until a signal ends the process.

    Args:
        settings: of the platform.
        host: where HTTP listens.
        port: the same; 0 lets the system choose.
        listening: gets a sentence for each way in.
        prefix: the path that a proxy has HTTP at, such as `/receive`.
        file_seconds: how old a file may become before a scan may find it.

    Raises:
        SettingsError: no way in is set, or one is set wrongly.
        PermanentError: another process receives already, the port is taken, or the broker refuses.
    """
    senders = Senders(settings.receive_tokens) if settings.receive_tokens else None
    broker = Broker.of(settings.receive_mqtt_url) if settings.receive_mqtt_url else None
    if not senders and not broker:
        raise SettingsError(
            "Nobody may send anything: set METER_PLATFORM_RECEIVE_TOKENS for HTTP, METER_PLATFORM_RECEIVE_MQTT_URL for MQTT."
        )
    feeds = feeds_of(settings)
    bound = bindings(settings.receive_mqtt_topics or "", feeds) if broker else []
    folder = landing_folder(settings)
    files = FeedFiles(folder.parent, feeds)
    _refuse_what_nobody_reads(bound, files)
    landing = Landing(folder, file_seconds=file_seconds)
    try:
        ways: list[WayIn] = []
        if senders:
            ways.append(HttpServer(landing, senders, files, host=host, port=port, prefix=prefix))
        if broker:
            ways.append(Subscription(broker, bound, landing, files))
        _run(ways, listening)
    finally:
        landing.close()


def landing_folder(settings: Settings) -> Path:
    """Where what is pushed becomes files.

    Raises:
        SettingsError: reading files are on no disk of this machine.
    """
    if settings.readings_url is None:
        raise SettingsError("METER_PLATFORM_READINGS_URL is not set: name the folder that received readings go to.")
    filesystem, path = fsspec.url_to_fs(settings.readings_url)
    if not isinstance(filesystem, LocalFileSystem):
        raise SettingsError(
            "METER_PLATFORM_READINGS_URL is no local folder, and a delivery is safe once it is on this machine's disk: "
            "receive into a local folder, and copy its files to the store."
        )
    return Path(path) / FOLDER


def _refuse_what_nobody_reads(bound: Sequence[Binding], files: FeedFiles) -> None:
    for each in bound:
        if not each.is_feed and (missing := files.takes_own(each.sender)):
            raise SettingsError(f"{variable('receive_mqtt_topics')} has messages that nobody would read. {missing}")


def _run(ways: Sequence[WayIn], listening: Callable[[str], None]) -> None:
    """Runs each in a thread until a signal comes, or one of them has failed."""
    ended = threading.Event()
    failures: list[Exception] = []

    def guarded(way: WayIn) -> None:
        try:
            way.run()
        except Exception as error:  # noqa: BLE001 - raised again below, by the thread that waits
            failures.append(error)
        finally:
            ended.set()

    for received in (signal.SIGINT, signal.SIGTERM):
        signal.signal(received, lambda *_: ended.set())
    threads = [threading.Thread(target=guarded, args=[way]) for way in ways]
    for thread in threads:
        thread.start()
    for way in ways:
        listening(way.said)
    ended.wait()
    for way in ways:
        way.end()
    for thread in threads:
        thread.join(_ENDING_SECONDS)
    if failures:
        raise failures[0]
