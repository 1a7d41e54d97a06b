"""What is left out when few meterpoints are behind a number, and that nothing published gives it away."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_platform.app.privacy import SUPPRESSED, suppressed
from meter_platform.settings import Settings
from meter_platform_tests.app.conftest import RunPage
from meter_platform_tests.app.test_pages import ALL, metrics


@given(counts=st.lists(st.integers(1, 30), max_size=20), minimum=st.integers(1, 12), disjoint=st.booleans())
def test_what_is_left_out_cannot_be_told_apart(counts: list[int], minimum: int, disjoint: bool) -> None:  # noqa: FBT001 - hypothesis
    hidden = suppressed(counts, minimum, disjoint=disjoint)
    out = [count for count, is_out in zip(counts, hidden, strict=True) if is_out]
    kept = [count for count, is_out in zip(counts, hidden, strict=True) if not is_out]
    assert all(count >= minimum for count in kept)
    assert bool(out) == any(count < minimum for count in counts)
    if out and kept:  # else the total itself is all there is, and has too few behind it
        assert len(out) > 1
        assert (sum(out) if disjoint else max(out)) >= minimum


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([12, 6, 5], [False, False, False]),
        ([12, 6, 1, 1], [False, True, True, True]),  # 1 + 1 is still too few
        ([12, 6, 4], [False, True, True]),  # one alone is the total less the rest
        ([12, 3, 3], [False, True, True]),
        ([4], [True]),
        ([], []),
    ],
)
def test_examples(counts: list[int], expected: list[bool]) -> None:
    assert suppressed(counts, 5) == expected


def test_small_products_are_published_as_one(small: Settings, run_page: RunPage) -> None:
    private = small.replace(minimum_meterpoints=5)
    app = run_page(private, "products", **ALL)
    table = app.dataframe[-1].value.set_index("product")
    # Outgoing Fix and the ended agreement have one meterpoint each; Flexible (6) hides the two.
    assert table["total_kwh"].to_dict() == {"Basic": Decimal("313.5"), SUPPRESSED: Decimal("138.625")}
    assert table["meterpoint_days"].to_dict() == {"Basic": 36, SUPPRESSED: 24}
    assert "fewer than 5 meterpoints" in app.info[0].value
    shown = " ".join(str(table.value) for table in app.dataframe)
    assert "Outgoing" not in shown
    assert "Flexible" not in shown


def test_import_and_export_do_not_give_the_export_meter_away(small: Settings, run_page: RunPage) -> None:
    private = small.replace(minimum_meterpoints=5)
    for name in ("overview", "consumption"):
        rows = run_page(private, name, **ALL).dataframe[0].value
        assert rows["export_kwh"].isna().all()
        assert rows["import_kwh"].isna().all()
        assert sum(rows["total_kwh"]) == Decimal("452.125")


def test_half_hours_of_few_meterpoints_are_left_out(small: Settings, run_page: RunPage) -> None:
    app = run_page(small.replace(minimum_meterpoints=21), "consumption", **ALL)
    assert app.dataframe[0].value["total_kwh"].isna().all()
    assert "fewer than 21 meterpoints" in app.info[0].value


def test_agreements_show_no_small_counts_and_no_cross_table(small: Settings, run_page: RunPage) -> None:
    app = run_page(small.replace(minimum_meterpoints=5), "agreements", **ALL)
    assert metrics(app)["Unattributed energy"] == "0 kWh"
    assert any("Not shown while numbers with fewer than 5" in info.value for info in app.info)
    assert not app.dataframe


@pytest.mark.parametrize("name", ["tables", "sql"])
def test_pages_of_single_meterpoints_are_closed(small: Settings, run_page: RunPage, name: str) -> None:
    app = run_page(small.replace(minimum_meterpoints=5), name, **ALL)
    assert "This page shows single meterpoints." in app.info[0].value
    assert not app.dataframe


def test_it_is_off_by_default(small: Settings) -> None:
    assert Settings().minimum_meterpoints == small.minimum_meterpoints == 0
