"""What a part of the metrics is, and how its numbers become metrics.

What belongs here: the common form. What does not: any metric.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """Metrics about one subject, from one database. It fails alone.

    Attributes:
        name: what the label `collector` calls it.
        collect: asks for the numbers, in a read-only session that commits each statement.
    """

    name: str
    collect: Callable[[psycopg.Connection[Any]], Iterator[Metric]]


def gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    """A gauge with one series, without labels."""
    return GaugeMetricFamily(name, meaning, value=value)


def gauges(
    name: str, meaning: str, labels: Sequence[str], values: Mapping[Labels, float], *, known: Iterable[Labels] = ()
) -> GaugeMetricFamily:
    """A gauge with a series for each set of labels.

    Args:
        name: of the metric.
        meaning: in a sentence, with the unit.
        labels: their names.
        values: for each set of their values.
        known: sets of values that have a series in any case: 0 where there is no number.
    """
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for of, value in sorted((dict.fromkeys(known, 0.0) | dict(values)).items()):
        family.add_metric(of, value)
    return family


def counter(name: str, meaning: str, value: float) -> CounterMetricFamily:
    """A number that only grows; Prometheus calls it `<name>_total`."""
    return CounterMetricFamily(name, meaning, value=value)
