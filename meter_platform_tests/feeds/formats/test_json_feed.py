"""JSON in other encodings than UTF-8, where the feed says so: documents, and answers of interval APIs."""

import codecs
import json
from decimal import Decimal
from pathlib import Path

import pytest

from meter_platform_tests.feeds.configured import accepted, assert_accounted, read_file

DOCUMENT = {
    "columns": ["meterpoint_id", "interval_start", "consumption_delta", "note"],
    "data": [["home-é", "2021-06-01 01:00:00", 0.125, "ü"]],
}
PAGE = {"count": 1, "results": [{"consumption": 0.125, "interval_start": "2021-06-01T00:00:00Z"}]}


def feed(kind: str, encoding: str | None) -> str:
    said = f'encoding = "{encoding}"\n' if encoding else ""
    return f'[feeds.a]\nformat = "{kind}"\npaths = "{{meterpoint}}.json"\n{said}'


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [(None, b""), (None, codecs.BOM_UTF8), ("utf-16", b""), ("utf-16-le", b""), ("cp1252", b""), ("utf-8-sig", b"")],
)
@pytest.mark.parametrize(("kind", "content"), [("json", DOCUMENT), ("octopus", PAGE)])
def test_a_file_is_read_in_the_encoding_of_its_feed(
    tmp_path: Path, kind: str, content: dict[str, object], encoding: str | None, mark: bytes
) -> None:
    text = mark + json.dumps(content, ensure_ascii=False).encode(encoding or "utf-8")

    read = read_file(tmp_path, feed(kind, encoding), "home.json", text)

    meterpoint = "home-é" if kind == "json" else "home"
    assert accepted(read) == [(meterpoint, "06-01 00:00Z", Decimal("0.125"))]
    assert_accounted(read)


def test_a_long_document_has_its_columns_at_the_end(tmp_path: Path) -> None:
    rows = [[f"home-{number}", "2021-06-01 01:00:00", 0.125] for number in range(40_000)]
    text = json.dumps({"data": rows, "columns": DOCUMENT["columns"][:3]})  # type: ignore[index] # a list

    read = read_file(tmp_path, feed("json", "utf-16"), "home.json", text.encode("utf-16"))

    assert len(accepted(read)) == 40_000


@pytest.mark.parametrize(("kind", "content"), [("json", DOCUMENT), ("octopus", PAGE)])
@pytest.mark.parametrize(
    ("encoding", "written_as"), [(None, "utf-16"), (None, "latin-1"), ("utf-16", "utf-8"), ("ascii", "utf-8")]
)
def test_another_encoding_than_its_feed_says_is_quarantined(
    tmp_path: Path, kind: str, content: dict[str, object], encoding: str | None, written_as: str
) -> None:
    # An odd number of bytes, and a character beyond ASCII.
    text = json.dumps({"note": "é" if written_as == "utf-8" else "é.", **content}, ensure_ascii=False)
    body = text.encode(written_as)
    body += b" " * (written_as == "utf-8" and len(body) % 2 == 0)

    read = read_file(tmp_path, feed(kind, encoding), "home.json", body)

    assert read.account is not None
    assert (read.account.malformed or "").startswith("not_utf8"), read.account.malformed
