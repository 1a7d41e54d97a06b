"""Raw data that is hard to add up, and analytics of it by one engine or another: they are to be the same, to the digit.

What belongs here: loading the input, computing on an engine, and looking at all that came of it. What does not: starting
servers.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import dagster as dg
import pytest
from psycopg import sql

from meter_platform.lake.lake import Lake
from meter_platform.lake.put_away import put_away
from meter_platform.lake.stores import LakeStore
from meter_platform.lake.take_out import have_in_postgres
from meter_platform.orchestration.composition import build_defs
from meter_platform.settings import Settings
from meter_platform.warehouse import lineage, tables
from meter_platform.warehouse.database import open_database
from meter_platform_tests.databases import empty
from meter_platform_tests.market import OLD, Agreement, Market, day_of, failures, quiet
from meter_platform_tests.places import CASE_STUDY

Tables = dict[str, list[tuple[Any, ...]]]

_RANGE: Final = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


@dataclass(frozen=True)
class Input:
    """Sources, and the ranges of dates that are computed of them."""

    name: str
    sources: dict[str, str]
    ranges: tuple[tuple[str, str], ...]


@dataclass
class Computed:
    """What an engine made of the raw data.

    Attributes:
        tables: every row of each analytics table, without when it was computed.
        metadata: of every date of each.
    """

    tables: Tables
    metadata: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


class Loaded:
    """A platform that has the raw data of an input, and whose analytics are computed over and over."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance, given: Input, folder: Path) -> None:
        self.name = given.name
        self.settings = settings.replace(**given.sources)
        self._instance = instance
        self._folder = folder
        self._ranges = given.ranges
        empty(open_database(settings))
        for first, last in given.ranges:
            self.run(self.settings, first, last, dg.AssetSelection.groups("raw_data"))
        self.expected = self.computed(self.settings).tables

    def in_lake(self) -> str:
        """The URL of a lake that has the raw data, too."""
        url = str(self._folder / "lake")
        Lake(LakeStore(url)).catch_up(open_database(self.settings))
        return url

    @contextmanager
    def put_away(self) -> Iterator[Settings]:
        """The settings of a platform whose readings are all in a lake alone; they are back in Postgres at the end."""
        settings = self.settings.replace(lake_url=self.in_lake(), storage="lake")
        database, lake = open_database(settings), Lake(LakeStore(settings.lake_url or ""))
        days = self._days_of_readings()
        assert days == put_away(database, lake, days)
        assert self._days_of_readings() == []
        yield settings
        have_in_postgres(database, days, lambda: lake)
        assert self._days_of_readings() == days

    def _days_of_readings(self) -> list[date]:
        """The dates whose readings Postgres has."""
        with open_database(self.settings).connect() as connection:
            days = connection.execute("SELECT DISTINCT reference_date FROM raw_data.raw_meter_readings ORDER BY 1")
            return [day for (day,) in days]

    def computed(self, settings: Settings) -> Computed:
        """Computes all analytics, whatever they were computed by before."""
        found = Computed({})
        for first, last in self._ranges:
            result = self.run(settings, first, last, dg.AssetSelection.groups("analytics"))
            for event in result.get_asset_materialization_events():
                shown = event.step_materialization_data.materialization.metadata
                rows = found.metadata.setdefault(event.asset_key.path[-1] if event.asset_key else "", [])
                rows.append({name: value.value for name, value in shown.items()})
        with open_database(settings).connect() as connection:
            for table in (table for table in tables.ASSET_TABLES if table.name in lineage.INPUTS):
                names = [column.name for column in table.columns if column.name != "loaded_at"]
                query = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(
                    sql.SQL(", ").join(map(sql.Identifier, names)),
                    table.identifier,
                    sql.SQL(", ").join(map(sql.Identifier, table.key)),
                )
                found.tables[table.name] = connection.execute(query).fetchall()
        return found

    def run(self, settings: Settings, first: str, last: str, selection: dg.AssetSelection) -> dg.ExecuteInProcessResult:
        """One run of some assets."""
        job = dg.define_asset_job("some", selection.without_checks())
        defs = dg.Definitions.merge(build_defs(settings, loggers={"console": quiet}), dg.Definitions(jobs=[job]))
        result = defs.resolve_job_def("some").execute_in_process(
            instance=self._instance,
            tags=dict(zip(_RANGE, (first, last), strict=True)),
            run_config={"loggers": {"console": {}}},
            raise_on_error=False,
        )
        assert result.success, failures(result)
        return result


def awkward_days(settings: Settings, folder: Path, instance: dg.DagsterInstance) -> Input:
    """Days of 46, 48 and 50 half hours, twenty decimals, corrections, re-deliveries, and every reason for no product."""
    market = Market(settings, folder, instance)
    market.refresh(
        [
            Agreement(1, "home-1"),
            Agreement(2, "home-2", "P-FIX", until="2021-03-28"),
            Agreement(3, "home-2", "P-FLEX", since="2021-03-28"),
            Agreement(4, "solar-3", "P-OUT"),
            Agreement(5, "lapsed-4", until="2021-03-01"),
            Agreement(6, "double-5"),
            Agreement(7, "double-5", "P-FIX"),
            Agreement(8, "unknown-product-6", "P-GONE"),
            Agreement(9, "later-7", since="2022-01-01"),
            Agreement(10, "silent-8"),
        ]
    )
    energy = {
        "home-1": "0.10000000000000000001",
        "home-2": "0.123456789",
        "solar-3": "0.33333333333333333333",
        "lapsed-4": "23.99999999999999999999",
        "double-5": "0.1",
        "unknown-product-6": "0.000",
        "later-7": "1e-20",
        "never-9": "0.7",
    }
    for day in ("2021-03-27", "2021-03-28", "2021-03-29", "2021-10-30", "2021-10-31"):
        market.deliver(f"{day}.json", [row for name, kwh in energy.items() for row in day_of(name, day, kwh)])
    market.deliver("again.json", day_of("home-1", "2021-03-28", energy["home-1"]), written=OLD + timedelta(hours=1))
    corrected = [("solar-3", "2021-10-31 12:00:00", "0.00000000000000000007"), ("home-2", "2021-03-28 12:30:00", "-1")]
    market.deliver("corrected.json", corrected, written=OLD + timedelta(hours=2))
    sources = {"readings_url": str(market.readings), "reference_url": f"sqlite:///{market.reference}"}
    return Input("awkward_days", sources, (("2021-03-27", "2021-03-29"), ("2021-10-30", "2021-10-31")))


def sample(settings: Settings, folder: Path, instance: dg.DagsterInstance) -> Input:  # noqa: ARG001 - as the others
    """The first days of the generated sample."""
    return Input("sample", {}, (("2021-01-01", "2021-01-03"),))


def case_study(settings: Settings, folder: Path, instance: dg.DagsterInstance) -> Input:  # noqa: ARG001 - as the others
    """The case study's own input."""
    if not CASE_STUDY.exists():
        pytest.skip("the case study is not the project's to publish: put it into ../shared/case_study")
    sources = {"readings_url": f"{CASE_STUDY}/readings", "reference_url": f"sqlite:///{CASE_STUDY}/case_study.db"}
    return Input("case_study", sources, (("2021-01-01", "2021-01-03"),))


INPUTS: Final[list[Callable[[Settings, Path, dg.DagsterInstance], Input]]] = [awkward_days, sample, case_study]
