"""dbt on the platform's database, in a process of its own: `python -m meter_platform.transformations.command`.

What belongs here: what dbt is given besides its own arguments (the connection, where the project is), and starting it. What
does not: who starts it (`meter-platform dbt`, and `orchestration/assets/models.py` as part of the graph).

The password enters this process's environment only once it runs, where no other process can read it, under a name that dbt
takes out of all that it prints and writes.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from meter_platform.errors import MeterPlatformError, PermanentError
from meter_platform.settings import Settings
from meter_platform.transformations.connection import libpq_variables
from meter_platform.transformations.project import EXTRA, project_folder
from meter_platform.warehouse.database import data_url

_PASSWORD: Final = "DBT_ENV_SECRET_PASSWORD"  # noqa: S105 - a name

WITHOUT_DATABASE: Final = frozenset({"parse", "deps", "clean", "ls", "list", "--help", "-h", "--version"})
"""What dbt does without a connection: definitions load where no server runs."""


def start(settings: Settings, arguments: Sequence[str], *, target: Path, **options: Any) -> "subprocess.Popen[str]":  # noqa: ANN401 - subprocess's own
    """Starts dbt with the platform's connection.

    Args:
        settings: of the platform, whatever the environment says.
        arguments: dbt's own.
        target: the folder for what dbt writes.
        options: of `subprocess.Popen`.
    """
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", __name__, *arguments],
        env=os.environ | settings.as_environment() | {"DBT_TARGET_PATH": str(target), "DBT_LOG_PATH": str(target)},
        text=True,
        **options,
    )


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Runs dbt in this process, and ends it as dbt does.

    Raises:
        PermanentError: there is no project, or no dbt.
    """
    folder = project_folder(settings)
    if folder is None:
        raise PermanentError(f"No dbt project is set, or dbt is not installed: {EXTRA}.")
    os.environ.update({"DBT_PROJECT_DIR": str(folder), "DBT_PROFILES_DIR": str(folder)})
    for name in ("DBT_TARGET_PATH", "DBT_LOG_PATH"):
        os.environ.setdefault(name, str(settings.home / "dbt" / "by_hand"))
    if not WITHOUT_DATABASE.intersection(arguments):
        os.environ.update(libpq_variables(data_url(settings)))
        os.environ[_PASSWORD] = os.environ.get("PGPASSWORD", "")
    from dbt.cli.main import cli  # noqa: PLC0415 - an extra, which takes seconds to import

    cli(list(arguments), prog_name="dbt")


if __name__ == "__main__":
    try:
        run(Settings.from_environment(), sys.argv[1:])
    except MeterPlatformError as error:
        sys.exit(f"Error: {error}")
