"""What may be told of an error that somebody else's code may have raised.

What belongs here: choosing. An error of the platform's own says what to do, and holds neither a secret nor a meterpoint's id;
of any other only the kind is told, for its text may quote anything.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Final

import dagster as dg

from meter_platform.errors import MeterPlatformError
from meter_platform.redaction import redact_text
from meter_platform.settings import secrets_given

_WRAPPERS: Final = ("Dagster", "SensorExecutionError", "ScheduleExecutionError")
"""What errors are called that say where another was raised."""

_LONGEST: Final = 400
"""Characters of an error that a message repeats; the run has it all."""


def shown(error: Any) -> str:  # noqa: ANN401 - Dagster's SerializableErrorInfo, which is not public
    """What is told of an error that Dagster keeps, or of none."""
    while error and error.cause and (error.cls_name or "").startswith(_WRAPPERS):
        error = error.cause
    if not error:
        return "no reason is on record"
    own = {each.__name__: each.__module__ for each in _below(MeterPlatformError)}
    if error.cls_name not in own:
        return f"{error.cls_name}; the page in Dagster says more"
    return told(error.message.strip().removeprefix(f"{own[error.cls_name]}.{error.cls_name}: "))


def told(text: str) -> str:
    """A text of the platform's own, at most some lines of it, and certainly without a password."""
    text = redact_text(text, *secrets_given())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def dates(days: Sequence[date]) -> str:
    """Reference dates as a person says them."""
    first, last = min(days), max(days)
    if first == last:
        return first.isoformat()
    if (last - first).days + 1 == len(days):
        return f"{first} to {last}"
    return f"{len(days):,} dates from {first} to {last}"


def run_link(run_id: str) -> str:
    """The page of a run in the Dagster UI."""
    return f"/runs/{run_id}"


def check_link(key: dg.AssetCheckKey) -> str:
    """The page of a check in the Dagster UI."""
    return f"/assets/{'/'.join(key.asset_key.path)}?view=checks&checkDetail={key.name}"


def _below(kind: type[MeterPlatformError]) -> Iterator[type[MeterPlatformError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _below(each)
