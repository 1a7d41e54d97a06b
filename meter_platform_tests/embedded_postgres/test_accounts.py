"""As whom the embedded server runs: as root, as root of a container, as an ordinary account, as one without a name.

Nothing is pretended: the accounts are real ones, and where something is forbidden, the kernel forbids it.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from meter_platform.embedded_postgres.programs import find_binaries
from meter_platform.embedded_postgres.server import ensure_running, status, stop
from meter_platform.errors import ServerSetupError
from meter_platform_tests.embedded_postgres.servers import PYTHON, is_root, owner, python, server_processes_of, value

pytestmark = pytest.mark.skipif(not is_root(), reason="only root can become someone else")

NOBODY: Final = 65534
NAMELESS: Final = 54321

USE = """
import os, sys
from pathlib import Path
import psutil, psycopg  # now: another account may not be able to read them later
from meter_platform.errors import ServerSetupError
from meter_platform.embedded_postgres import server

def use(home):
    try:
        url = server.ensure_running(home, pg_bin=Path(sys.argv[2]) if sys.argv[2:] else None)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS answer")
            print(connection.execute("SELECT answer FROM kept").fetchone()[0])
        found = server.status(home)
        print(os.stat(f"/proc/{found.pid}").st_uid)
        print(found.data_directory)
    except ServerSetupError as error:
        print(error)
"""

USE_AND_STOP = USE + "use(Path(sys.argv[1]))\nprint(server.stop(Path(sys.argv[1])))"

# By itself, and not before it starts: an interpreter in root's home cannot be started by others.
BECOME = """
def become(uid):
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
"""

DOCKER_CAPABILITIES: Final = (
    "-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_raw,+sys_chroot,"
    "+mknod,+audit_write,+setfcap"
)


def root_of_a_container(var_lib: Path | None = None, *, last_uid: int = 65535) -> list[str | Path]:
    """The command under which a program is root as in a container by Docker's default: no namespaces, few rights."""
    command: list[str | Path] = [PYTHON, Path(__file__).with_name("forbid_namespaces.py"), str(last_uid)]
    if var_lib is not None:
        command += ["sh", "-c", 'mount --bind "$0" /var/lib && exec "$@"', var_lib]
    return [*command, "setpriv", f"--bounding-set={DOCKER_CAPABILITIES}"]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home that only root can reach, without a server, and with none left after the test."""
    assert tmp_path.stat().st_mode & 0o077 == 0
    yield tmp_path / "h"
    stop(tmp_path / "h")
    assert server_processes_of(tmp_path / "h") == []


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder of root's that everyone can enter."""
    folder = Path(tempfile.mkdtemp(prefix="meter_platform_tests-"))
    folder.chmod(0o755)
    yield folder
    stop(folder / "h")
    assert server_processes_of(folder / "h") == []
    shutil.rmtree(folder)


def owners(folder: Path) -> set[int]:
    return {owner(path) for path in [folder, *folder.rglob("*")]}


def test_root_runs_it_in_a_namespace_and_changes_no_owner(home: Path) -> None:
    parents = [*home.parents, find_binaries(), *find_binaries().parents]
    before = [(path.stat().st_mode, path.stat().st_uid) for path in parents]
    accounts = Path("/etc/passwd").read_bytes()
    ensure_running(home)
    pid = status(home).pid
    namespace = Path(f"/proc/{pid}/ns/user").readlink()
    assert namespace != Path("/proc/self/ns/user").readlink()
    assert f"0 0 {2**32 - 1}".split() != Path(f"/proc/{pid}/uid_map").read_text(encoding="ascii").split()
    assert "CapEff:\t0000000000000000" in Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    assert owners(home) == {0}
    assert [(path.stat().st_mode, path.stat().st_uid) for path in parents] == before
    assert Path("/etc/passwd").read_bytes() == accounts


@pytest.mark.whole
def test_root_of_a_container_runs_it_as_another_account(open_folder: Path) -> None:
    home = open_folder / "h"
    output = python(USE_AND_STOP, home, before=root_of_a_container()).stdout.splitlines()
    account = owner(home / "postgres/data")
    assert account != 0
    assert output == ["42", str(account), f"{home}/postgres/data", "True"]
    assert owners(home / "postgres/data") == {account}
    assert owner(home) == 0
    # Again, outside of the container: the cluster keeps its owner, and root reaches it.
    assert value(ensure_running(home), "SELECT answer FROM kept") == 42
    assert owner(Path(f"/proc/{status(home).pid}")) == account


@pytest.mark.whole
def test_root_of_a_container_recovers_what_was_killed(open_folder: Path) -> None:
    kill = """
import signal, time
home = Path(sys.argv[1])
use(home)
busy = psycopg.connect(server.ensure_running(home))
pid = busy.info.backend_pid
import threading
def compute():
    try:
        busy.execute("SELECT count(*) FROM generate_series(1, 100000000000)")
    except psycopg.OperationalError:
        pass
thread = threading.Thread(target=compute)
thread.start()
time.sleep(0.3)
os.kill(server.status(home).pid, signal.SIGKILL)
use(home)
thread.join()
print(server.stop(home))
"""
    output = python(USE + kill, open_folder / "h", before=root_of_a_container()).stdout.splitlines()
    assert output[:3] == output[3:6]
    assert output[6:] == ["True"]


@pytest.mark.whole
def test_root_of_a_container_keeps_the_cluster_where_another_account_can_reach_it(home: Path, tmp_path: Path) -> None:
    # Neither home nor the programs can be reached, as with an environment in root's home.
    prefix = find_binaries().parent
    programs = tmp_path / prefix.parent.name / prefix.name
    shutil.copytree(prefix, programs)
    for libraries in prefix.parent.parent.glob(f"{prefix.parent.name}.libs"):
        shutil.copytree(libraries, tmp_path / libraries.name)
    var_lib = tmp_path / "var_lib"
    var_lib.mkdir()
    var_lib.chmod(0o755)
    strict = "import os\nos.umask(0o077)\n"
    for _ in range(2):
        answer, account, data, stopped = python(
            strict + USE_AND_STOP, home, programs / "bin", before=root_of_a_container(var_lib)
        ).stdout.splitlines()
        assert (answer, stopped) == ("42", "True")
        location = Path((home / "postgres/location").read_text(encoding="utf-8").strip())
        assert data == f"{location}/data"
        assert location.parent == Path("/var/lib/meter_platform")
        kept = var_lib / "meter_platform" / location.name
        assert str(owner(kept)) == account != "0"
        assert kept.stat().st_mode & 0o777 == 0o700
        assert owners(home) == {0}
        (software,) = kept.parent.glob("software-*")
        assert owners(software) == {0}
    # Without that folder there is nothing to stop: the cluster is not reachable outside of the container.
    (home / "postgres/location").unlink()


@pytest.mark.whole
def test_a_cluster_of_root_moves_into_a_container(open_folder: Path) -> None:
    home = open_folder / "h"
    ensure_running(home)
    stop(home)
    assert owners(home) == {0}
    output = python(USE_AND_STOP, home, before=root_of_a_container()).stdout.splitlines()
    assert output[0] == "42"
    assert output[1] == str(owner(home / "postgres/data")) != "0"


def test_root_is_told_what_to_do_when_everything_is_forbidden(open_folder: Path, tmp_path: Path) -> None:
    home, var_lib = open_folder / "h", tmp_path / "var_lib"
    var_lib.mkdir()
    (message, stopped) = python(USE_AND_STOP, home, before=root_of_a_container(var_lib, last_uid=0)).stdout.splitlines()
    assert message.startswith("Postgres refuses to run as root, and here ")
    assert message.endswith("Run as a non-root user, or set METER_PLATFORM_POSTGRES_URL to a server of your own.")
    assert stopped == "False"
    assert not (home / "postgres/data").exists()
    assert list(var_lib.iterdir()) == []


def test_an_ordinary_account_runs_it_as_itself(open_folder: Path) -> None:
    os.chown(open_folder, NOBODY, NOBODY)
    home = open_folder / "h"
    code = USE + BECOME + f"become({NOBODY})\nuse(Path(sys.argv[1]))"
    assert python(code, home).stdout.splitlines() == ["42", str(NOBODY), f"{home}/postgres/data"]
    assert owners(home) == {NOBODY}
    # Root attaches to what runs, stops it, and starts it again as the account that it belongs to.
    assert value(ensure_running(home), "SELECT answer FROM kept") == 42
    assert stop(home)
    assert value(ensure_running(home), "SELECT answer FROM kept") == 42
    assert owner(Path(f"/proc/{status(home).pid}")) == NOBODY
    assert owners(home / "postgres/data") == {NOBODY}


@pytest.mark.whole
def test_an_account_is_told_that_a_home_belongs_to_someone_else(open_folder: Path) -> None:
    home = open_folder / "h"
    ensure_running(home)
    code = (
        USE
        + BECOME
        + f"""
become({NOBODY})
for call in (server.ensure_running, server.stop, server.status):
    try:
        print(call(Path(sys.argv[1])))
    except ServerSetupError as error:
        print(error)
"""
    )
    for line in python(code, home).stdout.splitlines():
        assert line == (
            f"{home}/postgres belongs to user id 0, and this process runs as {NOBODY}: run as that user, or set "
            "METER_PLATFORM_HOME to a folder of your own."
        )


@pytest.mark.whole
def test_an_account_without_a_name_runs_it_in_a_namespace(open_folder: Path) -> None:
    # As by `docker run --user 54321`. The interpreter must be one that this account can start.
    interpreter = shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable
    os.chown(open_folder, NAMELESS, NAMELESS)
    home = open_folder / "h"
    code = USE + BECOME + f"sys.executable = {interpreter!r}\nbecome({NAMELESS})\nuse(Path(sys.argv[1]))"
    assert python(code, home).stdout.splitlines() == ["42", str(NAMELESS), f"{home}/postgres/data"]
    assert owners(home) == {NAMELESS}


def test_an_account_without_a_name_is_told_what_to_do(open_folder: Path) -> None:
    os.chown(open_folder, NAMELESS, NAMELESS)
    code = USE + BECOME + f"become({NAMELESS})\nuse(Path(sys.argv[1]))"
    (message,) = python(code, open_folder / "h", before=root_of_a_container()).stdout.splitlines()
    assert message.startswith(f"The user id {NAMELESS} has no name in /etc/passwd")


def test_a_folder_elsewhere_that_is_not_root_s_is_refused(home: Path, tmp_path: Path) -> None:
    var_lib = tmp_path / "var_lib"
    (var_lib / "meter_platform").mkdir(parents=True)
    var_lib.chmod(0o755)
    os.chown(var_lib / "meter_platform", NOBODY, NOBODY)
    output = python(USE_AND_STOP, home, before=root_of_a_container(var_lib)).stdout.splitlines()
    assert output == ["/var/lib/meter_platform should be a folder of root's, but belongs to someone else.", "False"]


@pytest.mark.whole
def test_root_on_the_home_of_another_account_follows_none_of_its_links(open_folder: Path, tmp_path: Path) -> None:
    os.chown(open_folder, NOBODY, NOBODY)
    home, postgres = open_folder / "h", open_folder / "h/postgres"
    assert (
        python(USE_AND_STOP.replace("use(P", BECOME + f"become({NOBODY})\nuse(P"), home).stdout.splitlines()[0] == "42"
    )
    victim = tmp_path / "victims"
    (victim / "data").mkdir(parents=True)
    for name in ("file", "data/PG_VERSION", "data/postmaster.pid", "data/postgresql.conf"):
        (victim / name).write_text("root's")
    victims = [victim, *victim.rglob("*")]

    def state() -> list[tuple[int, int, bytes]]:
        found = [(path.lstat(), path.read_bytes() if path.is_file() else b"") for path in victims]
        return [(status.st_uid, status.st_mode, content) for status, content in found]

    before = state()
    refused = []
    for name, target in {
        "data/meter_platform.conf.new": "file",
        "data/meter_platform.conf": "file",
        "initialising-x": "data",
        "server.log.1": "file",
        "server.log": "file",
        "lock": "file",
        "alive": "file",
        "data": "data",
        "../postgres": ".",
        "location": None,
    }.items():
        trap = (postgres / name).parent.resolve() / Path(name).name
        aside = trap.with_name("aside")
        if trap.exists():
            trap.rename(aside)
        if target is None:
            trap.write_text(str(victim), encoding="utf-8")
        else:
            trap.symlink_to(victim / target)
        os.chown(trap, NOBODY, NOBODY, follow_symlinks=False)
        for call in (ensure_running, stop):
            try:
                call(home)
            except ServerSetupError as error:
                refused.append((Path(name).name, trap.name in str(error)))
        assert state() == before, f"root followed {name}"
        if aside.exists():
            trap.unlink(missing_ok=True)
            aside.rename(trap)
        elif name == "location":
            trap.unlink()
    # Each refusal names what it is about.
    assert set(refused) == {(name, True) for name in ("server.log", "lock", "alive", "data", "postgres", "location")}
    # And without the traps it is the account's server, as before.
    assert value(ensure_running(home), "SELECT answer FROM kept") == 42
    assert owner(Path(f"/proc/{status(home).pid}")) == NOBODY


@pytest.mark.whole
def test_what_root_makes_in_the_home_of_another_account_is_that_account_s(open_folder: Path) -> None:
    os.chown(open_folder, NOBODY, NOBODY)
    home = open_folder / "h"
    (home / "postgres").mkdir(parents=True)
    for folder in (home, home / "postgres"):
        os.chown(folder, NOBODY, NOBODY)
    ensure_running(home)
    assert owner(Path(f"/proc/{status(home).pid}")) == NOBODY
    assert stop(home)
    assert owners(home) == {NOBODY}
    # It starts its server itself, too.
    code = USE + BECOME + f"become({NOBODY})\nuse(Path(sys.argv[1]))\nprint(server.stop(Path(sys.argv[1])))"
    assert python(code, home).stdout.splitlines() == ["42", str(NOBODY), f"{home}/postgres/data", "True"]
