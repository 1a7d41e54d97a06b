"""Folders as people leave them: which files are listed, under which URL and time, and which can be opened."""

import os
import shutil
import socket
import threading
from datetime import UTC, datetime
from pathlib import Path

import fsspec
import pytest

from meter_platform.errors import SettingsError, SourceUnavailableError
from meter_platform.feeds.files import ListedFile, ReadingFolder
from meter_platform.feeds.unread import UnreadFiles
from meter_platform.redaction import redact


def listed(folder: Path) -> dict[str, ListedFile]:
    """The files that are listed, by path below the folder."""
    return {os.path.relpath(file.path, folder): file for file in ReadingFolder(str(folder)).list()}


def test_json_files_of_every_level_are_listed_in_order_of_their_urls(tmp_path: Path) -> None:
    for name in ("b.json", "a.json", "2021/01/x.json", "notes.txt", "c.json.part", "JSON", "d.JSON"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    assert list(listed(tmp_path)) == ["2021/01/x.json", "a.json", "b.json"]
    urls = [file.url for file in listed(tmp_path).values()]
    assert urls == [f"file://{tmp_path}/{name}" for name in ("2021/01/x.json", "a.json", "b.json")]


def test_hidden_and_unfinished_files_and_folders_are_left_out(tmp_path: Path) -> None:
    for name in (".a.json", "_a.json", ".tmp/a.json", "_SUCCESS/a.json", "kept/a.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    assert list(listed(tmp_path)) == ["kept/a.json"]


def test_other_files_are_counted_by_ending_and_the_first_are_named(tmp_path: Path) -> None:
    for name in (
        "b.csv",
        "2021/a.csv",
        "day.JSON",
        "a.json.gz",
        "z.json.part",
        "README",
        "x.1030061234567",
        "é\x1b[1m.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for name in ("ok.json", ".hidden.csv", "_SUCCESS"):
        (tmp_path / name).touch()
    (tmp_path / "nowhere.csv").symlink_to(tmp_path / "gone")
    listing = ReadingFolder(str(tmp_path)).listing()

    assert [file.url.rpartition("/")[2] for file in listing.files] == ["ok.json"]
    assert listing.unread.endings == {
        ".csv": 3, ".JSON": 1, ".json.gz": 1, ".json.part": 1, "other": 2, ".txt": 1
    }  # fmt: skip
    assert listing.unread.count == 9
    assert listing.unread.named == (
        "9 files lie there that are not read (README, a.csv, a.json.gz, …): names end in .json"
    )
    assert listing.unread.counted.startswith("9 files lie there that are not read (3 x .csv, 2 x other, 1 x ")
    assert listing.unread.counted.endswith(", …): names end in .json")
    assert "1030061234567" not in listing.unread.counted


def test_names_that_are_shown_are_few_short_and_printable() -> None:
    unread = UnreadFiles()
    for number in range(1000, 0, -1):
        unread.add(f"{number:04}\n\x1b{'x' * 300}.csv")
    assert len(unread.named) < 400
    assert unread.named.isprintable()
    assert unread.named.startswith("1,000 files lie there that are not read (0001??xxx")


def test_one_file_is_told_as_one() -> None:
    unread = UnreadFiles()
    unread.add("a.csv")
    assert unread.named == "1 file lies there that is not read (a.csv): names end in .json"
    assert unread.counted == "1 file lies there that is not read (1 x .csv): names end in .json"


def test_a_folder_that_hides_in_its_own_path_is_still_read(tmp_path: Path) -> None:
    folder = tmp_path / ".platform" / "_in"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text("{}")
    assert list(listed(folder)) == ["a.json"]


def test_a_file_is_known_by_size_and_time(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"x" * 123)
    os.utime(path, ns=(0, 1_635_000_000_123_456_789))
    file = listed(tmp_path)["a.json"]
    assert file.size == 123
    assert file.modified_at == datetime(2021, 10, 23, 14, 40, 0, 123456, tzinfo=UTC)


def test_the_stamp_changes_with_the_content_even_under_the_old_modification_time(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("one")
    os.utime(path, (1_600_000_000, 1_600_000_000))
    before = listed(tmp_path)["a.json"]
    assert listed(tmp_path)["a.json"] == before
    # The clock of some file systems ticks every few milliseconds.
    while listed(tmp_path)["a.json"].stamp == before.stamp:
        path.write_text("two")
        os.utime(path, (1_600_000_000, 1_600_000_000))
    after = listed(tmp_path)["a.json"]
    assert (after.size, after.modified_at) == (before.size, before.modified_at)


def test_times_that_no_calendar_has_are_the_nearest_that_it_has(tmp_path: Path) -> None:
    for name, seconds in (("past.json", -10_000_000_000), ("future.json", 400_000_000_000)):
        (tmp_path / name).write_text("{}")
        os.utime(tmp_path / name, (seconds, seconds))
    files = listed(tmp_path)
    assert files["past.json"].modified_at == datetime(1970, 1, 1, tzinfo=UTC)
    assert datetime(2400, 1, 1, tzinfo=UTC) < files["future.json"].modified_at <= datetime(9999, 1, 1, tzinfo=UTC)


def test_a_name_that_is_not_utf8_is_listed_under_a_readable_url_and_opened(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.json"
    with open(path, "wb") as file:  # noqa: PTH123 - bytes
        file.write(b"{}")
    folder = ReadingFolder(str(tmp_path))
    (found,) = folder.list()
    assert found.url == f"file://{tmp_path}/caf\\xe9.json"
    with folder.open(found) as stream:
        assert stream.read() == b"{}"


def test_links_to_files_and_folders_are_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.json").write_text("{}")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "one.json").symlink_to(elsewhere / "a.json")
    (folder / "more").symlink_to(elsewhere)
    assert list(listed(folder)) == ["more/a.json", "one.json"]


def test_a_folder_that_links_to_itself_is_listed_once(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.json").write_text("{}")
    (tmp_path / "in" / "again").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(".")
    assert list(listed(tmp_path)) == ["in/a.json"]


def test_a_folder_named_like_a_file_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "x.json").mkdir()
    (tmp_path / "x.json" / "a.json").write_text("{}")
    assert list(listed(tmp_path)) == ["x.json/a.json"]


@pytest.mark.parametrize("target", ["nowhere", "dangling.json"])
def test_a_link_that_leads_nowhere_is_a_file_that_cannot_be_opened(tmp_path: Path, target: str) -> None:
    (tmp_path / "dangling.json").symlink_to(tmp_path / target)
    folder = ReadingFolder(str(tmp_path))
    (found,) = folder.list()
    assert folder.as_it_is_now(found) == found
    with pytest.raises(OSError, match=r"No such file|Too many levels"):
        folder.open(found)


def test_a_pipe_keeps_no_one_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    folder = ReadingFolder(str(tmp_path))
    for file in folder.list():
        with pytest.raises(OSError, match="a pipe or a device"):
            folder.open(file)


def test_a_socket_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.json")
        folder = ReadingFolder(str(tmp_path))
        (found,) = folder.list()
        with pytest.raises(OSError, match="No such device"):
            folder.open(found)


def test_files_may_vanish_while_they_are_listed(tmp_path: Path) -> None:
    folder = ReadingFolder(str(tmp_path))
    stop = threading.Event()

    def come_and_go() -> None:
        while not stop.is_set():
            for number in range(50):
                (tmp_path / f"{number}.json").touch()
            for number in range(50):
                (tmp_path / f"{number}.json").unlink()

    (tmp_path / "kept.json").write_text("{}")
    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        for _ in range(100):
            assert f"file://{tmp_path}/kept.json" in {file.url for file in folder.list()}
    finally:
        stop.set()
        thread.join()


def test_a_file_is_looked_at_again(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("{}")
    folder = ReadingFolder(str(tmp_path))
    (found,) = folder.list()
    assert folder.as_it_is_now(found) == found
    path.write_text("{ }")
    again = folder.as_it_is_now(found)
    assert again is not None
    assert again.size == 3
    assert again.stamp != found.stamp
    path.unlink()
    assert folder.as_it_is_now(found) is None


@pytest.mark.parametrize("kind", ["absent", "a file"])
def test_a_folder_that_is_not_there_is_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "readings"
    if kind == "a file":
        path.write_text("")
    with pytest.raises(SourceUnavailableError, match=f"{path}.* cannot be listed .*METER_PLATFORM_READINGS_URL"):
        ReadingFolder(str(path)).list()


def test_an_absent_folder_of_another_file_system_is_named() -> None:
    with pytest.raises(SourceUnavailableError, match="memory:///nowhere"):
        ReadingFolder("memory:///nowhere").list()


@pytest.mark.parametrize("url", ["nothing://bucket/readings?key=secret", "nothing://user:secret@bucket:1/readings"])
def test_a_url_that_nothing_reads_is_a_matter_of_settings_and_shows_no_secret(url: str) -> None:
    with pytest.raises(SettingsError, match="METER_PLATFORM_READINGS_URL") as caught:
        ReadingFolder(url).list()
    assert "secret" not in str(caught.value)
    assert redact(url) in str(caught.value)
    assert "bucket" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "refused"),
    [
        ("nothing://bucket/someone@example.org/readings", False),
        ("nothing://host:21/a@b", False),
        ("nothing://container@account.example.org/x", False),
        ("simplecache::nothing://me:pass@host/x", False),
        ("nothing://me:x%40y@host/x?a@b", False),
        ("nothing://me:x/y@host/x", True),
        ("nothing://me:x?y@host/x", True),
        ("nothing://me:x@y@host/x", True),
        ("nothing://me:x@ho st/x", True),
    ],
)
def test_a_url_that_can_be_read_in_two_ways_is_refused_and_no_other(url: str, *, refused: bool) -> None:
    message = "is written wrongly, or can be read in two ways" if refused else "cannot be used: Protocol not known"
    with pytest.raises(SettingsError, match=message):
        ReadingFolder(url).list()


def test_another_file_system_is_read_in_the_same_way() -> None:
    memory = fsspec.filesystem("memory")
    memory.makedirs("/readings/late")
    try:
        for name in ("a.json", "late/b.json", ".hidden.json", "_tmp/c.json", "d.csv"):
            memory.pipe(f"/readings/{name}", b'{"x": 1}')
        folder = ReadingFolder("memory:///readings")
        files = folder.list()
        assert [file.url for file in files] == ["memory:///readings/a.json", "memory:///readings/late/b.json"]
        assert {file.size for file in files} == {8}
        assert folder.listing().unread.endings == {".csv": 1}
        now = datetime.now(UTC)
        assert all(abs((now - file.modified_at).total_seconds()) < 3600 for file in files)
        with folder.open(files[0]) as stream:
            assert stream.read() == b'{"x": 1}'
        before = files[0]
        memory.pipe("/readings/a.json", b'{"x": 2}')
        after = folder.as_it_is_now(before)
        assert after is not None
        assert after.stamp != before.stamp
        memory.rm("/readings/a.json")
        assert folder.as_it_is_now(before) is None
    finally:
        memory.rm("/readings", recursive=True)


def test_a_local_folder_may_be_given_as_a_url(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    shutil.copy(tmp_path / "a.json", tmp_path / "b c.json")
    assert [file.url for file in ReadingFolder(f"file://{tmp_path}").list()] == [
        f"file://{tmp_path}/a.json",
        f"file://{tmp_path}/b c.json",
    ]
