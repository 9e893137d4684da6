"""The exporter's web pages: the metrics, whether it lives, whether it is ready, and a page with links."""

import gzip
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

import anyio
import anyio.to_thread
from prometheus_client.exposition import gzip_accepted
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from exporter.landing import HEADERS, landing_page
from exporter.measuring import Measuring
from exporter.page import Page
from exporter.rendering import Rendering
from exporter.scrape import deadline_seconds

MAX_SCRAPES: Final = 40
# A page has few different words: a higher level takes longer and saves next to nothing.
COMPRESSION_LEVEL: Final = 1
TIMEOUT_HEADER: Final = "x-prometheus-scrape-timeout-seconds"


def make_app(
    measuring: Callable[[], Measuring],
    *,
    telemetry_path: str = "/metrics",
    reloaded: Callable[[], tuple[bool, float]] | None = None,
    max_scrapes: int = MAX_SCRAPES,
) -> Starlette:
    """
    Give the application; ``measuring`` gives the measurements in use, which a changed config replaces.

    More than ``max_scrapes`` scrapes at the same time are answered with 503.
    """
    places = threading.Semaphore(max_scrapes)
    # A limiter of our own: scrapes that wait must not use up the threads that others need.
    limiter = anyio.CapacityLimiter(max_scrapes)
    rendering = Rendering()

    async def metrics(request: Request) -> Response:
        only = frozenset(request.query_params.getlist("collect[]"))
        used = measuring()
        unknown = only - set(used.scraper.names)
        if unknown:
            return PlainTextResponse(
                f"no such collector: {', '.join(sorted(unknown))}\nknown: {', '.join(used.scraper.names)}\n",
                status_code=400,
            )
        if not places.acquire(blocking=False):
            return PlainTextResponse(
                f"{max_scrapes} scrapes are under way already\n",
                status_code=503,
                headers={"retry-after": "5"},
            )
        try:
            page = Page(
                used.scraper,
                shop=used.config.shop,
                timeout_seconds=deadline_seconds(request.headers.get(TIMEOUT_HEADER)),
                only=only,
                reloaded=reloaded,
                rendering=rendering,
            )
            # One thread does all of it: each change of threads may wait for a walk that computes.
            body, headers = await anyio.to_thread.run_sync(answer, page, request.headers, limiter=limiter)
            return Response(body, headers=headers)
        finally:
            places.release()

    async def healthy(_: Request) -> Response:
        return PlainTextResponse("storekeeper exporter is healthy\n")

    async def ready(_: Request) -> Response:
        if measuring().ready:
            return PlainTextResponse("storekeeper exporter is ready\n")
        waiting = ", ".join(job.name for job in measuring().jobs if not job.latest.attempts)
        return PlainTextResponse(f"still measuring for the first time: {waiting}\n", status_code=503)

    async def landing(_: Request) -> Response:
        page = landing_page(measuring(), metrics=telemetry_path, now=time.time())
        return HTMLResponse(page, headers=HEADERS)

    return Starlette(
        routes=[
            Route("/", landing),
            Route(telemetry_path, metrics),
            Route("/-/healthy", healthy),
            Route("/-/ready", ready),
        ]
    )


def answer(page: Page, asked: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
    """Give the body and the headers of a page for the headers of a request."""
    body, content_type = page.encode(asked.get("accept", ""))
    headers = {"content-type": content_type, "vary": "Accept, Accept-Encoding"}
    if gzip_accepted(asked.get("accept-encoding", "")):
        body = gzip.compress(body, COMPRESSION_LEVEL)
        headers["content-encoding"] = "gzip"
    return body, headers
