"""What importing the definitions does to a process and its surroundings, with nothing set: nothing.

What belongs here: what one fresh interpreter tells, for it takes seconds to import Dagster. What does not: what is defined
(`test_definitions.py`).
"""

import json
import subprocess
import sys
from typing import Any

import pytest

IMPORT = """
import gc, json, os, signal, sys

TOUCHING = (
    "socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.", "os.fork", "os.exec", "os.posix_spawn",
    "os.system", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.", "tempfile.", "sqlite3.connect",
)
touched = []

def watch(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        if path == os.devnull or not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
            return
    elif not event.startswith(TOUCHING) or (event == "subprocess.Popen" and arguments[0] == "file"):
        return  # Dagster asks the program `file` whether Python has 32 bits
    touched.append(f"{event} {arguments}")

sys.addaudithook(watch)

import adbc_driver_postgresql.dbapi, dagster, dagster_postgres, ibis.backends.postgres, pandera.pandas, sqlalchemy
from meter_platform.postgres import connecting

def state():
    return {
        "environment": {name: value for name, value in os.environ.items() if name != "PGAPPNAME"},  # names its sessions
        "collector": (gc.get_threshold(), gc.get_freeze_count(), gc.isenabled()),
        "signals": [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)],
        "engines": sqlalchemy.event.contains(sqlalchemy.Engine, "do_connect", connecting._connect_patiently),
    }

before = state()
import meter_platform.definitions, meter_platform.orchestration.instance, meter_platform.orchestration.run_launcher
assets = len(list(meter_platform.definitions.defs.resolve_all_asset_specs()))
after = state()
print(json.dumps({"assets": assets, "before": before, "after": after, "touched": touched, "modules": [*sys.modules]}))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process tells that has imported the definitions in an empty folder, which is empty afterwards."""
    folder = tmp_path_factory.mktemp("empty")
    done = subprocess.run(
        [sys.executable, "-B", "-c", IMPORT],
        env={"METER_PLATFORM_TRANSFORMATIONS": "off"},  # with dbt installed, a description of its project is kept
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stderr, done.returncode) == ("", 0)
    assert list(folder.iterdir()) == []
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["assets"] == 11
    return found


def test_it_touches_nothing(told: dict[str, Any]) -> None:
    assert told["touched"] == []


def test_it_changes_nothing_of_the_process(told: dict[str, Any]) -> None:
    """Neither the environment, the garbage collector, signals, nor how engines connect."""
    assert told["after"] == told["before"]


@pytest.mark.parametrize("package", ["duckdb", "pyspark.sql.connect", "pysail", "dbt", "dagster_dbt", "streamlit"])
def test_it_imports_nothing_of_other_engines_of_dbt_and_of_the_app(told: dict[str, Any], package: str) -> None:
    assert [name for name in told["modules"] if f"{name}.".startswith(f"{package}.")] == []
