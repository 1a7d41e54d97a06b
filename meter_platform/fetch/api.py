"""Octopus Energy's REST API: the pages of a meter's consumption.

What belongs here: requests, when one is repeated, and what an answer has to be. What does not: what becomes of readings.

`GET /v1/electricity-meter-points/MPAN/meters/SERIAL/consumption/` answers a page and the URL of the `next`. The key is the
user name of HTTP's basic authentication, without a password.
"""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlencode, urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.util import Retry, Timeout, make_headers

from meter_platform.feeds.formats.json_document import parse_json
from meter_platform.feeds.malformed import MalformedFileError
from meter_platform.fetch.errors import ApiAwayError, KeyRefusedError, MeterRefusedError
from meter_platform.fetch.meters import Meter
from meter_platform.settings import variable

PAGE_ROWS: Final = 25_000
"""The most that the API gives at once: 17 months."""

_MOST_PAGES: Final = 100
_MOST_BYTES: Final = 32 << 20
"""Of a page, which has some 4 MB."""

_AGAIN: Final = frozenset({429, 500, 502, 503, 504})
PATIENCE: Final = Retry(
    total=6,
    status_forcelist=_AGAIN,
    redirect=False,
    raise_on_status=False,
    backoff_factor=0.5,  # 0, 1, 2, 4, 8, 16 s
    backoff_max=30,
    backoff_jitter=0.5,
    retry_after_max=300,
)
"""For one page: half a minute by itself, and what the API asks for (`Retry-After`), but five minutes at most each time."""

_TIMEOUT: Final = Timeout(connect=10, read=60)

# What it logs of a request has the URL, and with that the meter.
logging.getLogger("urllib3").setLevel(logging.ERROR)


class OctopusApi:
    """The API, as one account sees it.

    Args:
        url: of it.
        key: of the account.
        patience: how often a request is repeated, and how long that waits.
    """

    def __init__(self, url: str, key: str, *, patience: Retry = PATIENCE) -> None:
        self._url = url
        self._host = urlsplit(url).netloc
        headers = make_headers(basic_auth=f"{key}:", user_agent="meter-platform", accept_encoding=True)
        self._pool = urllib3.PoolManager(headers=headers, timeout=_TIMEOUT, retries=patience)

    def close(self) -> None:
        """Ends its connections."""
        self._pool.clear()

    def consumption(self, meter: Meter, since: datetime) -> Iterator[list[Any]]:
        """The readings of a meter, oldest first, a page at a time.

        Args:
            meter: which one.
            since: the first half hour that is wanted.

        Yields:
            Results as the API gives them, each number as it is written (`NumberText`).

        Raises:
            ApiAwayError: it does not answer.
            KeyRefusedError: it does not take the key.
            MeterRefusedError: it answers something else.
        """
        point, serial = quote(meter.meterpoint, safe=""), quote(meter.serial, safe="")
        asked = {
            "period_from": f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "order_by": "period",
            "page_size": PAGE_ROWS,
        }
        url: str | None = (
            f"{self._url}/v1/electricity-meter-points/{point}/meters/{serial}/consumption/?{urlencode(asked)}"
        )
        seen = set()
        while url:
            seen.add(url)
            answer = self._page(url)
            yield answer["results"]
            url = self._next(url, answer.get("next"))
            if url in seen or len(seen) == _MOST_PAGES:
                raise MeterRefusedError("its pages do not come to an end")

    def _next(self, url: str, given: object) -> str | None:
        if given is None:
            return None
        following = urljoin(url, str(given))
        if urlsplit(following)[:2] != urlsplit(self._url)[:2]:
            raise MeterRefusedError("its next page is said to be at another address, which gets no key")
        return following

    def _page(self, url: str) -> dict[str, Any]:
        try:
            answer = self._pool.request("GET", url)
        except HTTPError as error:
            raise ApiAwayError(f"{self._host} does not answer ({_why(error)}): fetch again later.") from None
        if answer.status in {401, 403}:
            raise KeyRefusedError(
                f"{self._host} does not take the key (HTTP {answer.status}): check {variable('fetch_keys')}."
            )
        if answer.status in _AGAIN:
            raise ApiAwayError(f"{self._host} still answers HTTP {answer.status}: fetch again later.")
        if answer.status != 200:  # noqa: PLR2004 - HTTP's OK
            raise MeterRefusedError(f"HTTP {answer.status}")
        if len(answer.data) > _MOST_BYTES:
            raise MeterRefusedError(f"a page of more than {_MOST_BYTES >> 20} MB")
        try:
            page = parse_json(answer.data)
        except MalformedFileError:
            page = None
        if not isinstance(page, dict) or not isinstance(page.get("results"), list):
            raise MeterRefusedError('its answer has no list "results"')
        return page


def _why(error: HTTPError) -> str:
    """The kind of a failure; what the library says of it has the URL, and with that the meter."""
    reason = getattr(error, "reason", None)
    return type(reason if isinstance(reason, Exception) else error).__name__
