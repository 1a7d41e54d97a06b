"""Whatever is delivered in whatever order and loaded in whatever way: the tables hold what the oracle says."""

from dataclasses import fields
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from meter_platform.ingestion.publish import InPlace
from meter_platform.ingestion.withdraw import undo, withdraw
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database
from meter_platform_tests.databases import empty
from meter_platform_tests.ingestion import oracle
from meter_platform_tests.ingestion.delivered import (
    DAMAGES,
    FEEDS,
    OLD,
    DeliveryFolder,
    everything,
    load,
    scan,
    stored_tables,
)
from meter_platform_tests.ingestion.oracle import DATES, SAYING, Oracle, Row

NEVER, OFTEN, ALWAYS = InPlace(most=0, least=0), InPlace(most=0.5, least=0), InPlace(most=1_000, least=0)


class World:
    """The same deliveries and loads, to the platform and to the oracle."""

    def __init__(self, database: Database, settings: Settings, folder: DeliveryFolder) -> None:
        self.database = database
        feeds = folder.path.parent / "feeds.toml"
        feeds.write_text(FEEDS)
        self.settings = settings.replace(feeds=feeds)
        self.folder = folder
        self.oracle = Oracle()

    def load(self, dates: list[date], *, in_place: InPlace = ALWAYS) -> None:
        load(self.database, self.settings, self.folder.path, dates, in_place=in_place)
        self.oracle.load(self.folder.files, dates)
        self.check()

    def scan(self, most: int | None) -> None:
        scan(self.database, self.settings, self.folder.path, most=most)
        self.oracle.scan(self.folder.files, most=most)
        self.check()

    def withdraw(self, version: int, *, left_over: bool) -> None:
        """Withdraws one of the versions that could be read, or what the older ones of its file alone say."""
        if name := self._one_of(version, withdrawn=False):
            if not left_over:
                withdraw(self.database, self._number(name))
                self.oracle.withdraw(name)
            elif self._newest_is_loaded(name[0]):
                withdraw(self.database, self._number(name), left_over=True)
                self.oracle.withdraw_left_over(name[0])
            self.check()

    def undo(self, version: int, *, left_over: bool) -> None:
        """Undoes one of the withdrawals."""
        if left_over:
            urls = [url for url in self._urls() if any(known.left_over for known in self.oracle.versions(url))]
            if urls:
                url = urls[version % len(urls)]
                undo(self.database, self._number(self.oracle.versions(url)[0].name, read=True), left_over=True)
                self.oracle.undo_left_over(url)
        elif name := self._one_of(version, withdrawn=True):
            undo(self.database, self._number(name))
            self.oracle.undo(name)
        self.check()

    def undo_all(self) -> None:
        while any(known.withdrawn for url in self._urls() for known in self.oracle.versions(url)):
            self.undo(0, left_over=False)
        while any(known.left_over for url in self._urls() for known in self.oracle.versions(url)):
            self.undo(0, left_over=True)

    def _urls(self) -> list[str]:
        return [self.folder.url(name) for name in NAMES]

    def _one_of(self, version: int, *, withdrawn: bool) -> oracle.Name | None:
        names = [
            known.name
            for url in self._urls()
            for known in self.oracle.versions(url)
            if known.is_read and known.withdrawn == withdrawn
        ]
        return names[version % len(names)] if names else None

    def _newest_is_loaded(self, url: str) -> bool:
        read = [known for known in self.oracle.versions(url) if known.is_read and not known.withdrawn]
        days = {row.day for known in read[:-1] for row in known.accepted}
        return all(row.day in read[-1].loaded or row.day not in days for row in read[-1].accepted)

    def _number(self, name: oracle.Name, *, read: bool = False) -> int:
        with self.database.connect() as connection:
            rows = connection.execute(
                "SELECT source_file_id, outcome FROM raw_data.source_file_versions WHERE url = %s ORDER BY delivered_at",
                [name[0]],
            ).fetchall()
        if read:
            return next(number for number, outcome in rows if outcome == "read")
        return int(rows[name[1] - 1][0])

    def check(self) -> None:
        """Table by table: a difference is then small enough to read."""
        stored, expected = stored_tables(self.database), self.oracle.tables()
        for name in (field.name for field in fields(expected)):
            assert getattr(stored, name) == getattr(expected, name), name


good_times = list(oracle.GOOD_TIMES)
rows = st.lists(
    st.builds(
        Row,
        # Few half hours and few values, so that they meet.
        st.sampled_from(['"a"', '"a"', '"a"', *oracle.GOOD_METERPOINTS, *oracle.BAD_METERPOINTS]),
        st.sampled_from([*good_times[:1] * 8, *good_times * 2, *oracle.BAD_TIMES]),
        st.sampled_from([*oracle.GOOD_VALUES * 4, *oracle.BAD_VALUES]),
        # Half of the files have no place for the rest.
        register=st.sampled_from(["null", '"import"', '"import"', '"export"']),
        quality=st.sampled_from(["null", '"actual"', '"estimated"', oracle.UNKNOWN_WORD]),
        serial=st.sampled_from(["null", "null", '""', '"S1"', '"S1"', '"S2"']),
        revised_at=st.sampled_from(list(oracle.REVISIONS)),
    ),
    min_size=1,
    max_size=7,
)
# Some files have one fault over and over, which holds them back or does not.
faults = st.sampled_from(
    [
        Row('"a"', good_times[0], "-0.5"),
        Row('"a"', good_times[0], "24.5"),
        Row('""', good_times[0], "0.1"),
        Row('"a"', good_times[0], "null"),
        Row('"b"', '"2021-10-30 12:37:27"', "0.1"),
        Row('"b"', '"2020-12-31 23:30:00"', "0.1"),
    ]
)
rows = st.one_of(
    rows, rows, rows, st.builds(lambda few, fault, times: few + [fault] * times, rows, faults, st.integers(10, 25))
)
NAMES = ["a.json", "b.json", "late/a.json", f"{SAYING}a.json", f"{SAYING}b.json"]
names = st.sampled_from(NAMES)
AHEAD = 4_000_000_000_000_000
"""The year 2096."""

PAST = [OLD, OLD, OLD, OLD + 1, OLD + 10**9, OLD - 10**12]
times = st.sampled_from([*PAST, AHEAD])


# Of two half hours of one meterpoint, so that all that says something ranks against all else.
said = st.lists(
    st.builds(
        Row,
        st.just('"a"'),
        st.sampled_from(good_times[:2]),
        st.sampled_from(oracle.GOOD_VALUES[:2]),
        register=st.sampled_from(["null", '"import"', '"import"', '"export"']),
        quality=st.sampled_from(["null", '"actual"', '"estimated"', '"estimated"']),
        serial=st.sampled_from(["null", "null", "null", '"S1"', '"S2"']),
        revised_at=st.sampled_from(list(oracle.REVISIONS)),
    ),
    min_size=1,
    max_size=4,
)

dates = st.lists(st.sampled_from(DATES), min_size=1, max_size=3, unique=True).map(sorted)

ARGUMENTS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "write": {"name": names, "rows": rows, "modified": times, "indent": st.sampled_from([None, None, 2])},
    "say": {"name": st.sampled_from(NAMES[-2:]), "rows": said, "modified": st.sampled_from(PAST)},
    "copy": {"name": names, "to": names, "modified": times},
    "touch": {"name": names, "modified": times},
    "rename": {"name": names, "to": names},
    "delete": {"name": names},
    "damage": {"name": names, "reason": st.sampled_from(list(DAMAGES)), "modified": st.sampled_from(PAST)},
    "withdraw": {"version": st.integers(0, 9), "left_over": st.booleans()},
    "undo": {"version": st.integers(0, 9), "left_over": st.booleans()},
    "scan": {"most": st.sampled_from([None, 0, 1])},
    "load": {"dates": dates, "in_place": st.sampled_from([NEVER, OFTEN, ALWAYS])},
}
"""What may happen, and the arguments of the method for it."""

happenings = st.sampled_from(
    [*["write"] * 3, *["say"] * 4, *["load"] * 3, *["touch"] * 2, *["withdraw"] * 2, *ARGUMENTS]
)
steps = st.lists(
    happenings.flatmap(lambda name: st.tuples(st.just(name), st.fixed_dictionaries(ARGUMENTS[name]))),
    min_size=6,
    max_size=14,
)


Steps = list[tuple[str, dict[str, Any]]]


@hypothesis_settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
def test_the_tables_follow_from_the_deliveries_whatever_the_order_of_loads(
    database: Database, settings: Settings, folder: DeliveryFolder, steps: Steps
) -> None:
    assert_tables_follow(database, settings, folder, steps)


@pytest.mark.whole
@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
def test_the_tables_follow_from_many_deliveries(
    database: Database, settings: Settings, folder: DeliveryFolder, steps: Steps
) -> None:
    assert_tables_follow(database, settings, folder, steps)


def assert_tables_follow(
    database: Database, settings: Settings, folder: DeliveryFolder, steps: Steps, make: type[World] = World
) -> None:
    """Does the steps, and compares after each load, and after loads that have nothing to do."""
    empty(database)
    folder.clear()
    world = make(database, settings, folder)
    for name, arguments in steps:
        if name in {"load", "scan", "withdraw", "undo"}:
            getattr(world, name)(**arguments)
        elif name in {"write", "say"}:
            folder.write(**arguments)
        elif present := folder.names:
            # What happens to a file happens to one that is there.
            one = present[NAMES.index(arguments["name"]) % len(present)]
            getattr(folder, name)(**arguments | {"name": one})
    world.undo_all()
    world.load(list(DATES))
    before = everything(database)
    world.load(list(DATES))
    for day in DATES:
        world.load([day])
    assert everything(database) == before
