"""What a file is that is not JSON, or no document of readings: what gets saved as one by mistake, in words for a person.

What belongs here: recognising them by their first bytes, or by their keys. What does not: the form of a reading file,
and the codes of its faults (`json_document.py`).
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

_HEAD_BYTES: Final = 1024
"""Enough to tell a page from a picture."""

_FEW_BYTES: Final = 64
"""Enough characters to tell an encoding by where its zero bytes are."""

_BINARY: Final = {
    b"\x89PNG": "a picture (PNG)",
    b"\xff\xd8\xff": "a picture (JPEG)",
    b"GIF8": "a picture (GIF)",
    b"\x1f\x8b": "compressed (gzip): unpack it first",
    b"BZh": "compressed (bzip2): unpack it first",
    b"\xfd7zXZ": "compressed (xz): unpack it first",
    b"\x28\xb5\x2f\xfd": "compressed (zstd): unpack it first",
    b"PK\x03\x04": "an archive (ZIP), or a spreadsheet: unpack it, or export it as JSON, first",
    b"PAR1": "a Parquet file",
    b"SQLite format 3": "a SQLite database",
    b"\xd0\xcf\x11\xe0": "a document of an office program: export it as JSON first",
}
_TEXTS: Final = {
    re.compile(rb"%PDF"): "the file is a document (PDF), not JSON",
    re.compile(rb"\s*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE): (
        "the file is a web page (HTML), such as a login or an error page that was saved as data: fetch it again"
    ),
    re.compile(rb"\s*<(?:\?xml|[a-z])", re.IGNORECASE): "the file is XML, not JSON",
    # The first line: some names, none longer than names are.
    re.compile(
        rb"\s*@(?:[,;\t]@)+\s*[\r\n]".replace(b"@", rb"""(?:"[^"\r\n]{1,64}"|[a-z_][\w ()/%.-]{0,63})"""), re.IGNORECASE
    ): ("the file looks like comma-separated values (CSV), not JSON"),
}

_RESULTS: Final = {"count", "results"}
_ERROR_KEYS: Final = {"error", "errors", "message", "detail", "status", "code", "error_description", "fault"}


@dataclass(frozen=True, slots=True)
class OtherFormat:
    """What a file looks like.

    Attributes:
        is_text: its characters can be read; they are no JSON.
        said: the same for a person.
    """

    is_text: bool
    said: str


def other_format(content: bytes) -> OtherFormat | None:
    """What a file is by its first bytes; `None` where they may be those of JSON, or of anything."""
    head = content[:_HEAD_BYTES]
    for mark, kind in _BINARY.items():
        if head.startswith(mark):
            return OtherFormat(is_text=False, said=f"the file is {kind}")
    encoding = _encoding(head)
    if encoding:
        return encoding
    for pattern, said in _TEXTS.items():
        if pattern.match(head):
            return OtherFormat(is_text=True, said=said)
    return None


def kind_of_answer(keys: Collection[str]) -> str:
    """What a JSON object looks like by its keys, as the rest of a sentence; nothing where it looks like nothing known."""
    found = set(keys)
    if found >= _RESULTS:
        return ": it looks like a page of results from an API, such as Octopus Energy's"
    if found and len(found & _ERROR_KEYS) * 2 >= len(found):
        return ": it looks like an error that a server answered in place of the file"
    return ""


def _encoding(head: bytes) -> OtherFormat | None:
    """Whether the text is UTF-16 or UTF-32 without a mark: of each ASCII character all bytes but one are zero."""
    start = head[:_FEW_BYTES]
    if not any(start):
        if not start:
            return None
        said = "the file begins with zero bytes: its space may have been taken and its content never written"
        return OtherFormat(is_text=True, said=said)
    for width, name in ((4, "UTF-32"), (2, "UTF-16")):
        characters = [start[place : place + width] for place in range(0, len(start) - width + 1, width)]
        if characters and all(character.count(0) == width - 1 for character in characters):
            said = f"the file looks like {name}, for zero bytes stand between its characters: write it as UTF-8"
            return OtherFormat(is_text=False, said=said)
    return None
