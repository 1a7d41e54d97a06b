"""Under which rules a file is read, as a digest: two readings of one file under the same rules say the same.

What belongs here: what a file's rows are accepted or rejected by, besides the file itself. What does not: the rules
(`validation.py`, `held_back.py`, `conflicts.py`), and reading files again (`ingestion/reread.py`).
"""

import hashlib
from typing import Final

from meter_platform.contracts import readings
from meter_platform.feeds import held_back
from meter_platform.feeds.feed import Feed
from meter_platform.settings import Settings

EDITION: Final = 2
"""To be raised with every change of this room's code by which some row of some file is accepted or rejected otherwise than
before. A digest of the code itself would take each file for read by other rules after a comma was moved."""


def reading_rules(settings: Settings, feed: Feed | None = None) -> str:
    """All that decides what becomes of the rows of a file, as the catalogue keeps it with each version.

    Args:
        settings: of the platform.
        feed: that takes the file; `None` where no feeds are configured.

    Returns:
        `judging_rules`, a space, and the first reference date: that only says which rows are kept, and changes nothing
        about those of a date that is kept before and after.
    """
    return f"{judging_rules(settings, feed)} {settings.first_reference_date.isoformat()}"


def judging_rules(settings: Settings, feed: Feed | None = None) -> str:
    """A digest of the rules that rows are judged by: limits, zone, label, format, and all that the feed says.

    Args:
        settings: of the platform.
        feed: that takes the file; `None` where no feeds are configured.

    Returns:
        16 characters; other rules have others.
    """
    rules = {
        "edition": EDITION,
        "format": "json_document",
        "most kWh": readings.IMPOSSIBLE_KWH,
        "error codes from kWh": readings.ERROR_CODES_FROM_KWH,
        "sentinel kWh": readings.SENTINEL_KWH,
        "decimals kept": readings.MOST_DECIMALS,
        "decimals that tell values apart": readings.SAME_DECIMALS,
        "rows of which most are rejected": held_back.FEWEST_ROWS,
        "zone": settings.timezone,
        "label": settings.interval_label,
    }
    if feed:
        # What the settings say of labels reaches a row through its feed alone.
        rules |= {
            "format": feed.format,
            "label": feed.label,
            "feed": feed.digest,
            "particulars": "register to revision",
        }
    return hashlib.blake2b(repr(rules).encode(), digest_size=8).hexdigest()
