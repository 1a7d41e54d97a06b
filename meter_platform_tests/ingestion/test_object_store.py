"""Deliveries in an object store, from the scan to stored rows: what a local folder promises holds there, too."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from threading import Event

import pytest

from meter_platform.errors import SourceUnavailableError
from meter_platform.feeds.files import ReadingFolder
from meter_platform.ingestion.discover import discover
from meter_platform.ingestion.load import ReadingsLoad
from meter_platform.ingestion.tree import Effort
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database
from meter_platform.warehouse.partitions import StoreReport
from meter_platform_tests.ingestion.delivered import document, stored_tables
from meter_platform_tests.ingestion.oracle import AFTER, CHANGE, DATES, Row
from meter_platform_tests.object_store.bucket import Bucket, bucket
from meter_platform_tests.object_store.proxy import EXPIRED, SLOW_DOWN, Asked, Refusal


@pytest.fixture
def store(store_port: int, request: pytest.FixtureRequest) -> Iterator[Bucket]:
    with bucket(store_port, f"ingestion-{abs(hash(request.node.name)):x}") as found:
        yield found


def reading(value: str, *, day: date = CHANGE, meterpoint: str = '"a"') -> Row:
    return Row(meterpoint, f'"{day} 12:00:00"', value)


def load(database: Database, settings: Settings, store: Bucket) -> StoreReport:
    folder = ReadingFolder(f"s3://{store.name}/in")
    return ReadingsLoad(settings, folder, log=lambda _: None).store(database, DATES)


def values(database: Database) -> dict[str, Decimal]:
    """What is stored of each meterpoint."""
    return {meterpoint: value for meterpoint, _, _, value, *_ in stored_tables(database).stored}


def outcomes(database: Database) -> list[tuple[int, int, int, int, int]]:
    """Of each version in its order: rows in the file, stored, rejected, re-delivered, replaced."""
    counts = stored_tables(database).counts
    return [
        (each.rows, each.stored, each.rejected, each.redelivered, each.replaced)
        for _, each in sorted(counts.items(), key=lambda item: item[0])
    ]


@pytest.mark.whole
def test_corrections_and_redeliveries_are_those_of_a_folder(
    database: Database, settings: Settings, store: Bucket
) -> None:
    def deliver(value: str) -> StoreReport:
        store.put("in/2021-10-31/a.json", document([reading(value), reading('"bad"', meterpoint='"b"')]))
        return load(database, settings, store)

    deliver("0.1")
    assert (values(database), outcomes(database)) == ({"a": Decimal("0.1")}, [(2, 1, 1, 0, 0)])
    assert deliver("0.1").facts["files_read"] == 0, "the same content has the same ETag: it is the same version"
    deliver("0.2")
    assert (values(database), outcomes(database)) == ({"a": Decimal("0.2")}, [(2, 0, 1, 0, 1), (2, 1, 1, 0, 0)])
    # The first content comes back, with the ETag that it had.
    deliver("0.1")
    assert values(database) == {"a": Decimal("0.1")}
    assert outcomes(database) == [(2, 1, 1, 0, 0), (2, 0, 1, 0, 1), (2, 0, 1, 1, 0)]

    store.put("in/2021-10-31/b.json", document([reading("0.1")]))
    load(database, settings, store)
    assert outcomes(database)[-1] == (1, 0, 0, 1, 0)
    store.delete("in/2021-10-31/a.json")
    load(database, settings, store)
    assert values(database) == {"a": Decimal("0.1")}, "what was loaded stays"


@pytest.mark.whole
def test_half_of_an_object_waits_for_the_whole(
    database: Database, settings: Settings, store: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = document([reading("0.1"), reading("0.2", meterpoint='"b"')])
    store.put("in/a.json", whole[:-40])
    folder = ReadingFolder(f"s3://{store.name}/in")
    with monkeypatch.context() as patched:
        patched.setattr("meter_platform.feeds.reading.SETTLE_SECONDS", 300)  # a busy machine is long in looking
        found = discover(database, settings, folder, effort=Effort())
    assert found is not None
    assert (len(found.report.growing), found.report.malformed) == (1, {})
    store.put("in/a.json", whole)
    load(database, settings, store)
    assert values(database) == {"a": Decimal("0.1"), "b": Decimal("0.2")}


def test_folders_are_listed_at_the_same_time(database: Database, settings: Settings, store: Bucket) -> None:
    for number in range(40):
        store.put(f"in/{number:02}/a.json", document([reading("0.1", meterpoint=f'"m{number}"')]))
    together = Event()

    def until_eight_are_there(asked: Asked) -> Refusal | None:
        if store.proxy.now >= 8:
            together.set()
        if asked.is_list and "prefix=in%2F&" not in asked.path:
            assert together.wait(10)
        return None

    store.proxy.refuse = until_eight_are_there
    found = discover(database, settings, ReadingFolder(f"s3://{store.name}/in"), effort=Effort())
    assert found is not None
    assert (found.report.files_listed, found.report.files_read, list(found.pending)) == (40, 40, [CHANGE])


def test_a_load_waits_for_a_store_that_is_busy_and_ends_where_its_credentials_do(
    database: Database, settings: Settings, store: Bucket
) -> None:
    for number in range(12):
        store.put(f"in/{number}.json", document([reading("0.1", meterpoint=f'"m{number}"', day=AFTER)]))
    refused: set[str] = set()

    def expired_after_some(asked: Asked) -> Refusal | None:
        return EXPIRED if asked.is_object and asked.path > f"/{store.name}/in/4" else None

    store.proxy.refuse = expired_after_some
    with pytest.raises(SourceUnavailableError, match=r"ExpiredToken.*renew them"):
        load(database, settings, store)
    assert outcomes(database) == [], "nothing is known of files that could not be read, and none is quarantined"

    def busy_at_first(asked: Asked) -> Refusal | None:
        if asked.path in refused:
            return None
        refused.add(asked.path)
        return SLOW_DOWN

    store.proxy.refuse = busy_at_first
    load(database, settings, store)
    assert len(refused) == 13
    assert len(values(database)) == 12
