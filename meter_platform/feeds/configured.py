"""The feeds that a TOML file names, and which of them takes a file.

What belongs here: reading that file, and what is wrong with it, by file, feed and key. What does not: what a feed can say
(`feed.py`, and each format beside its own keys in `formats/`).

Without such a file there is one feed: whatever format recognises a file's name takes it, by the conventions of the market.
"""

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from meter_platform.errors import SettingsError
from meter_platform.feeds.feed import OF_THE_MARKET, Conventions, Feed
from meter_platform.feeds.patterns import without_compression
from meter_platform.settings import Settings, variable

if TYPE_CHECKING:
    from meter_platform.feeds.formats.format import Format

_VARIABLE: Final = variable("feeds")
_USUAL: Final = "(none)"
"""What stands for the name of the feed where none is configured."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A file's feed, as far as reading the file is concerned.

    Attributes:
        feed: the name of the feed.
        format: takes the file apart.
        conventions: what times mean.
        compression: the ending of the file's name, if it is one of a compressed file.
    """

    feed: str
    format: "Format"
    conventions: Conventions = OF_THE_MARKET
    compression: str = ""


@dataclass(frozen=True)
class Feeds:
    """All feeds.

    Attributes:
        named: those that are configured, by name, in order: the first that takes a file has it. `None`: none are.
    """

    named: dict[str, Feed] | None = None

    def taking(self, path: str) -> Taken | None:
        """What takes a file.

        Args:
            path: of the file, below the folder of reading files; without feeds its name is enough.

        Returns:
            `None` where nothing does.
        """
        if self.named is None:
            from meter_platform.feeds import formats  # noqa: PLC0415 - with the contracts, which `status` does without

            known = formats.format_of(path)
            return Taken(_USUAL, known) if known else None
        for name, feed in self.named.items():
            for pattern in feed.patterns:
                said = pattern.match(path)
                if said is not None:
                    return Taken(name, feed.reader(said), feed.conventions, without_compression(path)[1])
        return None

    @cached_property
    def digest(self) -> str:
        """Changes with whatever decides which files are read; `""` without feeds."""
        if self.named is None:
            return ""
        return hashlib.blake2b(repr([feed.paths for feed in self.named.values()]).encode(), digest_size=4).hexdigest()

    def __hash__(self) -> int:
        """Of what the feeds are called and say."""
        return hash(tuple(self.named.items())) if self.named is not None else 0


NO_FEEDS: Final = Feeds()
"""One feed, of every file that a format recognises by its name."""


def feeds_of(settings: Settings) -> Feeds:
    """The feeds that the settings name, with what they leave open as the market has it.

    Raises:
        SettingsError: the file cannot be read, or says what means nothing: with the file, the feed and the key.
    """
    return NO_FEEDS if settings.feeds is None else read_feeds(settings.feeds, settings)


def read_feeds(path: Path, settings: Settings) -> Feeds:
    """The feeds of a TOML file, see `feeds_of`."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise SettingsError(f"{_VARIABLE}={path} cannot be read: {why}.") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not TOML: {error}.") from None
    found = content.pop("feeds", {})
    if content:
        raise SettingsError(
            f"{path}: the key {next(iter(content))!r} means nothing here: each feed is a table [feeds.name]."
        )
    if not isinstance(found, dict) or not found:
        raise SettingsError(f"{path} names no feed: each is a table [feeds.name].")
    return Feeds({name: _feed(path, name, keys, settings) for name, keys in found.items()})


def _feed(path: Path, name: str, keys: object, settings: Settings) -> Feed:
    from meter_platform.feeds.formats.of_feeds import kinds  # noqa: PLC0415 - as above

    where = f"{path}, feed {name!r}"
    if not isinstance(keys, dict):
        raise SettingsError(f"{where}: it is a table of keys.")
    known = kinds()
    kind = keys.get("format")
    if not isinstance(kind, str) or kind not in known:
        raise SettingsError(f"{where}, key 'format': it is one of: {', '.join(known)}.")
    try:
        feed = known[kind].model_validate(keys)
    except ValidationError as error:
        raise SettingsError(f"{where}, {_explained(error)}") from None
    for text, pattern in zip(feed.paths, feed.patterns, strict=True):
        for place in feed.places_needed():
            if place not in pattern.places:
                raise SettingsError(
                    f"{where}, key 'paths': {text!r} does not say the {place}, and neither do the rows: "
                    f"{{{place}}} stands for it in a path."
                )
    _check_topics(feed, where)
    return feed.model_copy(
        update={"zone": feed.zone or settings.timezone, "label": feed.label or settings.interval_label}
    )


def _check_topics(feed: Feed, where: str) -> None:
    """What messages become needs a place, and their topic has to say what the path does."""
    if feed.topics and not feed.can_be_put:
        raise SettingsError(
            f"{where}, key 'topics': messages need a place as files: write the first of 'paths' as folders/**/*.csv."
        )
    for topic in feed.bound_topics:
        for place in feed.patterns[0].places:
            if place not in topic.places:
                raise SettingsError(
                    f"{where}, key 'topics': {topic.text!r} does not say the {place}, which the first of 'paths' has: "
                    f"{{{place}}} stands for it in a topic."
                )


def _explained(error: ValidationError) -> str:
    """The first fault: its key, and what that takes."""
    fault = error.errors()[0]
    key = ".".join(str(part) for part in fault["loc"] if not (isinstance(part, str) and "[" in part))
    what = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        what = "there is no such key"
    elif fault["type"] == "missing":
        what = "it is missing"
    return f"key {key!r}: {what[:1].lower()}{what[1:]}." if key else f"{what}."
