"""What the sessions of this process are called in Postgres: `pg_stat_activity` and messages say whose a lock is.

What belongs here: the name. What does not: connecting.
"""

import os
import socket
from typing import Final

_VARIABLE: Final = "PGAPPNAME"
"""What libpq takes the name from, whichever of the drivers connects."""

_PREFIX: Final = "meter_platform process "


def session_name(pid: int | None = None) -> str:
    """The name of a process's sessions, and of no other's.

    Args:
        pid: of a process on this machine; this one's unless given.
    """
    host = socket.gethostname().encode("ascii", "replace").decode()[:24]
    return f"{_PREFIX}{pid or os.getpid()} on {host}"  # Postgres keeps 63 characters


def name_sessions() -> None:
    """Lets every session that this process opens from now on have its name; a forked child gets its own."""
    os.environ[_VARIABLE] = session_name()


name_sessions()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=name_sessions)
