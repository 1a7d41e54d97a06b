"""Why a whole file is malformed, for every format: stored codes, and the error that carries one.

What belongs here: codes, the error, and reasons that any format has. What does not: finding out (`formats/`, `chunks.py`).
"""

from enum import StrEnum

from meter_platform.errors import InternalError


class FileReason(StrEnum):
    """Why a whole file is quarantined. The codes are stored: they never change their meaning."""

    UNREADABLE = "unreadable"
    EMPTY = "empty"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    TRUNCATED = "truncated"
    TOO_DEEP = "too_deep"
    NOT_A_DOCUMENT = "not_a_document"
    DUPLICATE_KEY = "duplicate_key"
    BAD_COLUMNS = "bad_columns"
    MISSING_COLUMN = "missing_column"
    BAD_DATA = "bad_data"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"


class MalformedFileError(InternalError):
    """The file does not hold readings in its format. Caught where files are read, and stored as the file's outcome.

    Attributes:
        reason: the stored code.
        detail: what is wrong and where, in words for a person; it holds no meterpoint's id.
    """

    def __init__(self, reason: FileReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def too_slow(seconds: float) -> MalformedFileError:
    """The error of a file that takes longer than so many seconds of the processor's time."""
    return MalformedFileError(
        FileReason.TOO_SLOW,
        f"reading it took more than {seconds:,.0f} seconds of the processor's time, which no file of its size needs: "
        "what is in it is not what a meter sends",
    )
