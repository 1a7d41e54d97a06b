"""The models of the dbt project as assets of the same graph, and dbt's tests as their checks.

What belongs here: what a model is in Dagster, and one step that builds models for the dates of a run. What does not: models
(`transformations/`), and how dbt connects (`meter_platform/transformations/`).

Imported only where there are models: `dagster_dbt` and dbt are an extra, and take seconds to import.
"""

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject, dbt_assets

from meter_platform.errors import ServerUnavailableError
from meter_platform.lake.lake import open_lake
from meter_platform.lake.take_out import have_in_postgres
from meter_platform.orchestration.assets import policies
from meter_platform.orchestration.failures import permanent_failures
from meter_platform.orchestration.partitions import dates_of_run
from meter_platform.settings import Settings
from meter_platform.transformations import command
from meter_platform.transformations.manifest import manifest
from meter_platform.warehouse import models
from meter_platform.warehouse.database import open_database

STEP: Final = "models"
"""The step that builds all of them: dbt takes longer to start than to build a few."""

_MAY_PASS: Final = (
    "could not connect",
    "connection refused",
    "connection to server",
    "server closed the connection",
    "terminating connection",
    "deadlock detected",
    "lock timeout",
    "already exists",  # two first builds at once
)
"""What Postgres says of an error that another try may not meet."""

_LONG_NUMBER: Final = re.compile(r"\d{6,}")
"""What may be a meterpoint's id, in a value that an error quotes."""

_MOST_CHARACTERS: Final = 2_000


def model_assets(settings: Settings, partitions_def: dg.PartitionsDefinition[str], folder: Path) -> dg.AssetsDefinition:
    """The models of a dbt project.

    Args:
        settings: of the platform.
        partitions_def: the reference dates.
        folder: of the project.
    """
    described = manifest(settings, folder)

    @dbt_assets(
        manifest=described,
        name=STEP,
        partitions_def=partitions_def,
        backfill_policy=dg.BackfillPolicy.single_run(),
        retry_policy=policies.RETRIES,
        dagster_dbt_translator=_Translator(settings),
    )
    def built(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        database = open_database(settings)
        with database.connect() as connection:
            models.forget(connection, keep=_every_model(described))
        days = dates_of_run(context.run.tags)
        with permanent_failures():
            have_in_postgres(database, days, partial(open_lake, settings))
        outcome = _run_dbt(
            settings,
            days,
            [
                *(key.path[-1] for key in context.selected_asset_keys),
                *(key.name for key in context.selected_asset_check_keys),
            ],
        )
        keys = {key.path[-1]: key for key in context.selected_asset_keys}
        checks = {key.name: key for key in context.selected_asset_check_keys}
        with database.connect() as connection:
            for result in outcome.results:
                if result.name in keys and result.is_built:
                    for day, rows in models.rows_of(connection, result.name, days).items():
                        context.add_asset_metadata(
                            {"dagster/partition_row_count": rows}, keys[result.name], partition_key=day.isoformat()
                        )
                    yield dg.MaterializeResult(asset_key=keys[result.name], metadata={"seconds": result.seconds})
                elif result.name in checks and result.is_tested:
                    yield result.as_check(checks[result.name])
        outcome.raise_failure()

    return built


def _every_model(described: Path) -> list[str]:
    """The names of all models, whichever of them a run builds."""
    nodes = json.loads(described.read_text(encoding="utf-8"))["nodes"].values()
    return [node["name"] for node in nodes if node["resource_type"] == "model"]


class _Translator(DagsterDbtTranslator):
    """What a model and a test are in Dagster, besides what `dagster_dbt` makes of them."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._given = settings  # `settings` are the base class's own

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """A model's name alone, as of every other table; a source says which asset it is."""
        if dbt_resource_props["resource_type"] == "source":
            return super().get_asset_key(dbt_resource_props)
        return dg.AssetKey(dbt_resource_props["name"])

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        """With what all assets of the platform have."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        if not unique_id.startswith("model."):
            return spec
        node = self.get_resource_props(manifest, unique_id)
        return spec.replace_attributes(
            group_name=models.SCHEMA,
            owners=policies.OWNERS,
            freshness_policy=policies.readings_freshness(self._given),
            tags={**spec.tags, **policies.tags(self._given)},
        ).merge_attributes(
            metadata={"dagster/table_name": f"{node['schema']}.{node['alias']}", "partition_expr": "reference_date"}
        )

    def get_asset_check_spec(
        self, asset_spec: dg.AssetSpec, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetCheckSpec | None:
        """A check that tells and does not block, as all of the platform."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        if spec is None:
            return None
        return dg.AssetCheckSpec(
            spec.name,
            asset=spec.asset_key,
            description=self.get_resource_props(manifest, unique_id)["description"] or None,
            additional_deps=spec.additional_deps,
            metadata=spec.metadata,
        )


@dataclass(frozen=True)
class _Result:
    """What became of a model or a test."""

    node: Mapping[str, Any]

    @cached_property
    def name(self) -> str:
        """Of the model or the test."""
        return str(self.node["unique_id"].split(".")[2])

    @property
    def is_built(self) -> bool:
        """Whether it is a model that is stored."""
        return bool(self.node["status"] == "success")

    @property
    def is_tested(self) -> bool:
        """Whether it is a test that could be evaluated."""
        return self.node["status"] in {"pass", "fail", "warn"}

    @property
    def error(self) -> str | None:
        """Why it could be neither built nor evaluated."""
        return self.node["message"] or "" if self.node["status"] == "error" else None

    @property
    def seconds(self) -> float:
        """That it took."""
        return round(float(self.node["execution_time"]), 3)

    def as_check(self, key: dg.AssetCheckKey) -> dg.AssetCheckResult:
        """The result of a test."""
        return dg.AssetCheckResult(
            asset_key=key.asset_key,
            check_name=key.name,
            passed=self.node["status"] == "pass",
            severity=dg.AssetCheckSeverity.WARN if self.node["status"] == "warn" else dg.AssetCheckSeverity.ERROR,
            metadata={"failing_count": self.node["failures"] or 0},
        )


@dataclass(frozen=True)
class _Outcome:
    """How dbt ended.

    Attributes:
        results: of each model and test that it came to.
        said: what it printed: errors alone.
        exit_status: 0 where all models were built and all tests passed.
    """

    results: Sequence[_Result]
    said: str
    exit_status: int

    def raise_failure(self) -> None:
        """Fails the step where a model could not be built; a test that does not pass is told by its check.

        Raises:
            ServerUnavailableError: another try may succeed.
            dagster.Failure: none will, as long as the model is the same; it is not retried.
        """
        errors = [f"{result.name}: {result.error}" for result in self.results if result.error is not None]
        if not errors and (self.exit_status == 0 or self.results):
            return
        text = _LONG_NUMBER.sub("…", " ".join(("\n".join(errors) or self.said).split()))[:_MOST_CHARACTERS]
        if any(words in text.lower() for words in _MAY_PASS):
            raise ServerUnavailableError(f"dbt could not build the models, and tries again: {text}")
        raise dg.Failure(f"dbt could not build the models: {text}", allow_retries=False)


def _run_dbt(settings: Settings, days: Sequence[date], names: Sequence[str]) -> _Outcome:
    """Builds models and evaluates tests, for some dates, or evaluates tests for all dates."""
    told = {"timezone": settings.timezone}
    if days:
        told |= {"first_date": days[0].isoformat(), "last_date": days[-1].isoformat()}
    with tempfile.TemporaryDirectory(prefix="meter-platform-dbt-") as target:
        with command.start(
            settings,
            ["--quiet", "build", "--indirect-selection", "empty", "--vars", json.dumps(told), "--select", *names],
            target=Path(target),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            try:
                said, _ = process.communicate()
            except BaseException:  # the run was interrupted: dbt ends its statements
                process.terminate()
                raise
        written = Path(target) / "run_results.json"
        results = json.loads(written.read_text(encoding="utf-8"))["results"] if written.exists() else []
    return _Outcome([_Result(node) for node in results], said, process.returncode)
