"""The engines, as fixtures: a test that asks for `engine` runs on each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from meter_platform.settings import Settings
from meter_platform.warehouse.database import open_database
from meter_platform_tests.rules.engines import Engine, duckdb_engine, postgres_engine


@pytest.fixture(scope="session")
def _duckdb() -> Iterator[Engine]:
    with duckdb_engine() as engine:
        yield engine


@pytest.fixture(scope="session")
def _postgres(home: Path) -> Iterator[Engine]:
    with postgres_engine(open_database(Settings(home=home))) as engine:
        yield engine


@pytest.fixture(scope="session", params=["duckdb", "postgres"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Where rules are computed; its tables keep their rows until they are given others."""
    chosen: Engine = request.getfixturevalue(f"_{request.param}")
    return chosen
