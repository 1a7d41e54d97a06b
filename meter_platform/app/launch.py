"""Starting the app's server on the platform's Postgres.

What belongs here: the process, its address and its look. What does not: pages.
"""

import importlib.util
import os
import sys
from pathlib import Path
from typing import Final, NoReturn

from meter_platform.app import palette
from meter_platform.errors import ServerSetupError
from meter_platform.own_address import make_sure_is_free
from meter_platform.settings import Settings
from meter_platform.warehouse.database import open_database

PORT: Final = 8501

ADDRESS: Final = "localhost"
"""This machine only, unless somebody says otherwise: the app knows no users."""

_SERVER: Final = Path(__file__).with_name("server.py")


def run(settings: Settings, *, host: str = ADDRESS, port: int = PORT, headless: bool = False) -> NoReturn:
    """Becomes the app's server, so that whatever ends this process ends the app; opens a browser unless `headless`.

    Args:
        settings: which Postgres, market and privacy; the embedded server is started if it is the one.
        host: the address to listen on; whoever reaches it sees everything, so that others than this machine's need a proxy
            with a login in front of it.
        port: where.
        headless: open no browser.

    Raises:
        ServerSetupError: the packages of the extra `app` are not installed.
        ServerUnavailableError: there is no Postgres to read from.
        PermanentError: another program listens there.
    """
    if any(importlib.util.find_spec(name) is None for name in ("streamlit", "altair")):
        raise ServerSetupError("The app needs packages that are not installed: pip install 'meter-platform[app]'.")
    make_sure_is_free(host, port)
    open_database(settings)
    arguments = command(host=host, port=port, headless=headless)
    sys.stdout.flush()
    os.execve(arguments[0], arguments, {**os.environ, **settings.as_environment()})  # noqa: S606 - our own program


def command(*, host: str = ADDRESS, port: int = PORT, headless: bool = False) -> list[str]:
    """The command line that serves the app."""
    options = {
        "server.address": host,
        "server.port": port,
        "server.headless": str(headless).lower(),
        "server.fileWatcherType": "none",
        "server.runOnSave": "false",
        "server.showEmailPrompt": "false",
        "server.enableCORS": "true",
        "server.enableXsrfProtection": "true",
        # Streamlit's own words at the start, which offer more of Streamlit.
        "logger.hideWelcomeMessage": "true",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "viewer",
        "client.showErrorDetails": "none",
        # Its own CSV of a table has formulas as formulas; ours stand below each table.
        "client.disableDataExport": "true",
        "runner.magicEnabled": "false",
        **palette.STREAMLIT_THEME,
    }
    return [
        *(sys.executable, "-m", "streamlit", "run", str(_SERVER)),
        *(f"--{name}={value}" for name, value in options.items()),
    ]
