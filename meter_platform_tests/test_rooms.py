"""The rooms: what may import what, and that each says what belongs in it.

What belongs here: the order of the packages as a whole. What does not: what any of them does.
"""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from meter_platform_tests.places import ROOT

PACKAGE: Final = ROOT / "meter_platform"
ROOMS: Final = sorted(path.parent for path in PACKAGE.rglob("*/__init__.py") if path.parent.name != "versions")


def contracts(root: Path) -> dict[str, str]:
    """What import-linter says of each contract of `pyproject.toml`, for the package in a folder."""
    said = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--config", ROOT / "pyproject.toml"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    return {
        line.removesuffix(verdict).strip(): verdict
        for line in said.splitlines()
        for verdict in ("KEPT", "BROKEN")
        if line.endswith(f" {verdict}")
    }


def test_imports_go_down_and_a_forbidden_one_breaks_each_contract(tmp_path: Path) -> None:
    assert set(contracts(ROOT).values()) == {"KEPT"}
    copy = shutil.copytree(PACKAGE, tmp_path / "meter_platform", ignore=shutil.ignore_patterns("__pycache__"))
    for file, forbidden in (
        ("embedded_postgres/processes.py", "from meter_platform.settings import Settings"),
        ("warehouse/reader.py", "from meter_platform.ingestion import load"),
        ("rules/days.py", "import dagster"),
    ):
        with (copy / file).open("a", encoding="utf-8") as module:
            module.write(f"\n{forbidden}\n")
    broken = contracts(tmp_path)
    assert set(broken.values()) == {"BROKEN"}
    assert len(broken) == 3


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.relative_to(ROOT)))
def test_a_room_says_what_belongs_in_it_and_what_never_does(room: Path) -> None:
    said = ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8"))) or ""
    assert re.search(r"(?s)\bbelongs?\s+here.*\b(never|not)\b|\b(never|not)\s+belongs?\s+here", said)


@pytest.mark.whole
def test_whichever_module_of_feeds_is_imported_first_the_others_follow() -> None:
    """Formats know feeds, and feeds their formats: a circle shows only to the one who comes in at the wrong place."""
    modules = [f"meter_platform.feeds.{name}" for name in ("feed", "cells", "validation", "formats.format", "files")]
    script = (
        "import importlib, sys\n"
        f"for name in {modules!r}:\n"
        "    for known in [known for known in sys.modules if known.startswith('meter_platform.feeds')]:\n"
        "        del sys.modules[known]\n"
        "    importlib.import_module(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
