"""The formats of what interval APIs answer: Octopus Energy's `results` and n3rgy's `values`, saved as files.

What belongs here: both answers. What does not: fetching them, and all that formats of tables share (`taken_apart.py`).

Such an answer is a page of at most some thousand readings, and is read whole. Its meterpoint is in the URL that it came
from, so that the file's path has to say it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

import pyarrow as pa
from pydantic import AfterValidator, Field, model_validator

from meter_platform.feeds.feed import Feed, Keys, Label, Zone
from meter_platform.feeds.formats.format import WHOLE_BYTES, NumberText, Readable
from meter_platform.feeds.formats.json_document import parse_json, row_text
from meter_platform.feeds.formats.lines import UTF8, Encoding, whole
from meter_platform.feeds.formats.lookalikes import kind_of_answer
from meter_platform.feeds.formats.taken_apart import FormatOfTables, Found
from meter_platform.feeds.malformed import FileReason, MalformedFileError
from meter_platform.feeds.patterns import PLACES

_ROWS: Final = 10_000
"""Rows that are handed on at once."""

_COLUMNS: Final = ("interval_start", "consumption_delta", "raw_text", "fault", "code")
_OTHER: Final = "other_quantity"

Cells = tuple[str, str, str, str | None, str | None]
"""Of a row: time, value, text, fault and its code."""


def _address(url: str) -> str:
    """A URL to which a key may be sent: with TLS, or within this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    plain = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost", "::1"}
    if not parts.hostname or parts.username or parts.query or not (parts.scheme == "https" or plain):
        raise ValueError("it is the address of an API, such as https://api.octopus.energy")
    return url.rstrip("/")


class _AnswersFeed(Feed):
    """A feed of answers.

    Attributes:
        encoding: of the files.
    """

    encoding: Encoding = UTF8

    def places_needed(self) -> Sequence[str]:
        """The meterpoint: no answer has it."""
        return ("meterpoint",)


class Fetch(Keys):
    """Where pages are fetched from (`meter-platform fetch`), and of which meters.

    Attributes:
        meters: a CSV file with the columns `meterpoint` and `serial`; a path from the folder of the feeds' file on.
        since: the first local date that is wanted; the first reference date where it is not given.
        look_back_days: so many days before the newest reading are asked for again, for what was corrected since.
        url: of the API.
    """

    meters: str
    since: date | None = None
    look_back_days: Annotated[int, Field(ge=1, le=366)] = 10
    url: Annotated[str, AfterValidator(_address)] = "https://api.octopus.energy"


class OctopusFeed(_AnswersFeed):
    """A feed of pages of Octopus Energy's consumption endpoint. Their times have offsets.

    Attributes:
        label: of `interval_start`.
        fetch: where pages are fetched from; it does not change how they are read.
    """

    format: Literal["octopus"]
    label: Literal["start"] | None = "start"
    fetch: Annotated[Fetch | None, Field(exclude=True)] = None

    @model_validator(mode="after")
    def _has_a_place(self) -> Self:
        if self.fetch and self.place(dict.fromkeys(PLACES, "1"), "1") is None:
            raise ValueError(
                "key 'paths': what is fetched needs a place: write the first as folders/{meterpoint}/{serial}/*.json"
            )
        return self

    def place(self, said: Mapping[str, str], name: str) -> str | None:
        """The path of a fetched file; `None` where the first of `paths` leaves it open.

        Args:
            said: the meterpoint and the serial.
            name: of the file.
        """
        return self.patterns[0].path(said, folders="", name=name)

    def places_needed(self) -> Sequence[str]:
        """The meterpoint, and where pages are fetched its meter, too: its own file has each."""
        return ("meterpoint", "serial") if self.fetch else ("meterpoint",)

    def reader(self, said: dict[str, str]) -> "Octopus":
        """The format of its files."""
        return Octopus(self, said)


class N3rgyFeed(_AnswersFeed):
    """A feed of n3rgy's answers. Their times are UTC and, but for old meters, name the end of the half hour.

    Attributes:
        label: of `timestamp`.
        zone: of `timestamp`.
    """

    format: Literal["n3rgy"]
    label: Label | None = "end"
    zone: Zone | None = "UTC"

    def reader(self, said: dict[str, str]) -> "N3rgy":
        """The format of its files."""
        return N3rgy(self, said)


@dataclass(frozen=True)
class _Answers(FormatOfTables):
    """Answers of an API; see `Format` for what its methods do."""

    feed: _AnswersFeed

    def _answer(self, stream: Readable, rows_are_in: str) -> tuple[dict[str, Any], list[Any]]:
        """The answer in a file, and the list in it that has the rows."""
        content = self._content(stream)
        if not content:
            raise MalformedFileError(FileReason.EMPTY, "the file has no content")
        answer = parse_json(content)
        if not isinstance(answer, dict) or not isinstance(answer.get(rows_are_in), list):
            kind = kind_of_answer(answer) if isinstance(answer, dict) else ""
            raise MalformedFileError(FileReason.NOT_A_DOCUMENT, f'the file has no list "{rows_are_in}"{kind}')
        return answer, answer[rows_are_in]

    def _content(self, stream: Readable) -> bytes:
        if self.feed.encoding != UTF8:
            return whole(stream, self.feed.encoding)
        content = stream.read(WHOLE_BYTES + 1)
        if len(content) > WHOLE_BYTES:
            raise MalformedFileError(FileReason.TOO_LARGE, f"an answer has at most {WHOLE_BYTES >> 20} MiB")
        return content

    def _found(self, rows: Iterator[Cells], **constants: str) -> Iterator[Found]:
        """Tables of rows."""
        some: list[Cells] = []
        for row in rows:
            some.append(row)
            if len(some) == _ROWS:
                yield Found.with_texts(_table(some, constants))
                some = []
        if some:
            yield Found.with_texts(_table(some, constants))


def _table(rows: Sequence[Cells], constants: dict[str, str]) -> pa.Table:
    columns = {
        name: pa.array(values, pa.string()) for name, values in zip(_COLUMNS, zip(*rows, strict=True), strict=True)
    }
    return pa.table(columns | {name: pa.array([text] * len(rows), pa.string()) for name, text in constants.items()})


@dataclass(frozen=True)
class Octopus(_Answers):
    """Pages of Octopus Energy's consumption endpoint."""

    feed: OctopusFeed

    def tables(self, stream: Readable, size: int, chunk_bytes: int) -> Iterator[Found]:  # noqa: ARG002 - the protocol's signature
        """The rows of a page."""
        _, rows = self._answer(stream, "results")
        minutes = self.feed.interval_minutes
        yield from self._found(_octopus_row(row, minutes) for row in rows)


def _octopus_row(row: Any, minutes: int) -> Cells:  # noqa: ANN401 - JSON is any value
    text = row_text(row)
    if not isinstance(row, dict) or not {"consumption", "interval_start"} <= row.keys():
        return "", "", text, "the result has no consumption or no interval_start", "not_a_row"
    start, end = _text(row["interval_start"]), _text(row.get("interval_end"))
    if end and _minutes_between(start, end) not in {None, minutes}:
        return (
            start,
            _number(row["consumption"]),
            text,
            f"the interval is not of {minutes} minutes",
            "misaligned_interval",
        )
    return start, _number(row["consumption"]), text, None, None


def _minutes_between(start: str, end: str) -> float | None:
    try:
        length = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    except (ValueError, TypeError):
        return None
    return length / timedelta(minutes=1)


@dataclass(frozen=True)
class N3rgy(_Answers):
    """Answers of n3rgy."""

    feed: N3rgyFeed

    def tables(self, stream: Readable, size: int, chunk_bytes: int) -> Iterator[Found]:  # noqa: ARG002 - the protocol's signature
        """The rows of an answer."""
        answer, rows = self._answer(stream, "values")
        resource, unit = _text(answer.get("resource")).lower(), _text(answer.get("unit")).lower()
        is_other = "gas" in resource or unit not in {"", "kwh"}
        fault = "the answer is of gas, or in another unit than kWh" if is_other else None
        register = "export" if "production" in resource else "import"
        yield from self._found((_n3rgy_row(row, fault) for row in rows), register=register)


def _n3rgy_row(row: Any, fault: str | None) -> Cells:  # noqa: ANN401 - JSON is any value
    text = row_text(row)
    if not isinstance(row, dict) or not {"value", "timestamp"} <= row.keys():
        return "", "", text, "the row has no value or no timestamp", "not_a_row"
    return _text(row["timestamp"]), _number(row["value"]), text, fault, None if fault is None else _OTHER


def _text(value: object) -> str:
    return str(value) if isinstance(value, str) and not isinstance(value, NumberText) else ""


def _number(value: object) -> str:
    return str(value) if isinstance(value, str) else ""
