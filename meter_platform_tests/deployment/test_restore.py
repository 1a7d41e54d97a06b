"""Data that is lost: the server comes back as it was at a moment, and a backup is proved before it is needed."""

import time

import pytest

from meter_platform_tests.deployment.stack import SERVICES, Stack, wait_for

pytestmark = pytest.mark.deployment

FIGURES = "SELECT reference_date, total_consumption_kwh FROM analytics.daily_product_consumption ORDER BY 1, 2"


@pytest.mark.usefixtures("loaded")
def test_the_server_comes_back_as_it_was_at_a_moment(stack: Stack) -> None:
    wait_for("there is a backup", lambda: "base" in stack.make("backups"))
    stored = stack.sql(FIGURES)
    ((moment,),) = stack.sql("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US+00:00')")
    time.sleep(1)
    stack.sql("DROP SCHEMA analytics CASCADE")

    stack.make("restore", f"UNTIL={moment}")

    assert stack.sql(FIGURES) == stored
    assert {stack.health(service) for service in SERVICES} <= {"healthy", "running"}


@pytest.mark.usefixtures("loaded")
def test_a_backup_is_proved_by_restoring_it(stack: Stack) -> None:
    said = stack.execute("drill", "meter-platform", "restore", "--drill")

    assert "compared and equal" in said
