"""Which rows of a file its feed takes, by what stands in a column: a file may be of electricity and of gas.

What belongs here: the key `only`, and which rows it leaves out. What does not: rows that say themselves that they are no
electricity (each format knows its own), and registers (`taken_apart.py`).

Nothing is guessed from an id or a value: who mixes has to say what tells one from the other.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Final

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BeforeValidator, Field

from meter_platform.feeds.cells import tokens
from meter_platform.feeds.feed import Feed

_BEFORE: Final = "only "
"""Before the name of such a column in a table of rows: it may be one of the others, too."""

Texts = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    BeforeValidator(lambda given: [given] if isinstance(given, str) else given),
    Field(min_length=1, strict=False),
]


class FeedOfColumns(Feed):
    """A feed of files whose columns have names.

    Attributes:
        only: by the name of a column, the texts that rows have there; `*` stands for any characters. Other rows are
            rejected.
    """

    only: dict[str, Texts] = Field(default_factory=dict)

    @property
    def columns_of_only(self) -> dict[str, str]:
        """The columns that `only` names, by their names in a table of rows."""
        return {f"{_BEFORE}{column}": column for column in self.only}

    @cached_property
    def patterns_of_only(self) -> Mapping[str, str]:
        """By the names of these columns in a table, a pattern of what rows have there."""
        return {
            f"{_BEFORE}{column}": "(?s)^(?:" + "|".join(_pattern(text) for text in texts) + ")$"
            for column, texts in self.only.items()
        }


def is_of_only(name: str) -> bool:
    """Whether a column of a table is there for `only`."""
    return name.startswith(_BEFORE)


def others(table: pa.Table, feed: Feed) -> Mapping[str, pa.Array]:
    """The rows that a feed leaves out.

    Args:
        table: rows with a column for each that `only` names.
        feed: of the rows.

    Returns:
        By the name of a column in the file, whether each row is left out for what stands there.
    """
    if not isinstance(feed, FeedOfColumns):
        return {}
    found = {}
    for name, pattern in feed.patterns_of_only.items():
        if name in table.column_names:  # lines that are no rows have none
            column = tokens(table[name])
            is_wanted = pc.match_substring_regex(pc.utf8_trim_whitespace(column.dictionary), pattern)
            found[name.removeprefix(_BEFORE)] = pc.invert(is_wanted).take(column.indices)
    return found


def _pattern(text: str) -> str:
    return ".*".join(re.escape(part) for part in text.split("*"))
