"""Contract of the schema `operations`: what was done to the database as a whole, apart from what is stored in it.

Whoever backs the database up writes here and reads no customer's data; so the schema is apart, and a row of it names no
meterpoint, no file and no person.
"""

from typing import Final

import pandera.pandas as pa

from meter_platform.contracts.types import Count, Flag, Instant, Text

OPERATIONS: Final = ("backup", "erase", "prune", "restore_drill")
"""What is noted. `warehouse/operations.py` has the same words as a type."""


class OperationsLog(pa.DataFrameModel):
    """Each backup, restore drill, pruning and erasure: when it was done, and how it ended.

    A row is written at the end. One that was killed has none, and shows by the age of the row before it.
    """

    operation: Text = pa.Field(isin=list(OPERATIONS), description="What was done.")
    started_at: Instant = pa.Field(description="When it began (UTC).")
    finished_at: Instant = pa.Field(description="When it ended, whether well or not (UTC).")
    succeeded: Flag = pa.Field(description="Whether it did all that it was to do.")
    detail: Text = pa.Field(description="What came out of it, or why it failed, in words; without ids and secrets.")
    size_bytes: Count = pa.Field(
        nullable=True,
        ge=0,
        description="Bytes of the backup, or those that were freed; null where there is no such size.",
    )

    class Config:
        """Table options."""

        name = "log"
        unique = ["operation", "started_at"]
        strict = True
