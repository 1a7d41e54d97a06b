"""While a run lasts the collector is patient and Arrow gives back what is free; when it has ended all is as before.

That importing definitions changes nothing: `test_importing.py`.
"""

import gc
from collections.abc import Iterator

import dagster as dg
import pyarrow as pa
import pytest

from meter_platform.orchestration.composition import build_defs
from meter_platform.orchestration.memory import freed_memory_given_back, patient_collector
from meter_platform.settings import Settings


@pytest.fixture(autouse=True)
def _default_collector() -> Iterator[None]:
    """As in a process of the platform's own; in that of tests it is patient, and what was there when they began is frozen."""
    thresholds = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    gc.unfreeze()
    yield
    gc.freeze()
    gc.set_threshold(*thresholds)


def test_the_collector_is_patient_inside_and_as_before_outside() -> None:
    thresholds, frozen = gc.get_threshold(), gc.get_freeze_count()
    with patient_collector():
        assert gc.get_threshold()[:2] == (50_000, 20)
        assert gc.get_freeze_count() > 100_000
    assert (gc.get_threshold(), gc.get_freeze_count()) == (thresholds, frozen)


def test_arrow_takes_memory_from_the_system_inside_and_from_its_own_outside() -> None:
    own = pa.default_memory_pool().backend_name
    assert own != "system"
    with freed_memory_given_back():
        assert pa.default_memory_pool().backend_name == "system"
        held = pa.array(range(1_000_000))
        assert pa.system_memory_pool().bytes_allocated() >= held.nbytes
    assert pa.default_memory_pool().backend_name == own


def test_both_are_so_while_a_run_has_its_io_manager(settings: Settings) -> None:
    def now() -> tuple[object, ...]:
        return gc.get_threshold(), pa.default_memory_pool().backend_name

    outside = now()
    resources = build_defs(settings).resources or {}
    with dg.build_resources({"io_manager": resources["io_manager"]}) as built:
        assert built.io_manager
        inside = now()
    assert inside[0] != outside[0]
    assert inside[1] == "system"
    assert now() == outside
