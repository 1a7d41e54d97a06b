"""Patterns of paths below the folder of reading files: which file a feed takes, and what its path says.

What belongs here: the language of patterns. What does not: feeds (`feed.py`), and listing files (`files.py`).

`*` and `?` stand for any characters of one name, `**/` for any folders, and `{meterpoint}`, `{serial}` or `{register}` for
a part of a name that every row of the file is about. A pattern without a slash takes files in any folder. Compressed files
need no pattern of their own: `*.csv` takes `*.csv.gz` and `*.csv.zst`, too.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

PLACES: Final = ("meterpoint", "serial", "register")
"""What a path may say of all rows of its file."""

COMPRESSED: Final = (".gz", ".zst")
"""Endings of compressed files that are read."""

_PART: Final = re.compile(r"\*\*/|\*\*|\*|\?|\{[^{}]*\}|[^*?{}]+|[{}]")
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ANY_COMPRESSION: Final = "(" + "|".join(re.escape(ending) for ending in COMPRESSED) + ")?"


@dataclass(frozen=True)
class Pattern:
    """A pattern of paths.

    Args:
        text: as it is configured.

    Raises:
        ValueError: it cannot be one.
    """

    text: str

    def __post_init__(self) -> None:
        """Refuse what no file could have as its path, or what means nothing."""
        if not self.text or self.text.startswith("/") or "://" in self.text:
            raise ValueError("it is a path below the folder of reading files, such as smets1/*.json")
        if "\\" in self.text or "//" in self.text or ".." in self.text.split("/"):
            raise ValueError("its parts are names with one / between them")
        refuse_bad_places([part for part in _PART.findall(self.text) if part[0] in "{}"])

    @cached_property
    def regular_expression(self) -> str:
        """The same for Postgres and Python, for whole paths, with groups in order of `places` and one more at the end."""
        text = self.text if "/" in self.text else f"**/{self.text}"
        return "^" + "".join(map(_translated, _PART.findall(text))) + _ANY_COMPRESSION + "$"

    @cached_property
    def places(self) -> list[str]:
        """What its groups are, in order."""
        return [part[1:-1] for part in _PART.findall(self.text) if part[0] == "{"]

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.regular_expression, re.DOTALL)

    def match(self, path: str) -> dict[str, str] | None:
        """What a path says of its file's rows; `None` where the pattern does not take the file."""
        found = self._compiled.fullmatch(path)
        return None if found is None else dict(zip(self.places, found.groups(), strict=False))

    def path(self, said: Mapping[str, str], *, folders: str, name: str) -> str | None:
        """A path that the pattern takes, for a file that is yet to be written.

        Args:
            said: what each of `places` is for the file: parts of a name.
            folders: what stands for `**/`: folders with slashes between them, or nothing.
            name: what stands for the `*` of the file's name.

        Returns:
            `None` where the pattern leaves anything else open, has no `*` in the file's name to tell files apart by, or
            what is said is no plain name.
        """
        if not all(is_plain(said[place]) for place in self.places):
            return None
        text = self.text if "/" in self.text else f"**/{self.text}"
        above, slash, last = text.rpartition("/")
        if last.count("*") != 1 or "*" in above.replace("**/", "").removesuffix("**") or "?" in text:
            return None
        path = f"{above}{slash}".replace("**/", f"{folders}/" if folders else "") + last.replace("*", name)
        for place in self.places:
            path = path.replace(f"{{{place}}}", said[place])
        return path if self.match(path) is not None else None


def refuse_bad_places(parts: Sequence[str]) -> None:
    """Refuses parts of a pattern in braces that mean nothing, or stand in it twice.

    Raises:
        ValueError: naming the first.
    """
    known = [f"{{{place}}}" for place in PLACES]
    for number, part in enumerate(parts):
        if part not in known:
            raise ValueError(f"{part} means nothing: there are {', '.join(known)}")
        if part in parts[:number]:
            raise ValueError(f"{part} stands in it once")


def is_plain(name: str) -> bool:
    """Whether a meterpoint, a serial or a register may become a part of a path that the platform writes."""
    return bool(_PLAIN.fullmatch(name))


def without_compression(path: str) -> tuple[str, str]:
    """A path without the ending of a compressed file, and that ending; `""` where it has none."""
    for ending in COMPRESSED:
        if path.endswith(ending):
            return path.removesuffix(ending), ending
    return path, ""


def _translated(part: str) -> str:
    match part:
        case "**/":
            return "(?:.*/)?"
        case "**":
            return ".*"
        case "*":
            return "[^/]*"
        case "?":
            return "[^/]"
    return "([^/]+)" if part[0] == "{" else re.escape(part)
