"""What the tests of storage share: a Dagster instance on the session's Postgres."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from meter_platform.warehouse import changes
from meter_platform_tests.market import dagster_on_postgres


@pytest.fixture(scope="module")
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """The instance of Dagster's own commands, with nothing in it."""
    with dagster_on_postgres(home) as opened:
        yield opened


@pytest.fixture(scope="module")
def every_date_is_large() -> Iterator[None]:
    """Small dates change in place, and what is computed from them follows, as it is for large ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changes, "LARGE_DATE", 1)
        yield
