"""What Dagster kept of old runs goes, and nobody can tell by the state of tables and checks."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from meter_platform.errors import LockHeldError, PermanentError
from meter_platform.orchestration import dagster_tables, retention
from meter_platform.orchestration.retention import prune, prune_dagster
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database, dagster_url, open_database
from meter_platform_tests.databases import empty
from meter_platform_tests.market import Market, dagster_on_postgres, failures

DAYS = ("2021-01-02", "2021-01-03", "2021-01-04")

ASSETS = ("raw_agreements", "raw_products", "active_agreements")
"""Enough to have partitions, checks and a step that fails because of another; a run of all takes four times as long."""

AGE = """
UPDATE runs SET end_time = end_time - 86400 * 40, start_time = start_time - 86400 * 40,
                create_timestamp = create_timestamp - interval '40 days',
                update_timestamp = update_timestamp - interval '40 days';
UPDATE event_logs SET timestamp = timestamp - interval '40 days'
"""
"""All that has happened so far happened forty days ago."""


@pytest.fixture(scope="module")
def market(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """Dates that were run once, twice, in a range, and one of which the newest run failed; all long ago."""
    settings = Settings(home=home)
    empty(open_database(settings))
    with dagster_on_postgres(home) as instance, pytest.MonkeyPatch.context() as patch:
        patch.setattr("meter_platform.orchestration.assets.policies.RETRIES", dg.RetryPolicy(max_retries=0))
        market = Market(settings, tmp_path_factory.mktemp("market"), instance)
        assert run(market, DAYS[0]).success
        assert run(market, DAYS[0], DAYS[1]).success
        market.alter_reference("ALTER TABLE product RENAME TO gone")
        assert not run(market, DAYS[0]).success
        assert not run(market, DAYS[2]).success
        market.alter_reference("ALTER TABLE gone RENAME TO product")
        assert run(market, DAYS[0]).success
        yield market


def run(market: Market, first: str, last: str | None = None) -> dg.ExecuteInProcessResult:
    return market.run(first, last, assets=ASSETS)


def connect(market: Market) -> Any:  # noqa: ANN401 - a connection, opened as a context
    return Database(dagster_url(market.settings)).connect()


def counts(market: Market) -> dict[str, int]:
    with connect(market) as connection:
        return {
            table: connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()[0]  # noqa: S608 - names of ours
            for table in ("event_logs", "asset_check_executions", "asset_event_tags", "runs")
        }


def state(market: Market) -> dict[str, Any]:
    """What the UI says of each partition and each check."""
    instance, graph = market.dagster, market.defs.resolve_asset_graph()
    found: dict[str, Any] = {}
    for key in map(dg.AssetKey, ASSETS):
        statuses = instance.get_status_by_partition(key, list(DAYS), graph.get(key).partitions_def)
        newest = instance.get_latest_materialization_event(key)
        assert newest
        found[key.to_user_string()] = (statuses, newest.run_id, newest.timestamp)
    checks = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(graph.asset_check_keys))
    for record in checks.values():
        found[str(record.key)] = (record.status, record.run_id)
    return found


def test_nothing_goes_while_it_is_young_then_all_but_the_state_goes_and_the_next_run_succeeds(market: Market) -> None:
    prune_dagster(market.dagster, market.settings)
    young, before = counts(market), state(market)
    logs = market.settings.home / "compute_logs"
    assert young["runs"] == 5
    with connect(market) as connection:
        runs = {run for (run,) in connection.execute("SELECT run_id FROM runs")}
    assert runs <= {entry.name for entry in logs.iterdir()}  # beside those of other tests

    with connect(market) as connection:
        connection.execute(AGE)
    would_go = prune_dagster(market.dagster, market.settings, dry_run=True)
    assert counts(market) == young

    went = prune_dagster(market.dagster, market.settings)

    assert went == would_go
    assert state(market) == before
    left = counts(market)
    gone = {kind.what: kind.count for kind in went}
    assert young["event_logs"] - left["event_logs"] == sum(
        kind.count for kind in went if kind.size and "executions" not in kind.what
    )
    assert left["event_logs"] < young["event_logs"] / 10
    assert left["asset_check_executions"] == len(before) - len(ASSETS) > 0
    assert gone["runs of which nothing is left"] == young["runs"] - left["runs"] > 0
    assert not runs & {entry.name for entry in logs.iterdir()}

    assert all(kind.count == 0 for kind in prune_dagster(market.dagster, market.settings))
    assert run(market, DAYS[2]).success
    after = state(market)
    assert all(len(set(of_table[0].values())) == 1 for name, of_table in after.items() if "(" not in name)


def test_what_is_not_known_is_left_alone(market: Market) -> None:
    with connect(market) as connection:
        assert dagster_tables.departures(connection) == []
        connection.execute("ALTER TABLE asset_event_tags RENAME event_id TO other_id")
        connection.commit()
    before = counts(market)
    try:
        with pytest.raises(PermanentError, match=r"no asset_event_tags\.event_id: .* Nothing was deleted"):
            prune_dagster(market.dagster, market.settings)
        assert counts(market) == before
    finally:
        with connect(market) as connection:
            connection.execute("ALTER TABLE asset_event_tags RENAME other_id TO event_id")


def test_an_interruption_does_no_harm_and_only_one_prunes_at_a_time(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(market, DAYS[1]).success
    with connect(market) as connection:
        connection.execute(AGE)
    before = state(market)
    whole = prune_dagster(market.dagster, market.settings, dry_run=True)
    delete, calls = dagster_tables.delete, []

    def interrupted(connection: Any, table: str, ids: list[int]) -> None:  # noqa: ANN401 - as the function
        calls.append(len(ids))
        if len(calls) == 3:
            raise KeyboardInterrupt
        if len(calls) == 1:
            with pytest.raises(LockHeldError, match="Another process"):
                prune_dagster(market.dagster, market.settings)
        delete(connection, table, ids)

    with monkeypatch.context() as patch:
        patch.setattr(retention, "_BATCH", 10)
        patch.setattr(dagster_tables, "delete", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prune_dagster(market.dagster, market.settings)
    assert calls == [10, 10, 10]
    assert state(market) == before

    left = prune_dagster(market.dagster, market.settings)
    assert sum(kind.count for kind in left) == sum(kind.count for kind in whole) - 20
    assert state(market) == before


def test_a_run_that_goes_on_keeps_all_its_events(market: Market) -> None:
    assert run(market, DAYS[0]).success
    with connect(market) as connection:
        connection.execute(AGE)
        newest = connection.execute("SELECT run_id FROM runs ORDER BY id DESC LIMIT 1").fetchone()[0]
        connection.execute("UPDATE runs SET status = 'STARTED', end_time = NULL WHERE run_id = %s", [newest])

    def events() -> int:
        with connect(market) as connection:
            found: int = connection.execute("SELECT count(*) FROM event_logs WHERE run_id = %s", [newest]).fetchone()[0]
            return found

    before = events()
    prune_dagster(market.dagster, market.settings)
    assert events() == before > 40


def test_partitions_of_pruned_dates_say_so_and_are_not_made_again(market: Market) -> None:
    kept = market.settings
    market.settings = kept.replace(today=date(2021, 1, 8), keep_readings_days=5)
    try:
        found = {kind.what: kind.count for kind in prune(market.dagster, market.settings)}
        again = prune(market.dagster, market.settings)
    finally:
        market.settings = kept
    assert found["reference dates"] == 1
    assert again[0].count == 0
    for name in ASSETS:
        newest = market.dagster.get_latest_materialization_event(dg.AssetKey(name))
        assert newest
        assert newest.asset_materialization
        assert newest.asset_materialization.partition == DAYS[0]
        assert newest.asset_materialization.description == (
            f"Pruned on {datetime.now(UTC):%Y-%m-%d}: the date is older than readings are kept."
        )
    notes = market.rows("SELECT succeeded, detail FROM operations.log WHERE operation = 'prune' ORDER BY started_at")
    assert notes == [(True, "1 reference dates"), (True, "nothing was old")]
    result = run(market, DAYS[0])
    assert not result.success
    assert "2021-01-02 was pruned" in failures(result)["raw_agreements"]
