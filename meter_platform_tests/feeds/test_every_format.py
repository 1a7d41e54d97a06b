"""One set of readings is one set of readings, whoever writes it: every format says the same to the last digit."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meter_platform_tests.feeds.configured import feeds
from meter_platform_tests.feeds.reading import by_reader, write
from meter_platform_tests.feeds.written import FORMATS, HALF_HOUR, Readings

MEANT = {"not_a_number"}
"""Cells of days and channels without a reading."""


@st.composite
def readings(draw: st.DrawFn) -> Readings:
    """Some days of some meterpoints, one stretch each without a gap, around both clock changes of both zones."""
    begin = draw(
        st.sampled_from(
            [
                datetime(2021, 3, 27, 20, tzinfo=UTC),
                datetime(2021, 10, 30, 20, tzinfo=UTC),
                datetime(2021, 11, 6, 20, tzinfo=UTC),
                datetime(2021, 6, 1, 3, tzinfo=UTC),
            ]
        )
    )
    count = draw(st.integers(40, 110))
    kwh = st.integers(0, 24_000_000).map(lambda micros: Decimal(micros) / 10**6)
    return {
        (f"home-{number}", begin + step * HALF_HOUR): draw(kwh)
        for number in range(draw(st.integers(1, 2)))
        for step in range(count)
    }


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=12)
@given(readings=readings(), falling=st.booleans())
def test_a_format_and_an_order_say_what_was_meant(
    tmp_path_factory: pytest.TempPathFactory, kind: str, *, readings: Readings, falling: bool
) -> None:
    folder = tmp_path_factory.mktemp(kind)
    written = FORMATS[kind](readings, "x", falling=falling)
    (folder / "x").mkdir()
    for name, content in written.files.items():
        write(folder / "x" / name, content)

    read = by_reader(folder, feeds=feeds(folder, written.toml)).values()

    assert {
        (meterpoint, start): kwh for each in read for meterpoint, start, _, kwh in each.accepted.values()
    } == readings
    assert {row[0] for each in read for row in each.rejected.values()} <= MEANT
    for each in read:
        assert each.account is not None
        assert each.account.rows_in_file == len(each.accepted) + len(each.rejected)
        assert each.account.rows_ambiguous == 0
