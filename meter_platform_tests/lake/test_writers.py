"""Writers of one table of the lake: several at once, and some that are killed as they stand."""

import subprocess
import sys
from pathlib import Path

import pytest

from meter_platform_tests.lake import writers


def run(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", writers.__name__, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr


@pytest.mark.whole
def test_of_several_writers_of_a_date_one_is_last_and_all_finish(tmp_path: Path) -> None:
    run("race", tmp_path)


@pytest.mark.whole
def test_a_writer_that_is_killed_leaves_the_old_rows_or_the_new_ones(tmp_path: Path) -> None:
    run("kill", tmp_path, "100")
