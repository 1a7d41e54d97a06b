"""What the tests of automation share: a market whose files come and go, and a Dagster instance for all of them."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database
from meter_platform_tests.market import Market, dagster_on_postgres


@pytest.fixture(scope="module")
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """Dagster on the session's Postgres."""
    with dagster_on_postgres(home) as opened:
        yield opened


@pytest.fixture
def market(tmp_path: Path, settings: Settings, database: Database, instance: dg.DagsterInstance) -> Market:  # noqa: ARG001 - the database is emptied
    """A market without any reading yet."""
    return Market(settings, tmp_path, instance)
