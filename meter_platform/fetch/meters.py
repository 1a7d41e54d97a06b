"""The meters whose readings are fetched: a CSV file beside the feeds' file, for ids are personal and feeds are not.

What belongs here: reading it, and what is wrong with it, by its lines. What does not: meters that the platform has readings of.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from meter_platform.errors import SettingsError
from meter_platform.feeds.patterns import is_plain

_COLUMNS: Final = ("meterpoint", "serial")


@dataclass(frozen=True, slots=True)
class Meter:
    """One meter.

    Attributes:
        meterpoint: where it is.
        serial: its number.
        line: of the file that names it: it stands for the meter in messages.
    """

    meterpoint: str
    serial: str
    line: int


def read_meters(path: Path) -> list[Meter]:
    """The meters that a file names.

    Raises:
        SettingsError: it cannot be read, or a line of it is none; with the line's number, and no id.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            if rows.fieldnames is None or not set(_COLUMNS) <= set(rows.fieldnames):
                raise SettingsError(f"{path}: its first line has the columns {' and '.join(_COLUMNS)}.")
            found = [_meter(path, rows.line_num, row) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = getattr(error, "strerror", None) or "it is no CSV file in UTF-8"
        raise SettingsError(f"{path}, which names meters, cannot be read: {why}.") from None
    lines: dict[tuple[str, str], int] = {}
    for meter in found:
        first = lines.setdefault((meter.meterpoint, meter.serial), meter.line)
        if first != meter.line:
            raise SettingsError(f"{path}, line {meter.line}: it is the meter of line {first} once more.")
    return found


def _meter(path: Path, line: int, row: Mapping[str, str | None]) -> Meter:
    given = {name: (row[name] or "").strip() for name in _COLUMNS}
    for name, value in given.items():
        if not is_plain(value):
            raise SettingsError(f"{path}, line {line}: the {name} is not of letters, digits, dots, - and _.")
    return Meter(given["meterpoint"], given["serial"], line)
