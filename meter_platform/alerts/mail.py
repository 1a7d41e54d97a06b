"""Alerts by e-mail: one mail server, with or without a login, by STARTTLS, by TLS from the start, or in the open.

What belongs here: SMTP. What does not: how a message reads (`message.py`), and what is said where sending it fails
(`mail_failures.py`).

A login is only ever sent over TLS whose certificate was verified, against the system's authorities or those of the file
that `SSL_CERT_FILE` names.
"""

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr
from typing import Final, Literal
from urllib.parse import unquote

from meter_platform.alerts.errors import ChannelSettingsError
from meter_platform.alerts.mail_failures import explained, reply
from meter_platform.alerts.message import NAME, Message
from meter_platform.redaction import redact
from meter_platform.settings import variable

STEP_SECONDS: Final = 10.0
"""For each answer of the server."""

_URL: Final = re.compile(
    r"(?P<scheme>smtps?)://(?:(?P<user>[^\s:@/?#]+):(?P<password>[^\s:@/?#]+)@)?"
    r"(?P<host>[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?/?(?:\?tls=(?P<tls>no|yes))?"
)
_WRITE: Final = (
    "write it as smtp://user:password@host:587, smtps://user:password@host:465 or smtp://host:25?tls=no, with every @ of "
    "user and password as %40, : as %3A, / as %2F, ? as %3F, # as %23 and % as %25"
)

_ADDRESS: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)*", re.ASCII)

_WHOLE_LINES: Final = SMTP.clone(max_line_length=200)
"""A subject of one long word, such as the name of a check, is not folded: some programs show where it was."""

Security = Literal["STARTTLS", "TLS", "none"]
_PORTS: Final[dict[Security, int]] = {"STARTTLS": 587, "TLS": 465, "none": 25}


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server, as METER_PLATFORM_ALERTS_SMTP_URL names it."""

    host: str
    port: int
    security: Security
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, url: str) -> "Server":
        """Takes a URL apart.

        Raises:
            ChannelSettingsError: it cannot be used. It is not quoted, for it may hold a password.
        """
        found = _URL.fullmatch(url.strip())
        if found is None:
            raise ChannelSettingsError(f"{variable('alerts_smtp_url')} is written wrongly: {_WRITE}.")
        security: Security = "TLS" if found["scheme"] == "smtps" else "none" if found["tls"] == "no" else "STARTTLS"
        if found["user"] and security == "none":
            raise ChannelSettingsError(
                f"{variable('alerts_smtp_url')} has a login and tls=no: a password is never sent in the open. Leave out "
                "one of the two."
            )
        user, password = (unquote(found[name] or "") for name in ("user", "password"))
        port = int(found["port"] or _PORTS[security])
        return cls(found["host"].strip("[]"), port, security, user, password)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Mail:
    """Sends messages to the people whom settings name.

    Attributes:
        url: of the mail server, see `Server.of`.
        to: addresses, with commas between them.
        sender: an address; empty for the first of `to`.
    """

    url: str = field(repr=False)
    to: str
    sender: str = ""

    name = "e-mail"

    @property
    def place(self) -> str:
        """Where messages go, without anything secret."""
        return f"{redact(self.url)} for {self.to}"

    def send(self, message: Message) -> str:
        """Hands a message to the mail server.

        Returns:
            What happened, in words.

        Raises:
            ChannelSettingsError: a setting cannot be used.
            UndeliverableError: the server is away, or refuses the message.
        """
        server, recipients = Server.of(self.url), _addresses(self.to, "alerts_email_to")
        (sender,) = _addresses(self.sender, "alerts_email_from") if self.sender else recipients[:1]
        mail = _mail(message, sender, recipients)
        try:
            with _session(server) as smtp:
                refused = smtp.send_message(mail, sender.addr_spec, [each.addr_spec for each in recipients])
        except OSError as error:
            raise explained(error, str(server), seconds=STEP_SECONDS, password=server.password) from None
        taken = len(recipients) - len(refused)
        said = "".join(f"; it refused {address}: {reply(*answer)}" for address, answer in refused.items())
        return f"{server} took it for {taken} of {len(recipients)} addresses{said}"


def _mail(message: Message, sender: Address, recipients: list[Address]) -> EmailMessage:
    mail = EmailMessage(policy=_WHOLE_LINES)
    mail["Subject"] = message.subject
    mail["From"] = Address(NAME, addr_spec=sender.addr_spec)
    mail["To"] = recipients
    mail["Date"] = formatdate(localtime=True)
    # The same message has the same identity when it is sent again, so that a mailbox can tell; and it shows that an
    # incident is over below the message that it began.
    mail["Message-ID"] = f"<{message.identity}@{sender.domain}>"
    if message.answers:
        mail["In-Reply-To"] = mail["References"] = f"<{message.answers}@{sender.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text)
    mail.add_alternative(message.html, subtype="html")
    return mail


def _addresses(text: str, setting: str) -> list[Address]:
    found = [parseaddr(part)[1] for part in text.split(",")]
    if "\n" in text or not all(_ADDRESS.fullmatch(address) for address in found):
        raise ChannelSettingsError(
            f"{variable(setting)}={text!r} is no e-mail address; write them as ann@example.org, ben@example.org."
        )
    return [Address(addr_spec=address) for address in found]


@contextmanager
def _session(server: Server) -> Iterator[smtplib.SMTP]:
    context = ssl.create_default_context()
    if server.security == "TLS":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=STEP_SECONDS, context=context)
    else:
        smtp = smtplib.SMTP(server.host, server.port, timeout=STEP_SECONDS)
    with smtp:
        if server.security == "STARTTLS":
            smtp.starttls(context=context)
        if server.user:
            smtp.login(server.user, server.password)
        yield smtp
