"""What Dagster does not promise to keep is named in one file, which tells when an installed version lacks it."""

import inspect
import re
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
