"""What goes wrong while readings are fetched. No message names a meterpoint.

What belongs here: the errors. What does not: when they are raised.
"""

from meter_platform.errors import PermanentError, TransientError


class ApiAwayError(TransientError):
    """The API does not answer, or asks for patience for longer than anyone should wait."""


class KeyRefusedError(PermanentError):
    """The API does not take the key."""


class MeterRefusedError(PermanentError):
    """The API answers, and not with readings of the meter that was asked for."""


class NotAllFetchedError(PermanentError):
    """Readings of some meters were fetched, and of others not."""
