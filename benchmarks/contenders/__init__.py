"""The contenders. Each is a module with a `run(job) -> Outcome` that leaves its tables behind for the comparison.

What does not belong here: choosing, repeating and comparing them (`session.py`).
"""

from importlib import import_module
from typing import Final, Protocol, cast

from benchmarks.job import Job, Outcome


class Contender(Protocol):
    """What every contender's module has."""

    def run(self, job: Job) -> Outcome:
        """Runs once, as a first load."""
        ...


NAMES: Final = {
    "platform": "platform",
    "reference": "reference",
    "floor": "floor",
    "duckdb alone": "duckdb_alone",
    "polars": "polars_way",
    "pandas": "pandas_way",
    "pandas to_sql": "pandas_to_sql",
}
"""Each contender's name and its module."""


def load(name: str) -> Contender:
    """A contender by its name; its libraries are imported only now."""
    return cast("Contender", import_module(f"benchmarks.contenders.{NAMES[name]}"))
