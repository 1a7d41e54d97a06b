"""Fetching: every feed that says where its files are fetched from, meter by meter.

What belongs here: the order of things, and what is told afterwards. What does not: the API (`api.py`), files (`landed.py`).
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from meter_platform.errors import SettingsError
from meter_platform.feeds.configured import Feeds, feeds_of
from meter_platform.feeds.files import ReadingFolder
from meter_platform.feeds.formats.interval_json import Fetch, OctopusFeed
from meter_platform.fetch.errors import MeterRefusedError
from meter_platform.fetch.landed import Landed, content_of, name_of, results
from meter_platform.fetch.meters import Meter, read_meters
from meter_platform.settings import Settings, variable
from meter_platform.settlement import day_start

if TYPE_CHECKING:
    from meter_platform.fetch.api import OctopusApi

_VARIABLE: Final = variable("fetch_keys")

_FILE_ROWS: Final = 25_000
"""The most that one file has: some 4 MB."""


@dataclass(slots=True)
class Fetched:
    """What came of one feed.

    Attributes:
        feed: its name.
        meters: how many were asked for.
        files: how many were written.
        readings: how many stand in them: new ones, and those with another value than before.
        failed: why meters were not fetched, by the line that names them.
    """

    feed: str
    meters: int = 0
    files: int = 0
    readings: int = 0
    failed: dict[int, str] = field(default_factory=dict)


def fetch(
    settings: Settings, *, since: date | None = None, tell: Callable[[str], None] = lambda _: None
) -> list[Fetched]:
    """Fetches what is new of every feed that is fetched.

    Args:
        settings: of the platform.
        since: asks for everything from that local date on, whatever was fetched before.
        tell: gets a line for each meter that fails.

    Returns:
        What came of each; nothing where no feed is fetched.

    Raises:
        SettingsError: something is set wrongly, or a key is missing.
        ApiAwayError: an API does not answer. What was fetched until then is there, and the next time goes on from it.
        KeyRefusedError: it does not take the key.
        SourceUnavailableError: a file cannot be put into the folder.
    """
    # urllib3 opens a socket when it is imported, to see whether there is IPv6; definitions load without that.
    from meter_platform.fetch.api import OctopusApi  # noqa: PLC0415

    feeds = feeds_of(settings)
    wanted = fetched_feeds(feeds)
    if not wanted:
        return []
    if settings.readings_url is None or settings.feeds is None:
        raise SettingsError(f"{variable('readings_url')} is not set: name the folder that fetched readings go to.")
    keys = _keys(settings.fetch_keys or "", wanted)
    folder = ReadingFolder(settings.readings_url, feeds)
    found = []
    for name, feed in wanted.items():
        with closing(OctopusApi(_fetch_of(feed).url, keys[name])) as api:
            found.append(_Feed(name, feed, api, folder, settings).fetch(since, tell))
    return found


def fetched_feeds(feeds: Feeds) -> dict[str, OctopusFeed]:
    """The feeds whose files are fetched, by name."""
    named = (feeds.named or {}).items()
    return {name: feed for name, feed in named if isinstance(feed, OctopusFeed) and feed.fetch is not None}


@dataclass(frozen=True)
class _Feed:
    name: str
    feed: OctopusFeed
    api: "OctopusApi"
    folder: ReadingFolder
    settings: Settings

    def fetch(self, since: date | None, tell: Callable[[str], None]) -> Fetched:
        said = _fetch_of(self.feed)
        list_of_meters = Path(self.settings.feeds or "").parent / said.meters
        meters = read_meters(list_of_meters)
        done = Fetched(self.name, len(meters))
        for meter in meters:
            self._refuse_another_feed(meter)
            try:
                files, readings = self._fetch_meter(meter, said, since)
            except MeterRefusedError as error:
                done.failed[meter.line] = str(error)
                tell(f"feed {self.name}: the meter of line {meter.line} of {list_of_meters} was not fetched: {error}")
                continue
            done.files += files
            done.readings += readings
        return done

    def _fetch_meter(self, meter: Meter, said: Fetch, since: date | None) -> tuple[int, int]:
        landed = Landed.of(self.folder, self._path(meter, "x"))
        first = day_start(since or said.since or self.settings.first_reference_date, self.settings.zone)
        if since is None and landed.newest is not None:
            first = max(first, landed.newest - timedelta(days=said.look_back_days))
        # All of a meter before any of it is put there, so that no page is missing between two that are there.
        given = [result for page in self.api.consumption(meter, first) for result in results(page)]
        known = landed.values(self.folder, first)
        news = [result for result in given if known.get(result.key) != result.value]
        for begun in range(0, len(news), _FILE_ROWS):
            some, now = news[begun : begun + _FILE_ROWS], datetime.now(UTC)
            self.folder.put(self._path(meter, name_of(some, now)), content_of(some, now))
        return -(-len(news) // _FILE_ROWS), len(news)

    def _path(self, meter: Meter, name: str) -> str:
        # The feed has a place for every meter, or it would not have been read.
        return self.feed.place({"meterpoint": meter.meterpoint, "serial": meter.serial}, name) or ""

    def _refuse_another_feed(self, meter: Meter) -> None:
        taken = self.folder.feeds.taking(self._path(meter, "x"))
        if taken is None or taken.feed != self.name:
            raise SettingsError(
                f"{self.settings.feeds}, feed {self.name!r}, key 'paths': another feed before it would take what is "
                "fetched for it: put this feed first."
            )


def _fetch_of(feed: OctopusFeed) -> Fetch:
    if feed.fetch is None:
        raise AssertionError("only feeds that are fetched are asked")
    return feed.fetch


def _keys(given: str, wanted: Mapping[str, OctopusFeed]) -> dict[str, str]:
    """The key of each feed, from `feed:key` with blanks between them."""
    keys = {name: key for name, _, key in (each.partition(":") for each in given.split())}
    for name in wanted:
        if not keys.get(name):
            raise SettingsError(f"{_VARIABLE} has no key for the feed {name!r}: write {name}:key, with blanks between.")
    return keys
