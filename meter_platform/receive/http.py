"""Readings that are pushed by HTTP: `POST /readings`, and `POST /feeds/NAME/readings` for files of a feed.

What belongs here: who may, what a request may look like, and which answer it gets. What does not: files (`landing.py`).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, HTTPException, Request, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from meter_platform.feeds.malformed import MalformedFileError
from meter_platform.receive.delivery import Delivery, from_document, from_lines
from meter_platform.receive.feed_files import FeedFiles, NoPlaceError
from meter_platform.receive.landing import FullError, Landing, NotStoredError
from meter_platform.receive.packing import Unpacking
from meter_platform.receive.senders import Senders

BODY_BYTES: Final = 8 << 20
"""What a delivery may have, unpacked: some 150,000 readings."""

BODIES_BYTES: Final = 32 << 20
"""What all bodies may have that are being received or taken apart."""

_TAKEN_APART_AT_ONCE: Final = 2
"""A body takes some ten times its size while it is taken apart."""

_AGAIN_SECONDS: Final = "1"
_FORMS: Final[dict[str, Callable[[bytes], Delivery]]] = {
    "application/json": from_document,
    "application/x-ndjson": from_lines,
}
_DOCUMENT: Final = {
    "columns": ["interval_start", "consumption_delta", "meterpoint_id"],
    "data": [["2021-01-04T00:30:00+00:00", 0.186, "1200010001"]],
}
_LINE: Final = (
    '{"meterpoint_id": "1200010001", "interval_start": "2021-01-04T00:30:00+00:00", "consumption_delta": 0.186}'
)
_BODY: Final = {
    "requestBody": {
        "required": True,
        "description": "The same as a reading file, or a JSON object in each line. `Content-Encoding: gzip` is understood.",
        "content": {
            "application/json": {"schema": {"type": "object"}, "example": _DOCUMENT},
            "application/x-ndjson": {"schema": {"type": "string"}, "example": _LINE},
        },
    }
}
_FILE: Final = {
    "requestBody": {
        "required": True,
        "description": "A file as the feed has it. `Content-Encoding: gzip` is understood.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"description": "It cannot be read; says where and why. Nothing of it is stored."},
    401: {"description": "There is no such token."},
    404: {"description": "No feed takes it; says why."},
    413: {"description": f"It has more than {BODY_BYTES >> 20} MB."},
    415: {"description": "It is of a kind that is not understood."},
    429: {"description": "Too much is waiting to be stored. Send it again later; nothing of it is stored."},
    503: {"description": "The disk did not take it. Send it again later; nothing of it is stored."},
}


class _Bodies:
    """How much is being received; of one event loop."""

    def __init__(self) -> None:
        self.bytes = 0

    async def read(self, request: Request) -> bytes:
        """The body, unpacked, of which no more is kept than a delivery may have. `forget` it afterwards."""
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in {"identity", "gzip"}:
            raise HTTPException(status.HTTP_415_UNSUPPORTED_MEDIA_TYPE, "Pack it with gzip, or not at all.")
        parts = _unpacked(request.stream()) if encoding == "gzip" else request.stream()
        body = bytearray()
        try:
            async for part in parts:
                body += part
                self.bytes += len(part)
                self._refuse_too_much(len(body))
        except BaseException:
            self.forget(body)
            raise
        return bytes(body)

    def _refuse_too_much(self, size: int) -> None:
        if size > BODY_BYTES:
            raise HTTPException(
                status.HTTP_413_CONTENT_TOO_LARGE, f"It has more than {BODY_BYTES >> 20} MB: send it in parts."
            )
        # One body is always received, whatever the limits are.
        if self.bytes > max(BODIES_BYTES, size):
            raise _again_later("Too many deliveries are being received: send this one again later.")

    def forget(self, body: bytes | bytearray) -> None:
        """Counts a body that `read` gave no more."""
        self.bytes -= len(body)


def _again_later(why: str, code: int = status.HTTP_429_TOO_MANY_REQUESTS) -> HTTPException:
    return HTTPException(code, why, headers={"Retry-After": _AGAIN_SECONDS})


class Accepted(BaseModel):
    """What is answered once a delivery is safe.

    Attributes:
        rows: how many there are in it. Whether each is a good reading is found out when they are loaded.
    """

    rows: int


class Kept(BaseModel):
    """What is answered once a file of a feed is safe.

    Attributes:
        bytes: of the file. What is in it is found out when it is loaded.
    """

    bytes: int


@contextmanager
def _answers() -> Iterator[None]:
    """Tells in HTTP's words why something was not stored."""
    try:
        yield
    except MalformedFileError as error:
        raise HTTPException(status.HTTP_400_BAD_REQUEST, f"{error.reason}: {error.detail}") from None
    except FullError as error:
        raise _again_later(str(error)) from None
    except NotStoredError as error:
        raise _again_later(str(error), status.HTTP_503_SERVICE_UNAVAILABLE) from None


def receiver(landing: Landing, senders: Senders, files: FeedFiles) -> FastAPI:
    """The application that takes readings. `GET /health` answers without a token."""
    app = FastAPI(title="Meter platform: readings", summary="Takes half-hourly readings.", version="1")
    bearer = HTTPBearer(auto_error=False)
    bodies, taking_apart = _Bodies(), asyncio.Semaphore(_TAKEN_APART_AT_ONCE)

    def sender(shown: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> str:
        name = senders.name_of(shown.credentials) if shown else None
        if name is None:
            raise HTTPException(
                status.HTTP_401_UNAUTHORIZED, "There is no such token.", headers={"WWW-Authenticate": "Bearer"}
            )
        return name

    @app.get("/health", include_in_schema=False)
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/readings", responses=_ANSWERS, openapi_extra=_BODY)
    async def readings(request: Request, name: Annotated[str, Depends(sender)]) -> Accepted:
        """Stores readings. The answer comes once they survive a failure of the machine.

        A delivery is stored whole or not at all. Where there is no answer, send it again: a reading that comes twice
        counts once.
        """
        form = _FORMS.get(request.headers.get("content-type", "application/json").partition(";")[0].strip().lower())
        if form is None:
            raise HTTPException(status.HTTP_415_UNSUPPORTED_MEDIA_TYPE, f"Send one of: {', '.join(_FORMS)}.")
        if missing := files.takes_own(name):
            raise HTTPException(status.HTTP_404_NOT_FOUND, missing)
        body = b""
        with _answers():
            try:
                body = await bodies.read(request)
                async with taking_apart:
                    # A large body takes a while; others are answered meanwhile.
                    delivery = await asyncio.to_thread(form, body)
                await asyncio.wrap_future(landing.put(name, delivery))
            finally:
                bodies.forget(body)
        return Accepted(rows=delivery.count)

    @app.post("/feeds/{feed}/readings", responses=_ANSWERS, openapi_extra=_FILE)
    async def file_of_a_feed(  # noqa: PLR0917 - what a request may say
        request: Request,
        feed: str,
        name: Annotated[str, Depends(sender)],
        meterpoint: str | None = None,
        serial: str | None = None,
        register: str | None = None,
    ) -> Kept:
        """Stores a file of a feed, in the feed's format. The answer comes once it survives a failure of the machine.

        `meterpoint`, `serial` and `register` are given where the paths of the feed have them, for the file does not say
        them.
        """
        given = {"meterpoint": meterpoint, "serial": serial, "register": register}
        said = {place: text for place, text in given.items() if text is not None}
        body = b""
        with _answers():
            try:
                files.places(feed)
                body = await bodies.read(request)
                await asyncio.to_thread(files.put, feed, name, said, body)
            except NoPlaceError as error:
                raise HTTPException(status.HTTP_404_NOT_FOUND, str(error)) from None
            finally:
                bodies.forget(body)
        return Kept(bytes=len(body))

    return app


async def _unpacked(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    unpacking = Unpacking()
    async for packed in parts:
        for part in unpacking.add(packed):
            yield part
    unpacking.end()
