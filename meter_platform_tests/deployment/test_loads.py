"""What the stack is for: deliveries become figures, by the sensor alone."""

from decimal import Decimal

import pytest

from meter_platform_tests.deployment.stack import Stack

pytestmark = pytest.mark.deployment

TOTALS = """
SELECT (SELECT sum(consumption_delta) FROM raw_data.raw_meter_readings),
  (SELECT sum(total_consumption_kwh) FROM analytics.half_hourly_consumption),
  (SELECT sum(total_consumption_kwh) FROM analytics.daily_product_consumption),
  (SELECT coalesce(sum(total_consumption_kwh), 0) FROM analytics.unattributed_consumption)
"""


@pytest.mark.usefixtures("loaded")
def test_the_sample_is_loaded_and_adds_up(stack: Stack) -> None:
    stored, half_hours, products, unattributed = map(Decimal, stack.sql(TOTALS)[0])

    assert stored == half_hours == products + unattributed > 0


def test_metrics_are_served_to_this_machine(stack: Stack) -> None:
    scrape = "import urllib.request as u; print(u.urlopen('http://localhost:9464/metrics').read().decode())"

    said = stack.execute("metrics", "python", "-c", scrape)

    assert "meter_exporter_collector_success" in said
    assert [
        line for line in said.splitlines() if line.startswith("meter_exporter_collector_success") and "1.0" not in line
    ] == []
