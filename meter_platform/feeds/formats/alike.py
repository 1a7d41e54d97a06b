"""Elements of XML that differ from the one before them in nothing but numbers: taken apart in bulk, as text.

What belongs here: finding such elements, and their numbers. What does not: XML itself, which a parser reads, and what an
element means (`green_button.py`).

A parser has read one element, which is the model of those behind it. Whatever stands between its numbers, names, attributes,
white space, comments, the parser has understood; where the same stands in the same order with other numbers between, it would
report the same but for these. So nothing has to be known of XML here. That text is the model's again and again shows in
passes over all of it: each part of the model becomes a character that XML does not have, one part after another. As far as
nothing is left but these characters in their order, and numbers, the text is made of the parts.

How much is alike is found in stretches that double: so the time is in proportion to what is found, whatever stands behind it.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

Place = tuple[str, str]
"""An element within the model, by its parent's name and its own."""

_NUMBER: Final = re.compile(r"[0-9.-]+", re.ASCII)
_DIGITS: Final = b"0123456789.-"
_SPACE: Final = re.compile(rb"[ \t\r\n]*")
_MARKS: Final = b"\x01\x02\x03\x04\x05\x06\x07\x08"
"""Stand for the parts of a model; the first for what is between one element and the next."""

_TO_LINES: Final = bytes.maketrans(_MARKS, b"\n" + b"," * (len(_MARKS) - 1))
_LONGEST: Final = 8 << 10
"""Bytes of a model at most: patterns of its parts are kept for the next one."""
_FIRST_STRETCH: Final = 1 << 10
"""Bytes that are looked at first."""


@dataclass(frozen=True, slots=True)
class Alike:
    """Elements behind a model.

    Attributes:
        end: where the last one ends.
        count: how many they are.
        lines: their numbers, a line for each element, with commas between them and no end behind the last.
    """

    end: int
    count: int
    lines: bytes


@dataclass(frozen=True, slots=True)
class Model:
    """An element as it is written.

    Attributes:
        parts: what stands before, between and behind its numbers.
        numbers: which number is the text of an element, counted from 0.
        constants: the texts of the other elements in it.
    """

    parts: tuple[bytes, ...]
    numbers: Mapping[Place, int]
    constants: Mapping[Place, str]

    @classmethod
    def of(
        cls, text: bytes, texts: Mapping[Place, str], ends: Mapping[Place, int], *, fixed: Collection[Place] = ()
    ) -> Self | None:
        """A model of an element; `None` where it has no number, too many, or is long.

        Args:
            text: the element.
            texts: of the elements in it, as the parser found them.
            ends: where the end tags of these begin in the text.
            fixed: elements that have to have the same text, whatever it is.
        """
        found = []
        for place, number in texts.items():
            begin, end = ends[place] - len(number), ends[place]
            is_whole = begin > 0 and text[begin - 1 : end] == f">{number}".encode()
            if is_whole and place not in fixed and _NUMBER.fullmatch(number):
                found.append((begin, end, place))
        if not 0 < len(found) <= len(_MARKS) or len(text) > _LONGEST:
            return None
        found.sort()
        edges = [0, *(edge for begin, end, _ in found for edge in (begin, end)), len(text)]
        numbers = {place: number for number, (_, _, place) in enumerate(found)}
        return cls(
            tuple(text[begin:end] for begin, end in zip(edges[::2], edges[1::2], strict=True)),
            numbers,
            {place: said for place, said in texts.items() if place not in numbers},
        )

    def behind(self, text: bytes, begin: int) -> Alike | None:
        """The elements that follow one another from a place on, and are like this one; `None` where there is none.

        Args:
            text: of a document.
            begin: the model's end in it.
        """
        space = _SPACE.match(text, begin)
        before = (space[0] if space else b"") + self.parts[0]
        if not text.startswith(before, begin):
            return None
        end, found = begin, []
        size = sum(map(len, self.parts))
        stretch = max(_FIRST_STRETCH, 4 * size)
        while some := self._within(text, before, end, end + stretch):
            found.append(some)
            # Does it end well before the stretch does, something else begins there.
            is_all = some.end + 2 * size > end + stretch
            end = some.end
            if not is_all:
                break
            stretch *= 2
        if not found:
            return None
        return Alike(end, sum(each.count for each in found), b"\n".join(each.lines for each in found))

    def _within(self, text: bytes, before: bytes, begin: int, stop: int) -> Alike | None:
        """The elements at the beginning of a stretch of text that are like this one.

        Args:
            text: of a document.
            before: what stands before the first number of each.
            begin: where the stretch begins.
            stop: where it ends, perhaps within an element.
        """
        *between, behind = self.parts[1:]
        left = text[begin:stop]
        if not left.startswith(before) or any(mark in left for mark in _MARKS[: len(self.parts) - 1]):
            return None
        parts = dict(zip((behind + before, *between), (_MARKS[at : at + 1] for at in range(len(_MARKS))), strict=False))
        left = left[len(before) :]
        for part, mark in sorted(parts.items(), key=lambda each: -len(each[0])):
            left = _exactly(part).sub(mark, left)
        wanted = _MARKS[1 : len(between) + 1]
        lines = left[: max(left.rfind(behind), 0)]
        marks = lines.translate(None, _DIGITS)
        count = marks.count(_MARKS[:1]) + 1
        if marks != (wanted + _MARKS[:1]) * (count - 1) + wanted:
            run = _run(wanted, behind).match(left)
            lines = run[0].removesuffix(_MARKS[:1]) if run else b""
            marks = lines.translate(None, _DIGITS)
            count = marks.count(_MARKS[:1]) + 1
        if not lines:
            return None
        numbers = len(lines) - len(marks)
        size = count * sum(map(len, (before, *between, behind))) + numbers
        return Alike(begin + size, count, lines.translate(_TO_LINES))


@lru_cache(1 << 8)
def _exactly(part: bytes) -> re.Pattern[bytes]:
    """A part, for `re` to replace: it takes half the time that bytes take for a part of a hundred characters."""
    return re.compile(re.escape(part))


@lru_cache(1 << 8)
def _run(wanted: bytes, behind: bytes) -> re.Pattern[bytes]:
    """Elements one after another, as marks and numbers, up to one that is none of them.

    Args:
        wanted: the marks within an element.
        behind: what stands at the end of one that no other follows.
    """
    number = rb"[0-9.-]*"
    element = number + b"".join(mark.to_bytes() + number for mark in wanted)
    return re.compile(b"(?:" + element + _MARKS[:1] + b")*(?:" + element + b"(?=" + re.escape(behind) + b"))?")
