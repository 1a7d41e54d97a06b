"""Which engine is used: the one that is set, if it can be had.

That nothing of the others is imported: `orchestration/test_importing.py`.
"""

import sys
from pathlib import Path

import pytest

from meter_platform.engines.choice import check_engine, open_engine
from meter_platform.errors import SettingsError
from meter_platform.orchestration.composition import build_defs
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database


@pytest.mark.parametrize("name", ["postgres", "duckdb", "spark"])
def test_the_engine_is_the_one_that_is_set(name: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path).replace(engine=name, spark_url="sc://nowhere.example")
    engine = open_engine(settings, Database("postgresql://nowhere.example/none"))  # asked for nothing yet
    assert engine.name == name
    engine.close()


@pytest.mark.parametrize(("name", "package"), [("duckdb", "duckdb"), ("spark", "pyspark")])
def test_an_extra_that_is_missing_is_named_before_anything_runs(
    name: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    settings = Settings(home=tmp_path).replace(engine=name, spark_url="sc://nowhere.example")
    with pytest.raises(SettingsError) as error:
        build_defs(settings)
    assert str(error.value) == (
        f"METER_PLATFORM_ENGINE={name} needs {package}, which is not installed: pip install 'meter-platform[{name}]'."
    )


def test_spark_needs_an_address(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="set METER_PLATFORM_SPARK_URL to sc://host:15002"):
        check_engine(Settings(home=tmp_path).replace(engine="spark"))


def test_an_engine_that_is_none_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METER_PLATFORM_ENGINE", "oracle")
    with pytest.raises(SettingsError, match="METER_PLATFORM_ENGINE='oracle' is none of: postgres, duckdb, spark"):
        Settings.from_environment()
