"""What interval APIs answer: Octopus Energy's results, newest first, and n3rgy's values."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from meter_platform_tests.feeds.configured import accepted, assert_accounted, read_file, rejected

OCTOPUS = '[feeds.octopus]\nformat = "octopus"\npaths = "{meterpoint}/{serial}/*.json"\n'
N3RGY = '[feeds.n3rgy]\nformat = "n3rgy"\npaths = "{meterpoint}.json"\n'


def result(start: str, end: str, kwh: object = 0.5) -> dict[str, object]:
    return {"consumption": kwh, "interval_start": start, "interval_end": end}


def test_a_page_of_octopus_through_the_autumn_hour(tmp_path: Path) -> None:
    page = {
        "count": 3,
        "next": None,
        "previous": None,
        "results": [
            result("2021-10-31T01:00:00Z", "2021-10-31T01:30:00Z", 0.1),
            result("2021-10-31T01:30:00+01:00", "2021-10-31T01:00:00Z", 0.2),
            result("2021-10-31T01:00:00+01:00", "2021-10-31T01:30:00+01:00", None),
            result("2021-10-30T00:00:00+01:00", "2021-10-31T00:00:00+01:00", 12.5),
            {"total": 1},
        ],
    }

    read = read_file(tmp_path, OCTOPUS, "1012345/S-1/page1.json", json.dumps(page))

    assert accepted(read) == [("1012345", "10-31 01:00Z", Decimal("0.1")), ("1012345", "10-31 00:30Z", Decimal("0.2"))]
    assert [row[0] for row in rejected(read)] == ["not_a_number", "misaligned_interval", "not_a_row"]
    assert rejected(read)[-1][3] == '{"total": 1}'
    assert_accounted(read)


def answer(resource: str = "/2-123/electricity/consumption/1", unit: str = "kWh") -> str:
    values = [
        {"value": 0.5, "timestamp": "2021-06-01 00:30"},
        {"value": 16777.215, "timestamp": "2021-06-01 01:00"},
        {"value": 0.12345678901234566, "timestamp": "2021-06-01 01:30"},
    ]
    return json.dumps({"resource": resource, "granularity": "halfhour", "unit": unit, "values": values})


def test_an_answer_of_n3rgy_names_ends_in_utc(tmp_path: Path) -> None:
    read = read_file(tmp_path, N3RGY, "1012345.json", answer())

    assert accepted(read) == [
        ("1012345", "06-01 00:00Z", Decimal("0.5")),
        ("1012345", "06-01 01:00Z", Decimal("0.12345678901234566")),
    ]
    assert [row[0] for row in rejected(read)] == ["sentinel"]


@pytest.mark.parametrize(
    ("resource", "unit"), [("/gas/consumption/1", "m3"), ("/gas/consumption/1", "kWh"), ("x", "m3")]
)
def test_gas_is_no_electricity(tmp_path: Path, resource: str, unit: str) -> None:
    read = read_file(tmp_path, N3RGY, "1012345.json", answer(resource, unit))

    assert [row[0] for row in rejected(read)] == ["other_quantity"] * 3
    assert_accounted(read)


@pytest.mark.parametrize(
    ("content", "malformed"),
    [
        ("", "empty: the file has no content"),
        ("[]", 'not_a_document: the file has no list "results"'),
        (
            '{"detail": "Not found."}',
            'not_a_document: the file has no list "results": it looks like an error that a server',
        ),
        ('{"results": [', "truncated: line 1"),
        ("<html>", "not_json: line 1"),
    ],
)
def test_files_that_are_malformed(tmp_path: Path, content: str, malformed: str) -> None:
    read = read_file(tmp_path, OCTOPUS, "1012345/S-1/a.json", content)

    assert read.account is not None
    assert (read.account.malformed or "").startswith(malformed)
