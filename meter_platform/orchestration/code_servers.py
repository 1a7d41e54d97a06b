"""Asking the code server that starts a run, where it has an address of its own.

What belongs here: whether one answers, and whether it knows of a run. What does not: what follows for the run
(`dead_runs.py`, `run_launcher.py`).
"""

import json

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


def is_away(run: DagsterRun) -> bool:
    """Whether a code server with an address of its own would have to start the run again, and does not answer."""
    job = run.remote_job_origin
    server = job.repository_origin.code_location_origin if job else None
    if not isinstance(server, GrpcServerCodeLocationOrigin):
        return False  # what the daemon starts itself is there with it
    client = DagsterGrpcClient(host=server.host, port=server.port, socket=server.socket, use_ssl=bool(server.use_ssl))
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
    address = json.loads(given)
    client = DagsterGrpcClient(
        host=address.get("host"),
        port=address.get("port"),
        socket=address.get("socket"),
        use_ssl=bool(address.get("use_ssl")),
    )
    try:
        answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run.run_id))
    except DagsterUserCodeUnreachableError:
        return False
    return not deserialize_value(answer, CanCancelExecutionResult).can_cancel
