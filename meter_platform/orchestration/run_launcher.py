"""The run launcher that `dagster.yaml` names: Dagster's own, which can also tell whether a run's process lives.

What belongs here: the answer that Dagster's run monitoring asks for. What does not: the lock (`run_lock.py`), and what
is reported of a dead run (`dead_runs.py`).
"""

from dagster import DagsterRun, DefaultRunLauncher

from meter_platform.orchestration.code_servers import is_away
from meter_platform.orchestration.dagster_private import CheckRunHealthResult, WorkerStatus
from meter_platform.orchestration.dead_runs import WHY, fail_dead_runs


class PlatformRunLauncher(DefaultRunLauncher):
    """Starts runs through the code server, and knows of every run whether its process lives, whoever started it.

    Dagster's own launcher cannot know: it would have to ask the code server, which forgets its children when it is
    started again.
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Run monitoring may ask."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the run's process lives; all dead runs are ended together, for each takes some seconds to be sure of.

        As long as the code server is away nobody is said to be dead. After a restart of the machine the daemon may be
        there first, and Dagster tries only once to start a run again that has failed.
        """
        if is_away(run):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if run.run_id in fail_dead_runs(self._instance):
            return CheckRunHealthResult(WorkerStatus.FAILED, WHY)
        return CheckRunHealthResult(WorkerStatus.RUNNING)
