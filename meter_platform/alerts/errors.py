"""Why a message could not be delivered.

What belongs here: the errors that a channel raises. What does not: what is done about them (`ledger.py`).
"""

from meter_platform.errors import PermanentError, TransientError


class UndeliverableError(TransientError):
    """A message could not be handed over: the server is away, or refuses it. The message is kept and sent later."""


class ChannelSettingsError(PermanentError):
    """A setting of a channel cannot be used: no message can be sent until it is another."""
