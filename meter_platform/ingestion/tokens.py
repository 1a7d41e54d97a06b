"""Texts of which nothing but tokens is kept: telling one of them, and finding one among the words of another text.

What belongs here: recognising. What does not: how a token is made (`pseudonyms.py`), and what is done with what is found.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Final

_WORDS: Final = re.compile(r"[^\W\d_]+|\d+|.", re.DOTALL)
"""The parts of a text: letters together, digits together, everything else by itself. An id begins and ends with a part:
1200010001 is no part of 11200010001."""

_REMEMBERED: Final = 1 << 17
"""Texts of which it is remembered whether they are known: the ids of one load, mostly."""


class Tokens:
    """The texts of some tokens.

    Args:
        characters: by token, how many characters its text has.
        token: of a text.
    """

    def __init__(self, characters: Mapping[str, int], token: Callable[[str], str]) -> None:
        self._characters = characters
        self._lengths = sorted(set(characters.values()))
        self._has: Callable[[str], bool] = lru_cache(_REMEMBERED)(lambda text: token(text) in characters)

    def __bool__(self) -> bool:
        return bool(self._characters)

    def __contains__(self, text: str) -> bool:
        return bool(self) and self._has(text)

    def spans_in(self, text: str) -> Iterator[tuple[int, int]]:
        """Where one of the texts stands in another, as whole words: its begin and its end."""
        if not self:
            return
        starts = [word.start() for word in _WORDS.finditer(text)]
        ends = {*starts, len(text)}
        for length in self._lengths:
            for start in starts:
                if start + length in ends and self._has(text[start : start + length]):
                    yield start, start + length
