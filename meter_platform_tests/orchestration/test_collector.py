"""The collector is patient while a run lasts, and as before when it has ended.

That importing definitions changes nothing: `test_importing.py`.
"""

import gc
from collections.abc import Iterator

import pytest

from meter_platform.orchestration.collector import patient_collector


@pytest.fixture
def _nothing_frozen() -> Iterator[None]:
    """As in a process of the platform's own; in that of tests what was there when they began is frozen."""
    gc.unfreeze()
    yield
    gc.freeze()


@pytest.mark.usefixtures("_nothing_frozen")
def test_it_is_patient_inside_and_as_before_outside() -> None:
    thresholds, frozen = gc.get_threshold(), gc.get_freeze_count()
    with patient_collector():
        assert gc.get_threshold()[:2] == (50_000, 20)
        assert gc.get_freeze_count() > 100_000
    assert (gc.get_threshold(), gc.get_freeze_count()) == (thresholds, frozen)
