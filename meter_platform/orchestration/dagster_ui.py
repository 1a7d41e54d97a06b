"""Dagster's web server and `dagster dev`, so that the UI answers only its own pages.

What belongs here: putting `OwnAddressOnly` in front of Dagster's application, and having `dagster dev` start that one.
What does not: what is refused (`own_address.py`), the command (`cli/`).

    python -m meter_platform.orchestration.dagster_ui webserver …    what `dagster-webserver …` takes
    python -m meter_platform.orchestration.dagster_ui dev …          what `dagster dev …` takes

Dagster has no option for either, so a function of each is wrapped (`dagster_private.py`). Where a version of Dagster does
not have the function, the command ends with an error: the UI is never served without its guard.
"""

import ctypes
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

import click

from meter_platform.orchestration.dagster_private import (
    DAEMON_MODULE,
    dev_command,
    replace_app_factory,
    replace_process_starter,
    webserver_command,
)
from meter_platform.own_address import OwnAddressOnly

_PR_SET_PDEATHSIG: Final = 1
"""From linux/prctl.h."""

_REPLACED: Final = {"dagster_webserver": "webserver", DAEMON_MODULE: "daemon"}
"""Programs of Dagster's, by the module that `dagster dev` runs, and what this module calls them."""

_CHILD: Final = "child"
"""The argument before a program's name that makes it end when the process that started it ends."""


def webserver() -> None:
    """Runs `dagster-webserver`; its arguments are the process's."""

    def guarded(create: Callable[..., Any]) -> Callable[..., Any]:
        def create_guarded(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as they come
            app = create(*arguments, **options)
            app.add_middleware(OwnAddressOnly, host=click.get_current_context().params["host"], json_only=True)
            return app

        return create_guarded

    replace_app_factory(guarded)
    webserver_command()()


def dev() -> None:
    """Runs `dagster dev`; its arguments are the process's. Ends with 1 where a part of it ended by itself."""
    # A script that starts it in the background has it ignore interrupts, and so would its parts, which are ended by one.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    started: list[subprocess.Popen[Any]] = []

    def guarded(start: Callable[..., Any]) -> Callable[..., Any]:
        def start_guarded(parts: Sequence[str], **options: Any) -> Any:  # noqa: ANN401 - as they come
            started.append(start(_ours(parts), **options))
            return started[-1]

        return start_guarded

    replace_process_starter(guarded)
    dev_command().main(prog_name="dagster dev", standalone_mode=False, auto_envvar_prefix="DAGSTER_CLI")
    if any(process.returncode not in _ENDED_ON_REQUEST for process in started):
        sys.exit(1)


def _ours(parts: Sequence[str]) -> list[str]:
    """The command line that runs a program of Dagster's through this module."""
    name = next((part for part in parts if part in _REPLACED), None)
    if name is None:
        raise click.ClickException(f"Dagster starts a program that is not known here: {' '.join(parts[:3])}")
    place = list(parts).index(name)
    return [*parts[:place], "meter_platform.orchestration.dagster_ui", _CHILD, _REPLACED[name], *parts[place + 1 :]]


_ENDED_ON_REQUEST: Final = {0, 130, -signal.SIGINT, -signal.SIGTERM}
"""Exit statuses of a program that ended because it was asked to."""


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
        runpy.run_module(DAEMON_MODULE, run_name="__main__")
