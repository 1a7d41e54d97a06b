"""Learns which reference dates have rows that wait to be loaded, without loading them.

What belongs here: the sensor's scan of the folder. What does not: Dagster, and which runs to ask for.
"""

import hashlib
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime

from meter_platform.feeds.files import ReadingFolder
from meter_platform.ingestion import catalogue, lost
from meter_platform.ingestion.scan import Scan, ScanReport, record
from meter_platform.settings import Settings
from meter_platform.warehouse import partitions
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
    """

    report: ScanReport
    pending: dict[date, str]
    deleted: int = 0


def discover(database: Database, settings: Settings, folder: ReadingFolder, *, seconds: float) -> Discovery | None:
    """Reads new and changed files through and records them; says which dates wait to be loaded.

    Args:
        database: with the catalogue.
        settings: the market's conventions.
        folder: where the files are.
        seconds: no new file is begun after so long; those that are left come with the next scan.

    Returns:
        `None` where another process is reading new files: it records the same.
    """
    with partitions.session(database) as ledger:
        if not catalogue.try_lock(ledger):
            return None
        scan = Scan(ledger, settings, folder, started=datetime.now(UTC))
        # Counted from here, so that every scan reads something, however long it takes to list what there is.
        deadline = time.monotonic() + seconds
        for _ in scan.batches(wait_for_growing=False, stop=lambda: time.monotonic() > deadline):
            pass  # only what the scan records of them is wanted
        scanned = scan.result()
        record(ledger, scanned)
        files: dict[date, list[str]] = {}
        pending = catalogue.pending_files(ledger)
        deleted = lost.note_deleted(ledger, {(day, number): url for day, url, _, _, number in pending}, scan.listed)
        ledger.commit()
        for day, url, stamp, seen_at, _ in pending:
            # A version that has changed or gone cannot be loaded any more: what came in its place can.
            if (listed := scan.listed.get(url)) and listed.stamp == stamp:
                files.setdefault(day, []).append(f"{url} {seen_at.isoformat()}")
    return Discovery(scanned.report, {day: _digest(parts) for day, parts in files.items()}, deleted)


def _digest(parts: list[str]) -> str:
    return hashlib.blake2b("\n".join(sorted(parts)).encode(), digest_size=8).hexdigest()
