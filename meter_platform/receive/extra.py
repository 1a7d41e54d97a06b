"""The packages that only receiving needs: the extra `receive`.

What belongs here: whether they are there. What does not: importing them.
"""

import importlib.util
from typing import Final

from meter_platform.errors import PermanentError

_PACKAGES: Final = ("fastapi", "uvicorn", "paho")


def make_sure_is_installed() -> None:
    """Does nothing where the extra is installed.

    Raises:
        PermanentError: it is not.
    """
    if any(importlib.util.find_spec(name) is None for name in _PACKAGES):
        raise PermanentError("What receives readings is not installed: pip install 'meter-platform[receive]'.")
