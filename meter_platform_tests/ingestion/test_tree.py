"""Which folders a scan lists, on a file system that has no times of folders, and with little time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec
import pytest

from meter_platform.feeds.files import Beside, ListedFile, ReadingFolder
from meter_platform.ingestion import folders
from meter_platform.ingestion.erased import Erased
from meter_platform.ingestion.listed import ListedFiles
from meter_platform.ingestion.tree import Effort, Tree, Walk
from meter_platform.warehouse import partitions, sessions
from meter_platform.warehouse.database import Database

NOON = datetime(2021, 6, 1, 12, tzinfo=UTC)
NOBODY = Erased({}, None)


class CountedFolder(ReadingFolder):
    """A folder that says which of its folders were listed: one request each, where they are small."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        object.__setattr__(self, "listed", [])

    def files_in(self, path: str, beside: Beside) -> Iterator[ListedFile]:
        self.listed.append(path.removeprefix(self.root).strip("/"))  # type: ignore[attr-defined]
        yield from super().files_in(path, beside)

    def taken(self) -> list[str]:
        found = sorted(self.listed)  # type: ignore[attr-defined]
        self.listed.clear()  # type: ignore[attr-defined]
        return found


def look(
    database: Database, folder: ReadingFolder, now: datetime, effort: Effort | None = None, *, erased: Erased = NOBODY
) -> Tree:
    """A scan that reads no file, and takes all for known."""
    with sessions.begin(database) as ledger:
        listed = ListedFiles(ledger)
        tree = Walk(ledger, folder, listed, erased, effort or Effort(), started=now, night=NOON - timedelta(1)).tree()
        folders.save(ledger, tree.found, tree.gone, ())
        ledger.commit()
    return tree


@pytest.fixture
def store() -> Iterator[fsspec.AbstractFileSystem]:
    """An object store's like: nothing is known of its folders."""
    found = fsspec.filesystem("memory")
    for day in range(1, 31):
        found.pipe(f"/in/2021-05-{day:02}/a.json", b"{}")
    yield found
    found.rm("/in", recursive=True)


def test_of_an_object_store_the_first_folder_the_last_and_those_that_are_due_are_listed(
    database: Database, store: fsspec.AbstractFileSystem
) -> None:
    folder = CountedFolder("memory:///in")
    look(database, folder, NOON)
    assert len(folder.taken()) == 31
    look(database, folder, NOON + timedelta(days=1))
    assert len(folder.taken()) == 31, "a hundredth of a day has passed"

    look(database, folder, NOON + timedelta(days=1, minutes=1))
    assert folder.taken() == ["", "2021-05-30"]

    store.pipe("/in/2021-05-31/a.json", b"{}")
    store.pipe("/in/2021-05-30/b.json", b"{}")
    store.pipe("/in/2021-05-07/b.json", b"{}")
    tree = look(database, folder, NOON + timedelta(days=1, minutes=2))
    assert (folder.taken(), tree.file_count) == (["", "2021-05-30", "2021-05-31"], 32)
    tree = look(database, folder, NOON + timedelta(days=1, minutes=3), Effort(wanted=["memory:///in/2021-05-07"]))
    assert (folder.taken(), tree.file_count) == (["", "2021-05-07", "2021-05-30", "2021-05-31"], 33)


def test_a_folder_of_many_requests_is_not_listed_each_time(
    database: Database, store: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meter_platform.ingestion.tree._ONE_REQUEST", 1)
    store.pipe("/in/2021-05-30/b.json", b"{}")
    folder = CountedFolder("memory:///in")
    for passed in (timedelta(0), timedelta(days=1), timedelta(days=1, minutes=1)):
        folder.taken()
        look(database, folder, NOON + passed)
    assert folder.taken() == [""]


@pytest.mark.usefixtures("store")
def test_what_there_is_no_time_for_is_left_and_new_folders_come_first(database: Database) -> None:
    folder = CountedFolder("memory:///in")
    known = []
    for number in range(32):
        tree = look(database, folder, NOON + timedelta(seconds=number), Effort(most_seconds=0))
        known.append(tree.file_count)
        assert tree.is_whole == (number >= 30)
    assert known[:3] == [0, 1, 2]
    assert known[30] == 30, "each scan listed one that was new"
    assert len(folder.taken()) == 1 + 2 * 30 + 1
    assert tree.left == 30, "they have just changed"


def test_a_large_folder_is_listed_in_parts(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meter_platform.ingestion.tree._MOST_FILES", 3)
    for number in range(10):
        (tmp_path / f"{number}.json").touch()
    with sessions.begin(database) as ledger:
        listed = ListedFiles(ledger)
        Walk(ledger, ReadingFolder(str(tmp_path)), listed, NOBODY, Effort(), started=NOON, night=NOON).tree()
        names = ledger.fetch(partitions.sql.SQL("SELECT url FROM {} AS f ORDER BY 1").format(listed.relation))
    assert [name for (name,) in names] == [f"file://{tmp_path}/{number}.json" for number in range(10)]


def test_a_folder_whose_name_is_no_text_is_looked_into_each_time(database: Database, tmp_path: Path) -> None:
    (tmp_path / "caf\udce9").mkdir()
    (tmp_path / "caf\udce9" / "a.json").touch()
    for now in (NOON, NOON + timedelta(days=1), NOON + timedelta(days=1, minutes=1)):
        tree = look(database, ReadingFolder(str(tmp_path)), now)
        assert tree.file_count == 1
    with sessions.begin(database) as ledger:
        assert list(folders.load(ledger, f"file://{tmp_path}")) == [f"file://{tmp_path}"]
    (tmp_path / "caf\udce9" / "b.json").touch()
    assert look(database, ReadingFolder(str(tmp_path)), NOON + timedelta(days=1, minutes=2)).file_count == 2


def test_of_files_that_nobody_reads_no_erased_meterpoint_is_noted(database: Database, tmp_path: Path) -> None:
    class Theirs(Erased):
        def name(self, url: str) -> str:
            return url.replace("1200010001", "someone")

    for name in ("1200010001.csv", "1200010001/a.json", "other/a.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for now in (NOON, NOON + timedelta(days=1)):
        tree = look(database, ReadingFolder(str(tmp_path)), now, erased=Theirs({}, None))
        assert (tree.file_count, tree.unread.examples) == (2, ["someone.csv"])
        assert f"file://{tmp_path}/someone" in tree.compared
    with database.connect() as connection:
        noted = connection.execute("SELECT f::text FROM raw_data.scanned_folders AS f").fetchall()
    assert len(noted) == 2
    assert not [row for row in noted if "1200010001" in row[0]]
