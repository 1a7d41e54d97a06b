"""An object store in a process of its own, full of known objects: `python -m benchmarks.object_store`.

It speaks S3 (moto), keeps objects in memory, and counts what it is asked. Objects are put into it directly, for a hundred
thousand requests would take minutes. What belongs here: the store, and the process of the benchmark that talks to it. What does
not: what is measured (`objects.py`).
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import IO, Any, Final, cast

from benchmarks.command import ROOT

BUCKET: Final = "readings"
_ACCOUNT: Final = "123456789012"


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """The running store, as the benchmark sees it.

    Attributes:
        port: on this machine.
    """

    port: int
    _asks: IO[str]
    _answers: IO[str]

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to find it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "benchmark",
            "AWS_SECRET_ACCESS_KEY": "benchmark",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def put(self, folder: str, *, count: int, text: str) -> None:
        """Puts objects `0.json`, `1.json` … into a folder."""
        self._ask({"folder": folder, "count": count, "text": text})

    def remove(self, folder: str) -> None:
        """Removes a folder with all that is in it."""
        self._ask({"folder": folder})

    def requests(self) -> dict[str, int]:
        """How often each method was asked since the last time."""
        return self._ask({})

    def _ask(self, what: Mapping[str, object]) -> dict[str, int]:
        self._asks.write(json.dumps(what) + "\n")
        self._asks.flush()
        found: dict[str, int] = json.loads(self._answers.readline())
        return found


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """A store with an empty bucket; it is gone with the block."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.object_store"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        asks, answers = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
        yield ObjectStore(int(answers.readline()), asks, answers)
        process.communicate()


class _Counted:
    """A WSGI application that counts what it is asked: `LIST` is a GET of the bucket itself."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application
        self.requests: Counter[str] = Counter()

    def __call__(self, environment: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method = environment["REQUEST_METHOD"]
        of_bucket = environment["PATH_INFO"].strip("/") == BUCKET
        self.requests["LIST" if method == "GET" and of_bucket else method] += 1
        return self._application(environment, start)


def main() -> None:
    """Prints the port, and does what each line asks for."""
    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415 - of this process alone
        DomainDispatcherApplication,
        create_backend_app,
    )
    from moto.s3.models import s3_backends  # noqa: PLC0415 - as above
    from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: PLC0415 - as above

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"  # or each request would open a connection

        def log_request(self, *_: object) -> None:
            """Says nothing."""

    backend = s3_backends[_ACCOUNT]["aws"]
    backend.create_bucket(BUCKET, "us-east-1")
    counted = _Counted(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, counted, threaded=True, request_handler=Quiet)
    Thread(target=server.serve_forever, daemon=True).start()
    _say(server.server_port)
    for line in sys.stdin:
        asked = json.loads(line)
        for number in range(asked.get("count", 0)):
            backend.put_object(BUCKET, f"{asked['folder']}/{number}.json", asked["text"].encode())
        if "folder" in asked and "count" not in asked:
            keys = backend.buckets[BUCKET].keys
            for key in [key for key in keys if key.startswith(f"{asked['folder']}/")]:
                del keys[key]
        _say(dict(counted.requests))
        if not asked:
            counted.requests.clear()


def _say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
