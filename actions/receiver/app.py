"""The receiver's web interface: alerts in, runs out, health and metrics. Every answer of the API is JSON."""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any, Final, get_args

import anyio.to_thread
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from actions.action import Action
from actions.ledger.file import LedgerUnavailable
from actions.ledger.history import MOST_ROWS, find_run, list_runs
from actions.ledger.ledger import Ledger
from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import RunState, Trigger
from actions.receiver.access import IS_PERSON, MAY_KNOW_WHY, WEBHOOK_PATH, WHO
from actions.receiver.bodies import MOST_BODY_BYTES, MOST_LARGE_BODY_BYTES, JsonBodies
from actions.receiver.bodies import read_body as read_body
from actions.receiver.group_commit import GroupCommit
from actions.receiver.intake import add_to_counter
from actions.receiver.metrics import ReceiverCollector
from actions.receiver.payload import MalformedPayload, Message, parse_message
from actions.receiver.person_only import needs_person
from storekeeper.config import Config

logger = logging.getLogger(__name__)

READY_SECONDS: Final = 2.0
# What a browser shows is what we say it is, whatever text an alert brought.
_NO_SNIFFING: Final = {"x-content-type-options": "nosniff"}


class _RunRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    action: str
    options: dict[str, Any] = Field(default_factory=dict)
    dry_run: bool = False


class Receiver:
    """What the routes share. ``wake`` is called when there is a run to hand to the engine."""

    def __init__(
        self,
        *,
        config: Config,
        ledger: Ledger,
        intake: GroupCommit,
        actions: Mapping[str, Action[Any, Any]],
        wake: Callable[[], None],
        engine_problem: Callable[[], str] = lambda: "",
        pages: tuple[BaseRoute, ...] = (),
        reloaded: Callable[[], tuple[bool, float]] | None = None,
    ) -> None:
        self._config = config
        self._ledger = ledger
        self._intake = intake
        self._actions = actions
        self._wake = wake
        self._readiness = Readiness(ledger, engine_problem=engine_problem)
        self._bodies = JsonBodies()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(
            ReceiverCollector(ledger.file, shop=config.shop, actions=actions, reloaded=reloaded)
        )
        self.app = Starlette(
            routes=[
                Route(WEBHOOK_PATH, self._alerts, methods=["POST"]),
                Route("/api/v1/runs", self._list, methods=["GET"]),
                Route("/api/v1/runs", self._start, methods=["POST"]),
                Route("/api/v1/runs/{id}", self._show, methods=["GET"]),
                Route("/api/v1/runs/{id}/approve", self._approve, methods=["POST"]),
                Route("/api/v1/runs/{id}/cancel", self._cancel, methods=["POST"]),
                Route("/metrics", self._metrics, methods=["GET"]),
                Route("/-/healthy", self._healthy, methods=["GET"]),
                Route("/-/ready", self._ready, methods=["GET"]),
                *pages,
            ],
            exception_handlers={
                LedgerUnavailable: _not_stored,
                HTTPException: _told,
                500: _broken,
            },
        )

    async def _alerts(self, request: Request) -> Response:
        async with self._bodies.read(request, most_bytes=MOST_LARGE_BODY_BYTES) as body:
            if len(body) > MOST_BODY_BYTES:
                # To read it takes so long that others would wait.
                message = await anyio.to_thread.run_sync(_parsed, body)
            else:
                message = _parsed(body)
            taken = await self._intake.take(message)
        if taken.runs:
            self._wake()
        return _json({"runs": list(taken.runs), "decisions": list(taken.verdicts)}, status=202)

    async def _list(self, request: Request) -> Response:
        query = request.query_params
        try:
            most = int(query.get("limit", "50"))
            state = RunState(query["state"]) if query.get("state") else None
            trigger = Trigger(query["trigger"]) if query.get("trigger") else None
        except ValueError:
            raise HTTPException(400, "limit is a number; state and trigger are words of the API.") from None
        most = min(max(most, 1), MOST_ROWS)
        runs = await anyio.to_thread.run_sync(
            lambda: list_runs(
                self._ledger.file,
                most=most,
                before=query.get("before", ""),
                state=state,
                trigger=trigger,
                action=query.get("action", ""),
                playbook=query.get("playbook", ""),
            )
        )
        return _json({"runs": runs, "next": runs[-1]["id"] if len(runs) == most else None})

    async def _show(self, request: Request) -> Response:
        return _json(await self._run_or_404(request.path_params["id"]))

    async def _start(self, request: Request) -> Response:
        async with self._bodies.read(request) as body:
            try:
                wanted = _RunRequest.model_validate_json(body)
            except ValidationError:
                raise HTTPException(
                    400, 'Send {"action": name, "options": {…}, "dry_run": true or false}.'
                ) from None
        run = await anyio.to_thread.run_sync(
            lambda: self.start_run(
                wanted.action,
                options=wanted.options,
                dry_run=wanted.dry_run,
                trigger=Trigger.API,
                who=request.scope[WHO],
                is_person=request.scope[IS_PERSON],
            )
        )
        return _json(await self._run_or_404(run), status=202)

    def start_run(
        self,
        name: str,
        *,
        options: Mapping[str, Any],
        dry_run: bool,
        trigger: Trigger,
        who: str,
        is_person: bool,
    ) -> str:
        """
        Accept a run and return its id.

        HTTPException 400 for a wrong one, 403 for one that only a known person may start.
        """
        action = self._actions.get(name)
        if action is None:
            raise HTTPException(400, f"There is no such action. Known: {', '.join(sorted(self._actions))}.")
        try:
            action.Options.model_validate(dict(options), context={"project": str(self._config.project)})
        except ValidationError as error:
            raise HTTPException(
                400, f"The options are not those of {name}: {_option_problems(error)}"
            ) from None
        paths = [option for option in options if _is_path(action.Options, option)]
        if paths:
            # Whoever may ask here may not yet write where this service may.
            raise HTTPException(400, f"{', '.join(paths)}: paths are given on the command line only.")
        if not dry_run and not is_person and (what := needs_person(name, options)):
            raise HTTPException(
                403,
                f"{what}: only for a known person, a user of --web.config.file (basic_auth_users); the token"
                " is a machine's. On the command line it needs neither.",
            )
        step = NewStep(action=name, options=options)
        run = self._ledger.accept(NewRun(trigger=trigger, who=who, steps=[step], dry_run=dry_run))
        assert run is not None, "a run without a due time is always accepted"
        self._wake()
        return run

    async def _approve(self, request: Request) -> Response:
        run = request.path_params["id"]
        await self._run_or_404(run)
        if not await anyio.to_thread.run_sync(lambda: self.approve(run, who=request.scope[WHO])):
            raise HTTPException(409, "This run does not wait for approval.")
        return _json(await self._run_or_404(run), status=202)

    def approve(self, run: str, *, who: str) -> bool:
        """Let a waiting run go on; False when it does not wait."""
        approved = self._ledger.approve(run, who=who)
        if approved:
            self._wake()
        return approved

    async def _cancel(self, request: Request) -> Response:
        run = request.path_params["id"]
        await self._run_or_404(run)
        state = await anyio.to_thread.run_sync(lambda: self._ledger.cancel(run, who=request.scope[WHO]))
        if state is None:
            raise HTTPException(409, "This run has ended already.")
        return _json(await self._run_or_404(run), status=202)

    async def _run_or_404(self, run: str) -> dict[str, Any]:
        found = await anyio.to_thread.run_sync(find_run, self._ledger.file, run)
        if found is None:
            raise HTTPException(404, "There is no such run.")
        return found

    async def _metrics(self, request: Request) -> Response:
        encoder, content_type = choose_encoder(request.headers.get("accept", ""))
        page = await anyio.to_thread.run_sync(encoder, self._registry)
        return Response(page, headers={"content-type": content_type, **_NO_SNIFFING})

    async def _healthy(self, _: Request) -> Response:
        return PlainTextResponse("storekeeper receiver is healthy\n")

    async def _ready(self, request: Request) -> Response:
        problem = await anyio.to_thread.run_sync(self._readiness.problem)
        if not problem:
            return PlainTextResponse("storekeeper receiver is ready\n")
        # The reason names files of this machine.
        known = request.scope[MAY_KNOW_WHY]
        return PlainTextResponse(f"not ready: {problem}\n" if known else "not ready\n", status_code=503)


class Readiness:
    """Whether alerts can be stored and runs carried out, found out by trying; holds for READY_SECONDS."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        engine_problem: Callable[[], str] = lambda: "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._engine_problem = engine_problem
        self._clock = clock
        self._lock = threading.Lock()
        self._asked_at: float | None = None
        self._answer = ""

    def problem(self) -> str:
        """Return why an alert could not be stored, or its run not begun, now; ``""`` where both can be."""
        with self._lock:
            if self._asked_at is None or self._clock() - self._asked_at >= READY_SECONDS:
                self._answer = self._ask()
                if self._answer:
                    logger.warning("not ready: %s", self._answer)
                self._asked_at = self._clock()
            return self._answer

    def _ask(self) -> str:
        try:
            with self._ledger.file.write() as connection:
                add_to_counter(connection, "readiness_checks")
        except LedgerUnavailable as error:
            return f"no alert can be stored: {error.message}"
        if problem := self._engine_problem():
            return f"alerts are stored, but no run begins: {problem}"
        return ""


def _parsed(body: bytes) -> Message:
    try:
        return parse_message(body)
    except MalformedPayload as error:
        raise HTTPException(400, error.message) from None


def _is_path(options: type[BaseModel], name: str) -> bool:
    """Tell whether an option can be a path, alone or as one of several types."""
    return _holds_path(options.model_fields[name].annotation)


def _holds_path(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, PurePath):
        return True
    return any(_holds_path(part) for part in get_args(annotation))


def _option_problems(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in found)


def _json(value: Any, *, status: int = 200) -> Response:
    # ASCII: a file name may hold what UTF-8 cannot.
    text = json.dumps(value, ensure_ascii=True) + "\n"
    return Response(text, status_code=status, headers=_NO_SNIFFING, media_type="application/json")


async def _not_stored(_: Request, error: Exception) -> Response:
    logger.error("%s", error)
    response = _json({"error": "The ledger cannot be used now; try again."}, status=503)
    response.headers["retry-after"] = "10"
    return response


async def _told(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "registered for these alone"
    response = _json({"error": error.detail}, status=error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _broken(request: Request, _: Exception) -> Response:
    # Starlette's server-error handler raises it again, so the server logs it with its traceback.
    return _json({"error": "Something is wrong here; the receiver's log says what."}, status=500)
