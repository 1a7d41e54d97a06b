"""A reading file that is being written, one delivery a line, so that each is there whole or not at all.

What belongs here: its bytes, from the first to the last, and what is done with one that a process left behind. What does
not: when a file is begun or ended (`landing.py`).

The file is a JSON document once it is closed:

    {"columns": ["interval_start", "consumption_delta", "meterpoint_id"], "data": [
    ["2021-01-04 00:30:00", 0.186, "1200010001"],["2021-01-04 01:00:00", 0.2, "1200010001"]
    ,["2021-01-04 00:30:00", 1.2, "1200010002"]
    ]}

Until then its name begins with a dot, which no scan looks at.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from meter_platform.feeds.put import make_folder, sync_folder
from meter_platform.receive.delivery import Delivery

_END: Final = b"]}\n"
_SUFFIX: Final = ".json"


class Journal:
    """One file, open for writing. Its methods are called by one thread.

    Args:
        folder: where it is put; made where it is not there.
        name: without a suffix; there is no file of that name yet.
        columns: of all its deliveries.

    Attributes:
        keys: the half hours that its deliveries are about.
        size: in bytes.
    """

    def __init__(self, folder: Path, name: str, columns: Sequence[str]) -> None:
        make_folder(folder)
        self.hidden = folder / f".{name}{_SUFFIX}"
        self._file = os.open(self.hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self.keys: set[tuple[str, ...]] = set()
        self.size = 0
        self._deliveries = 0
        self._write(f'{{"columns": {json.dumps(list(columns))}, "data": [\n'.encode())

    def add(self, deliveries: Sequence[Delivery]) -> None:
        """Writes deliveries down; once it has returned they survive the end of the process and of the machine.

        Raises:
            OSError: they are not in the file, and what was in it before still is.
        """
        begun, safe = self._deliveries, self.size
        text = b"".join(
            (b"," if begun + number else b"") + delivery.rows + b"\n" for number, delivery in enumerate(deliveries)
        )
        try:
            self._write(text)
            os.fsync(self._file)
            if not begun:
                sync_folder(self.hidden.parent)
        except OSError:
            # Never acknowledged, so never to be read either.
            os.ftruncate(self._file, safe)
            self.size = safe
            raise
        self._deliveries += len(deliveries)
        for delivery in deliveries:
            self.keys |= delivery.keys

    def close(self) -> None:
        """Ends the file, and gives it the name by which a scan finds it; one without deliveries is removed.

        Raises:
            OSError: it stays hidden; `finish` ends it later.
        """
        os.close(self._file)
        finish(self.hidden)

    def _write(self, text: bytes) -> None:
        rest = memoryview(text)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        self.size += len(text)


def finish(hidden: Path) -> None:
    """Ends a file, whichever process has begun it, and gives it the name by which a scan finds it.

    What is whole in it stays; what was being written when its process ended goes, for it was not acknowledged. (What is
    whole may not have been acknowledged either. Its sender sends it again, and the same value twice is a re-delivery.)

    Raises:
        OSError: it stays as it is.
    """
    end = _whole(hidden.read_bytes())
    if end:
        with hidden.open("r+b") as file:
            file.truncate(end)
            file.seek(end)
            file.write(_END)
            file.flush()
            os.fsync(file.fileno())
        hidden.rename(hidden.with_name(hidden.name.removeprefix(".")))
    else:
        hidden.unlink()
    sync_folder(hidden.parent)


def unfinished(folder: Path) -> list[Path]:
    """The files below a folder that a process has left behind, where no process writes any more."""
    return sorted(folder.rglob(f".*{_SUFFIX}"))


def _whole(content: bytes) -> int:
    """Where the last delivery ends that is whole with all before it; 0 where there is none."""
    end = content.find(b"\n") + 1
    first = end
    while (stop := content.find(b"\n", end)) >= 0:
        line = content[end:stop].removeprefix(b"," if end > first else b"")
        if not _is_json(b"[" + line + b"]"):
            break  # its end was written, or the file was given its room, before all of it was
        end = stop + 1
    return end if end > first else 0


def _is_json(text: bytes) -> bool:
    try:
        return bool(json.loads(text))
    except ValueError:
        return False
