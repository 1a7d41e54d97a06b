"""Alerts by a webhook: of Slack, or of whatever takes the same, such as Mattermost, Rocket.Chat or Discord's `/slack`.

What belongs here: the request, and what is said where it fails. What does not: how a message reads (`message.py`).

The URL is a secret as a whole: of it only the host is ever shown.
"""

import http.client
import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from meter_platform.alerts.errors import ChannelSettingsError, UndeliverableError
from meter_platform.alerts.message import Message
from meter_platform.redaction import HIDDEN, quoted
from meter_platform.settings import variable

SECONDS: Final = 10.0
"""For each answer of the server."""

_MOST_BYTES: Final = 500
"""Of an answer that are read: enough for a sentence."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Posts messages to a URL.

    Attributes:
        url: `http://` or `https://`.
    """

    url: str = field(repr=False)

    name = "webhook"

    @property
    def place(self) -> str:
        """Where messages go, without anything secret."""
        return f"{_host(self.url, 'alerts_webhook_url')}/{HIDDEN}"

    def send(self, message: Message) -> str:
        """Posts a message, as `{"text": …}` in Slack's notation.

        Returns:
            What happened, in words.

        Raises:
            ChannelSettingsError: the URL cannot be used.
            UndeliverableError: the server is away, or refuses the message.
        """
        body = json.dumps({"text": message.slack}).encode()
        status = request(self.url, "alerts_webhook_url", body=body)
        return f"{_host(self.url, 'alerts_webhook_url')} took it (HTTP {status})"


def request(url: str, setting: str, *, body: bytes | None = None) -> int:
    """Asks a URL, or posts JSON to it. A redirection is not followed: a webhook has none.

    Args:
        url: that is a secret.
        setting: the name of the setting that holds it, for messages.
        body: what to post, if anything.

    Returns:
        The status, one of 200 to 299.

    Raises:
        ChannelSettingsError: the URL cannot be used.
        UndeliverableError: the server is away, or refuses the request.
    """
    host = _host(url, setting)
    headers = {"Content-Type": "application/json"} if body else {}
    opener = urllib.request.build_opener(_NoRedirection)
    try:
        asked = urllib.request.Request(url, data=body, headers={"User-Agent": "meter-platform", **headers})  # noqa: S310 - `_host` takes http and https alone
        with opener.open(asked, timeout=SECONDS) as answer:
            answer.read(_MOST_BYTES)
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            said = error.read(_MOST_BYTES).decode("utf-8", "replace").replace(url, HIDDEN).strip()
        raise UndeliverableError(
            f"{host} answered HTTP {error.code}{f': {quoted(said)}' if said else ''}. Look at {variable(setting)}."
        ) from None
    except (urllib.error.URLError, OSError, http.client.HTTPException, ValueError) as error:
        raise UndeliverableError(f"{host} cannot be reached: {_why(error)}.") from None


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:  # noqa: ANN401 - urllib's signature
        """None: the redirection is the answer."""


def _host(url: str, setting: str) -> str:
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        parts, port = None, None
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise ChannelSettingsError(f"{variable(setting)} is no URL of a web server: it begins with https://.")
    return parts.hostname + (f":{port}" if port else "")


def _why(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"its certificate cannot be trusted ({reason.verify_message}); where it is of an authority of your own, name "
            "the file with its certificate in SSL_CERT_FILE"
        )
    if isinstance(reason, TimeoutError):
        return f"it did not answer within {SECONDS:.0f} seconds"
    return getattr(reason, "strerror", None) or type(reason).__name__
