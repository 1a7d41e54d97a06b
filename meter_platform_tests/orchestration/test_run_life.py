"""A run's life is tied to its process: one that is gone is seen within seconds, and a signal ends one that is there."""

import os
import signal
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from dagster._core.launcher import WorkerStatus
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster_shared.record import copy

from meter_platform.orchestration.dead_runs import fail_dead_runs
from meter_platform.orchestration.run_lock import RunLock, without_holder
from meter_platform.settings import PREFIX
from meter_platform.warehouse.database import Database
from meter_platform_tests.embedded_postgres.servers import eventually
from meter_platform_tests.forked import Forked
from meter_platform_tests.orchestration import long_run


@dg.job(executor_def=dg.in_process_executor)
def nothing() -> None:
    """Starts and ends."""


@pytest.fixture
def here(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs that are started find the session's server."""
    monkeypatch.setenv(f"{PREFIX}HOME", str(home))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


class Started:
    """A run in a process of its own, at work."""

    def __init__(self, kind: str) -> None:
        # It has this process's environment, as the fixture `here` left it.
        self.process = Forked(run_in, dict(os.environ), kind)

    @cached_property
    def run_id(self) -> str:
        eventually(lambda: "\n" in self.process.printed or not self.process.is_alive())
        run_id = self.process.printed.strip()
        assert run_id, self.process.wait()
        return run_id

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Sends a signal; returns the exit status and what was printed as an error."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> tuple[int, str]:
        """Waits for the end; returns the exit status and what was printed as an error."""
        done = self.process.wait()
        return done.returncode, done.stderr


def run_in(environment: dict[str, str], kind: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    long_run.run(kind)


@pytest.fixture
def started() -> Iterator[list[Started]]:
    processes: list[Started] = []
    yield processes
    for each in processes:
        each.process.close()


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def last_words(instance: dg.DagsterInstance, run_id: str) -> str:
    """What the event says with which a run ended."""
    found = instance.all_logs(run_id, of_type={dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_CANCELED})
    (event,) = [entry.dagster_event for entry in found if entry.dagster_event]
    return event.message or ""


def end_lock_sessions(url: str, pid: int) -> list[int]:
    """Ends the sessions in which a process holds locks, as a server does that is restarted."""
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT pid, pg_terminate_backend(pid, 5000) FROM pg_stat_activity JOIN pg_locks USING (pid) "
            "WHERE application_name LIKE %s AND locktype = 'advisory' AND datname = current_database()",
            [f"meter_platform process {pid} on %"],
        ).fetchall()
        assert len(rows) == 1
        return [session for session, _ in rows]


@pytest.mark.usefixtures("here")
def test_runs_whose_processes_are_gone_are_ended_by_whoever_starts_next_and_a_live_one_never(
    instance: dg.DagsterInstance, started: list[Started]
) -> None:
    killed, hung_up, canceling, alive = (Started("sleep") for _ in range(4))
    started += [killed, hung_up, canceling, alive]
    url = instance.run_storage.lock_url  # type: ignore[attr-defined]
    for each in started:
        assert status(instance, each.run_id) == dg.DagsterRunStatus.STARTED
    assert without_holder(url, [each.run_id for each in started]) == set()
    canceled = instance.get_run_by_id(canceling.run_id)
    assert canceled is not None
    instance.report_run_canceling(canceled)

    killed.end(signal.SIGKILL)
    hung_up.end(signal.SIGHUP)
    canceling.end(signal.SIGKILL)
    # Nobody could start it again yet.
    away = RemoteJobOrigin(
        RemoteRepositoryOrigin(GrpcServerCodeLocationOrigin("127.0.0.1", port=1, location_name="away"), "repository"),
        "job",
    )
    launched = instance.get_run_by_id(killed.run_id)
    assert launched is not None
    health = instance.run_launcher.check_run_worker_health(copy(launched, remote_job_origin=away))
    assert health.status == WorkerStatus.RUNNING
    assert status(instance, killed.run_id) == dg.DagsterRunStatus.STARTED
    # A server that is restarted ends the session of the lock, and the run goes on.
    end_lock_sessions(url, alive.process.pid)
    assert nothing.execute_in_process(instance=instance).success

    for dead in (killed, hung_up):
        assert status(instance, dead.run_id) == dg.DagsterRunStatus.FAILURE
        assert last_words(instance, dead.run_id).startswith(
            "The process of this run is gone: it was killed, ran out of"
        )
        run = instance.get_run_by_id(dead.run_id)
        assert run is not None
        assert run.tags["dagster/will_retry"] == "false", "a command's run is the command's to start again"
    assert status(instance, canceling.run_id) == dg.DagsterRunStatus.CANCELED
    assert status(instance, alive.run_id) == dg.DagsterRunStatus.STARTED
    run = instance.get_run_by_id(alive.run_id)
    assert run is not None
    assert instance.run_launcher.check_run_worker_health(run).status == WorkerStatus.RUNNING
    assert fail_dead_runs(instance) == []

    code, _ = alive.end(signal.SIGTERM)
    assert code == 1
    assert status(instance, alive.run_id) == dg.DagsterRunStatus.FAILURE
    assert "interrupted" in last_words(instance, alive.run_id)


@pytest.mark.usefixtures("here", "database")
@pytest.mark.whole
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_at_any_moment_and_its_statements_with_it(
    instance: dg.DagsterInstance, database: Database, started: list[Started], number: signal.Signals
) -> None:
    started += [Started(what) for what in ("statement", "arrow", "deaf")]
    for each in started:
        assert each.run_id
    with database.connect(autocommit=True) as connection:

        def asleep() -> int:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE query LIKE '%pg_sleep(%' AND state = 'active' AND pid <> pg_backend_pid()"
            ).fetchone()
            assert row is not None
            return int(row[0])

        eventually(lambda: asleep() == 2)
        for each in started:
            each.process.send_signal(number)
        ends = [each.ended() for each in started]

        assert [code for code, _ in ends] == [1, 1, 128 + number]
        assert f"Error: the run was ended by {number.name}. What it had stored is whole" in ends[2][1]
        assert not any("Traceback" in errors for _, errors in ends)
        eventually(lambda: asleep() == 0)
    for each in started:
        assert status(instance, each.run_id) == dg.DagsterRunStatus.FAILURE
    assert last_words(instance, started[2].run_id).startswith(f"The run was ended by {number.name}, in the middle")


@pytest.mark.usefixtures("here")
def test_a_lock_is_kept_through_the_end_of_its_session_and_given_back_at_once(instance: dg.DagsterInstance) -> None:
    url = instance.run_storage.lock_url  # type: ignore[attr-defined]
    lock = RunLock(url, "a run")
    lock.take()
    try:
        assert without_holder(url, ["a run", "another"], patience=0) == {"another"}
        end_lock_sessions(url, os.getpid())
        assert without_holder(url, ["a run"]) == set()
    finally:
        lock.release()

    assert without_holder(url, ["a run"], patience=0) == {"a run"}
