"""A program with writers of one table of the lake: several at once, and some that are killed as they stand.

What belongs here: forking writers, and looking at what they leave. The library's threads do not survive a fork, so that the
program itself never uses it. What does not: how often (`test_writers.py`).
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa

from meter_platform.lake.delta import LakeTable
from meter_platform.lake.stores import LakeStore
from meter_platform.warehouse.tables import RAW_METERPOINTS
from meter_platform_tests.lake.rows import meterpoints

DAY, OTHER = date(2021, 1, 4), date(2021, 1, 5)
ROWS = 2_000


def table_in(path: Path) -> LakeTable:
    return LakeTable(LakeStore(str(path)), RAW_METERPOINTS)


def write(path: Path, version: int, *days: date) -> None:
    rows = [meterpoints(day, ROWS, f"v{version}") for day in days]
    table_in(path).replace(dict.fromkeys(days, version), lambda: iter(rows))


def whole_version(path: Path, day: date) -> int:
    """The version of a date, of which the lake has every row and no other."""
    table = table_in(path)
    snapshot = table.snapshot()
    rows = pa.Table.from_batches(table.batches(snapshot, day))
    (region,) = set(rows["region"].to_pylist())
    assert (rows.num_rows, len(set(rows["meterpoint_id"].to_pylist()))) == (ROWS, ROWS)
    assert snapshot.ledger_versions[day] == int(region.removeprefix("v"))
    return snapshot.ledger_versions[day]


def forked(act: Callable[[], None]) -> int:
    """A process of its own, which ends with 0 where the act does not fail."""
    pid = os.fork()
    if pid == 0:
        try:
            act()
            os._exit(0)
        finally:
            os._exit(1)
    return pid


def ends_of(pids: list[int]) -> list[int]:
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]


def race(path: Path) -> None:
    """Of several writers of a date one is last, and all finish; so does that of another date."""
    assert ends_of([forked(lambda: write(path, 0, DAY, OTHER))]) == [0]
    writers = [forked(lambda version=version: write(path, version, DAY)) for version in (1, 2, 3)]
    assert ends_of([*writers, forked(lambda: write(path, 4, OTHER))]) == [0] * 4

    def check() -> None:
        assert whole_version(path, DAY) in {1, 2, 3}
        assert whole_version(path, OTHER) == 4

    assert ends_of([forked(check)]) == [0]


def kill(path: Path, kills: int) -> None:
    """A writer that is killed leaves the old rows or the new ones, and the next one writes."""
    assert ends_of([forked(lambda: write(path, 0, DAY))]) == [0]
    begun = time.monotonic()
    assert ends_of([forked(lambda: write(path, 1, DAY))]) == [0]
    takes = time.monotonic() - begun
    chance = random.Random(kills)  # noqa: S311 - of a test
    ends = []
    for version in range(2, kills + 2):
        writer = forked(lambda version=version: write(path, version, DAY))
        time.sleep(chance.uniform(0, 1.2 * takes))
        os.kill(writer, signal.SIGKILL)
        ends += ends_of([writer])
        assert ends_of([forked(lambda: _check(path, version))]) == [0]  # noqa: B023 - it ends here
    assert -signal.SIGKILL in ends
    assert ends_of([forked(lambda: write(path, kills + 2, DAY))]) == [0]
    assert ends_of([forked(lambda: _check(path, kills + 2, exactly=True))]) == [0]


def _check(path: Path, version: int, *, exactly: bool = False) -> None:
    found = whole_version(path, DAY)
    assert found == version if exactly else found <= version


if __name__ == "__main__":
    if sys.argv[1] == "race":
        race(Path(sys.argv[2]))
    else:
        kill(Path(sys.argv[2]), int(sys.argv[3]))
