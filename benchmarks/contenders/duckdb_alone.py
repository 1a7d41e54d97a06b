"""DuckDB alone: it parses, aggregates, and writes Parquet. No server, no database that others could read meanwhile.

What a person would write who needs the figures and nothing else. **It does less than the platform**: nothing is validated,
nothing says which file a reading came from, a correction means doing all of it again, and readers see half-written files. Nor
has it the tables of agreements and meterpoints that the others store.
"""

from typing import Final
from zoneinfo import ZoneInfo

import duckdb

from benchmarks.contenders.files import AGREEMENTS, facts_of, fresh_folder, reference_table
from benchmarks.contenders.labels import label_table
from benchmarks.job import Job, Outcome, Phases

_ZONE: Final = ZoneInfo("Europe/London")

_READINGS: Final = """
CREATE TABLE readings AS
WITH printed AS (
  SELECT r[3] AS meterpoint_id, CAST(r[2] AS DECIMAL(18, 3)) AS kwh, r[1] AS label,
         row_number() OVER () AS position
  FROM (SELECT unnest(data) AS r FROM read_json($files, columns = {data: 'VARCHAR[][]'},
                                           maximum_object_size = $largest))
), plain AS (
  SELECT meterpoint_id, interval_start, reference_date, kwh, position, label
  FROM printed LEFT JOIN labels USING (label)
)
SELECT meterpoint_id, interval_start, reference_date, kwh FROM plain WHERE interval_start IS NOT NULL
UNION ALL
-- The hour that occurs twice in autumn: the earlier row of two is summer time.
SELECT meterpoint_id,
       timezone('UTC', CAST(label AS TIMESTAMP)) - to_hours(2 - CAST(row_number() OVER
         (PARTITION BY meterpoint_id, label ORDER BY position) AS INTEGER)),
       CAST(label AS DATE), kwh
FROM plain WHERE interval_start IS NULL
"""

_ANALYTICS: Final = {
    "half_hourly_consumption": """
        SELECT interval_start AS datetime, any_value(reference_date) AS reference_date, count(*) AS meterpoint_count,
               sum(kwh) AS total_consumption_kwh
        FROM readings GROUP BY interval_start""",
    "daily_product_consumption": """
        SELECT reference_date, display_name, count(*) AS meterpoint_count, sum(kwh) AS total_consumption_kwh
        FROM daily JOIN sole USING (reference_date, meterpoint_id) GROUP BY ALL""",
    "unattributed_consumption": """
        SELECT reference_date, meterpoint_id, kwh AS total_consumption_kwh, reading_count
        FROM daily ANTI JOIN sole USING (reference_date, meterpoint_id)""",
    "meterpoint_completeness": "FROM daily",
}

_DAILY: Final = (
    """
    CREATE TABLE agreement AS
    SELECT * REPLACE (CAST(agreement_valid_from AS DATE) AS agreement_valid_from,
                      CAST(agreement_valid_to AS DATE) AS agreement_valid_to) FROM agreements
    """,
    """
    CREATE TABLE daily AS
    SELECT reference_date, meterpoint_id, count(*) AS reading_count, sum(kwh) AS kwh,
           count(*) FILTER (WHERE kwh = 0) AS zero_readings
    FROM readings GROUP BY ALL
    """,
    # A day with two agreements of a meterpoint belongs to neither product.
    """
    CREATE TABLE sole AS
    SELECT reference_date, meterpoint_id, any_value(display_name) AS display_name
    FROM (SELECT DISTINCT reference_date FROM labels) JOIN agreement
      ON agreement_valid_from <= reference_date
     AND (agreement_valid_to IS NULL OR reference_date < agreement_valid_to)
    GROUP BY ALL HAVING count(*) = 1
    """,
)


def run(job: Job) -> Outcome:
    """Reads all files at once, and writes a Parquet file for each table."""
    folder = fresh_folder(job, "duckdb")
    labels = label_table(job.first, job.last, _ZONE)
    phases = Phases()
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        with phases.phase("parse"):
            database.register("calendar", labels)
            database.execute("CREATE TABLE labels AS SELECT * REPLACE (CAST(label AS VARCHAR) AS label) FROM calendar")
            # It sets aside as much for each file as it is told.
            largest = max(file.stat().st_size for file in job.readings.iterdir()) + 1
            database.execute(_READINGS, {"files": f"{job.readings}/*.json", "largest": largest})
        with phases.phase("write readings"):
            database.sql("FROM readings").write_parquet(str(folder / "readings.parquet"))
        raw_seconds = phases.total
        with phases.phase("aggregate and write"):
            database.register("agreements", reference_table(job, AGREEMENTS))
            for statement in _DAILY:
                database.execute(statement)
            for name, query in _ANALYTICS.items():
                database.sql(query).write_parquet(str(folder / f"{name}.parquet"))
    outcome = Outcome(seconds=phases.total, raw_seconds=raw_seconds, phases=phases.seconds)
    outcome.facts = facts_of(folder)
    return outcome
