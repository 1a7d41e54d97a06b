"""Databases for the app's tests, on the session's server, and the app itself as Streamlit's own tester runs it.

What belongs here: what several files need. What does not: expected numbers, which stand in the tests.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from benchmarks.pages import fill
from meter_platform.app import launch
from meter_platform.settings import Settings
from meter_platform.typed_sql.guard import SqlGuard
from meter_platform.warehouse.database import Database, open_database
from meter_platform_tests.commands import meter_platform
from meter_platform_tests.embedded_postgres.servers import SECONDS
from meter_platform_tests.places import CASE_STUDY

_MAIN: Final = Path(launch.__file__).with_name("main.py")
_HERE: Final = Path(__file__).parent

RunPage = Callable[..., AppTest]


@pytest.fixture(scope="session")
def small(new_database: Callable[[str], Settings]) -> Settings:
    """Three days around an autumn clock change, with everything on them that can go wrong: `small.sql`."""
    settings = new_database("app_small")
    _fill(settings, (_HERE / "small.sql").read_text(encoding="utf-8"))
    return settings


@pytest.fixture(scope="session")
def nothing(new_database: Callable[[str], Settings]) -> Settings:
    """A database with tables and no rows."""
    return new_database("app_nothing")


@pytest.fixture(scope="session")
def case_study(new_database: Callable[[str], Settings]) -> Settings:
    """The case study, loaded by the platform itself."""
    if not CASE_STUDY.exists():
        pytest.skip("the case study's files are not beside the repository")
    settings = new_database("app_case_study")
    loaded = meter_platform(
        settings.home, "run", "--reference-date", "2021-01-01", "--to", "2021-01-03",
        POSTGRES_URL=str(settings.postgres_url), TODAY=str(settings.today),
        READINGS_URL=str(CASE_STUDY / "readings"), REFERENCE_URL=f"sqlite:///{CASE_STUDY / 'case_study.db'}",
    )  # fmt: skip
    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    return settings


@pytest.fixture(scope="session")
def year(new_database: Callable[[str], Settings]) -> Settings:
    """A year of 560 meterpoints, as the rules would have left it: `benchmarks/year.sql`."""
    settings = new_database("app_year")
    fill(open_database(settings), meterpoints=560)
    return settings


@pytest.fixture
def run_page(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunPage]:
    """Runs a page of the app as a visitor's first look at it: `run_page(settings, "products", **query)`."""

    def run(settings: Settings, name: str, **query: str) -> AppTest:
        # Warm pages keep the database of the process they run in; a test has another one.
        st.cache_resource.clear()
        st.cache_data.clear()
        for variable, value in settings.as_environment().items():
            monkeypatch.setenv(variable, value)
        app = AppTest.from_file(_MAIN, default_timeout=SECONDS)
        app.query_params.update(query)
        app.run()
        app.switch_page(f"views/{name}.py").run()
        assert not app.exception, [error.message for error in app.exception]
        return app

    yield run
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture(scope="session", params=["own login", pytest.param("given server", marks=pytest.mark.whole)])
def guard(request: pytest.FixtureRequest, small: Settings) -> SqlGuard:
    """Typed SQL on the small database: where the reader role logs in by itself, and where a login becomes it."""
    made = SqlGuard(open_database(small), timezone=small.timezone, trusts_socket=request.param == "own login")
    made.set_up()
    return made


def _fill(settings: Settings, text: str) -> None:
    with Database(open_database(settings).url).connect() as connection:
        connection.execute(text.encode())
    with Database(open_database(settings).url).connect(autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
