"""Runs whose process is gone: found by the lock that each run holds, and ended with a sentence that says so.

What belongs here: which runs are dead, and what is reported of them. What does not: the lock itself (`run_lock.py`),
starting a run again (Dagster's run retries follow the failure that is reported here).
"""

import logging
from typing import Final

import dagster as dg

from meter_platform.orchestration.dagster_private import JobFailureData, RunFailureReason
from meter_platform.orchestration.run_lock import PATIENCE_SECONDS, alone, without_holder

_log: Final = logging.getLogger(__name__)

WHY: Final = (
    "The process of this run is gone: it was killed, ran out of memory, or its machine was restarted. What it had "
    "stored is whole; what it had not come to is as it was."
)
INTERRUPTED: Final = "The run was ended by"
"""How it is said that a signal ended a run."""

_NEXT: Final = {
    True: " The daemon starts it again, unless it has done so before.",
    False: " It was started by a command, and is not started again: give the command again.",
}
_ENDED: Final = "The process of this run is gone, as was asked for."

_MAX_RETRIES_TAG: Final = "dagster/max_retries"


def fail_dead_runs(instance: dg.DagsterInstance, *, patience: float = PATIENCE_SECONDS) -> list[str]:
    """Ends every run that counts as running and whose process is gone.

    Where there is none this takes two queries, for the runs and for their locks; where there is one, `patience`. An
    instance that keeps its runs elsewhere than on the platform's server has no locks, and is left alone.

    Args:
        instance: where the runs are kept.
        patience: how long a run is without a holder of its lock to count as dead, in seconds.

    Returns:
        The names of the runs that were ended; none where another process is ending them at this moment.
    """
    url = getattr(instance.run_storage, "lock_url", None)
    if url is None:
        return []
    dead = without_holder(url, _running(instance), patience=patience)
    if not dead:
        return []
    with alone(url) as nobody_else:
        return [run_id for run_id in sorted(dead) if nobody_else and _end(instance, run_id)]


def report_interrupted(instance: dg.DagsterInstance, run_id: str, received: str) -> None:
    """Puts on record that a signal ended a run whose process could not say so itself.

    Args:
        instance: where the run is kept.
        run_id: Dagster's name of the run.
        received: the signal's name.
    """
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        return
    message = f"{INTERRUPTED} {received}, in the middle of its work. What it had stored is whole."
    if run.status == dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, message)
    else:
        _report_failed(instance, run, message)


def _running(instance: dg.DagsterInstance) -> set[str]:
    """Runs that hold their lock, if they live: a run takes it before it says that it has started."""
    found = instance.get_run_records(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING])
    )
    return {record.dagster_run.run_id for record in found if record.start_time is not None}


def _end(instance: dg.DagsterInstance, run_id: str) -> bool:
    # A run gives its lock back after it has said how it ended: what is read now is its last word.
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        return False
    if run.status == dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, _ENDED)
        return True
    _log.warning("Run %s has failed: its process is gone.", run_id)
    _report_failed(instance, run, WHY)
    return True


def _report_failed(instance: dg.DagsterInstance, run: dg.DagsterRun, why: str) -> None:
    launched = run.remote_job_origin is not None
    if not launched:
        instance.add_run_tags(run.run_id, {_MAX_RETRIES_TAG: "0"})
    instance.report_run_failed(
        run,
        why + _NEXT[launched],
        JobFailureData(error=None, failure_reason=RunFailureReason.UNEXPECTED_TERMINATION),
    )
