"""Deliveries that are whole files of a feed: each becomes a file of its own, where the feed looks for its files.

What belongs here: the place of such a file. What does not: what is in it, which is judged when it is loaded, as in any other
file; and readings in the receiver's own form, of which many stand in one file (`landing.py`).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Final

from meter_platform.errors import InternalError
from meter_platform.feeds.configured import Feeds
from meter_platform.feeds.put import write_whole
from meter_platform.receive.landing import not_stored

FOLDER: Final = "received"
"""Stands for `**/` in the paths of feeds, before the sender and the day; and it is where the receiver's own files are."""


class NoPlaceError(InternalError):
    """A feed has no place for a file; the message says why."""


class FeedFiles:
    """The files of feeds. Any thread may call `put`.

    Args:
        folder: of all reading files.
        feeds: which take files.
    """

    def __init__(self, folder: Path, feeds: Feeds) -> None:
        self._folder, self._feeds = folder, feeds
        self._names = count()

    def takes_own(self, sender: str) -> str | None:
        """What is wrong where no feed takes the receiver's own files of a sender; `None` where one does."""
        path = f"{FOLDER}/{sender}/2021-01-04/1.json"
        if self._feeds.taking(path) is not None:
            return None
        return f"No feed takes {path}: a feed of the format json with the paths {FOLDER}/**/*.json is missing."

    def places(self, feed: str) -> Sequence[str]:
        """What has to be said of each file of a feed, for its path to say it.

        Raises:
            NoPlaceError: there is no such feed, or nothing can be put where it looks for files.
        """
        known = (self._feeds.named or {}).get(feed)
        if known is None:
            raise NoPlaceError("There is no feed of that name.")
        if not known.can_be_put:
            raise NoPlaceError(
                "The first of the feed's paths leaves open where a file goes: it has to be as folders/**/*.csv."
            )
        return known.patterns[0].places

    def put(self, feed: str, sender: str, said: Mapping[str, str], content: bytes) -> None:
        """Puts a file of a feed into its place; once it has returned, the file survives whatever comes.

        Args:
            feed: its name.
            sender: who has sent it: a part of the file's name.
            said: what the path says of all rows, see `places`.
            content: of the file.

        Raises:
            NoPlaceError: something that the path has to say is not said, or is no plain name.
            NotStoredError: the disk is full, or broken.
        """
        now = datetime.now(UTC)
        for place in self.places(feed):
            if place not in said:
                raise NoPlaceError(f"The {place} is not said.")
        pattern = (self._feeds.named or {})[feed].patterns[0]
        name = f"{now:%Y%m%dT%H%M%S.%fZ}-{next(self._names)}-{sender}"
        path = pattern.path(said, folders=f"{FOLDER}/{sender}/{now:%Y-%m-%d}", name=name)
        if path is None:
            raise NoPlaceError(f"The {' or '.join(pattern.places)} is not of letters, digits, dots, - and _.")
        taken = self._feeds.taking(path)
        if taken is None or taken.feed != feed:
            raise NoPlaceError("Another feed would take the file: the narrower paths have to come first.")
        whole = self._folder / path
        try:
            write_whole(whole.parent, whole.name, content)
        except OSError as error:
            raise not_stored(error) from None
