"""Whether a service of the platform answers, for whoever starts it: Compose, systemd, Kubernetes.

What belongs here: questions that take a fraction of a second, for they are asked every few seconds on every machine. What
does not: what a service does with its time (`metrics/`), Dagster (importing it takes longer than any answer). Each question
imports what it alone needs, for the same reason.
"""

import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from meter_platform.errors import PermanentError, ServerUnavailableError

if TYPE_CHECKING:
    from meter_platform.settings import Settings

_ANSWER_SECONDS: Final = 5.0

HEARTBEAT: Final = timedelta(minutes=3)
"""A daemon's threads report every 30 seconds; one that is busy with a long tick misses a few."""


def check_http(url: str) -> None:
    """Returns where a web server answers with 200.

    Raises:
        PermanentError: it is no `http` URL.
        ServerUnavailableError: the server does not answer, or answers something else.
    """
    if urlsplit(url).scheme not in {"http", "https"}:
        raise PermanentError(f"{url} is no URL of a web server: write it as http://127.0.0.1:3000/server_info.")
    try:
        with urllib.request.urlopen(url, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310 - checked above
            status = answer.status
    except urllib.error.HTTPError as refusal:
        status = refusal.code
    except OSError as error:
        raise ServerUnavailableError(f"{url} does not answer: {error}.") from None
    if status != HTTPStatus.OK:
        raise ServerUnavailableError(f"{url} answers with status {status}.")


def check_grpc(address: str) -> None:
    """Returns where a code server says that it serves.

    Args:
        address: `host:port`.

    Raises:
        ServerUnavailableError: it does not answer, or says something else.
    """
    import grpc  # noqa: PLC0415 - see the module's docstring
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415 - as above

    request = health_pb2.HealthCheckRequest(service="DagsterApi")
    try:
        with grpc.insecure_channel(address) as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=_ANSWER_SECONDS)
    except grpc.RpcError as error:
        raise ServerUnavailableError(f"{address} does not answer: {error.code().name}.") from None
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise ServerUnavailableError(f"{address} does not serve.")


def check_daemon(settings: "Settings") -> None:
    """Returns where Dagster's daemon has written a heartbeat lately.

    Each of its threads writes one, and the newest counts here: the daemon itself ends when one of its threads does.

    Raises:
        ServerUnavailableError: it has not, or its database does not answer.
    """
    from meter_platform.warehouse.database import Database, dagster_url  # noqa: PLC0415 - as above

    with Database(dagster_url(settings)).connect() as connection:
        # The column `timestamp` has no zone: it is in that of Dagster's sessions, which need not be UTC.
        row = connection.execute(
            "SELECT to_timestamp(max((body::jsonb ->> 'timestamp')::float8)) FROM daemon_heartbeats"
        ).fetchone()
    if row is None or row[0] is None:
        raise ServerUnavailableError("Dagster's daemon has never written a heartbeat.")
    age = datetime.now(UTC) - row[0]
    if age > HEARTBEAT:
        raise ServerUnavailableError(
            f"Dagster's daemon wrote its last heartbeat {age.total_seconds():.0f} seconds ago."
        )
