"""A database of the version that was released last, with data in it, is taken along by starting the new version."""

import pytest

from meter_platform_tests.deployment.stack import SERVICES, Stack
from meter_platform_tests.warehouse.migrating import RELEASED

pytestmark = pytest.mark.deployment

READINGS = "SELECT count(*), sum(consumption_delta), max(source_file_id) FROM raw_data.raw_meter_readings"


def test_a_database_of_the_released_version_is_taken_along(stack: Stack) -> None:
    stack.compose("stop", *[service for service in SERVICES if service != "db"])
    stack.sql("DROP DATABASE meter_platform WITH (FORCE)", "postgres")
    stack.sql("CREATE DATABASE meter_platform OWNER meter_owner", "postgres")
    lines = RELEASED[-1].read_text(encoding="utf-8").splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith("\\"))  # those are psql's own
    stack.sql(f"SET ROLE meter_owner; SET client_min_messages = warning; {text}")
    stored = stack.sql(READINGS)[-1]
    assert stored != ["0", "", ""]

    stack.make("up")

    # The sensor loads what is delivered now beside it.
    assert stack.sql(f"{READINGS} WHERE source_file_id <= {stored[2]}")[-1] == stored
    assert "Step 0002" in stack.compose("logs", "--no-color", "migrate")
    # The drill restores what was archived, which for some minutes is still of the version before, and fails until then.
    assert {stack.health(service) for service in SERVICES if service != "drill"} <= {"healthy", "running"}
