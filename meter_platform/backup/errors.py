"""What can go wrong with a backup that a person has to act on."""

from meter_platform.errors import PermanentError, TransientError


class BackupError(PermanentError):
    """A backup cannot be taken or restored as it was asked for."""


class BrokenBackupError(PermanentError):
    """A backup is not what it was when it was taken, or does not restore to what was in the database."""


class BackupBusyError(TransientError):
    """Another process takes or removes backups in the same folder."""
