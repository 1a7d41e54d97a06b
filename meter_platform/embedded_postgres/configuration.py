"""What the embedded server is told: one readable file, derived from the machine it runs on.

What belongs here: measuring the machine and writing the settings, each with its reason. What does not: starting
anything. The file is written anew at every start; settings of a person's own go into `postgresql.conf`, below its last
line, and win.
"""

import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from meter_platform.embedded_postgres import names

PORT: Final = 5432
"""Part of the socket's name only: nothing listens on the network."""

INCLUDE: Final = f"""
# The platform's settings, written at every start. What stands below this line wins.
include_if_exists = '{names.CONFIGURATION_FILE}'
"""
"""What `postgresql.conf` ends with."""

_CLIENT_CHECK: Final = "2s"
"""Not every other system tells a server that its client is gone, and Postgres refuses the setting there."""

_MIB: Final = 1024**2
_GIB: Final = 1024**3
_CGROUPS: Final = Path("/sys/fs/cgroup")
_OWN_GROUPS: Final = Path("/proc/self/cgroup")
_SYSTEMD: Final = Path("/run/systemd/system")
_FIRST_ORDINARY_UID: Final = 1000
"""Below are the accounts of services, which do not log out (login.defs, systemd)."""

_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - measured, never written to


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What this process may use of the machine.

    Attributes:
        memory: bytes, the least of what is built in and what the control groups around this process allow.
        cores: processors this process may run on at once, at least 1.
        free_disk: bytes free where the data is.
        shared_memory: bytes of `/dev/shm` that a server can rely on; `None` where a system has shared memory without
            it (macOS).
    """

    memory: int
    cores: int
    free_disk: int
    shared_memory: int | None


def measure(data: Path) -> Machine:
    """The machine as it is now, for a server whose data directory is `data`."""
    built_in = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(
        memory=min([built_in, *_limits(_memory_limit)]),
        cores=min([_cores(), *_limits(_processor_limit)]),
        free_disk=shutil.disk_usage(data).free,
        shared_memory=_shared_memory(),
    )


def configuration(*, machine: Machine, socket_directory: Path, cluster_name: str, wal_compression: str) -> str:
    """The text of the settings file.

    Args:
        machine: what the server may use.
        socket_directory: the only place where it listens; only its owner may enter it.
        cluster_name: what stands in the title of each process.
        wal_compression: the method for full page images.
    """
    socket = str(socket_directory).replace('"', '""').replace("'", "''")
    workers = max(1, machine.cores - 1)
    # Parallel hash joins share up to work_mem * hash_mem_multiplier for each process there; containers have 64 MB.
    small_shared_memory = machine.shared_memory is not None and machine.shared_memory < _GIB
    # The log of changes does not fill the disk: at most an eighth of what is free now.
    max_wal = _between(_GIB, machine.free_disk // 8, 8 * _GIB)
    return f"""# Written by the platform at every start: changes made here are lost. Make yours in postgresql.conf.

# Who may connect: whoever may enter the socket's folder, which is its owner (mode 0700).
listen_addresses = ''
port = {PORT}
unix_socket_directories = '"{socket}"'
unix_socket_permissions = 0700
max_connections = 200                    # Dagster opens one for each of its many short questions
cluster_name = '{cluster_name}'

# Memory, from {machine.memory // _MIB} MB that this process may use.
shared_buffers = {_megabytes(_between(16 * _MIB, machine.memory // 4, 2 * _GIB))}
effective_cache_size = {_megabytes(machine.memory // 2)}
work_mem = {_megabytes(_between(4 * _MIB, machine.memory // 128, 64 * _MIB))}
maintenance_work_mem = {_megabytes(_between(16 * _MIB, machine.memory // 16, 512 * _MIB))}
dynamic_shared_memory_type = {"mmap" if small_shared_memory else "posix"}
max_locks_per_transaction = 512          # a query over all days locks each day's table and its index

# Processors: {machine.cores}.
max_worker_processes = {8 + machine.cores}
max_parallel_workers = {machine.cores}
max_parallel_workers_per_gather = {min(4, workers)}
max_parallel_maintenance_workers = {min(4, workers)}

# Bulk loads: a table filled in the transaction that creates it is written once, not twice; checkpoints are rare and
# spread out. Nobody replicates from this server. Commits stay durable.
wal_level = minimal
max_wal_senders = 0
max_wal_size = {_megabytes(max_wal)}
min_wal_size = {_megabytes(max_wal // 8)}
checkpoint_timeout = 30min
checkpoint_completion_target = 0.9
wal_compression = {wal_compression}
backend_flush_after = 1MB                # what a load writes is on disk when it commits, and the commit short

# Planning: disks without moving parts; compiling a query costs more than these queries take.
random_page_cost = 1.1
jit = off

# A statement whose client was killed ends within this time, with its locks. By itself the server would notice when it has
# a result to send, which may be hours later.
client_connection_check_interval = {_CLIENT_CHECK if sys.platform == "linux" else 0}

autovacuum = on
restart_after_crash = on
timezone = 'UTC'

# The log goes to stderr, that is to server.log. Statements stay out of it: they hold data, and may hold passwords.
log_destination = 'stderr'
logging_collector = off
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %d '
log_min_messages = warning
log_min_error_statement = panic
log_lock_waits = on
lc_messages = 'C'
"""


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _shared_memory() -> int | None:
    if not Path("/proc/self").exists():
        return None
    if os.geteuid() >= _FIRST_ORDINARY_UID and _SYSTEMD.exists():
        return 0  # when the account logs out, systemd removes what it has there (RemoveIPC), under a running server
    return shutil.disk_usage(_SHARED_MEMORY).total if _SHARED_MEMORY.is_dir() else 0


def _limits(read: Callable[[Path], int | None]) -> list[int]:
    """What the control groups of this process, and all those around them, allow: each of them is a limit."""
    try:
        lines = _OWN_GROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    folders = set()
    for line in lines:
        # Number, controllers, path: "0::/a/b" in version 2, "4:memory:/a/b" in version 1.
        _, controllers, path = line.split(":", maxsplit=2)
        root = _CGROUPS / controllers
        # In a container the path may be the host's; what applies is then in the root that the container sees.
        folders |= {root, *(root / parent for parent in (Path(path[1:]), *Path(path[1:]).parents))}
    return [limit for folder in folders if (limit := read(folder))]


def _memory_limit(group: Path) -> int | None:
    return _read_number(group / "memory.max") or _read_number(group / "memory.limit_in_bytes")


def _processor_limit(group: Path) -> int | None:
    quota, period = _read_number(group / "cpu.cfs_quota_us"), _read_number(group / "cpu.cfs_period_us")
    with suppress(OSError, ValueError):  # absent, or "max 100000"
        quota, period = map(int, (group / "cpu.max").read_text(encoding="utf-8").split())
    return max(1, round(quota / period)) if quota and period else None


def _read_number(file: Path) -> int | None:
    try:
        text = file.read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None  # "max" and -1 are no limits


def _between(least: int, wanted: int, most: int) -> int:
    return max(least, min(wanted, most))


def _megabytes(size: int) -> str:
    return f"{size // _MIB}MB"
