"""Starting the app's server on the platform's Postgres.

What belongs here: the process, its address and its look. What does not: pages.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from meter_platform.app import palette
from meter_platform.errors import ServerSetupError
from meter_platform.settings import Settings
from meter_platform.storage.database import open_database

PORT: Final = 8501

_MAIN: Final = Path(__file__).with_name("main.py")


def run(settings: Settings, *, port: int = PORT, headless: bool = False) -> int:
    """Serves the app until it is interrupted; opens a browser unless `headless`.

    Args:
        settings: which Postgres, market and privacy; the embedded server is started if it is the one.
        port: where, on this machine only.
        headless: open no browser.

    Returns:
        The server's exit status.

    Raises:
        ServerSetupError: the packages of the extra `app` are not installed.
        ServerUnavailableError: there is no Postgres to read from.
    """
    if any(importlib.util.find_spec(name) is None for name in ("streamlit", "altair")):
        raise ServerSetupError("The app needs packages that are not installed: pip install 'meter-platform[app]'.")
    open_database(settings)
    process = subprocess.Popen(  # noqa: S603 - our own program
        command(port=port, headless=headless), env={**os.environ, **settings.as_environment()}
    )
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        return 0


def command(*, port: int = PORT, headless: bool = False) -> list[str]:
    """The command line that serves the app."""
    options = {
        "server.address": "localhost",
        "server.port": port,
        "server.headless": str(headless).lower(),
        "server.fileWatcherType": "none",
        "server.runOnSave": "false",
        "server.showEmailPrompt": "false",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "viewer",
        "client.showErrorDetails": "none",
        "runner.magicEnabled": "false",
        **palette.STREAMLIT_THEME,
    }
    return [
        *(sys.executable, "-m", "streamlit", "run", str(_MAIN)),
        *(f"--{name}={value}" for name, value in options.items()),
    ]
