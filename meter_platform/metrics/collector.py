"""The collector: at each scrape it asks every part, and lets each fail alone.

What belongs here: sessions, the account of what failed, and what is said of it. What does not: queries (the parts), HTTP
(`server.py`).
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from psycopg.conninfo import conninfo_to_dict

from meter_platform.embedded_postgres.names import DAGSTER_DATABASE
from meter_platform.errors import first_line
from meter_platform.metrics import dagster_storage, server_state, stored_data
from meter_platform.metrics.part import Part
from meter_platform.postgres.connecting import connect_once
from meter_platform.postgres.urls import database_url
from meter_platform.redaction import redact_text
from meter_platform.settings import Settings
from meter_platform.warehouse.database import dagster_url, data_url, open_database
from meter_platform.warehouse.exporter_grants import EXPORTER_ROLE, EXPORTER_SETTINGS

CONNECT_SECONDS: Final = 3
"""A scrape does not wait for a server that restarts: the next one finds it."""

_OPTIONS: Final = " ".join(f"-c {name}={value}" for name, value in EXPORTER_SETTINGS.items())
"""What the exporter's role has set anyway; the embedded server's only login has not."""

_BECOME_EXPORTER: Final = (
    "SELECT set_config('role', rolname, false) FROM pg_roles WHERE rolname = %s AND pg_has_role(oid, 'SET')"
)
"""Gives up whatever else the login may do, where the exporter's role has been made."""

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of asking a part.

    Attributes:
        metrics: of it; none where it failed.
        seconds: that it took.
        failure: why it failed, without secrets; `None` where it did not.
    """

    metrics: Sequence[Metric]
    seconds: float
    failure: str | None


class PlatformCollector(Collector):
    """Asks the parts of each database in one session of their own.

    Args:
        parts: by the libpq URL of the database that they ask.
    """

    def __init__(self, parts: Mapping[str, Sequence[Part]]) -> None:
        self._parts = parts
        self._failures: dict[str, str | None] = {}

    @property
    def failures(self) -> dict[str, str]:
        """Why parts failed at the last scrape."""
        return {name: failure for name, failure in self._failures.items() if failure}

    def collect(self) -> Iterator[Metric]:
        """The metrics of every part that answered, then which did, and how long each took."""
        success = GaugeMetricFamily(
            "meter_exporter_collector_success", "Whether this part of the metrics could be asked.", labels=["collector"]
        )
        duration = GaugeMetricFamily(
            "meter_exporter_collector_duration_seconds", "How long asking it took.", labels=["collector"]
        )
        for url, parts in self._parts.items():
            for part, answer in zip(parts, _ask(url, parts), strict=True):
                yield from answer.metrics
                success.add_metric([part.name], answer.failure is None)
                duration.add_metric([part.name], answer.seconds)
                self._note(part.name, answer.failure)
        yield success
        yield duration

    def _note(self, name: str, failure: str | None) -> None:
        """Says that a part fails, or does no longer; once, for there is a scrape every few seconds."""
        if failure != self._failures.get(name):
            if failure:
                _log.warning("The metrics of %s cannot be had: %s", name, failure)
            else:
                _log.warning("The metrics of %s are back.", name)
        self._failures[name] = failure


def platform_collector(settings: Settings) -> PlatformCollector:
    """The collector of every part.

    The embedded server is started, with its tables, if it is the one. Of a given server nothing is asked yet.

    Raises:
        SettingsError: METER_PLATFORM_POSTGRES_URL or METER_PLATFORM_DAGSTER_URL is no Postgres URL, or only the latter is set.
        ServerUnavailableError, ServerSetupError: the embedded server cannot be had.
    """
    data = data_url(settings) if settings.postgres_url or settings.dagster_url else open_database(settings).url
    # Without a URL of its own it is the one that runs make beside the platform's: nothing is made here.
    dagster = dagster_url(settings) if settings.dagster_url else database_url(data, DAGSTER_DATABASE)
    return PlatformCollector(
        {
            data: (*stored_data.parts(settings), *server_state.parts(_name(dagster))),
            dagster: dagster_storage.PARTS,
        }
    )


def _name(url: str) -> str:
    """The name of the database that a URL leads to."""
    return str(conninfo_to_dict(url)["dbname"])


def _ask(url: str, parts: Sequence[Part]) -> list[_Answer]:
    """The answers of the parts of one database."""
    begun = time.perf_counter()
    try:
        connection = connect_once(url, autocommit=True, connect_timeout=CONNECT_SECONDS, options=_OPTIONS)
    except psycopg.Error as error:
        return [_Answer((), time.perf_counter() - begun, _why(error, url))] * len(parts)
    with closing(connection):
        try:
            connection.execute(_BECOME_EXPORTER, (EXPORTER_ROLE,))
        except psycopg.Error as error:
            return [_Answer((), time.perf_counter() - begun, _why(error, url))] * len(parts)
        return [_ask_one(part, connection, url) for part in parts]


def _ask_one(part: Part, connection: psycopg.Connection[Any], url: str) -> _Answer:
    begun = time.perf_counter()
    try:
        metrics, failure = list(part.collect(connection)), None
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one part, the others are served
        metrics, failure = [], _why(error, url)
    return _Answer(metrics, time.perf_counter() - begun, failure)


def _why(error: Exception, url: str) -> str:
    """What failed, in a line. Only Postgres's own words are repeated: others may quote a value."""
    said = first_line(error) if isinstance(error, psycopg.Error) else ""
    return redact_text(f"{type(error).__name__}: {said}" if said else type(error).__name__, url)
