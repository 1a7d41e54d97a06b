"""What the tests of storage share: a Dagster instance on the session's Postgres."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from meter_platform_tests.market import dagster_on_postgres


@pytest.fixture(scope="module")
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """The instance of Dagster's own commands, with nothing in it."""
    with dagster_on_postgres(home) as opened:
        yield opened
