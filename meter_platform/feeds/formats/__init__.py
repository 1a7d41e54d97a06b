"""The formats of reading files, one module each: how bytes become rows that nobody has validated.

What belongs here: `format.py` says what every format has to be able to do; `FORMATS` lists those that are recognised by
a file's name, `of_feeds.py` those that a feed may name, each with the keys that its feeds have. A new format is one file
and one line in a list. What never does: what a row has to be, which is the same in every format
(`validation.py`, `bulk_validation.py`), and anything about Postgres.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from meter_platform.feeds.formats.format import Chunk, Format, UnvalidatedRows
from meter_platform.feeds.formats.json_document import JsonDocument

FORMATS: Final[list[Format]] = [
    JsonDocument(),  # *.json: {"columns": [...], "data": [[...], ...]}
]
"""Formats of files that no feed is configured for, in the order in which they are asked whether they recognise a name."""


def format_of(name: str) -> Format | None:
    """The format of a file by its name, with or without folders before it; `None` where no format recognises it."""
    for candidate in FORMATS:
        if candidate.recognises(name):
            return candidate
    return None


def in_bulk(chunks: Sequence[tuple[Hashable, Format, Chunk]]) -> Iterator[UnvalidatedRows]:
    """The regular rows of chunks of any formats, those of one kind and layout together; mostly there is one of each.

    Args:
        chunks: each with its kind, which its rows are validated by, and its format.
    """
    layouts: dict[tuple[Hashable, Format, Hashable], list[int]] = {}
    for index, (kind, known, chunk) in enumerate(chunks):
        layouts.setdefault((kind, known, chunk.layout), []).append(index)
    for (_, known, _), indexes in layouts.items():
        rows = known.in_bulk([chunks[index][2] for index in indexes])
        if rows:
            yield replace(rows, chunks=[indexes[index] for index in rows.chunks])


def suffixes() -> str:
    """What the names of reading files end in, for a person."""
    return " or ".join(known.suffix for known in FORMATS)
