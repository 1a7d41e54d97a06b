"""The production graph as a whole: what there is, and how it hangs together.

That loading it touches nothing: `test_importing.py`.
"""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster_shared.serdes import serialize_value

from meter_platform.orchestration.composition import build_defs
from meter_platform.settings import Settings
from meter_platform_tests.places import ROOT

GRAPH = {
    "raw_data": {
        "raw_meter_readings": set[str](),
        "raw_agreements": set[str](),
        "raw_products": set[str](),
        "raw_meterpoints": set[str](),
        "rejected_readings": {"raw_meter_readings"},
        "superseded_readings": {"raw_meter_readings"},
    },
    "analytics": {
        "active_agreements": {"raw_agreements", "raw_products"},
        "half_hourly_consumption": {"raw_meter_readings", "active_agreements"},
        "daily_product_consumption": {"meterpoint_completeness", "active_agreements"},
        "unattributed_consumption": {"meterpoint_completeness", "raw_agreements", "active_agreements"},
        "meterpoint_completeness": {"raw_meter_readings", "rejected_readings", "raw_meterpoints"},
    },
}
"""Every asset, by group, with the assets it depends on."""

KINDS = {
    "raw_meter_readings": {"postgres", "json"},
    "raw_agreements": {"postgres", "sqlalchemy"},
    "raw_products": {"postgres", "sqlalchemy"},
    "raw_meterpoints": {"postgres", "sqlalchemy"},
    "rejected_readings": {"postgres"},
    "superseded_readings": {"postgres"},
}


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    """The platform with nothing set."""
    return build_defs(Settings(home=Path("/nonexistent")))


@pytest.fixture(scope="module")
def specs(defs: dg.Definitions) -> dict[str, dg.AssetSpec]:
    """Each asset by its name."""
    return {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


def test_the_assets_their_groups_and_what_each_depends_on(specs: dict[str, dg.AssetSpec]) -> None:
    found: dict[str, dict[str, set[str]]] = {}
    for name, spec in specs.items():
        found.setdefault(spec.group_name or "", {})[name] = {dep.asset_key.to_user_string() for dep in spec.deps}

    assert found == GRAPH


def test_every_asset_says_what_it_is_whose_it_is_and_where_it_is_stored(specs: dict[str, dg.AssetSpec]) -> None:
    for name, spec in specs.items():
        schema = spec.group_name
        assert len(spec.description or "") > 40
        assert spec.owners == ["team:metering-analytics"]
        assert spec.kinds == KINDS.get(name, {"postgres", "ibis"})
        assert {"domain": "metering", "market": "europe-london"}.items() <= spec.tags.items()
        assert spec.metadata["dagster/table_name"] == f"{schema}.{name}"
        assert spec.metadata["partition_expr"] == "reference_date"
        columns = spec.metadata["dagster/column_schema"].columns
        assert {"reference_date", "loaded_at"} < {column.name for column in columns}
        assert all(column.description and column.type for column in columns)
        references = spec.metadata["dagster/code_references"].code_references
        assert [Path(reference.file_path).parent for reference in references] == [
            ROOT / "meter_platform/orchestration/assets"
        ]


def test_every_asset_has_the_daily_partitions_and_a_range_of_them_is_one_run(
    specs: dict[str, dg.AssetSpec], defs: dg.Definitions
) -> None:
    daily = dg.DailyPartitionsDefinition("2021-01-01", timezone="Europe/London")
    assert [spec.partitions_def for spec in specs.values()] == [daily] * 11
    assets = list(defs.resolve_asset_graph().assets_defs)
    assert {asset.backfill_policy for asset in assets if asset.keys} == {dg.BackfillPolicy.single_run()}


def test_every_asset_is_tried_again_three_times_with_a_growing_delay(defs: dg.Definitions) -> None:
    policies = {asset.op.retry_policy for asset in defs.resolve_asset_graph().assets_defs}

    assert policies == {
        dg.RetryPolicy(max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
    }


def test_readings_are_due_by_nine_every_day_and_snapshots_after_midnight(specs: dict[str, dg.AssetSpec]) -> None:
    snapshots = {"raw_agreements", "raw_products", "raw_meterpoints"}

    for name, spec in specs.items():
        hours = 9 if name in snapshots else 24
        assert spec.freshness_policy == dg.FreshnessPolicy.cron(
            deadline_cron="0 9 * * *", lower_bound_delta=timedelta(hours=hours), timezone="Europe/London"
        )


def test_the_jobs_schedules_and_sensors(defs: dg.Definitions) -> None:
    repository = defs.get_repository_def()

    assert [job.name for job in repository.get_all_jobs() if not job.name.startswith("__")] == [
        "all_tables",
        "fetch",
        "prune",
        "recount",
    ]
    (sensor,) = repository.sensor_defs
    assert {(schedule.name, schedule.job_name, schedule.cron_schedule) for schedule in repository.schedule_defs} == {
        ("every_morning", "all_tables", "30 8 * * *"),
        ("every_night", "prune", "20 3 * * *"),
        ("recount_every_night", "recount", "40 3 * * *"),
        ("fetch_three_times_a_day", "fetch", "40 7,12,17 * * *"),
    }
    assert {schedule.execution_timezone for schedule in repository.schedule_defs} == {"Europe/London"}
    assert {schedule.default_status for schedule in repository.schedule_defs} == {dg.DefaultScheduleStatus.RUNNING}
    assert (sensor.name, sensor.default_status) == ("new_reading_files", dg.DefaultSensorStatus.RUNNING)


def test_checks_stand_beside_every_asset(defs: dg.Definitions, specs: dict[str, dg.AssetSpec]) -> None:
    keys = defs.get_repository_def().asset_graph.asset_check_keys

    assert {key.asset_key.to_user_string() for key in keys if key.name == "obeys_contract"} == set(specs)
    assert {key.name for key in keys} == {
        "obeys_contract",
        "rows_accounted_for",
        "files_quarantined",
        "ambiguous_times",
        "improbable_values",
        "data_age",
        "every_date_finished",
        "files_deleted_unloaded",
        "rows_rejected",
        "conflicts_in_files",
        "delivered_from_the_future",
        "rows_of_overwritten_versions",
        "read_under_other_rules",
        "agreements_overlap",
        "agreements_inverted",
        "agreement_orphans",
        "readings_conserved",
        "consumption_conserved",
        "completeness",
        "orphan_meterpoints",
        "values_only_rise",
        "catch_up_after_zeros",
        "whole_numbers",
        "same_half_hour_missing",
    }


def test_another_market_has_its_own_days_and_deadlines() -> None:
    settings = Settings(home=Path("/nonexistent")).replace(timezone="Australia/Sydney")
    specs = build_defs(settings).resolve_all_asset_specs()

    assert {spec.partitions_def for spec in specs} == {
        dg.DailyPartitionsDefinition("2021-01-01", timezone="Australia/Sydney")
    }
    assert all(
        '"Australia/Sydney"' in serialize_value(spec.freshness_policy) for spec in specs if spec.freshness_policy
    )
    assert {spec.tags["market"] for spec in specs} == {"australia-sydney"}


@pytest.mark.parametrize(("executor", "name"), [("in_process", "in_process"), ("multiprocess", "multiprocess")])
def test_a_run_is_one_process_or_one_for_each_step(executor: str, name: str) -> None:
    settings = Settings(home=Path("/nonexistent")).replace(executor=executor)  # type: ignore[arg-type]

    job = build_defs(settings).resolve_implicit_global_asset_job_def()

    assert job.executor_def.name == name


@pytest.mark.whole
def test_dagster_finds_the_definitions_from_the_repositorys_root(home: Path) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("dg")), "check", "defs"],
        env={
            "METER_PLATFORM_HOME": str(home),
            "METER_PLATFORM_TRANSFORMATIONS": "off",
            "PATH": "/usr/bin:/bin",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "All definitions loaded successfully" in done.stdout


def test_the_instance_keeps_to_the_platforms_storage_and_limits() -> None:
    instance = yaml.safe_load((ROOT / "dagster.yaml").read_text())

    assert instance["storage"]["custom"]["class"] == "PlatformStorage"
    assert instance["run_monitoring"]["max_runtime_seconds"] == 3600
    assert instance["concurrency"]["runs"]["max_concurrent_runs"] == 2
    assert instance["telemetry"]["enabled"] is False
