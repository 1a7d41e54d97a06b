"""The engine and the stack that all tests of this folder share: made once, for both take minutes.

What belongs here: making and removing them. What does not: what is expected of them.
"""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import pytest

from meter_platform_tests.alerts.servers import MailServer, WebServer, mail_server, web_server
from meter_platform_tests.deployment.stack import DEPLOYMENT, LAST_DATE, RECOVERY_SECONDS, Stack, wait_for

_STAND_IN: Final = Path(__file__).with_name("stand_in")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows beside a failure what the services said: the stack is gone by the time somebody reads of it."""
    report = yield
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.failed and isinstance(stack, Stack):
        report.sections.append(("Dagster's newest runs, and the services' logs", stack.told()))
    return report


@pytest.fixture(scope="session")
def engine() -> Iterator[dict[str, str]]:
    """The variables that make `docker` speak with an engine: none where one runs, else those of one made for the tests."""
    asked = (["docker", "compose", "version"], ["docker", "info"])
    if shutil.which("docker") and all(
        subprocess.run(each, capture_output=True, check=False).returncode == 0 for each in asked
    ):
        yield {}
        return
    folder = Path(tempfile.mkdtemp(prefix="mp-engine-"))
    try:
        started = subprocess.run(
            [_STAND_IN / "engine.sh", "start", folder], capture_output=True, text=True, check=False
        )
        if started.returncode:
            pytest.fail(f"There is no Docker engine, and none could be started: {started.stderr[-2000:]}")
        yield dict(word.split("=", 1) for word in started.stdout.split() if "=" in word)
    finally:
        subprocess.run([_STAND_IN / "engine.sh", "stop", folder], check=True)


@pytest.fixture(scope="session")
def images(engine: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Makes the images that the stack needs: those of a registry where one can be reached, else stand-ins.

    That of Python is there, which the platform's own image is built on; the others are being made meanwhile.
    """
    environment = {**os.environ, **engine}
    with_monitoring = ["docker", "compose", "--project-directory", str(DEPLOYMENT)]
    for overlay in ("compose.yaml", "compose.monitoring.yaml"):
        with_monitoring += ["--file", str(DEPLOYMENT / overlay)]
    listed = subprocess.run(
        [*with_monitoring, "config", "--images"], env=environment, capture_output=True, text=True, check=True
    ).stdout.split()
    others = {name for name in listed if not name.startswith(("meter-platform", "grafana"))}
    folder = Path(tempfile.mkdtemp(prefix="mp-images-"))
    try:
        subprocess.run([_STAND_IN / "images.sh", folder, "python:3.13-slim-trixie"], env=environment, check=True)
        with subprocess.Popen([_STAND_IN / "images.sh", folder, *sorted(others)], env=environment) as making:
            yield making
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def people(engine: dict[str, str]) -> Iterator[tuple[MailServer, WebServer]]:
    """A mail server and a webhook outside the stack, which its containers reach at the engine's own address."""
    asked = ["docker", "network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", "bridge"]
    address = subprocess.run(
        asked, env={**os.environ, **engine}, capture_output=True, text=True, check=True
    ).stdout.strip()
    with mail_server(host=address) as mail, web_server(host=address) as web:
        yield mail, web


@pytest.fixture(scope="session")
def stack(
    engine: dict[str, str],
    images: subprocess.Popen[bytes],
    people: tuple[MailServer, WebServer],
) -> Iterator[Stack]:
    """The stack, built and started as an operator does, and removed with all it holds."""
    folder = Path(tempfile.mkdtemp(prefix="mp-stack-"))
    mail, web = people
    (folder / "secrets").mkdir()
    (folder / "secrets" / "alerts_smtp_url").write_text(f"smtp://people:{mail.port}?tls=no")
    (folder / "secrets" / "alerts_webhook_url").write_text(web.url.replace("localhost", "people"))
    ports = _free_ports(5)
    made = Stack(
        folder,
        engine,
        Path(__file__).with_name("compose.test.yaml"),
        ports[0],
        {
            "HTTP_PORT": f"127.0.0.1:{ports[1]}",
            "METRICS_PORT": str(ports[2]),
            "PROMETHEUS_PORT": str(ports[3]),
            "ALERTMANAGER_PORT": str(ports[4]),
        },
    )
    try:
        made.make("image", seconds=1200)
        assert images.wait() == 0, "an image that the stack needs was not made"
        made.make("up", seconds=1200)
        yield made
    finally:
        made.compose("down", "--volumes", "--timeout", "20", "--remove-orphans", overlay="monitoring")
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def loaded(stack: Stack) -> None:
    """The sample, delivered as files and loaded by the sensor of the stack."""
    stack.deliver(LAST_DATE)
    wait_for(
        "all dates of the sample are loaded",
        lambda: stack.newest_date() == LAST_DATE and stack.is_at_rest(),
        3 * RECOVERY_SECONDS,
    )


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
