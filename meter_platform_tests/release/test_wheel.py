"""The wheel in an empty environment: it runs from an empty folder, with what it brings and what the lock names."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from meter_platform_tests.places import ROOT

WHEEL = os.environ.get("WHEEL", "")

pytestmark = pytest.mark.skipif(
    not WHEEL, reason="takes a minute or two, and a wheel: `make test-release` makes it first"
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel in it; versions are those of the lock."""
    folder = tmp_path_factory.mktemp("environment")
    constraints = folder / "constraints.txt"
    pins = re.findall(r"^([\w.-]+==[^\\\n]+?)\s*\\?$", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    constraints.write_text("\n".join(pins))
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    programs = folder / "venv" / "bin"
    subprocess.run(
        [
            programs / "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-compile",
            "--constraint",
            constraints,
            ROOT / WHEEL,
        ],
        check=True,
    )
    return programs


@pytest.fixture
def environment(tmp_path: Path, installed: Path) -> Iterator[dict[str, str]]:
    """An environment with nothing set but a home of the test's own."""
    variables = {"PATH": f"{installed}{os.pathsep}{os.defpath}", "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    yield variables
    subprocess.run([installed / "meter-platform", "stop"], cwd=tmp_path, env=variables, check=True)


def run(*command: str | Path, cwd: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


def test_it_runs_from_an_empty_folder(tmp_path: Path, installed: Path, environment: dict[str, str]) -> None:
    printed = run(installed / "meter-platform", "demo", cwd=tmp_path, environment=environment)
    assert re.search(r"2021-01-01\s+raw_data\.raw_meter_readings\s+2,880\s+917\.966", printed)

    run(
        *(installed / "dagster", "asset", "materialize", "--select", "*", "--partition", "2021-01-02"),
        *("-m", "meter_platform.definitions"),
        cwd=tmp_path,
        environment=environment,
    )


def test_types_are_published(installed: Path) -> None:
    assert list(installed.parent.glob("lib/python*/site-packages/meter_platform/py.typed"))
