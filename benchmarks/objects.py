"""How long a tick of the sensor takes on an object store, and what it asks of it, against the number of known objects.

What belongs here: what is measured. What does not: the store (`object_store.py`), making objects known (`known_files.py`).
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from benchmarks.curves import along
from benchmarks.goals import Figure, Found, Goal, more, ratio, requests
from benchmarks.history import NEW_FILE, NEW_TICK, QUIET_TICK, ticks
from benchmarks.job import Outcome
from benchmarks.known_files import enter, forget
from benchmarks.object_store import BUCKET, ObjectStore, object_store
from benchmarks.results import Measured
from benchmarks.session import Log
from benchmarks.workplace import Workplace, environment
from meter_platform.warehouse.database import Database

NAME: Final = "objects"
TITLE: Final = "Known objects of an object store: a tick of the sensor"
UNIT: Final = "known objects"

_URL: Final = f"s3://{BUCKET}"
_FIRST: Final = date(2022, 1, 1)
_NEW: Final = 100
_FOR_EACH: Final = 3
"""Requests that a new object may cost."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Attributes:
        known: numbers of objects that are known, in order.
        per_folder: objects of one date.
        new: objects that come between two ticks.
    """

    known: Sequence[int] = (0, 10_000, 100_000)
    per_folder: int = 1_000
    new: int = _NEW


QUICK: Final = Size(known=(0, 20, 100), per_folder=10, new=3)
"""To see that everything works."""


def goals(found: Found) -> Iterator[Goal]:
    """Time and requests do not grow with what is known."""
    most = Size().known[-1]
    objects = f"an object store with {most:,} known objects"

    def of(what: str, figure: Figure | None = None) -> float | None:
        return found.median(NAME, along(what, most, UNIT), figure)

    yield Goal(
        measure=f"tick with nothing new, {objects}", wanted="≤ 2 s", found=of(QUIET_TICK), bound=2, unit="s", case=NAME
    )
    yield Goal(
        measure=f"tick with nothing new, {objects}: requests",
        wanted="≤ 5",
        found=of(QUIET_TICK, requests),
        bound=5,
        unit="requests",
        case=NAME,
    )
    yield Goal(
        measure=f"tick with {_NEW} new objects, {objects}: further requests for each of them",
        wanted=f"≤ {_FOR_EACH}",
        found=ratio(more(of(NEW_TICK, requests), of(QUIET_TICK, requests)), _NEW),
        bound=_FOR_EACH,
        unit="requests",
        case=NAME,
    )


def measure(place: Workplace, *, size: Size, repeats: int, log: Log) -> Measured:
    """Measures each number of known objects."""
    database = Database(place.url)
    place.clear()
    outcomes: dict[str, list[Outcome]] = {}
    rounds = iter(range(10_000))
    with object_store() as store, _reachable(store):
        before = 0
        for known in size.known:
            log(f"{TITLE}: {known:,} known objects")
            for number in range(before // size.per_folder, known // size.per_folder):
                store.put(f"{_FIRST + timedelta(days=number)}", count=size.per_folder, text="")
            enter(_URL, database)
            before = known
            for what, outcome in _measured(place, database, store, size, repeats, rounds):
                outcomes.setdefault(along(what, known, UNIT), []).append(outcome)
                log(f"  {what}: {outcome.seconds:.2f} s, {outcome.requests} requests")
    place.clear()
    amount = {"new objects": size.new, "objects in a folder": size.per_folder}
    return Measured.now(NAME, title=TITLE, amount=amount, outcomes=outcomes, skipped={}, url=place.url)


def _measured(  # noqa: PLR0917 - each of another kind
    place: Workplace, database: Database, store: ObjectStore, size: Size, repeats: int, rounds: Iterator[int]
) -> Iterator[tuple[str, Outcome]]:
    variables = environment(place.home, READINGS_URL=_URL, FIRST_REFERENCE_DATE="2021-01-01")
    with ticks(variables) as tick:

        def counted() -> Outcome:
            store.requests()
            outcome = tick()
            asked = store.requests()
            outcome.requests = sum(asked.values())
            said = ", ".join(f"{number} {method}" for method, number in sorted(asked.items()))
            outcome.note = f"{outcome.note}; {said}"
            return outcome

        counted()  # the first of a process imports what it needs
        for _ in range(repeats):
            yield QUIET_TICK, counted()
            folder = f"new-{next(rounds)}"
            store.put(folder, count=size.new, text=NEW_FILE)
            yield NEW_TICK, counted()
            store.remove(folder)
            forget(database, f"{_URL}/{folder}")


@contextmanager
def _reachable(store: ObjectStore) -> Iterator[None]:
    """This process and those that it starts find the store."""
    before = dict(os.environ)
    os.environ.update(store.environment)
    try:
        yield
    finally:
        for name in store.environment:
            os.environ.pop(name)
            if name in before:
                os.environ[name] = before[name]
