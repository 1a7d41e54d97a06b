"""The server of HTTP.

What belongs here: uvicorn, and its end. What does not: what is served (`http.py`).
"""

from typing import Final

import uvicorn

from meter_platform.own_address import make_sure_is_free
from meter_platform.receive.feed_files import FeedFiles
from meter_platform.receive.http import receiver
from meter_platform.receive.landing import Landing
from meter_platform.receive.senders import Senders

_WAITING_CONNECTIONS: Final = 2_000
_ENDING_SECONDS: Final = 5


class HttpServer:
    """A server that takes readings; it has its port once it is made.

    Args:
        landing: where they go.
        senders: who may send.
        files: where files of feeds go.
        host: the address to listen on.
        port: the same; 0 lets the system choose.
        prefix: the path that a proxy has it at, which it takes off: for the page that says how.

    Raises:
        PermanentError: another program listens there, or the address is none of this machine's.
    """

    def __init__(
        self, landing: Landing, senders: Senders, files: FeedFiles, *, host: str, port: int, prefix: str = ""
    ) -> None:
        make_sure_is_free(host, port)
        config = uvicorn.Config(
            receiver(landing, senders, files),
            host=host,
            port=port,
            root_path=prefix,
            log_level="warning",
            access_log=False,
            server_header=False,
            backlog=_WAITING_CONNECTIONS,
            timeout_graceful_shutdown=_ENDING_SECONDS,
        )
        self._server = uvicorn.Server(config)
        self._socket = config.bind_socket()
        at = self._socket.getsockname()[1]
        address = f"http://{f'[{host}]' if ':' in host else host}:{at}"
        self.said = f"Readings are taken at {address}/readings; {address}/docs says how."

    def run(self) -> None:
        """Serves until `end` is called; in another thread than the main one, whose signals are not its business."""
        self._server.run(sockets=[self._socket])

    def end(self) -> None:
        """Lets requests that are under way end, and then `run`."""
        self._server.should_exit = True
