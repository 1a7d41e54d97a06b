"""`meter-platform backup`, `restore` and `migrate --roles`, as a person gives them."""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from meter_platform.cli import main
from meter_platform.embedded_postgres import server
from meter_platform.lake.lake import Lake
from meter_platform.lake.put_away import put_away
from meter_platform.lake.stores import LakeStore
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.tables import RAW_METER_READINGS
from meter_platform_tests.warehouse import migrating

pytestmark = pytest.mark.whole

Command = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def own_home() -> Iterator[Path]:
    """A home with a loaded embedded server of its own."""
    folder = Path(tempfile.mkdtemp(prefix="mp-"))
    try:
        database = Database(server.ensure_running(folder))
        migrating.restore(migrating.RELEASED[0], database)
        database.create_tables(may_migrate=True)
        yield folder
    finally:
        server.stop(folder)
        shutil.rmtree(folder)


@pytest.fixture
def command(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Gives a command, and returns its exit status and what it printed."""
    monkeypatch.setenv("METER_PLATFORM_HOME", str(own_home))

    def give(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, arguments)
        return done.exit_code, done.output

    return give


def test_a_backup_is_taken_listed_proved_and_restored(command: Command, own_home: Path) -> None:
    assert command("restore", "--list") == (0, f"There is no backup in {own_home}/backups.\n")
    assert command("restore", "--from", "newest") == (1, f"Error: There is no backup in {own_home}/backups.\n")

    status, said = command("backup", "--keep", "1")
    assert (status, re.sub(r"\d{8}T\d{6}Z|\d+ kB", "…", said)) == (
        0,
        f"{own_home}/backups/…-dump: …, verified; 1 kept, 0 removed.\n",
    )
    assert re.fullmatch(
        rf"{own_home}/backups/\S+-dump  \d{{4}}-\d\d-\d\d \d\d:\d\d UTC  dump  \d+ kB\n",
        command("restore", "--list")[1],
    )

    status, said = command("restore", "--drill")
    assert (status, re.sub(r"\S+-dump|[\d,]+", "…", said)) == (
        0,
        "… restores: … rows of … tables compared and equal… and the accounts add up.\n",
    )

    status, said = command("restore", "--from", "newest")
    assert (status, said.startswith("Error: There is data in meter_platform of this server, and nothing was")) == (
        1,
        True,
    )
    assert "--replace" in said
    status, said = command("restore", "--from", "newest", "--replace")
    assert status == 0, said
    assert "tables are restored, and equal to what was dumped.\nWhat was there before is kept: DROP DATABASE" in said
    assert command("status")[0] == 0


def test_a_backup_says_which_readings_are_in_the_lake_alone(
    command: Command, own_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("METER_PLATFORM_LAKE_URL", str(tmp_path / "lake"))
    database, lake = Database(server.ensure_running(own_home)), Lake(LakeStore(str(tmp_path / "lake")))
    days = put_away(database, lake, lake.catch_up(database)[RAW_METER_READINGS])
    span = f"2 dates ({days[0]} to {days[1]})"
    assert command("backup")[0] == 0

    status, said = command("restore", "--drill")
    assert (status, said.endswith(f"and the accounts add up; the lake has the readings of {span}.\n")) == (0, True), (
        said
    )
    (tmp_path / "lake").rename(tmp_path / "elsewhere")
    status, said = command("restore", "--drill")
    assert (status, f"{tmp_path}/lake does not have the readings of {span}" in said) == (1, True), said
    status, said = command("restore", "--from", "newest", "--replace")
    assert status == 0, said
    assert f"The readings of {span} are in the lake alone: `meter-platform lake sync` brings" in said
    assert f"But the lake {tmp_path}/lake does not have the readings of {span}" in said
    status, said = command("lake", "sync")
    assert (status, f"does not have the readings of {span} as they were put away" in said) == (1, True), said

    shutil.rmtree(tmp_path / "lake")
    (tmp_path / "elsewhere").rename(tmp_path / "lake")
    assert command("lake", "take-out") == (0, f"Taken out of the lake: {span}\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["restore"], "name a backup with --from"),
        (["restore", "--from", "newest", "--to", "x"], "leave out --to and --until"),
        (["backup", "--every", "1w"], "'1w': write it as 30m, 24h or 7d."),
        (["migrate", "--print"], "--print and --passwords belong to --roles"),
    ],
)
def test_what_does_not_fit_together_is_told(command: Command, arguments: list[str], said: str) -> None:
    if "newest" in arguments:
        command("backup")
    status, printed = command(*arguments)
    assert (status, said in printed) == (2, True), printed


def test_the_embedded_server_has_no_roles_but_they_can_be_printed_for_another(command: Command) -> None:
    status, said = command("migrate", "--roles")
    assert (status, "The embedded server has one account" in said) == (1, True)

    status, said = command("migrate", "--roles", "--print")
    assert status == 0
    for name in (
        "meter_owner",
        "meter_loader",
        "meter_dagster",
        "meter_exporter",
        "meter_backup",
        "meter_platform_reader",
    ):
        assert name in said
    assert os.environ["METER_PLATFORM_HOME"] not in said
