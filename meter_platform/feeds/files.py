"""Lists, opens and puts the reading files below a folder or any fsspec URL.

What belongs here: which files there are, which of them nobody reads, and what the file system knows of each without
reading it. What does not: what is in a file (`formats/`), what is known of it already (`ingestion/catalogue.py`).
"""

import errno
import io
import os
import re
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Final

import fsspec
from fsspec.implementations.local import LocalFileSystem

from meter_platform.errors import MeterPlatformError, SettingsError, SourceUnavailableError
from meter_platform.feeds import object_store
from meter_platform.feeds.configured import NO_FEEDS, Feeds, Taken
from meter_platform.feeds.put import write_whole
from meter_platform.feeds.unread import UnreadFiles
from meter_platform.redaction import is_host, redact, redact_text, without_secrets
from meter_platform.settlement import EPOCH

_HIDDEN: Final = (".", "_")

_READ: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
"""Does not block: opening a pipe would otherwise wait until somebody writes into it."""

_PART_BYTES: Final = 8 << 20
"""Of a large object in a store, read in one request."""

_VARIABLE: Final = "METER_PLATFORM_READINGS_URL"

_LATEST: Final = (datetime(9999, 1, 1, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
"""In microseconds since 1970. File systems hold later times, which Python's calendar does not."""


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file as its file system lists it.

    Attributes:
        url: where it is; the key of its versions.
        path: the same, as its file system wants it.
        size: in bytes.
        modified_at: when its content was last written (UTC), as far as the file system knows: anyone may set it.
        changed_at: when anything of it changed (UTC), which nobody can set; `None` where the file system does not say.
        stamp: changes whenever the content does, without reading it: size, time and identity of the stored object.
    """

    url: str
    path: str
    size: int
    modified_at: datetime
    stamp: str
    changed_at: datetime | None = None

    def seconds_to_settle(self, now: datetime, age: float) -> float:
        """How many seconds the file may still be being written: until it is `age` seconds old.

        A modification time in the future says nothing. A local file's change time does; where that lies ahead, too, or
        is not known, the file counts as written: should it change after all, that is its next version.
        """
        for moment in (self.modified_at, self.changed_at):
            # What lies ahead by less than that age may be the clocks of two machines that disagree a little.
            if moment and (past := (now - moment).total_seconds()) > -age:
                return max(0.0, age - max(past, 0.0))
        return 0.0


@dataclass(slots=True)
class Beside:
    """What a folder holds besides its reading files.

    Attributes:
        folders: paths of the folders in it.
        unread: the files that nobody reads.
    """

    folders: list[str] = field(default_factory=list)
    unread: UnreadFiles = field(default_factory=UnreadFiles)


@dataclass(frozen=True, slots=True)
class Listing:
    """What is in a folder, and in all folders below it.

    Attributes:
        files: the reading files, in order of their URLs.
        unread: the others.
    """

    files: list[ListedFile]
    unread: UnreadFiles


@dataclass(frozen=True)
class ReadingFolder:
    """A tree of reading files: a local folder, or anything that fsspec reaches (`s3://`, `abfs://`, `memory://` …).

    Attributes:
        url: of its first folder.
        feeds: which of the files are read, and how.
    """

    url: str = field(repr=False)
    feeds: Feeds = NO_FEEDS

    def list(self) -> list[ListedFile]:
        """The files of `listing`."""
        return self.listing().files

    def listing(self) -> Listing:
        """Every file of every folder, see `files_in`.

        Raises:
            SourceUnavailableError: the folder is not there, or does not answer.
            SettingsError: nothing is installed that reads such URLs.
        """
        unread = UnreadFiles(by_feeds=self.feeds.named is not None)
        return Listing(sorted(self.walk(unread), key=lambda file: file.url), unread)

    def walk(self, unread: UnreadFiles | None = None) -> Iterator[ListedFile]:
        """The same one by one, in no order: of a million files none is held in memory.

        Args:
            unread: gets the files that no format recognises.
        """
        unread = UnreadFiles() if unread is None else unread
        folders = [self.root]
        while folders:
            beside = Beside(unread=unread)
            try:
                yield from self.files_in(folders.pop(), beside)
            except FileNotFoundError:
                continue  # removed or renamed since the folder that it was in was listed
            folders += beside.folders

    @property
    def root(self) -> str:
        """The path of the tree's first folder.

        Raises:
            SettingsError: nothing is installed that reads such URLs.
        """
        root = self._filesystem[1]
        return root.rstrip("/") or root

    @property
    def requests(self) -> int:
        """How many requests at a time the file system is asked: one of a local one, which is not faster for more."""
        return 1 if _is_local(self._filesystem[0]) else object_store.REQUESTS

    def url_of(self, path: str) -> str:
        """The URL of a folder: what stands before the last slash in the URLs of its files."""
        filesystem, _ = self._filesystem
        file = f"{path.rstrip('/')}/x"
        url = _local_url(file) if _is_local(filesystem) else without_secrets(filesystem.unstrip_protocol(file))
        return url.rpartition("/")[0]

    def url_named(self, name: str) -> str:
        """The URL of a folder as a person names it: by its path below the tree's first folder, its whole path, or its URL."""
        if "://" in name:
            return name.rstrip("/")
        if name.startswith("/"):
            return self.url_of(name)
        return f"{self.url_of(self.root)}/{name.strip('/')}"

    def stamp_of(self, path: str) -> str | None:
        """What changes whenever a file is put into a folder or taken out; `None` where the file system has no such thing.

        It says nothing of files that are written in place, nor of folders in the folder.

        Args:
            path: of the folder.

        Raises:
            SourceUnavailableError: it cannot be looked at, or is the tree's first folder and not there.
            FileNotFoundError: it is another one, and not there.
        """
        with self._answers(path):
            filesystem, _ = self._filesystem
            if not _is_local(filesystem):
                return None
            found = os.stat(path)  # noqa: PTH116 - paths are text here
            # Whoever copies a tree may set a folder's modification time; its change time nobody can. Other feeds may take
            # other files of it.
            of_feeds = f"-{self.feeds.digest}" if self.feeds.digest else ""
            return f"{found.st_mtime_ns}-{found.st_ctime_ns}-{found.st_dev}-{found.st_ino}{of_feeds}"

    def files_in(self, path: str, beside: Beside) -> Iterator[ListedFile]:
        """The reading files in one folder, without those of the folders in it: those that a feed takes.

        Hidden ones and those of unfinished uploads, whose names begin with a dot or an underscore, are left out.

        Args:
            path: of the folder.
            beside: gets what else is in it.

        Raises:
            SourceUnavailableError: it cannot be listed, or is the tree's first folder and not there.
            SourceRefusedError: there is no such bucket, or the store refuses the credentials.
            FileNotFoundError: it is another one, and not there.
        """
        with self._answers(path):
            filesystem, _ = self._filesystem
            beside.unread.by_feeds = self.feeds.named is not None
            below = self.below(f"{path.rstrip('/')}/x")[:-1]
            if _is_local(filesystem):
                yield from _local_files(path, self.root, beside, lambda name: self._is_taken(below + name))
            else:
                yield from _remote_files(filesystem, path, beside, lambda name: self._is_taken(below + name))

    def below(self, path: str) -> str:
        """A path without the folders that the tree is in."""
        return path.removeprefix(self.root).lstrip("/")

    def taking(self, file: ListedFile) -> Taken | None:
        """The feed of a file, and its format; `None` where no feed takes it."""
        return self.feeds.taking(self.below(file.path))

    def local_file(self, path: str) -> ListedFile | None:
        """A local file of the tree as it would be listed; `None` where it is not below the tree's first folder."""
        filesystem, _ = self._filesystem
        whole = os.path.abspath(path)  # noqa: PTH100 - paths are text here
        return _local(whole) if _is_local(filesystem) and whole.startswith(f"{self.root}/") else None

    def _is_taken(self, path: str) -> bool:
        return self.feeds.taking(path) is not None

    @contextmanager
    def _answers(self, path: str) -> Iterator[None]:
        """Tells errors of a file system in words of the platform's."""
        try:
            yield
        except SettingsError:
            raise
        except Exception as error:
            if refused := self._refusal(error):
                raise refused from None
            if isinstance(error, FileNotFoundError | NotADirectoryError) and path != self.root:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)) from None
            # Python refuses a path with a NUL before any file system is asked; whatever else is not the system's is ours.
            if not isinstance(error, OSError) and _is_path(self.url) and "\0" not in self.url:
                raise
            raise self._unavailable(error) from None

    def _unavailable(self, error: Exception) -> SourceUnavailableError:
        if isinstance(error, FileNotFoundError) and not _is_path(self.url) and not self.url.startswith("file:"):
            # A store has no folders: one in which nothing lies is not there.
            return SourceUnavailableError(
                f"The folder of reading files {self.shown} cannot be listed (nothing lies there): check {_VARIABLE}, or "
                "deliver the first file."
            )
        # Each file system has errors of its own, and they may quote the URL.
        return SourceUnavailableError(
            f"The folder of reading files {self.shown} cannot be listed ({_why(error)}): "
            f"check {_VARIABLE} and the folder's permissions."
        )

    @contextmanager
    def _store_answers(self) -> Iterator[None]:
        """Tells what a store as a whole refuses, in words of the platform's; other errors are those of a file."""
        try:
            yield
        except Exception as error:
            if refused := self._refusal(error):
                raise refused from None
            raise

    def _refusal(self, error: Exception) -> MeterPlatformError | None:
        refused = object_store.refusal(error, f"The folder of reading files {self.shown}", variable=_VARIABLE)
        if refused:
            # The file system keeps the credentials and settings that it has found once; another finds those of now.
            type(self._filesystem[0]).clear_instance_cache()
            self.__dict__.pop("_filesystem", None)
        return refused

    def open(self, file: ListedFile, fetched: Future[bytes] | None = None) -> AbstractContextManager[IO[bytes]]:
        """Opens a listed file for reading.

        Args:
            file: as it was listed.
            fetched: its content, of `fetch`, where somebody has asked for it ahead.

        Raises:
            OSError: it cannot be read; also while it is.
            SourceUnavailableError: the store does not answer any more; also while the file is read.
            SourceRefusedError: the store refuses to be read.
        """
        filesystem, _ = self._filesystem
        return _open_local(file.path) if _is_local(filesystem) else self._open_object(filesystem, file, fetched)

    @contextmanager
    def _open_object(self, filesystem: Any, file: ListedFile, fetched: Future[bytes] | None) -> Iterator[IO[bytes]]:  # noqa: ANN401 - fsspec is not typed
        with self._store_answers():
            if fetched:
                yield io.BytesIO(fetched.result())
                return
            with filesystem.open(file.path, "rb", block_size=_PART_BYTES, cache_type="readahead") as opened:
                yield opened

    def fetch(self, file: ListedFile) -> bytes:
        """The content of a small object, by one request. Its errors are the file system's: `open` tells them."""
        content: bytes = self._filesystem[0].cat_file(file.path)
        return content

    def put(self, path: str, content: bytes) -> None:
        """Puts a file into the tree, so that a scan finds all of it or nothing.

        Args:
            path: below the tree's first folder; there is no such file yet.
            content: of the file.

        Raises:
            SourceUnavailableError: the disk or the store does not take it.
            SourceRefusedError: the store refuses to be written to.
        """
        whole = f"{self.root}/{path}"
        try:
            with self._store_answers():
                filesystem, _ = self._filesystem
                if _is_local(filesystem):
                    write_whole(Path(whole).parent, Path(whole).name, content)
                else:
                    filesystem.pipe_file(whole, content)
        except OSError as error:
            raise SourceUnavailableError(
                f"The folder of reading files {self.shown} does not take a file ({_why(error)}): check {_VARIABLE}, "
                "the folder's permissions and the room on its disk."
            ) from error

    def as_it_is_now(self, file: ListedFile) -> ListedFile | None:
        """The file as it is now; `None` where it has gone."""
        filesystem, _ = self._filesystem
        try:
            if _is_local(filesystem):
                return _local(file.path)
            with self._store_answers():
                filesystem.invalidate_cache()
                return _remote(filesystem, file.path, filesystem.info(file.path))
        except FileNotFoundError:
            return None

    @property
    def shown(self) -> str:
        """The URL without anything secret, for messages."""
        return redact(self.url)

    @cached_property
    def _filesystem(self) -> tuple[Any, str]:
        if _is_ambiguous(self.url):
            raise SettingsError(
                "METER_PLATFORM_READINGS_URL is written wrongly, or can be read in two ways: in user and password write "
                "every @ as %40, : as %3A, / as %2F, ? as %3F and # as %23 (the URL is not shown, for it may hold a "
                "password)."
            )
        try:
            filesystem, root = fsspec.url_to_fs(self.url, **object_store.options(self.url))
        except (ImportError, ValueError) as error:
            raise SettingsError(
                f"METER_PLATFORM_READINGS_URL={self.shown} cannot be used: {redact_text(str(error), self.url)}. "
                "For s3:// install meter-platform[s3]; for others the fsspec package (gcsfs, adlfs …)."
            ) from None
        except Exception as error:  # noqa: BLE001 - it may connect at once
            raise self._unavailable(error) from None
        return filesystem, root


def _is_ambiguous(url: str) -> bool:
    """Whether what a program takes for the host, or the path, may be the end of a password."""
    _, separator, rest = url.partition("://")
    if not separator or "::" in url:
        return False  # a path, or one URL inside another
    server, slash, path = re.split("([/?])", f"{rest}/", maxsplit=1)
    credentials, _, hosts = server.rpartition("@")
    begun = ":" in server and not server.rpartition(":")[2].isdecimal() and "@" in slash + path
    return "@" in credentials or not is_host(hosts) or (not credentials and begun)


def _is_path(url: str) -> bool:
    return "://" not in url and "@" not in url.partition("/")[0]


def _is_local(filesystem: object) -> bool:
    return isinstance(filesystem, LocalFileSystem)


def _why(error: Exception) -> str:
    """What the system says of a file; other texts may quote a URL."""
    return getattr(error, "strerror", None) or type(error).__name__


def _local_files(folder: str, root: str, beside: Beside, is_taken: Callable[[str], bool]) -> Iterator[ListedFile]:
    """In a local folder. `os.scandir` lists 50,000 files in a third of a second, fsspec's own way in several."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(_HIDDEN):
                continue
            if _is_folder(entry):
                if not (entry.is_symlink() and _leads_back(entry.path, root)):
                    beside.folders.append(entry.path)
            elif is_taken(entry.name):
                try:
                    yield _local(entry.path)
                except FileNotFoundError:
                    continue  # removed or renamed since the folder was listed: the next scan sees it
            else:
                beside.unread.add(entry.name)


def _leads_back(link: str, root: str) -> bool:
    """Whether a link leads to a folder that it is in."""
    target, folder = os.stat(link), link  # noqa: PTH116 - paths are text here
    while folder not in {root, os.sep}:
        folder = os.path.dirname(folder)  # noqa: PTH120 - as above
        if os.path.samestat(target, os.stat(folder)):  # noqa: PTH116 - as above
            return True
    return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link that leads nowhere


def _local(path: str) -> ListedFile:
    try:
        found = os.stat(path)  # noqa: PTH116 - paths are text here
    except OSError:
        found = os.lstat(path)  # a link that leads nowhere is a file that cannot be read
    # The change time cannot be set from outside: it tells of a file that was rewritten with its old modification time.
    stamp = f"{found.st_size}-{found.st_mtime_ns}-{found.st_ctime_ns}-{found.st_ino}"
    modified_at, changed_at = _moment(found.st_mtime_ns), _moment(found.st_ctime_ns)
    return ListedFile(_local_url(path), path, found.st_size, modified_at, stamp, changed_at)


def _local_url(path: str) -> str:
    # A name that is not UTF-8 has no text of its own.
    shown = path if path.isascii() else path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return f"file://{shown}"


def _moment(nanoseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=min(max(nanoseconds // 1000, 0), _LATEST))


def _open_local(path: str) -> IO[bytes]:
    """Takes a third of the time that fsspec does, which small files notice; they are read in one go, too."""
    descriptor = os.open(path, _READ)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return io.FileIO(descriptor)
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is a pipe or a device")


def _remote_files(
    filesystem: Any,  # noqa: ANN401 - fsspec is not typed
    folder: str,
    beside: Beside,
    is_taken: Callable[[str], bool],
) -> Iterator[ListedFile]:
    filesystem.invalidate_cache()
    for info in filesystem.ls(folder, detail=True):
        path = info["name"].rstrip("/")
        name = path.rpartition("/")[2]
        # An object store may list a folder's own name as an empty object in it.
        if name.startswith(_HIDDEN) or path == folder.rstrip("/"):
            continue
        if info.get("type") == "directory":
            beside.folders.append(path)
        elif is_taken(name):
            yield _remote(filesystem, path, info)
        else:
            beside.unread.add(name)


def _remote(filesystem: Any, path: str, info: dict[str, Any]) -> ListedFile:  # noqa: ANN401 - fsspec is not typed
    size = int(info.get("size") or 0)
    modified = info.get("LastModified") or info.get("last_modified") or info.get("mtime") or info.get("created")
    if isinstance(modified, int | float):
        modified = datetime.fromtimestamp(modified, UTC)
    if isinstance(modified, str):
        modified = datetime.fromisoformat(modified)
    if not isinstance(modified, datetime):
        modified = datetime.fromtimestamp(0, UTC)
    modified = modified.replace(tzinfo=modified.tzinfo or UTC)
    identity = info.get("ETag") or info.get("etag") or info.get("content_md5") or modified.isoformat()
    return ListedFile(without_secrets(filesystem.unstrip_protocol(path)), path, size, modified, f"{size}-{identity}")
