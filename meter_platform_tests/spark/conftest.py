"""One cluster for all tests on Spark, and raw data for it to compute."""

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from meter_platform.settings import Settings
from meter_platform_tests.everywhere import INPUTS, Loaded
from meter_platform_tests.market import dagster_on_postgres
from meter_platform_tests.spark.cluster import Cluster, cluster


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster."""
    environment = os.environ.get("SPARK_ENVIRONMENT")
    if not environment:
        pytest.skip("needs Spark, Java and SPARK_ENVIRONMENT: run `make test-spark`")
    with cluster(Path(environment), tmp_path_factory.mktemp("spark")) as started:
        yield started


@pytest.fixture(scope="module")
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """Dagster on the session's Postgres."""
    with dagster_on_postgres(home) as opened:
        yield opened


@pytest.fixture(scope="module", params=INPUTS, ids=lambda given: given.__name__)
def loaded(
    request: pytest.FixtureRequest,
    spark: Cluster,
    home: Path,
    instance: dg.DagsterInstance,
    tmp_path_factory: pytest.TempPathFactory,
) -> Loaded:
    """Raw data of an input, what Postgres makes of it, and settings for Spark."""
    settings = Settings(home=home, today=date(2021, 11, 8))
    folder = tmp_path_factory.mktemp("input")
    found = Loaded(settings, instance, request.param(settings, folder, instance), folder)
    found.settings = found.settings.replace(engine="spark", spark_url=spark.url)
    return found
