"""Patterns of MQTT topics: which messages are deliveries of a feed, and what their topic says.

What belongs here: the language of patterns. What does not: the broker (`receive/mqtt.py`).

A pattern is a topic as MQTT subscribes to it (`+` for one level, `#` for all that follow), in which `{meterpoint}`,
`{serial}` or `{register}` may stand for a level that the message is about.
"""

import re
from dataclasses import dataclass
from typing import Final

from meter_platform.feeds.patterns import refuse_bad_places

_LEVEL: Final = re.compile(r"\+|#|[^+#{}\x00]*|\{[^/{}]*\}")


@dataclass(frozen=True, slots=True)
class Topic:
    """A pattern of topics.

    Args:
        text: as it is configured.

    Raises:
        ValueError: it cannot be one.
    """

    text: str

    def __post_init__(self) -> None:
        """Refuse what no broker would take, or what means nothing."""
        levels = self.text.split("/")
        if not self.text or not all(map(_LEVEL.fullmatch, levels)) or "#" in levels[:-1]:
            raise ValueError(
                "it is a topic such as meters/+/readings: its levels are names, +, {meterpoint}, or # at the end"
            )
        refuse_bad_places([level for level in levels if level.startswith("{")])

    @property
    def places(self) -> list[str]:
        """What topics say."""
        return [level[1:-1] for level in self.text.split("/") if level.startswith("{")]

    @property
    def filter(self) -> str:
        """What is subscribed to."""
        return "/".join("+" if level.startswith("{") else level for level in self.text.split("/"))

    def said(self, topic: str) -> dict[str, str]:
        """What a topic that `filter` matches says of its message."""
        levels = zip(self.text.split("/"), topic.split("/"), strict=False)
        return {level[1:-1]: given for level, given in levels if level.startswith("{")}
