"""The asset graph is what it is meant to be, and loads anywhere without touching anything.

What belongs here: keys, dependencies, groups, partitions and policies, pinned. What does not: what an asset stores.
"""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

from meter_platform.definitions import build_defs
from meter_platform.settings import Settings

ROOT = Path(__file__).parent.parent

GRAPH = {
    "raw_meter_readings": set[str](),
    "raw_agreements": set[str](),
    "raw_products": set[str](),
    "raw_meterpoints": set[str](),
    "rejected_readings": {"raw_meter_readings"},
    "superseded_readings": {"raw_meter_readings"},
    "active_agreements": {"raw_agreements", "raw_products"},
    "half_hourly_consumption": {"raw_meter_readings", "active_agreements"},
    "daily_product_consumption": {"raw_meter_readings", "active_agreements"},
    "unattributed_consumption": {"raw_meter_readings", "raw_agreements", "active_agreements"},
    "meterpoint_completeness": {"raw_meter_readings", "rejected_readings", "raw_meterpoints"},
}
ANALYTICS = {
    "active_agreements",
    "half_hourly_consumption",
    "daily_product_consumption",
    "unattributed_consumption",
    "meterpoint_completeness",
}


@pytest.fixture(scope="module")
def specs() -> dict[str, dg.AssetSpec]:
    definitions = build_defs(Settings(home=Path("/nowhere")))
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


def test_the_graph_is_pinned(specs: dict[str, dg.AssetSpec]) -> None:
    assert {
        name: {dependency.asset_key.to_user_string() for dependency in spec.deps} for name, spec in specs.items()
    } == GRAPH


def test_groups_are_schemas(specs: dict[str, dg.AssetSpec]) -> None:
    assert {name for name, spec in specs.items() if spec.group_name == "analytics"} == ANALYTICS
    assert {name for name, spec in specs.items() if spec.group_name == "raw_data"} == set(GRAPH) - ANALYTICS


def test_every_asset_has_the_same_daily_partitions(specs: dict[str, dg.AssetSpec]) -> None:
    expected = dg.DailyPartitionsDefinition(start_date="2021-01-01", timezone="Europe/London")

    assert {name for name, spec in specs.items() if spec.partitions_def != expected} == set()


@pytest.mark.parametrize("name", GRAPH)
def test_an_asset_says_what_it_is_and_whose(specs: dict[str, dg.AssetSpec], name: str) -> None:
    spec = specs[name]

    assert spec.description
    assert spec.owners == ["team:metering-analytics"]
    assert "postgres" in spec.kinds
    assert spec.tags["domain"] == "metering"
    assert isinstance(spec.freshness_policy, dg.FreshnessPolicy)
    assert spec.metadata["dagster/table_name"] == f"{spec.group_name}.{name}"
    columns = {column.name for column in spec.metadata["dagster/column_schema"].columns}
    assert {"reference_date", "loaded_at"} <= columns
    assert "dagster/code_references" in spec.metadata


def test_ranges_are_one_run_and_what_can_pass_is_tried_again() -> None:
    definitions = build_defs(Settings(home=Path("/nowhere")))
    repository = definitions.get_repository_def()

    for name in GRAPH:
        asset = repository.assets_defs_by_key[dg.AssetKey(name)]
        assert asset.backfill_policy == dg.BackfillPolicy.single_run()
        policy = asset.node_def.retry_policy  # type: ignore[attr-defined]
        assert (policy.max_retries, policy.backoff, policy.jitter) == (
            3,
            dg.Backoff.EXPONENTIAL,
            dg.Jitter.PLUS_MINUS,
        )


def test_automation_is_on_by_default() -> None:
    repository = build_defs(Settings(home=Path("/nowhere"))).get_repository_def()

    (schedule,) = repository.schedule_defs
    (sensor,) = (sensor for sensor in repository.sensor_defs if sensor.name == "new_reading_files")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 8 * * *", "Europe/London")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING


def test_checks_stand_beside_every_asset() -> None:
    repository = build_defs(Settings(home=Path("/nowhere"))).get_repository_def()
    keys = repository.asset_graph.asset_check_keys

    assert {key.asset_key.to_user_string() for key in keys if key.name == "obeys_contract"} == set(GRAPH)
    assert {key.name for key in keys} == {
        "obeys_contract", "rows_accounted_for", "files_set_aside", "ambiguous_times", "orphan_meterpoints",
        "improbable_values", "data_age", "no_partition_left_failed", "rows_rejected", "agreements_overlap",
        "agreements_inverted", "agreement_orphans", "readings_conserved", "consumption_conserved", "completeness",
    }  # fmt: skip


def test_definitions_load_with_an_empty_environment_and_touch_nothing(tmp_path: Path) -> None:
    script = """
import sys
touched = []
def watch(event, arguments):
    if event == "subprocess.Popen" and arguments[0] != "file":  # a package asks what Python itself is built for
        touched.append((event, arguments))
    if event in ("socket.connect", "os.mkdir", "os.rename", "sqlite3.connect"):
        touched.append((event, arguments))
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        touched.append((event, arguments))
sys.dont_write_bytecode = True
sys.addaudithook(watch)
import meter_platform.definitions
assert touched == [], touched
print(len(meter_platform.definitions.defs.assets))
"""
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning", "-c", script],
        cwd=tmp_path,
        env={"PATH": os.defpath, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "11"
    assert list(tmp_path.iterdir()) == []


def test_the_files_that_dagster_reads_name_what_is_there() -> None:
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text())
    instance = yaml.safe_load((ROOT / "dagster.yaml").read_text())

    assert workspace["load_from"][0]["python_module"]["module_name"] == "meter_platform.definitions"
    assert instance["storage"]["custom"]["class"] == "PlatformStorage"
    assert instance["run_monitoring"]["max_runtime_seconds"] == 3600
    assert instance["telemetry"]["enabled"] is False
