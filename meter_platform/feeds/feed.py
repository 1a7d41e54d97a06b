"""One feed: what a supplier of reading files does, as configuration.

What belongs here: the keys that feeds of every format have, and what they mean for rows. What does not: the keys of one
format (they stand with it, in `formats/`), and the file that all feeds are configured in (`configured.py`).
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from meter_platform.feeds.patterns import PLACES, Pattern
from meter_platform.feeds.topics import Topic

if TYPE_CHECKING:  # formats know feeds
    from meter_platform.feeds.formats.format import Format

Unit = Literal["kWh", "Wh", "MWh", "kW"]
Label = Literal["start", "end"]
Order = Literal["ascending", "descending", "detected"]
Quality = Literal["actual", "estimated", "unknown"]
Register = Literal["import", "export"]
Cleaning = Literal["apostrophe", "blanks"]

HALF_HOUR_MINUTES: Final = 30
HOUR_MINUTES: Final = 60


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("it is a time zone such as Europe/London or UTC") from None
    return name


def _made_into(kind: Callable[[str], object]) -> AfterValidator:
    """Refuses a text that cannot be made into something, with the reason."""

    def check(text: str) -> str:
        kind(text)
        return text

    return AfterValidator(check)


def _several(given: object) -> object:
    return [given] if isinstance(given, str) else given


Zone = Annotated[str, AfterValidator(_zone)]
Paths = Annotated[
    tuple[Annotated[str, _made_into(Pattern)], ...], BeforeValidator(_several), Field(min_length=1, strict=False)
]

Topics = Annotated[
    # They do not change how a file is read.
    tuple[Annotated[str, _made_into(Topic)], ...], BeforeValidator(_several), Field(strict=False, exclude=True)
]


class Keys(BaseModel):
    """Keys of a feed, or of a table within one: what is not known is an error, and nothing is converted silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)


@dataclass(frozen=True, slots=True)
class Conventions:
    """What a feed says of times, beyond what stands in its rows.

    Attributes:
        zone: naive times are local to it; `None`: to the market's.
        label_at_end: times name the end of their half hour; `None`: as the settings say.
        order: of the rows of a meterpoint in a file.
    """

    zone: ZoneInfo | None = None
    label_at_end: bool | None = None
    order: Order = "detected"


OF_THE_MARKET: Final = Conventions()
"""Those of the settings."""


class Feed(Keys):
    """What feeds of every format have in common; a format's own class adds its keys.

    Attributes:
        format: which format the files have.
        paths: patterns of the files' paths, see `patterns.py`.
        unit: of the values. `kW` is the average power of an interval.
        label: whether times name the start or the end of their interval; as the settings say where it is not given.
        zone: naive times are local to it; the market's where it is not given.
        order: of a meterpoint's rows in a file: it tells the two hours apart that clocks repeat in autumn.
        interval_minutes: length of an interval. Shorter ones are summed into half hours. An hour is divided into two
            estimated halves.
        decimal: mark before the decimals of a number.
        clean_ids: what is taken off an id: an apostrophe before it, blanks around it.
        registers: what the codes of registers mean.
        only_register: rows of every other are rejected, where a file has several under one id.
        qualities: what the codes of quality mean.
        topics: patterns of MQTT topics whose messages are files of the feed, see `topics.py`.
    """

    format: str
    paths: Paths
    unit: Unit = "kWh"
    label: Label | None = None
    zone: Zone | None = None
    order: Order = "detected"
    interval_minutes: Literal[5, 10, 15, 30, 60] = 30
    decimal: Literal[".", ","] = "."
    clean_ids: Annotated[tuple[Cleaning, ...], Field(strict=False)] = ()
    registers: dict[str, Register] = {}
    only_register: Register | None = None
    qualities: dict[str, Quality] = {}
    topics: Topics = ()

    @cached_property
    def patterns(self) -> list[Pattern]:
        """The patterns of `paths`."""
        return [Pattern(text) for text in self.paths]

    @property
    def bound_topics(self) -> list[Topic]:
        """The patterns of `topics`."""
        return [Topic(text) for text in self.topics]

    @property
    def can_be_put(self) -> bool:
        """Whether the first of `paths` says where a file goes that is yet to be written."""
        return self.patterns[0].path(dict.fromkeys(PLACES, "1"), folders="1", name="1") is not None

    @property
    def gives_instants(self) -> bool:
        """Whether the format itself says which instant a row begins at, so that no label is left to interpret."""
        return False

    @property
    def conventions(self) -> Conventions:
        """What it says of times."""
        label = "start" if self.gives_instants else self.label
        zone = ZoneInfo(self.zone) if self.zone else None
        return Conventions(zone, None if label is None else label == "end", self.order)

    @cached_property
    def digest(self) -> str:
        """Changes with everything that the feed says."""
        return hashlib.blake2b(repr(self.model_dump()).encode(), digest_size=8).hexdigest()

    def __hash__(self) -> int:
        """Of all that the feed says: pydantic has none for a table of codes."""
        return hash(self.digest)

    def reader(self, said: dict[str, str]) -> "Format":
        """What takes a file of the feed apart.

        Args:
            said: what the file's path says of all its rows.
        """
        raise NotImplementedError("a feed has a format")

    def places_needed(self) -> Sequence[str]:
        """What a path has to say, for the rows do not: any of `patterns.PLACES`."""
        return ()
