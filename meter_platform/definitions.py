"""The code location that Dagster loads: the platform, composed for the settings of this process.

What belongs here: nothing but that. What there is stands in `orchestration/composition.py`.
"""

from meter_platform.orchestration.composition import build_defs
from meter_platform.settings import Settings

defs = build_defs(Settings.from_environment())
