"""Where things are: the checkout, and the public input that may stand beside it.

What belongs here: paths. What does not: reading what is there.
"""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
"""The checkout."""

SHARED: Final = ROOT.parent / "shared"
"""Real input and public cases, which are not a part of the project; tests that need them skip where they are absent."""

CASES: Final = SHARED / "cases"
CASE_STUDY: Final = SHARED / "case_study"
