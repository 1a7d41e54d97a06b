"""What tests of every part share: one embedded Postgres for the whole session, and its tables, empty for each test.

What belongs here: fixtures that several folders need. What does not: input files and expected results, which stand
beside the tests that use them.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import hypothesis
import pytest

from meter_platform.embedded_postgres import server
from meter_platform.settings import PREFIX, Settings
from meter_platform.warehouse.database import Database, open_database
from meter_platform_tests.databases import empty

# A database and files are slower than any deadline of hypothesis, and not evenly so. What CI runs never varies.
hypothesis.settings.register_profile("local", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True, database=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session", autouse=True)
def _signals_arrive() -> None:
    """A shell's background jobs ignore Ctrl-C, and hand that down: tests interrupt programs that they start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> None:
    """Whoever runs the tests may have a platform of their own: its sources and its server are none of ours."""
    for name in list(os.environ):
        if name.startswith(PREFIX) and name != f"{PREFIX}PG_BIN":
            del os.environ[name]


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """The session's home: a short path, for a socket's path has 107 characters. Its server runs once it is needed."""
    folder = Path(tempfile.mkdtemp(prefix="mp-"))
    yield folder
    server.stop(folder)
    shutil.rmtree(folder)


@pytest.fixture
def settings(home: Path) -> Settings:
    """London from 2021-01-01 on, on the session's server, whatever day it is. Unset sources mean the sample.

    For other settings: `settings.replace(readings_url=...)`.
    """
    return Settings(home=home, today=date(2021, 1, 8))


@pytest.fixture
def database(settings: Settings) -> Database:
    """The session's database, with every table empty.

    A test that keeps connections open has to close them: the next test waits for locks, but not for long.
    """
    opened = open_database(settings)
    empty(opened)
    return opened
