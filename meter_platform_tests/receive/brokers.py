"""A real MQTT broker (mosquitto) for tests.

What belongs here: starting it, killing it, its logins. What does not: clients.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

MOSQUITTO = shutil.which("mosquitto", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
needs_mosquitto = pytest.mark.skipif(not MOSQUITTO, reason="there is no mosquitto on this machine")
PASSWORD = "hunter2hunter2"  # noqa: S105 - of these tests alone


@dataclass
class Running:
    """A broker that knows the login `meter`.

    Attributes:
        url: as the setting has it.
    """

    folder: Path
    port: int
    tls: bool
    url: str
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        assert MOSQUITTO
        self.process = subprocess.Popen(
            [MOSQUITTO, "-c", self.folder / "mosquitto.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(600):
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", self.port)):
                    return
            assert self.process.poll() is None
            time.sleep(0.05)
        raise AssertionError("the broker does not answer")

    def stop(self) -> None:
        """Ends it; it keeps sessions on disk."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


@contextmanager
def broker(
    folder: Path, *, certificate: tuple[Path, Path] | None = None, authority: Path | None = None
) -> Iterator[Running]:
    """A broker that keeps its sessions in a folder.

    Args:
        folder: for its files.
        certificate: its own and the key, for TLS.
        authority: a file with the certificate of who signed it.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (folder / "passwords").write_text(f"meter:{PASSWORD}\n")
    (folder / "passwords").chmod(0o600)
    subprocess.run([shutil.which("mosquitto_passwd") or "", "-U", folder / "passwords"], check=True)
    lines = [
        f"listener {port} 127.0.0.1",
        f"password_file {folder / 'passwords'}",
        "allow_anonymous false",
        "persistence true",
        f"persistence_location {folder}/",
        "user root" if os.geteuid() == 0 else "",
        "max_queued_messages 0",
    ]
    if certificate:
        lines += [f"certfile {certificate[0]}", f"keyfile {certificate[1]}"]
    (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
    scheme, options = ("mqtts", f"?ca={authority}") if certificate else ("mqtt", "")
    host = "localhost" if certificate else "127.0.0.1"
    running = Running(folder, port, bool(certificate), f"{scheme}://meter:{PASSWORD}@{host}:{port}{options}")
    running.start()
    try:
        yield running
    finally:
        running.stop()
