"""What is lost and comes back without a hand, within two minutes: each service, and the work that it was doing."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

import pytest

from meter_platform_tests.deployment.stack import RECOVERY_SECONDS, SERVICES, Stack, wait_for

pytestmark = pytest.mark.deployment

STARTED = "SELECT count(*) FROM runs WHERE status = 'STARTED'"

STARTED_AGAIN = "SELECT count(*) FROM run_tags WHERE key = 'dagster/auto_retry_run_id'"

HOLDERS = "FROM pg_stat_activity WHERE application_name = 'holds runs up' AND query LIKE '%pg_sleep%'"
HOLD = (
    "SET application_name = 'holds runs up'; BEGIN; LOCK TABLE raw_data.raw_agreements IN ACCESS EXCLUSIVE MODE; "
    "SELECT pg_sleep(900)"
)


def everything_is_well(stack: Stack) -> bool:
    return all(stack.health(service) in {"healthy", "running"} for service in SERVICES)


def _was_started_again(stack: Stack, service: str, begun: str) -> bool:
    said: str = stack.containers()[service]["State"]["StartedAt"]
    return said != begun


@contextmanager
def held_up(stack: Stack) -> Iterator[None]:
    """Keeps every run from storing agreements: it is under way as long as the test needs, and then goes on."""
    stack.execute_detached("db", stack.psql_command(HOLD))
    wait_for("the lock is held", lambda: stack.sql(f"SELECT count(*) {HOLDERS}") == [["1"]])
    try:
        yield
    finally:
        wait_for("the lock is free", lambda: stack.sql(f"SELECT pg_terminate_backend(pid) {HOLDERS}") == [])


# The others are killed below, with work under way.
@pytest.mark.usefixtures("loaded")
def test_services_that_are_killed_are_started_again(stack: Stack) -> None:
    killed = "webserver", "app", "metrics", "proxy"
    begun = {service: stack.containers()[service]["State"]["StartedAt"] for service in killed}

    for service in killed:
        stack.kill(service)

    took = 0.0
    for service in killed:
        again = partial(_was_started_again, stack, service, begun[service])
        took += wait_for(f"{service} was started again", again, RECOVERY_SECONDS - took)
    took += wait_for("everything is well", lambda: everything_is_well(stack), RECOVERY_SECONDS - took)
    stack.say(f"{', '.join(killed)} were well again after {took:.0f} s")
    assert stack.get("/dagster/server_info")[0] == 200


@pytest.mark.usefixtures("loaded")
def test_after_a_restart_of_the_machine_everything_comes_up_by_itself(stack: Stack) -> None:
    lasting = [said["Id"] for service, said in stack.containers().items() if service in SERVICES]

    stack.docker("stop", "--time", "10", *lasting)
    stack.docker("start", *lasting)  # as the engine does it: all of them, in no order

    # All of them begin at once, and each imports what it needs: that takes the longer, the fewer cores there are.
    took = wait_for("everything is well", lambda: everything_is_well(stack), 3 * RECOVERY_SECONDS)
    stack.say(f"everything was well {took:.0f} s after a restart")


@pytest.mark.parametrize("victim", ["worker", "code", "daemon", "db"])
@pytest.mark.usefixtures("loaded")
def test_work_that_was_under_way_is_done_all_the_same(stack: Stack, victim: str) -> None:
    day = stack.newest_date() + timedelta(days=1)
    again = stack.sql(STARTED_AGAIN, "dagster")
    with held_up(stack):
        stack.deliver(day)
        wait_for("the run is under way", lambda: stack.sql(STARTED, "dagster") != [["0"]])
        stack.kill_runs() if victim == "worker" else stack.kill(victim)

    took = wait_for("the work is done", lambda: stack.newest_date() == day and stack.is_at_rest())
    took += wait_for("everything is well", lambda: everything_is_well(stack), RECOVERY_SECONDS - took)
    by = "of itself" if stack.sql(STARTED_AGAIN, "dagster") == again else "by a run that Dagster started again"
    stack.say(f"the work that a killed {victim} was doing was done {by}, {took:.0f} s later")


@pytest.mark.usefixtures("loaded")
def test_a_run_that_is_under_way_ends_by_itself_when_the_stack_is_stopped(stack: Stack) -> None:
    day = stack.newest_date() + timedelta(days=1)
    with held_up(stack):
        stack.deliver(day)
        wait_for("the run is under way", lambda: stack.sql(STARTED, "dagster") != [["0"]])
        stopping = stack.begin("stop", "code")
    stopping.wait(timeout=3 * RECOVERY_SECONDS)

    assert stack.newest_date() == day
    stack.make("up")
