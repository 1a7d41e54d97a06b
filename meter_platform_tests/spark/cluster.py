"""A Spark cluster of processes on this machine.

What belongs here: starting it, killing one of its executors, ending it. What does not: what runs on it.
"""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

_SECONDS: Final = 180
"""How long a part of the cluster may take to start on a busy machine: some ten otherwise."""

_MEMORY: Final = "768m"


@dataclass(frozen=True)
class Cluster:
    """A cluster that runs.

    Attributes:
        url: of its Spark Connect server.
        pages: URL of that server's pages.
        workers: the processes that start executors.
    """

    url: str
    pages: str
    workers: Sequence[subprocess.Popen[bytes]]

    def running_jobs(self) -> list[str]:
        """The tags of each job that the cluster is at work on."""
        asked = f"{self.pages}/api/v1/applications"
        (application,) = _read(asked)
        return [" ".join(job["jobTags"]) for job in _read(f"{asked}/{application['id']}/jobs?status=running")]

    def executors(self) -> list[psutil.Process]:
        """The processes that compute."""
        return [
            child
            for worker in self.workers
            for child in psutil.Process(worker.pid).children(recursive=True)
            if child.status() != psutil.STATUS_ZOMBIE and "CoarseGrainedExecutorBackend" in " ".join(child.cmdline())
        ]


@contextmanager
def cluster(environment: Path, folder: Path) -> Iterator[Cluster]:
    """A master, two workers of one core each, and a Spark Connect server.

    Args:
        environment: a virtual environment with `pyspark[connect]`.
        folder: for logs and for what it keeps while it runs.
    """
    (home,) = environment.glob("lib/python*/site-packages/pyspark")
    port, connect, ui = _free_ports(3)
    master = f"spark://127.0.0.1:{port}"
    variables = os.environ | {
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(folder / "local"),
        "SPARK_WORKER_DIR": str(folder / "work"),
        "SPARK_DAEMON_MEMORY": _MEMORY,
        "SPARK_NO_DAEMONIZE": "1",
        "PATH": f"{environment}/bin:{os.environ['PATH']}",
    }

    with ExitStack() as started:

        def start(name: str, *command: str) -> subprocess.Popen[bytes]:
            with (folder / f"{name}.log").open("wb") as log:
                process = subprocess.Popen(
                    [f"{home}/bin/{command[0]}", *command[1:]],
                    env=variables,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            started.callback(_end, process)
            return process

        deploy = "org.apache.spark.deploy"
        start(
            "master",
            "spark-class",
            f"{deploy}.master.Master",
            *f"--host 127.0.0.1 --port {port} --webui-port 0".split(),
        )
        _wait("the master", lambda: _listens(port))
        workers = [
            start(
                f"worker-{number}",
                "spark-class",
                f"{deploy}.worker.Worker",
                *f"--host 127.0.0.1 --webui-port 0 --cores 1 --memory {_MEMORY} {master}".split(),
            )
            for number in (1, 2)
        ]
        start(
            "connect",
            "spark-submit",
            "--class",
            "org.apache.spark.sql.connect.service.SparkConnectServer",
            *f"--master {master} --driver-memory {_MEMORY} --executor-memory {_MEMORY}".split(),
            *_configured(
                {
                    "spark.connect.grpc.binding.port": connect,
                    "spark.ui.port": ui,
                    "spark.driver.host": "127.0.0.1",
                    "spark.sql.shuffle.partitions": 4,
                }
            ),
            "spark-internal",
        )
        _wait("Spark Connect", lambda: _listens(connect))
        yield Cluster(f"sc://127.0.0.1:{connect}", f"http://127.0.0.1:{ui}", workers)


def _read(url: str) -> Any:  # noqa: ANN401 - JSON
    with urllib.request.urlopen(url, timeout=60) as page:  # noqa: S310 - the page of a server of ours
        return json.load(page)


def _configured(settings: dict[str, object]) -> list[str]:
    return [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _listens(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


def _wait(what: str, ready: Callable[[], bool]) -> None:
    began = time.monotonic()
    while not ready():
        assert time.monotonic() - began < _SECONDS, f"{what} did not start"
        time.sleep(0.2)


def _end(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
