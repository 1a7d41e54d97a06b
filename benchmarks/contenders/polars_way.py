"""Polars: it parses, aggregates, and writes Parquet. No server, no database that others could read meanwhile.

What a person would write who needs the figures and nothing else. **It does less than the platform**: nothing is validated,
nothing says which file a reading came from, a correction means doing all of it again, and readers see half-written files. Nor
has it the tables of agreements and meterpoints that the others store. All readings are in memory at once.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import polars as pl

from benchmarks.contenders.files import AGREEMENTS, facts_of, fresh_folder, reference_table
from benchmarks.job import Job, Outcome, Phases

_ZONE: Final = "Europe/London"
_DOCUMENT: Final = pl.Struct({"data": pl.List(pl.List(pl.String))})
_GROUP_BYTES: Final = 64 << 20
"""Text parsed at a time: rows as lists of texts take many times as much."""


def run(job: Job) -> Outcome:
    """Reads the files group by group, and writes a Parquet file for each table."""
    folder = fresh_folder(job, "polars")
    phases = Phases()
    with phases.phase("parse"):
        readings = pl.concat([_parse(texts) for texts in _groups(job.readings)])
    with phases.phase("write readings"):
        readings.write_parquet(folder / "readings.parquet")
    raw_seconds = phases.total
    with phases.phase("aggregate and write"):
        for name, frame in _analytics(job, readings).items():
            frame.write_parquet(folder / f"{name}.parquet")
    outcome = Outcome(seconds=phases.total, raw_seconds=raw_seconds, phases=phases.seconds)
    outcome.facts = facts_of(folder)
    return outcome


def _groups(folder: Path) -> Iterator[list[str]]:
    texts: list[str] = []
    size = 0
    for file in sorted(folder.iterdir()):
        texts.append(file.read_text(encoding="utf-8"))
        size += len(texts[-1])
        if size >= _GROUP_BYTES:
            yield texts
            texts, size = [], 0
    if texts:
        yield texts


def _parse(texts: list[str]) -> pl.DataFrame:
    row, label = pl.col("row"), pl.col("label")
    # The hour that occurs twice in autumn: the earlier row of two is summer time.
    which = pl.when(pl.int_range(pl.len()).over("meterpoint_id", "label") == 0).then(pl.lit("earliest"))
    rows = (
        pl.DataFrame({"text": texts})
        .select(row=pl.col("text").str.json_decode(_DOCUMENT).struct.field("data").explode())
        .select(
            meterpoint_id=row.list.get(2),
            label=row.list.get(0).str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us"),
            kwh=row.list.get(1).cast(pl.Decimal(18, 3)),
        )
    )
    repeated = label.dt.replace_time_zone(_ZONE, ambiguous="null", non_existent="null").is_null()
    found = rows.filter(~repeated).with_columns(interval_start=label.dt.replace_time_zone(_ZONE))
    twice = rows.filter(repeated)
    if len(twice):
        start = label.dt.replace_time_zone(_ZONE, ambiguous=which.otherwise(pl.lit("latest")))
        found = pl.concat([found, twice.with_columns(interval_start=start)])
    return found.select(
        "meterpoint_id",
        interval_start=pl.col("interval_start").dt.convert_time_zone("UTC"),
        reference_date=label.dt.date(),
        kwh=pl.col("kwh"),
    )


def _analytics(job: Job, readings: pl.DataFrame) -> dict[str, pl.DataFrame]:
    daily = readings.group_by("reference_date", "meterpoint_id").agg(
        reading_count=pl.len(), kwh=pl.col("kwh").sum(), zero_readings=(pl.col("kwh") == 0).sum()
    )
    days = pl.DataFrame({"reference_date": pl.date_range(job.first, job.last, timedelta(days=1), eager=True)})
    begin, end = (pl.col(f"agreement_valid_{name}").str.to_date() for name in ("from", "to"))
    # A day with two agreements of a meterpoint belongs to neither product.
    sole = (
        pl.from_pandas(reference_table(job, AGREEMENTS))
        .join(days, how="cross")
        .filter((begin <= pl.col("reference_date")) & (end.is_null() | (pl.col("reference_date") < end)))
        .group_by("reference_date", "meterpoint_id")
        .agg(pl.len().alias("agreements"), pl.col("display_name").first())
        .filter(pl.col("agreements") == 1)
    )
    key = ["reference_date", "meterpoint_id"]
    return {
        "half_hourly_consumption": readings.group_by("interval_start", "reference_date").agg(
            meterpoint_count=pl.len(), total_consumption_kwh=pl.col("kwh").sum()
        ),
        "daily_product_consumption": daily.join(sole, on=key)
        .group_by("reference_date", "display_name")
        .agg(meterpoint_count=pl.len(), total_consumption_kwh=pl.col("kwh").sum()),
        "unattributed_consumption": daily.join(sole, on=key, how="anti").rename({"kwh": "total_consumption_kwh"}),
        "meterpoint_completeness": daily,
    }
