"""As whom the embedded server runs, and where its files are.

Postgres refuses to run as root, and `initdb` refuses a user id without a name. Containers run as the one or the other.
So a server runs, in this order of preference,

1. as whoever starts it: any ordinary account;
2. as whoever starts it, in a user namespace where that account has another, ordinary id. Files stay its own;
3. if root starts it where namespaces are forbidden (Docker's default), as an unprivileged account that exists.
   Where that account cannot reach the home, the cluster is kept elsewhere, and where it cannot reach the
   programs, they are copied beside the cluster.

No account is created, and no mode or owner of a folder that is not the server's own is changed.

What belongs here: choosing the account, and running a command as it. What does not: which command (`server.py`).
"""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from meter_platform.embedded_postgres import names
from meter_platform.errors import ServerSetupError

_NAMESPACE_PROGRAM: Final = Path(__file__).with_name("namespace.py")

_UNPRIVILEGED: Final = ("postgres", "nobody")
"""Accounts without rights that exist on nearly every system."""

_OWN_SERVER: Final = f"set {names.URL_SETTING} to a server of your own"

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

    def write(self, path: Path, text: str, *, append: bool = False) -> None:
        """Write a small file of the server's so that nobody ever reads half of it, or append to one.

        Root writes as the account: whatever the account made of the path, it gains nothing by it.

        Raises:
            OSError: it cannot be written.
        """
        if self.kind != "other":
            if append:
                with path.open("a", encoding="utf-8") as file:
                    file.write(text)
            else:
                replace(path, text)
            return
        script = (
            'printf %s "$2" >> "$1"' if append else 'rm -f "$1.new" && printf %s "$2" > "$1.new" && mv -f "$1.new" "$1"'
        )
        done = self.run(["/bin/sh", "-c", f"umask 077 && {script}", "sh", path, text], cwd=Path("/"))
        if done.returncode != 0:
            raise OSError(f"user id {self.uid} cannot write {path}: {done.stderr.decode(errors='replace').strip()}")

    def make_folder(self, inside: Path, prefix: str) -> Path:
        """A new folder that nobody but the account can enter.

        Raises:
            OSError: it cannot be made.
        """
        if self.kind != "other":
            return Path(tempfile.mkdtemp(prefix=prefix, dir=inside))
        done = self.run(["/bin/sh", "-c", 'mktemp -d "$1"', "sh", inside / f"{prefix}XXXXXXXX"], cwd=Path("/"))
        if done.returncode != 0:
            raise OSError(f"user id {self.uid} cannot make a folder in {inside}")
        return Path(os.fsdecode(done.stdout).rstrip("\n"))

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


def choose(base: Path, *, place: Path) -> tuple[Account, Path]:
    """Choose the account of a server, and the folder for its data and socket.

    Args:
        base: the server's folder in the home.
        place: where the cluster is, or `base` when there is none yet.

    Returns:
        The account, and the folder: `place`, or for a new cluster perhaps another. It exists, and nobody but the
        account (and root) may enter it.

    Raises:
        ServerSetupError: nothing is possible here; the message says what is.
    """
    refuse_link(base)
    refuse_link(place)
    refuse_link(place / "data")
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


def reachable(binaries: Path, *, version: str, account: Account) -> Path:
    """The programs in `binaries`, or a copy of them if the account cannot reach them where they are.

    The copy is root's, beside the clusters that root keeps elsewhere: the account can read and run it, and no more.
    """
    if account.can_run(binaries / "postgres"):
        return binaries
    prefix, package = binaries.parent, binaries.parent.parent
    place = next(
        (folder for folder in names.ELSEWHERE if os.geteuid() == 0 and _make_parent(folder / "software")), None
    )
    copy = None if place is None else place / f"software-{version}"
    if place is not None and copy is not None and not copy.exists():
        with tempfile.TemporaryDirectory(prefix="copying-", dir=place) as folder:
            # Postgres finds its files from where its programs are, and its libraries where its wheel put them: beside
            # the package. So everything keeps its place relative to everything else.
            fresh = Path(folder) / "copy"
            shutil.copytree(prefix, fresh / package.name / prefix.name, symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.is_dir():
                shutil.copytree(libraries, fresh / libraries.name)
            for made in (fresh, fresh / package.name):
                made.chmod(0o755)  # whatever root's umask is
            fresh.rename(copy)
    programs = binaries if copy is None else copy / package.name / prefix.name / binaries.name
    if copy is None or not account.can_run(programs / "postgres"):
        raise ServerSetupError(
            f"The account that Postgres runs as (user id {account.uid}) cannot reach its programs in {binaries}, nor "
            f"run a copy of them in {copy or names.ELSEWHERE[0]}. Run as a non-root user, or {_OWN_SERVER}."
        )
    return programs


def change_owner(path: Path, account: Account) -> None:
    """Give `path`, with everything of root's in it, to the account. Does nothing where it is its owner already.

    No link is followed, and no file that has another name elsewhere changes hands.
    """
    if _is_owner(path, account):
        return
    refuse_link(path)
    for _, folders, files, descriptor in os.fwalk(path, follow_symlinks=False):
        for name in (*folders, *files):
            found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            if found.st_uid == os.geteuid() and (stat.S_ISDIR(found.st_mode) or found.st_nlink == 1):
                os.chown(name, *account.owner, dir_fd=descriptor, follow_symlinks=False)
    # The top last: whoever is interrupted before, starts anew.
    os.chown(path, *account.owner, follow_symlinks=False)


def refuse_link(path: Path) -> None:
    """Refuses a link where root expects a folder or a file of the server's: who made it may not reach what it names.

    Raises:
        ServerSetupError: it is one.
    """
    if os.geteuid() == 0 and path.is_symlink():
        raise ServerSetupError(
            f"{path} is a link, and root follows none among the server's files: put what it leads to in its place, or set "
            f"{names.HOME_SETTING} to where it is."
        )


def open_file(path: Path, flags: int, *, owner: int | None = None) -> int:
    """Open a file of the server's, made if need be, and return its descriptor. For root no link is followed.

    Args:
        path: of the file.
        flags: of `os.open`.
        owner: who may own the file besides whoever this process is; anyone unless given.

    Raises:
        ServerSetupError: it is a link or no plain file, or it is someone else's.
    """
    flags |= os.O_CLOEXEC
    if os.geteuid() != 0:
        return os.open(path, flags | os.O_CREAT, 0o600)
    refuse_link(path.parent)
    refuse_link(path)
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)  # a pipe keeps nobody waiting
    else:
        # In the folder of another account it is that account's, which could not start its server otherwise.
        folder = path.parent.lstat()
        os.fchown(descriptor, folder.st_uid, folder.st_gid)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1 or (owner is not None and found.st_uid not in {0, owner}):
        os.close(descriptor)
        raise ServerSetupError(f"{path} is not a plain file of the server's own: remove it.")
    return descriptor


def replace(path: Path, text: str) -> None:
    """Write a small file so that nobody ever reads half of it. It is made anew, and no link is followed."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)


def is_elsewhere(place: Path, *, noted_in: Path) -> bool:
    """Whether `place` is one where root keeps clusters, and was noted by someone whom this process can believe.

    The name of the place is that of the home when the cluster was made: a home may have been moved since.
    """
    return place.parent in names.ELSEWHERE and (os.geteuid() != 0 or noted_in.lstat().st_uid == 0)


def _candidates(place: Path) -> Iterator[Account]:
    euid = os.geteuid()
    data = place / "data"
    owner = data.stat() if data.exists() else None
    if owner is None and euid == 0 and place.exists() and place.stat().st_uid != 0:
        owner = (
            place.stat()
        )  # of an account that has begun, or that owns the home: it can do there what it likes anyway
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
    # What is where is noted in the base, and believed only if it is root's.
    if os.geteuid() == 0 and (not base.exists() or base.lstat().st_uid == 0):
        key = hashlib.sha256(os.fsencode(base)).hexdigest()[:12]
        yield from (folder / key for folder in names.ELSEWHERE)


def _make_parent(folder: Path) -> bool:
    """Whether there is a folder to make `folder` in, made if need be."""
    parent = folder.parent
    if parent not in names.ELSEWHERE:
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
    # By its descriptor: what is opened is what changes, whoever puts another in its place meanwhile.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | (os.O_NOFOLLOW if os.geteuid() == 0 else 0))
    try:
        found = os.fstat(descriptor)
        if found.st_uid not in {os.geteuid(), account.owner[0]}:
            raise ServerSetupError(
                f"{folder} belongs to user id {found.st_uid}, and the server would run as {account.owner[0]}: run as that "
                f"user, or set {names.HOME_SETTING} to a folder of your own."
            )
        if found.st_uid != account.owner[0]:
            os.fchown(descriptor, *account.owner)
        # The folder's mode is what stands between other accounts and a server that trusts whoever reaches it.
        if stat.S_IMODE(found.st_mode) != 0o700:  # noqa: PLR2004 - the same number
            os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


def _is_owner(path: Path, account: Account) -> bool:
    return path.lstat().st_uid == account.owner[0]
