"""The tree of the errors that the platform raises on purpose. Each of them is below `MeterPlatformError`; a test looks.

What belongs here: the tree's branches, and each error that more than one room knows. An error that only one room raises may
stand there. A caller needs to know two things of an error, and the tree says both: may the same call succeed later without
anyone doing anything (`TransientError`), or must a person act first (`PermanentError`)? A third branch is never seen by a
caller (`InternalError`). Messages are one or two sentences that name the thing at fault and what to do about it, and never
hold a password or a meterpoint id.

What does not: handling. Errors are turned into Dagster failures in `orchestration/failures.py`, and into one line on
the screen in `cli/`.
"""


def first_line(error: BaseException) -> str:
    """The first line of what an error says, or its type where it says nothing: libraries go on with hints and SQL.

    It may quote secrets: `redaction.redact_text` hides those of a URL.
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class MeterPlatformError(Exception):
    """Base of everything below. `str(error)` is fit to be shown to a user."""


class PermanentError(MeterPlatformError):
    """Trying again changes nothing: configuration, input or code has to change first. Never retried."""


class SettingsError(PermanentError):
    """An environment variable holds something the platform cannot use."""


class ContractError(PermanentError):
    """Data does not obey the contract of its table. Nothing of it was stored."""


class SourceError(PermanentError):
    """A source is there but is not what it should be: a table or column is missing, a value cannot be read."""


class SourceRefusedError(PermanentError):
    """A source refuses whoever asks, or there is nothing by its name: credentials, rights, a bucket, a certificate."""


class WithdrawalError(PermanentError):
    """What is to be withdrawn is not there, or not known well enough."""


class ServerSetupError(PermanentError):
    """The embedded Postgres cannot run here (no binaries, no account to run as, another major version)."""


class DroppedTableError(PermanentError):
    """A table of the platform is not there any more. Whoever opens the database next makes it again."""


class TransientError(MeterPlatformError):
    """The same call may succeed later: retried with a growing delay."""


class SourceUnavailableError(TransientError):
    """A source cannot be reached or is busy: absent, locked or in the middle of its refresh."""


class ServerUnavailableError(TransientError):
    """Postgres does not answer."""


class EngineUnavailableError(TransientError):
    """The server that is to compute rules does not answer."""


class EngineFailedError(TransientError):
    """The engine began to compute a rule and did not come to an end."""


class PartitionBusyError(TransientError):
    """A partition could not be published because someone kept reading or writing it."""


class LockHeldError(TransientError):
    """Another process held a lock for longer than anyone should wait for it."""


class InternalError(MeterPlatformError):
    """It never leaves the room that raises it: what it is about becomes an outcome there, such as a quarantined file."""
