"""Learns which reference dates have rows that wait to be loaded, without loading them.

What belongs here: the sensor's scan of the folder. What does not: Dagster, and which runs to ask for.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from meter_platform.feeds.files import ReadingFolder
from meter_platform.ingestion import catalogue, erased_meters, lost
from meter_platform.ingestion.scan import Scan, ScanReport, record
from meter_platform.ingestion.tree import Effort
from meter_platform.settings import Settings
from meter_platform.warehouse import sessions
from meter_platform.warehouse.database import Database


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a scan found.

    Attributes:
        report: of the scan.
        pending: each reference date with rows that wait, and a digest of the file versions they are in. It changes when
            other files bring rows for the date, and when a correction is taken back: no two versions of a file are
            seen at once, and a file that is only touched stays the version it was.
        deleted: file versions that were deleted before all of their rows were loaded.
        missing: URLs of folders that were wanted and are not there.
    """

    report: ScanReport
    pending: dict[date, str]
    deleted: int = 0
    missing: Sequence[str] = ()


def discover(
    database: Database,
    settings: Settings,
    folder: ReadingFolder,
    *,
    effort: Effort,
    seconds: float = math.inf,
    wait: Callable[[str], None] | None = None,
) -> Discovery | None:
    """Reads new and changed files through and records them; says which dates wait to be loaded.

    Args:
        database: with the catalogue.
        settings: the market's conventions.
        folder: where the files are.
        effort: how much of the folder is looked into.
        seconds: no new file is begun after so long; those that are left come with the next scan.
        wait: told that another process is reading new files, which is then waited for.

    Returns:
        `None` where another process is reading new files and nobody waits: it records the same.

    Raises:
        SourceUnavailableError: the folder cannot be listed.
        LockHeldError: another process reads new files all the time.
    """
    with sessions.begin(database) as ledger:
        if wait:
            catalogue.lock(ledger, log=wait)
        elif not catalogue.try_lock(ledger):
            return None
        scan = Scan(ledger, settings, folder, started=datetime.now(UTC), effort=effort)
        # Counted from here, so that every scan reads something, however long it takes to list what there is.
        deadline = time.monotonic() + seconds
        for _ in scan.batches(wait_for_growing=False, stop=lambda: time.monotonic() > deadline):
            pass  # only what the scan records of them is wanted
        scanned = scan.result()
        record(ledger, scanned)
        if scanned.erased.new_meters:  # names are others now, and so is what is looked for
            scan = Scan(ledger, settings, folder, started=datetime.now(UTC), effort=effort)
        deleted = lost.note_deleted(ledger, scan.whereabouts)
        pending = catalogue.pending_dates(ledger, scan.whereabouts)
        ledger.commit()
    if scanned.erased.new_meters:
        erased_meters.forget_samples(database)
    missing = sorted(set(effort.wanted).difference(scan.whereabouts.tree.there.values()))
    return Discovery(scanned.report, pending, deleted, missing)
