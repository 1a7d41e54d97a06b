"""Prometheus, Alertmanager and the platform's own metrics, as processes with the files of `deployment/monitoring`.

What belongs here: starting and asking them. What does not: what should come of it.
"""

import json
import os
import re
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from meter_platform.settings import PREFIX
from meter_platform_tests.embedded_postgres.servers import SECONDS, eventually
from meter_platform_tests.monitoring.files import FOLDER

_SECOND: Final = "1s"


def asked(url: str, body: Any = None) -> Any:  # noqa: ANN401 - JSON
    """What a URL answers, as JSON; sent as JSON where there is a body."""
    request = urllib.request.Request(  # noqa: S310 - our own servers
        url, json.dumps(body).encode() if body is not None else None, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - as above
        return json.loads(answer.read() or "null")


def answer(prometheus: str, query: str) -> list[Any]:
    """The series that a query has now."""
    return list(asked(f"{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': query})}")["data"]["result"])


@contextmanager
def metrics_of(home: Path) -> Iterator[str]:
    """`meter-platform metrics` of a platform; gives its host and port."""
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    command = [sys.executable, "-m", "meter_platform", "metrics", "--port", "0"]
    with subprocess.Popen(
        command, env=environment | {f"{PREFIX}HOME": str(home)}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            said = process.stdout.readline()
            address = re.search(r"http://([\d.:]+)/metrics", said)
            assert address, said
            yield address[1]
        finally:
            process.terminate()


@contextmanager
def prometheus(folder: Path, *, scraping: str, telling: str = "127.0.0.1:1") -> Iterator[str]:
    """Prometheus with the project's rules, which looks every second; gives its URL.

    Args:
        folder: for its data.
        scraping: host and port of the platform's metrics.
        telling: host and port of Alertmanager.
    """
    address = _free_address()
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    config["global"] |= {"scrape_interval": _SECOND, "scrape_timeout": _SECOND, "evaluation_interval": _SECOND}
    config["rule_files"] = [str(FOLDER / name) for name in config["rule_files"]]
    targets = {"meter-platform": scraping, "prometheus": address}
    for job in config["scrape_configs"]:
        job["static_configs"] = [{"targets": [targets[job["job_name"]]]}]
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [telling]}]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    with _running(
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        log=folder / "prometheus.log",
    ):
        eventually(lambda: _is_there(f"http://{address}/-/ready"))
        yield f"http://{address}"


@contextmanager
def alertmanager(folder: Path, *, mail_port: int = 1, slack: str = "http://127.0.0.1:1") -> Iterator[str]:
    """Alertmanager with the project's routes and messages, which waits for nothing; gives its host and port.

    Args:
        folder: for its data.
        mail_port: where a mail server listens on this machine.
        slack: the URL of a webhook.
    """
    address = _free_address()
    config = yaml.safe_load((FOLDER / "alertmanager.yml").read_text())
    sender = config["global"]["smtp_from"]
    config["global"] = {"smtp_smarthost": f"127.0.0.1:{mail_port}", "smtp_from": sender, "smtp_require_tls": False}
    config["route"] |= {"group_wait": "0s", "group_interval": _SECOND}
    for receiver in config["receivers"]:
        for each in receiver.get("slack_configs", []):
            each["api_url_file"] = str(folder / "slack_url")
    (folder / "slack_url").write_text(slack)
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
    with _running(
        "prometheus-alertmanager",
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
        log=folder / "alertmanager.log",
    ):
        eventually(lambda: _is_there(f"http://{address}/-/ready"))
        yield address


@contextmanager
def _running(*command: str, log: Path) -> Iterator[None]:
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:
        try:
            yield
        finally:
            process.terminate()


def _free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return "{}:{}".format(*probe.getsockname())


def _is_there(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=SECONDS):  # noqa: S310 - our own servers
            return True
    except OSError:
        return False
