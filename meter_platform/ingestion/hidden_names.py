"""Names of files without what tells whose they are: the id of an erased meterpoint, the serial number of its meter.

What belongs here: which parts of a path are hidden, and what stands there. What does not: names in the catalogue
(`erase_names.py`).

The name of a file lies within the name of its folder: what stands for a part of a path depends on that part and on those
before it alone. A name that is hidden in part becomes, when more is known, what the name itself would.
"""

import re
from typing import Final

from meter_platform.ingestion.pseudonyms import IN_NAMES, Pseudonyms
from meter_platform.ingestion.tokens import Tokens

_SUFFIXES: Final = re.compile(r"(\.[a-z]+)*$")
"""What kind of file it is, by its name: `.json.gz`. A number is none."""


def hidden(url: str, ids: Tokens, meters: Tokens, pseudonyms: Pseudonyms) -> str:
    """A URL, without the first part of its path that has an id or a serial number in it, and without all parts below.

    Beside and below an id stands whatever a supplier knows of a customer. What kind of file it is stays, and where its
    folders lie.

    Args:
        url: of a file or of a folder.
        ids: of erased meterpoints. Each has a pseudonym of its own in the name.
        meters: serial numbers of their meters.
        pseudonyms: by which.
    """
    ends = [end for tokens in (ids, meters) for _, end in tokens.spans_in(url)]
    if not ends:
        return url
    parts = url.split("/")
    first = url.count("/", 0, min(ends))
    return "/".join([*parts[:first], *(_hidden_part(part, ids, pseudonyms) for part in parts[first:])])


def _hidden_part(part: str, ids: Tokens, pseudonyms: Pseudonyms) -> str:
    """A part of a path: the pseudonyms of ids in it, one for everything else, and what kind of file it is."""
    # Every other piece is a pseudonym that is there already.
    pieces = [
        piece if number % 2 else _with_pseudonyms(piece, ids, pseudonyms)
        for number, piece in enumerate(IN_NAMES.split(part))
    ]
    part = "".join(pieces)
    stem = _SUFFIXES.sub("", part)
    kind = part.removeprefix(stem)
    rest = IN_NAMES.sub("", stem)
    others = [pseudonyms.in_names(rest)] if any(map(str.isalnum, rest)) else []
    return "-".join([*dict.fromkeys(IN_NAMES.findall(stem)), *others]) + kind


def _with_pseudonyms(text: str, ids: Tokens, pseudonyms: Pseudonyms) -> str:
    for found in {text[start:end]: None for start, end in ids.spans_in(text)}:
        text = text.replace(found, pseudonyms.in_names(found))
    return text
