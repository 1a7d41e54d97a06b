"""A mail server and a web server that take alerts, as they are in the world: with logins, TLS, refusals and silence.

What belongs here: the servers. What does not: what they should get.
"""

import json
import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final, Literal

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER: Final = "alerts@example.org"
PASSWORD: Final = "ge:h@im/1"  # noqa: S105 - of the mail server below

Security = Literal["starttls", "tls", "none"]


@dataclass
class MailServer:
    """What a mail server got, and what it answers.

    Attributes:
        port: on 127.0.0.1, which the certificate calls localhost.
        mails: that it took.
        reply: to each message.
        refused: addresses that it does not know.
    """

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    reply: str = "250 taken"
    refused: set[str] = field(default_factory=set)

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, *___: Any) -> str:  # noqa: ANN401, N802 - aiosmtpd's signature
        if address in self.refused:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if self.reply.startswith("250"):
            content = envelope.original_content or b""
            mail = message_from_bytes(content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
        return self.reply


class _AnyPort(Controller):
    """Listens on whatever port is free; aiosmtpd knocks at the number that it was given."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(
    *,
    security: Security = "none",
    login: bool = False,
    authority: trustme.CA | None = None,
    host: str = "127.0.0.1",
) -> Iterator[MailServer]:
    """A mail server on a port of its own, at an address of this machine."""
    handler = MailServer()
    context = None
    if security != "none":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        (authority or trustme.CA()).issue_cert("localhost").configure_cert(context)

    def authenticate(_: SMTP, __: Session, ___: Envelope, ____: str, data: LoginPassword) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (USER.encode(), PASSWORD.encode()), handled=False)

    controller = _AnyPort(
        handler,
        hostname=host,
        port=0,
        ssl_context=context if security == "tls" else None,
        tls_context=context if security == "starttls" else None,
        require_starttls=security == "starttls",
        authenticator=authenticate if login else None,
        auth_required=login,
        # What it has of a login it offers by TLS alone; aiosmtpd does not know that TLS from the start is TLS.
        auth_require_tls=security == "starttls",
    )
    with warnings.catch_warnings():
        # aiosmtpd warns of the server with TLS from the start, which it takes for one without, and of what it does itself.
        warnings.filterwarnings("ignore", "Requiring AUTH while not requiring TLS", UserWarning)
        warnings.filterwarnings("ignore", "Session.login_data is deprecated", DeprecationWarning)
        controller.start()
        try:
            handler.port = controller.port
            yield handler
        finally:
            controller.stop()


@dataclass
class WebServer:
    """What a web server got, and what it answers.

    Attributes:
        url: of the webhook, which is a secret.
        posted: the documents that it took.
        asked: the paths that were asked for.
        status: of its answers.
        answer: what else it says.
    """

    url: str = ""
    posted: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    status: int = 200
    answer: bytes = b"ok"


@contextmanager
def web_server(*, authority: trustme.CA | None = None, host: str = "127.0.0.1") -> Iterator[WebServer]:
    """A web server on a port of its own, at an address of this machine; with TLS where an authority is given."""
    state = WebServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if state.status == 200:
                state.posted.append(document)
            self.end()

        def do_GET(self) -> None:
            self.end()

        def end(self) -> None:
            state.asked.append(self.path)
            self.send_response(state.status)
            if state.status == 302:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(state.answer)))
            self.end_headers()
            self.wfile.write(state.answer)

        def log_message(self, *_: Any) -> None:  # noqa: ANN401 - the base class's signature
            pass

    server = ThreadingHTTPServer((host, 0), Handler)
    if authority:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost").configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    state.url = f"http{'s' if authority else ''}://localhost:{server.server_address[1]}/services/T0/B0/geheim"
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def trusted(authority: trustme.CA, folder: Path) -> Iterator[None]:
    """This process trusts an authority."""
    file = folder / "authority.pem"
    authority.cert_pem.write_to_path(file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(file))
        yield
