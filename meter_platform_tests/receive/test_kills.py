"""The receiver is killed while readings come in: whatever was acknowledged is stored once."""

import itertools
import os
import random
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from meter_platform.receive.landing import Landing
from meter_platform.receive.server import landing_folder, receive
from meter_platform.settings import Settings
from meter_platform_tests.databases import empty
from meter_platform_tests.forked import Forked
from meter_platform_tests.market import Market, dagster_on_postgres

TOKEN = "a-token-of-24-characters"  # noqa: S105 - of these tests alone
SENDERS = 4
DAY = "2021-01-04"
MANY = int(os.environ.get("KILLS", "150"))
"""A thousand take some minutes: `KILLS=1000 pytest -m whole meter_platform_tests/receive`."""


def receiver(folder: str) -> None:
    """Of a process of its own."""
    settings = Settings(readings_url=folder, receive_tokens=f"homes:{TOKEN}")
    receive(settings, host="127.0.0.1", port=0, listening=print_at_once, file_seconds=0.2)


def print_at_once(text: str) -> None:
    """To a file, so that the test finds the address."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@pytest.fixture(scope="module")
def market(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    with dagster_on_postgres(home) as dagster:
        yield Market(Settings(home=home), tmp_path_factory.mktemp("market"), dagster)


class Sender(threading.Thread):
    """Sends readings one after the other, each until it is acknowledged, as meters do.

    Attributes:
        address: where the receiver is; it changes with each one that is started.
        acknowledged: meterpoints.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.address = ""
        self.acknowledged: list[str] = []
        self.ended = threading.Event()

    def run(self) -> None:
        with httpx.Client(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60) as client:
            for meterpoint in (f"{self.number}{count:08}" for count in itertools.count()):
                while not self.ended.is_set() and not self._sent(client, meterpoint):
                    time.sleep(0.005)
                if self.ended.is_set():
                    return
                self.acknowledged.append(meterpoint)

    def _sent(self, client: httpx.Client, meterpoint: str) -> bool:
        reading = {
            "columns": ["interval_start", "consumption_delta", "meterpoint_id"],
            "data": [[f"{DAY} 00:30:00", 0.125, meterpoint]],
        }
        try:
            return client.post(f"{self.address}/readings", json=reading).status_code == 200
        except (httpx.HTTPError, httpx.InvalidURL):
            return False


def killed_again_and_again(folder: str, times: int) -> list[str]:
    """What was acknowledged while a receiver was killed so many times."""
    senders = [Sender(number) for number in range(1, SENDERS + 1)]
    for sender in senders:
        sender.start()
    moments = random.Random(times)  # noqa: S311 - when, not what
    for number in range(1, times + 1):
        process = Forked(receiver, folder)
        while not (found := re.search(r"http://\S+(?=/readings)", process.printed)):
            assert process.is_alive()
            time.sleep(0.005)
        for sender in senders:
            sender.address = found[0]
        time.sleep(moments.uniform(0, 0.3))
        # The last is killed once there is enough to look for: on a busy machine the others may have come to nothing.
        while number == times and sum(len(sender.acknowledged) for sender in senders) <= times:
            assert process.is_alive()
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.close()
    for sender in senders:
        sender.ended.set()
    for sender in senders:
        sender.join()
    return [meterpoint for sender in senders for meterpoint in sender.acknowledged]


@pytest.mark.whole
def test_what_was_acknowledged_is_stored_once(market: Market) -> None:
    empty(market.database)
    assert market.settings.readings_url
    acknowledged = killed_again_and_again(market.settings.readings_url, MANY)
    Landing(landing_folder(market.settings)).close()  # as the next receiver begins

    assert market.run(DAY).success

    stored = dict(market.rows("SELECT meterpoint_id, count(*) FROM raw_data.raw_meter_readings GROUP BY meterpoint_id"))
    assert len(acknowledged) == len(set(acknowledged)) > MANY
    assert {meterpoint: stored.get(meterpoint) for meterpoint in acknowledged} == dict.fromkeys(acknowledged, 1)
    # What was sent and stored when its receiver was killed before it could say so: one for each sender and kill at most.
    assert 0 <= len(stored) - len(acknowledged) <= SENDERS
    ((in_files, told),) = market.rows(
        "SELECT sum(rows_in_file), sum(rows_stored + rows_redelivered) FROM raw_data.source_files"
    )
    assert in_files == told >= len(stored)
