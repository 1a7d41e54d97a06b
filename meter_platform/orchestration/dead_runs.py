"""Runs whose process is gone: found by the lock that each run holds, and ended with a sentence that says so.

What belongs here: which runs are dead, and what is reported of them. What does not: the lock itself (`run_lock.py`), asking a
code server (`code_servers.py`), starting a run again (Dagster's run retries follow the failure that is reported here).
"""

import logging
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from meter_platform.orchestration.code_servers import has_forgotten
from meter_platform.orchestration.dagster_private import JobFailureData, RunFailureReason
from meter_platform.orchestration.run_lock import PATIENCE_SECONDS, alone, without_holder

_log: Final = logging.getLogger(__name__)

WHY: Final = (
    "The process of this run is gone: it was killed, ran out of memory, or its machine was restarted. What it had "
    "stored is whole; what it had not come to is as it was."
)
NEVER_STARTED: Final = (
    "This run has not started: the code server that was to start it was itself started again, and knows nothing of it. "
    "Nothing was stored."
)
INTERRUPTED: Final = "The run was ended by"
"""How it is said that a signal ended a run."""

_NEXT: Final = {
    True: " The daemon starts it again, unless it has done so before.",
    False: " It was started by a command, and is not started again: give the command again.",
}
_ENDED: Final = "The process of this run is gone, as was asked for."

_MAX_RETRIES_TAG: Final = "dagster/max_retries"

_RUNNING: Final = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
_GIVEN: Final = [dg.DagsterRunStatus.STARTING]
"""To a code server, which is to start it."""

STARTING_SECONDS: Final = 30.0
"""Within which a code server takes on a run that it is told to start, also on a machine that is busy."""


def fail_dead_runs(
    instance: dg.DagsterInstance, *, patience: float = PATIENCE_SECONDS, starting: float = STARTING_SECONDS
) -> list[str]:
    """Ends every run that counts as running, or as about to, and whose process is gone.

    Where there is none this takes three queries, for the runs and for their locks; where there is one, `patience`. An
    instance that keeps its runs elsewhere than on the platform's server has no locks, and is left alone.

    Args:
        instance: where the runs are kept.
        patience: how long a run is without a holder of its lock to count as dead, in seconds.
        starting: how long ago a run that has not started was given to a code server, for that server to be asked.

    Returns:
        The names of the runs that were ended; none where another process is ending them at this moment.
    """
    url = getattr(instance.run_storage, "lock_url", None)
    if url is None:
        return []
    gone = without_holder(url, _running(instance), patience=patience)
    never_started = _never_started(instance, starting)
    if not gone and not never_started:
        return []
    with alone(url) as nobody_else:
        if not nobody_else:
            return []
        ended = [run_id for run_id in sorted(gone) if _end(instance, run_id, _RUNNING, WHY)]
        return ended + [run_id for run_id in sorted(never_started) if _end(instance, run_id, _GIVEN, NEVER_STARTED)]


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
    found = instance.get_run_records(dg.RunsFilter(statuses=_RUNNING))
    return {record.dagster_run.run_id for record in found if record.start_time is not None}


def _never_started(instance: dg.DagsterInstance, seconds: float) -> list[str]:
    """Runs that a code server was to start, and that died with it before they took their lock."""
    given_before = datetime.now(UTC) - timedelta(seconds=seconds)
    found = instance.get_runs(dg.RunsFilter(statuses=_GIVEN, updated_before=given_before))
    return [run.run_id for run in found if has_forgotten(run)]


def _end(instance: dg.DagsterInstance, run_id: str, found_as: Collection[dg.DagsterRunStatus], why: str) -> bool:
    # A run gives its lock back after it has said how it ended: what is read now is its last word.
    run = instance.get_run_by_id(run_id)
    if run is None or run.status not in found_as:
        return False
    if run.status == dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, _ENDED)
        return True
    _log.warning("Run %s has failed: its process is gone.", run_id)
    _report_failed(instance, run, why)
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
