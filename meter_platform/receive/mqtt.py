"""Readings that are pushed by MQTT: a subscription with QoS 1 in a session that the broker keeps.

What belongs here: the connection to the broker, and when a message is acknowledged. What does not: files (`landing.py`).

A message is acknowledged once it is safe on disk. What is not acknowledged the broker sends again when the connection has
been made anew, also to the next process; a reading that comes twice counts once. A message that cannot be read is put
into a file as it is: the platform quarantines it, and says so.
"""

import logging
import ssl
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage, topic_matches_sub
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from meter_platform.errors import PermanentError, SettingsError
from meter_platform.feeds.malformed import FileReason, MalformedFileError
from meter_platform.receive.bindings import Binding
from meter_platform.receive.delivery import Delivery, from_document, from_lines
from meter_platform.receive.feed_files import FeedFiles, NoPlaceError
from meter_platform.receive.landing import FullError, Landing, NotStoredError
from meter_platform.receive.packing import Unpacking

MESSAGE_BYTES: Final = 8 << 20
"""What a message may have, unpacked."""

SESSION_SECONDS: Final = 7 * 86_400
"""How long the broker keeps messages for a receiver that is away."""

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_AT_LEAST_ONCE: Final = 1
_UNACKNOWLEDGED: Final = 1_000
_PAUSE_SECONDS: Final = 1.0
_SENDER: Final = "mqtt"
"""In the names of feeds' files."""

_GZIP: Final = b"\x1f\x8b"
_HOW: Final = (
    "write mqtts://user:password@host:8883, with ?ca=/path/of/the/authority.crt where it is one of your own and "
    "&client=name where several receivers share a broker; mqtt:// for a connection that anybody can read"
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Broker:
    """Where messages come from.

    Attributes:
        host: a name or an address.
        port: the same.
        tls: its certificate is checked.
        authority: a file with the certificate of the authority that is trusted; the system's where there is none.
        user: the login; `None` for none.
        password: the same.
        client: the name by which the broker knows the session.
    """

    host: str
    port: int
    tls: bool
    authority: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    client: str = "meter-platform"

    @classmethod
    def of(cls, url: str) -> Self:
        """The broker that a URL names.

        Raises:
            SettingsError: it is written wrongly; the URL is not shown.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS[parts.scheme]
            options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        except (ValueError, KeyError):
            raise SettingsError(f"METER_PLATFORM_RECEIVE_MQTT_URL cannot be read: {_HOW}.") from None
        if not parts.hostname or parts.path.strip("/") or not options.keys() <= {"ca", "client"}:
            raise SettingsError(f"METER_PLATFORM_RECEIVE_MQTT_URL cannot be read: {_HOW}.")
        return cls(
            parts.hostname,
            port,
            parts.scheme == "mqtts",
            options.get("ca"),
            unquote(parts.username) if parts.username else None,
            unquote(parts.password) if parts.password else None,
            options.get("client", cls.client),
        )


class Subscription:
    """Takes messages until it is ended.

    Args:
        broker: where they come from.
        bound: which messages are subscribed to. One belongs to the first that it matches.
        landing: where they go.
        files: where those of feeds go.

    Attributes:
        said: a sentence for whoever has started it.
    """

    def __init__(self, broker: Broker, bound: Sequence[Binding], landing: Landing, files: FeedFiles) -> None:
        self._broker, self._bound, self._landing, self._files = broker, bound, landing, files
        self._woken = threading.Event()
        self._ended = False
        self._refusal: str | None = None
        self.said = f"Readings are taken from the MQTT broker {broker.host}."

    def run(self) -> None:
        """Subscribes, and comes back once `end` was called. A connection that is lost is made again, with growing pauses.

        Raises:
            PermanentError: the broker refuses the login or the subscription.
        """
        while not self._ended:
            self._woken.clear()
            client = self._client()
            client.connect_async(self._broker.host, self._broker.port, clean_start=False, properties=_kept_session())
            client.loop_start()
            self._woken.wait()
            client.disconnect()
            client.loop_stop()
            if self._refusal:
                raise PermanentError(f"The MQTT broker {self._broker.host} refuses: {self._refusal}.")
            if not self._ended:
                # The disk did not take a message. It was not acknowledged: the broker sends it again.
                time.sleep(_PAUSE_SECONDS)

    def end(self) -> None:
        """Ends `run`. Any thread may call it, and a handler of signals."""
        self._ended = True
        self._woken.set()

    def _client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2, self._broker.client, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True
        )
        if self._broker.user is not None:
            client.username_pw_set(self._broker.user, self._broker.password)
        if self._broker.tls:
            client.tls_set_context(ssl.create_default_context(cafile=self._broker.authority))
        client.reconnect_delay_set(1, 60)
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed_to
        client.on_message = self._received
        return client

    def _connected(
        self, client: Client, _data: object, _flags: ConnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if code.is_failure:
            _log.warning("The MQTT broker does not let the receiver in: %s", code)
            if str(code) in {"Bad user name or password", "Not authorized", "Banned"}:
                self._refuse(str(code))
            return
        # Each time: a broker that lost the session lost the subscription with it.
        client.subscribe([(binding.topic.filter, _AT_LEAST_ONCE) for binding in self._bound])

    def _subscribed_to(
        self, _client: Client, _data: object, _mid: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        for binding, code in zip(self._bound, codes, strict=True):
            if code.is_failure:
                self._refuse(f"{binding.topic.filter}: {code}")

    def _refuse(self, why: str) -> None:
        self._refusal = why
        self._woken.set()

    def _received(self, client: Client, _data: object, message: MQTTMessage) -> None:
        binding = next((each for each in self._bound if topic_matches_sub(each.topic.filter, message.topic)), None)
        if binding is None:
            client.ack(message.mid, message.qos)  # of a subscription that an earlier start had
            return
        payload = bytes(message.payload)
        try:
            stored = self._put_file(binding, message.topic, payload) if binding.is_feed else self._put(binding, payload)
        except FullError:
            return  # it is about to end
        stored.add_done_callback(partial(self._stored, client, message.mid, message.qos))

    def _put(self, binding: Binding, payload: bytes) -> "Future[None]":
        try:
            return self._landing.put(binding.sender, delivery_of(payload), wait=True)
        except MalformedFileError:
            return self._landing.put_unread(binding.sender, payload)

    def _put_file(self, binding: Binding, topic: str, payload: bytes) -> "Future[None]":
        done: Future[None] = Future()
        try:
            content = unpacked(payload)
            self._files.put(binding.sender, _SENDER, binding.topic.said(topic), content)
        except (MalformedFileError, NoPlaceError):
            return self._landing.put_unread(binding.sender, payload)
        except NotStoredError as error:
            done.set_exception(error)
        else:
            done.set_result(None)
        return done

    def _stored(self, client: Client, mid: int, qos: int, stored: "Future[None]") -> None:
        if stored.exception():
            _log.error("A message could not be stored: %s", stored.exception())
            self._woken.set()
        elif client.ack(mid, qos) not in {MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN}:
            self._woken.set()


def delivery_of(payload: bytes) -> Delivery:
    """What a message says: a JSON document, or JSON objects with one in each line; packed with gzip or not.

    Raises:
        MalformedFileError: it is neither.
    """
    content = unpacked(payload)
    # One object alone is a document if it has what a document has.
    return from_document(content) if b'"columns"' in content[:1024] else from_lines(content)


def unpacked(payload: bytes) -> bytes:
    """A message, unpacked if it is packed with gzip.

    Raises:
        MalformedFileError: it is too large, or packed wrongly.
    """
    content = payload
    if payload.startswith(_GZIP):
        unpacking = Unpacking()
        content = b""
        for part in unpacking.add(payload):
            content += part
            _refuse_too_large(content)
        unpacking.end()
    _refuse_too_large(content)
    return content


def _refuse_too_large(content: bytes) -> None:
    if len(content) > MESSAGE_BYTES:
        raise MalformedFileError(FileReason.TOO_LARGE, f"it has more than {MESSAGE_BYTES >> 20} MB")


def _kept_session() -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho's
    # Its attributes are made while it runs.
    properties.SessionExpiryInterval = SESSION_SECONDS
    properties.ReceiveMaximum = _UNACKNOWLEDGED
    return properties
