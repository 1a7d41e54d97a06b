"""Run a command as root of a container where user namespaces are forbidden: `forbid_namespaces.py LAST_UID COMMAND …`.

The command is root, with the user ids up to LAST_UID, in a user namespace that may hold no further one: a real refusal
of the kernel, as Docker's default gives, and one that affects nobody else. It also gets mounts of its own.
"""

import ctypes
import os
import sys
from pathlib import Path
from typing import Final

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWUSER: Final = 0x10000000


def main() -> None:
    """Enter the namespace (its ids are mapped from outside), forbid others, run the command."""
    count = int(sys.argv[1]) + 1
    entered, mapped = os.pipe(), os.pipe()
    child = os.fork()
    if child:
        os.read(entered[0], 1)
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{child}/{name}").write_text(f"0 0 {count}", encoding="ascii")
        os.write(mapped[1], b"x")
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    if ctypes.CDLL(None).unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0:
        sys.exit("unshare failed")
    os.write(entered[1], b"x")
    os.read(mapped[0], 1)
    Path("/proc/sys/user/max_user_namespaces").write_text("0", encoding="ascii")
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - a test's own command


if __name__ == "__main__":
    main()
