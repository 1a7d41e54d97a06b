"""What the platform would make of one file, without storing anything of it.

What belongs here: reading a file as a load does, and what a person wants to see of that. What does not: the screen
(`cli/feeds.py`).
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from heapq import nsmallest
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from meter_platform.feeds.chunks import FileToRead
from meter_platform.feeds.configured import Taken
from meter_platform.feeds.files import ListedFile, ReadingFolder
from meter_platform.feeds.reading import FileAccount, read
from meter_platform.feeds.validation import Reason
from meter_platform.settings import Settings

_SHOWN: Final = 5
_POSITION: Final = "source_position"


@dataclass(slots=True)
class Trial:
    """What became of the rows of a file.

    Attributes:
        taken: its feed.
        first: the first accepted rows, in order of the file.
        rejected: the first rejected rows, in order of the file.
        reasons: how many rows each reason rejects.
        kwh: the sum of each reference date's readings.
        account: of the file.
    """

    taken: Taken
    first: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    kwh: dict[date, Decimal] = field(default_factory=dict)
    account: FileAccount | None = None


def try_out(folder: ReadingFolder, file: ListedFile, settings: Settings) -> Trial | None:
    """Reads a file as a load would today; `None` where no feed takes it.

    Args:
        folder: where it is, and the feeds.
        file: the file.
        settings: the market's conventions.
    """
    taken = folder.taking(file)
    if taken is None:
        return None
    trial = Trial(taken)
    retracted: set[int] = set()
    today = settings.clock_date()
    for batch in read(
        folder,
        [FileToRead(file, 1, today)],
        zone=settings.zone,
        first_date=settings.first_reference_date,
        last_date=today,
        label_at_end=settings.interval_label == "end",
        wait_for_growing=False,
    ):
        for table in batch.readings:
            trial.first = _earliest([*trial.first, *table.slice(0, _SHOWN).to_pylist()])
            _add(trial.kwh, table, +1)
        trial.rejected = _earliest([*trial.rejected, *batch.rejected.slice(0, _SHOWN).to_pylist()])
        trial.reasons.update(
            {each["values"].as_py(): each["counts"].as_py() for each in pc.value_counts(batch.rejected["reason"])}
        )
        conflicts = batch.rejected.filter(pc.equal(batch.rejected["reason"], Reason.CONFLICT_IN_FILE.value))
        _add(trial.kwh, conflicts, -1)
        retracted.update(batch.retracted[_POSITION].to_pylist())
        for account in batch.accounts:
            trial.account = account
    # What contradicts itself in its file was handed over before it was rejected.
    trial.first = [row for row in trial.first if row[_POSITION] not in retracted]
    if trial.account and (trial.account.malformed or trial.account.held_back):
        trial.first, trial.kwh = [], {}
    return trial


def _add(kwh: dict[date, Decimal], table: pa.Table, sign: int) -> None:
    sums = table.group_by("reference_date").aggregate([("consumption_delta", "sum")])
    for day, total in zip(sums["reference_date"].to_pylist(), sums["consumption_delta_sum"].to_pylist(), strict=True):
        kwh[day] = kwh.get(day, Decimal(0)) + sign * total


def _earliest(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return nsmallest(_SHOWN, rows, key=lambda row: int(row[_POSITION]))
