"""Deliveries become files of bounded size and age, whole or not at all."""

import errno
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_platform.errors import PermanentError
from meter_platform.receive import journal
from meter_platform.receive.delivery import Delivery, from_document
from meter_platform.receive.landing import FullError, Landing, NotStoredError
from meter_platform_tests.embedded_postgres.servers import eventually

NEVER = 3600.0


def delivery(meterpoint: str, kwh: str = "0.5", *, start: str = "2021-01-04 00:30:00", extra: str = "") -> Delivery:
    columns = ["interval_start", "consumption_delta", "meterpoint_id", *(["extra"] if extra else [])]
    row = [start, float(kwh), meterpoint, *([extra] if extra else [])]
    return from_document(json.dumps({"columns": columns, "data": [row]}).encode())


def files(folder: Path) -> list[dict[str, Any]]:
    """What the files say that a scan finds, in their order."""
    return [json.loads(path.read_bytes()) for path in sorted(folder.rglob("[!.]*.json"))]


def hidden(folder: Path) -> list[Path]:
    return sorted(folder.rglob(".*.json"))


@pytest.fixture
def landing(tmp_path: Path) -> Iterator[Landing]:
    made = Landing(tmp_path, file_seconds=NEVER, waiting_bytes=1_000)
    yield made
    made.close()


def test_what_is_acknowledged_stands_in_one_file_by_sender_and_columns(tmp_path: Path, landing: Landing) -> None:
    for put in (
        landing.put("a", delivery("1")),
        landing.put("a", delivery("2")),
        landing.put("b", delivery("3")),
        landing.put("a", delivery("4", extra="x")),
    ):
        put.result(60)
    assert files(tmp_path) == []

    landing.close()

    found = {path.parent.parent.name: [] for path in tmp_path.rglob("[!.]*.json")}  # type: ignore[var-annotated]
    for path in sorted(tmp_path.rglob("[!.]*.json")):
        found[path.parent.parent.name].append([row[2] for row in json.loads(path.read_bytes())["data"]])
    assert found == {"a": [["1", "2"], ["4"]], "b": [["3"]]}
    assert not hidden(tmp_path)


def test_a_second_value_for_a_half_hour_stands_in_the_next_file(tmp_path: Path, landing: Landing) -> None:
    puts = [landing.put("a", delivery("1", kwh)) for kwh in ("0.1", "0.2", "0.3")]
    puts.append(landing.put("a", delivery("1", start="2021-01-04 01:00:00")))
    for put in puts:
        put.result(60)
    landing.close()

    assert [[row[1] for row in file["data"]] for file in files(tmp_path)] == [[0.1], [0.2], [0.3, 0.5]]


def test_a_file_ends_by_its_age_and_by_its_size(tmp_path: Path) -> None:
    young = Landing(tmp_path / "young", file_seconds=0.05)
    young.put("a", delivery("1")).result(60)
    eventually(lambda: len(files(tmp_path / "young")) == 1)
    small = Landing(tmp_path / "small", file_seconds=NEVER, file_bytes=1)
    for meterpoint in ("1", "2"):
        small.put("a", delivery(meterpoint)).result(60)
    eventually(lambda: len(files(tmp_path / "small")) == 2)
    young.close()
    small.close()


def test_beyond_what_may_wait_senders_are_told_to_come_again(
    tmp_path: Path, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = threading.Event()
    monkeypatch.setattr(os, "fsync", lambda _: disk.wait(60))
    puts = [landing.put("a", delivery("x" * 500))]
    puts.append(landing.put("a", delivery("y" * 400)))
    with pytest.raises(FullError):
        landing.put("a", delivery("z" * 400))
    waited = threading.Thread(target=lambda: puts.append(landing.put("a", delivery("w" * 400), wait=True)))
    waited.start()
    disk.set()
    waited.join(60)
    for put in puts:
        put.result(60)
    landing.close()

    assert sum(len(file["data"]) for file in files(tmp_path)) == 3


def test_what_the_disk_does_not_take_is_not_acknowledged_and_harms_nothing(
    tmp_path: Path, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.put("a", delivery("1")).result(60)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        with pytest.raises(NotStoredError, match="full"):
            landing.put("a", delivery("2")).result(60)
    landing.put("a", delivery("3")).result(60)
    landing.close()

    assert [[row[2] for row in file["data"]] for file in files(tmp_path)] == [["1", "3"]]


def test_a_file_that_could_not_be_ended_is_ended_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    landing = Landing(tmp_path, file_seconds=0.05)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(OSError(errno.EROFS, "read only")))
        landing.put("a", delivery("1")).result(60)
        time.sleep(0.3)
        assert not files(tmp_path)
    landing.put("a", delivery("2")).result(60)
    eventually(lambda: len(files(tmp_path)) == 2)
    landing.close()


def test_two_processes_do_not_share_a_folder(tmp_path: Path, landing: Landing) -> None:  # noqa: ARG001 - it holds it
    with pytest.raises(PermanentError, match="already"):
        Landing(tmp_path)


def test_what_cannot_be_read_is_a_file_of_its_own(tmp_path: Path, landing: Landing) -> None:
    landing.put_unread("a", b"no JSON").result(60)

    (found,) = tmp_path.rglob("[!.]*.json")
    assert found.read_bytes() == b"no JSON"


@given(st.data())
def test_wherever_a_file_was_cut_off_what_was_acknowledged_stays(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    written = journal.Journal(folder, "file", ["interval_start", "consumption_delta", "meterpoint_id"])
    ends = []
    for number in range(data.draw(st.integers(0, 4))):
        written.add([delivery(f"{number}-{part}") for part in range(data.draw(st.integers(1, 3)))])
        ends.append((written.size, number))
    size = written.hidden.stat().st_size
    cut = data.draw(st.integers(0, size))
    with written.hidden.open("r+b") as file:
        file.truncate(cut)
        file.seek(cut)
        # What a machine that fails may leave behind: room that was given and never filled, or bytes of another time.
        file.write(
            data.draw(st.sampled_from([b"", b"\0" * 40, b"\0\n\0\n", b"]}\n", b"\n", b",[\n", b'{"columns": [], ']))
        )

    for left in journal.unfinished(folder):
        journal.finish(left)

    acknowledged = {number for end, number in ends if end <= cut}
    found = {row[2].partition("-")[0] for document in files(folder) for row in document["data"]}
    assert {str(number) for number in acknowledged} <= found
    assert not hidden(folder)
    assert journal.unfinished(folder) == []
