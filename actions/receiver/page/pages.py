"""The pages: the state of the shop, and one run. Made on the server, without scripts or other sites."""

import datetime as dt
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

import anyio.to_thread
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from actions.action import Action
from actions.backups.files import KINDS, Backup, find_backups
from actions.ledger.history import find_run, list_runs, open_episodes
from actions.ledger.ledger import Ledger
from actions.ledger.schema import OPEN_RUN_STATES, Trigger
from actions.receiver.access import WHO
from actions.receiver.page.gauges import Gauge, read_gauges
from actions.schedules import Scheduler
from actions.usage import UsageReader
from storekeeper import __version__
from storekeeper.config import Config
from storekeeper.units import format_size

if TYPE_CHECKING:
    from actions.receiver.app import Receiver

_FOLDER = Path(__file__).parent
# Walking a large media folder at each reload of the page would be load without use.
GAUGES_SECONDS: Final = 30.0
MOST_BACKUPS: Final = 12
_FORM_BYTES: Final = 16 * 1024
_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


class Pages:
    """The routes of the pages. ``receiver`` is set once the application is put together."""

    receiver: "Receiver"

    def __init__(
        self,
        config: Config,
        *,
        ledger: Ledger,
        usage: UsageReader,
        scheduler: Scheduler,
        actions: Mapping[str, Action[Any, Any]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._ledger = ledger
        self._usage = usage
        self._scheduler = scheduler
        self._actions = actions
        self._clock = clock
        self._gauges: tuple[Gauge, ...] = ()
        self._gauges_at: float | None = None
        self._lock = threading.Lock()
        self._environment = Environment(
            loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined
        )
        self._environment.filters["size"] = format_size
        self._environment.filters["moment"] = _moment
        self._style = (_FOLDER / "page.css").read_bytes()
        self.routes: tuple[BaseRoute, ...] = (
            Route("/", self._overview, methods=["GET"]),
            Route("/page.css", self._stylesheet, methods=["GET"]),
            Route("/runs/{id}", self._run, methods=["GET"]),
            Route("/runs/{id}/approve", self._approve, methods=["POST"]),
            Route("/runs/{id}/cancel", self._cancel, methods=["POST"]),
            Route("/start", self._start, methods=["POST"]),
        )

    async def _overview(self, _: Request) -> Response:
        return await anyio.to_thread.run_sync(self._overview_page)

    def _overview_page(self) -> Response:
        return self._page(
            "overview.html",
            shop=self._config.shop,
            gauges=self._current_gauges(),
            episodes=open_episodes(self._ledger.file),
            runs=list_runs(self._ledger.file, most=25),
            backups=_newest_backups(self._config.backups.path),
            due=sorted(self._scheduler.next_due().items(), key=lambda one: one[1]),
            actions=sorted(self._actions.values(), key=lambda action: action.name),
        )

    def _current_gauges(self) -> tuple[Gauge, ...]:
        with self._lock:
            if self._gauges_at is None or self._clock() - self._gauges_at > GAUGES_SECONDS:
                self._gauges = read_gauges(self._config, usage=self._usage)
                self._gauges_at = self._clock()
            return self._gauges

    async def _run(self, request: Request) -> Response:
        run = await anyio.to_thread.run_sync(find_run, self._ledger.file, request.path_params["id"])
        if run is None:
            raise HTTPException(404, "There is no such run.")
        return self._page(
            "run.html", shop=self._config.shop, run=run, is_open=run["state"] in OPEN_RUN_STATES
        )

    async def _approve(self, request: Request) -> Response:
        run = request.path_params["id"]
        await anyio.to_thread.run_sync(lambda: self.receiver.approve(run, who=request.scope[WHO]))
        return _back_to(run)

    async def _cancel(self, request: Request) -> Response:
        run = request.path_params["id"]
        await anyio.to_thread.run_sync(lambda: self._ledger.cancel(run, who=request.scope[WHO]))
        return _back_to(run)

    async def _start(self, request: Request) -> Response:
        from actions.receiver.app import read_body

        form = parse_qs((await read_body(request, most_bytes=_FORM_BYTES)).decode("utf-8", "replace"))
        run = await anyio.to_thread.run_sync(
            lambda: self.receiver.start_run(
                form.get("action", [""])[0],
                options={},
                # Only the one button that says so changes anything.
                dry_run=form.get("mode", [""])[0] != "run",
                trigger=Trigger.PAGE,
                who=request.scope[WHO],
            )
        )
        return _back_to(run)

    async def _stylesheet(self, _: Request) -> Response:
        headers = {**_HEADERS, "cache-control": "max-age=3600"}
        return Response(self._style, media_type="text/css", headers=headers)

    def _page(self, template: str, **values: Any) -> Response:
        text = self._environment.get_template(template).render(version=__version__, **values)
        return Response(text, media_type="text/html", headers=_HEADERS)


def _newest_backups(folder: Path) -> list[Backup]:
    found = [backup for kind in KINDS for backup in find_backups(folder, kind=kind)]
    return sorted(found, key=lambda backup: backup.manifest.created, reverse=True)[:MOST_BACKUPS]


def _back_to(run: str) -> Response:
    # 303: the browser asks with GET, and a reload sends the form no second time.
    return RedirectResponse(f"/runs/{run}", status_code=303)


def _moment(text: str | dt.datetime | None) -> str:
    """Write a moment in this machine's time."""
    if text is None:
        return "–"
    moment = text if isinstance(text, dt.datetime) else dt.datetime.fromisoformat(text)
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
