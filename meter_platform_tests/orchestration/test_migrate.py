"""`meter-platform migrate` on a loaded database of 0.1.0: what it says and does, and that the platform goes on with it."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Final

import dagster as dg
import dagster_postgres.run_storage
import pytest
from alembic.script import ScriptDirectory
from dagster_postgres.utils import pg_alembic_config

from meter_platform.embedded_postgres import server
from meter_platform.orchestration.checks.asset_checks import CHECKS
from meter_platform.orchestration.checks.finding import Inspection
from meter_platform.settings import Settings
from meter_platform.warehouse import migrations, schema
from meter_platform.warehouse.database import Database, dagster_url
from meter_platform.warehouse.finished import OTHER_RULES, unfinished
from meter_platform_tests.commands import meter_platform
from meter_platform_tests.market import Market, day_of
from meter_platform_tests.warehouse.migrating import RELEASED, empty_databases, restore

LOADED: Final = (date(2021, 10, 30), date(2021, 10, 31))

NOT_FINISHED: Final = {"raw_meter_readings.every_date_finished"}
"""Figures that were computed by the rules of 0.1.0 are told of until they are computed once more."""


@pytest.fixture
def old(home: Path) -> Iterator[Database]:
    """A loaded database of 0.1.0 on a server that counts as given."""
    with empty_databases(Database(server.ensure_running(home)), "given") as (database,):
        restore(RELEASED[0], database)
        yield database


def red_errors(database: Database, settings: Settings) -> dict[str, list[str]]:
    """Checks that find the platform at fault, with what they found."""
    with database.connect() as connection:
        found = {
            check.qualified_name: check.evaluate(Inspection(connection, LOADED, settings, set))
            for check in CHECKS
            if check.severity is dg.AssetCheckSeverity.ERROR
        }
    assert "raw_meter_readings.rows_accounted_for" in found
    return {name: list(finding.examples) for name, finding in found.items() if finding.failing}


def test_it_says_which_steps_it_did_and_takes_dagsters_own_storage_along(
    home: Path, old: Database, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    instance.get_runs_count()  # so that its storage is there
    steps = ScriptDirectory.from_config(pg_alembic_config(dagster_postgres.run_storage.__file__))
    (newest,) = steps.get_heads()
    before = str(steps.get_revision(newest).down_revision)
    dagster = Database(dagster_url(Settings(home=home)))
    with dagster.connect() as connection:
        assert connection.execute("UPDATE alembic_version SET version_num = %s", [before]).rowcount == 1
    shown = meter_platform(tmp_path, "status", POSTGRES_URL=old.url)
    refused = meter_platform(tmp_path, "run", "--reference-date", "2021-10-30", POSTGRES_URL=old.url)

    done = [meter_platform(tmp_path, "migrate", POSTGRES_URL=old.url) for _ in range(2)]

    sentence = f"is of an earlier version (step 0001, this platform needs {schema.HEAD}): run `meter-platform migrate`."
    assert f"Version    The database at {old.shown} {sentence}" in shown.stdout
    assert refused.returncode == 1
    assert sentence in refused.stderr
    assert [each.returncode for each in done] == [0, 0], done[0].stderr
    first, second = (each.stdout.splitlines() for each in done)
    files = sorted(Path(migrations.__file__).parent.glob("versions/0*.py"))
    assert [line[:10] for line in first[:-2]] == [f"Step {file.name[:4]}:" for file in files[1:]]
    assert first[-2:] == [
        f"{old.shown} is now at step {schema.HEAD}, which this platform needs.",
        "Dagster's own storage is that of the installed Dagster.",
    ]
    assert second[0] == f"{old.shown} is at step {schema.HEAD}, which this platform needs."
    with dagster.connect() as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(newest,)]


@pytest.mark.whole
def test_every_row_is_accounted_for_and_a_date_runs_and_is_finished_afterwards(
    settings: Settings, old: Database, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    given = settings.replace(postgres_url=old.url, today=date(2021, 11, 5))
    old.create_tables(may_migrate=True)
    market = Market(given, tmp_path, instance)

    assert set(red_errors(old, market.settings)) == NOT_FINISHED
    with old.connect() as connection:
        told = {found.day: found for found in unfinished(connection, market.settings) if found.begun}
    assert set(told) == set(LOADED)
    assert {why for found in told.values() for why in found.tables.values()} == {OTHER_RULES}
    ((readings, kwh),) = market.rows(
        "SELECT count(*), sum(consumption_delta) FROM raw_data.raw_meter_readings WHERE reference_date = '2021-10-30'"
    )

    market.deliver("new.json", day_of("home-1", "2021-10-30", "0.5"))
    assert market.run("2021-10-30").success

    assert market.rows(
        "SELECT count(*), sum(consumption_delta) FROM raw_data.raw_meter_readings WHERE reference_date = '2021-10-30'"
    ) == [(readings + 48, kwh + 24)]
    assert market.rows(
        "SELECT sum(total_consumption_kwh), count(largest_reading_kwh) = count(*) FILTER (WHERE received_readings > 0) "
        "FROM analytics.meterpoint_completeness WHERE reference_date = '2021-10-30'"
    ) == [(kwh + Decimal(24), True)]
    with old.connect() as connection:
        assert [found.day for found in unfinished(connection, market.settings) if found.begun] == [LOADED[1]]
    assert set(red_errors(old, market.settings)) == NOT_FINISHED
