"""Sending one message by every channel, so that somebody sees whether alerts arrive.

What belongs here: the message, and what came of it. What does not: the screen.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from socket import gethostname

from meter_platform.alerts.delivery import beat, channels, send
from meter_platform.alerts.incident import Incident
from meter_platform.alerts.ledger import Notice
from meter_platform.alerts.message import Message, compose
from meter_platform.errors import MeterPlatformError, SettingsError
from meter_platform.settings import Settings, variable


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one channel.

    Attributes:
        name: of the channel.
        works: whether it took the message.
        said: what happened, or what to do about it.
    """

    name: str
    works: bool
    said: str


def try_everything(settings: Settings) -> Iterator[Tried]:
    """Sends a message by each channel, one after another, and a heartbeat where one is set.

    Raises:
        SettingsError: no channel is set.
    """
    every = channels(settings)
    if not every:
        raise SettingsError(
            f"Alerts are off: set {variable('alerts_smtp_url')} and {variable('alerts_email_to')} for e-mail, or "
            f"{variable('alerts_webhook_url')} for a webhook."
        )
    message = _message(settings)
    for channel in every:
        yield _tried(channel.name, partial(send, channel, message))
    if settings.alerts_heartbeat_url:
        yield _tried("heartbeat", partial(beat, settings))


def _tried(name: str, act: Callable[[], str]) -> Tried:
    try:
        return Tried(name, works=True, said=act())
    except MeterPlatformError as error:
        return Tried(name, works=False, said=str(error))


def _message(settings: Settings) -> Message:
    now = datetime.now(UTC)
    incident = Incident(
        key="trial",
        kind="trial",
        title="This is a test",
        began=now,
        facts={
            "Sent by": f"meter-platform alerts test, on {gethostname()}",
            "Links lead to": settings.dagster_ui_url or f"nowhere: {variable('dagster_ui_url')} is not set",
        },
        advice="Nothing is wrong. Whoever reads this will be told when something is.",
        link="/overview",
        link_text="Open Dagster",
    )
    return compose([Notice(incident, now)], zone=settings.zone, ui_url=settings.dagster_ui_url)
