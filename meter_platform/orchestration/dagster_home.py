"""The Dagster home of commands that start Dagster's own programs.

What belongs here: making a `DAGSTER_HOME` under the platform's home where the user has not set one. What does not: the
storage classes that `dagster.yaml` names (`instance.py`), importing Dagster.
"""

import os
import shutil
from pathlib import Path
from typing import Final

import meter_platform
from meter_platform.settings import Settings

CONFIG_FILE: Final = "dagster.yaml"


def config_directory() -> Path:
    """Where the platform's own `dagster.yaml` is: in the package when installed, beside it in a clone."""
    package = Path(meter_platform.__file__).parent
    return package if (package / CONFIG_FILE).exists() else package.parent


def prepare_dagster_home(settings: Settings) -> dict[str, str]:
    """The environment in which Dagster's programs find the platform's instance.

    Returns:
        DAGSTER_HOME, as it is set or with the platform's `dagster.yaml` in it; METER_PLATFORM_HOME.
    """
    home = os.environ.get("DAGSTER_HOME")
    if home is None and Path(CONFIG_FILE).exists():
        home = str(Path.cwd())  # a clone: its own file is the instance's
    if home is None:
        folder = settings.home / "dagster"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(config_directory() / CONFIG_FILE, folder / CONFIG_FILE)
        home = str(folder)
    return {"DAGSTER_HOME": home, "METER_PLATFORM_HOME": str(settings.home)}
