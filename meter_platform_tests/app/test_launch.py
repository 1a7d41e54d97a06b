"""Starting the app: what it is told, and what it says where it cannot start."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from meter_platform.app import launch
from meter_platform.settings import Settings


@contextmanager
def served(
    settings: Settings, home: Path, *, host: str = launch.ADDRESS, printed: list[str] | None = None
) -> Iterator[str]:
    """The app as a program of its own, once it is healthy; yields its URL.

    It has a home without Streamlit's own settings, a browser that does nothing, and nobody at the keyboard.
    """
    with socket.socket() as probe:
        probe.bind((host, 0))
        address = f"http://{host}:{probe.getsockname()[1]}"
    environment = {**os.environ, **settings.as_environment(), "HOME": str(home), "BROWSER": "true"}
    command = launch.command(host=host, port=int(address.rpartition(":")[2]))
    server = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        while True:
            try:
                status(address)
                break
            except OSError:
                assert server.poll() is None, "it ended"
                time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        output, _ = server.communicate()
        if printed is not None:
            printed.append(output)


def status(address: str, **headers: str) -> int:
    """The HTTP status with which the app's health page answers."""
    try:
        request = urllib.request.Request(f"{address}/_stcore/health", headers=headers)  # noqa: S310 - of our own making
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        return refusal.code


def test_the_app_gets_the_settings_it_was_started_with(small: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    special = small.replace(
        readings_url="s3://bucket/readings",
        reference_url="sqlite:///x.db",
        timezone="Australia/Lord_Howe",
        first_reference_date=date(2019, 2, 3),
        interval_label="end",
        executor="multiprocess",
        minimum_meterpoints=7,
        pg_bin=Path("/opt/postgres/bin"),
        backup_folder=Path("/backups"),
        backup_keep=3,
        backup_kind="base",
        backup_wal=Path("/wal"),
        keep_runs_days=90,
        keep_readings_days=1000,
        erasure_key="0" * 64,
        full_scan_hour=4,
        scan_seconds=10,
        receive_tokens="homes:a-token-of-24-characters",
        receive_mqtt_url="mqtts://broker.example",
        receive_mqtt_topics="homes=meters/#",
        feeds=Path("/feeds.toml"),
        fetch_keys="octopus:a-key",
        running_date=True,
        transformations="off",
        lake_url="s3://bucket/lake",
        storage="both",
        lake_keep_days=3,
        dagster_url="postgresql://it@db/dagster",
        dagster_ui_url="https://dagster.example",
        alerts_smtp_url="smtp://mail.example",
        alerts_email_to="ann@example.org",
        alerts_email_from="meters@example.org",
        alerts_webhook_url="https://hooks.example/1",
        alerts_heartbeat_url="https://beats.example/1",
        alerts_data_due_hours=12,
        engine="duckdb",
        spark_url="sc://spark.example",
        duckdb_memory_mb=512,
    )
    assert [name for name, field in Settings.model_fields.items() if getattr(special, name) == field.default] == []
    for name, value in special.as_environment().items():
        monkeypatch.setenv(name, value)
    assert Settings.from_environment() == special


def test_it_listens_on_this_machine_alone_and_asks_nothing_of_others() -> None:
    options = launch.command(port=8600, headless=True)
    assert "--server.address=localhost" in options
    assert "--server.port=8600" in options
    assert "--browser.gatherUsageStats=false" in options


def test_where_it_is_told_to_listen_for_a_proxy_it_still_answers_to_no_foreign_name(
    small: Settings, tmp_path: Path
) -> None:
    with served(small, tmp_path, host="127.0.0.1") as address:
        assert status(address) == 200
        assert status(address, Host="meters.example") == 403


def test_it_offers_nothing_of_streamlits() -> None:
    options = launch.command(headless=False)
    assert "--logger.hideWelcomeMessage=true" in options  # the toast at first sight, too
    assert "--client.toolbarMode=viewer" in options  # no button that deploys it elsewhere
    # Streamlit's CSV of a table does not keep a spreadsheet from computing its cells.
    assert "--client.disableDataExport=true" in options


def test_on_a_fresh_machine_it_starts_without_asking_anything(small: Settings, tmp_path: Path) -> None:
    printed: list[str] = []

    with served(small, tmp_path, printed=printed) as address:
        assert status(address) == 200

    assert "email" not in printed[0]


def test_a_missing_extra_is_one_line(small: Settings) -> None:
    code = """
import sys
from pathlib import Path
sys.modules["streamlit"] = None
from meter_platform.app import launch
from meter_platform.errors import MeterPlatformError
from meter_platform.settings import Settings
try:
    launch.run(Settings(home=Path(sys.argv[1])))
except MeterPlatformError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code, str(small.home)], capture_output=True, text=True, check=True)
    assert done.stdout == "The app needs packages that are not installed: pip install 'meter-platform[app]'.\n"
