"""Web servers on a person's machine that answer only pages of their own.

What belongs here: which requests a page from elsewhere, or under another name, could have sent, and refusing them;
whether a port is free. What does not: who may use a server that others reach (a proxy with a login in front of it, see
`docs/operating/postgres.md`), the servers themselves.

Any web page that is open in a browser can send requests to `localhost`: with a form, a picture, a script. And a name
that its owner points to 127.0.0.1 makes the server the page's own (DNS rebinding). Browsers say truthfully in `Host`,
`Origin` and `Sec-Fetch-*` where a request goes and comes from; programs that are no browsers may leave those out.
"""

import errno
import ipaddress
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from meter_platform.errors import PermanentError

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_EVERYWHERE: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared with, not listened on
_READING: Final = frozenset({"GET", "HEAD"})
_POLICY_VIOLATION: Final = 1008
"""Of a websocket (RFC 6455)."""


class OwnAddressOnly:
    """ASGI middleware that refuses what does not come from the server's own pages, nor from a program.

    - `Host` names the address that the server listens on, or this machine. The port is left open, for a tunnel or a
      container may have another one.
    - `Origin`, where there is one, is that same address. So it is for a websocket.
    - A request that another site made is a person who follows a link, or refused.
    - With `json_only`, what is sent is JSON, which no form can send, and GraphQL is not taken from a link.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], *, host: str, json_only: bool = False) -> None:
        """Wraps an application.

        Args:
            app: the ASGI application.
            host: what the server listens on: a name or an address.
            json_only: see above; for applications whose own pages send nothing else.
        """
        self.app = app
        self._json_only = json_only
        self._names = _LOOPBACK | {host.lower()}
        # Reached by whatever address the machine has; a name of somebody else's is still none of them.
        self._any_address = host in _EVERYWHERE
        if self._any_address:
            self._names |= {socket.gethostname().lower(), socket.getfqdn().lower()}

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Passes a request on, or answers it with why it does not."""
        refusal = self._refusal(scope) if scope["type"] in {"http", "websocket"} else None
        if refusal is None:
            await self.app(scope, receive, send)
            return
        status, why = refusal
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
        body = why.encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body if scope["method"] != "HEAD" else b""})

    def _refusal(self, scope: _Scope) -> tuple[int, str] | None:
        """The status and the reason, or `None` for what is let through."""
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1").strip().lower())
        hosts = headers.get("host", [])
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return 403, "This server answers to its own address only, and was asked for another name."
        if any(origin not in {f"http://{hosts[0]}", f"https://{hosts[0]}"} for origin in headers.get("origin", [])):
            return 403, "This server answers its own pages only, and another page asked."
        method = scope.get("method", "GET")
        follows_a_link = (
            method in _READING
            and headers.get("sec-fetch-mode") == ["navigate"]
            and headers.get("sec-fetch-dest") == ["document"]
        )
        if headers.get("sec-fetch-site", ["none"])[0] in {"cross-site", "same-site"} and not follows_a_link:
            return 403, "This server answers its own pages only, and another site asked."
        if self._json_only and scope["type"] == "http":
            if method not in _READING | {"OPTIONS"}:
                if headers.get("content-type", [""])[0].partition(";")[0].strip() != "application/json":
                    return 415, "Send application/json."
            elif scope["path"].rstrip("/").endswith("/graphql") and (
                scope.get("query_string") or "text/html" not in headers.get("accept", [""])[0]
            ):
                return 405, "GraphQL is taken by POST."
        return None

    def _is_ours(self, host: str) -> bool:
        try:
            parts = urlsplit(f"//{host}")
            name, _ = parts.hostname or "", parts.port
        except ValueError:
            return False
        if parts.netloc != host or "@" in host:
            return False
        if name in self._names:
            return True
        if self._any_address:
            with suppress(ValueError):
                return bool(ipaddress.ip_address(name))
        return False


def make_sure_is_free(host: str, port: int) -> None:
    """Raises where a server could not listen.

    Raises:
        PermanentError: another program listens there, or the address is none of this machine's.
    """
    try:
        places = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, OverflowError) as error:
        raise PermanentError(f"{host}:{port} is no address to listen on: {error}.") from None
    refused: list[OSError] = []
    for family, kind, protocol, _, address in places:
        try:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PermanentError(
                    f"Port {port} is taken: another program listens on {host}, maybe this one, started before. "
                    "Stop it, or choose another port with --port."
                ) from None
            refused.append(error)
    if len(refused) == len(places):  # a machine may know a name's address of IPv6 and have none
        raise PermanentError(f"{host}:{port} cannot be listened on: {refused[0].strerror}.")
