"""The receiver as a service: config, ledger, engine, housekeeping and web server, and an orderly end."""

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, Final

from actions.action import Action
from actions.clock.check import ClockCheck
from actions.ledger.file import LedgerFile
from actions.ledger.ledger import Ledger
from actions.receiver.access import is_protected
from actions.receiver.emergency import Needs
from actions.receiver.engine import DbosEngine, EngineUnavailable
from actions.receiver.engine_file import require_sqlite
from actions.receiver.overdue import Overdue
from actions.receiver.parts import Parts, check_config
from actions.receiver.priority import prefer_requests
from actions.receiver.workers import Workers
from actions.runner import now_here
from actions.table import ACTIONS
from storekeeper.config import Config, load_config
from storekeeper.config.watch import ConfigWatch
from storekeeper.errors import ConfigurationError
from storekeeper.measure.disks import mountpoint_of
from storekeeper.web.guard import Receive, Send, WebConfigFile
from storekeeper.web.listen import ListenAddress, parse_listen_address
from storekeeper.web.serve import WebServer
from storekeeper.web.tls import RenewingContext
from storekeeper.web.token_file import TokenFile, make_token_file

logger = logging.getLogger(__name__)

GRACE_SECONDS: Final = 20.0
SWITCH_SECONDS: Final = 0.0002
TOKEN_NAME: Final = "receiver-token"  # noqa: S105 - the name of its file


def run_receiver(
    config_file: Path,
    *,
    listen: Sequence[str] = (),
    web_config_file: Path | None = None,
    token_file: Path | None = None,
) -> None:
    """
    Receive alerts and act until SIGTERM or SIGINT.

    ``listen`` empty means the address in the config, ``token_file`` None the one there. Raises
    ConfigurationError for what cannot be used, AlreadyRunning when another receiver has this state.
    """
    service = ReceiverService(
        load_config(config_file),
        listen=listen,
        web_config_file=web_config_file,
        token_file=token_file,
        config_file=config_file,
    )
    # Each statement of SQLite gives the interpreter away; a busy action must not keep it for 5 ms each time.
    sys.setswitchinterval(SWITCH_SECONDS)
    service.start()
    # After the start: what it began, the engine above all, stays as it is.
    prefer_requests()
    service.serve()
    if not service.stop():
        # A thread that does not hear us would keep the process; its run goes on after the next start.
        logger.warning("a run did not stop in time; it is gone on with after the next start")
        logging.shutdown()
        os._exit(0)


class ReceiverService:
    """
    All parts, put together. ``actions`` is another table in tests alone.

    With ``config_file`` a changed file is taken into use while we run, and read again on SIGHUP. Runs that
    have begun keep their config; where we listen, the state folder and the token file stay until a restart.
    """

    def __init__(
        self,
        config: Config,
        *,
        listen: Sequence[str] = (),
        web_config_file: Path | None = None,
        token_file: Path | None = None,
        actions: Mapping[str, Action[Any, Any]] = ACTIONS,
        config_file: Path | None = None,
    ) -> None:
        require_sqlite()
        check_config(config, actions=actions)
        web_config = WebConfigFile(web_config_file)
        addresses = [parse_listen_address(text) for text in listen or (config.receiver.listen,)]
        configured_token = token_file or config.receiver.token_file
        loopback = all(address.is_loopback for address in addresses)
        if not loopback and configured_token is None and not is_protected(web_config):
            raise ConfigurationError(
                f"{', '.join(map(str, addresses))}: other machines can reach this, and nobody would be asked"
                " who they are",
                hint="Give receiver.token_file or a --web.config.file with basic_auth_users, or listen on"
                " 127.0.0.1",
            )
        made_token = config.state / TOKEN_NAME
        if configured_token is None:
            make_token_file(made_token)
        self._token = token = TokenFile(configured_token or made_token)
        self._stopping = threading.Event()
        self._warn_about_state(config)
        ledger = Ledger(LedgerFile(config.state), now=now_here)
        overdue = Overdue(ledger, stopping=self._stopping.is_set)
        # These outlive a change of the config: runs of before and after it share the resources and the time.
        needs = Needs()
        self._clock_check = ClockCheck(config.state)
        workers = Workers(ledger, current=lambda: self._parts.worker)
        self._engine = DbosEngine(
            ledger,
            state=config.state,
            carry_out=workers.carry_out,
            may_begin=lambda run: self._parts.worker.may_begin(run),
        )
        self._watch = ConfigWatch(config_file, use=self._use) if config_file else None
        self._make: Callable[[Config], Parts] = lambda config: Parts(
            config,
            actions=actions,
            ledger=ledger,
            engine=self._engine,
            stopping=self._stopping.is_set,
            pause=self._pause,
            overdue=overdue,
            needs=needs,
            clock_check=self._clock_check,
            web_config=web_config,
            token=token,
            token_was_made=configured_token is None,
            loopback=loopback,
            reloaded=self._watch.status if self._watch else None,
        )
        self._parts: Parts = self._make(config)
        tls = web_config.config.tls_server_config
        self._addresses = addresses
        self._tls = RenewingContext(tls).front if tls else None
        self.web: WebServer

    async def app(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request with the parts in use (ASGI)."""
        await self._parts.app(scope, receive, send)

    def start(self) -> None:
        """
        Take up what was interrupted and begin the rounds.

        Raises AlreadyRunning for a twin, ConfigurationError for an address that cannot be had.
        """
        self._engine.claim()
        try:
            self.web = WebServer(self.app, listen=self._addresses, tls=self._tls)
            try:
                self._engine.start()
            except EngineUnavailable as error:
                # Each round tries again; a disk that is full must not keep us from saying so.
                logger.error("%s", error)
        except BaseException:
            self._engine.stop(grace_seconds=0)
            raise
        self._clock_check.watch()
        self._parts.start(page_url=self._page_url())
        if self._watch is not None:
            self._watch.start()

    def serve(self) -> None:
        """Answer requests until SIGTERM, SIGINT or ``stop``."""
        logger.info("listening on port %s (%s)", ", ".join(map(str, self.web.ports)), self.web.scheme)
        logger.info(
            "the token is in %s: Alertmanager and Prometheus send it (credentials_file); for a browser at %s"
            " it is the password of any user",
            self._token.path,
            self._page_url(),
        )
        self._reload_on_hangup()
        self.web.run(on_signal=lambda _: self._stopping.set())

    def stop(self) -> bool:
        """Let the actions stop at their next safe point; False when one did not within the grace."""
        self._stopping.set()
        if self._watch is not None:
            self._watch.stop()
            # The parts that a change brings are then the ones that are ended below.
            self._watch.join()
        self.web.stop()
        self._parts.stop()
        ended = self._engine.stop(grace_seconds=GRACE_SECONDS)
        self._clock_check.unwatch()
        logger.info("stopped")
        return ended

    def _use(self, config: Config) -> None:
        """Take a changed config into use; raises ConfigurationError, then nothing has changed."""
        old = self._parts
        fixed = old.config.receiver
        receiver = config.receiver.model_copy(update={"listen": fixed.listen, "token_file": fixed.token_file})
        kept = config.model_copy(update={"state": old.config.state, "receiver": receiver})
        if kept != config:
            logger.warning("changed state, receiver.listen and receiver.token_file count after a restart")
        fresh = self._make(kept)
        if fresh.config == old.config:
            return
        old.stop()
        self._parts = fresh
        fresh.start(page_url=self._page_url())

    def _reload_on_hangup(self) -> None:
        """Read the config again on SIGHUP, where the system has it and we are the main thread."""
        if hasattr(signal, "SIGHUP") and threading.current_thread() is threading.main_thread():
            watch = self._watch
            # Without a file to read there is nothing to do; to die of it would be the system's default.
            signal.signal(signal.SIGHUP, lambda _number, _frame: watch.ask() if watch else None)

    def _page_url(self) -> str:
        """Give where people on this machine, or in its network, find the page."""
        host = self._addresses[0].host
        if host in ("", "0.0.0.0", "::"):  # noqa: S104 - compared with, not listened on
            host = socket.getfqdn()
        address = ListenAddress(host=host, port=self.web.port)
        return f"{self.web.scheme}://{address}"

    def _pause(self, seconds: float) -> None:
        self._stopping.wait(seconds)

    def _warn_about_state(self, config: Config) -> None:
        """Say so when our own memory lies on a disk that fills up, where the system has another."""
        shop_disks = {
            mountpoint_of(path) for path in (config.project, *(a.path for a in config.areas.values()))
        }
        if mountpoint_of(config.state) in shop_disks:
            logger.warning(
                "the state folder %s lies on a disk of the shop: when that is full, alerts cannot be stored;"
                " give state: a folder on another disk, if there is one",
                config.state,
            )
