"""The engines, as fixtures: a test that asks for `engine` runs on each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from meter_platform.settings import Settings
from meter_platform.warehouse.database import open_database
from meter_platform_tests.rules.engines import Engine, duckdb_engine, postgres_engine, spark_connect_engine
from meter_platform_tests.sail import sail_process

_HERE: Final = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests run on Postgres every day, and the first of each rule's module on the other engines; CI runs all on all."""
    tried = set[tuple[str, str]]()
    for item in items:
        engine = item.name.partition("[")[2].rstrip("]").partition("-")[0]
        if engine in {"duckdb", "sail"} and item.path.parent == _HERE and "engine" in getattr(item, "fixturenames", ()):
            if (item.path.name, engine) in tried:
                item.add_marker(pytest.mark.whole)
            tried.add((item.path.name, engine))


# A module at a time: between them other tests may have hurt the session's server on purpose.


@pytest.fixture(scope="module")
def _duckdb() -> Iterator[Engine]:
    with duckdb_engine() as engine:
        yield engine


@pytest.fixture(scope="module")
def _postgres(home: Path) -> Iterator[Engine]:
    with postgres_engine(open_database(Settings(home=home))) as engine:
        yield engine


@pytest.fixture(scope="session")
def _sail_url() -> Iterator[str]:
    with sail_process() as (url, _):
        yield url


@pytest.fixture(scope="module")
def _sail(_sail_url: str) -> Iterator[Engine]:
    with spark_connect_engine(_sail_url) as engine:
        yield engine


@pytest.fixture(scope="module", params=["duckdb", "postgres", "sail"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Where rules are computed; its tables keep their rows until they are given others."""
    chosen: Engine = request.getfixturevalue(f"_{request.param}")
    return chosen
