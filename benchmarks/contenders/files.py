"""Contenders that leave Parquet files in place of tables: their folder, and what is in it.

What does not belong here: computing what is in them.
"""

import shutil
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Final

import duckdb
import pandas as pd

from benchmarks.job import Job

AGREEMENTS: Final = """
SELECT meterpoint_id, display_name, agreement_valid_from, agreement_valid_to FROM agreement JOIN product USING (product_id)
"""

_FACTS: Final = """
SELECT (SELECT count(*) FROM '{folder}/readings.parquet') AS readings,
       (SELECT sum(kwh) FROM '{folder}/readings.parquet') AS readings_kwh,
       (SELECT count(DISTINCT reference_date) FROM '{folder}/readings.parquet') AS reference_dates,
       (SELECT count(*) FROM '{folder}/half_hourly_consumption.parquet') AS half_hours,
       (SELECT sum(total_consumption_kwh) FROM '{folder}/half_hourly_consumption.parquet') AS half_hour_kwh,
       (SELECT sum(total_consumption_kwh) FROM '{folder}/daily_product_consumption.parquet') AS product_kwh,
       (SELECT sum(total_consumption_kwh) FROM '{folder}/unattributed_consumption.parquet') AS unattributed_kwh
"""
"""By the names of `facts.py`."""


def fresh_folder(job: Job, name: str) -> Path:
    """An empty folder of a contender's."""
    folder = job.scratch / f"{name}-files"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def reference_table(job: Job, query: str) -> pd.DataFrame:
    """Rows of the reference database."""
    with closing(sqlite3.connect(job.reference)) as source:
        return pd.read_sql(query, source)


def facts_of(folder: Path) -> dict[str, str]:
    """Counts and exact totals of what was written, to be compared with those of tables."""
    with duckdb.connect() as database:
        cursor = database.execute(_FACTS.format(folder=folder))
        (row,) = cursor.fetchall()
        names = [column[0] for column in cursor.description or ()]
    return {
        name: f"{Decimal(value).normalize():f}" for name, value in zip(names, row, strict=True) if value is not None
    }
