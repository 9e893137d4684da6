"""The parts of the receiver that are made from the config; a changed config gives new ones."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from actions.action import Action
from actions.clock.check import ClockCheck
from actions.ledger.file import LedgerFile
from actions.ledger.ledger import Ledger
from actions.playbooks import check_playbooks, playbooks_of
from actions.receiver.access import Access
from actions.receiver.app import Receiver
from actions.receiver.emergency import Needs
from actions.receiver.engine import Engine
from actions.receiver.group_commit import GroupCommit
from actions.receiver.housekeeper import Housekeeper
from actions.receiver.intake import Intake
from actions.receiver.overdue import Overdue
from actions.receiver.page.pages import Pages
from actions.receiver.rate_limit import RateLimit
from actions.receiver.telling.teller import Teller
from actions.receiver.worker import Worker
from actions.runner import now_here
from actions.schedules import Scheduler, schedule_of
from storekeeper.config import Config
from storekeeper.errors import ConfigurationError
from storekeeper.measure.usage import UsageReader
from storekeeper.shop import Shop
from storekeeper.web.guard import WebConfigFile
from storekeeper.web.token_file import TokenFile

# So long the requests' own thread waits for a write of the engine, which takes a few milliseconds.
QUICK_BUSY_SECONDS: Final = 0.05
# To empty the log takes tens of milliseconds: the requests' thread does it for one message in a hundred, and
# leaves the file as long as it is, since to write over it is quicker than to let it grow.
QUICK_LOG_PAGES: Final = 600


def check_config(config: Config, *, actions: Mapping[str, Action[Any, Any]]) -> None:
    """Raise ConfigurationError when the receiver cannot work with this config."""
    problems = check_playbooks(config, actions=actions)
    if problems:
        raise ConfigurationError("the playbooks or the schedule have problems:", problems=problems)


class Parts:
    """
    What one version of the config is made into, around a ledger and an engine that stay.

    ``app`` answers requests, ``worker`` carries out steps. Raises ConfigurationError.
    """

    def __init__(
        self,
        config: Config,
        *,
        actions: Mapping[str, Action[Any, Any]],
        ledger: Ledger,
        engine: Engine,
        stopping: Callable[[], bool],
        pause: Callable[[float], None],
        overdue: Overdue,
        needs: Needs,
        clock_check: ClockCheck,
        web_config: WebConfigFile,
        token: TokenFile,
        token_was_made: bool,
        loopback: bool,
        reloaded: Callable[[], tuple[bool, float]] | None,
    ) -> None:
        check_config(config, actions=actions)
        self.config = config
        usage = UsageReader(config, describe=Shop.of(config).describe)
        scheduler = Scheduler(ledger, schedule=schedule_of(config, actions=actions), now=now_here)
        self.worker = Worker(
            ledger,
            config=config,
            actions=actions,
            usage=usage,
            stopping=stopping,
            pause=pause,
            overdue=overdue,
            needs=needs,
            clock_check=clock_check,
        )
        self._housekeeper = Housekeeper(
            ledger,
            engine=engine,
            scheduler=scheduler,
            config=config,
            now=now_here,
            clock_check=clock_check,
            more=[overdue.tend],
        )
        self._teller = Teller(config, actions=actions, now=now_here)
        pages = Pages(config, ledger=ledger, usage=usage, scheduler=scheduler, actions=actions)
        # A connection of its own: nothing that reads the ledger for a page holds an alert up.
        self._quick_file = LedgerFile(
            config.state, busy_seconds=QUICK_BUSY_SECONDS, log_pages=QUICK_LOG_PAGES
        )
        intake = partial(Intake, config=config, playbooks=playbooks_of(config), now=now_here)
        receiver = Receiver(
            config=config,
            ledger=ledger,
            intake=GroupCommit(quick=intake(self._quick_file), patient=intake(ledger.file)),
            actions=actions,
            wake=self._housekeeper.wake,
            engine_problem=engine.problem,
            pages=pages.routes,
            reloaded=reloaded,
        )
        pages.receiver = receiver
        self.app = Access(
            receiver.app,
            web_config=web_config,
            token=token,
            token_was_made=token_was_made,
            loopback=loopback,
            requests=RateLimit(per_minute=config.receiver.requests_per_minute),
            logins=RateLimit(per_minute=config.receiver.failed_logins_per_minute),
        )

    def start(self, *, page_url: str) -> None:
        """Begin the rounds of housekeeping and telling."""
        self._housekeeper.start()
        self._teller.start(page_url=page_url)

    def stop(self) -> None:
        """End the rounds."""
        self._housekeeper.stop()
        self._teller.stop()
        self._quick_file.close()
