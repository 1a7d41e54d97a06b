"""Starting the app: what it is told, and what it says where it cannot start."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import date
from pathlib import Path

import pytest

from meter_platform.app import launch
from meter_platform.settings import Settings


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


def test_it_offers_nothing_of_streamlits() -> None:
    options = launch.command(headless=False)
    assert "--logger.hideWelcomeMessage=true" in options  # the toast at first sight, too
    assert "--client.toolbarMode=viewer" in options  # no button that deploys it elsewhere
    # Streamlit's CSV of a table does not keep a spreadsheet from computing its cells.
    assert "--client.disableDataExport=true" in options


def test_on_a_fresh_machine_it_starts_without_asking_anything(small: Settings, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    # A home without Streamlit's own settings, a browser that does nothing, and nobody at the keyboard.
    environment = {**os.environ, **small.as_environment(), "HOME": str(tmp_path), "BROWSER": "true"}
    server = subprocess.Popen(
        launch.command(port=port), env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    try:
        while True:
            try:
                with urllib.request.urlopen(f"http://localhost:{port}/_stcore/health") as answer:
                    assert answer.status == 200
                    break
            except OSError:
                assert server.poll() is None, "it ended"
                time.sleep(0.1)
    finally:
        server.terminate()
        printed, _ = server.communicate()
    assert "email" not in printed


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
