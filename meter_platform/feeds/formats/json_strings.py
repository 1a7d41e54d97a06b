"""Stand-ins for the characters of strings that would be taken for the structure of rows.

In `"Bath, [GB]"` a comma is no end of a value, nor a bracket one of a row. Where such characters, or escapes, are in
strings of a text, they are replaced by control characters, which JSON has none of: then the text can be taken apart like any
other, and each different string is read as JSON afterwards.

What belongs here: putting stand-ins in, and reading strings that have some. What does not: rows (`json_rows.py`), and
where strings begin and end (`json_structure.py`).
"""

import json
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from meter_platform.feeds.formats.json_structure import Structure

_MEANT: Final = b',[]\\"'
_STANDING: Final = b"\x01\x02\x03\x04\x05"
STAND_INS: Final = frozenset(_STANDING)
"""The stand-ins. No string of JSON has them as they are."""

_PUT_IN: Final = bytes.maketrans(_MEANT, _STANDING)
_TAKE_OUT: Final = dict(zip(_STANDING, _MEANT.decode(), strict=True))

_ANY_STAND_IN: Final = r"[\x01-\x05]"
_WRITTEN_ANEW: Final = "^[ -~]*$"

STRING: Final = r'"(?:[^"\x04\x05]|\x04(?:[\x04\x05/bfnrt]|u[0-9a-fA-F]{4}))*"'
"""A string in which each escape is one of JSON's, if its characters are stand-ins where they have to be."""


def with_stand_ins(text: bytes) -> bytes | None:
    """A text with stand-ins in its strings; `None` where it cannot be JSON for what is in them.

    Args:
        text: of whole values, so that it does not begin within a string.
    """
    if not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError:
            return None
    if any(stand_in in text for stand_in in STAND_INS):
        return None
    replaced = np.frombuffer(text.translate(_PUT_IN), np.uint8)
    characters = np.array(np.frombuffer(text, np.uint8))
    # Few characters: choosing between the two for each one takes twice as long.
    changed = np.flatnonzero((replaced != characters) & Structure().strings(text))
    characters[changed] = replaced[changed]
    return characters.tobytes()


def have_stand_ins(texts: pa.StringArray) -> bool:
    """Whether there is a stand-in in any text."""
    content = (texts.buffers()[-1] or pa.py_buffer(b"")).to_pybytes()
    return any(stand_in in content for stand_in in STAND_INS)


def as_meant(texts: pa.StringArray) -> tuple[pa.StringArray, pa.BooleanArray]:
    """What strings say, and which say something that UTF-8 can: a half of a character says nothing.

    Args:
        texts: strings without their quotes, with stand-ins.
    """
    some = pc.match_substring_regex(texts, _ANY_STAND_IN)
    meant = pc.replace_with_mask(texts, some, pa.array(map(_meant, texts.filter(some).to_pylist()), pa.string()))
    return meant.fill_null(""), meant.is_valid()


def as_written_anew(values: pa.StringArray) -> pa.StringArray:
    """Values of JSON as they are written where nothing is known of how they were: strings in ASCII.

    Args:
        values: sound ones, perhaps with stand-ins.
    """
    some = pc.invert(pc.match_substring_regex(values, _WRITTEN_ANEW))
    anew = [json.dumps(json.loads(value.translate(_TAKE_OUT))) for value in values.filter(some).to_pylist()]
    return pc.replace_with_mask(values, some, pa.array(anew, pa.string()))


def _meant(text: str) -> str | None:
    try:
        meant: str = json.loads(f'"{text.translate(_TAKE_OUT)}"')
        meant.encode()
    except ValueError:  # no string of JSON, or a lone surrogate
        return None
    return meant
