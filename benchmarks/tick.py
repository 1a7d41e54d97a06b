"""Ticks of the sensor in a process of their own: `python -m benchmarks.tick`, its settings in the environment.

What belongs here: a warm process that evaluates the sensor once for each line it is given, as Dagster's code server does. What
does not: what happens to files between ticks (`history.py`).
"""

import json
import sys
import time

import dagster as dg
import psutil

from benchmarks.memory import own_peak
from meter_platform.orchestration.composition import build_defs
from meter_platform.orchestration.instance import instance
from meter_platform.settings import Settings


def main() -> None:
    """Evaluates a tick for each line, and prints what it took as a line of JSON."""
    definitions = build_defs(Settings.from_environment())
    sensor = definitions.resolve_sensor_def("new_reading_files")
    cursor: str | None = None
    with instance() as opened:
        for _ in sys.stdin:
            held = psutil.Process().memory_info().rss
            began = time.perf_counter()
            context = dg.build_sensor_context(instance=opened, cursor=cursor, definitions=definitions)
            found = sensor.evaluate_tick(context)
            cursor = found.cursor
            took = {
                "seconds": time.perf_counter() - began,
                "held_before": held,
                "peak_rss": own_peak(),
                "said": found.skip_message or f"{len(found.run_requests or [])} runs asked for",
            }
            sys.stdout.write(json.dumps(took) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
