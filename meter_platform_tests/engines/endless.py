"""A query that takes longer than any test, and whoever stops waiting for it."""

import threading
import time
from collections.abc import Iterator

import ibis
import pyarrow as pa

from meter_platform.engines.protocol import Computation
from meter_platform.stages import run_ahead

_SECONDS = 60


def counted_for_ever() -> ibis.Table:
    """An expression of one row, after some 10^12 additions."""
    numbers = ibis.range(1_000_000).unnest().name("n").as_table()
    pairs = numbers.cross_join(numbers.view(), rname="{name}_right")
    return pairs.agg(total=((pairs.n * pairs.n_right) % 7).sum())


def close_in_the_middle(computation: Computation) -> None:
    """Takes rows as storing them does, in a stage, and stops while the engine is at work: that has to end soon."""

    def rows() -> Iterator[pa.Table]:
        yield pa.table({})
        yield from computation.rows

    taken = run_ahead(rows())
    next(taken)
    began = time.monotonic()
    while not any(thread.name == "ended_if_unwanted" for thread in threading.enumerate()):
        assert time.monotonic() - began < _SECONDS, "it was not begun"
        time.sleep(0.05)
    time.sleep(1)  # into the query itself
    taken.close()
    assert time.monotonic() - began < _SECONDS, "it went on"
