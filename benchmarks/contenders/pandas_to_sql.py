"""The same as `pandas_way`, with `DataFrame.to_sql` in place of COPY: what most of the public solutions do.

Written with care in that style: rows are appended to tables that have their types and key already, a thousand with each
statement. (Left to create the tables, pandas would make the energy a binary float.)
"""

from typing import Any, Final

import pandas as pd
import psycopg
import sqlalchemy as sa

from benchmarks.contenders.pandas_way import run_in
from benchmarks.job import Job, Outcome

SCHEMA: Final = "bench_pandas_to_sql"
_CHUNK_ROWS: Final = 10_000


def run(job: Job) -> Outcome:
    """Loads and computes everything in memory, and stores it by `to_sql`."""
    options = f"-c timezone=UTC -c search_path={SCHEMA}"
    # psycopg 2 sends the rows of an INSERT a thousand at a time; SQLAlchemy's dialect for it is the usual one.
    engine = sa.create_engine(
        sa.make_url(job.url).set(drivername="postgresql+psycopg2"), connect_args={"options": options}
    )

    def to_sql(connection: psycopg.Connection[Any], name: str, frame: pd.DataFrame) -> None:
        connection.commit()  # the table has to be there for the other connection
        frame.to_sql(name, engine, index=False, if_exists="append", chunksize=_CHUNK_ROWS)

    try:
        return run_in(SCHEMA, job, to_sql)
    finally:
        engine.dispose()
