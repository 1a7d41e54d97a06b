"""Sizes and figures for people: on the screen, and as the tables of `docs/operating/scale.md`."""

from collections.abc import Callable
from typing import Final

from meter_platform.sizing import figures
from meter_platform.sizing.size import Size, files_for

_STEP: Final = 1_000
"""Between two units of bytes."""

_TIMES: Final = ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h"))
"""Seconds below which a unit is used, its length in seconds, its name; above all of them it is days."""

_DAYS: Final = (86_400, "days")

_ONE_DECIMAL: Final = 10
"""Times below it have a decimal."""


def bytes_in_words(count: float) -> str:
    """Bytes with the unit that fits, in powers of 1,000: `6.31 TB`."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < _STEP:
            return f"{count:.3g} {unit}"
        count /= _STEP
    return f"{count:.3g} PB"


def time_in_words(seconds: float) -> str:
    """Seconds with the unit that fits: `27 min`."""
    length, unit = next(((length, unit) for below, length, unit in _TIMES if seconds < below), _DAYS)
    count = seconds / length
    return f"{count:.1f} {unit}" if count < _ONE_DECIMAL else f"{count:,.0f} {unit}"


def lines(size: Size) -> list[str]:
    """What a size takes, for people."""
    return [
        f"{size.meterpoints:,} meterpoints, {size.days:,} days kept, {size.files:,} files a day",
        "",
        f"readings a day              {size.readings_a_day:,}",
        f"reading files a day         {bytes_in_words(size.file_bytes_a_day)}",
        f"Postgres, with readings     {bytes_in_words(size.postgres_bytes)}",
        f"Postgres, without           {bytes_in_words(size.analytics_bytes)}",
        f"readings in a lake          {bytes_in_words(size.lake_bytes)}",
        f"a date in Postgres          {time_in_words(size.load_seconds)} to load and build, on 2 cores",
        f"rules of a date             {_by_engine(size.rule_seconds)}, on 2 cores",
        f"rules of every date         {_by_engine(size.rebuild_seconds)}",
        f"requests to a store a day   {size.requests_a_day:,.0f}",
        f"Dagster's database          {bytes_in_words(size.dagster_bytes)}, {figures.DAGSTER_EVENTS.value:.0f} events a date",
        "",
        f"Keep and compute in         {size.kept_in}",
        *(f"Does not fit                {each}" for each in size.breaks),
    ]


def _by_engine(seconds: Callable[[figures.Figure], float]) -> str:
    engines = {
        "Postgres": figures.POSTGRES_RULES_PER_SECOND,
        "DuckDB": figures.DUCKDB_PER_SECOND,
        "Spark": figures.SPARK_PER_SECOND,
    }
    return ", ".join(f"{time_in_words(seconds(rate))} in {name}" for name, rate in engines.items())


def figures_table() -> str:
    """The figures as a table of Markdown."""
    rows = "\n".join(f"| {figure.what} | {figure.value:,.0f} | {figure.source} |" for figure in figures.FIGURES)
    return f"| figure | value | source |\n|---|---:|---|\n{rows}\n"


def sizes_table(meterpoints: tuple[int, ...], days: int) -> str:
    """Several sizes beside each other, as a table of Markdown."""
    rows = []
    for count in meterpoints:
        size = Size(meterpoints=count, days=days, files=files_for(count))
        rows.append(
            f"| {count:,} | {size.readings_a_day:,} | {bytes_in_words(size.postgres_bytes)} | "
            f"{bytes_in_words(size.lake_bytes)} | {time_in_words(size.load_seconds)} | "
            f"{time_in_words(size.rebuild_seconds(figures.DUCKDB_PER_SECOND))} | {size.kept_in} |"
        )
    head = (
        "| meterpoints | readings a day | Postgres | lake | load a date | every date, DuckDB | keep in |\n"
        "|---:|---:|---:|---:|---:|---:|---|\n"
    )
    return head + "\n".join(rows) + "\n"
