"""Each process of a deployment is killed, and what was asked for is done without a hand; people are told of what fails.

A code server, a daemon and workers as in production, on an embedded server of their own. Whatever starts services again
(Compose, systemd) is played by the tests.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml

from meter_platform.embedded_postgres import server
from meter_platform.orchestration.dead_runs import NEVER_STARTED
from meter_platform.orchestration.instance import instance
from meter_platform.settings import PREFIX
from meter_platform_tests.alerts.servers import MailServer, WebServer, mail_server, web_server
from meter_platform_tests.embedded_postgres.servers import ROOT, SECONDS
from meter_platform_tests.places import in_memory

pytestmark = pytest.mark.whole

DEFINITIONS: Final = """
import os, time
from datetime import timedelta
from pathlib import Path
import dagster as dg
from meter_platform.alerts import ledger
from meter_platform.orchestration.automation import alerts
from meter_platform.orchestration.dead_runs import fail_dead_runs
from meter_platform.orchestration.automation.incidents import ticks
from meter_platform.settings import Settings

# A test does not wait for what comes and goes.
ledger.SETTLED = ticks._SENSOR_MAY_FAIL_FOR = timedelta(0)
alerts.INTERVAL_SECONDS = 1
PLACE = Path(__file__).parent

while (PLACE / "slow").exists():  # whoever loads this does not come to its run
    (PLACE / "loading").touch()
    time.sleep(0.1)

@dg.op
def wait(context):
    name = context.run.tags["name"]
    (PLACE / f"{name}.{os.getpid()}.started").touch()
    while not (PLACE / f"{name}.go").exists():
        time.sleep(0.1)

@dg.op
def work():
    if not (PLACE / "mended").exists():
        raise ValueError("meterpoint 1200010001")

@dg.job(executor_def=dg.in_process_executor)
def waits():
    wait()

@dg.job(executor_def=dg.in_process_executor)
def fails():
    work()

@dg.sensor(jobs=[waits, fails], minimum_interval_seconds=1, default_status=dg.DefaultSensorStatus.RUNNING)
def asks(context):
    fail_dead_runs(context.instance, starting=2)  # as the sensor of reading files does
    if (PLACE / "broken").exists():
        raise ValueError("meterpoint 1200010001")
    for asked in PLACE.glob("*.ask"):
        job, name = asked.stem.split("-")
        yield dg.RunRequest(run_key=name, job_name=job, tags={"name": name})

defs = dg.Definitions(jobs=[waits, fails], sensors=[asks, *alerts.alert_sensors(Settings.from_environment())])
"""

DAEMON: Final = """
import dagster._daemon.sensor, dagster._grpc.server_watcher
from dagster._daemon.cli import main

dagster._daemon.sensor.MIN_INTERVAL_LOOP_TIME = dagster._grpc.server_watcher.ERROR_RECOVERY_INTERVAL = 1
main()
"""
"""`dagster-daemon`, which looks after sensors and lost code servers each second: no setting says how often."""


class Deployment:
    """The services of one deployment.

    Attributes:
        home: of its embedded server.
        dagster: where its runs are kept.
    """

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self.home = home
        self.place = home / "dagster"
        self._environment = environment
        self._services: dict[str, subprocess.Popen[bytes]] = {}
        self.place.mkdir()
        with closing(socket.create_server(("127.0.0.1", 0))) as probe:
            self._port = str(probe.getsockname()[1])
        (self.place / "definitions.py").write_text(DEFINITIONS)
        (self.place / "workspace.yaml").write_text(
            f"load_from: [{{grpc_server: {{host: 127.0.0.1, port: {self._port}, location_name: tests}}}}]\n"
        )
        (self.place / "dagster.yaml").write_text(
            yaml.safe_dump(_hurried(yaml.safe_load((ROOT / "dagster.yaml").read_text())))
        )
        self.dagster: dg.DagsterInstance

    def start_code_server(self) -> None:
        where = ["--host", "127.0.0.1", "--port", self._port, "-f", str(self.place / "definitions.py")]
        self._start("code", "-m", "dagster", "code-server", "start", *where)

    def start_daemon(self) -> None:
        self._start("daemon", "-c", DAEMON, "run", "-w", str(self.place / "workspace.yaml"))

    def kill(self, name: str, *, workers: bool) -> None:
        """Kills a service, of the code server the process behind it as well; its workers live on unless told otherwise."""
        service = self._services.pop(name)
        if workers:
            with suppress(ProcessLookupError):
                os.killpg(service.pid, signal.SIGKILL)
        else:
            for pid in (service.pid, *_children(service.pid)):
                os.kill(pid, signal.SIGKILL)
        service.wait()

    def end(self) -> None:
        for name in list(self._services):
            self.kill(name, workers=True)

    def ask(self, job: str, name: str) -> None:
        """Somebody wants a run."""
        (self.place / f"{job}-{name}.ask").touch()

    def workers(self, name: str) -> list[int]:
        """The processes that have worked on a run, the oldest first."""
        started = sorted(self.place.glob(f"{name}.*.started"), key=lambda path: path.stat().st_mtime)
        return [int(path.suffixes[-2][1:]) for path in started]

    def runs(self, name: str) -> list[dg.DagsterRun]:
        """The runs of a name, the oldest first."""
        return list(reversed(self.dagster.get_runs(dg.RunsFilter(tags={"name": name}))))

    def statuses(self, name: str) -> list[str]:
        return [run.status.value for run in self.runs(name)]

    def said(self, run: dg.DagsterRun, words: str) -> bool:
        """Whether an event of a run says so."""
        return any(words in (entry.message + entry.user_message) for entry in self.dagster.all_logs(run.run_id))

    def _start(self, name: str, *program: str) -> None:
        with (self.place / "log").open("ab") as log:
            self._services[name] = subprocess.Popen(
                [sys.executable, *program],
                env=self._environment,
                cwd=self.place,
                stdout=log,
                stderr=log,
                process_group=0,
            )


def _hurried(shipped: dict[str, Any]) -> dict[str, Any]:
    """The configuration as it is shipped, with short pauses, and one run at a time: the next one waits in the queue."""
    queue = shipped.pop("run_queue") | {"user_code_failure_retry_delay": 1, "dequeue_interval_seconds": 1}
    # What `run_queue` says, where more can be said.
    shipped["run_coordinator"] = {"module": "dagster", "class": "QueuedRunCoordinator", "config": queue}
    shipped["run_monitoring"]["poll_interval_seconds"] = 1
    shipped["concurrency"]["runs"]["max_concurrent_runs"] = 1
    return shipped


def soon(condition: Callable[[], object]) -> None:
    """Waits until a condition holds, which asks a database: seldom enough to leave the processors to those who work."""
    deadline = time.monotonic() + 3 * SECONDS  # several programs have to start in the meantime
    while True:
        # A server that was killed has ended the connections that this process keeps.
        with suppress(sa.exc.OperationalError):
            if condition():
                return
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.3)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture(scope="module")
def mail() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture(scope="module")
def web() -> Iterator[WebServer]:
    with web_server() as running:
        yield running


@pytest.fixture(scope="module")
def deployment(mail: MailServer, web: WebServer) -> Iterator[Deployment]:
    """A code server and a daemon, and people who are told."""
    home = Path(tempfile.mkdtemp(prefix="mp-", dir=in_memory()))  # a short path, for a socket's path has 107 characters
    settings = {
        "HOME": str(home),
        "ALERTS_SMTP_URL": f"smtp://localhost:{mail.port}?tls=no",
        "ALERTS_EMAIL_TO": "ann@example.org",
        "ALERTS_WEBHOOK_URL": web.url,
        "ALERTS_DATA_DUE_HOURS": "0",
        "DAGSTER_UI_URL": "https://meters.example.org",
    }
    variables = {
        "DAGSTER_HOME": str(home / "dagster"),
        "DAGSTER_EVENT_LOG_CONSUMER_DAEMON_INTERVAL_SECONDS": "1",  # which starts runs again
        "PYTHONWARNINGS": "ignore",
    }
    variables |= {f"{PREFIX}{name}": value for name, value in settings.items()}
    made = Deployment(home, {**os.environ, **variables})
    try:
        made.start_code_server()
        made.start_daemon()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            with instance() as made.dagster:
                yield made
    finally:
        made.end()
        server.stop(home)
        shutil.rmtree(home)


def test_people_are_told_once_of_a_run_and_of_a_sensor_that_fail_and_once_when_it_is_over(
    deployment: Deployment, mail: MailServer, web: WebServer
) -> None:
    # First of all tests here: those that follow have sensors fail, too, while their services are away.
    def told(count: int) -> list[str]:
        soon(lambda: len(mail.mails) >= count and len(web.posted) >= count)
        return [str(each["Subject"]).removeprefix("[Meter platform] ") for each in mail.mails]

    deployment.ask("fails", "fourth")
    assert told(1) == ["Run failed: fails"]
    (deployment.place / "broken").touch()
    assert told(2)[1:] == ["Sensor failed: asks"]
    (deployment.place / "broken").unlink()
    assert told(3)[2:] == ["Over: Sensor failed: asks"]
    (deployment.place / "mended").touch()
    deployment.ask("fails", "fifth")
    assert told(4)[3:] == ["Over: Run failed: fails"]

    texts = [post["text"] for post in web.posted]
    (failed,) = deployment.runs("fourth")
    assert f"https://meters.example.org/runs/{failed.run_id}|" in texts[0]
    assert "Failed: work\nWhy: ValueError; the page in Dagster says more" in texts[0]
    assert "Why: ValueError; the page in Dagster says more" in texts[1]
    assert [text.partition(" ")[0] for text in texts] == [":rotating_light:"] * 2 + [":white_check_mark:"] * 2
    assert "1200010001" not in repr([texts, [str(each) for each in mail.mails]])


def test_a_run_is_done_whichever_process_is_killed_and_after_all_were_killed_at_once(deployment: Deployment) -> None:
    deployment.ask("waits", "first")
    soon(lambda: deployment.workers("first"))
    deployment.ask("waits", "second")
    soon(lambda: deployment.statuses("second") == ["QUEUED"])

    # The code server is away while the second run is taken from the queue.
    deployment.kill("code", workers=False)
    (deployment.place / "first.go").touch()
    soon(lambda: deployment.statuses("first") == ["SUCCESS"])
    (second,) = deployment.runs("second")
    soon(lambda: deployment.said(second, "re-submitting the run into the queue"))
    deployment.start_code_server()
    soon(lambda: deployment.workers("second"))
    assert deployment.statuses("second") == ["STARTED"]

    (worker,) = deployment.workers("second")
    os.kill(worker, signal.SIGKILL)
    soon(lambda: len(deployment.workers("second")) == 2)
    assert deployment.statuses("second") == ["FAILURE", "STARTED"]
    assert deployment.runs("second")[1].parent_run_id == second.run_id

    deployment.kill("daemon", workers=False)
    deployment.start_daemon()
    postmaster = server.status(deployment.home).pid
    assert postmaster is not None
    os.kill(postmaster, signal.SIGKILL)
    soon(lambda: server.status(deployment.home).running)

    (deployment.place / "second.go").touch()
    soon(lambda: deployment.statuses("second") == ["FAILURE", "SUCCESS"])
    assert len(deployment.workers("second")) == 2

    # The machine is restarted.
    deployment.ask("waits", "third")
    soon(lambda: deployment.workers("third"))
    postmaster = server.status(deployment.home).pid
    assert postmaster is not None
    deployment.kill("daemon", workers=True)
    deployment.kill("code", workers=True)
    for pid in {*deployment.workers("third"), postmaster}:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    deployment.start_code_server()
    deployment.start_daemon()

    (deployment.place / "third.go").touch()
    soon(lambda: deployment.statuses("third") == ["FAILURE", "SUCCESS"])
    assert len(deployment.workers("third")) == 2


def test_a_run_whose_code_server_dies_before_it_has_started_is_started_again(deployment: Deployment) -> None:
    (deployment.place / "slow").touch()
    deployment.ask("waits", "early")
    soon((deployment.place / "loading").exists)
    assert deployment.statuses("early") == ["STARTING"]
    deployment.kill("code", workers=True)
    (deployment.place / "slow").unlink()

    deployment.start_code_server()

    soon(lambda: deployment.workers("early"))
    (deployment.place / "early.go").touch()
    soon(lambda: deployment.statuses("early") == ["FAILURE", "SUCCESS"])
    assert deployment.said(deployment.runs("early")[0], NEVER_STARTED)
