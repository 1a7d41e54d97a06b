"""What the sessions of a process are called in Postgres: `pg_stat_activity` and messages say whose a lock is.

What belongs here: the name. What does not: giving it to a session (`connecting.py`).
"""

import os
import socket
from typing import Final

_PREFIX: Final = "meter_platform process "


def session_name(pid: int | None = None) -> str:
    """The name of a process's sessions, and of no other's: libpq's `application_name`.

    Args:
        pid: of a process on this machine; the calling one's unless given. A forked child has a name of its own.
    """
    host = socket.gethostname().encode("ascii", "replace").decode()[:24]
    return f"{_PREFIX}{pid or os.getpid()} on {host}"  # Postgres keeps 63 characters
