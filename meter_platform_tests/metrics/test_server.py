"""The command `metrics`: served until a signal ends it, or printed once."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from meter_platform.settings import PREFIX, Settings
from meter_platform.warehouse.database import open_database
from meter_platform_tests.databases import empty
from meter_platform_tests.embedded_postgres.servers import SECONDS
from meter_platform_tests.market import dagster_on_postgres
from meter_platform_tests.metrics.scraped import numbers

COMMAND = [sys.executable, "-m", "meter_platform", "metrics"]


@pytest.fixture(scope="module")
def environment(home: Path) -> Iterator[dict[str, str]]:
    """A platform with the tables of both databases, and nothing in them."""
    empty(open_database(Settings(home=home)))
    with dagster_on_postgres(home):
        yield {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"} | {
            f"{PREFIX}HOME": str(home)
        }


def test_metrics_are_served_until_a_signal_ends_it(environment: dict[str, str]) -> None:
    with subprocess.Popen([*COMMAND, "--port", "0"], env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = process.stdout.readline()
        try:
            address = re.search(r"http://127\.0\.0\.1:\d+/metrics", said)
            assert address, said
            with urllib.request.urlopen(address[0], timeout=SECONDS) as answer:  # noqa: S310 - our own server
                found = numbers(answer.read().decode())
        finally:
            process.send_signal(signal.SIGTERM)
            ended = process.wait(timeout=SECONDS)

    assert ended == 0
    assert {value for name, value in found.items() if "_success{" in name} == {1}


def test_metrics_printed_once_fail_where_a_part_does(environment: dict[str, str]) -> None:
    whole = subprocess.run([*COMMAND, "--once"], env=environment, capture_output=True, text=True, check=False)
    nowhere = environment | {f"{PREFIX}POSTGRES_URL": "postgresql://me:hunter2@127.0.0.1:1/meters"}
    broken = subprocess.run([*COMMAND, "--once"], env=nowhere, capture_output=True, text=True, check=False)

    assert (whole.returncode, whole.stderr) == (0, "")
    assert numbers(whole.stdout)["meter_failed_partitions"] == 0
    assert broken.returncode == 1
    assert "Connection refused" in broken.stderr
    assert "hunter2" not in broken.stderr + broken.stdout
