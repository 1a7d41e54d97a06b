"""The command line in processes of their own, as users start it, but forked from one that has imported everything.

What belongs here: running `meter-platform` with an environment and telling how it ended. What does not: what a command
should do. That a command starts by itself is shown where that matters: with `sys.executable -m meter_platform`.
"""

import multiprocessing
import os
import subprocess
import tempfile
from collections.abc import Mapping
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Final

from meter_platform.settings import PREFIX

SECONDS: Final = 300
"""What a command may take before a test gives up: far more than it takes on a loaded machine."""

IMPORTED: Final = (
    "meter_platform.orchestration.run",
    "meter_platform.orchestration.composition",
    "meter_platform.status",
)
"""What takes a command of its own some seconds of the processor's time; settings are read later."""


def environment_of(home: Path, **settings: str) -> dict[str, str]:
    """The environment of a command on a home, with settings named without their prefix."""
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    return environment | {f"{PREFIX}HOME": str(home), **{PREFIX + name: value for name, value in settings.items()}}


def meter_platform(home: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs a command on a home until it ends.

    Args:
        home: of the platform.
        arguments: as they are typed.
        settings: named without their prefix.
    """
    with tempfile.TemporaryDirectory() as folder:
        outputs = Path(folder, "stdout"), Path(folder, "stderr")
        process = _context().Process(target=_command, args=(arguments, environment_of(home, **settings), *outputs))
        process.start()
        process.join(SECONDS)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(["meter-platform", *arguments], SECONDS)
        printed, told = (path.read_text(encoding="utf-8") for path in outputs)
    return subprocess.CompletedProcess(["meter-platform", *arguments], process.exitcode, printed, told)


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*IMPORTED])
    return context


def _command(arguments: tuple[str, ...], environment: Mapping[str, str], printed: Path, told: Path) -> None:
    """A command, in the process that is its own: files for its output, nothing to read, only this environment."""
    os.environ.clear()
    os.environ.update(environment)
    for path, descriptor in ((Path(os.devnull), 0), (printed, 1), (told, 2)):
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    from meter_platform.cli import main  # noqa: PLC0415 - of the process that has imported it

    main([*arguments], prog_name="meter-platform")
