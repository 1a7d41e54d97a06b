"""Feeds in tests: a TOML file and files of it, through the reader, as plain values.

What belongs here: writing both, and reading them. What does not: what a format has to be.
"""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from meter_platform.feeds.configured import Feeds, read_feeds
from meter_platform.settings import Settings
from meter_platform_tests.feeds.reading import Read, by_reader, write

SETTINGS: Final = Settings(home=Path("/nowhere"))


def feeds(folder: Path, toml: str, **settings: Any) -> Feeds:  # noqa: ANN401 - values of any settings
    """The feeds of a TOML file that is written beside a folder."""
    path = folder.parent / f"{folder.name}.toml"
    path.write_text(toml, encoding="utf-8")
    return read_feeds(path, SETTINGS.replace(**settings))


def read_file(folder: Path, toml: str, name: str, content: str | bytes) -> Read:
    """What the reader makes of one file."""
    readings = folder / "readings"
    path = readings / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, content.encode() if isinstance(content, str) else content)
    (found,) = by_reader(readings, feeds=feeds(readings, toml)).values()
    return found


def accepted(read: Read) -> list[tuple[str, str, Decimal]]:
    """Meterpoint, start in UTC and kWh of each accepted row, in order of the file."""
    assert read.account is not None
    assert read.account.malformed is None, read.account.malformed
    return [
        (meterpoint, f"{start:%m-%d %H:%MZ}", kwh.normalize())
        for _, (meterpoint, start, _, kwh) in sorted(read.accepted.items())
    ]


def rejected(read: Read) -> list[tuple[str, date | None, str | None, str]]:
    """Reason, reference date, meterpoint and text of each rejected row, in order of the file."""
    return [row[:4] for _, row in sorted(read.rejected.items())]


def assert_accounted(read: Read) -> None:
    """Every row of the file is accepted or rejected, and positions count them."""
    assert read.account is not None
    assert sorted([*read.accepted, *read.rejected]) == list(range(1, read.account.rows_in_file + 1))
