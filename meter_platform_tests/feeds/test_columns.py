"""A new column of readings: written in the contract, filled by validation and its bulk form, and known everywhere else."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import meter_platform

CHANGES = {
    "contracts/raw_data.py": [
        ('"interval_start", "consumption_delta")', '"interval_start", "consumption_delta", "unit")'),
        (
            "    loaded_at: Instant = pa.Field(description=_LOADED_AT)\n",
            (
                "    loaded_at: Instant = pa.Field(description=_LOADED_AT)\n"
                '    unit: Text = pa.Field(nullable=True, description="As the file writes it.")\n'
            ),
        ),
    ],
    "feeds/validation.py": [
        ("    consumption_delta: Decimal\n", "    consumption_delta: Decimal\n    unit: str | None = None\n"),
        ("value: object, *, position", "value: object, unit: str, *, position"),
        ("        self._position = position or", "        self._unit = unit\n        self._position = position or"),
        ("abs(Decimal(str(value))), said)", 'abs(Decimal(str(value))), getattr(self, "_unit", None), said)'),
    ],
    "feeds/bulk_validation.py": [
        ('validate("any", text, NumberText("0"))', 'validate("any", text, NumberText("0"), "any")'),
        (
            '                "reference_date": dates',
            (
                '                "unit": rows.columns["unit"].tokens.cast(pa.string()),\n'
                '                "reference_date": dates'
            ),
        ),
    ],
}
"""All that has to change, each the first time that it stands there: three files."""

READ = """
import json, sys
from datetime import date
from zoneinfo import ZoneInfo
from meter_platform.feeds.chunks import FileToRead
from meter_platform.feeds.files import ReadingFolder
from meter_platform.feeds.reading import read

folder = ReadingFolder(sys.argv[1])
day = date(2021, 12, 31)
files = [FileToRead(file, 1, day) for file in folder.list()]
batches = read(folder, files, zone=ZoneInfo("Europe/London"), first_date=date(2021, 1, 1), last_date=day)
rows = [row for batch in batches for table in batch.readings for row in table.to_pylist()]
print(json.dumps({row["source_position"]: row["unit"] for row in rows}))
"""


@pytest.mark.whole
def test_a_column_takes_three_files(tmp_path: Path) -> None:
    package = tmp_path / "changed" / "meter_platform"
    shutil.copytree(Path(meter_platform.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, changes in CHANGES.items():
        text = (package / name).read_text()
        for before, after in changes:
            assert before in text, f"{name} has changed: say here how a column is added to it now"
            text = text.replace(before, after, 1)
        (package / name).write_text(text)
    plain, singly = ("2021-06-01 00:00:00", "kWh", 1), ("2021-06-01 00:30:00", "caf\u00e9", 1)
    repeated = [(f"2021-10-31 {hour}:00", unit, 1) for hour, unit in (("01:00", "a"), ("01:00", "b"), ("02:00", "c"))]
    folder = tmp_path / "files"
    folder.mkdir()
    for name, rows in (("in_bulk.json", [plain, *repeated]), ("singly.json", [singly])):
        columns = ["interval_start", "unit", "consumption_delta", "meterpoint_id"]
        data = [[*row, "m"] for row in rows]
        (folder / name).mkdir()
        (folder / name / name).write_text(json.dumps({"columns": columns, "data": data}, ensure_ascii=False))

    found = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", READ, str(folder / name)],
                cwd=package.parent,
                env={"PYTHONPATH": str(package.parent), "PATH": ""},
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
        for name in ("in_bulk.json", "singly.json")
    ]

    assert found == [{"1": "kWh", "2": "a", "3": "b", "4": "c"}, {"1": "caf\u00e9"}]
