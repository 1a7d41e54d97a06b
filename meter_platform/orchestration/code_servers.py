"""Asking the code server that starts a run, where it has an address of its own.

What belongs here: whether one answers, and whether it knows of a run. What does not: what follows for the run
(`dead_runs.py`, `run_launcher.py`).
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from dagster import DagsterRun

from meter_platform.orchestration.dagster_private import (
    GRPC_INFO_TAG,
    CanCancelExecutionRequest,
    CanCancelExecutionResult,
    DagsterGrpcClient,
    DagsterUserCodeUnreachableError,
    GrpcServerCodeLocationOrigin,
    deserialize_value,
)

_ADDRESS: Final = ("host", "port", "socket", "use_ssl")

_PATIENCE_SECONDS: Final = 5
"""With a server that is asked within a sensor's tick, which has sixty for all of its work. It answers from memory."""


def is_away(run: DagsterRun) -> bool:
    """Whether a code server with an address of its own would have to start the run again, and does not answer."""
    job = run.remote_job_origin
    server = job.repository_origin.code_location_origin if job else None
    if not isinstance(server, GrpcServerCodeLocationOrigin):
        return False  # what the daemon starts itself is there with it
    client = _client({name: getattr(server, name) for name in _ADDRESS})
    try:
        client.ping("")
    except DagsterUserCodeUnreachableError:
        return True
    return False


def has_forgotten(run: DagsterRun) -> bool:
    """Whether the code server that was given the run to start answers, and has no process for it.

    A server that does not answer has forgotten nothing yet. A run whose process a server has ended is on record already.
    """
    given = run.tags.get(GRPC_INFO_TAG)
    if given is None:
        return False
    question = CanCancelExecutionRequest(run_id=run.run_id)
    try:
        answer = _client(json.loads(given)).can_cancel_execution(question, timeout=_PATIENCE_SECONDS)
    except DagsterUserCodeUnreachableError:
        return False
    return not deserialize_value(answer, CanCancelExecutionResult).can_cancel


def _client(address: Mapping[str, Any]) -> DagsterGrpcClient:
    given: dict[str, Any] = {name: address.get(name) for name in _ADDRESS}
    return DagsterGrpcClient(**given | {"use_ssl": bool(given["use_ssl"])})
