"""What the tests of engines share: raw data that was loaded once, and a server that speaks Spark Connect."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from meter_platform.settings import Settings
from meter_platform_tests.everywhere import INPUTS, Loaded
from meter_platform_tests.market import dagster_on_postgres
from meter_platform_tests.sail import sail_process


@pytest.fixture(scope="module")
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """Dagster on the session's Postgres."""
    with dagster_on_postgres(home) as opened:
        yield opened


@pytest.fixture(
    scope="module",
    # The awkward days alone every day: what else is loaded differs in nothing that a rule could see.
    params=[pytest.param(given, marks=[] if given is INPUTS[0] else pytest.mark.whole) for given in INPUTS],
    ids=lambda given: given.__name__,
)
def loaded(
    request: pytest.FixtureRequest, home: Path, instance: dg.DagsterInstance, tmp_path_factory: pytest.TempPathFactory
) -> Loaded:
    """Raw data of an input, and what Postgres makes of it."""
    settings = Settings(home=home, today=date(2021, 11, 8))
    folder = tmp_path_factory.mktemp("input")
    return Loaded(settings, instance, request.param(settings, folder, instance), folder)


@pytest.fixture(scope="module")
def sail() -> Iterator[str]:
    """The URL of a Spark Connect server."""
    with sail_process() as (url, _):
        yield url
