"""The stack of `deployment/` as a test drives it: by `make`, `docker compose` and HTTPS, as an operator and a visitor do.

What belongs here: starting, asking and hurting it. What does not: what a test expects, and the engine (`stand_in/`).
"""

import base64
import json
import os
import re
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from meter_platform_tests.places import ROOT

DEPLOYMENT: Final = ROOT / "deployment"
PATIENCE: Final = float(os.environ.get("PATIENCE", "1"))
"""How many times longer everything may take, for a machine that has other work to do at the same time."""

RECOVERY_SECONDS: Final = 120.0 * PATIENCE
"""Within which the stack is well again after any of its processes was killed: what is promised."""

LAST_DATE: Final = date(2021, 1, 3)
"""Of the sample as it is delivered first; compose.test.yaml has the day after it for today."""

SERVICES: Final = ("db", "code", "webserver", "daemon", "app", "metrics", "backup", "drill", "receive", "proxy")
"""Those that go on for as long as the stack does."""


OVERLAYS: Final = "viewers receive"
"""What the stack is always started with: `make up` removes whatever is of an overlay that is not named."""


class Stack:
    """One stack, apart from any other of this machine: a project of its own, ports and secrets of its own.

    Args:
        folder: for its secrets.
        engine: the variables that make `docker` speak with the engine, if it is not the machine's own.
        overlay: a Compose file for what only the test needs.
        https_port: where the proxy is published.
        variables: of `deployment/.env`, as an operator sets them.
    """

    def __init__(
        self, folder: Path, engine: Mapping[str, str], overlay: Path, https_port: int, variables: Mapping[str, str]
    ) -> None:
        self.secrets = folder / "secrets"
        self.port = https_port
        self._authority: ssl.SSLContext | None = None
        self._environment = {
            **os.environ,
            **engine,
            **variables,
            "SECRETS": str(self.secrets),
            "HTTPS_PORT": f"127.0.0.1:{https_port}",
            "COMPOSE_PROJECT_NAME": "meter-platform-test",
            # As a site adds a file of its own: docs/operating/compose.md.
            "SITE": str(overlay),
            "WITH": OVERLAYS,
        }

    def make(self, *arguments: str, seconds: float = 600) -> str:
        """What `make` prints; it has to succeed."""
        return self._run(["make", "--no-print-directory", *arguments], seconds)

    def compose(self, *arguments: str, seconds: float = 300, overlay: str = "") -> str:
        """What `docker compose` prints; it has to succeed."""
        return self._run([*self.compose_command(overlay), *arguments], seconds)

    def compose_command(self, overlay: str = "") -> list[str]:
        """The command that speaks with this stack, with one overlay more if there is to be one."""
        overlays = f"WITH={OVERLAYS} {overlay}"
        return self._run(["make", "--no-print-directory", "--silent", "compose-command", overlays], 60).split()

    def secrets_for(self, overlay: str) -> None:
        """Makes the secrets that an overlay needs besides."""
        self._run([str(DEPLOYMENT / "make-secrets.sh"), overlay], 60)

    def docker(self, *arguments: str) -> str:
        """What `docker` prints; it has to succeed."""
        return self._run(["docker", *arguments], 120)

    def execute(self, service: str, *command: str, seconds: float = 120) -> str:
        """What a command prints that runs in a service's container."""
        return self.compose("exec", "--no-TTY", service, *command, seconds=seconds)

    def newest_date(self) -> date:
        """The newest date that the figures have; before there is any, the day before the first."""
        ((newest,),) = self.sql(
            "SELECT coalesce(max(reference_date), '2020-12-31') FROM analytics.daily_product_consumption"
        )
        return date.fromisoformat(newest)

    def is_at_rest(self) -> bool:
        """Whether no run is under way or waits."""
        return self.sql(_UNDER_WAY, "dagster") == [["0"]]

    def deliver(self, last: date) -> None:
        """Puts the sample up to a date where the stack expects deliveries."""
        self.make("sample-input", f"SAMPLE_TO={last}")

    def execute_detached(self, service: str, command: str) -> None:
        """Starts a shell's command in a service's container, and leaves it alone."""
        self.compose("exec", "--no-TTY", "--detach", service, "sh", "-c", command)

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        """`docker compose`, which is not waited for."""
        return subprocess.Popen([*self.compose_command(), *arguments], cwd=ROOT, env=self._environment)

    def psql_command(self, query: str, database: str = "meter_platform") -> str:
        """A shell's command for a query, in the container of `db`."""
        return f'{_psql(database)} -c "{query}"'

    def sql(self, query: str, database: str = "meter_platform") -> list[list[str]]:
        """The rows of a query, as text."""
        command = [*self.compose_command(), "exec", "--no-TTY", "db", "sh", "-c", _psql(database)]
        return [line.split("|") for line in self._run(command, 120, given=query).splitlines()]

    def containers(self) -> dict[str, dict[str, Any]]:
        """What `docker inspect` says of each service's container, also of those that have ended."""
        ids = self.compose("ps", "--all", "--quiet").split()
        described: list[dict[str, Any]] = json.loads(self.docker("inspect", *ids))
        return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in described}

    def health(self, service: str) -> str:
        """`healthy`, or what else the engine says of a service; `running` for one without a health check."""
        state = self.containers()[service]["State"]
        return str(state.get("Health", {}).get("Status", state["Status"]))

    def kill(self, service: str) -> None:
        """SIGKILL to a service's process, from inside, as the kernel does when memory is short.

        The first process of a container is the init, which waits for the service. (`docker kill` would count as a wish.)
        """
        self.execute(service, "sh", "-c", "kill -9 $(cat /proc/1/task/1/children)")

    def kill_runs(self) -> None:
        """SIGKILL to every process in which the code server runs something."""
        self.execute("code", "python", "-c", _KILL_RUNS)

    def told(self) -> str:
        """Dagster's newest runs and the end of each service's log, as far as either can be had."""
        lines: list[str] = []
        for asked in (
            lambda: "\n".join("  ".join(row) for row in self.sql(_NEWEST_RUNS, "dagster")),
            lambda: self.compose("logs", "--no-color", "--timestamps", "--tail", "60"),
        ):
            try:
                lines.append(asked())
            except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
                lines.append(str(error))
        return "\n".join(lines)

    def say(self, what: str) -> None:
        """Shows a figure to whoever runs the tests."""
        sys.stdout.write(f"\n    {what}\n")

    def get(self, path: str, *, login: bool = True, **headers: str) -> tuple[int, str]:
        """The status and the body with which the proxy answers a GET."""
        return self.ask(path, login=login, headers=headers)

    def ask(
        self,
        path: str,
        *,
        login: bool = True,
        name: str = "operator",
        headers: Mapping[str, str] | None = None,
        body: object = None,
    ) -> tuple[int, str]:
        """The status and the body with which the proxy answers; with a body it is a POST of JSON.

        All accounts have the same password here.
        """
        request = urllib.request.Request(
            f"https://localhost:{self.port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={**(headers or {}), **({"Content-Type": "application/json"} if body is not None else {})},
        )
        if login:
            account = f"{name}:{self.secret('operator_password')}"
            request.add_header("Authorization", f"Basic {base64.b64encode(account.encode()).decode()}")
        try:
            with urllib.request.urlopen(request, context=self.authority(), timeout=60) as answer:  # noqa: S310 - as above
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode(errors="replace")

    def authority(self) -> ssl.SSLContext:
        """Trusts the proxy's own authority, and nobody else."""
        if self._authority is None:
            root = self.execute("proxy", "cat", "/data/caddy/pki/authorities/local/root.crt")
            self._authority = ssl.create_default_context(cadata=root)
        return self._authority

    def secret(self, name: str) -> str:
        """One of the stack's secrets."""
        return (self.secrets / name).read_text(encoding="utf-8")

    def _run(self, command: list[str], seconds: float, given: str | None = None) -> str:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self._environment,
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            text=True,
            timeout=seconds * PATIENCE,
            check=False,
        )
        shown = re.sub(r"[0-9a-f]{48}", "<secret>", f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        assert done.returncode == 0, f"{' '.join(command[:12])} … ended with {done.returncode}:\n{shown}"
        return done.stdout


_UNDER_WAY: Final = "SELECT count(*) FROM runs WHERE status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')"

_NEWEST_RUNS: Final = """
SELECT run_id, status, create_timestamp, to_timestamp(start_time), to_timestamp(end_time), clock_timestamp()
FROM runs ORDER BY id DESC LIMIT 5
"""

_KILL_RUNS: Final = """
import contextlib, os, pathlib
killed = 0
for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    with contextlib.suppress(OSError):  # processes come and go
        if b"spawn_main" in path.read_bytes() and path.parent.name != str(os.getpid()):
            os.kill(int(path.parent.name), 9)
            killed += 1
assert killed
"""


def _psql(database: str) -> str:
    """The superuser's: with its password, through the socket in the container."""
    psql = f"psql -XAtq -F '|' -v ON_ERROR_STOP=1 -U postgres -d {database}"
    return f"PGPASSWORD=$(cat /run/secrets/postgres_password) exec {psql}"


def wait_for(what: str, found: Callable[[], bool], seconds: float = RECOVERY_SECONDS) -> float:
    """Asks again and again until something is so, and says how long that took in seconds; errors count as not yet."""
    begun = time.monotonic()
    last: BaseException | None = None
    while (waited := time.monotonic() - begun) < seconds:
        try:
            if found():
                return waited
            last = None
        except (AssertionError, OSError, subprocess.TimeoutExpired, ValueError, LookupError) as error:
            last = error
        time.sleep(1)
    raise AssertionError(f"after {seconds:.0f} seconds it is still not so: {what}") from last
