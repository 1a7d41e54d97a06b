"""Finds out which files are there: lists the folders that a scan has to look into, and believes the others to be as they were.

What belongs here: the order in which folders are looked into, and what is found in them. What does not: the rule of when
(`folders.py`), and what is new about the files (`catalogue.py`).

Neither a list of all files is held in memory, nor one of a large folder: `ListedFiles` has those that are to be compared.
"""

import heapq
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from typing import Final

from meter_platform.feeds.files import Beside, ListedFile, ReadingFolder
from meter_platform.feeds.unread import UnreadFiles
from meter_platform.ingestion import folders
from meter_platform.ingestion.erased import Erased
from meter_platform.ingestion.folders import KnownFolder, Look
from meter_platform.ingestion.listed import ListedFiles
from meter_platform.ingestion.listed_ahead import Due, ListedAhead
from meter_platform.warehouse.sessions import Session

_MOST_FILES: Final = 20_000
"""Files of one folder that are held in memory: some 12 MB."""

_ONE_REQUEST: Final = 1_000
"""Files that an object store lists in one request."""

_DIGEST_BITS: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much of the tree a scan looks into.

    Attributes:
        full: every folder, and each file is compared with the catalogue.
        wanted: URLs of folders that are looked into in any case.
        most_seconds: after so long no folder is begun; the next scan goes on. `None`: all are looked into that have to be.
        quiet_seconds: the same for folders that can wait, such as quiet ones; `None`: as `most_seconds`.
    """

    full: bool = False
    wanted: Collection[str] = ()
    most_seconds: float | None = None
    quiet_seconds: float | None = None


@dataclass(slots=True)
class Tree:
    """What is known of the tree after a scan has looked into it.

    Attributes:
        folders: what is known of each folder that is there, by URL; of one that the scan did not get to nothing may be.
        there: by the URL of each folder that is there, the URL that the catalogue has: without ids of erased meterpoints.
        compared: URLs of those of which every file is in the table of listed files, as the catalogue has them.
        found: folders that were listed.
        gone: URLs of folders that are known and not there any more.
        left: folders that have to be looked into and that the scan did not get to.
        is_whole: every folder that is there was met: none is left in which there may be others.
    """

    folders: dict[str, KnownFolder] = field(default_factory=dict)
    there: dict[str, str] = field(default_factory=dict)
    compared: set[str] = field(default_factory=set)
    found: list[KnownFolder] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    left: int = 0
    is_whole: bool = True

    @property
    def file_count(self) -> int:
        """Reading files in all folders."""
        return sum(folder.file_count for folder in self.folders.values())

    @property
    def unread(self) -> UnreadFiles:
        """The files in all folders that nobody reads."""
        every = UnreadFiles()
        for folder in self.folders.values():
            if folder.unread:
                every.include(folder.unread)
        return every


class Walk:
    """A look into the folders that are due.

    Args:
        ledger: with what is known of them; nothing is noted in it.
        folder: the tree.
        listed: gets the files of folders that have changed, or that are wanted, by the names that the catalogue has.
        erased: meterpoints whose ids stand in no name that is noted.
        effort: how much of it.
        started: the time of the scan.
        night: when the last night's full scan began.
    """

    def __init__(
        self,
        ledger: Session,
        folder: ReadingFolder,
        listed: ListedFiles,
        erased: Erased,
        effort: Effort,
        *,
        started: datetime,
        night: datetime,
    ) -> None:
        self._folder = folder
        self._erased = erased
        self._listed = listed
        self._effort = effort
        self._started = started
        self._night = night
        self._known = folders.load(ledger, folder.url_of(folder.root))
        self._children: dict[str, list[KnownFolder]] = {}
        for known in self._known.values():
            self._children.setdefault(known.url.rpartition("/")[0], []).append(known)
        self._tree = Tree()
        self._due: list[Due] = []
        self._begun = time.monotonic()
        self._begun_with: set[Look] = set()
        self._unfinished: set[str] = set()

    def tree(self) -> Tree:
        """Looks into them, once.

        Raises:
            SourceUnavailableError: a folder cannot be listed.
            SourceRefusedError: the store refuses to be listed.
        """
        self._meet(self._folder.root, newest=True)
        with ListedAhead(self._folder) as ahead:
            while self._due or ahead.waiting:
                while self._due and ahead.has_room:
                    due = heapq.heappop(self._due)
                    if due.url not in self._tree.there:
                        continue  # the folder that it was in has been listed meanwhile
                    if self._has_time(due.why):
                        self._begun_with.add(due.why)
                        ahead.begin(due)
                    else:
                        self._leave(due.why, due.url)
                if ahead.waiting:
                    due, files, beside = ahead.next()
                    if due.url in self._tree.there:
                        self._list(due, files, beside)
        self._listed.complete()
        self._tree.found = [
            replace(folder, is_known=False) if folder.url in self._unfinished else folder for folder in self._tree.found
        ]
        return self._tree

    def _has_time(self, why: Look) -> bool:
        """Whether a folder is begun. However little time there is, one of each kind is, so that all are in the end."""
        effort = self._effort
        limits = (effort.most_seconds, effort.quiet_seconds if why.may_wait else None)
        spent = time.monotonic() - self._begun
        return why not in self._begun_with or all(limit is None or spent < limit for limit in limits)

    def _meet(self, path: str, *, newest: bool = False) -> None:
        """Decides whether to look into a folder, and the same for those that are known to be in it.

        Args:
            path: of the folder.
            newest: it is the tree's first folder, or the last by name of those in such a one: dates are in order.
        """
        url = self._folder.url_of(path)
        known = self._known.get(url)
        try:
            stamp = self._folder.stamp_of(path)
        except FileNotFoundError:
            self._forget(url)
            return
        self._tree.there[url] = self._erased.name(url)
        if known:
            self._tree.folders[url] = known
        why = folders.why_look(known, stamp, now=self._started, night=self._night)
        if self._effort.full or self._erased.name(url) in self._effort.wanted:
            why = Look.WANTED
        elif stamp is None and newest and known and known.file_count <= _ONE_REQUEST and (why is None or why.may_wait):
            why = Look.LIVELY  # nobody tells of what is new there, and one request does
        if why is not None:
            heapq.heappush(self._due, Due(why, url, path, stamp))
        children = self._children.get(url, [])
        for child in children:
            self._meet(child.path, newest=newest and child is children[-1])

    def _list(self, due: Due, found_files: Iterator[ListedFile], beside: Beside) -> None:
        why, url, path, stamp = due
        known = self._known.get(url)
        files: list[ListedFile] = []
        digest = count = 0
        has_room = True
        try:
            for file in found_files:
                count += 1
                digest += _number(f"{file.url}\0{file.stamp}")
                files.append(file)
                if len(files) == _MOST_FILES:
                    has_room = False
                    self._listed.add(self._erased.files(files))
                    files = []
        except FileNotFoundError:
            self._forget(url)
            return
        text = f"{digest % (1 << _DIGEST_BITS):032x}"
        changed = known is None or (known.stamp, known.digest) != (stamp, text)
        compared = (
            known is None
            or known.digest != text
            or not (known.is_known and has_room)
            or why in (Look.WANTED, Look.NIGHTLY)
        )
        if compared:
            self._listed.add(self._erased.files(files))
            self._tree.compared.add(self._erased.name(url))
        found = KnownFolder(
            url=url,
            path=path,
            stamp=stamp,
            digest=text,
            file_count=count,
            unread=self._without_ids(beside.unread) if beside.unread.count else None,
            # A folder without a name that can be noted is looked for each time.
            is_known=all(map(self._can_be_noted, beside.folders)),
            listed_at=self._started,
            changed_at=self._started if known is None or changed else known.changed_at,
            compared_at=self._started if known is None or compared else known.compared_at,
        )
        self._tree.folders[url] = found
        if self._can_be_noted(path):
            self._tree.found.append(found)
        self._meet_others(url, beside.folders)

    def _meet_others(self, url: str, paths: list[str]) -> None:
        """Meets the folders in one that has been listed, and lets go of those that are not in it any more."""
        now = {self._folder.url_of(path): path for path in paths}
        for child in self._children.get(url, []):
            if child.url not in now:
                self._forget(child.url)
        for child_url, path in now.items():
            if child_url not in self._tree.there:
                self._meet(path)

    def _forget(self, url: str) -> None:
        """Takes note that a folder is gone, with all that was in it."""
        if url in self._known:
            self._tree.gone.append(url)
        for each in [each for each in self._tree.there if each == url or each.startswith(f"{url}/")]:
            del self._tree.there[each]
            self._tree.folders.pop(each, None)

    def _leave(self, why: Look, url: str) -> None:
        """Leaves a folder to the next scan."""
        if not why.may_wait:
            self._tree.left += 1
        if url not in self._known:
            self._tree.is_whole = False
            self._unfinished.add(url.rpartition("/")[0])  # which alone knows of it: it is looked into again

    def _can_be_noted(self, path: str) -> bool:
        """Whether a path can stand in the database: it must be text, which a local one need not be, and name nobody."""
        try:
            path.encode()
        except UnicodeEncodeError:
            return False
        return self._erased.name(path) == path

    def _without_ids(self, unread: UnreadFiles) -> UnreadFiles:
        return replace(unread, examples=sorted(map(self._erased.name, unread.examples)))


def _number(text: str) -> int:
    """A digest that can be summed: a file system lists in any order."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogateescape"), digest_size=_DIGEST_BITS // 8).digest())
