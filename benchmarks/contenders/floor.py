"""What the server itself needs: COPY of the same rows from a binary file, and the same primary key. No parsing at all.

The file is made outside of the timing. The server reads it by itself where it may, for that is the fastest; otherwise
it is streamed to it, and the outcome says so.
"""

from contextlib import closing
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

from benchmarks.contenders import reference
from benchmarks.facts import readings_facts
from benchmarks.job import Job, Outcome, Phases

SCHEMA: Final = "bench_floor"
_BLOCK: Final = 1 << 20


def run(job: Job) -> Outcome:
    """Copies and indexes."""
    file = _binary_file(job)
    with closing(psycopg.connect(job.url, options=f"-c timezone=UTC -c search_path={SCHEMA}")) as connection:
        connection.execute("DROP SCHEMA IF EXISTS bench_floor CASCADE")
        connection.execute("CREATE SCHEMA bench_floor")
        readable = _server_may_read(connection, file)
        connection.commit()
        phases = Phases()
        with phases.phase("copy"):
            connection.execute(reference.READINGS_TABLE)
            (_copy_by_server if readable else _copy_by_client)(connection, file)
        with phases.phase("primary key"):
            connection.execute(reference.PRIMARY_KEY)
        with phases.phase("commit"):
            connection.commit()
        return Outcome(
            seconds=phases.total,
            raw_seconds=phases.total,
            phases=phases.seconds,
            facts=readings_facts(connection, SCHEMA),
            note="the server reads the file" if readable else "the server may not read the file: streamed to it",
        )


def _binary_file(job: Job) -> Path:
    """The rows in the server's own format, made by the server from what the reference contender stored."""
    file = job.scratch / f"{job.readings.parent.name}.copy"
    if not file.exists():
        with closing(psycopg.connect(job.url)) as connection:
            if connection.execute("SELECT to_regclass('bench_reference.raw_meter_readings')").fetchone() == (None,):
                reference.run(job)
            partial = file.with_suffix(".partial")
            copy = "COPY bench_reference.raw_meter_readings TO STDOUT WITH (FORMAT binary)"
            with partial.open("wb") as out, connection.cursor().copy(copy) as stream:
                for block in stream:
                    out.write(block)
            partial.replace(file)
            # Else the server would go on writing these pages to disk beside what is measured.
            connection.execute("DROP SCHEMA bench_reference CASCADE")
            connection.commit()
            connection.autocommit = True
            connection.execute("CHECKPOINT")
    with file.open("rb") as warm:
        while warm.read(_BLOCK):
            pass
    return file


def _server_may_read(connection: psycopg.Connection[Any], file: Path) -> bool:
    try:
        with connection.transaction():
            connection.execute("SELECT pg_read_binary_file(%s, 0, 1)", (str(file),))
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedFile):
        return False
    return True


def _copy_by_server(connection: psycopg.Connection[Any], file: Path) -> None:
    statement = sql.SQL("COPY raw_meter_readings FROM {} WITH (FORMAT binary, FREEZE)")
    connection.execute(statement.format(sql.Literal(str(file))))


def _copy_by_client(connection: psycopg.Connection[Any], file: Path) -> None:
    copy = "COPY raw_meter_readings FROM STDIN WITH (FORMAT binary, FREEZE)"
    with file.open("rb") as source, connection.cursor().copy(copy) as stream:
        while block := source.read(_BLOCK):
            stream.write(block)
