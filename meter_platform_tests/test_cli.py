"""The command line as its users meet it: help, one-line errors that say what to do, exit codes, and no secrets."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from meter_platform.settings import PREFIX

COMMANDS = ("app", "demo", "dev", "psql", "run", "sample", "status", "stop")


def meter_platform(home: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    environment |= {f"{PREFIX}HOME": str(home), **{PREFIX + name: value for name, value in settings.items()}}
    return subprocess.run(
        [sys.executable, "-m", "meter_platform", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def assert_one_line(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if not re.match(r" *\d+ of \d+ ", line)]
    assert line.startswith("Error: ")
    for part in parts:
        assert part in line


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(tmp_path: Path, command: str) -> None:
    done = meter_platform(tmp_path, command, "--help")

    assert done.returncode == 0
    assert len(done.stdout.splitlines()) >= 5


def test_help_lists_every_command(tmp_path: Path) -> None:
    listed = re.findall(r"^  ([a-z]+) ", meter_platform(tmp_path, "--help").stdout.split("Commands:")[1], re.MULTILINE)

    assert tuple(listed) == COMMANDS


def test_a_date_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    done = meter_platform(tmp_path, "run", "--reference-date", "1st of May")

    assert done.returncode == 2
    assert "'1st of May' does not match the format" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["2020-12-31"], ["2020-12-31 is before 2021-01-01", "METER_PLATFORM_FIRST_REFERENCE_DATE"]),
        (["2999-01-01"], ["2999-01-01 is not over yet"]),
        (["2021-01-02", "--to", "2021-01-01"], ["ends on 2021-01-01, before it begins"]),
    ],
)
def test_dates_without_a_partition_are_refused_before_anything_starts(
    tmp_path: Path, arguments: list[str], parts: list[str]
) -> None:
    assert_one_line(meter_platform(tmp_path, "run", "--reference-date", *arguments), *parts)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://someone:hunter2@127.0.0.1:1/meter_platform",
        "postgresql://someone@127.0.0.1:1/meter_platform?password=hunter2",
        "mysql://someone:hunter2@127.0.0.1/meter_platform",
        "postgresql://someone:hunter2@127.0.0.1:1",
    ],
)
@pytest.mark.parametrize("command", [["status"], ["run", "--reference-date", "2021-01-01"]])
def test_a_server_that_cannot_be_used_is_named_without_its_password(
    tmp_path: Path, command: list[str], url: str
) -> None:
    done = meter_platform(tmp_path, *command, POSTGRES_URL=url)

    assert_one_line(done)
    assert "hunter2" not in done.stdout + done.stderr


def test_a_setting_that_is_none_is_named_with_what_it_takes(tmp_path: Path) -> None:
    assert_one_line(meter_platform(tmp_path, "status", TIMEZONE="Mars/Olympus"), "Mars/Olympus", "Europe/London")


def test_status_starts_nothing(tmp_path: Path) -> None:
    done = meter_platform(tmp_path, "status")

    assert done.returncode == 0
    assert "not running" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_stop_without_a_server_says_so(tmp_path: Path) -> None:
    done = meter_platform(tmp_path, "stop")

    assert (done.returncode, done.stdout) == (0, "The embedded Postgres was not running.\n")


def test_a_given_server_is_not_stopped(tmp_path: Path) -> None:
    done = meter_platform(tmp_path, "stop", POSTGRES_URL="postgresql://someone@127.0.0.1:1/meter_platform")

    assert done.returncode == 0
    assert "not ours to stop" in done.stdout


def test_sample_says_what_it_wrote(tmp_path: Path) -> None:
    done = meter_platform(
        tmp_path / "home", "sample", "--meterpoints", "5", "--from", "2021-03-28", "--to", "2021-03-28",
        "--out", str(tmp_path / "out"),
    )  # fmt: skip

    assert done.returncode == 0
    assert done.stdout.startswith("230 readings of 5 meterpoints in 5 files, ")
    assert len(list((tmp_path / "out" / "readings").glob("*.json"))) == 5
    assert (tmp_path / "out" / "reference.db").exists()
