"""The figures that sizes follow from. What belongs here: each with where it was measured, once. What does not: arithmetic."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that others follow from.

    Attributes:
        value: the number.
        what: it counts, with its unit.
        source: where it was measured; or that it is a judgement.
    """

    value: float
    what: str
    source: str


FILE_BYTES: Final = Figure(44, "bytes of a reading in a file", "the generated sample: 892,573 bytes, 20,160 rows")
POSTGRES_BYTES: Final = Figure(
    134, "bytes of a reading in Postgres, with its key", "sizing.md: 2,000 meterpoints, 10 dates"
)
ANALYTICS_BYTES: Final = Figure(17, "bytes of all other tables, for a reading", "sizing.md: the same")
LAKE_BYTES: Final = Figure(12, "bytes of a reading in the lake, at most", "planned with; generated readings took 5")
LOADED_PER_SECOND: Final = Figure(
    24e6 / 27.5, "readings loaded a second, 2 cores", "results.md: 24 M readings in 50 files"
)
BUILT_PER_SECOND: Final = Figure(
    24e6 / (50.0 - 27.5), "readings a second through tables and checks in Postgres, 2 cores", "results.md: the same run"
)
DUCKDB_PER_SECOND: Final = Figure(
    24e6 / (1.6 + 1.2), "readings a second through three rules in DuckDB, 2 cores", "24 M readings, warm, DuckDB 2.0"
)
POSTGRES_RULES_PER_SECOND: Final = Figure(
    24e6 / (7.8 + 15.3),
    "readings a second through the same rules in Postgres, 2 cores",
    "24 M readings, warm, Postgres 18",
)
SPARK_PER_SECOND: Final = Figure(
    24e6 / (7.5 + 6.6), "readings a second through the same rules in Spark, 2 cores", "24 M readings, local[2], warm"
)
RUN_BYTES: Final = Figure(541e6, "bytes of memory of a run, whatever its size", "results.md: 2.4 to 24 M readings")
DAGSTER_BYTES: Final = Figure(
    65e3, "bytes of Dagster's database for a new date, pruned", "retention.md: 11 tables, a year"
)
DAGSTER_EVENTS: Final = Figure(174, "events of a run of one date", "results.md: 24,000 readings")
REQUESTS_A_FILE: Final = Figure(2, "requests to an object store for a new file", "results.md: a HEAD and a GET")
FILES_A_LIST: Final = Figure(1_000, "names in an answer to LIST", "the S3 API")

SERVER_BYTES: Final = Figure(4e12, "bytes on one Postgres server", "a judgement: what a base backup copies in a night")
WINDOW_SECONDS: Final = Figure(
    3_600, "seconds from the files' deadline to the figures'", "08:00 to 09:00, as freshness has it"
)
REBUILD_SECONDS: Final = Figure(86_400, "seconds to build every kept date by a changed rule", "a judgement: a day")

FIGURES: Final = (
    FILE_BYTES,
    POSTGRES_BYTES,
    ANALYTICS_BYTES,
    LAKE_BYTES,
    LOADED_PER_SECOND,
    BUILT_PER_SECOND,
    POSTGRES_RULES_PER_SECOND,
    DUCKDB_PER_SECOND,
    SPARK_PER_SECOND,
    RUN_BYTES,
    DAGSTER_BYTES,
    DAGSTER_EVENTS,
    REQUESTS_A_FILE,
    FILES_A_LIST,
    SERVER_BYTES,
    WINDOW_SECONDS,
    REBUILD_SECONDS,
)
"""All of them, in the order in which documentation shows them."""
