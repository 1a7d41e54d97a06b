"""What the slow tests of monitoring share: they are run by `make test-monitoring`."""

import os

import pytest


@pytest.fixture(scope="session")
def _asked_for() -> None:
    """Skips where nobody asked for tests that take a minute."""
    if not os.environ.get("MONITORING"):
        pytest.skip("takes a minute: `make test-monitoring` runs it")
