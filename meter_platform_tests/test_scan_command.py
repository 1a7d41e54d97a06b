"""`meter-platform scan`: what it says, and that it looks into the folder that is named."""

import json
from pathlib import Path

import pytest

from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database
from meter_platform_tests.commands import meter_platform


def deliver(path: Path, value: float) -> None:
    path.parent.mkdir(exist_ok=True)
    rows = [["m", "2021-02-01 12:00:00", value]]
    path.write_text(json.dumps({"columns": ["meterpoint_id", "interval_start", "consumption_delta"], "data": rows}))


@pytest.mark.usefixtures("database")
def test_it_says_what_is_new_and_which_dates_wait(settings: Settings, database: Database, tmp_path: Path) -> None:
    def scan(*arguments: str) -> tuple[int, list[str], str]:
        done = meter_platform(settings.home, "scan", *arguments, READINGS_URL=str(tmp_path))
        return done.returncode, done.stdout.splitlines(), done.stderr

    file = tmp_path / "2021-02-01" / "a.json"
    deliver(file, 0.1)
    waits = (
        "1 dates wait to be loaded, 2021-02-01 to 2021-02-01: the sensor asks for them, or meter-platform run "
        "--reference-date … does"
    )
    assert scan() == (0, ["1 files, 1 of them new or changed: 1 rows", waits], "")

    with database.connect() as connection:  # as if nothing had happened for a week
        connection.execute(
            "UPDATE raw_data.scanned_folders SET changed_at = changed_at - interval '7 days', compared_at = listed_at"
        )
    deliver(file, 0.2)  # written in place
    nothing = ["1 files, 0 of them new or changed: 0 rows", waits]
    assert scan() == (0, nothing, "")
    assert scan("2021-02-01") == (0, ["1 files, 1 of them new or changed: 1 rows", waits], "")

    code, _, error = scan("2021-02-31")
    assert (code, error) == (1, f"Error: There is no such folder: file://{tmp_path}/2021-02-31.\n")
