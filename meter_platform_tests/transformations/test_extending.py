"""The page for analysts is true, late corrections reach the models, and Dagster's own command builds them.

Each way starts dbt several times, and takes longer than the everyday tests may.
"""

import os
import re
import shutil
import subprocess
import sys
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import dagster as dg
import pytest

from meter_platform.ingestion.retention import prune_readings
from meter_platform.warehouse.finished import unfinished
from meter_platform.warehouse.models import dated_tables, with_models
from meter_platform_tests.market import Market, failures
from meter_platform_tests.places import ROOT
from meter_platform_tests.transformations.conftest import FRIDAY, SATURDAY, THURSDAY, drop_models, readings_of

pytestmark = [
    pytest.mark.whole,
    pytest.mark.skipif(find_spec("dagster_dbt") is None, reason="the extra `dbt` is not installed"),
]

PAGE = (ROOT / "docs" / "transformations.md").read_text()
STEP = re.compile(r"^New file `([^`]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def _delivered(market: Market) -> None:
    """Every test begins with three dates as they were delivered, and no model."""
    drop_models(market)
    for day in (THURSDAY, FRIDAY, SATURDAY):
        market.deliver(f"{day}.json", readings_of(day))


def told(market: Market) -> dict[str, set[str]]:
    """The tables of each date that are not finished."""
    with market.database.connect() as connection:
        found = with_models(connection, unfinished(connection, market.settings))
    return {each.day.isoformat(): set(each.tables) for each in found}


def dated_tables_of(market: Market) -> list[tuple[str, str | None]]:
    with market.database.connect() as connection:
        return dated_tables(connection)


def energy(market: Market, day: str) -> list[tuple[object, ...]]:
    return market.rows(
        "SELECT product_display_name, total_consumption_kwh FROM analytics_models.product_month_to_date "
        "WHERE reference_date = %s ORDER BY 1",
        day,
    )


def test_a_late_correction_changes_its_date_and_the_rest_of_its_month_and_nothing_else(market: Market) -> None:
    assert market.run(THURSDAY, SATURDAY).success
    before = market.rows("SELECT count(*) FROM analytics_models.load_profile_by_product")
    assert told(market) == {}

    market.deliver("corrected.json", readings_of(THURSDAY, home_1="0.2"))
    (request,) = market.tick().run_requests or []
    asked = {key.to_user_string() for key in request.asset_selection or ()}
    assert {"consumption_by_region", "product_month_to_date", "half_hourly_consumption"} <= asked
    (result,) = market.carry_out([request])
    assert result.success, failures(result)

    # 48 half hours of 0.1 kWh more on Thursday; the rest of the month takes it in.
    assert energy(market, THURSDAY) == [("Flexible", Decimal("19.2")), ("Outgoing Fixed", Decimal("14.4"))]
    assert energy(market, SATURDAY) == [
        ("Fixed", Decimal("4.8")),
        ("Flexible", Decimal("24.0")),
        ("Outgoing Fixed", Decimal("43.2")),
    ]
    assert market.rows("SELECT count(*) FROM analytics_models.load_profile_by_product") == before
    assert told(market) == {}


def test_a_dropped_model_is_asked_for_alone(market: Market) -> None:
    assert market.run(THURSDAY, SATURDAY).success
    market.change("DROP TABLE analytics_models.product_switches")
    assert told(market) == {day: {"product_switches"} for day in (THURSDAY, FRIDAY, SATURDAY)}

    (request,) = market.tick().run_requests or []
    assert {key.to_user_string() for key in request.asset_selection or ()} == {"product_switches"}
    (result,) = market.carry_out([request])
    assert result.success, failures(result)
    assert told(market) == {}


def test_a_model_that_cannot_be_built_fails_the_step_with_postgress_words_and_is_not_retried(
    market: Market, tmp_path: Path
) -> None:
    project = tmp_path / "transformations"
    shutil.copytree(ROOT / "transformations", project)
    (project / "models" / "product_switches.sql").write_text(
        (project / "models" / "product_switches.sql")
        .read_text()
        .replace("'switched' end", "(1200010001 / 0)::text end")
    )
    broken = Market(market.settings.replace(transformations=str(project)), market.folder, market.dagster)
    result = broken.run(THURSDAY, assets=["product_switches"])

    assert not result.success
    assert "division by zero" in failures(result)["models"]
    assert "1200010001" not in failures(result)["models"]
    assert [event for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_UP_FOR_RETRY] == []


def test_dagsters_own_command_builds_models_for_a_partition(market: Market) -> None:
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("dagster")),
            *("asset", "materialize", "--select", "*", "--partition", FRIDAY, "-m", "meter_platform.definitions"),
        ],
        env=os.environ | market.settings.as_environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-5000:]
    assert market.rows("SELECT DISTINCT reference_date::text FROM analytics_models.load_profile_by_product") == [
        (FRIDAY,)
    ]


def test_the_pages_example_is_built_and_tested(market: Market, tmp_path: Path) -> None:
    assert market.run(FRIDAY, SATURDAY).success
    project = tmp_path / "transformations"
    shutil.copytree(ROOT / "transformations", project)
    for path, text in STEP.findall(PAGE):
        (tmp_path / path).write_text(text)
    command = ["dbt", "build", "--select", "peak_half_hours"]
    assert f".venv/bin/meter-platform {' '.join(command)}" in PAGE

    done = subprocess.run(
        [
            *(sys.executable, "-m", "meter_platform", *command),
            *("--vars", f"{{first_date: {FRIDAY}, last_date: {SATURDAY}}}"),
        ],
        env=os.environ | market.settings.replace(transformations=str(project)).as_environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "PASS the_peak_has_a_number" in done.stdout
    # Every half hour of the day uses as much: the first is the peak.
    assert market.rows(
        "SELECT reference_date::text, settlement_period, total_consumption_kwh FROM analytics_models.peak_half_hours ORDER BY 1"
    ) == [(day, 1, Decimal("0.60000000000000000001")) for day in (FRIDAY, SATURDAY)]


def test_the_password_is_in_nothing_that_dbt_writes_or_prints(market: Market, tmp_path: Path) -> None:
    """The embedded server asks for none, so that any is accepted."""
    secret = "Zq7-of-the-platform"  # noqa: S105 - of no server
    url = f"{market.database.url}{'&' if '?' in market.database.url else '?'}password={secret}"
    (tmp_path / "url").write_text(url)
    environment = (
        os.environ
        | market.settings.as_environment()
        | {
            "METER_PLATFORM_POSTGRES_URL": "",
            "METER_PLATFORM_POSTGRES_URL_FILE": str(tmp_path / "url"),
            "DBT_TARGET_PATH": str(tmp_path / "written"),
            "DBT_LOG_PATH": str(tmp_path / "written"),
        }
    )
    done = subprocess.run(
        [*(sys.executable, "-m", "meter_platform", "dbt", "--debug", "debug")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "All checks passed" in done.stdout
    written = [path for path in (tmp_path / "written").rglob("*") if path.is_file()]
    assert written
    assert [path.name for path in written if secret.encode() in path.read_bytes()] == []
    assert secret not in done.stdout + done.stderr


def test_pruned_dates_leave_no_row_in_a_model(market: Market) -> None:
    """The last of these tests: the date stays pruned."""
    assert market.run(THURSDAY, SATURDAY).success

    keep = market.settings.replace(keep_readings_days=4)  # today is 8 June: Friday is the first that is kept
    assert [pruned.day.isoformat() for pruned in prune_readings(market.database, keep)] == [THURSDAY]

    for name, _ in dated_tables_of(market):
        found = market.rows(f"SELECT DISTINCT reference_date::text FROM analytics_models.{name}")  # noqa: S608 - a model
        assert (THURSDAY,) not in found
    assert told(market) == {}
