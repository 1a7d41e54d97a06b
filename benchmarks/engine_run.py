"""Computes rules on one engine, and prints how long it took and the memory of this process: `engines.py` starts it.

What belongs here: one engine, one process. What does not: the readings, which are stored already.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Final

import ibis

from benchmarks.job import Outcome
from benchmarks.memory import own_peak
from meter_platform.engines.lake_files import LakeFiles
from meter_platform.engines.postgres import PostgresEngine, PostgresPartitions
from meter_platform.engines.protocol import Engine, Versions, lazy
from meter_platform.lake.lake import Lake
from meter_platform.lake.stores import LakeStore
from meter_platform.rules.completeness import meterpoint_completeness
from meter_platform.rules.consumption import half_hourly_consumption
from meter_platform.rules.days import day_values
from meter_platform.settings import Settings
from meter_platform.settlement import day_table
from meter_platform.warehouse import tables
from meter_platform.warehouse.database import Database

_BATCH: Final = 8_000
"""Rows that Sail makes of one row of a join, and sends at a time."""

_SERVE: Final = """
import sys
from pysail.spark import SparkConnectServer
server = SparkConnectServer("127.0.0.1", 0)
server.start()
print(server.listening_address[1], flush=True)
sys.stdin.read()
"""


@contextmanager
def _sail(ledger: PostgresPartitions, files: LakeFiles) -> Iterator[Engine]:
    from meter_platform.engines.spark import SparkEngine  # noqa: PLC0415 - an extra

    with subprocess.Popen(  # noqa: S603 - a program of ours
        [sys.executable, "-c", _SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        port = int(server.stdout.readline()) if server.stdout else 0
        engine = SparkEngine(ledger, url=f"sc://127.0.0.1:{port}", files=files)
        try:
            yield engine
        finally:
            engine.close()
            server.kill()


@contextmanager
def _opened(name: str, url: str, folder: Path) -> Iterator[Engine]:
    database = Database(url)
    ledger = PostgresPartitions(database)
    engine, _, source = name.partition(", ")
    files = LakeFiles(Lake(LakeStore(str(folder / "lake"))))
    with ExitStack() as held:
        if engine == "duckdb":
            from meter_platform.engines.duckdb import DuckDbEngine  # noqa: PLC0415 - an extra

            duckdb = DuckDbEngine(ledger, folder=folder / "duckdb", files=files if source else None)
            held.callback(duckdb.close)
            yield duckdb
        elif engine == "sail":
            yield held.enter_context(_sail(ledger, files))
        else:
            yield PostgresEngine(database)


def _rules(day: date) -> dict[str, ibis.Table]:
    days = day_values(day_table(day, day, Settings().zone))
    readings, rejected, meterpoints, active = (
        table.filter(table.reference_date == day)
        for table in map(
            lazy,
            (
                tables.RAW_METER_READINGS,
                tables.REJECTED_READINGS,
                tables.RAW_METERPOINTS,
                tables.ACTIVE_AGREEMENTS,
            ),
        )
    )
    return {
        "half hours": half_hourly_consumption(readings, active, days),
        "meterpoints": meterpoint_completeness(readings, rejected, meterpoints, days),
    }


def main(engine_name: str, url: str, folder: str, what: str) -> Outcome:
    """Computes the rules of a date, twice each, or a result of so many rows."""
    phases: dict[str, float] = {}

    def timed(phase: str, engine: Engine, expression: ibis.Table, versions: Versions) -> int:
        began = time.perf_counter()
        rows: int = sum(part.num_rows for part in engine.compute(expression, versions).rows)
        phases[phase] = time.perf_counter() - began
        return rows

    facts: dict[str, Any] = {}
    began = time.perf_counter()
    with _opened(engine_name, url, Path(folder)) as engine:
        if what.isdigit():
            numbers = ibis.range(_BATCH).unnest().name("number").as_table()
            others = ibis.range(int(what) // _BATCH).unnest().name("other").as_table()
            pairs = numbers.cross_join(others)
            many = pairs.mutate(kwh=pairs.number.cast("decimal(38, 20)"), text=pairs.other.cast("string"))
            facts["rows"] = str(timed("rows", engine, many, {}))
        else:
            day = date.fromisoformat(what)
            versions = {table.name: {day: 1} for table in tables.ASSET_TABLES}
            for name, rule in _rules(day).items():
                facts[name] = str(timed(name, engine, rule, versions))
            for name, rule in _rules(day).items():
                timed(f"{name}, again", engine, rule, versions)
    return Outcome(seconds=time.perf_counter() - began, peak_rss=own_peak(), phases=phases, facts=facts)


if __name__ == "__main__":
    sys.stdout.write(main(*sys.argv[1:]).to_json() + "\n")
