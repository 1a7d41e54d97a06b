"""Run a command in a user namespace: `python namespace.py UID GID COMMAND …`.

The command believes that it runs as UID and GID (both must not be root's), while to everyone else, and to the file
system, it stays who started it. This is how Postgres, which refuses to run as root, runs for root without any account
being created and without any file or folder changing hands.

What belongs here: those four system calls, in a program of its own: between fork and exec of a process with threads
nothing but a new program is safe. It imports nothing of the platform, because it is run by its path. What does not:
deciding whether this is needed (`accounts.py`).
"""

import ctypes
import os
import sys
from pathlib import Path
from typing import Final

CLONE_NEWUSER: Final = 0x10000000
"""From linux/sched.h; `os.unshare` needs Python 3.12."""


def enter(uid: int, gid: int) -> None:
    """Move this process into a new user namespace in which it has the ids `uid` and `gid`.

    Raises:
        OSError: where the kernel, or the container around this process, forbids it.
    """
    outside_uid, outside_gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    # The kernel takes a group map from an ordinary process only after it has given up setgroups(2).
    Path("/proc/self/setgroups").write_text("deny", encoding="utf-8")
    Path("/proc/self/uid_map").write_text(f"{uid} {outside_uid} 1", encoding="utf-8")
    Path("/proc/self/gid_map").write_text(f"{gid} {outside_gid} 1", encoding="utf-8")


if __name__ == "__main__":
    try:
        enter(int(sys.argv[1]), int(sys.argv[2]))
    except OSError as error:
        sys.exit(f"no user namespace: {error.strerror}")
    os.execv(sys.argv[3], sys.argv[3:])  # noqa: S606 - the caller's command, as it stands, without a shell
