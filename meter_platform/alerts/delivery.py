"""Sending what is due by every channel, within a bound of time.

What belongs here: which channels there are, and going through what each has to send. What does not: what is due
(`ledger.py`), how a message reads, and any one channel.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol, TypeVar

from meter_platform.alerts.errors import UndeliverableError
from meter_platform.alerts.ledger import Ledger, Notice
from meter_platform.alerts.mail import Mail
from meter_platform.alerts.message import Message, compose
from meter_platform.alerts.webhook import Webhook, request
from meter_platform.errors import MeterPlatformError
from meter_platform.settings import Settings

Result = TypeVar("Result")

MOST_SINGLE: Final = 4
"""Messages that one channel sends at a time about one incident each; more incidents come in one message."""

SECONDS: Final = 20.0
"""After so long no further message is begun: whoever calls has a minute."""

LONGEST_SECONDS: Final = 15.0
"""For one message, whatever the server does: one that answers each step late would take minutes."""


class Channel(Protocol):
    """A way to reach people."""

    @property
    def name(self) -> str:
        """What the channel is called, in messages and in the ledger."""

    @property
    def place(self) -> str:
        """Where messages go, without anything secret."""

    def send(self, message: Message) -> str:
        """Hands a message over, and says what happened.

        Raises:
            ChannelSettingsError: a setting cannot be used.
            UndeliverableError: it could not be handed over.
        """


@dataclass(slots=True)
class Outcome:
    """What became of the messages that were due.

    Attributes:
        sent: how many messages were handed over.
        worked: names of the channels that took one.
        failures: by the channel's name, why its last message was not.
        given_up: titles of the incidents that a channel will not try to tell any more.
    """

    sent: int = 0
    worked: set[str] = field(default_factory=set)
    failures: dict[str, str] = field(default_factory=dict)
    given_up: list[str] = field(default_factory=list)


def channels(settings: Settings) -> list[Channel]:
    """The channels that settings name, none where alerts are off. Nothing is checked yet: sending says what is wrong."""
    found: list[Channel] = []
    if settings.alerts_smtp_url or settings.alerts_email_to:
        found.append(
            Mail(settings.alerts_smtp_url or "", settings.alerts_email_to or "", settings.alerts_email_from or "")
        )
    if settings.alerts_webhook_url:
        found.append(Webhook(settings.alerts_webhook_url))
    return found


def send_due(ledger: Ledger, every: Sequence[Channel], settings: Settings, now: datetime) -> Outcome:
    """Sends what is due, and notes it in the ledger. A channel that fails is left alone until the next call."""
    outcome = Outcome()
    deadline = time.monotonic() + SECONDS
    for channel in every:
        for notices in _messages(ledger.due(channel.name, now)):
            if time.monotonic() >= deadline:
                break
            message = compose(notices, zone=settings.zone, ui_url=settings.dagster_ui_url)
            try:
                send(channel, message)
            except MeterPlatformError as error:
                outcome.failures[channel.name] = str(error)
                for notice in notices:
                    if ledger.failed(channel.name, notice, now):
                        outcome.given_up.append(notice.incident.title)
                break
            outcome.sent += 1
            outcome.worked.add(channel.name)
            for notice in notices:
                ledger.delivered(channel.name, notice)
    return outcome


def send(channel: Channel, message: Message) -> str:
    """Sends one message, and waits for so long at most as a caller can.

    Raises:
        ChannelSettingsError: a setting cannot be used.
        UndeliverableError: it could not be handed over, as far as anyone knows.
    """
    return _within(LONGEST_SECONDS, lambda: channel.send(message), f"The {channel.name}")


def beat(settings: Settings) -> str:
    """Tells whoever waits for it that alerts work, and says what happened; does nothing where nobody does.

    Raises:
        ChannelSettingsError, UndeliverableError: it could not be told.
    """
    url = settings.alerts_heartbeat_url
    if not url:
        return "none is set"
    status = _within(LONGEST_SECONDS, lambda: request(url, "alerts_heartbeat_url"), "The heartbeat")
    return f"it was taken (HTTP {status})"


def _messages(due: Sequence[Notice]) -> list[list[Notice]]:
    """What goes into one message each."""
    return [[notice] for notice in due] if len(due) <= MOST_SINGLE else [list(due)]


def _within(seconds: float, act: Callable[[], Result], what: str) -> Result:
    """What `act` returns or raises. Where it takes longer it goes on by itself, and nobody waits for it."""
    ended: list[Result | MeterPlatformError] = []

    def run() -> None:
        try:
            ended.append(act())
        except MeterPlatformError as error:
            ended.append(error)

    thread = threading.Thread(target=run, name=f"alerts: {what}", daemon=True)
    thread.start()
    thread.join(seconds)
    if not ended:
        raise UndeliverableError(f"{what} took longer than {seconds:.0f} seconds, and was not waited for.")
    if isinstance(ended[0], MeterPlatformError):
        raise ended[0]
    return ended[0]
