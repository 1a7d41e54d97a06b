"""The rules of validation, each at its edges. Every expected instant is written out by hand."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_platform.feeds.formats.format import NumberText
from meter_platform.feeds.validation import Accepted, FileValidation, Reason, Rejected, RowRules, Waiting

RULES = RowRules(zone=ZoneInfo("Europe/London"), first_date=date(2021, 1, 1), last_date=date(2021, 12, 31))
AT_END = replace(RULES, label_at_end=True)


def validate(
    *, rules: RowRules = RULES, meterpoint: object = "a", time: object = "2021-06-01 00:00:00", value: object = "0.5"
) -> Accepted | Rejected:
    verdict = FileValidation(rules).validate(meterpoint, time, value)
    assert not isinstance(verdict, Waiting)
    return verdict


def file_of(
    times: Sequence[str], *, rules: RowRules = RULES, values: Sequence[str] = ()
) -> tuple[list[Accepted | Rejected], int]:
    """The verdicts on a file's rows of one meterpoint, in order, and how many of them are ambiguous."""
    validation = FileValidation(rules)
    verdicts = {
        position: validation.validate("a", time, value)
        for position, (time, value) in enumerate(zip(times, values or ["0.5"] * len(times), strict=True), start=1)
    }
    verdicts.update(validation.finish())
    listed = [verdict for _, verdict in sorted(verdicts.items()) if not isinstance(verdict, Waiting)]
    assert len(listed) == len(times)
    return listed, validation.ambiguous


def reason(verdict: Accepted | Rejected) -> Reason | None:
    """Why a row was rejected; `None` where it was not."""
    if isinstance(verdict, Rejected):
        assert verdict.detail
        return verdict.reason
    return None


def start(verdict: Accepted | Rejected) -> str:
    """The half hour of an accepted row, in UTC, and its reference date."""
    assert isinstance(verdict, Accepted), verdict
    assert verdict.interval_start.tzinfo is UTC
    return f"{verdict.interval_start:%Y-%m-%dT%H:%MZ} of {verdict.reference_date}"


def in_zone(zone: str, *, at_end: bool = False) -> RowRules:
    return replace(RULES, zone=ZoneInfo(zone), label_at_end=at_end)


# Meterpoints


@pytest.mark.parametrize(
    "meterpoint",
    [
        "a",
        "x" * 64,
        "1030061234567",
        NumberText("1030061234567"),
        NumberText("0"),
        "0001",
        "1e3",
        "19E0123456",
        "1E+",
        "true",
        "nanny",
        "n-a",
        "NULL-1",
        "none of these",
        "Zähler-7",
        "電力量計",
        "a b",
        '"',
        "\\",
        "],[",
        "🔌",
    ],
)
def test_any_printable_text_of_up_to_64_characters_is_an_id(meterpoint: str) -> None:
    verdict = validate(meterpoint=meterpoint)
    assert isinstance(verdict, Accepted)
    assert verdict.meterpoint_id == meterpoint


@pytest.mark.parametrize(
    "meterpoint",
    [
        "",
        "x" * 65,
        "a\x00",
        "a\n",
        "a\x7f",
        "\ud800",
        "a\u200b",
        "a\u00a0b",
        "\ufeffa",
        None,
        True,
        [],
        ["a"],
        {"a": "b"},
        NumberText("1.5"),
        NumberText("-5"),
        NumberText("1e3"),
        NumberText("NaN"),
    ],
)
def test_all_else_is_no_id_and_is_not_repeated(meterpoint: object) -> None:
    verdict = validate(meterpoint=meterpoint)
    assert isinstance(verdict, Rejected)
    assert verdict.reason is Reason.BAD_METERPOINT
    assert verdict.meterpoint_id is None
    assert verdict.reference_date is None


@pytest.mark.parametrize(
    ("meterpoint", "why"),
    [
        *((text, "is blank") for text in (" ", "   ")),
        *((text, "has blanks around it") for text in (" 1030061234567", "1030061234567 ", " a ", " null", " =1")),
        *((text, "begins with an apostrophe") for text in ("'1030061234567", "'", "\u2019a", "''", "'=1")),
        *((text, "is a word for no value") for text in ("nan", "NaN", "NULL", "null", "None", "N/A", "#N/A", "<NA>")),
        *(
            (text, "is a number with an exponent")
            for text in ("1.01235E+12", "1.01235e+12", "1E+12", "1e-3", "1,01235E+12", ".5E+3", "1.5E12", "-1.5E+12")
        ),
        *(
            (text, "begins like a formula")
            for text in ("=cmd|' /C calc'!A0", '=HYPERLINK("x")', "+1", "-5", "@SUM(1)", "=", "--", "+44 20")
        ),
        *((text, "is no text of 1 to 64 printable characters") for text in ("\t=1", "\ta", "\r", "")),
        *((NumberText(text), "is a number with a sign") for text in ("1.5", "-5", "1e3", "NaN", "-Infinity")),
    ],
)
def test_what_stands_in_place_of_an_id_is_said_to_be_what_it_is(meterpoint: str, why: str) -> None:
    verdict = validate(meterpoint=meterpoint)
    assert isinstance(verdict, Rejected)
    assert verdict.reason is Reason.BAD_METERPOINT
    assert verdict.detail.startswith(f"meterpoint_id {why}")


# The forms of a time


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2021-06-01 00:00:00", "2021-05-31T23:00Z of 2021-06-01"),
        ("2021-06-01T00:30:00", "2021-05-31T23:30Z of 2021-06-01"),
        ("2021-06-01 00:00", "2021-05-31T23:00Z of 2021-06-01"),
        ("2021-06-01T23:30", "2021-06-01T22:30Z of 2021-06-01"),
        ("2021-06-01 00:00:00.0", "2021-05-31T23:00Z of 2021-06-01"),
        ("2021-06-01 00:00:00.000000", "2021-05-31T23:00Z of 2021-06-01"),
        ("2021-06-01 00:00:00Z", "2021-06-01T00:00Z of 2021-06-01"),
        ("2021-06-01T00:00Z", "2021-06-01T00:00Z of 2021-06-01"),
        ("2021-06-01 23:00:00Z", "2021-06-01T23:00Z of 2021-06-02"),
        ("2021-06-01 00:00:00+00:00", "2021-06-01T00:00Z of 2021-06-01"),
        ("2021-06-01 00:00:00-00:00", "2021-06-01T00:00Z of 2021-06-01"),
        ("2021-06-01 00:00:00+01:00", "2021-05-31T23:00Z of 2021-06-01"),
        ("2021-06-01 00:00:00+0100", "2021-05-31T23:00Z of 2021-06-01"),
        ("2021-06-01 00:00:00.000+01:00", "2021-05-31T23:00Z of 2021-06-01"),
        ("2021-06-01 05:30:00+05:30", "2021-06-01T00:00Z of 2021-06-01"),
        ("2021-06-01 05:45:00+05:45", "2021-06-01T00:00Z of 2021-06-01"),
        ("2021-05-31 19:00:00-05:00", "2021-06-01T00:00Z of 2021-06-01"),
        ("2021-01-15 00:00:00", "2021-01-15T00:00Z of 2021-01-15"),
        ("2021-01-15 23:30:00", "2021-01-15T23:30Z of 2021-01-15"),
    ],
)
def test_a_time_is_local_unless_it_says_otherwise(time: str, expected: str) -> None:
    assert start(validate(time=time)) == expected


@pytest.mark.parametrize(
    "time",
    [
        None,
        True,
        [],
        ["2021-06-01 00:00:00"],
        {},
        NumberText("20210601"),
        NumberText("1622505600"),
        "",
        "Null",
        "now",
        "2021-06-01",
        "00:30:00",
        "20210601T000000",
        "2021-6-1 00:00:00",
        "21-06-01 00:00:00",
        "2021/06/01 00:00:00",
        "01/06/2021 00:00:00",
        "2021-06-01_00:00:00",
        "2021-06-01  00:00:00",
        "2021-06-01t00:00:00",
        "2021-06-01 0:00:00",
        "2021-06-01 00:00:0",
        "2021-06-01 00:00:0Z",
        "2021-06-01 00:00:00z",
        "2021-06-01 00:00:00.",
        "2021-06-01 00:00:00.0000000",
        "2021-06-01 00:00:00,0",
        "2021-06-01 00:00:00 Z",
        "2021-06-01 00:00:00 +01:00",
        "2021-06-01 00:00:00+01",
        "2021-06-01 00:00:00+1:00",
        "2021-06-01 00:00:00+24:00",
        "2021-06-01 00:00:00+01:60",
        "2021-06-01 00:00:00[Europe/London]",
        " 2021-06-01 00:00:00",
        "2021-06-01 00:00:00 ",
        "2021-06-01 00:00:00\n",
        "-021-06-01 00:00:00",
        "٢٠٢١-06-01 00:00:00",
        "2021-06-01 24:30:00",
        "2021-06-01 24:30",
        "2021-06-01 24:00:01",
        "2021-06-01 24:00:00.000001",
        "2021-06-01 24:01:00Z",
        "2021-06-01 24",
        "2021-06-31 24:00:00",
        "9998-12-31 24:00:00",
        "9999-12-31 24:00:00",
        "9999-12-31 24:00:00Z",
        "2021-06-01 25:00:00",
        "2021-06-01 00:60:00",
        "2021-06-01 00:29:60",
        "2021-00-01 00:00:00",
        "2021-13-01 00:00:00",
        "2021-06-00 00:00:00",
        "2021-06-31 00:00:00",
        "2021-02-29 00:00:00",
        "0000-01-01 00:00:00",
        # "Never", as files write it
        "0001-01-01 00:00:00",
        "0001-01-01 00:00:00Z",
        "0001-01-01 00:00:00+14:00",
        "9999-12-31 23:30:00",
        "9999-12-31 23:30:00Z",
        "9999-12-31 23:30:00-12:00",
    ],
)
@pytest.mark.parametrize("rules", [RULES, AT_END, in_zone("Australia/Sydney")], ids=["start", "end", "sydney"])
def test_all_else_is_no_time(time: object, rules: RowRules) -> None:
    verdict = validate(time=time, rules=rules)
    assert reason(verdict) is Reason.BAD_TIME
    assert isinstance(verdict, Rejected)
    assert verdict.meterpoint_id == "a"


@pytest.mark.parametrize(
    ("time", "day"),
    [
        ("2021-06-01 24:30:00", date(2021, 6, 1)),
        ("2021-06-01 25:00:00", date(2021, 6, 1)),
        ("2021-06-01 00:00:00 Z", date(2021, 6, 1)),
        ("2021-06-01T00:00:00[Europe/London]", date(2021, 6, 1)),
        ("2021-06-01", date(2021, 6, 1)),
        (" 2021-06-01 00:00:00", date(2021, 6, 1)),
        ("2021/06/01 00:30", date(2021, 6, 1)),
        ("2021.06.01 00:30", date(2021, 6, 1)),
        ("2021-6-1 0:30", date(2021, 6, 1)),
        ("20210601T003000", date(2021, 6, 1)),
        ("9999-12-31 23:30:00", date(9999, 12, 31)),
        ("2021-06-31 00:00:00", None),
        ("2021-13-01 00:00:00", None),
        ("2021-06/01 00:00:00", None),
        ("0000-01-01 00:00:00", None),
        ("202106011 00:00", None),
        ("01/06/2021 00:30", None),
        ("21-06-01 00:00:00", None),
        ("٢٠٢١-06-01 00:00:00", None),
        ("00:30:00", None),
        ("", None),
        (NumberText("20210601"), None),
        (None, None),
    ],
)
def test_what_is_no_time_is_rejected_for_the_date_that_can_be_read(time: object, day: date | None) -> None:
    verdict = validate(time=time)
    assert reason(verdict) is Reason.BAD_TIME
    assert isinstance(verdict, Rejected)
    assert verdict.reference_date == day


@pytest.mark.parametrize(
    ("time", "rules", "expected"),
    [
        ("2021-06-10 24:00:00", AT_END, "2021-06-10T22:30Z of 2021-06-10"),
        ("2021-06-10T24:00", AT_END, "2021-06-10T22:30Z of 2021-06-10"),
        ("2021-06-10 24:00:00.000", AT_END, "2021-06-10T22:30Z of 2021-06-10"),
        ("2021-06-10 24:00:00+01:00", AT_END, "2021-06-10T22:30Z of 2021-06-10"),
        ("2021-06-10T24:00Z", AT_END, "2021-06-10T23:30Z of 2021-06-11"),
        ("2021-06-30 24:00", AT_END, "2021-06-30T22:30Z of 2021-06-30"),
        ("2021-10-31 24:00", AT_END, "2021-10-31T23:30Z of 2021-10-31"),
        ("2021-12-31 24:00", AT_END, "2021-12-31T23:30Z of 2021-12-31"),
        ("2021-06-10 24:00:00", RULES, "2021-06-10T23:00Z of 2021-06-11"),
        ("2021-06-10 24:00:00Z", RULES, "2021-06-11T00:00Z of 2021-06-11"),
        ("2021-06-10 24:00-0530", RULES, "2021-06-11T05:30Z of 2021-06-11"),
        ("2021-02-28 24:00", RULES, "2021-03-01T00:00Z of 2021-03-01"),
    ],
)
def test_hour_24_is_the_end_of_its_day(time: str, rules: RowRules, expected: str) -> None:
    assert start(validate(time=time, rules=rules)) == expected


@pytest.mark.parametrize(
    ("time", "day"),
    [
        ("2021-06-01 12:37:27", date(2021, 6, 1)),
        ("2021-06-01 15:13:41", date(2021, 6, 1)),
        ("2021-06-01 00:15:00", date(2021, 6, 1)),
        ("2021-06-01 00:29:59", date(2021, 6, 1)),
        ("2021-06-01 00:00:01", date(2021, 6, 1)),
        ("2021-06-01 00:30:00.000001", date(2021, 6, 1)),
        ("2021-06-01 23:10:00Z", date(2021, 6, 2)),
        ("2021-06-01 00:00:00+05:45", date(2021, 5, 31)),
    ],
)
def test_a_time_off_the_half_hour_is_rejected_for_its_day(time: str, day: date) -> None:
    verdict = validate(time=time)
    assert reason(verdict) is Reason.MISALIGNED_INTERVAL
    assert isinstance(verdict, Rejected)
    assert verdict.reference_date == day


# Clock changes


@pytest.mark.parametrize("time", ["2021-03-28 01:00:00", "2021-03-28T01:30:00", "2021-03-28 01:17:00"])
def test_a_time_that_spring_skips_is_rejected_for_its_day(time: str) -> None:
    verdict = validate(time=time)
    assert reason(verdict) is Reason.NONEXISTENT_TIME
    assert isinstance(verdict, Rejected)
    assert verdict.reference_date == date(2021, 3, 28)


def test_around_the_spring_change_every_half_hour_has_its_place() -> None:
    assert start(validate(time="2021-03-28 00:30:00")) == "2021-03-28T00:30Z of 2021-03-28"
    assert start(validate(time="2021-03-28 02:00:00")) == "2021-03-28T01:00Z of 2021-03-28"
    assert start(validate(time="2021-03-28 01:00:00Z")) == "2021-03-28T01:00Z of 2021-03-28"


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2021-06-01 00:30:00", "2021-05-31T23:00Z of 2021-06-01"),
        ("2021-06-02 00:00:00", "2021-06-01T22:30Z of 2021-06-01"),
        ("2021-06-01 23:00:00Z", "2021-06-01T22:30Z of 2021-06-01"),
        ("2021-01-16 00:00:00", "2021-01-15T23:30Z of 2021-01-15"),
        # The half hour before the spring change ends at 02:00, for there is no 01:00.
        ("2021-03-28 00:30:00", "2021-03-28T00:00Z of 2021-03-28"),
        ("2021-03-28 02:00:00", "2021-03-28T00:30Z of 2021-03-28"),
        ("2021-03-28 02:30:00", "2021-03-28T01:00Z of 2021-03-28"),
        ("2021-10-31 00:30:00", "2021-10-30T23:00Z of 2021-10-31"),
        ("2021-10-31 02:00:00", "2021-10-31T01:30Z of 2021-10-31"),
        ("2021-11-01 00:00:00", "2021-10-31T23:30Z of 2021-10-31"),
        ("2021-01-01 00:30:00", "2021-01-01T00:00Z of 2021-01-01"),
        ("2022-01-01 00:00:00", "2021-12-31T23:30Z of 2021-12-31"),
    ],
)
def test_a_label_may_name_the_end_of_its_half_hour(time: str, expected: str) -> None:
    assert start(validate(time=time, rules=AT_END)) == expected


def test_labels_at_the_end_are_skipped_in_spring_and_outside_the_dates() -> None:
    assert reason(validate(time="2021-03-28 01:00:00", rules=AT_END)) is Reason.NONEXISTENT_TIME
    assert reason(validate(time="2021-01-01 00:00:00", rules=AT_END)) is Reason.BEFORE_FIRST_DATE
    assert reason(validate(time="2022-01-01 00:30:00", rules=AT_END)) is Reason.FUTURE


# Zones


def test_sydney_is_ahead_and_changes_its_clocks_the_other_way() -> None:
    rules = in_zone("Australia/Sydney")
    times = [
        "2021-01-01 00:00:00",
        "2021-04-04 01:30:00",
        "2021-04-04 02:00:00",
        "2021-04-04 02:30:00",
        "2021-04-04 02:00:00",
        "2021-04-04 02:30:00",
        "2021-04-04 03:00:00",
        "2021-10-03 01:30:00",
        "2021-10-03 03:00:00",
        "2020-12-31 13:00:00Z",
    ]
    verdicts, ambiguous = file_of(times, rules=rules)
    assert ambiguous == 0
    assert [start(verdict) for verdict in verdicts] == [
        "2020-12-31T13:00Z of 2021-01-01",
        "2021-04-03T14:30Z of 2021-04-04",
        "2021-04-03T15:00Z of 2021-04-04",
        "2021-04-03T15:30Z of 2021-04-04",
        "2021-04-03T16:00Z of 2021-04-04",
        "2021-04-03T16:30Z of 2021-04-04",
        "2021-04-03T17:00Z of 2021-04-04",
        "2021-10-02T15:30Z of 2021-10-03",
        "2021-10-02T16:00Z of 2021-10-03",
        "2020-12-31T13:00Z of 2021-01-01",
    ]
    assert reason(validate(time="2021-10-03 02:30:00", rules=rules)) is Reason.NONEXISTENT_TIME
    assert reason(validate(time="2020-12-31 12:30:00Z", rules=rules)) is Reason.BEFORE_FIRST_DATE


def test_kolkata_has_its_half_hours_on_those_of_utc() -> None:
    rules = in_zone("Asia/Kolkata")
    assert start(validate(time="2021-03-28 01:30:00", rules=rules)) == "2021-03-27T20:00Z of 2021-03-28"
    assert start(validate(time="2021-06-01 00:00:00Z", rules=rules)) == "2021-06-01T00:00Z of 2021-06-01"
    assert start(validate(time="2021-06-01 18:30:00Z", rules=rules)) == "2021-06-01T18:30Z of 2021-06-02"
    assert start(validate(time="2021-06-02 00:00:00", rules=in_zone("Asia/Kolkata", at_end=True))) == (
        "2021-06-01T18:00Z of 2021-06-01"
    )


def test_kathmandu_has_its_half_hours_a_quarter_beside_those_of_utc() -> None:
    rules = in_zone("Asia/Kathmandu")
    assert start(validate(time="2021-06-01 00:00:00", rules=rules)) == "2021-05-31T18:15Z of 2021-06-01"
    assert start(validate(time="2021-06-01 23:30:00", rules=rules)) == "2021-06-01T17:45Z of 2021-06-01"
    assert start(validate(time="2021-05-31 18:15:00Z", rules=rules)) == "2021-05-31T18:15Z of 2021-06-01"
    assert reason(validate(time="2021-06-01 00:00:00Z", rules=rules)) is Reason.MISALIGNED_INTERVAL
    assert reason(validate(time="2021-06-01 00:15:00", rules=rules)) is Reason.MISALIGNED_INTERVAL


def test_lord_howe_skips_and_repeats_one_half_hour() -> None:
    rules = in_zone("Australia/Lord_Howe")
    times = ["2021-04-04 01:00:00", "2021-04-04 01:30:00", "2021-04-04 01:30:00", "2021-04-04 02:00:00"]
    assert [start(verdict)[:17] for verdict in file_of(times, rules=rules)[0]] == [
        "2021-04-03T14:00Z",
        "2021-04-03T14:30Z",
        "2021-04-03T15:00Z",
        "2021-04-03T15:30Z",
    ]
    assert reason(validate(time="2021-10-03 02:00:00", rules=rules)) is Reason.NONEXISTENT_TIME
    assert start(validate(time="2021-10-03 02:30:00", rules=rules)) == "2021-10-02T15:30Z of 2021-10-03"


# The dates that are kept


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2020-12-31 23:30:00", Reason.BEFORE_FIRST_DATE),
        ("2021-01-01 00:00:00", None),
        ("2020-12-31 23:59:59", Reason.MISALIGNED_INTERVAL),
        ("2021-01-01 00:30:00+01:00", Reason.BEFORE_FIRST_DATE),
        ("0002-01-01 00:00:00", Reason.BEFORE_FIRST_DATE),
        ("2021-12-31 23:30:00", None),
        ("2022-01-01 00:00:00", Reason.FUTURE),
        ("2021-12-31 23:30:00-01:00", Reason.FUTURE),
        ("9998-12-31 23:30:00", Reason.FUTURE),
    ],
)
def test_rows_before_the_first_and_after_the_last_date_are_rejected(time: str, expected: Reason | None) -> None:
    assert reason(validate(time=time)) is expected


def test_a_row_outside_the_dates_is_recorded_for_its_own() -> None:
    verdict = validate(time="2022-01-01 00:00:00")
    assert isinstance(verdict, Rejected)
    assert (verdict.meterpoint_id, verdict.reference_date) == ("a", date(2022, 1, 1))


# Values


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("0.000", "0"),
        ("0.5", "0.5"),
        ("00.5", "0.5"),
        ("24", "24"),
        ("24.000000000000000000000000", "24"),
        ("2.4e1", "24"),
        ("11.5", "11.5"),
        ("11.500000001", "11.500000001"),
        ("1e-3", "0.001"),
        ("1E-20", "0.00000000000000000001"),
        ("1.5e+0", "1.5"),
        ("0.12345678901234567890", "0.1234567890123456789"),
        ("0.18600000000000000433", "0.18600000000000000433"),
        ("23.99999999999999999999", "23.99999999999999999999"),
        ("0.1000000000000000000000000000000000000000", "0.1"),
        ("0e-999", "0"),
    ],
)
@pytest.mark.parametrize("written", [NumberText, str], ids=["number", "text"])
def test_a_value_is_kept_exactly(value: str, expected: str, written: type[str]) -> None:
    verdict = validate(value=written(value))
    assert isinstance(verdict, Accepted)
    assert verdict.consumption_delta == Decimal(expected)
    assert not verdict.consumption_delta.is_signed()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((value, Reason.NOT_A_NUMBER) for value in (None, True, False, [], ["0.5"], {}, 0.5, 1)),
        *((value, Reason.NOT_A_NUMBER) for value in ("", " ", "Null", "null", "NaN", "nan", "Infinity", "-inf", "n/a")),
        *((value, Reason.NOT_A_NUMBER) for value in (" 0.5", "0.5 ", "0.5\n", "+0.5", ".5", "5.", "1_0", "0x1", "0,5")),
        *((value, Reason.NOT_A_NUMBER) for value in ("1e", "e1", "1e1.5", "--1", "1e1000", "1.2.3", "٣", "½", "1 000")),
        *((NumberText(value), Reason.NOT_A_NUMBER) for value in ("NaN", "Infinity", "-Infinity")),
        *((value, Reason.NEGATIVE) for value in ("-0.001", "-1e-999", "-24", "-16777.215", "-1e999")),
        *(
            (value, Reason.IMPOSSIBLE)
            for value in ("24.000000001", "24.00000000000000000000000000001", "25", "16777.214")
        ),
        *((value, Reason.SENTINEL) for value in ("16777.215", "16777.2150", "16777.216", "1e5", "1e999")),
        *(
            (value, Reason.TOO_PRECISE)
            for value in ("1e-21", "0.123456789012345678901", "1e-999", "23.999999999999999999999")
        ),
    ],
)
def test_all_else_is_rejected_for_what_is_wrong_with_it(value: object, expected: Reason) -> None:
    verdict = validate(value=value)
    assert reason(verdict) is expected
    assert isinstance(verdict, Rejected)
    assert (verdict.meterpoint_id, verdict.reference_date) == ("a", date(2021, 6, 1))


def test_of_several_faults_the_first_in_reading_order_is_named() -> None:
    bad_time, bad_value = "2021-06-01 12:37:27", "-1"
    assert reason(validate(meterpoint="", time=bad_time, value=bad_value)) is Reason.BAD_METERPOINT
    assert reason(validate(time=bad_time, value=bad_value)) is Reason.MISALIGNED_INTERVAL
    assert reason(validate(time="2020-01-01 00:00:00", value=bad_value)) is Reason.BEFORE_FIRST_DATE


def test_the_codes_never_change() -> None:
    assert {code.value for code in Reason} == {
        "not_a_row",
        "bad_meterpoint",
        "bad_time",
        "misaligned_interval",
        "nonexistent_time",
        "ambiguous_time",
        "before_first_date",
        "future",
        "not_a_number",
        "negative",
        "sentinel",
        "impossible",
        "too_precise",
        "file_held_back",
        "conflict_in_file",
        "incomplete_half_hour",
        "bad_particulars",
        "other_quantity",
    }


@given(
    meterpoint=st.text(max_size=70)
    | st.none()
    | st.builds(NumberText, st.from_regex(r"-?\d{1,20}(\.\d+)?", fullmatch=True)),
    time=st.text(max_size=30)
    | st.from_regex(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?", fullmatch=True
    )
    | st.none(),
    value=st.text(max_size=30)
    | st.from_regex(r"-?[0-9]{1,30}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,4})?", fullmatch=True)
    | st.none(),
    zone=st.sampled_from(
        ["Europe/London", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia"]
    ),
    at_end=st.booleans(),
)
def test_nothing_makes_validation_stumble(
    meterpoint: object, time: object, value: object, zone: str, *, at_end: bool
) -> None:
    rules = replace(in_zone(zone, at_end=at_end), first_date=date(1990, 1, 1), last_date=date(9998, 12, 31))
    validation = FileValidation(rules)
    verdict = validation.validate(meterpoint, time, value)
    finished = dict(validation.finish())
    assert finished.keys() == ({1} if isinstance(verdict, Waiting) else set())
    if isinstance(verdict, Accepted):
        assert 0 <= verdict.consumption_delta <= 24
        assert verdict.consumption_delta == Decimal(str(value))
        local = verdict.interval_start.astimezone(ZoneInfo(zone))
        assert (local.minute % 30, local.second, local.microsecond) == (0, 0, 0)
        assert verdict.reference_date == local.date()
        assert isinstance(verdict.interval_start, datetime)
