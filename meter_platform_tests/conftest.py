"""What tests of every part share: one embedded Postgres for the whole session, and its tables, empty for each test.

What belongs here: fixtures that several folders need. What does not: input files and expected results, which stand
beside the tests that use them.
"""

import gc
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Final

import hypothesis
import psycopg
import pytest

from meter_platform.embedded_postgres import server
from meter_platform.embedded_postgres.cluster import Cluster
from meter_platform.postgres.urls import database_url
from meter_platform.settings import PREFIX, Settings
from meter_platform.warehouse.database import Database, open_database
from meter_platform_tests.databases import empty
from meter_platform_tests.places import in_memory

# A database and files are slower than any deadline of hypothesis, and not evenly so. What CI runs never varies.
hypothesis.settings.register_profile("local", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True, database=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


# Tests start a hundred processes: what one of them has compiled, the others need not.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Python's collector would look at the two million objects of all modules and tests again and again, and free none of them.
gc.set_threshold(50_000, 20, 100)

LONGEST: Final = (
    "orchestration/automation/",
    "embedded_postgres/",
    "app/",
    "orchestration/checks/",
    "test_own_address.py",
    "test_cli.py",
    "ingestion/",
)
"""Where the tests are that take longest. They begin, so that the processes that share the files of tests end together."""

NOT_DURABLE: Final = """
# Of the tests: data that a crash of the machine would damage is made anew. Whatever kills a process of the server, a commit
# is in the system's hands by then, as ever (synchronous_commit stays on).
fsync = off
full_page_writes = off
"""


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Keeps the tests of a file in one process, however many there are: most share what was loaded once for their file."""
    if getattr(config.option, "numprocesses", None) and config.option.dist == "no":
        config.option.dist = "loadfile"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first; the tests of a file stay together and in their order."""

    def place(item: pytest.Item) -> int:
        path = item.nodeid.removeprefix("meter_platform_tests/")
        return next((number for number, begin in enumerate(LONGEST) if path.startswith(begin)), len(LONGEST))

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """What is there when the tests begin stays until they end: the collector need not look at it."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _signals_arrive() -> None:
    """A shell's background jobs ignore Ctrl-C, `nohup`'s a closed line, and hand that down: tests end what they start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> None:
    """Whoever runs the tests may have a platform of their own: its sources and its server are none of ours."""
    for name in list(os.environ):
        if name.startswith(PREFIX) and name != f"{PREFIX}PG_BIN":
            del os.environ[name]
    # dbt takes seconds to start: tests that are about models say so.
    os.environ[f"{PREFIX}TRANSFORMATIONS"] = "off"


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """The session's home, its server running: a short path, for a socket's path has 107 characters."""
    folder = Path(tempfile.mkdtemp(prefix="mp-", dir=in_memory()))
    url = server.ensure_running(folder)
    with (Cluster.of(folder).data / "postgresql.conf").open("a") as configuration:
        configuration.write(NOT_DURABLE)
    with psycopg.connect(url) as connection:
        connection.execute("SELECT pg_reload_conf()")
    yield folder
    if (postmaster := server.status(folder).pid) is not None:
        os.kill(postmaster, signal.SIGQUIT)  # nothing is kept: it need not write down what is in its memory
    server.stop(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def new_database(home: Path) -> Callable[[str], Settings]:
    """Makes a database of its own beside the others on the session's server, with the platform's tables, empty."""

    def create(name: str) -> Settings:
        url = open_database(Settings(home=home)).url
        with psycopg.connect(url, autocommit=True) as connection:
            # A fixture that several folders share is made once for each of them.
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {name}")
        settings = Settings(home=home, postgres_url=database_url(url, name), today=date(2021, 11, 2))
        open_database(settings)
        return settings

    return create


@pytest.fixture(scope="session")
def store_port() -> Iterator[int]:
    """The port of the session's object store, for `object_store.bucket`."""
    from meter_platform_tests.object_store.server import object_store  # noqa: PLC0415 - few tests need it

    with object_store() as port:
        yield port


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
