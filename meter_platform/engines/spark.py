"""Spark computes, on any cluster that speaks Spark Connect: the platform sends SQL and takes Arrow.

What belongs here: one session with such a server, what it is set to, and how it fails. What does not: a cluster's own
configuration, which is the server's concern, and Java: the client is a small package without it.

A cluster reads large dates from files that both can see (`FileSource`). What has no such files is sent to it, which is
for small tables: beyond a bound it is refused, for the server would hold all of it in the memory of its driver.
"""

import logging
import threading
import uuid
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from functools import lru_cache, partial, reduce
from typing import Any, Final

import grpc
import ibis
import pyarrow as pa
from ibis.expr import operations

from meter_platform.engines.inputs import DATE, Input, inputs_of
from meter_platform.engines.protocol import (
    Computation,
    FileSource,
    PartitionSource,
    Versions,
    computed_ahead,
    origins_of,
)
from meter_platform.errors import EngineFailedError, EngineUnavailableError, PermanentError, SettingsError, first_line
from meter_platform.redaction import redact_text
from meter_platform.settings import variable
from meter_platform.stages import ended_if_unwanted

with warnings.catch_warnings():
    # The client says at import that it does not know pandas 3 yet. None of its pandas is used here.
    warnings.simplefilter("ignore", FutureWarning)
    from pyspark.errors import AnalysisException, ArithmeticException, PySparkException, PySparkValueError
    from pyspark.sql.connect.client import DefaultChannelBuilder
    from pyspark.sql.connect.client.retries import DefaultPolicy
    from pyspark.sql.connect.session import SparkSession
    from pyspark.sql.pandas.types import from_arrow_schema

_CONNECT_SECONDS: Final = 10
"""How long a server is waited for that does not answer, or has just been started."""

_RETRIES: Final = DefaultPolicy(max_retries=5, initial_backoff=200, max_backoff=2000)
"""For a server that is lost in the middle of a query: eight seconds. The client's own policy is ten minutes."""

_SESSION: Final = {
    "spark.sql.session.timeZone": "UTC",
    # Digits are never given up for a larger number: a sum that does not fit is an error, and no null.
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.ansi.enabled": "true",
}

_CLIENT_LOG: Final = "pyspark.sql.connect.logging"

_USER: Final = "meter-platform"
"""Whose sessions a cluster's pages show, unless the URL names a user."""

_MOST_BYTES: Final = 32 << 20
"""What is sent of one table at most: some 500,000 rows. A driver of 1 GB broke at 72 MB."""

_LONGEST_PLAN: Final = 20_000
"""Characters of a plan that are put on record: what differs from one date to another comes first."""


class SparkEngine:
    """Computes expressions by Spark Connect.

    Args:
        source: of the partitions that are sent to the server.
        url: of the server, `sc://host:port`; may hold a token.
        files: of the partitions that the cluster reads itself.
    """

    name = "spark"

    def __init__(self, source: PartitionSource, *, url: str, files: FileSource | None = None) -> None:
        self._source = source
        self._url = url
        self._files = files
        self._session: SparkSession | None = None
        self._whereabouts: dict[str, Any] = {}

    def compute(self, expression: ibis.Table, versions: Versions) -> Computation:
        """See `Engine`."""
        return computed_ahead(partial(self._rows, expression, versions))

    def close(self) -> None:
        """Ends the session, with all that the server keeps for it."""
        if self._session is not None:
            with suppress(PySparkException, grpc.RpcError):  # a server that is gone has ended it
                self._session.stop()
            self._session = None

    def _rows(
        self,
        expression: ibis.Table,
        versions: Versions,
        facts: dict[str, Any],
        origins: dict[str, Mapping[date, str]],
    ) -> Iterator[pa.Table]:
        with self._explained():
            session = self._connected()
            for table in inputs_of(expression):
                origins[table.name] = self._make_view(session, table, versions[table.name])
            tag = f"meter-platform-{uuid.uuid4()}"
            session.addTag(tag)
            try:
                with ended_if_unwanted(partial(self._abandon, session, tag)):
                    # The public interface has results as rows or whole, and none that streams Arrow.
                    client, frame = session.client, session.sql(_in_sql(expression.op()))
                    plan = vars(frame)["_plan"].to_proto(client)
                    shown = client.explain_string(plan, "formatted")[:_LONGEST_PLAN]
                    facts |= self._whereabouts | {"spark_tag": tag, "spark_plan": shown}
                    for rows in client.to_table_as_iterator(plan, {}):
                        if isinstance(rows, pa.Table):  # the first item is the schema
                            yield rows
            finally:
                session.removeTag(tag)

    def _abandon(self, session: SparkSession, tag: str) -> None:
        """Ends a query that is under way, and the session with it: not every server ends the one without the other."""
        self._session = None
        # A server that does not answer must not keep its caller.
        at_the_latest = threading.Timer(_CONNECT_SECONDS, session.client.close)
        at_the_latest.start()
        with suppress(PySparkException, grpc.RpcError, ValueError):  # the last: the connection is closed already
            session.interruptTag(tag)
            session.stop()
        at_the_latest.cancel()

    def _connected(self) -> SparkSession:
        """The session, begun when it is first needed, and anew after an error."""
        if self._session is None:
            try:
                builder = DefaultChannelBuilder(self._url)
            except PySparkValueError as error:
                raise SettingsError(
                    f"{variable('spark_url')} is no URL of a Spark Connect server, such as sc://host:15002: "
                    f"{redact_text(first_line(error), self._url)}"
                ) from None
            if builder.userId is None:
                builder.set(DefaultChannelBuilder.PARAM_USER_ID, _USER)
            with builder.toChannel() as channel:
                try:
                    # The client would go on for minutes.
                    grpc.channel_ready_future(channel).result(timeout=_CONNECT_SECONDS)
                except grpc.FutureTimeoutError:
                    raise EngineUnavailableError(
                        f"No Spark Connect server answers at {builder.endpoint} ({variable('spark_url')}); it was waited "
                        f"for {_CONNECT_SECONDS} s."
                    ) from None
            # Errors are told in words of our own. The client writes them out with all that the server says, values and all.
            logging.getLogger(_CLIENT_LOG).setLevel(logging.CRITICAL)
            session = SparkSession.builder.channelBuilder(builder).create()
            session.client.set_retry_policies([_RETRIES])
            for name, value in _SESSION.items():
                session.conf.set(name, value)
            self._session, self._whereabouts = session, _whereabouts(session, builder.userId)
        return self._session

    def _make_view(self, session: SparkSession, table: Input, versions: Mapping[date, int]) -> dict[date, str]:
        """Makes dates of a table known to the session, under the table's name; returns where each comes from."""
        files = self._files.urls(table.name, versions) if self._files else {}
        frames: list[Any] = [
            session.read.parquet(*paths).selectExpr(*_selected(table, day)) for day, paths in files.items()
        ]
        others = {day: version for day, version in versions.items() if day not in files}
        rows = self._to_be_sent(table, others) if others else table.columns.empty_table()
        if rows.num_rows or not frames:
            # The client refuses an Arrow table without rows.
            frames.append(session.createDataFrame(rows if rows.num_rows else [], from_arrow_schema(rows.schema)))
        reduce(lambda one, other: one.unionByName(other), frames).createOrReplaceTempView(table.name)
        return origins_of(versions, self._source, self._files, files)

    def _to_be_sent(self, table: Input, versions: Mapping[date, int]) -> pa.Table:
        batches, size = [], 0
        with self._source.stream(table.name, versions, table.columns.names) as partition:
            for batch in partition:
                size += batch.nbytes
                if size > _MOST_BYTES:
                    raise PermanentError(
                        f"{table.schema}.{table.name} has too many rows from {min(versions)} to {max(versions)} to be sent to "
                        f"Spark (more than {_MOST_BYTES >> 20} MB): compute fewer dates in a run, keep the table in a lake, "
                        f"which Spark reads itself ({variable('lake_url')}, `meter-platform lake sync`), or set "
                        f"{variable('engine')} to postgres or duckdb."
                    )
                # Exact text becomes a decimal of the contract's own twenty decimals.
                batches.append(pa.Table.from_batches([batch]).cast(table.columns))
        return pa.concat_tables(batches) if batches else table.columns.empty_table()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turns errors of the client into the platform's own, and has the next computation begin a session anew."""
        try:
            yield
        except (PySparkException, grpc.RpcError) as error:
            self._session = None
            said = redact_text(first_line(error), self._url)
            if isinstance(error, AnalysisException | ArithmeticException):
                raise PermanentError(f"Spark cannot compute this: {said}") from error
            raise EngineFailedError(f"Spark has not computed this: {said}") from error


@lru_cache(maxsize=32)
def _in_sql(operation: Any) -> str:  # noqa: ANN401 - Ibis is not typed
    """An expression in Spark's SQL, on views of the session, which have no schema.

    Kept, for it takes longer than the query where there are few rows, and a step that is tried again has the same.
    """
    views = {
        table: operations.UnboundTable(table.name, table.schema) for table in operation.find(operations.UnboundTable)
    }
    return str(ibis.to_sql(operation.replace(views).to_expr(), dialect="pyspark"))


def _selected(table: Input, day: date) -> Iterator[str]:
    """The columns of a table in the contract's types, from files of a date."""
    for name, kind in zip(table.columns.names, table.columns.types, strict=True):
        if name == DATE:
            yield f"DATE'{day}' AS `{name}`"
        elif pa.types.is_decimal(kind):
            yield f"CAST(`{name}` AS DECIMAL({kind.precision}, {kind.scale})) AS `{name}`"
        else:
            yield f"`{name}`"


def _whereabouts(session: SparkSession, user: str | None) -> dict[str, Any]:
    """How the queries of a session are found on the cluster; servers differ in what they tell."""
    facts: dict[str, Any] = {"spark_session": session.session_id}
    with suppress(PySparkException):
        application, host, port, shown = (
            session.conf.get(f"spark.{name}", default)
            for name, default in (("app.id", ""), ("driver.host", ""), ("ui.port", "4040"), ("ui.enabled", "true"))
        )
        if application:
            facts["spark_application"] = application
        if host and shown == "true":
            facts["spark_jobs"] = f"http://{host}:{port}/connect/session/?userId={user}&id={session.session_id}"
    return facts
