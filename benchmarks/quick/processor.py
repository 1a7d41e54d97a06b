"""Processor time: what a Postgres server has used, and what the whole machine has."""

from pathlib import Path

import psutil


def server_seconds(data_directory: Path) -> float:
    """Seconds of all processors that a server has used since it started, user and system together.

    Its main process counts, those that serve connections, and those that have ended.

    Args:
        data_directory: the server's, with its `postmaster.pid`.
    """
    with (data_directory / "postmaster.pid").open(encoding="ascii") as file:
        main = psutil.Process(int(file.readline()))
    # The ended first: what ends in between counts twice for a moment, and is not lost.
    ended = main.cpu_times()
    total: float = ended.user + ended.system + ended.children_user + ended.children_system
    for child in main.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return float(total)


def machine_seconds() -> float:
    """Seconds of all processors that anybody has used since the machine started, and that its host has taken away."""
    times = psutil.cpu_times()
    not_used = times.idle + getattr(times, "iowait", 0.0)
    counted_twice = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    used: float = sum(times) - not_used - counted_twice
    return used
