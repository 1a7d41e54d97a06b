"""Reading files in an object store: a real one, and a proxy before it that refuses as stores do."""

import ssl
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import trustme

from meter_platform.errors import MeterPlatformError, PermanentError, SourceRefusedError, SourceUnavailableError
from meter_platform.feeds import object_store
from meter_platform.feeds.chunks import FileToRead
from meter_platform.feeds.files import ReadingFolder
from meter_platform.feeds.reading import FileAccount, read
from meter_platform_tests.object_store.bucket import Bucket, bucket
from meter_platform_tests.object_store.proxy import DENIED, EXPIRED, SLOW_DOWN, Asked, Refusal, proxied

DOCUMENT = b'{"columns": ["meterpoint_id", "interval_start", "consumption_delta"], "data": [%s]}'
ROW = b'["m%d", "2021-01-04 %02d:00:00", 0.1]'


@pytest.fixture
def store(store_port: int, request: pytest.FixtureRequest) -> Iterator[Bucket]:
    with bucket(store_port, f"feeds-{abs(hash(request.node.name)):x}") as found:
        yield found


def folder_of(store: Bucket) -> ReadingFolder:
    return ReadingFolder(f"s3://{store.name}/in")


def rows(count: int, meterpoint: int = 1) -> bytes:
    return DOCUMENT % b",".join(ROW % (meterpoint, number % 24) for number in range(count))


def accounts(folder: ReadingFolder) -> list[FileAccount]:
    """What reading all files through tells of each, in their order."""
    to_read = (FileToRead(file, number, date(2021, 1, 8)) for number, file in enumerate(folder.list(), start=1))
    batches = read(
        folder,
        to_read,
        zone=ZoneInfo("Europe/London"),
        first_date=date(2021, 1, 1),
        last_date=date(2021, 1, 8),
        label_at_end=False,
        wait_for_growing=False,
    )
    return [account for batch in batches for account in batch.accounts]


def test_a_version_is_known_by_its_etag(store: Bucket) -> None:
    store.put("in/2021-01-04/a.json", b'{"x": 1}')
    folder = folder_of(store)
    (first,) = folder.list()
    assert (first.url, first.size) == (f"s3://{store.name}/in/2021-01-04/a.json", 8)
    store.put("in/2021-01-04/a.json", b'{"x": 1}')
    assert folder.list()[0].stamp == first.stamp, "the same content is the same version"
    store.put("in/2021-01-04/a.json", b'{"x": 2}')
    (second,) = folder.list()
    assert second.stamp != first.stamp
    assert folder.as_it_is_now(first) == second
    store.delete("in/2021-01-04/a.json")
    assert folder.as_it_is_now(first) is None


def test_a_file_is_put_and_a_store_that_does_not_take_it_is_told(store: Bucket) -> None:
    folder = folder_of(store)
    folder.put("octopus/1/a.json", rows(3))
    assert [account.rows_in_file for account in accounts(folder)] == [3]
    store.proxy.refuse = lambda _: DENIED
    with pytest.raises(SourceRefusedError):
        folder.put("octopus/1/b.json", rows(3))


def test_a_folder_in_which_nothing_lies_is_named(store: Bucket) -> None:
    with pytest.raises(SourceUnavailableError, match=rf"s3://{store.name}/in .*nothing lies there.*deliver the first"):
        folder_of(store).list()


def test_a_bucket_that_is_not_there_is_named(store: Bucket) -> None:
    with pytest.raises(
        SourceRefusedError, match=r"s3://no-such-bucket/in cannot be read \(NoSuchBucket\): .*create it"
    ):
        ReadingFolder("s3://no-such-bucket/in").list()
    assert store.proxy.asked


@pytest.mark.parametrize(
    ("refusal", "kind", "words"),
    [
        (DENIED, SourceRefusedError, "grant them s3:ListBucket and s3:GetObject"),
        (Refusal(403, "InvalidAccessKeyId"), SourceRefusedError, "does not accept the credentials"),
        (Refusal(403, "SignatureDoesNotMatch"), SourceRefusedError, "does not accept the credentials"),
        (Refusal(403, "RequestTimeTooSkewed"), SourceRefusedError, "clock is wrong"),
        (EXPIRED, SourceUnavailableError, "have expired"),
    ],
)
def test_what_a_store_refuses_is_told_with_what_to_do(
    store: Bucket, refusal: Refusal, kind: type[MeterPlatformError], words: str
) -> None:
    store.put("in/a.json", rows(1))
    folder = folder_of(store)
    told = rf"s3://{store.name}/in cannot be read \({refusal.code}\): .*{words}"
    store.proxy.refuse = lambda _: refusal
    with pytest.raises(kind, match=told) as caught:
        folder.list()
    assert "hunter2" not in str(caught.value)
    store.proxy.refuse = lambda asked: None if asked.is_list else refusal
    with pytest.raises(kind, match=told):
        accounts(folder)


def test_without_credentials_it_is_said_how_to_give_some(store: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    with pytest.raises(SourceRefusedError, match="there are no credentials, or only a part of them"):
        folder_of(store).list()


@pytest.mark.whole
def test_a_store_that_is_asked_too_often_is_waited_for(store: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        store.put(f"in/{number}.json", rows(2))
    refused: dict[str, int] = {}

    def slow_at_first(asked: Asked) -> Refusal | None:
        refused[asked.path] = refused.get(asked.path, 0) + 1
        return SLOW_DOWN if refused[asked.path] <= 2 else None

    store.proxy.refuse = slow_at_first
    assert [account.rows_in_file for account in accounts(folder_of(store))] == [2] * 6

    # One that goes on with it is given up.
    monkeypatch.setattr(object_store, "_TRIES", 1)
    store.proxy.refuse = lambda _: SLOW_DOWN
    with pytest.raises(SourceUnavailableError, match=r"SlowDown.*asked too often"):
        folder_of(store).list()


def test_small_objects_are_read_at_the_same_time_and_asked_for_once(store: Bucket) -> None:
    for number in range(120):
        store.put(f"in/{number}.json", rows(1, number))
    together = threading.Event()

    def until_eight_are_there(asked: Asked) -> None:
        if store.proxy.now >= 8:
            together.set()
        if asked.is_object:
            assert together.wait(10)

    store.proxy.refuse = until_eight_are_there
    assert [account.rows_in_file for account in accounts(folder_of(store))] == [1] * 120
    assert store.proxy.asked == {"GET": 1 + 120}
    assert 8 <= store.proxy.most_at_once <= object_store.REQUESTS


def test_a_large_object_is_read_in_parts_and_never_as_a_mixture(store: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = rows(60_000)
    store.put("in/a.json", whole)
    monkeypatch.setattr("meter_platform.feeds.files._PART_BYTES", 1 << 19)
    (account,) = accounts(folder_of(store))
    assert account.rows_in_file == 60_000
    parts = 0

    def replace_meanwhile(asked: Asked) -> None:
        nonlocal parts
        parts += asked.is_object
        if parts == 3:
            parts += 1
            store.put("in/a.json", whole.replace(b"0.1", b"0.2"))

    store.proxy.refuse = replace_meanwhile
    (account,) = accounts(folder_of(store))
    assert parts > 3
    assert account.still_growing
    store.proxy.refuse = lambda _: None
    (account,) = accounts(folder_of(store))
    assert (account.rows_in_file, account.still_growing) == (60_000, False)


def test_half_of_an_object_is_still_being_written_until_it_is_old(store: Bucket) -> None:
    store.put("in/a.json", rows(2)[:-30])
    (account,) = accounts(folder_of(store))
    assert account.malformed
    assert account.still_growing
    store.put("in/a.json", rows(2))
    (account,) = accounts(folder_of(store))
    assert (account.rows_in_file, account.malformed) == (2, None)


def test_credentials_that_expire_while_files_are_read_quarantine_nothing_and_new_ones_are_found(
    store: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    profile = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(profile))
    profile.write_text("[default]\naws_access_key_id = old\naws_secret_access_key = hunter2\n")
    for number in range(60):
        store.put(f"in/{number}.json", rows(1, number))
    read_with_old = 0

    def only_some_with_old(asked: Asked) -> Refusal | None:
        nonlocal read_with_old
        read_with_old += asked.is_object and asked.key_id == "old"
        return EXPIRED if asked.key_id == "old" and read_with_old > 10 else None

    store.proxy.refuse = only_some_with_old
    folder = folder_of(store)
    with pytest.raises(SourceUnavailableError, match=r"ExpiredToken.*renew them"):
        accounts(folder)
    profile.write_text("[default]\naws_access_key_id = renewed\naws_secret_access_key = hunter2\n")
    assert [account.rows_in_file for account in accounts(folder)] == [1] * 60


@pytest.mark.whole
def test_a_certificate_is_trusted_by_the_usual_variable(
    store: Bucket, store_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_store, "_TRIES", 1)
    store.put("in/a.json", rows(3))
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with proxied(store_port, context) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        folder = folder_of(store)
        with pytest.raises(PermanentError, match=r"SSLError.*set AWS_CA_BUNDLE"):
            folder.list()
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        assert [account.rows_in_file for account in accounts(folder_of(store))] == [3]
