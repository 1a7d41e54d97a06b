"""Takes the numbers of an erased meterpoint's agreements out of what checks found, which Dagster keeps.

What belongs here: texts in Dagster's database. What does not: the platform's own tables (`ingestion/erase.py`). Ids of
meterpoints and accounts are in no text that Dagster gets; numbers of agreements are, so that somebody can mend them.
"""

import re
from collections.abc import Collection
from typing import Final

from meter_platform.orchestration import dagster_tables
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database, dagster_url

ERASED: Final = "erased"
_NUMBERS: Final = r"(agreements? )((?:{number}, )*{number})\b"
"""As checks write them: `agreement 7`, `agreements 7, erased, 12`."""
_NUMBER: Final = rf"(?:\d+|{ERASED})"


def forget_agreements(settings: Settings, numbers: Collection[int]) -> int:
    """Takes numbers of agreements out of the findings that Dagster keeps.

    Args:
        settings: of the platform.
        numbers: of the agreements.

    Returns:
        How many findings named one.
    """
    if not numbers:
        return 0
    wanted = {str(number) for number in numbers}

    def without(text: str) -> str:
        return re.sub(_NUMBERS.format(number=_NUMBER), _without, text)

    def _without(found: re.Match[str]) -> str:
        kept = (ERASED if number in wanted else number for number in found[2].split(", "))
        return found[1] + ", ".join(kept)

    with Database(dagster_url(settings)).connect() as connection:
        return dagster_tables.rewrite_findings(connection, without)
