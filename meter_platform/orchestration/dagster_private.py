"""All that the platform uses of Dagster and that Dagster does not promise to keep.

What belongs here: imports of modules whose names begin with an underscore, functions of Dagster's programs that are
replaced, and the list of names, parameters and attributes by which `departures` tells whether the installed version still
has them. What never does: what the platform does with them.

A new version of Dagster is taken in by raising the bounds in `pyproject.toml`, running the tests, and adding it to
`TESTED_VERSIONS`.
"""

import importlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Final

from dagster._core.definitions.run_request import InstigatorType
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.events import JobFailureData, RunFailureReason
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import ConfigurableClassData, deserialize_value, serialize_value
from dagster_postgres.utils import DagsterPostgresException, create_pg_engine, set_pg_statement_timeout

__all__ = [
    "CHECK_EXECUTIONS",
    "CHECK_PLANNED",
    "DAEMON_MODULE",
    "EVENT_LOGS",
    "GRPC_INFO_TAG",
    "CanCancelExecutionRequest",
    "CanCancelExecutionResult",
    "CheckRunHealthResult",
    "ConfigurableClassData",
    "DagsterGrpcClient",
    "DagsterPostgresException",
    "DagsterUserCodeUnreachableError",
    "GrpcServerCodeLocationOrigin",
    "InstigatorType",
    "JobFailureData",
    "LocalArtifactStorage",
    "LocalComputeLogManager",
    "RunFailureReason",
    "WorkerStatus",
    "create_pg_engine",
    "deserialize_value",
    "dev_command",
    "replace_app_factory",
    "replace_process_starter",
    "serialize_value",
    "set_pg_statement_timeout",
    "webserver_command",
]

TESTED_VERSIONS: Final = {
    "dagster": {"1.13.27"},
    "dagster-postgres": {"0.29.27"},
    "dagster-webserver": {"1.13.27"},
}
"""Versions of each distribution with which the whole suite has passed."""

EVENT_LOGS: Final = SqlEventLogStorageTable
CHECK_EXECUTIONS: Final = AssetCheckExecutionsTable
CHECK_PLANNED: Final = AssetCheckExecutionRecordStatus.PLANNED.value

DAEMON_MODULE: Final = "dagster._daemon"
"""What `dagster dev` runs with `python -m` as its daemon."""

_WEBSERVER: Final = "dagster_webserver.cli"
_APP_FACTORY: Final = "create_app_from_workspace_process_context"
_DEV: Final = "dagster._cli.dev"
_PROCESS_STARTER: Final = "open_ipc_subprocess"


@dataclass(frozen=True, slots=True)
class _Used:
    """Something of Dagster's that is called, subclassed or replaced.

    Attributes:
        module: that has it.
        name: within the module, such as `Class.method`; empty where the module is run as a program.
        parameters: that are passed or overridden, by name.
        attributes: of the instance that a method sets and a subclass replaces.
    """

    module: str
    name: str
    parameters: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()

    def departures(self) -> Iterator[str]:
        """What the installed version lacks of it."""
        if not find_spec(self.module):
            yield f"there is no {self.module}"
            return
        if not self.name:
            return
        found: Any = importlib.import_module(self.module)
        for part in self.name.split("."):
            found = inspect.getattr_static(found, part, None)
            if found is None:
                yield f"{self.module} has no {self.name}"
                return
        found = inspect.unwrap(found.__func__ if isinstance(found, classmethod) else found)
        if self.parameters:
            has = inspect.signature(found).parameters
            yield from (f"{self.module}.{self.name} takes no {name}" for name in self.parameters if name not in has)
        if self.attributes:
            names = found.__code__.co_names
            yield from (f"{self.module}.{self.name} sets no {name}" for name in self.attributes if name not in names)


_STORED: Final = ("postgres_url", "should_autocreate_tables")

_USED: Final = (
    _Used("dagster._core.definitions.run_request", "InstigatorType.SENSOR"),
    _Used("dagster", "DagsterInstance.all_instigator_state"),
    _Used("dagster", "DagsterInstance.get_tick_retention_settings", ("instigator_type",)),
    _Used("dagster", "DagsterInstance.get_ticks", ("origin_id", "selector_id", "before", "limit", "statuses")),
    _Used("dagster", "DagsterInstance.purge_ticks", ("origin_id", "selector_id", "before", "tick_statuses")),
    _Used("dagster", "DagsterInstance.compute_log_manager"),
    _Used("dagster._core.storage.local_compute_log_manager", "LocalComputeLogManager.delete_logs", ("prefix",)),
    # What the instance itself has of it is deprecated, and what is to come has no events of checks.
    _Used(
        "dagster_postgres", "PostgresEventLogStorage.get_event_records", ("event_records_filter", "limit", "ascending")
    ),
    _Used("dagster", "DagsterInstance.event_log_storage"),
    _Used("dagster", "DagsterInstance.run_retries_enabled"),
    _Used("dagster._core.errors", "DagsterUserCodeUnreachableError"),
    _Used("dagster._core.remote_origin", "GrpcServerCodeLocationOrigin", ("host", "port", "socket", "use_ssl")),
    _Used("dagster._grpc.client", "DagsterGrpcClient", ("host", "port", "socket", "use_ssl")),
    _Used("dagster._grpc.client", "DagsterGrpcClient.ping", ("echo",)),
    _Used("dagster._core.storage.tags", "GRPC_INFO_TAG"),
    _Used(
        "dagster._grpc.client", "DagsterGrpcClient.can_cancel_execution", ("can_cancel_execution_request", "timeout")
    ),
    _Used("dagster._grpc.types", "CanCancelExecutionRequest"),
    _Used("dagster._grpc.types", "CanCancelExecutionResult.can_cancel"),
    _Used("dagster._core.events", "JobFailureData", ("error", "failure_reason")),
    _Used("dagster._core.events", "RunFailureReason.UNEXPECTED_TERMINATION"),
    _Used("dagster._core.launcher", "CheckRunHealthResult", ("status", "msg")),
    _Used("dagster._core.launcher", "WorkerStatus.FAILED"),
    _Used("dagster._core.launcher", "WorkerStatus.RUNNING"),
    _Used("dagster", "DefaultRunLauncher.supports_check_run_worker_health"),
    _Used("dagster", "DefaultRunLauncher.check_run_worker_health", ("run",)),
    _Used("dagster", "DagsterRun.remote_job_origin"),
    _Used("dagster", "DagsterInstance.report_run_failed", ("dagster_run", "message", "job_failure_data")),
    _Used("dagster", "DagsterInstance.report_run_canceled", ("dagster_run", "message")),
    _Used("dagster", "OutputContext.step_context"),
    _Used(
        "dagster._core.execution.context.system",
        "StepExecutionContext.add_asset_metadata",
        ("metadata", "partition_key"),
    ),
    _Used("dagster._core.storage.local_compute_log_manager", "LocalComputeLogManager", ("base_dir", "inst_data")),
    _Used("dagster._core.storage.root", "LocalArtifactStorage", ("base_dir", "inst_data")),
    _Used("dagster._serdes", "ConfigurableClassData"),
    _Used("dagster_postgres.utils", "DagsterPostgresException"),
    _Used("dagster_postgres.utils", "create_pg_engine", ("postgres_url", "engine_kwargs")),
    _Used("dagster_postgres.utils", "set_pg_statement_timeout", ("conn", "millis")),
    _Used("dagster_postgres", "PostgresEventLogStorage.__init__", _STORED, ("_engine",)),
    _Used("dagster_postgres", "PostgresEventLogStorage.store_event", ("event",)),
    _Used(
        "dagster_postgres",
        "PostgresEventLogStorage.get_logs_for_all_runs_by_log_id",
        ("after_cursor", "dagster_event_type", "limit"),
    ),
    _Used("dagster_postgres", "PostgresEventLogStorage.store_event_batch", ("events",)),
    _Used("dagster_postgres", "PostgresEventLogStorage.store_asset_event", ("event", "event_id")),
    _Used("dagster_postgres", "PostgresEventLogStorage._event_to_row", ("event",)),
    _Used("dagster_postgres", "PostgresEventLogStorage._store_asset_check_evaluation_planned", ("event", "event_id")),
    _Used("dagster._core.storage.event_log.schema", "AssetCheckExecutionsTable"),
    _Used("dagster._core.storage.event_log.schema", "SqlEventLogStorageTable"),
    _Used("dagster._core.storage.asset_check_execution_record", "AssetCheckExecutionRecordStatus.PLANNED"),
    _Used("dagster._serdes", "serialize_value", ("val",)),
    _Used("dagster._serdes", "deserialize_value", ("val", "as_type")),
    _Used("dagster_postgres", "PostgresEventLogStorage.has_table", ("table_name",)),
    _Used("dagster_postgres", "PostgresEventLogStorage.has_asset_key_col", ("column_name",)),
    _Used("dagster_postgres", "PostgresRunStorage.__init__", _STORED, ("_engine",)),
    _Used("dagster_postgres", "PostgresRunStorage.handle_run_event", ("run_id", "event", "update_timestamp")),
    _Used("dagster_postgres", "PostgresRunStorage.dispose"),
    _Used("dagster_postgres", "PostgresRunStorage._instance"),
    _Used("dagster_postgres", "PostgresRunStorage.has_instance"),
    _Used("dagster_postgres", "PostgresScheduleStorage.__init__", _STORED, ("_engine",)),
    _Used(
        "dagster_postgres",
        "DagsterPostgresStorage.__init__",
        ("postgres_url", "inst_data"),
        ("_run_storage", "_event_log_storage", "_schedule_storage"),
    ),
    _Used("dagster_postgres", "DagsterPostgresStorage.config_type"),
    _Used("dagster_postgres", "DagsterPostgresStorage.from_config_value", ("inst_data", "config_value")),
    _Used(_WEBSERVER, _APP_FACTORY, ("workspace_process_context",)),
    _Used(_WEBSERVER, "main"),
    _Used(_DEV, _PROCESS_STARTER, ("parts",)),
    _Used(_DEV, "dev_command"),
    _Used(f"{DAEMON_MODULE}.__main__", ""),
)


def departures() -> list[str]:
    """What the installed Dagster lacks of all that is used here, a sentence each; nothing where all is there."""
    untested = [
        f"{name} {installed} is not among the versions tested: {', '.join(sorted(tested))}"
        for name, tested in TESTED_VERSIONS.items()
        if (installed := version(name)) not in tested
    ]
    return untested + [departure for used in _USED for departure in used.departures()]


def replace_app_factory(wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Replaces the function that makes the web application of `dagster-webserver`, in this process.

    Args:
        wrap: takes Dagster's function and returns the one to call instead.
    """
    _replace(_WEBSERVER, _APP_FACTORY, wrap)


def replace_process_starter(wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Replaces the function by which `dagster dev` starts the web server, the daemon and the code server.

    Args:
        wrap: takes Dagster's function and returns the one to call instead.
    """
    _replace(_DEV, _PROCESS_STARTER, wrap)


def webserver_command() -> Any:  # noqa: ANN401 - a command of click's
    """The function that `dagster-webserver` runs. Importing it takes half a second."""
    return importlib.import_module(_WEBSERVER).main


def dev_command() -> Any:  # noqa: ANN401 - a command of click's
    """The command `dagster dev`."""
    return importlib.import_module(_DEV).dev_command


def _replace(module: str, name: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """A missing name is an error here: without the replacement the UI would answer other sites' pages."""
    owner = importlib.import_module(module)
    setattr(owner, name, wrap(getattr(owner, name)))
