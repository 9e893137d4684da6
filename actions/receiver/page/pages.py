"""The pages: the state of the shop, its runs, and the forms that start, approve and cancel them."""

import datetime as dt
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from actions.action import Action
from actions.ledger.file import LedgerUnavailable
from actions.ledger.history import find_run, list_runs
from actions.ledger.ledger import Ledger
from actions.ledger.schema import OPEN_RUN_STATES, Trigger
from actions.playbooks import playbooks_of
from actions.receiver.access import IS_PERSON, WHO
from actions.receiver.bodies import read_body
from actions.receiver.page.advice import advise
from actions.receiver.page.offers import ASKS_NOTHING, is_startable, last_run
from actions.receiver.page.overview import Overview
from actions.receiver.page.rendering import ASSETS, Rendering
from actions.receiver.page.tokens import FormTokens
from actions.runner import now_here
from actions.schedules import Scheduler
from storekeeper.config import Config
from storekeeper.measure.usage import UsageReader

if TYPE_CHECKING:
    from actions.receiver.app import Receiver

logger = logging.getLogger(__name__)

RUNS_PER_PAGE: Final = 50
_FORM_BYTES: Final = 16 * 1024
_FORM_TYPE: Final = "application/x-www-form-urlencoded"

Handler = Callable[[Request], Awaitable[Response]]


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
        now: Callable[[], dt.datetime] = now_here,
    ) -> None:
        self._config = config
        self._ledger = ledger
        self._scheduler = scheduler
        self._actions = actions
        self._playbooks = playbooks_of(config)
        self._now = now
        self._tokens = FormTokens()
        self._rendering = Rendering(shop=config.shop, now=now)
        self._overview = Overview(
            config,
            ledger=ledger,
            usage=usage,
            scheduler=scheduler,
            actions=actions,
            playbooks=self._playbooks,
            now=now,
        )
        reading = {
            "/": self._show_overview,
            "/runs": self._show_runs,
            "/runs/{id}": self._show_run,
            "/confirm": self._confirm,
        }
        sending = {
            "/start": self._start,
            "/runs/{id}/approve": self._approve,
            "/runs/{id}/cancel": self._cancel,
        }
        self.routes: tuple[BaseRoute, ...] = (
            *(Route(path, self._asset, methods=["GET"]) for path in ASSETS),
            *(Route(path, self._told_as_page(show), methods=["GET"]) for path, show in reading.items()),
            *(Route(path, self._told_as_page(do), methods=["POST"]) for path, do in sending.items()),
        )

    def _told_as_page(self, handler: Handler) -> Handler:
        """Let a browser have a page, not JSON, when the handler refuses or the ledger cannot be used."""

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except HTTPException as error:
                return self._rendering.page("error.html", status=error.status_code, problem=error.detail)
            except LedgerUnavailable as error:
                logger.error("%s", error)
                return self._rendering.page(
                    "error.html",
                    status=503,
                    problem="The history cannot be read or written now. Its disk may be full: make room"
                    " there. Alerts are not lost, Alertmanager sends them again.",
                )

        return handle

    async def _asset(self, request: Request) -> Response:
        return self._rendering.asset(request.url.path)

    async def _show_overview(self, request: Request) -> Response:
        values = await anyio.to_thread.run_sync(self._overview.values)
        return self._rendering.page("overview.html", token=self._token(request), **values)

    async def _show_runs(self, request: Request) -> Response:
        before = request.query_params.get("before", "")
        runs = await anyio.to_thread.run_sync(
            lambda: list_runs(self._ledger.file, most=RUNS_PER_PAGE, before=before)
        )
        older = runs[-1]["id"] if len(runs) == RUNS_PER_PAGE else None
        return self._rendering.page("runs.html", runs=runs, older=older, before=before)

    async def _show_run(self, request: Request) -> Response:
        run = await self._run_or_404(request.path_params["id"])
        advice = advise(
            run,
            config=self._config,
            playbook=self._playbooks.get(run["playbook"]),
            next_due=self._scheduler.next_due().get(run["steps"][0]["action"]) if run["steps"] else None,
            now=self._now(),
        )
        return self._rendering.page(
            "run.html",
            run=run,
            is_open=run["state"] in OPEN_RUN_STATES,
            advice=list(advice),
            known=self._actions,
            token=self._token(request),
        )

    async def _confirm(self, request: Request) -> Response:
        """Ask before something is removed; what was found last is told, and nothing happens yet."""
        name = request.query_params.get("action", "")
        action = self._actions.get(name)
        if action is None:
            raise HTTPException(404, "There is no such action.")
        like, step = request.query_params.get("like", ""), request.query_params.get("step", "0")
        options = await self._options_like(name, like=like, step=step)
        if not like and not is_startable(action):
            raise HTTPException(400, f"{name} must be told more than a page can ask. Use the command line.")
        dry_run = await anyio.to_thread.run_sync(lambda: last_run(self._ledger.file, name, dry=True))
        # A dry run with other options says nothing about this one.
        fitting = dry_run is not None and dry_run["steps"][0]["options"] == options
        return self._rendering.page(
            "confirm.html",
            action=action,
            asks_first=name not in ASKS_NOTHING,
            options=options,
            like=like,
            step=step,
            dry_run=await self._run_or_404(dry_run["id"]) if dry_run is not None and fitting else None,
            token=self._token(request),
        )

    async def _start(self, request: Request) -> Response:
        form = await self._form(request)
        name = form.get("action", "")
        options = await self._options_like(name, like=form.get("like", ""), step=form.get("step", "0"))
        run = await anyio.to_thread.run_sync(
            lambda: self.receiver.start_run(
                name,
                options=options,
                # Only the one button that says so changes anything.
                dry_run=form.get("mode", "") != "run",
                trigger=Trigger.PAGE,
                who=request.scope[WHO],
                is_person=request.scope[IS_PERSON],
            )
        )
        return _go_to(run)

    async def _approve(self, request: Request) -> Response:
        await self._form(request)
        run = (await self._run_or_404(request.path_params["id"]))["id"]
        await anyio.to_thread.run_sync(lambda: self.receiver.approve(run, who=request.scope[WHO]))
        return _go_to(run)

    async def _cancel(self, request: Request) -> Response:
        await self._form(request)
        run = (await self._run_or_404(request.path_params["id"]))["id"]
        await anyio.to_thread.run_sync(lambda: self._ledger.cancel(run, who=request.scope[WHO]))
        return _go_to(run)

    async def _run_or_404(self, run_id: str) -> dict[str, Any]:
        run = await anyio.to_thread.run_sync(find_run, self._ledger.file, run_id)
        if run is None:
            raise HTTPException(404, "There is no such run.")
        return run

    async def _options_like(self, action: str, *, like: str, step: str) -> dict[str, Any]:
        """Give the options of a step that the history knows; a form names it and brings no options itself."""
        if not like:
            return {}
        run = await self._run_or_404(like)
        for one in run["steps"]:
            if str(one["index"]) == step and one["action"] == action:
                return dict(one["options"])
        raise HTTPException(404, "There is no such step.")

    async def _form(self, request: Request) -> dict[str, str]:
        """Give the first value of each field; HTTPException 403 for a form that no page of ours made."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM_TYPE:
            raise HTTPException(415, "Use the buttons of the pages; programs have /api/v1/runs.")
        text = (await read_body(request, most_bytes=_FORM_BYTES)).decode("utf-8", "replace")
        form = {name: values[0] for name, values in parse_qs(text).items()}
        if not self._tokens.matches(form.get("token", ""), who=request.scope[WHO]):
            raise HTTPException(
                403,
                "This form is from before the receiver was started. Go back and load the page again.",
            )
        return form

    def _token(self, request: Request) -> str:
        return self._tokens.make(request.scope[WHO])


def _go_to(run: str) -> Response:
    # 303: the browser asks with GET, and a reload sends the form no second time.
    return RedirectResponse(f"/runs/{run}", status_code=303)
