"""Whatever is delivered in whatever order and loaded in whatever way: the tables hold what the oracle says."""

from dataclasses import fields
from datetime import date
from typing import Any

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from meter_platform.settings import Settings
from meter_platform.storage.database import Database
from meter_platform_tests.databases import empty
from meter_platform_tests.intake import oracle
from meter_platform_tests.intake.delivered import DAMAGES, OLD, DeliveryFolder, everything, load, look, stored_tables
from meter_platform_tests.intake.oracle import DATES, Oracle, Row


class World:
    """The same deliveries and loads, to the platform and to the oracle."""

    def __init__(self, database: Database, settings: Settings, folder: DeliveryFolder) -> None:
        self.database = database
        self.settings = settings
        self.folder = folder
        self.oracle = Oracle()

    def load(self, dates: list[date]) -> None:
        load(self.database, self.settings, self.folder.path, dates)
        self.oracle.load(self.folder.files, dates)
        self.check()

    def look(self, most: int | None) -> None:
        look(self.database, self.settings, self.folder.path, most=most)
        self.oracle.look(self.folder.files, most=most)
        self.check()

    def check(self) -> None:
        """Table by table: a difference is then small enough to read."""
        stored, expected = stored_tables(self.database), self.oracle.tables()
        for name in (field.name for field in fields(expected)):
            assert getattr(stored, name) == getattr(expected, name), name


good_rows = st.builds(
    Row,
    st.sampled_from(oracle.GOOD_METERPOINTS),
    st.sampled_from(list(oracle.GOOD_TIMES)),
    st.sampled_from(oracle.GOOD_VALUES),
)
any_rows = st.builds(
    Row,
    st.sampled_from([*oracle.GOOD_METERPOINTS, *oracle.BAD_METERPOINTS]),
    st.sampled_from([*oracle.GOOD_TIMES, *oracle.BAD_TIMES]),
    st.sampled_from([*oracle.GOOD_VALUES, *oracle.BAD_VALUES]),
)
rows = st.lists(good_rows | good_rows | good_rows | any_rows, max_size=8)
names = st.sampled_from(["a.json", "b.json", "c.json", "late/a.json"])
times = st.sampled_from([OLD, OLD + 1, OLD + 2, OLD + 10**9, OLD - 10**12])


def call(name: str, /, **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    return st.tuples(st.just(name), st.fixed_dictionaries(arguments))


dates = st.lists(st.sampled_from(DATES), min_size=1, max_size=3, unique=True).map(sorted)
deliveries = call("write", name=names, rows=rows, modified=times, indent=st.sampled_from([None, None, 2]))
events = st.one_of(
    deliveries,
    deliveries,
    call("copy", name=names, to=names, modified=times),
    call("touch", name=names, modified=times),
    call("rename", name=names, to=names),
    call("delete", name=names),
    call("damage", name=names, reason=st.sampled_from(list(DAMAGES)), modified=times),
    call("look", most=st.sampled_from([None, 0, 1])),
    call("load", dates=dates),
    call("load", dates=dates),
)


@hypothesis_settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(events, min_size=1, max_size=12))
def test_the_tables_follow_from_the_deliveries_whatever_the_order_of_loads(
    database: Database, settings: Settings, folder: DeliveryFolder, steps: list[tuple[str, dict[str, Any]]]
) -> None:
    empty(database)
    folder.clear()
    world = World(database, settings, folder)
    for name, arguments in steps:
        if name in {"load", "look"}:
            getattr(world, name)(**arguments)
        elif name in {"write", "damage"} or arguments["name"] in folder.names:
            getattr(folder, name)(**arguments)
    world.load(list(DATES))
    before = everything(database)
    world.load(list(DATES))
    for day in DATES:
        world.load([day])
    assert everything(database) == before
