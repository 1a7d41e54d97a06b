"""The library of ready queries: each says what it answers, runs, and gives what it says."""

from datetime import date
from decimal import Decimal

import pytest

from meter_platform.app.library import ready_queries
from meter_platform.settings import Settings
from meter_platform.typed_sql.guard import SqlGuard
from meter_platform.warehouse.database import open_database

FIRST, LAST = date(2021, 10, 30), date(2021, 11, 1)

EXPECTED: dict[str, tuple[int, dict[str, object]]] = {  # rows, and some of the first one
    "corrections": (2, {"meterpoint_id": "m01", "before_kwh": Decimal("0.500"), "now_kwh": Decimal("2.500")}),
    "energy_per_day": (3, {"reference_date": FIRST, "total_kwh": Decimal("147.000"), "half_hours": 48}),
    "energy_per_product": (3, {"product_display_name": "Basic", "total_kwh": Decimal("313.500")}),
    "energy_per_region": (3, {"region": "London", "total_kwh": Decimal("705.000"), "meterpoints": 5}),
    "file_account": (3, {"url": "file:///in/broken.json", "unaccounted": Decimal(0)}),
    "half_hours_of_a_day": (47, {"settlement_period": 1, "total_consumption_kwh": Decimal("0.125")}),
    "least_complete_meterpoints": (20, {"meterpoint_id": "m01", "missing": Decimal(49), "rejected": Decimal(2)}),
    "peak_half_hours": (20, {"settlement_period": 50, "kwh_per_meterpoint": Decimal("0.3125")}),
    "products_reconcile": (3, {"reference_date": FIRST, "difference_kwh": Decimal(0)}),
    "rejected_rows": (3, {"source_position": 7, "reason": "negative", "raw_text": "x"}),
    "switches": (2, {"meterpoint_id": "m01", "from_product": "Flexible", "to_product": "Basic"}),
}


def test_every_query_is_expected_here() -> None:
    assert list(ready_queries()) == sorted(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_it_runs_and_answers(small: Settings, name: str) -> None:
    query = ready_queries()[name]
    assert query.title
    assert query.answers.endswith(".")
    guard = SqlGuard(open_database(small), timezone=small.timezone, trusts_socket=True)
    guard.set_up()
    result = guard.run(query.over(FIRST, LAST))
    rows, first = EXPECTED[name]
    assert result.table.num_rows == rows
    found = result.table.slice(0, 1).to_pylist()[0]
    assert {column: found[column] for column in first} == first
