"""The receiver as a service: config, ledger, engine, housekeeping and web server, and an orderly end."""

import logging
import os
import socket
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from actions.action import Action
from actions.ledger.file import LedgerFile
from actions.ledger.ledger import Ledger
from actions.playbooks import check_playbooks, playbooks_of
from actions.receiver.access import Access, TokenFile, is_protected
from actions.receiver.app import Receiver
from actions.receiver.engine import DbosEngine, EngineUnavailable
from actions.receiver.housekeeper import Housekeeper
from actions.receiver.intake import Intake
from actions.receiver.overdue import Overdue
from actions.receiver.page.pages import Pages
from actions.receiver.rate_limit import RateLimit
from actions.receiver.telling.teller import Teller
from actions.receiver.worker import Worker
from actions.resources import mountpoint_of
from actions.runner import now_here
from actions.schedules import Scheduler, schedule_of
from actions.table import ACTIONS
from actions.usage import UsageReader
from storekeeper.config import Config, load_config
from storekeeper.errors import ConfigurationError
from storekeeper.shop import Shop
from storekeeper.web.guard import WebConfigFile
from storekeeper.web.listen import ListenAddress, parse_listen_address
from storekeeper.web.serve import WebServer
from storekeeper.web.tls import RenewingContext

logger = logging.getLogger(__name__)

GRACE_SECONDS: Final = 20.0


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
        load_config(config_file), listen=listen, web_config_file=web_config_file, token_file=token_file
    )
    service.start()
    service.serve()
    if not service.stop():
        # A thread that does not hear us would keep the process; its run goes on after the next start.
        logger.warning("a run did not stop in time; it is gone on with after the next start")
        logging.shutdown()
        os._exit(0)


class ReceiverService:
    """All parts, put together. ``actions`` is another table in tests alone."""

    def __init__(
        self,
        config: Config,
        *,
        listen: Sequence[str] = (),
        web_config_file: Path | None = None,
        token_file: Path | None = None,
        actions: Mapping[str, Action[Any, Any]] = ACTIONS,
    ) -> None:
        problems = check_playbooks(config, actions=actions)
        if problems:
            raise ConfigurationError("the playbooks or the schedule have problems:", problems=problems)
        web_config = WebConfigFile(web_config_file)
        addresses = [parse_listen_address(text) for text in listen or (config.receiver.listen,)]
        token_path = token_file or config.receiver.token_file
        token = TokenFile(token_path) if token_path else None
        loopback = all(address.is_loopback for address in addresses)
        if not loopback and token is None and not is_protected(web_config):
            raise ConfigurationError(
                f"{', '.join(map(str, addresses))}: other machines can reach this, and nobody would be asked"
                " who they are",
                hint="Give receiver.token_file or a --web.config.file with basic_auth_users, or listen on"
                " 127.0.0.1",
            )
        self._stopping = threading.Event()
        self._warn_about_state(config)
        ledger = Ledger(LedgerFile(config.state), now=now_here)
        usage = UsageReader(config, describe=Shop.of(config).describe)
        scheduler = Scheduler(ledger, schedule=schedule_of(config, actions=actions), now=now_here)
        overdue = Overdue(ledger, stopping=self._stopping.is_set)
        worker = Worker(
            ledger,
            config=config,
            actions=actions,
            usage=usage,
            stopping=self._stopping.is_set,
            pause=self._pause,
            overdue=overdue,
        )
        self._engine = DbosEngine(
            ledger, state=config.state, carry_out=worker.carry_out, may_begin=worker.may_begin
        )
        self._housekeeper = Housekeeper(
            ledger,
            engine=self._engine,
            scheduler=scheduler,
            config=config,
            now=now_here,
            more=[overdue.tend],
        )
        self._teller = Teller(config, actions=actions, now=now_here)
        intake = Intake(ledger.file, config=config, playbooks=playbooks_of(config), now=now_here)
        pages = Pages(config, ledger=ledger, usage=usage, scheduler=scheduler, actions=actions)
        receiver = Receiver(
            config=config,
            ledger=ledger,
            intake=intake,
            actions=actions,
            wake=self._housekeeper.wake,
            pages=pages.routes,
        )
        pages.receiver = receiver
        tls = web_config.config.tls_server_config
        self._addresses = addresses
        self._tls = RenewingContext(tls).front if tls else None
        self._app = Access(
            receiver.app,
            web_config=web_config,
            token=token,
            loopback=loopback,
            requests=RateLimit(per_minute=config.receiver.requests_per_minute),
            logins=RateLimit(per_minute=config.receiver.failed_logins_per_minute),
        )
        self.web: WebServer

    def start(self) -> None:
        """
        Take up what was interrupted and begin the rounds.

        Raises AlreadyRunning for a twin, ConfigurationError for an address that cannot be had.
        """
        self._engine.claim()
        try:
            self.web = WebServer(self._app, listen=self._addresses, tls=self._tls)
            try:
                self._engine.start()
            except EngineUnavailable as error:
                # Each round tries again; a disk that is full must not keep us from saying so.
                logger.error("%s", error)
        except BaseException:
            self._engine.stop(grace_seconds=0)
            raise
        self._housekeeper.start()
        self._teller.start(page_url=self._page_url())

    def serve(self) -> None:
        """Answer requests until SIGTERM, SIGINT or ``stop``."""
        logger.info("listening on port %s (%s)", ", ".join(map(str, self.web.ports)), self.web.scheme)
        self.web.run(on_signal=lambda _: self._stopping.set())

    def stop(self) -> bool:
        """Let the actions stop at their next safe point; False when one did not within the grace."""
        self._stopping.set()
        self.web.stop()
        self._housekeeper.stop()
        self._teller.stop()
        ended = self._engine.stop(grace_seconds=GRACE_SECONDS)
        logger.info("stopped")
        return ended

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
