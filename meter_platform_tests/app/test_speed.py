"""Every page opens on a year of 10,000 meterpoints, the first look included: no page goes through readings.

On two quiet cores a page takes under two seconds. The bound here is one that only a wrong plan breaks, for the machine may
be busy.
"""

import time
from datetime import date

import pytest

from meter_platform.settings import Settings
from meter_platform_tests.app.conftest import RunPage
from meter_platform_tests.app.test_pages import PAGES

YEAR = (date(2025, 1, 1), date(2025, 12, 31))
SECONDS = 30.0


@pytest.mark.parametrize("name", PAGES)
def test_a_year_opens_in_bounded_time(year: Settings, run_page: RunPage, name: str) -> None:
    # What the process imports and opens once is no part of a page.
    app = run_page(year, name, **{"from": "2025-06-01", "to": "2025-06-01"})
    app.date_input[0].set_value(YEAR)
    begun = time.perf_counter()
    app.run()
    first = time.perf_counter() - begun
    assert not app.exception
    assert app.query_params["to"] == "2025-12-31"
    begun = time.perf_counter()
    app.run()
    again = time.perf_counter() - begun
    print(f"{name}: {first:.2f} s, again {again:.2f} s")  # noqa: T201 - shown with -s
    assert first < SECONDS
    assert again < SECONDS
