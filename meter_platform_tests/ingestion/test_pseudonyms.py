"""What stands in the place of an erased meterpoint, and where one is recognised."""

import json
from datetime import date, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_platform.feeds.columns import READINGS_SCHEMA, REJECTED_SCHEMA
from meter_platform.feeds.files import ListedFile
from meter_platform.ingestion.erased import Erased
from meter_platform.ingestion.pseudonyms import ERASED_TEXT, Pseudonyms, agreement_dates
from meter_platform_tests.market import OLD

WHO, OTHER = "1200010001234", "1200010005678"
DAY, NEXT = date(2021, 1, 2), date(2021, 1, 3)

KEY = Pseudonyms(b"k" * 32)
ERASED = Erased({KEY.token(WHO): len(WHO)}, KEY)

DATES = st.dates(date(2015, 1, 1), date(2025, 12, 31))


def test_pseudonyms_are_the_same_for_the_same_and_differ_by_id_date_purpose_and_key() -> None:
    another = Pseudonyms(b"l" * 32)
    found = [
        pseudonym
        for key in (KEY, another)
        for who in (WHO, OTHER)
        for pseudonym in (
            key.token(who),
            key.in_names(who),
            *(key.meterpoint(who, day) for day in (DAY, NEXT, None)),
        )
    ]
    assert len(set(found)) == len(found)
    assert KEY.meterpoint(WHO, DAY) == Pseudonyms(b"k" * 32).meterpoint(WHO, DAY)
    assert not any(WHO[:6] in pseudonym for pseudonym in found)
    assert KEY.check != another.check
    numbers = {KEY.agreement(number, day) for number in range(500) for day in (DAY, NEXT)}
    assert len(numbers) == 1_000
    assert all(-(2**63) <= number < 0 for number in numbers)
    with pytest.raises(ValueError, match="32 bytes"):
        Pseudonyms(b"short")


@given(since=DATES, until=st.none() | DATES, day=DATES)
def test_of_an_agreements_dates_what_rules_ask_for_stays_and_nothing_else(
    since: date, until: date | None, day: date
) -> None:
    begins, ends = agreement_dates(since, until, day)

    def said(first: date, last: date | None) -> tuple[bool, bool, int | None]:
        """Whether it is in force, whether it ever is, and for how many whole years it has ended."""
        ever = last is None or first < last
        ended = (day - last).days // 365 if ever and last is not None and last <= day else None
        return first <= day and (last is None or day < last), ever, ended

    assert said(begins, ends) == said(since, until)
    assert (ends is not None and ends < begins) == (until is not None and until < since)
    # Nothing else: there are as many pairs as there are answers.
    assert (day - begins).days in {-1, 0} or (ends is not None and (day - ends).days % 365 == 0)
    assert ends is None or abs((ends - begins).days) <= 1


@pytest.mark.parametrize(
    ("name", "masked", "hidden"),
    [
        (f"file:///in/{WHO}.json", "file:///in/{}.json", [WHO]),
        (f"file:///in/{WHO}/x of {WHO}.json.gz", "file:///in/{}/{}-{}.json.gz", [WHO, WHO, "x of "]),
        (f"s3://bucket/2021/mp{WHO}_2021-01-02.json", "s3://bucket/2021/{}-{}.json", [WHO, "mp_2021-01-02"]),
        (f"file:///in/{WHO}/Z18N123456/7.json", "file:///in/{}/{}/{}.json", [WHO, "Z18N123456", "7"]),
        (f"file:///in/Z18N123456_{WHO}.Z18.csv", "file:///in/{}-{}.csv", [WHO, "Z18N123456_.Z18"]),
        (f"s3://bucket/{WHO}/", "s3://bucket/{}/", [WHO]),
        (f"file:///in/{WHO}1.json", None, []),
        (f"file:///in/1{WHO}.json", None, []),
        (f"file:///in/{OTHER}/Z18N123456.json", None, []),
    ],
)
def test_an_id_is_recognised_in_a_name_and_hidden_with_what_stands_beside_or_below_it(
    name: str, masked: str | None, hidden: list[str]
) -> None:
    expected = name if masked is None else masked.format(*map(KEY.in_names, hidden))
    assert ERASED.name(name) == expected
    assert ERASED.name(expected) == expected
    assert masked is None or not any(text in expected for text in (WHO, "Z18"))
    file = ListedFile(name, "/path", 1, OLD, "stamp")
    assert (ERASED.file(file).url, ERASED.file(file).path) == (expected, "/path")
    assert [each.url for each in ERASED.files([file], known={name})] == [name]  # what the catalogue has names nobody


@pytest.mark.parametrize("who", [WHO, "home-7", 'O\'Neill "2"', "Ünit 4", "e3b0c442-98fc-4c14-9afb-f4c8996fb924"])
def test_an_id_is_recognised_in_the_text_of_a_row_however_json_writes_it(who: str) -> None:
    erased = Erased({KEY.token(who): len(who)}, KEY)
    for value in (who, f" {who} ", [who], {who: 1}, {"id": who}):
        assert erased.is_named_in(json.dumps([value, "2021-01-02 00:00:00", 1]))
    for value in (f"{who}5a"[::-1], OTHER, None):
        assert not erased.is_named_in(json.dumps([value, "2021-01-02 00:00:00", 1]))


@given(st.lists(st.tuples(st.sampled_from([WHO, OTHER, None]), st.sampled_from([DAY, NEXT, None])), max_size=20))
def test_rows_get_the_pseudonyms_of_their_dates_and_stay_as_they_are_otherwise(
    rows: list[tuple[str | None, date | None]],
) -> None:
    rejected = pa.Table.from_pylist(
        [
            {
                "source_file_id": 1,
                "source_position": number,
                "reference_date": day,
                "meterpoint_id": who,
                "raw_text": f'["{who}"]',
                "reason": "negative",
                "detail": "below zero",
            }
            for number, (who, day) in enumerate(rows, start=1)
        ],
        REJECTED_SCHEMA,
    )
    found = ERASED.of_rejected(rejected)

    assert found.schema == rejected.schema
    for before, after in zip(rejected.to_pylist(), found.to_pylist(), strict=True):
        if before["meterpoint_id"] == WHO:
            before |= {"meterpoint_id": KEY.meterpoint(WHO, before["reference_date"]), "raw_text": ERASED_TEXT}
        assert after == before
    assert Erased({}, None).of_rejected(rejected) is rejected


def test_readings_come_in_chunks_of_their_own_decimals() -> None:
    energy = pa.decimal128(6, 3)
    schema = READINGS_SCHEMA.set(
        READINGS_SCHEMA.get_field_index("consumption_delta"), pa.field("consumption_delta", energy)
    )
    chunks = [
        pa.Table.from_pylist([{"meterpoint_id": who, "reference_date": DAY, "source_file_id": 1}], schema)
        for who in (WHO, OTHER, WHO)
    ]
    found = ERASED.of_readings(pa.concat_tables(chunks))
    assert found.schema == schema
    assert found["meterpoint_id"].to_pylist() == [KEY.meterpoint(WHO, DAY), OTHER, KEY.meterpoint(WHO, DAY)]


def test_snapshots_keep_what_figures_are_made_of() -> None:
    agreements = pa.Table.from_pylist(
        [
            {
                "agreement_id": number,
                "reference_date": DAY,
                "agreement_valid_from": DAY - timedelta(days=40),
                "agreement_valid_to": None,
                "product_id": "P",
                "meterpoint_id": who,
                "account_id": "A",
            }
            for number, who in enumerate((WHO, OTHER), start=1)
        ]
    )
    kept, changed = ERASED.of_snapshot(agreements).to_pylist()
    assert kept == agreements.to_pylist()[1]
    assert changed == {
        "agreement_id": KEY.agreement(1, DAY),
        "reference_date": DAY,
        "agreement_valid_from": DAY,
        "agreement_valid_to": None,
        "product_id": "P",
        "meterpoint_id": KEY.meterpoint(WHO, DAY),
        "account_id": None,
    }
    products = pa.table({"product_id": ["P"]})
    assert ERASED.of_snapshot(products) is products
