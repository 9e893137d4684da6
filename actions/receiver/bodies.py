"""Reading bodies of requests: each of limited length, all of them together too."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

MOST_BODY_BYTES: Final = 1024 * 1024
# What is being read and worked on at the same time; a message takes several times its size as objects.
MOST_BYTES_AT_ONCE: Final = 16 * MOST_BODY_BYTES
# Tens of thousands of alerts in one message, as a group of a whole company may have; one of them at a time.
MOST_LARGE_BODY_BYTES: Final = 64 * 1024 * 1024


class JsonBodies:
    """
    The JSON bodies that are being worked on; beyond ``most_bytes_at_once`` a client must come again.

    One larger than MOST_BODY_BYTES, where the caller takes such, is worked on beside them, one at a time.
    """

    def __init__(self, *, most_bytes_at_once: int = MOST_BYTES_AT_ONCE) -> None:
        self._free_bytes = most_bytes_at_once
        self._large_is_free = True

    @asynccontextmanager
    async def read(self, request: Request, *, most_bytes: int = MOST_BODY_BYTES) -> AsyncIterator[bytes]:
        """
        Yield a body that says it is JSON, which no form of another site can; hold its share until the end.

        HTTPException 415 for another type, 413 for too long a one, 503 while there is no room. A body whose
        head does not say how long it is has at most MOST_BODY_BYTES.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise HTTPException(415, "Send Content-Type: application/json.")
        share = announced_bytes(request, most_bytes=most_bytes, unknown=MOST_BODY_BYTES)
        is_large = share > MOST_BODY_BYTES
        if share > self._free_bytes if not is_large else not self._large_is_free:
            raise HTTPException(503, "Too much at once; try again.", headers={"retry-after": "1"})
        if is_large:
            self._large_is_free = False
        else:
            self._free_bytes -= share
        try:
            yield await read_body(request, most_bytes=share)
        finally:
            if is_large:
                self._large_is_free = True
            else:
                self._free_bytes += share


async def read_body(request: Request, *, most_bytes: int = MOST_BODY_BYTES) -> bytes:
    """Give the body; HTTPException 413 as soon as it is known to be longer than ``most_bytes``."""
    announced_bytes(request, most_bytes=most_bytes, unknown=most_bytes)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most_bytes:
                raise _too_long(most_bytes)
    except ClientDisconnect:
        # Nobody hears it; without it, each client that goes away would leave a traceback in the log.
        raise HTTPException(400, "The body did not end.") from None
    return bytes(body)


def announced_bytes(request: Request, *, most_bytes: int, unknown: int) -> int:
    """Return the length that the head announces, else ``unknown``; HTTPException 413 when it is too much."""
    announced = request.headers.get("content-length", "")
    if not announced.isdecimal():
        return unknown
    # Digits without end are a number that takes long to read.
    if len(announced) > len(str(most_bytes)) or int(announced) > most_bytes:
        raise _too_long(most_bytes)
    return int(announced)


def _too_long(most_bytes: int) -> HTTPException:
    return HTTPException(413, f"A body may have {most_bytes} bytes.", headers={"connection": "close"})
