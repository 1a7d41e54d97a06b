"""The command line as users start it: with arguments, an environment and an exit status of its own.

What belongs here: running `meter-platform` and telling how it ended. What does not: what a command should do. That a command
starts by itself is shown where that matters, with `sys.executable -m meter_platform`; here it is forked from a process that
has imported what commands need, for importing the graph takes longer than most of them.
"""

import os
from pathlib import Path
from subprocess import CompletedProcess

from meter_platform.cli import main
from meter_platform.settings import PREFIX
from meter_platform_tests.forked import Forked


def environment_of(home: Path, **settings: str) -> dict[str, str]:
    """The environment of a command on a home, with settings named without their prefix."""
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    return environment | {f"{PREFIX}HOME": str(home), **{PREFIX + name: value for name, value in settings.items()}}


def start(home: Path, *arguments: str, **settings: str) -> Forked:
    """Starts a command on a home.

    Args:
        home: of the platform.
        arguments: as they are typed.
        settings: named without their prefix.
    """
    return start_with(environment_of(home, **settings), *arguments)


def start_with(environment: dict[str, str], *arguments: str) -> Forked:
    """Starts a command in an environment of the test's own."""
    return Forked(_command, arguments, environment)


def meter_platform(home: Path, *arguments: str, **settings: str) -> CompletedProcess[str]:
    """Runs a command as `start` does, until it ends."""
    return start(home, *arguments, **settings).wait()


def _command(arguments: tuple[str, ...], environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    main([*arguments], prog_name="meter-platform")
