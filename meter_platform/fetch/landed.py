"""What has been fetched of a meter, as its files say it, and a new file of what has not.

What belongs here: the names of fetched files, and what is new in an answer. What does not: asking for answers.

A file has the results that were new when it was fetched, or had another value than before, as the API gave them:
`FROM_TO_FETCHED.json`. The files are the only memory: what is removed from them is fetched again, and counts once.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from meter_platform.feeds.files import Beside, ListedFile, ReadingFolder
from meter_platform.feeds.formats.json_document import parse_json, row_text
from meter_platform.feeds.malformed import MalformedFileError

_TIME: Final = "%Y%m%dT%H%MZ"
_FETCHED: Final = "%Y%m%dT%H%M%S%fZ"
_NAME: Final = re.compile(r"(\d{8}T\d{4}Z)_(\d{8}T\d{4}Z)_(\d{8}T\d{12}Z)(?=\D|$)")


@dataclass(frozen=True, slots=True)
class Result:
    """One result of the API.

    Attributes:
        start: of its interval, in UTC; `None` where the result does not say it.
        text: of it.
        value: of `consumption`, as it is written.
    """

    start: datetime | None
    text: str
    value: str

    @property
    def key(self) -> object:
        """What a newer one with the same takes the place of."""
        return self.start or self.text


@dataclass(frozen=True, slots=True)
class Landed:
    """The files of one meter.

    Attributes:
        files: those that were fetched, oldest first, each with the first and the last start of its results.
    """

    files: Sequence[tuple[datetime, datetime, ListedFile]]

    @classmethod
    def of(cls, folder: ReadingFolder, path: str) -> "Landed":
        """Those of the meter whose files are put to a path, whatever its name is."""
        above, _, _ = f"{folder.root}/{path}".rpartition("/")
        try:
            listed = list(folder.files_in(above, Beside()))
        except FileNotFoundError:
            listed = []
        return cls([(first, last, file) for _, first, last, file in sorted(_named(listed), key=lambda each: each[0])])

    @property
    def newest(self) -> datetime | None:
        """The start of the newest reading."""
        return max((last for _, last, _ in self.files), default=None)

    def values(self, folder: ReadingFolder, since: datetime) -> dict[object, str]:
        """The newest value of each half hour from a moment on."""
        found: dict[object, str] = {}
        for _, last, file in self.files:
            if last >= since:
                with folder.open(file) as opened:
                    found |= {result.key: result.value for result in _results_of_a_file(opened.read())}
        return found


def results(rows: Iterable[Any]) -> list[Result]:
    """Results, as an answer has them."""
    return [_result(row) for row in rows]


def name_of(news: Sequence[Result], fetched: datetime) -> str:
    """What the file of some results is called, without its ending."""
    starts = [result.start for result in news if result.start] or [fetched]
    return f"{min(starts):{_TIME}}_{max(starts):{_TIME}}_{fetched:{_FETCHED}}"


def content_of(news: Sequence[Result], fetched: datetime) -> bytes:
    """The file of some results: a page of the API, which says when it was fetched."""
    head = f'{{"fetched_at": {json.dumps(fetched.isoformat())}, "count": {len(news)}, "results": [\n'
    return (head + ",\n".join(result.text for result in news) + "\n]}\n").encode()


def _named(listed: Iterable[ListedFile]) -> Iterator[tuple[str, datetime, datetime, ListedFile]]:
    for file in listed:
        if found := _NAME.search(file.path.rpartition("/")[2]):
            first, last = (datetime.strptime(found[part], _TIME).replace(tzinfo=UTC) for part in (1, 2))
            yield found[3], first, last, file


def _results_of_a_file(content: bytes) -> list[Result]:
    try:
        document = parse_json(content)
    except MalformedFileError:
        return []  # the platform quarantines it; what it had is fetched again
    rows = document.get("results") if isinstance(document, dict) else None
    return results(rows) if isinstance(rows, list) else []


def _result(row: Any) -> Result:  # noqa: ANN401 - JSON is any value
    given = row if isinstance(row, dict) else {}
    return Result(_start(given.get("interval_start")), row_text(row), str(given.get("consumption")))


def _start(given: object) -> datetime | None:
    try:
        start = datetime.fromisoformat(str(given))
    except ValueError:
        return None
    return start.astimezone(UTC) if start.tzinfo else None
