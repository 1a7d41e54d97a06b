"""What Dagster does not promise to keep is named in one file, which tells when an installed version lacks it."""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import dagster_postgres
import pytest
from adbc_driver_manager import dbapi

import meter_platform
from meter_platform.orchestration import dagster_private

PRIVATE = re.compile(r"dagster[a-z_]*\.(_\w|utils\b)|dagster_webserver\.|[\"']dagster\._")


def test_the_installed_version_has_all_that_is_used_of_it() -> None:
    assert dagster_private.departures() == []


def test_a_version_that_lacks_something_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("dagster._cli.dev.open_ipc_subprocess")
    monkeypatch.setattr(
        dagster_postgres.PostgresEventLogStorage,
        "has_table",
        lambda self, name: (self, name),  # the parameter's old name
    )
    monkeypatch.setattr(dagster_postgres.PostgresRunStorage, "__init__", lambda self, postgres_url: None)  # noqa: ARG005
    monkeypatch.setattr(dagster_private, "version", lambda name: "2.0" if name == "dagster" else "0.29.27")

    assert set(dagster_private.departures()) == {
        "dagster 2.0 is not among the versions tested: 1.13.27",
        "dagster-webserver 0.29.27 is not among the versions tested: 1.13.27",
        "dagster._cli.dev has no open_ipc_subprocess",
        "dagster_postgres.PostgresEventLogStorage.has_table takes no table_name",
        "dagster_postgres.PostgresRunStorage.__init__ takes no should_autocreate_tables",
        "dagster_postgres.PostgresRunStorage.__init__ sets no _engine",
    }


def test_a_program_whose_function_is_gone_is_not_served_without_its_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("dagster._cli.dev.open_ipc_subprocess")

    with pytest.raises(AttributeError, match="open_ipc_subprocess"):
        dagster_private.replace_process_starter(lambda start: start)


def test_no_other_file_names_a_private_module() -> None:
    root = Path(meter_platform.__file__).parent
    named = {
        str(file.relative_to(root))
        for file in root.rglob("*.py")
        for line in file.read_text().splitlines()
        if re.match(r"\s*(from|import) ", line) and PRIVATE.search(line)
    }

    assert named == {"orchestration/dagster_private.py"}


def test_adbc_still_waits_for_postgres_through_the_function_that_a_run_replaces() -> None:
    assert list(inspect.signature(vars(dbapi)["_blocking_call"]).parameters) == ["func", "args", "kwargs", "cancel"]


def test_importing_definitions_changes_nothing_of_the_process(tmp_path: Path) -> None:
    """Neither the environment, the garbage collector, signals, nor how engines connect."""
    code = """
import gc, os, signal, sqlalchemy
from meter_platform.postgres import connecting
def state():
    environment = {name: value for name, value in os.environ.items() if name != "PGAPPNAME"}  # names its sessions
    return (environment, gc.get_threshold(), gc.get_freeze_count(), gc.isenabled(),
            signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM),
            sqlalchemy.event.contains(sqlalchemy.Engine, "do_connect", connecting._connect_patiently))
import dagster, dagster_postgres, pandera.pandas, ibis.backends.postgres
before = state()
import meter_platform.definitions, meter_platform.orchestration.instance, meter_platform.orchestration.run_launcher
after = state()
print(sorted(after[0].keys() ^ before[0].keys()), [(old, new) for old, new in zip(before[1:], after[1:]) if old != new])
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DAGSTER_", "METER_"))}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    assert done.stdout == "[] []\n"
