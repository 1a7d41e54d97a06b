"""Dagster's web server and `dagster dev`, so that the UI answers only its own pages.

What belongs here: putting `OwnAddressOnly` in front of Dagster's application, and having `dagster dev` start that one.
What does not: what is refused (`own_address.py`), the command (`cli.py`).

    python -m meter_platform.orchestration.dagster_ui webserver …    what `dagster-webserver …` takes
    python -m meter_platform.orchestration.dagster_ui dev …          what `dagster dev …` takes

Dagster has no option for either, thus a function of each is wrapped. Should Dagster do without that function one day,
the command ends with an error, and a test says that the UI answers others.
"""

import ctypes
import importlib
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Final

import click

from meter_platform.own_address import OwnAddressOnly

_PR_SET_PDEATHSIG: Final = 1
"""From linux/prctl.h."""

_REPLACED: Final = {"dagster_webserver": "webserver", "dagster._daemon": "daemon"}
"""Programs of Dagster's, by how `dagster dev` starts them, and how this module does."""

_CHILD: Final = "child"
"""Before the program's name: it ends with the one that started it."""


def webserver() -> None:
    """Runs `dagster-webserver`; its arguments are the process's."""
    cli: Any = importlib.import_module("dagster_webserver.cli")  # half a second that `dev` does without
    create = cli.create_app_from_workspace_process_context

    def create_guarded(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as they come
        app = create(*arguments, **options)
        app.add_middleware(OwnAddressOnly, host=click.get_current_context().params["host"], json_only=True)
        return app

    cli.create_app_from_workspace_process_context = create_guarded
    cli.main()


def dev() -> None:
    """Runs `dagster dev`; its arguments are the process's. Ends with 1 where a part of it ended by itself."""
    dagster_dev: Any = importlib.import_module("dagster._cli.dev")
    start = dagster_dev.open_ipc_subprocess
    started: list[subprocess.Popen[Any]] = []

    def start_guarded(parts: Sequence[str], **options: Any) -> Any:  # noqa: ANN401 - as they come
        name = next((part for part in parts if part in _REPLACED), None)
        if name is None:
            raise click.ClickException(f"Dagster starts a program that is not known here: {' '.join(parts[:3])}")
        place = list(parts).index(name)
        ours = [*parts[:place], "meter_platform.orchestration.dagster_ui", _CHILD, _REPLACED[name], *parts[place + 1 :]]
        started.append(start(ours, **options))
        return started[-1]

    dagster_dev.open_ipc_subprocess = start_guarded
    dagster_dev.dev_command.main(prog_name="dagster dev", standalone_mode=False, auto_envvar_prefix="DAGSTER_CLI")
    if any(process.returncode not in _ENDED_ON_REQUEST for process in started):
        sys.exit(1)


_ENDED_ON_REQUEST: Final = {0, 130, -signal.SIGINT, -signal.SIGTERM}


def end_with_parent() -> None:
    """Has the kernel end this process when the one that started it is gone, however that ended. Linux only."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it went just before
            sys.exit(1)


if __name__ == "__main__":
    program = sys.argv.pop(1)
    if program == _CHILD:
        end_with_parent()
        program = sys.argv.pop(1)
    if program == "dev":
        dev()
    elif program == "webserver":
        webserver()
    else:
        runpy.run_module("dagster._daemon", run_name="__main__")
