"""dbt's own description of a project, its manifest: made once for each state of the project's files.

What belongs here: making it, and keeping it in the platform's home, for dbt needs seconds to. What does not: what follows
from it for the graph (`orchestration/assets/models.py`).
"""

import hashlib
import subprocess
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

from meter_platform.errors import PermanentError
from meter_platform.settings import Settings, variable
from meter_platform.transformations import command
from meter_platform.transformations.project import OFF

_READ_BY_DBT: Final = frozenset({".sql", ".yml", ".yaml", ".md", ".csv", ".py"})
_WRITTEN_BY_DBT: Final = frozenset({"target", "logs"})
_SECONDS: Final = 300
"""How long dbt may take to read a project."""


def manifest(settings: Settings, folder: Path) -> Path:
    """The file with dbt's description of a project, made where there is none of the project as it is now.

    Args:
        settings: of the platform; its home keeps the file.
        folder: of the project.

    Raises:
        PermanentError: dbt cannot read the project; with dbt's words.
    """
    kept = settings.home / "dbt" / f"{_digest(folder)}.json"
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".") as scratch:
            _parse(settings, folder, Path(scratch)).replace(kept)
        for other in kept.parent.glob("*.json"):
            if other != kept:
                other.unlink(missing_ok=True)
    return kept


def _digest(folder: Path) -> str:
    """Of the files that dbt reads, and of the version of dbt that reads them."""
    found = hashlib.blake2b(metadata.version("dbt-core").encode(), digest_size=8)
    for path in sorted(_files(folder)):
        content = path.read_bytes()
        found.update(f"{path.relative_to(folder)}\0{len(content)}\0".encode())
        found.update(content)
    return found.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.suffix in _READ_BY_DBT and path.relative_to(folder).parts[0] not in _WRITTEN_BY_DBT and path.is_file():
            yield path


def _parse(settings: Settings, folder: Path, target: Path) -> Path:
    with command.start(
        settings, ["--quiet", "parse"], target=target, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            said, _ = process.communicate(timeout=_SECONDS)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise PermanentError(
            f"dbt cannot read the project in {folder}: {' '.join(said.split())} Mend it, or set "
            f"{variable('transformations')}={OFF}."
        )
    return target / "manifest.json"
