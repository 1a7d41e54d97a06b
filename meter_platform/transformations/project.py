"""Which dbt project's models are built with the platform's tables, if any are.

What belongs here: where the project is, and whether dbt is installed; nothing of it is imported to find out. What does not:
what is in the project (`manifest.py`), and running dbt (`command.py`).
"""

from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import meter_platform
from meter_platform.errors import PermanentError, SettingsError
from meter_platform.settings import Settings, variable

OFF: Final = "off"
"""The setting's value that builds no models, whatever is installed."""

EXTRA: Final = "install it with: pip install 'meter-platform[dbt]' (Python 3.11 to 3.13)"
"""What to do where dbt is missing."""

_PROJECT_FILE: Final = "dbt_project.yml"


def project_folder(settings: Settings) -> Path | None:
    """The folder of the dbt project; `None` where no models are built.

    Raises:
        SettingsError: the folder that is set is no dbt project.
        PermanentError: a folder is set, and dbt is not installed.
    """
    given = settings.transformations
    if given == OFF:
        return None
    if given is None:
        return _own_project() if _is_installed() else None
    folder = Path(given).expanduser().absolute()
    if not (folder / _PROJECT_FILE).is_file():
        raise SettingsError(
            f"{variable('transformations')}={given!r} is no dbt project: there is no {_PROJECT_FILE} in it. Name a folder "
            f"that has one, or `{OFF}`."
        )
    if not _is_installed():
        raise PermanentError(f"{variable('transformations')} names a dbt project, and dbt is not installed: {EXTRA}.")
    return folder


def _own_project() -> Path:
    """In the package when installed, beside it in a clone."""
    package = Path(meter_platform.__file__).parent
    inside = package / "transformations" / "project"
    return inside if inside.is_dir() else package.parent / "transformations"


def _is_installed() -> bool:
    if find_spec("dagster_dbt") is None:
        return False
    try:
        metadata.version("dbt-postgres")
    except metadata.PackageNotFoundError:
        return False
    return True
