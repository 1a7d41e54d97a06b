"""First loads: what each of them must show.

What belongs here: the goals of the cases that every contender takes part in. What does not: their input (`inputs.py`), and
running them (`session.py`).
"""

from collections.abc import Iterator
from typing import Final

from benchmarks.goals import (
    FLOOR,
    MB,
    PANDAS,
    PANDAS_TO_SQL,
    PLATFORM,
    REFERENCE,
    Found,
    Goal,
    around,
    on_disk,
    peak,
    ratio,
    raw_load,
    whole_command,
)

_WAYS_OF_PANDAS: Final = {PANDAS: "CSV text into COPY", PANDAS_TO_SQL: "`to_sql`"}
"""The public solutions go either way; a bound holds for both."""

_LARGE: Final = "50-files"
_TINY: Final = "50000-files"
_TEN_TIMES: Final = "24-million"
_MILLION: Final = "48-million"
_YEAR: Final = "year"
_LARGE_YEAR: Final = "large-year"


def goals(found: Found) -> Iterator[Goal]:
    """Every goal of a first load."""
    yield from _of_one_date(found)
    yield from _of_larger_dates(found)
    yield from _of_a_year(found)


def _faster_than_pandas(found: Found, case: str, measure: str, bound: int) -> Iterator[Goal]:
    for name, how in _WAYS_OF_PANDAS.items():
        yield Goal(
            measure=measure,
            wanted=f"≥ {bound} x faster than pandas, {how}",
            found=ratio(found.median(case, name), found.median(case, PLATFORM)),
            bound=bound,
            at_least=True,
            case=case,
        )


def _of_one_date(found: Found) -> Iterator[Goal]:
    yield Goal(
        measure="2.4 M in 50 files, time inside the run",
        wanted="≤ 1.25 x reference",
        found=ratio(found.median(_LARGE, PLATFORM), found.median(_LARGE, REFERENCE)),
        bound=1.25,
        case=_LARGE,
    )
    yield from _faster_than_pandas(found, _LARGE, "2.4 M in 50 files, time inside the run", 8)
    yield Goal(
        measure="raw load alone, 2.4 M in 50 files",
        wanted="≤ 1.6 x floor",
        found=ratio(found.median(_LARGE, PLATFORM, raw_load), found.median(_LARGE, FLOOR, raw_load)),
        bound=1.6,
        case=_LARGE,
    )
    yield Goal(
        measure="`dagster asset materialize`, 2.4 M in 50 files, whole command less the time inside the run",
        wanted="≤ 5 s",
        found=found.median(_LARGE, PLATFORM, around),
        bound=5,
        unit="s",
        case=_LARGE,
    )
    yield Goal(
        measure="size on disk per million readings, raw with key",
        wanted="≤ 75 MB",
        found=ratio(found.median(_LARGE, PLATFORM, on_disk), found.amount(_LARGE, "readings")),
        bound=75,
        unit="MB",
        case=_LARGE,
    )
    yield from _faster_than_pandas(found, _TINY, "2.4 M in 50,000 files, time inside the run", 12)
    yield Goal(
        measure="2.4 M in 50,000 files, time inside the run",
        wanted="≤ 2 x the 50-file case",
        found=ratio(found.median(_TINY, PLATFORM), found.median(_LARGE, PLATFORM)),
        bound=2,
        case=_TINY,
    )


def _of_larger_dates(found: Found) -> Iterator[Goal]:
    yield Goal(
        measure="24 M in 50 files, time per reading",
        wanted="≤ 1.15 x that at 2.4 M",
        found=ratio(found.per_reading(_TEN_TIMES), found.per_reading(_LARGE)),
        bound=1.15,
        case=_TEN_TIMES,
    )
    memory = found.median(_TEN_TIMES, PLATFORM, peak)
    yield Goal(
        measure="24 M in 50 files, peak RSS of the platform's process",
        wanted="≤ 800 MB",
        found=ratio(memory, MB),
        bound=800,
        unit="MB",
        case=_TEN_TIMES,
    )
    yield Goal(
        measure="24 M in 50 files, peak RSS of the platform's process",
        wanted="≤ 1.2 x that at 2.4 M",
        found=ratio(memory, found.median(_LARGE, PLATFORM, peak)),
        bound=1.2,
        case=_TEN_TIMES,
    )
    yield Goal(
        measure="a day of 1,000,000 meterpoints (48 M readings), first load",
        wanted="≤ 75 s",
        found=found.median(_MILLION, PLATFORM),
        bound=75,
        unit="s",
        case=_MILLION,
    )
    yield Goal(
        measure="a day of 1,000,000 meterpoints (48 M readings), peak RSS of the platform's process",
        wanted="≤ 600 MB",
        found=ratio(found.median(_MILLION, PLATFORM, peak), MB),
        bound=600,
        unit="MB",
        case=_MILLION,
    )


def _of_a_year(found: Found) -> Iterator[Goal]:
    one_run = "365 dates x 100 meterpoints, one ranged run"
    yield Goal(
        measure=f"{one_run}, inside the run",
        wanted="≤ 2 x reference",
        found=ratio(found.median(_YEAR, PLATFORM), found.median(_YEAR, REFERENCE)),
        bound=2,
        case=_YEAR,
    )
    yield from _faster_than_pandas(found, _YEAR, f"{one_run}, inside the run", 4)
    yield Goal(
        measure=f"{one_run}, whole command",
        wanted="≤ 12 s",
        found=found.median(_YEAR, PLATFORM, whole_command),
        bound=12,
        unit="s",
        case=_YEAR,
    )
    yield Goal(
        measure="365 dates x 5,000 meterpoints (87.6 M readings), time per reading",
        wanted="≤ 1.3 x that of one date of 2.4 M",
        found=ratio(found.per_reading(_LARGE_YEAR), found.per_reading(_LARGE)),
        bound=1.3,
        case=_LARGE_YEAR,
    )
    yield Goal(
        measure="365 dates x 5,000 meterpoints (87.6 M readings), peak RSS of the platform's process",
        wanted="≤ 800 MB",
        found=ratio(found.median(_LARGE_YEAR, PLATFORM, peak), MB),
        bound=800,
        unit="MB",
        case=_LARGE_YEAR,
    )
