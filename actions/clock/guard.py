"""The check of the clock as one run uses it: asked once, and only if something would go because it is old."""

from typing import Any

from actions.clock.check import ClockCheck, Verdict, in_doubt
from actions.clock.judged import BY_AGE
from actions.clock.signs import find_witnesses
from storekeeper.config import Config
from storekeeper.shop import Shop


class ClockGuard:
    """Stands before the removals of one run."""

    def __init__(self, check: ClockCheck, *, config: Config, shop: Shop, dry_run: bool) -> None:
        self._check = check
        self._dry_run = dry_run
        self._config = config
        self._shop = shop
        self._verdict: Verdict | None = None

    def require(self, action: str, plan: Any) -> None:
        """
        Raise ClockInDoubt where the plan removes by age and the clock may be wrong.

        Any other run still carries on the moment at which the clock was right, if it can.
        """
        if doubt := self.doubt_about(action, plan):
            raise in_doubt(action, doubt)
        self._check.beat()

    def doubt_about(self, action: str, plan: Any) -> str:
        """Return why the plan is not to be carried out by this clock, ``""`` where it may be."""
        judged = BY_AGE.get(action)
        if judged is None or not judged.removes(plan):
            return ""
        if doubt := self.doubt():
            return doubt
        everything = judged.all_at_once(plan)
        if everything and not self._looked().proven:
            return f"{everything}, and nothing but the shop's own files and rows speaks for it"
        return ""

    def doubt(self) -> str:
        """Return why the clock cannot be trusted for judging age, ``""`` where it can."""
        return self._looked().doubt

    def _looked(self) -> Verdict:
        if self._verdict is None:
            self._verdict = self._check.look(
                lambda now: find_witnesses(self._config, shop=self._shop, now=now),
                keep=not self._dry_run,
            )
        return self._verdict
