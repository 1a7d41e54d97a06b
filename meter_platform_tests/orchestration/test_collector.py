"""The collector is patient while a run lasts, and as before when it has ended; importing definitions changes nothing."""

import gc
import subprocess
import sys

from meter_platform.orchestration.collector import patient_collector


def test_it_is_patient_inside_and_as_before_outside() -> None:
    thresholds, frozen = gc.get_threshold(), gc.get_freeze_count()
    with patient_collector():
        assert gc.get_threshold()[:2] == (50_000, 20)
        assert gc.get_freeze_count() > 100_000
    assert (gc.get_threshold(), gc.get_freeze_count()) == (thresholds, frozen)


def test_importing_the_code_location_leaves_the_process_as_it_is() -> None:
    code = (
        "import gc; before = gc.get_threshold(); import meter_platform.definitions; print(before == gc.get_threshold())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"]
