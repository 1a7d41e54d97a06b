"""Lists and opens the reading files below a folder or any fsspec URL.

What belongs here: which files there are, which of them nobody reads, and what the file system knows of each without
reading it. What does not: what is in a file (`formats/`), what is known of it already (`ingestion/catalogue.py`).
"""

import errno
import io
import os
import re
import stat
from bisect import insort
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import IO, Any, Final

import fsspec
from fsspec.implementations.local import LocalFileSystem

from meter_platform.errors import SettingsError, SourceUnavailableError
from meter_platform.feeds import formats
from meter_platform.redaction import is_host, redact, redact_text, without_secrets
from meter_platform.settlement import EPOCH

_HIDDEN: Final = (".", "_")

_READ: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
"""Does not block: opening a pipe would otherwise wait until somebody writes into it."""

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


_EXAMPLES: Final = 3
_LONGEST_EXAMPLE: Final = 80
_ENDING: Final = re.compile(r"(\.json)?\.[A-Za-z][A-Za-z0-9]{0,7}$", re.IGNORECASE)
"""The ending of a name that may be told to anyone. One of digits may be the id of a meterpoint."""
_OTHER: Final = "other"
_MOST_ENDINGS: Final = 5


@dataclass(slots=True)
class UnreadFiles:
    """Files that lie beside the reading files and are not read, for their names do not end as those do.

    Attributes:
        endings: how many there are with each ending, but for hidden files and those that say that they are unfinished.
        examples: names of some, for those who may know them: they may be those of meterpoints.
    """

    endings: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many there are."""
        return self.endings.total()

    def add(self, name: str) -> None:
        """Counts a file."""
        ending = _ENDING.search(name)
        self.endings[ending[0] if ending else _OTHER] += 1
        # Always the first ones of the alphabet, whatever the order in which a file system lists.
        insort(self.examples, _printable(name))
        del self.examples[_EXAMPLES:]

    @property
    def named(self) -> str:
        """A sentence with the names of some, for a person's screen."""
        more = ", …" if self.count > len(self.examples) else ""
        return self._said(", ".join(self.examples) + more)

    @property
    def counted(self) -> str:
        """A sentence without names, for logs and metadata."""
        common = sorted(self.endings.items(), key=lambda item: (-item[1], item[0]))[:_MOST_ENDINGS]
        more = ", …" if len(self.endings) > len(common) else ""
        return self._said(", ".join(f"{count:,} x {ending}" for ending, count in common) + more)

    def _said(self, which: str) -> str:
        several = "files lie there that are not read" if self.count != 1 else "file lies there that is not read"
        return f"{self.count:,} {several} ({which}): names end in {formats.suffixes()}"


@dataclass(frozen=True, slots=True)
class Listing:
    """What is in a folder.

    Attributes:
        files: the reading files, in order of their URLs.
        unread: the others.
    """

    files: list[ListedFile]
    unread: UnreadFiles


@dataclass(frozen=True)
class ReadingFolder:
    """A tree of reading files: a local folder, or anything that fsspec reaches (`s3://`, `abfs://`, `memory://` …)."""

    url: str = field(repr=False)

    def list(self) -> list[ListedFile]:
        """The files of `listing`."""
        return self.listing().files

    def listing(self) -> Listing:
        """Every file below the folder; those that a format recognises by their names are read.

        Hidden ones and those of unfinished uploads, whose names begin with a dot or an underscore, are left out.

        Raises:
            SourceUnavailableError: the folder is not there, or does not answer.
            SettingsError: nothing is installed that reads such URLs.
        """
        unread = UnreadFiles()
        try:
            filesystem, root = self._filesystem
            if _is_local(filesystem):
                return Listing(sorted(_walk(root, unread), key=lambda file: file.url), unread)
            found = _found(filesystem, root)
        except SettingsError:
            raise
        except Exception as error:
            # Each file system has errors of its own, and they may quote the URL.
            if not isinstance(error, OSError) and _is_path(self.url):
                raise
            raise SourceUnavailableError(
                f"The folder of reading files {self.shown} cannot be listed ({_why(error)}): "
                "check METER_PLATFORM_READINGS_URL and the folder's permissions."
            ) from None
        files = []
        for path, info in found.items():
            if _hidden(path.removeprefix(root)):
                continue
            if formats.format_of(path):
                files.append(_remote(filesystem, path, info))
            elif info.get("type") != "directory":
                unread.add(path.rpartition("/")[2])
        return Listing(sorted(files, key=lambda file: file.url), unread)

    def open(self, file: ListedFile) -> AbstractContextManager[IO[bytes]]:
        """Opens a listed file for reading."""
        filesystem, _ = self._filesystem
        if _is_local(filesystem):
            return _open_local(file.path)
        opened: IO[bytes] = filesystem.open(file.path, "rb", cache_type="readahead")
        return opened

    def as_it_is_now(self, file: ListedFile) -> ListedFile | None:
        """The file as it is now; `None` where it has gone."""
        filesystem, _ = self._filesystem
        try:
            if _is_local(filesystem):
                return _local(file.path)
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
            filesystem, root = fsspec.url_to_fs(self.url)
        except (ImportError, ValueError) as error:
            raise SettingsError(
                f"METER_PLATFORM_READINGS_URL={self.shown} cannot be used: {redact_text(str(error), self.url)}. "
                "Install the fsspec package for it (s3fs, gcsfs, adlfs …)."
            ) from None
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


def _hidden(path: str) -> bool:
    return any(part.startswith(_HIDDEN) for part in path.split("/"))


def _why(error: Exception) -> str:
    """What the system says of a file; other texts may quote a URL."""
    return getattr(error, "strerror", None) or type(error).__name__


def _printable(name: str) -> str:
    """A name as it may be shown on a screen."""
    shown = "".join(character if character.isprintable() else "?" for character in name)
    return shown if len(shown) <= _LONGEST_EXAMPLE else shown[: _LONGEST_EXAMPLE - 1] + "…"


def _walk(root: str, unread: UnreadFiles, above: frozenset[tuple[int, int]] = frozenset()) -> Iterator[ListedFile]:
    """Below a local folder. `os.scandir` lists 50,000 files in a third of a second, fsspec's own walk in several."""
    found = os.stat(root)  # noqa: PTH116 - paths are text here
    folder = (found.st_dev, found.st_ino)
    if folder in above:
        return  # a link to a folder that it is in
    with os.scandir(root) as entries:
        for entry in entries:
            if entry.name.startswith(_HIDDEN):
                continue
            if _is_folder(entry):
                yield from _walk(entry.path, unread, above | {folder})
            elif formats.format_of(entry.name):
                try:
                    yield _local(entry.path)
                except FileNotFoundError:
                    continue  # removed or renamed since the folder was listed: the next scan sees it
            else:
                unread.add(entry.name)


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
    # A name that is not UTF-8 has no text of its own.
    shown = path if path.isascii() else path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return ListedFile(f"file://{shown}", path, found.st_size, modified_at, stamp, changed_at)


def _moment(nanoseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=min(max(nanoseconds // 1000, 0), _LATEST))


def _open_local(path: str) -> IO[bytes]:
    """Takes a third of the time that fsspec does, which small files notice; they are read in one go, too."""
    descriptor = os.open(path, _READ)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return io.FileIO(descriptor)
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is a pipe or a device")


def _found(filesystem: Any, root: str) -> dict[str, dict[str, Any]]:  # noqa: ANN401 - fsspec is not typed
    if not filesystem.exists(root):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    found: dict[str, dict[str, Any]] = filesystem.find(root, detail=True)
    return found


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
