"""Computed tables follow what was changed in place: whatever is delivered, they are what they would be if computed whole."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from psycopg import sql

from meter_platform.feeds.files import ReadingFolder
from meter_platform.ingestion.load import ReadingsLoad
from meter_platform.ingestion.publish import InPlace
from meter_platform.ingestion.withdraw import undo, withdraw
from meter_platform.settings import Settings
from meter_platform.warehouse import changes, finished, lineage, tables
from meter_platform.warehouse.database import open_database
from meter_platform_tests.databases import empty
from meter_platform_tests.market import OLD, Agreement, Market, day_of

DAY = date(2021, 3, 28)
"""A day of 46 half hours."""

HOMES = {
    "home-1": [Agreement(1, "home-1")],
    "home-2": [Agreement(2, "home-2", "P-FIX")],
    "solar-3": [Agreement(3, "solar-3", "P-OUT")],
    "lapsed-4": [Agreement(4, "lapsed-4", until="2021-03-01")],
    "double-5": [Agreement(5, "double-5"), Agreement(6, "double-5", "P-FIX")],
    "unknown-6": [],
}
SNAPSHOT = ["raw_agreements", "raw_products", "raw_meterpoints", "active_agreements"]
NEVER, OFTEN, ALWAYS = InPlace(most=0, least=0), InPlace(most=1, least=0), InPlace(most=1_000, least=0)
FOLLOWING = [name for name in lineage.INPUTS if name != "active_agreements"]

pytestmark = pytest.mark.usefixtures("every_date_is_large")


class Following(Market):
    """A market whose readings change, and whose analytics are brought up to date without the rest of a run."""

    _job: dg.JobDefinition | None = None

    def load(self, *, in_place: InPlace) -> None:
        """What is new in the folder is loaded."""
        folder = ReadingFolder(str(self.readings))
        ReadingsLoad(self.settings, folder, log=lambda _: None, in_place=in_place).store(self.database, [DAY])

    def bring_up_to_date(self) -> None:
        """The computed tables are materialised."""
        if self._job is None:
            job = dg.define_asset_job("follow", dg.AssetSelection.assets(*FOLLOWING).without_checks())
            self._job = dg.Definitions.merge(self.defs, dg.Definitions(jobs=[job])).resolve_job_def("follow")
        result = self._job.execute_in_process(
            instance=self.dagster,
            partition_key=DAY.isoformat(),
            run_config={"loggers": {"console": {}}},
        )
        assert result.success

    def compute_whole(self) -> None:
        """The same, of tables that were built by rules that are none."""
        self.change("UPDATE raw_data.partition_versions SET rules = 'none' WHERE table_name = ANY(%s)", FOLLOWING)
        self.bring_up_to_date()

    def computed(self) -> dict[str, list[Any]]:
        """What the computed tables hold, but when it was computed. The numbers of meterpoints etc. are exact."""
        found = {}
        with self.database.connect() as connection:
            for table in (table for table in tables.ASSET_TABLES if table.name in FOLLOWING):
                names = [column.name for column in table.columns if column.name != "loaded_at"]
                query = sql.SQL("SELECT {} FROM {} ORDER BY 1, 2").format(
                    sql.SQL(", ").join(map(sql.Identifier, names)), table.identifier
                )
                found[table.name] = connection.execute(query).fetchall()
        return found

    def versions(self) -> dict[str, tuple[int, int]]:
        """Of each table its version, and the one at which it was last replaced whole."""
        return {
            name: (version, whole)
            for name, version, whole in self.rows(
                "SELECT table_name, version, whole_version FROM raw_data.partition_versions"
            )
        }


@pytest.fixture(scope="module")
def loaded(home: Path, instance: dg.DagsterInstance, tmp_path_factory: pytest.TempPathFactory) -> Following:
    """A market with its snapshot of the day, and nothing delivered."""
    settings = Settings(home=home, today=date(2021, 4, 1))
    empty(open_database(settings))
    market = Following(settings, tmp_path_factory.mktemp("market"), instance)
    market.refresh([row for rows in HOMES.values() for row in rows], meterpoints=[*list(HOMES)[:-1], "silent-7"])
    assert market.run(DAY.isoformat(), assets=SNAPSHOT).success
    return market


@pytest.fixture
def market(loaded: Following) -> Iterator[Following]:
    """The same for one test."""
    yield loaded
    _clear(loaded)


def _clear(market: Following) -> None:
    for file in market.readings.iterdir():
        file.unlink()
    with market.database.connect() as connection:
        kept = connection.execute(
            "SELECT * FROM raw_data.partition_versions WHERE table_name = ANY(%s)", (SNAPSHOT,)
        ).fetchall()
        children = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind = 'r'",
            (tables.PARTITIONS_SCHEMA,),
        ).fetchall()
        for (name,) in children:
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(tables.PARTITIONS_SCHEMA, name)))
        emptied = [table.identifier for table in tables.TABLES if not table.view and table.name not in SNAPSHOT]
        connection.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(emptied)))
        with connection.cursor() as cursor:
            values = sql.SQL(", ").join([sql.Placeholder()] * 9)
            cursor.executemany(sql.SQL("INSERT INTO raw_data.partition_versions VALUES ({})").format(values), kept)


def test_a_correction_touches_its_meterpoint_and_its_sums_alone(market: Following) -> None:
    for home in ("home-1", "home-2", "solar-3"):
        market.deliver(f"{home}.json", day_of(home, DAY.isoformat(), "0.5"))
    market.load(in_place=NEVER)
    market.bring_up_to_date()
    before = market.versions()
    market.change("UPDATE analytics.meterpoint_completeness SET loaded_at = '2021-04-01'")

    market.deliver("late.json", [("home-2", "2021-03-28 12:00:00", "0.75")], written=OLD + timedelta(days=1))
    market.load(in_place=ALWAYS)
    market.bring_up_to_date()

    after = market.versions()
    assert market.rows(
        "SELECT meterpoint_id, total_consumption_kwh::float FROM analytics.meterpoint_completeness "
        "WHERE loaded_at <> '2021-04-01'"
    ) == [("home-2", 23.25)]
    assert market.rows(
        "SELECT total_consumption_kwh::float FROM analytics.half_hourly_consumption "
        "WHERE datetime IN ('2021-03-28 11:00Z', '2021-03-28 11:30Z') ORDER BY datetime"
    ) == [(1.75,), (1.5,)]
    for name in ("raw_meter_readings", "meterpoint_completeness", "unattributed_consumption"):
        assert after[name][0] > before[name][0], "it has changed"
        assert after[name][1] == before[name][1], "it was not replaced whole"
    with market.database.connect() as connection:
        assert finished.unfinished(connection, market.settings) == []
    # What everybody has followed is forgotten, but for the readings, which checks have not recounted.
    assert market.rows("SELECT DISTINCT table_name FROM raw_data.changes_in_place") == [("raw_meter_readings",)]


@pytest.mark.whole
def test_small_dates_are_computed_whole(market: Following, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "LARGE_DATE", 47)
    market.deliver("home-1.json", day_of("home-1", DAY.isoformat(), "0.5"))
    market.load(in_place=NEVER)
    market.bring_up_to_date()
    market.deliver("late.json", [("home-1", "2021-03-28 12:00:00", "0.75")], written=OLD + timedelta(days=1))
    market.load(in_place=ALWAYS)
    market.bring_up_to_date()
    version, whole = market.versions()["meterpoint_completeness"]
    assert version == whole


@pytest.mark.whole
def test_what_cannot_follow_is_computed_whole(market: Following) -> None:
    market.deliver("home-1.json", day_of("home-1", DAY.isoformat(), "0.5"))
    market.load(in_place=NEVER)
    market.bring_up_to_date()
    market.deliver("late.json", [("home-1", "2021-03-28 12:00:00", "0.75")], written=OLD + timedelta(days=1))
    market.load(in_place=ALWAYS)
    # Somebody drops the notes: with the next command the table is there again, and empty.
    market.change("DROP TABLE raw_data.changes_in_place")
    market.database.create_tables()
    market.bring_up_to_date()
    followed = market.computed()
    market.compute_whole()
    assert followed == market.computed()
    assert market.rows("SELECT total_consumption_kwh FROM analytics.meterpoint_completeness WHERE zero_readings = 0")


values = st.sampled_from(["0", "0.1", "0.5", "0.18600000000000000433", "12.5"])
half_hours = st.sampled_from([f"2021-03-28 {time}:00" for time in ("00:00", "00:30", "02:00", "23:30")])
rows = st.lists(st.tuples(st.sampled_from(list(HOMES)), half_hours, values), min_size=1, max_size=6)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("deliver"), st.sampled_from(["a", "b", "c"]), rows, st.integers(0, 3)),
        st.tuples(st.just("deliver"), st.sampled_from(["a", "b", "c"]), rows, st.integers(0, 3)),
        st.tuples(st.just("withdraw"), st.integers(0, 9)),
        st.tuples(st.just("undo"), st.integers(0, 9)),
    ),
    min_size=3,
    max_size=6,
)


@pytest.mark.whole
@hypothesis_settings(
    max_examples=10,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=set(Phase) - {Phase.explain, Phase.shrink},
)
@given(steps=steps, in_place=st.sampled_from([ALWAYS, ALWAYS, OFTEN]), at_once=st.sampled_from([1, 3]))
def test_whatever_is_delivered_touched_only_is_whole(
    market: Following, steps: list[tuple[Any, ...]], in_place: InPlace, at_once: int
) -> None:
    _clear(market)
    market.deliver("first.json", [(home, "2021-03-28 12:00:00", "0.25") for home in HOMES])
    market.load(in_place=NEVER)
    market.bring_up_to_date()
    for number, (what, *arguments) in enumerate(steps):
        if what == "deliver":
            name, delivered, days = arguments
            unique = {(home, time): value for home, time, value in delivered}
            market.deliver(
                f"{name}.json",
                [(home, time, value) for (home, time), value in unique.items()],
                written=OLD + timedelta(days=days, seconds=number),
            )
            market.load(in_place=in_place)
        else:
            standing = "NOT IN" if what == "withdraw" else "IN"
            versions = market.rows(
                f"SELECT source_file_id FROM raw_data.source_file_versions WHERE source_file_id {standing} "  # noqa: S608 - of this test
                "(SELECT source_file_id FROM raw_data.withdrawals WHERE undone_at IS NULL) ORDER BY 1"
            )
            if versions:
                (version,) = versions[arguments[0] % len(versions)]
                (withdraw if what == "withdraw" else undo)(market.database, version)
        if number % at_once == 0:  # several changes may be followed at once
            market.bring_up_to_date()
    market.bring_up_to_date()
    followed = market.computed()
    market.compute_whole()
    assert followed == market.computed()
