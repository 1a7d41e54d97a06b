"""Files that lie beside the reading files and are not read: how many, and how they are told.

What belongs here: counting them, and the sentences about them. What does not: which files they are (`files.py`).
"""

import re
from bisect import insort
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

_EXAMPLES: Final = 3
_LONGEST_EXAMPLE: Final = 80
_ENDING: Final = re.compile(r"(\.(json|csv|xml|parquet))?\.[A-Za-z][A-Za-z0-9]{0,7}$", re.IGNORECASE)
"""The ending of a name that may be told to anyone. One of digits may be the id of a meterpoint."""
_OTHER: Final = "other"
_MOST_ENDINGS: Final = 5


@dataclass(slots=True)
class UnreadFiles:
    """Files that lie beside the reading files and are not read, for no feed takes them.

    Attributes:
        endings: how many there are with each ending, but for hidden files and those that say that they are unfinished.
        examples: names of some, for those who may know them: they may be those of meterpoints.
        by_feeds: feeds are configured. Without any, names end as those of formats do.
    """

    endings: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    by_feeds: bool = False

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Those that `as_record` describes."""
        return cls(Counter(record["endings"]), list(record["examples"]), by_feeds=record.get("by_feeds", False))

    def as_record(self) -> dict[str, Any]:
        """The same as values that JSON has."""
        by_feeds = {"by_feeds": True} if self.by_feeds else {}
        return {"endings": dict(self.endings), "examples": self.examples} | by_feeds

    def include(self, others: "UnreadFiles") -> None:
        """Counts files of another folder as well."""
        self.endings.update(others.endings)
        self.by_feeds = self.by_feeds or others.by_feeds
        self.examples = sorted([*self.examples, *others.examples])[:_EXAMPLES]

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
        from meter_platform.feeds import formats  # noqa: PLC0415 - with the contracts, which `status` mostly does without

        several = "files lie there that are not read" if self.count != 1 else "file lies there that is not read"
        why = "no feed takes such names" if self.by_feeds else f"names end in {formats.suffixes()}"
        return f"{self.count:,} {several} ({which}): {why}"


def _printable(name: str) -> str:
    """A name as it may be shown on a screen."""
    shown = "".join(character if character.isprintable() else "?" for character in name)
    return shown if len(shown) <= _LONGEST_EXAMPLE else shown[: _LONGEST_EXAMPLE - 1] + "…"
