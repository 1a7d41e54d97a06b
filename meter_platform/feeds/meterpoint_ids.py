"""Tells the id of a meterpoint from whatever else stands in its column.

What belongs here: the rule for a single id. What does not: other columns (`validation.py`), ids in bulk (`bulk_validation.py`).

Two meterpoints whose ids were both lost to "nan" or to "1.01235E+12" would replace each other's readings, and one whose
id has a blank too many has no agreement. So whatever a spreadsheet, an export or a join leaves in place of an id is none.
"""

import re
from typing import Final

LONGEST_METERPOINT_ID: Final = 64
"""Characters of a meterpoint id: an MPAN has 13, a UUID 36; a longer text is not an id."""

NO_VALUES: Final = ("nan", "null", "none", "n/a", "#n/a", "<na>", "undefined")
"""What programs write where there is no value, in any case."""

APOSTROPHES: Final = "'\u2018\u2019"
"""Spreadsheets take text for text that begins with one; some exports leave it there."""

FORMULA_SIGNS: Final = "=+-@"
"""Spreadsheets take text for a formula that begins with one."""

_EXPONENT: Final = re.compile(r"[+-]?[0-9.,]*[0-9][0-9.,]*[eE][+-][0-9]+|[0-9]+[.,][0-9]*[eE][0-9]+")
"""A number as spreadsheets shorten it. Serial numbers such as 19E0123456 have neither a sign nor a point."""


def why_no_id(value: object, *, is_number: bool) -> str | None:
    """Why a value is no id, as a sentence; `None` where it is one. The value itself is not repeated.

    Args:
        value: a row's meterpoint_id.
        is_number: it stands as a number in the document; the value is that number as it is written.
    """
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_METERPOINT_ID or not value.isprintable():
        return f"meterpoint_id is no text of 1 to {LONGEST_METERPOINT_ID} printable characters"
    if is_number:
        # A number is one if it is digits and nothing else.
        return None if value.isdecimal() else "meterpoint_id is a number with a sign, a fraction or an exponent"
    return _why_no_id(value)


def _why_no_id(text: str) -> str | None:
    bare = text.strip()
    if bare != text:
        return "meterpoint_id has blanks around it" if bare else "meterpoint_id is blank"
    if text[0] in APOSTROPHES:
        return "meterpoint_id begins with an apostrophe, as spreadsheets mark text"
    if text.lower() in NO_VALUES:
        return "meterpoint_id is a word for no value, such as null or nan"
    if _EXPONENT.fullmatch(text):
        return "meterpoint_id is a number with an exponent, as spreadsheets shorten long ones: its digits are lost"
    if text[0] in FORMULA_SIGNS:
        return "meterpoint_id begins like a formula, with = + - or @"
    return None
