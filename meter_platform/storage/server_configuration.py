"""What the embedded server is told: one readable file, derived from the machine it runs on.

What belongs here: measuring the machine and writing the settings, each with its reason. What does not: starting
anything. The file is written anew at every start; settings of a person's own go into `postgresql.conf`, below its last
line, and win.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PORT: Final = 5432
"""Part of the socket's name only: nothing listens on the network."""

FILE_NAME: Final = "meter_platform.conf"
INCLUDE: Final = f"""
# The platform's settings, written at every start. What stands below this line wins.
include_if_exists = '{FILE_NAME}'
"""

_MIB: Final = 1024**2
_GIB: Final = 1024**3
_CGROUPS: Final = Path("/sys/fs/cgroup")
_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - measured, never written to


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What this process may use of the machine.

    Attributes:
        memory: bytes, the least of what is built in and what the control groups around this process allow.
        cores: processors this process may run on at once, at least 1.
        free_disk: bytes free where the data is.
        shared_memory: bytes of `/dev/shm`; `None` where the system has shared memory without it (macOS).
    """

    memory: int
    cores: int
    free_disk: int
    shared_memory: int | None


def measure(data: Path) -> Machine:
    """The machine as it is now, for a server whose data directory is `data`."""
    limits = [_read_number(folder / "memory.max") for folder in _control_groups()]
    limits.append(_read_number(_CGROUPS / "memory/memory.limit_in_bytes"))  # version 1, inside a container
    built_in = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    linux = Path("/proc/self").exists()
    return Machine(
        memory=min([built_in, *(limit for limit in limits if limit)]),
        cores=_cores(),
        free_disk=shutil.disk_usage(data).free,
        shared_memory=(shutil.disk_usage(_SHARED_MEMORY).total if _SHARED_MEMORY.is_dir() else 0) if linux else None,
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

# Planning: disks without moving parts; compiling a query costs more than these queries take.
random_page_cost = 1.1
jit = off

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


def _control_groups() -> Iterator[Path]:
    """The control group (version 2) of this process and every one around it: each of them is a limit."""
    yield _CGROUPS
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        if line.startswith("0::/"):
            own = _CGROUPS / line.removeprefix("0::/")
            yield from (folder for folder in (own, *own.parents) if folder.is_relative_to(_CGROUPS))


def _cores() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for folder in _control_groups():
        try:
            quota, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
        except (OSError, ValueError):
            continue
        if quota.isdecimal():
            cores = min(cores, round(int(quota) / int(period)))
    return max(1, cores)


def _read_number(file: Path) -> int | None:
    try:
        text = file.read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None  # "max" is no limit


def _between(least: int, wanted: int, most: int) -> int:
    return max(least, min(wanted, most))


def _megabytes(size: int) -> str:
    return f"{size // _MIB}MB"
