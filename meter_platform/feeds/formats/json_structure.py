"""Tells strings of JSON text from what is around them: finds the brackets that are not part of one, block by block.

What belongs here: telling strings from what is around them, in bulk, and in time proportional to the text, whatever is
in it. What does not: what a document has to look like (`json_document.py`).

A block of text becomes words of 64 bits, a bit for each character: of quotes, of opening and of closing brackets. Which
characters stand in a string is the parity of the quotes before them, which a few shifts give for a whole word at once.
Nothing is searched for twice, and no block takes longer than another of its length by more than a small factor.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

_Words = npt.NDArray[np.uint64]

_QUOTE, _BACKSLASH, _COMMA = b'"'[0], b"\\"[0], b","[0]
_CASE: Final = 0x20
"""The bit that `[` and `{`, and `]` and `}`, differ in."""
_OPENING, _CLOSING = b"{"[0], b"}"[0]
_WORD: Final = 64
_SHIFTS: Final = tuple(np.uint64(1 << power) for power in range(6))
_LAST_BIT: Final = np.uint64(_WORD - 1)


@dataclass(frozen=True, slots=True)
class Marks:
    """Brackets, and commas where they were asked for, outside of strings.

    Attributes:
        positions: where each stands in its block.
        kinds: 1 for an opening bracket, -1 for a closing one, 0 for a comma.
        depths: how many brackets are open behind each.
    """

    positions: npt.NDArray[np.int64]
    kinds: npt.NDArray[np.int8]
    depths: npt.NDArray[np.int64]


class Block:
    """The structure of one block of text.

    Attributes:
        depth: how many brackets are open at its end.
    """

    def __init__(self, opening: _Words, closing: _Words, commas: _Words | None, *, before: int) -> None:
        self._opening = opening
        self._closing = closing
        self._commas = commas
        self._before = before
        self.depth = before + _count(opening) - _count(closing)

    @property
    def deepest(self) -> int:
        """The most brackets that are open at any place of it, or at its start."""
        return int(np.max(self.marks().depths, initial=self._before))

    @property
    def values(self) -> int:
        """How many commas and opening brackets are in it: about as many values, if the text is JSON."""
        return _count(self._opening) + (_count(self._commas) if self._commas is not None else 0)

    def marks(self, since: int = 0) -> Marks:
        """The marks from a character, or from one of the 63 before it, to the end of the block."""
        first = since // _WORD
        opening, closing = self._opening[first:], self._closing[first:]
        all_marks = opening | closing if self._commas is None else opening | closing | self._commas[first:]
        positions = np.flatnonzero(_bits(all_marks))
        kinds = _bits(opening)[positions].astype(np.int8) - _bits(closing)[positions].astype(np.int8)
        before = self.depth - int(kinds.sum())
        return Marks(positions + first * _WORD, kinds, before + np.cumsum(kinds, dtype=np.int64))


class Structure:
    """Follows the structure of a text from block to block.

    Args:
        depth: how many brackets are taken to be open at its start.
        commas: mark commas, too.
    """

    def __init__(self, *, depth: int = 0, commas: bool = False) -> None:
        self._depth = depth
        self._with_commas = commas
        self._in_string = False
        self._escaped = False  # the first character of the next block stands behind a backslash

    def feed(self, text: bytes) -> Block:
        """The structure of the text's next block."""
        characters = np.frombuffer(text, np.uint8)
        outside = ~self._within_strings(_words(self._quotes(text, characters)))
        alike = characters | _CASE
        block = Block(
            _words(alike == _OPENING) & outside,
            _words(alike == _CLOSING) & outside,
            _words(characters == _COMMA) & outside if self._with_commas else None,
            before=self._depth,
        )
        self._depth = block.depth
        return block

    def strings(self, text: bytes) -> npt.NDArray[np.bool_]:
        """Which characters of the text's next block stand between the quotes of a string."""
        quotes = self._quotes(text, np.frombuffer(text, np.uint8))
        found: npt.NDArray[np.bool_] = _bits(self._within_strings(_words(quotes)))[: len(text)] & ~quotes
        return found

    def _quotes(self, text: bytes, characters: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
        """The quotes that begin or end a string."""
        quotes: npt.NDArray[np.bool_] = characters == _QUOTE
        if self._escaped or b"\\" in text:
            self._drop_escaped(characters, quotes)
        return quotes

    def _within_strings(self, quotes: _Words) -> _Words:
        """The characters in strings, opening quotes included."""
        within = quotes.copy()
        for shift in _SHIFTS:
            within ^= within << shift
        odd = (within >> _LAST_BIT).astype(np.bool_)
        after = np.logical_xor.accumulate(odd) ^ self._in_string
        before = np.concatenate(([self._in_string], after[:-1]))
        if len(after):
            self._in_string = bool(after[-1])
        return within ^ np.where(before, ~np.uint64(0), np.uint64(0))

    def _drop_escaped(self, characters: npt.NDArray[np.uint8], quotes: npt.NDArray[np.bool_]) -> None:
        """Takes the quotes away that stand behind a backslash which is not itself escaped."""
        if not len(characters):
            return
        backslashes = np.flatnonzero(characters == _BACKSLASH)
        if self._escaped:
            quotes[0] = False
            backslashes = backslashes[1:] if characters[0] == _BACKSLASH else backslashes
        self._escaped = False
        if not len(backslashes):
            return
        # Of a run of backslashes every second one is escaped by the one before it.
        ends = np.flatnonzero(np.append(np.diff(backslashes) > 1, True))
        lengths = np.diff(np.concatenate(([-1], ends)))
        escaped = backslashes[ends[lengths % 2 == 1]] + 1
        if len(escaped) and escaped[-1] == len(characters):
            self._escaped = True
            escaped = escaped[:-1]
        quotes[escaped] = False


def _words(flags: npt.NDArray[np.bool_]) -> _Words:
    packed = np.packbits(flags, bitorder="little")
    missing = -len(packed) % 8
    if missing:
        packed = np.concatenate((packed, np.zeros(missing, np.uint8)))
    return packed.view(np.dtype("<u8"))


def _bits(words: _Words) -> npt.NDArray[np.bool_]:
    return np.unpackbits(words.view(np.uint8), bitorder="little").view(np.bool_)


def _count(words: _Words) -> int:
    if hasattr(np, "bitwise_count"):  # since numpy 2; five times as fast
        return int(np.bitwise_count(words).sum(dtype=np.int64))
    return int(np.count_nonzero(_bits(words)))
