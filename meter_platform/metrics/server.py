"""The server of `/metrics`, and the same text once.

What belongs here: HTTP and its end. What does not: metrics.
"""

import signal
import threading
from collections.abc import Callable

from prometheus_client import CollectorRegistry, generate_latest, start_http_server

from meter_platform.metrics.collector import PlatformCollector
from meter_platform.own_address import make_sure_is_free


def once(collector: PlatformCollector) -> str:
    """The metrics as Prometheus reads them."""
    return generate_latest(_registry(collector)).decode()


def serve(collector: PlatformCollector, *, host: str, port: int, listening: Callable[[int], None]) -> None:
    """Serves metrics until a signal ends the process.

    Args:
        collector: asked at each scrape, by several threads at a time where there are several scrapes.
        host: the address to listen on.
        port: the same.
        listening: called once it does, with the port, which the system chooses where `port` is 0.

    Raises:
        PermanentError: another program listens there, or the address is none of this machine's.
    """
    make_sure_is_free(host, port)
    ended = threading.Event()
    for received in (signal.SIGINT, signal.SIGTERM):
        signal.signal(received, lambda *_: ended.set())
    server, thread = start_http_server(port, addr=host, registry=_registry(collector))
    listening(server.server_port)
    ended.wait()
    server.shutdown()
    server.server_close()
    thread.join()


def _registry(collector: PlatformCollector) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(collector)
    return registry
