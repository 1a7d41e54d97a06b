"""What a row says of its register, its quality, its meter and its revision, alone and among many."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from meter_platform.contracts.readings import UNSAID
from meter_platform.feeds.cells import tokens
from meter_platform.feeds.particulars import NONE_SAID, BadParticularsError, Particulars, columns, particulars

LONDON = ZoneInfo("Europe/London")

GOOD = [
    ({}, NONE_SAID),
    ({"register": "", "quality": None, "serial": " ", "revised_at": ""}, NONE_SAID),
    ({"register": "export"}, Particulars(register="export")),
    ({"quality": "estimated"}, Particulars(quality="estimated")),
    ({"quality": "whatever"}, Particulars()),
    ({"serial": " 20E5 1 "}, Particulars(serial="20E5 1")),
    ({"revised_at": "2021-06-03 12:00"}, Particulars(revised_at=datetime(2021, 6, 3, 11, tzinfo=UTC))),
    ({"revised_at": "2021-06-03T12:00:00+10:00"}, Particulars(revised_at=datetime(2021, 6, 3, 2, tzinfo=UTC))),
    ({"revised_at": "2021-06-03"}, Particulars(revised_at=datetime(2021, 6, 2, 23, tzinfo=UTC))),
]
BAD = [
    {"register": "B1"},
    {"serial": "x" * 41},
    {"serial": "a\0b"},
    {"serial": "Z\u00e4hler"},
    {"revised_at": "soon"},
    {"revised_at": "9999-12-31T23:59:59-23:00"},
]


@pytest.mark.parametrize(("texts", "meant"), GOOD)
def test_a_row_says_what_it_says_and_for_the_rest_nothing(texts: dict[str, str | None], meant: Particulars) -> None:
    assert particulars(texts, LONDON) == meant

    found, are_good = columns({name: tokens(pa.array([text or ""] * 2)) for name, text in texts.items()}, LONDON)

    assert all(good.to_pylist() == [True] for good in are_good.values())
    assert {name: column.to_pylist() for name, column in found.items()} == (
        {} if meant == NONE_SAID else {name: [getattr(meant, name)] * 2 for name in UNSAID}
    )


@pytest.mark.parametrize("texts", BAD)
def test_what_cannot_be_understood_is_a_fault_of_its_row(texts: dict[str, str]) -> None:
    ((name, text),) = texts.items()
    with pytest.raises(BadParticularsError, match=name):
        particulars(texts, LONDON)

    _, are_good = columns({name: tokens(pa.array([text, ""]))}, LONDON)

    assert dict(zip([text, ""], are_good[name].to_pylist(), strict=True)) == {text: False, "": True}
